// See draft.h.
#include "heapparse/image/draft.h"

#include <elf.h>

#include <algorithm>
#include <utility>

#include "heapparse/image/modules.h"
#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

Ranges ranges_of(std::span<const Piece> pieces) {
  Ranges ranges;
  ranges.reserve(pieces.size());
  for (const Piece& piece : pieces) ranges.push_back(piece.range);
  return normalised(std::move(ranges));
}

void name_by_auxiliary_vector(Image& image) {
  for (Mapping& mapping : image.mappings) {
    const auto holds = [&](std::uint64_t type) {
      const auto value = auxiliary(image, type);
      return value && mapping.range.contains(Address{*value});
    };
    if (!mapping.name.empty() || mapping.kind != MappingKind::anonymous) continue;
    if (holds(AT_SYSINFO_EHDR)) {
      mapping.kind = MappingKind::kernel;
      mapping.name = "[vdso]";
    } else if (holds(AT_RANDOM) || holds(AT_EXECFN)) {
      mapping.kind = MappingKind::stack;
      mapping.name = "[stack]";
    } else if (mapping.range.begin.value >= 0xffffffff00000000ULL) {
      mapping.kind = MappingKind::kernel;
      mapping.name = "[vsyscall]";
    }
  }
  // [vvar] and [vvar_vclock] are read-only, never dumped, and end where [vdso] begins.
  for (std::size_t i = image.mappings.size(); i-- > 1;) {
    const Mapping& above = image.mappings[i];
    Mapping& below = image.mappings[i - 1];
    if (above.kind == MappingKind::kernel && above.name != "[vsyscall]" &&
        below.range.end == above.range.begin && below.kind == MappingKind::anonymous &&
        below.name.empty() && !below.writable && below.range.size() <= 65536) {
      below.kind = MappingKind::kernel;
      below.name = "[vvar]";
    }
  }
}

void count_missing(Draft& draft) {
  Ranges wanted;
  for (const Mapping& mapping : draft.image.mappings) {
    if (!mapping.readable || !mapping.writable || mapping.shared) continue;
    if (mapping.kind == MappingKind::file) {
      // What was not dumped of a file is clean; only what was dumped and is gone counts.
      const AddressRange whole[] = {mapping.range};
      for (const AddressRange& part : intersect(whole, draft.lost)) wanted.push_back(part);
    } else if (mapping.is_anonymous_memory()) {
      wanted.push_back(mapping.range);
    }
  }
  const Ranges present = ranges_of(draft.image.space.pieces());
  draft.image.missing_bytes =
      total_size(subtract(subtract(normalised(std::move(wanted)), present), draft.bare));
}

void name_executable(Image& image, Address main_program) {
  if (!image.process.executable.empty()) return;
  const Mapping* mapping = image.mapping_at(main_program);
  if (mapping != nullptr && mapping->kind == MappingKind::file) {
    image.process.executable = mapping->name;
  } else if (const auto name = auxiliary(image, AT_EXECFN)) {
    image.process.executable = image.space.read_c_string(Address{*name}, 4096).value_or("");
  }
}

}  // namespace

std::optional<std::uint64_t> auxiliary(const Image& image, std::uint64_t type) {
  for (const auto& [key, value] : image.auxv) {
    if (key == type) return value;
  }
  return std::nullopt;
}

MappingKind kind_of_name(const std::string& name) {
  if (name.empty()) return MappingKind::anonymous;
  if (name.starts_with('[')) {
    if (name == "[stack]") return MappingKind::stack;
    if (name.starts_with("[anon_shmem:")) return MappingKind::shared_memory;
    if (name == "[heap]" || name.starts_with("[anon:") || name.starts_with("[stack:")) {
      return MappingKind::anonymous;
    }
    return MappingKind::kernel;
  }
  if (name.starts_with("/anon_hugepage")) return MappingKind::anonymous;
  for (const char* prefix : {"/dev/shm/", "/run/shm/", "/SYSV", "/memfd:", "/dev/zero"}) {
    if (name.starts_with(prefix)) return MappingKind::shared_memory;
  }
  if (name.starts_with("anon_inode:") || name.starts_with("socket:")) return MappingKind::kernel;
  return MappingKind::file;
}

void make_disjoint(std::vector<Mapping>& mappings) {
  std::stable_sort(mappings.begin(), mappings.end(), [](const Mapping& a, const Mapping& b) {
    return a.range.begin < b.range.begin;
  });
  std::vector<Mapping> kept;
  kept.reserve(mappings.size());
  for (Mapping& mapping : mappings) {
    if (!kept.empty() && mapping.range.begin < kept.back().range.end) {
      mapping.file_offset += kept.back().range.end - mapping.range.begin;
      mapping.range.begin = kept.back().range.end;
    }
    if (!mapping.range.empty()) kept.push_back(std::move(mapping));
  }
  mappings = std::move(kept);
}

Result<Image> finish(Draft draft, const OpenOptions& options, JobControl& job) {
  Image& image = draft.image;
  make_disjoint(image.mappings);
  draft.lost = normalised(std::move(draft.lost));
  draft.bare = normalised(std::move(draft.bare));
  if (const auto size = auxiliary(image, AT_PAGESZ);
      size && *size >= 4096 && *size <= 65536 && (*size & (*size - 1)) == 0) {
    image.page_size = *size;
  }
  name_by_auxiliary_vector(image);

  Ranges mapped;
  for (const Mapping& mapping : image.mappings) mapped.push_back(mapping.range);
  const AddressSpace own(draft.pieces, mapped);
  const Address main_program{
      auxiliary(image, AT_PHDR).value_or(auxiliary(image, AT_ENTRY).value_or(0))};
  const ModuleSearch search{&options, draft.proc_directory, main_program};
  find_modules(image.mappings, own, search, draft.lost, image.modules, draft.pieces,
               image.keep_alive, image.findings, job);
  image.space = AddressSpace(std::move(draft.pieces), std::move(mapped));
  name_executable(image, main_program);
  count_missing(draft);
  if (job.cancelled()) return fail(ErrorCode::cancelled, image.source, "cancelled");
  return std::move(draft.image);
}

}  // namespace coreheap::image
