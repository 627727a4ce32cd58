// Cores of the Linux kernel and of GDB's gcore.
//
// Segments are taken as claims: sorted here, cut where they overlap, bounded by the file. What a
// segment says was dumped and the file does not hold is lost; what it never dumped is clean,
// untouched or filtered.
#include "heapparse/image/core.h"

#include <algorithm>
#include <array>
#include <utility>

#include "heapparse/image/core_notes.h"
#include "heapparse/image/core_residency.h"
#include "heapparse/image/draft.h"
#include "heapparse/image/memory_room.h"
#include "heapparse/image/os.h"
#include "heapparse/image/unpack.h"

namespace coreheap::image {
namespace {

struct Segment {
  AddressRange range;
  std::uint64_t file_offset = 0;
  std::uint64_t dumped = 0;   // bytes that the header says are in the file
  std::uint64_t present = 0;  // bytes that are
  std::uint32_t flags = 0;
};

// Longest path that is kept; and what all copies of names may take beside the core itself, since
// one name may cover any number of segments.
constexpr std::size_t kLongestPath = 4096;
constexpr std::uint64_t kNamesBudget = std::uint64_t{64} << 20;

Error not_a_core(const std::string& name, unsigned type) {
  switch (type) {
    case ET_EXEC:
    case ET_DYN:
      return {ErrorCode::not_a_core_file, name, "is an ELF program or library, not a core file",
              "giving the core, and this file as --exe"};
    case ET_REL:
      return {ErrorCode::not_a_core_file, name, "is an ELF object file, not a core file", {}};
    default:
      return {ErrorCode::not_a_core_file, name, "is an ELF file, but not a core file", {}};
  }
}

// What unpack.h does not take apart.
std::optional<Error> compressed(Bytes bytes, const std::string& name) {
  struct Format {
    std::array<unsigned char, 4> magic;
    std::size_t length;
    const char* what;
    const char* cure;
  };
  static constexpr Format kFormats[] = {
      {{0xfd, 0x37, 0x7a, 0x58}, 4, "xz", "xz -dk "},
      {{0x42, 0x5a, 0x68, 0}, 3, "bzip2", "bzip2 -dk "},
  };
  for (const Format& format : kFormats) {
    const Bytes head = part_of(bytes, 0, format.length);
    if (!head.empty() && std::memcmp(head.data(), format.magic.data(), format.length) == 0) {
      return Error{ErrorCode::not_a_core_file, name,
                   std::string("is compressed with ") + format.what,
                   std::string(format.cure) + name};
    }
  }
  return std::nullopt;
}

std::vector<Segment> segments_of(const ElfView& elf) {
  std::vector<Segment> segments;
  for (const Elf64_Phdr& program : elf.programs) {
    if (program.p_type != PT_LOAD || program.p_memsz == 0) continue;
    Segment segment;
    segment.range = {{program.p_vaddr}, {program.p_vaddr + program.p_memsz}};
    if (segment.range.empty()) continue;  // wraps around
    segment.file_offset = program.p_offset;
    segment.dumped = std::min(program.p_filesz, program.p_memsz);
    segment.present = clipped(elf.bytes, program.p_offset, segment.dumped).size();
    segment.flags = program.p_flags;
    segments.push_back(segment);
  }
  return segments;
}

// Who wrote it: each trait votes, and the evidence names them.
TargetKind writer_of(const ElfView& elf, const CoreNotes& notes,
                     const std::vector<Segment>& segments, std::vector<Evidence>& evidence) {
  int kernel = 0;
  int gdb = 0;
  std::string how;
  const auto vote = [&](bool for_kernel, const char* why_kernel, const char* why_gdb) {
    ++(for_kernel ? kernel : gdb);
    if (!how.empty()) how += ", ";
    how += for_kernel ? why_kernel : why_gdb;
  };
  const bool many = elf.header.e_phnum == PN_XNUM;
  vote(elf.header.e_shnum == 0 || many, "no section headers", "section headers");
  if (!segments.empty()) {
    const bool aligned = std::all_of(segments.begin(), segments.end(),
                                     [](const Segment& s) { return s.file_offset % 4096 == 0; });
    vote(aligned, "page-aligned segments", "unaligned segments");
  }
  if (!notes.threads.empty()) {
    vote(notes.status_before_info, "NT_PRSTATUS first", "NT_PRPSINFO first");
  }
  if (notes.file_page) vote(*notes.file_page > 1, "NT_FILE in pages", "NT_FILE in bytes");
  const auto strength =
      kernel == 0 || gdb == 0 ? Evidence::Strength::certain : Evidence::Strength::probable;
  const bool is_kernel = kernel >= gdb;
  evidence.push_back(
      {"core written by", (is_kernel ? "the kernel: " : "GDB's gcore: ") + how, strength});
  return is_kernel ? TargetKind::kernel_core : TargetKind::gcore;
}

// Mappings out of segments and NT_FILE: a segment is cut where files begin and end in it; a file
// range without a segment (gcore leaves clean ones out) is a mapping without bytes.
class MappingBuilder {
 public:
  MappingBuilder(const std::vector<FileNote>& files, std::uint64_t budget, Draft& draft)
      : files_(files), budget_(budget), draft_(draft) {}

