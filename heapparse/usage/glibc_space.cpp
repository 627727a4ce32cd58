// One pass over the chunks.
#include "heapparse/usage/glibc_space.h"

#include <algorithm>
#include <bit>
#include <map>

namespace coreheap::usage {

namespace {

using glibc::ChunkState;

// Resident bytes, or all of them where nothing says.
class Resident {
 public:
  explicit Resident(const image::Image& image) : residency_(image.residency) {}
  std::uint64_t bytes_in(AddressRange range) const {
    return residency_.known ? residency_.bytes_in(range) : range.size();
  }

 private:
  const image::Residency& residency_;
};

}  // namespace

ArenaSpace& ArenaSpace::operator+=(const ArenaSpace& other) {
  mapped += other.mapped;
  resident += other.resident;
  used += other.used;
  free += other.free;
  free_resident += other.free_resident;
  top += other.top;
  top_resident += other.top_resident;
  trimmable += other.trimmable;
  held += other.held;
  largest_free = std::max(largest_free, other.largest_free);
  return *this;
}

ArenaSpace GlibcSpace::sum() const {
  ArenaSpace all;
  for (const ArenaSpace& arena : arenas) all += arena;
  return all;
}

GlibcSpace glibc_space(const image::Image& image, const glibc::MallocHeap& heap) {
  GlibcSpace space;
  space.resident_known = image.residency.known;
  space.arenas.resize(heap.arenas.size());
  space.trim = predict_trim(image, heap);
  const Resident resident(image);
  for (const glibc::Segment& segment : heap.segments) {
    ArenaSpace& arena = space.arenas[segment.arena];
    arena.mapped += segment.range.size();
    arena.resident += resident.bytes_in(segment.range);
  }
  for (const FreeRun& run : free_runs(heap)) {
    ArenaSpace& arena = space.arenas[run.arena];
    arena.largest_free = std::max(arena.largest_free, run.range.size());
  }
  for (const TrimmedRange& range : space.trim.ranges) {
    space.arenas[range.arena].trimmable +=
        space.resident_known ? range.resident : range.pages.size();
  }
  std::map<std::uint64_t, FreeSizes> sizes;
  for (const glibc::Chunk& chunk : heap.chunks) {
    if (chunk.state == ChunkState::fencepost || chunk.state == ChunkState::unknown) continue;
    // A chunk in a mapping of its own is no arena's; in a tcache it waits like others.
    if (chunk.mmapped && chunk.state == ChunkState::used) continue;
    ArenaSpace& arena = space.arenas[chunk.arena];
    if (chunk.state == ChunkState::used) {
      arena.used += chunk.size;
      continue;
    }
    const AddressRange range{chunk.address, chunk.address + chunk.size};
    const std::uint64_t here = resident.bytes_in(range);
    arena.free += chunk.size;
    arena.free_resident += here;
    if (chunk.state == ChunkState::top) {
      arena.top += chunk.size;
      arena.top_resident += here;
      continue;
    }
    FreeSizes& line = sizes[std::bit_floor(chunk.size)];
    ++line.count;
    line.bytes += chunk.size;
    line.resident += here;
    line.trimmable += space.trim.bytes_in(range, image.residency);
  }
  for (ArenaSpace& arena : space.arenas) {
    // Alignment behind top goes with it.
    arena.trimmable = std::min(arena.trimmable, arena.free_resident);
    arena.held = arena.free_resident - arena.trimmable;
  }
  for (auto& [min_size, line] : sizes) {
    line.min_size = min_size;
    space.sizes.push_back(line);
  }
  return space;
}

}  // namespace coreheap::usage
