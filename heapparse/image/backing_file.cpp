// See backing_file.h.
#include "heapparse/image/backing_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "heapparse/image/file_bytes.h"

namespace coreheap::image {
namespace {

bool proven_equal(const BackingFile& file, const FileIdentity& identity) {
  if (!identity.build_id.empty()) return identity.build_id == file.build_id;
  const std::size_t n = std::min(identity.first_page.size(), file.bytes.size());
  // A whole page, or a file shorter than that.
  return n != 0 && (n >= 4096 || n == file.bytes.size()) &&
         std::memcmp(identity.first_page.data(), file.bytes.data(), n) == 0;
}

std::optional<BackingFile> open_elf(const std::string& path, JobControl& job) {
  auto file = open_file_bytes(path, FilePurpose::module, job);
  if (!file) return std::nullopt;
  auto elf = read_elf(file->bytes, path);
  if (!elf) return std::nullopt;
  BackingFile result{path, file->bytes, file->owner, *std::move(elf), {}};
  result.build_id = build_id_of_file(result.elf);
  return result;
}

}  // namespace

std::optional<BackingFile> find_backing_file(const std::vector<std::string>& candidates,
                                             const FileIdentity& identity, JobControl& job) {
  if (identity.build_id.empty() && identity.first_page.empty()) return std::nullopt;
  for (const std::string& path : candidates) {
    auto file = open_elf(path, job);
    if (file && proven_equal(*file, identity)) return file;
  }
  return std::nullopt;
}

std::optional<BackingFile> find_debug_file(const std::string& build_id, const std::string& sysroot,
                                           JobControl& job) {
  if (build_id.size() < 4) return std::nullopt;
  const std::string below =
      "/usr/lib/debug/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
  std::vector<std::string> candidates;
  if (!sysroot.empty()) candidates.push_back(sysroot + below);
  candidates.push_back(below);
  return find_backing_file(candidates, {build_id, {}}, job);
}

}  // namespace coreheap::image
