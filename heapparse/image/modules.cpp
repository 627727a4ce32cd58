// See modules.h.
#include "heapparse/image/modules.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "heapparse/image/backing_file.h"
#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

constexpr std::uint64_t kPage = 4096;  // granule of ELF segments on disk, at least
constexpr std::string_view kDeleted = " (deleted)";

bool is_deleted(const std::string& path) { return path.ends_with(kDeleted); }

struct Candidate {
  std::size_t mapping = 0;  // index of the mapping at file offset 0
  Bytes first_page;
  std::optional<ElfView> elf;
};

// One path's mappings, in address order.
using ByPath = std::map<std::string, std::vector<std::size_t>>;

class ModuleFinder {
 public:
  ModuleFinder(std::vector<Mapping>& mappings, const AddressSpace& space,
               const ModuleSearch& search, JobControl& job)
      : mappings_(mappings),
        space_(space),
        search_(search),
        job_(job),
        anonymous_taken_(mappings.size(), false) {}

  void find_all() {
    ByPath by_path;
    for (std::size_t i = 0; i < mappings_.size(); ++i) {
      if (mappings_[i].kind == MappingKind::file) by_path[mappings_[i].name].push_back(i);
    }
    for (const auto& [path, members] : by_path) {
      if (job_.cancelled()) return;
      find_in_path(path, members);
    }
    std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
      return a.module.range.begin < b.module.range.begin;
    });
    for (std::size_t m = 0; m < found_.size(); ++m) {
      for (const std::size_t i : found_[m].members) {
        mappings_[i].module = static_cast<std::int32_t>(m);
      }
    }
  }

  // Clean pages of the mapped files that the image lacks.
  void fill(const Ranges& lost, std::vector<Piece>& pieces,
            std::vector<std::shared_ptr<void>>& keep_alive) const {
    for (const Found& found : found_) {
      if (!found.file) continue;
      const std::uint64_t usable = (found.file->bytes.size() + kPage - 1) & ~(kPage - 1);
      bool used = false;
      for (const std::size_t i : found.members) {
        const Mapping& mapping = mappings_[i];
        if (mapping.kind != MappingKind::file || mapping.file_offset >= usable) continue;
        AddressRange range = mapping.range;
        range.end = std::min(range.end, range.begin + (usable - mapping.file_offset));
        const AddressRange whole[] = {range};
        for (const AddressRange& part : subtract(whole, lost)) {
          // Where the image has bytes of its own, those win: these pieces come last.
          const std::byte* data =
              found.file->bytes.data() + mapping.file_offset + (part.begin - mapping.range.begin);
          pieces.push_back({part, data, ByteSource::backing_file});
          used = true;
        }
      }
      if (used) keep_alive.push_back(found.file->owner);
    }
  }

  std::vector<Module> take_modules() {
    std::vector<Module> modules;
    for (Found& found : found_) modules.push_back(std::move(found.module));
    return modules;
  }

 private:
  struct Found {
    Module module;
    std::vector<std::size_t> members;
    std::optional<BackingFile> file;
  };

  void find_in_path(const std::string& path, const std::vector<std::size_t>& members) {
    std::vector<bool> taken(members.size(), false);
    for (std::size_t k = 0; k < members.size(); ++k) {
      const Mapping& first = mappings_[members[k]];
      if (taken[k] || first.file_offset != 0) continue;
      const Bytes page = space_.bytes_up_to(first.range.begin, kPage);
      auto elf = read_elf(page, path);
      if (!elf || (elf->header.e_type != ET_DYN && elf->header.e_type != ET_EXEC)) continue;
      if (auto found = loaded_at(path, first, page, *elf)) {
        claim(*found, members, taken);
        found_.push_back(*std::move(found));
      }
    }
    find_without_header(path, members, taken);
  }

  // The module whose header page is at `first`, when its writable segments are where they should
  // be.
  std::optional<Found> loaded_at(const std::string& path, const Mapping& first, Bytes page,
                                 const ElfView& in_image) {
    Found found;
    Module& module = found.module;
    module.path = path;
    module.first_page = first.range.begin.value;

    std::vector<Elf64_Phdr> programs = in_image.programs;
    module.build_id = build_id_in_image(programs, first.range.begin);
    const bool main = first.range.begin <= search_.main_program && is_main(path);
    found.file = find_backing_file(candidates(path, first, main), {module.build_id, page}, job_);
    if (found.file) {
      module.local_path = found.file->path;
      if (module.build_id.empty()) module.build_id = found.file->build_id;
      if (in_image.programs_missing != 0) programs = found.file->elf.programs;
    }
    if (programs.empty()) return std::nullopt;
    if (search_.options->use_backing_files && !module.build_id.empty()) {
      if (const auto debug = find_debug_file(module.build_id, search_.options->sysroot, job_)) {
        module.debug_path = debug->path;
      }
    }

    const auto bias = bias_of(programs, first.range.begin);
    if (!bias) return std::nullopt;
    module.bias = *bias;
    Ranges data;
    Address end = first.range.end;
    for (const Elf64_Phdr& program : programs) {
      if (program.p_type != PT_LOAD || program.p_memsz == 0) continue;
      AddressRange range{Address{program.p_vaddr + *bias}.aligned_down(kPage),
                         Address{program.p_vaddr + *bias + program.p_memsz}.aligned_up(kPage)};
      if (range.empty()) return std::nullopt;
      const bool writable = (program.p_flags & PF_W) != 0;
      if (writable && program.p_filesz != 0 && !maps_segment(path, range.begin, program)) {
        return std::nullopt;
      }
      range.end = end_of_own_mappings(path, range);
      if (range.empty()) continue;
      end = std::max(end, range.end);
      if (writable) data.push_back(range);
    }
    module.range = {first.range.begin, end};
    module.data = intersect(normalised(std::move(data)), space_.mapped());
    return found;
  }

  bool maps_segment(const std::string& path, Address begin, const Elf64_Phdr& program) const {
    const Mapping* mapping = mapping_at(begin);
    return mapping != nullptr && mapping->name == path &&
           mapping->file_offset + (begin - mapping->range.begin) ==
               (program.p_offset & ~(kPage - 1));
  }

  // How far `range` is mapped by this file and anonymous memory behind it without a gap. Headers of
  // a hostile core may claim the whole address space for every module.
  Address end_of_own_mappings(const std::string& path, AddressRange range) const {
    Address end = range.begin;
    for (std::size_t i = first_mapping_ending_after(range.begin);
         i < mappings_.size() && end < range.end; ++i) {
      const Mapping& mapping = mappings_[i];
      const bool own = mapping.kind == MappingKind::file
                           ? mapping.name == path
                           : mapping.kind == MappingKind::anonymous && mapping.name.empty();
      if (!own || mapping.range.begin > end || anonymous_taken_[i]) break;
      end = std::min(mapping.range.end, range.end);
    }
    return end;
  }

  static std::optional<std::uint64_t> bias_of(const std::vector<Elf64_Phdr>& programs,
                                              Address first) {
    for (const Elf64_Phdr& program : programs) {
      if (program.p_type == PT_LOAD && program.p_offset < kPage) {
        return first.value - (program.p_vaddr & ~(kPage - 1));
      }
    }
    return std::nullopt;
  }

  std::string build_id_in_image(const std::vector<Elf64_Phdr>& programs, Address first) const {
    const auto bias = bias_of(programs, first);
    if (!bias) return {};
    for (const Elf64_Phdr& program : programs) {
      if (program.p_type != PT_NOTE || program.p_memsz == 0) continue;
      const Bytes notes = space_.bytes_up_to(Address{program.p_vaddr + *bias},
                                             std::min<std::uint64_t>(program.p_memsz, 65536));
      std::string id = build_id_in_notes(notes, program.p_align);
      if (!id.empty()) return id;
    }
    return {};
  }

  void claim(Found& found, const std::vector<std::size_t>& members, std::vector<bool>& taken) {
    const auto from =
        std::lower_bound(members.begin(), members.end(), found.module.range.begin,
                         [this](std::size_t i, Address a) { return mappings_[i].range.begin < a; });
    for (auto k = static_cast<std::size_t>(from - members.begin()); k < members.size(); ++k) {
      const AddressRange& range = mappings_[members[k]].range;
      if (range.begin >= found.module.range.end) break;
      if (!taken[k] && found.module.range.contains(range.begin, range.size())) {
        taken[k] = true;
        found.members.push_back(members[k]);
      }
    }
    // A .bss that has a mapping of its own.
    for (const AddressRange& data : found.module.data) {
      for (std::size_t i = first_mapping_ending_after(data.begin);
           i < mappings_.size() && mappings_[i].range.begin < data.end; ++i) {
        const Mapping& mapping = mappings_[i];
        if (mapping.kind == MappingKind::anonymous && mapping.name.empty() &&
            data.contains(mapping.range.begin, mapping.range.size())) {
          anonymous_taken_[i] = true;
          found.members.push_back(i);
        }
      }
    }
  }

  // No header page to go by (filtered or truncated core): what is left of a path that has code or
  // writable data is one module a run that starts at file offset 0.
  void find_without_header(const std::string& path, const std::vector<std::size_t>& members,
                           const std::vector<bool>& taken) {
    std::vector<std::size_t> run;
    const auto flush = [&] {
      bool loaded = false;
      for (const std::size_t i : run) {
        const Mapping& m = mappings_[i];
        loaded = loaded || m.executable || (m.writable && m.file_offset != 0);
      }
      // A run whose header can be read and is no loaded ELF file was refused above.
      if (loaded && !run.empty() &&
          space_.bytes(mappings_[run.front()].range.begin, SELFMAG).empty()) {
        found_.push_back(by_mappings(path, run));
      }
      run.clear();
    };
    for (std::size_t k = 0; k < members.size(); ++k) {
      if (taken[k] || mappings_[members[k]].file_offset == 0) flush();
      if (!taken[k]) run.push_back(members[k]);
    }
    flush();
  }

  Found by_mappings(const std::string& path, const std::vector<std::size_t>& run) const {
    Found found;
    Module& module = found.module;
    module.path = path;
    module.range = {mappings_[run.front()].range.begin, mappings_[run.back()].range.end};
    module.first_page =
        mappings_[run.front()].file_offset == 0 ? mappings_[run.front()].range.begin.value : 0;
    module.bias = module.first_page;  // right for all but ET_EXEC, which nothing here can tell
    Ranges data;
    for (const std::size_t i : run) {
      if (mappings_[i].writable) data.push_back(mappings_[i].range);
    }
    found.members = run;
    const std::size_t next = run.back() + 1;
    if (!data.empty() && next < mappings_.size() && mappings_[next].writable &&
        mappings_[next].kind == MappingKind::anonymous && mappings_[next].name.empty() &&
        mappings_[next].range.begin == module.range.end) {
      data.push_back(mappings_[next].range);
    }
    module.data = intersect(normalised(std::move(data)), space_.mapped());
    return found;
  }

  std::vector<std::string> candidates(const std::string& path, const Mapping& first,
                                      bool main) const {
    std::vector<std::string> list;
    const OpenOptions& options = *search_.options;
    if (!options.use_backing_files) return list;
    if (main && !options.executable.empty()) list.push_back(options.executable);
    if (!is_deleted(path) && path.starts_with('/')) {
      if (!options.sysroot.empty()) list.push_back(options.sysroot + path);
      list.push_back(path);  // outlives the process, so before its own view of the file
      if (!search_.proc_directory.empty()) list.push_back(search_.proc_directory + "/root" + path);
    }
    if (!search_.proc_directory.empty()) {
      // Works for deleted files too; needs CAP_CHECKPOINT_RESTORE or root.
      list.push_back(search_.proc_directory + "/map_files/" +
                     text_of_address(first.range.begin.value).substr(2) + "-" +
                     text_of_address(first.range.end.value).substr(2));
    }
    return list;
  }

  bool is_main(const std::string& path) const {
    const Mapping* mapping = mapping_at(search_.main_program);
    return mapping != nullptr && mapping->name == path;
  }

  std::size_t first_mapping_ending_after(Address a) const {
    return static_cast<std::size_t>(
        std::upper_bound(mappings_.begin(), mappings_.end(), a,
                         [](Address x, const Mapping& m) { return x < m.range.end; }) -
        mappings_.begin());
  }
  const Mapping* mapping_at(Address a) const {
    const std::size_t i = first_mapping_ending_after(a);
    return i < mappings_.size() && mappings_[i].range.begin <= a ? &mappings_[i] : nullptr;
  }

  std::vector<Mapping>& mappings_;
  const AddressSpace& space_;
  const ModuleSearch& search_;
  JobControl& job_;
  std::vector<bool> anonymous_taken_;  // a .bss belongs to one module
  std::vector<Found> found_;
};

}  // namespace

void find_modules(std::vector<Mapping>& mappings, const AddressSpace& space,
                  const ModuleSearch& search, const Ranges& lost, std::vector<Module>& modules,
                  std::vector<Piece>& pieces, std::vector<std::shared_ptr<void>>& keep_alive,
                  Findings& findings, JobControl& job) {
  ModuleFinder finder(mappings, space, search, job);
  finder.find_all();
  finder.fill(lost, pieces, keep_alive);
  modules = finder.take_modules();
  if (!search.options->executable.empty() &&
      std::none_of(modules.begin(), modules.end(),
                   [&](const Module& m) { return m.local_path == search.options->executable; })) {
    findings.push_back({{},
                        "given executable does not match",
                        search.options->executable +
                            " has another build-id than the target's main program; not used",
                        Severity::warning});
  }
}

}  // namespace coreheap::image
