// See core_residency.h.
#include "heapparse/image/core_residency.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "heapparse/image/ranges.h"

namespace coreheap::image {
namespace {

void say_unknown(Findings& findings, const std::string& why) {
  findings.push_back({{}, "resident pages unknown", why, Severity::note});
}

// Files of modules, opened once.
class ModuleFiles {
 public:
  explicit ModuleFiles(JobControl& job) : job_(job) {}
  Bytes bytes_of(const std::string& path) {
    auto [it, fresh] = files_.try_emplace(path);
    if (fresh) {
      if (auto file = open_file_bytes(path, FilePurpose::module, job_))
        it->second = *std::move(file);
    }
    return it->second.bytes;
  }

 private:
  JobControl& job_;
  std::map<std::string, FileBytes> files_;
};

// Pages of a file mapping that differ from the file; all of them when there is no file to compare
// with.
void add_written_pages(const Mapping& mapping, AddressRange range, const Image& image,
                       ModuleFiles& files, Ranges& resident) {
  const std::string* path = nullptr;
  if (mapping.module >= 0) {
    path = &image.modules[static_cast<std::size_t>(mapping.module)].local_path;
  }
  if (path == nullptr || path->empty()) {
    const bool header_page =
        !mapping.writable && mapping.file_offset == 0 && range.begin == mapping.range.begin;
    if (header_page) range.begin += std::min(image.page_size, range.size());
    resident.push_back(range);
    return;
  }
  const Bytes file = files.bytes_of(*path);
  for (Address page = range.begin; page < range.end; page += image.page_size) {
    const Bytes ours = image.space.bytes(page, image.page_size);
    const Bytes theirs =
        clipped(file, mapping.file_offset + (page - mapping.range.begin), image.page_size);
    if (ours.empty()) continue;
    const bool tail_is_zero =
        std::all_of(ours.begin() + static_cast<std::ptrdiff_t>(theirs.size()), ours.end(),
                    [](std::byte b) { return b == std::byte{0}; });
    const bool same = tail_is_zero && (theirs.empty() ||
                                       std::memcmp(ours.data(), theirs.data(), theirs.size()) == 0);
    if (!same) resident.push_back({page, page + image.page_size});
  }
}

}  // namespace

Residency residency_of_core(const FileBytes& file, const std::vector<DumpedRange>& dumped,
                            const Image& image, JobControl& job, Findings& findings) {
  Residency residency;
  if (image.kind != TargetKind::kernel_core) {
    say_unknown(findings, "gcore writes every page, resident or not");
    return residency;
  }
  if (file.copied) {
    say_unknown(findings, "the file system of the core cannot say which parts have data");
    return residency;
  }
  if (file.unpacked) {
    say_unknown(findings, "the core was compressed: pages of zeros and absent ones look alike");
    return residency;
  }
  if (!file.sparse) {
    say_unknown(
        findings,
        "the core has no holes: it was copied, compressed or piped to a handler, or the file "
        "system has no sparse files");
    return residency;
  }
  if (file.block_size > image.page_size) {
    say_unknown(findings, "blocks of the file system are larger than a page");
    return residency;
  }
  ModuleFiles files(job);
  Ranges resident;
  for (const DumpedRange& part : dumped) {
    if (part.file_offset % image.page_size != 0 || !part.range.begin.is_aligned(image.page_size)) {
      say_unknown(findings, "segments are not aligned to pages");
      return residency;
    }
    const std::uint64_t part_end = part.file_offset + part.range.size();
    auto extent = std::upper_bound(file.extents.begin(), file.extents.end(), part.file_offset,
                                   [](std::uint64_t at, const auto& e) { return at < e.second; });
    for (; extent != file.extents.end() && extent->first < part_end; ++extent) {
      const std::uint64_t from = std::max(extent->first, part.file_offset);
      const std::uint64_t to = std::min(extent->second, part_end);
      AddressRange range{part.range.begin + (from - part.file_offset),
                         part.range.begin + (to - part.file_offset)};
      range.begin = range.begin.aligned_down(image.page_size);
      range.end = std::min(range.end.aligned_up(image.page_size), part.range.end);
      while (!range.empty()) {
        const Mapping* mapping = image.mapping_at(range.begin);
        if (mapping == nullptr) break;
        const AddressRange here{range.begin, std::min(range.end, mapping->range.end)};
        if (mapping->is_anonymous_memory()) {
          resident.push_back(here);
        } else if (mapping->kind == MappingKind::file && !mapping->shared) {
          add_written_pages(*mapping, here, image, files, resident);
        }
        range.begin = here.end;
      }
    }
  }
  residency.resident = normalised(std::move(resident));
  residency.known = true;
  return residency;
}

}  // namespace coreheap::image