  void build(const std::vector<Segment>& segments) {
    Ranges covered;
    bool anonymous_dumped = false;
    for (const Segment& segment : segments) {
      covered.push_back(segment.range);
      auto file = std::upper_bound(files_.begin(), files_.end(), segment.range.begin,
                                   [](Address a, const FileNote& f) { return a < f.range.end; });
      Address at = segment.range.begin;
      while (at < segment.range.end) {
        const bool in_file = file != files_.end() && file->range.begin <= at;
        Address end = segment.range.end;
        if (in_file) {
          end = std::min(end, file->range.end);
        } else if (file != files_.end()) {
          end = std::min(end, file->range.begin);
        }
        add({at, end}, segment.flags, in_file ? &*file : nullptr);
        if (!in_file && segment.dumped != 0 && (segment.flags & PF_W) != 0) {
          anonymous_dumped = true;
        }
        at = end;
        if (in_file && end == file->range.end) ++file;
      }
    }
    covered = normalised(std::move(covered));
    for (const FileNote& file : files_) {
      const AddressRange whole[] = {file.range};
      for (const AddressRange& part : subtract(whole, covered)) add(part, PF_R, &file);
    }
    note_what_was_not_dumped(segments, anonymous_dumped);
    if (budget_ == 0) {
      draft_.image.findings.push_back({{},
                                       "names of mapped files cut short",
                                       "NT_FILE names more than the size of the core allows",
                                       Severity::damage});
    }
  }

 private:
  void add(AddressRange range, std::uint32_t flags, const FileNote* file) {
    Mapping mapping;
    mapping.range = range;
    mapping.readable = (flags & PF_R) != 0;
    mapping.writable = (flags & PF_W) != 0;
    mapping.executable = (flags & PF_X) != 0;
    if (file != nullptr) {
      mapping.file_offset = file->offset + (range.begin - file->range.begin);
      mapping.kind = kind_of_name(file->path);
      const std::size_t length = std::min(file->path.size(), kLongestPath);
      if (length <= budget_) {
        mapping.name = file->path.substr(0, length);
        budget_ -= length;
      } else {
        budget_ = 0;
      }
    }
    draft_.image.mappings.push_back(std::move(mapping));
  }

  // The kernel leaves out a private anonymous mapping that was never touched (it has no anon_vma),
  // one with MADV_DONTDUMP, and all of them when coredump_filter says so. The first holds nothing.
  void note_what_was_not_dumped(const std::vector<Segment>& segments, bool anonymous_dumped) {
    std::uint64_t bytes = 0;
    Address first;
    for (const Segment& segment : segments) {
      if (segment.dumped != 0) continue;
      const auto file =
          std::upper_bound(files_.begin(), files_.end(), segment.range.begin,
                           [](Address a, const FileNote& f) { return a < f.range.end; });
      if (file != files_.end() && file->range.begin < segment.range.end) continue;
      if ((segment.flags & PF_W) == 0) {
        draft_.bare.push_back(segment.range);
        continue;
      }
      if (anonymous_dumped) draft_.bare.push_back(segment.range);
      if (bytes == 0) first = segment.range.begin;
      bytes += segment.range.size();
    }
    if (bytes == 0) return;
    if (anonymous_dumped) {
      draft_.image.findings.push_back(
          {first, "writable memory left out of the core",
           text_of_bytes(bytes) + " were never touched, or excluded by MADV_DONTDUMP",
           Severity::note});
    } else {
      draft_.image.findings.push_back(
          {first, "anonymous memory left out of the core",
           text_of_bytes(bytes) + ": /proc/PID/coredump_filter had bit 0 cleared",
           Severity::warning});
    }
  }

