// Which pages of a dead process were in RAM, from the holes of its core.
#pragma once

#include "heapparse/image/file_bytes.h"
#include "heapparse/image/image.h"

namespace coreheap::image {

// A dumped part of a segment.
struct DumpedRange {
  AddressRange range;
  std::uint64_t file_offset = 0;
};

// The kernel skips pages that were never touched and the shared zero page, so that in the file as
// it was written data blocks are exactly the resident private anonymous pages. For mapped files
// clean pages are written too; they are told apart by comparison with the file at hand.
Residency residency_of_core(const FileBytes& file, const std::vector<DumpedRange>& dumped,
                            const Image& image, JobControl& job, Findings& findings);

}  // namespace coreheap::image
