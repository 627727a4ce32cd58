// A regular file as bytes that stay readable: mapped read-only and bounded by its size, or copied
// when it lies on a network or FUSE file system, where a lost server would turn a read into SIGBUS.
//
// Opening never blocks and has no side effect on devices or pipes: a core names paths, and they may
// be anything. A file that shrinks after this cannot be guarded against; package tools replace,
// they do not truncate.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/elf_view.h"

namespace coreheap::image {

struct FileBytes {
  Bytes bytes;
  std::shared_ptr<void> owner;
  // Extents [begin, end) of the file that have data blocks; one extent of everything when the file
  // has no holes or cannot say.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> extents;
  bool sparse = false;
  std::uint64_t block_size = 4096;  // of the file system: what a hole is rounded to
  bool copied = false;
  bool unpacked = false;  // decompressed by us: its holes are runs of zeros, nothing else
};

enum class FilePurpose : std::uint8_t {
  core,    // extents are wanted; large
  module,  // an ELF file that the target maps
};

Result<FileBytes> open_file_bytes(const std::string& path, FilePurpose purpose, JobControl& job);
// The same for an open regular file; `path` is its name in errors.
Result<FileBytes> map_file_bytes(int fd, const std::string& path, FilePurpose purpose,
                                 JobControl& job);

// Brings pages into the page table in 8 MiB pieces on all workers: some ten times faster than
// faulting them one by one. Where the kernel lacks MADV_POPULATE_READ (before 5.14) nothing is
// done. An I/O error of the disk becomes an Error here instead of a SIGBUS later.
Result<void> populate(const std::vector<Bytes>& parts, const std::string& subject, JobControl& job);

}  // namespace coreheap::image