  const std::vector<FileNote>& files_;
  std::uint64_t budget_;
  Draft& draft_;
};

void note_truncation(const ElfView& elf, Draft& draft) {
  const std::uint64_t bytes = total_size(draft.lost);
  if (elf.programs_missing != 0) {
    draft.image.findings.push_back(
        {{},
         "truncated",
         std::to_string(elf.programs_missing) + " program headers are beyond the end of the file",
         Severity::damage});
  }
  if (bytes != 0) {
    draft.image.findings.push_back({draft.lost.front().begin, "truncated",
                                    std::to_string(bytes) + " bytes of " +
                                        std::to_string(draft.lost.size()) +
                                        " ranges are beyond the end of the file",
                                    Severity::damage});
  }
}

// Without an auxiliary vector the main thread's stack pointer has to do.
void name_stack_by_thread(Image& image) {
  for (const Mapping& mapping : image.mappings) {
    if (mapping.kind == MappingKind::stack) return;
  }
  for (const Thread& thread : image.threads) {
    if (!image.process.pid || thread.tid != *image.process.pid) continue;
    const Mapping* mapping = image.mapping_at(thread.stack_pointer);
    if (mapping == nullptr || mapping->kind != MappingKind::anonymous || !mapping->writable) return;
    const auto i = static_cast<std::size_t>(mapping - image.mappings.data());
    image.mappings[i].kind = MappingKind::stack;
    image.mappings[i].name = "[stack]";
  }
}

// Data blocks of the file, when they fit beside everything else; a core larger than the memory is
// read page by page as it is needed.
Result<void> populate_data(const FileBytes& file, const std::string& name, JobControl& job) {
  if (file.copied || file.owner == nullptr) return {};
  std::vector<Bytes> parts;
  std::uint64_t total = 0;
  for (const auto& [begin, end] : file.extents) {
    parts.push_back(part_of(file.bytes, begin, end - begin));
    total += end - begin;
  }
  if (const auto available = memory_available(); available && total > *available / 2) return {};
  return populate(parts, name, job);
}

}  // namespace

Result<Image> open_core_file(FileBytes file, const std::string& name, const OpenOptions& options,
                             JobControl& job) {
  if (const auto error = compressed(file.bytes, name)) return std::unexpected(*error);
  const auto elf = read_elf(file.bytes, name);
  if (!elf) return std::unexpected(elf.error());
  if (elf->header.e_type != ET_CORE) {
    return std::unexpected(not_a_core(name, elf->header.e_type));
  }
  const std::vector<Segment> segments = segments_of(*elf);
  if (segments.empty()) {
    return fail(ErrorCode::truncated, name,
                "has no memory segments within its " + text_of_bytes(file.bytes.size()));
  }
  if (auto done = populate_data(file, name, job); !done) {
    return std::unexpected(std::move(done.error()));
  }

  CoreNotes notes = read_core_notes(*elf);
  Draft draft;
  Image& image = draft.image;
  image.source = name;
  image.kind = writer_of(*elf, notes, segments, image.evidence);
  image.process = std::move(notes.process);
  if (image.kind == TargetKind::gcore) image.process.signal.reset();
  image.threads = std::move(notes.threads);
  if (image.threads.size() == 1 && image.threads[0].name.empty()) {
    image.threads[0].name = image.process.name;
  }
  image.auxv = std::move(notes.auxv);
  image.findings = std::move(notes.findings);
  image.keep_alive.push_back(file.owner);

  std::vector<DumpedRange> dumped;
  for (const Segment& s : segments) {
    if (s.present != 0) {
      const AddressRange range{s.range.begin, s.range.begin + s.present};
      draft.pieces.push_back({range, file.bytes.data() + s.file_offset, ByteSource::core_file});
      dumped.push_back({range, s.file_offset});
    }
    if (s.present < s.dumped) {
      draft.lost.push_back({s.range.begin + s.present, s.range.begin + s.dumped});
    }
  }
  draft.lost = normalised(std::move(draft.lost));
  note_truncation(*elf, draft);
  if (image.threads.empty() && image.auxv.empty() && notes.files.empty()) {
    image.findings.push_back({{},
                              "no notes in the core",
                              "threads, mapped files and the process itself are unknown",
                              Severity::warning});
  }
  MappingBuilder(notes.files, kNamesBudget + file.bytes.size(), draft).build(segments);

  auto finished = finish(std::move(draft), options, job);
  if (!finished) return finished;
  name_stack_by_thread(*finished);
  finished->residency = residency_of_core(file, dumped, *finished, job, finished->findings);
  return finished;
}

Result<Image> open_core_bytes(Bytes bytes, const std::string& name, const OpenOptions& options,
                              JobControl& job) {
  FileBytes file;
  file.bytes = bytes;
  file.extents.emplace_back(0, bytes.size());
  return open_core_file(std::move(file), name, options, job);
}

Result<Image> open_core(const std::string& path, const OpenOptions& options, JobControl& job) {
  auto file = open_file_bytes(path, FilePurpose::core, job);
  if (!file) return std::unexpected(std::move(file.error()));
  const Packing packing = packing_of(file->bytes);
  if (packing == Packing::none) return open_core_file(*std::move(file), path, options, job);
  const std::uint64_t packed_size = file->bytes.size();
  auto unpacked = unpack(file->bytes, packing, path, options.spill_directory, job);
  if (!unpacked) return std::unexpected(std::move(unpacked.error()));
  const std::string how = std::string(name_of(packing)) + ", " + text_of_bytes(packed_size) +
                          " to " + text_of_bytes(unpacked->file.bytes.size()) +
                          " in an unlinked file of " + unpacked->where;
  auto image = open_core_file(std::move(unpacked->file), path, options, job);
  if (!image) return image;
  image->evidence.push_back({"compression", how});
  if (!unpacked->damage.empty()) {
    image->findings.push_back(
        {{}, "truncated", "decompressing stopped: " + unpacked->damage, Severity::damage});
  }
  return image;
}

}  // namespace coreheap::image
