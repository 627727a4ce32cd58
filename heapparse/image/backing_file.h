// A file at hand that is proven to be the one the target maps: equal build-id, or, where the
// target's side has none, an equal first page.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/parallel.h"
#include "heapparse/image/elf_view.h"

namespace coreheap::image {

struct BackingFile {
  std::string path;
  Bytes bytes;
  std::shared_ptr<void> owner;
  ElfView elf;
  std::string build_id;
};

// What the image knows of the file.
struct FileIdentity {
  std::string build_id;  // hex, may be empty
  Bytes first_page;      // the target's, may be empty; then only a build-id can prove anything
};

// The first candidate that proves equal.
std::optional<BackingFile> find_backing_file(const std::vector<std::string>& candidates,
                                             const FileIdentity& identity, JobControl& job);

// Separate debug files by build-id: /usr/lib/debug/.build-id/xx/yyyy.debug below each root.
std::optional<BackingFile> find_debug_file(const std::string& build_id, const std::string& sysroot,
                                           JobControl& job);

}  // namespace coreheap::image
