// The last steps that every way of opening a target shares: kinds of mappings, modules, bytes
// filled in from checked files, and what is missing. Readers fill a Draft; `finish` makes the
// Image.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/open.h"
#include "heapparse/image/ranges.h"

namespace coreheap::image {

struct Draft {
  Image image;  // all but space and modules
  std::vector<Piece> pieces;
  // Bytes the target had and nobody can give back (beyond the end of a truncated core, unreadable
  // pages): never filled from a file, since they may have been written.
  Ranges lost;
  // Mapped, without bytes by nature: guard pages, reserves never touched. Not counted as missing.
  Ranges bare;
  // "/proc/1234" of a live target on this machine: its files are looked up in its own mount
  // namespace.
  std::string proc_directory;
};

Result<Image> finish(Draft draft, const OpenOptions& options, JobControl& job);

// Sorts by address and cuts away overlaps, keeping what comes first.
void make_disjoint(std::vector<Mapping>& mappings);

// From its name alone; the reader may know better.
MappingKind kind_of_name(const std::string& name);

std::optional<std::uint64_t> auxiliary(const Image& image, std::uint64_t type);

}  // namespace coreheap::image
