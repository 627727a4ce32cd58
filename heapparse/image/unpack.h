// Compressed cores: taken apart into an unlinked file, which goes away with the image whatever
// happens.
//
// Invariant: no more is written than the directory has room for (a tmpfs: than memory has), with a
// margin left to others; a size that the file declares and that would not fit is refused before
// anything is written. Runs of zeros are not written: they become holes, so the file's holes say
// nothing about the target.
#pragma once

#include <optional>
#include <string>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/file_bytes.h"

namespace coreheap::image {

enum class Packing : std::uint8_t { none, zstd, lz4, gzip };

Packing packing_of(Bytes bytes);
std::string_view name_of(Packing packing);

struct Unpacked {
  FileBytes file;
  std::string where;   // the directory that holds the bytes
  std::string damage;  // why the end is missing; empty when all of it was read
};

// `directory` empty: $TMPDIR, else /tmp.
Result<Unpacked> unpack(Bytes packed, Packing packing, const std::string& name,
                        std::string directory, JobControl& job);

}  // namespace coreheap::image
