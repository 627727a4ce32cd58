// The core reader behind open_core, on bytes: tests and the fuzzer give it bytes that never were a
// file.
#pragma once

#include "heapparse/image/file_bytes.h"
#include "heapparse/image/image.h"
#include "heapparse/image/open.h"

namespace coreheap::image {

Result<Image> open_core_file(FileBytes file, const std::string& name, const OpenOptions& options,
                             JobControl& job);

// `bytes` must outlive the image.
Result<Image> open_core_bytes(Bytes bytes, const std::string& name, const OpenOptions& options,
                              JobControl& job);

}  // namespace coreheap::image
