// Heaps in every layout with arbitrary words written over them: find_heaps must end, stay inside
// the image and keep its invariant (segments tiled, chunks in order), whatever it reads.
//
// Input: one byte chooses the layout and what is there; then records of an address selector (2
// bytes), and a word: chosen from ones that hurt (pointers into the image, sizes) or 8 literal
// bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/unit/malloc/synthetic_heap.h"

namespace {

using namespace coreheap;
using namespace coreheap::glibc;
using Kind = SyntheticHeap::Kind;

void fill(SyntheticHeap& heap, std::size_t region) {
  for (int i = 0; i < 6; ++i) {
    heap.add(region, 0x40, Kind::used);
    heap.add(region, 0x90 + 0x200ULL * static_cast<std::uint64_t>(i), Kind::binned);
    heap.add(region, 0x30, Kind::used);
    if (heap.arena_layout.fastbins) heap.add(region, 0x30, Kind::fast);
    if (heap.shape.tcache >= 0) heap.add(region, 0x60, Kind::cached);
  }
}

void check(const MallocHeap& heap) {
  Address previous{};
  std::vector<AddressRange> tiles;
  for (const Chunk& chunk : heap.chunks) {
    if (chunk.address < previous || chunk.arena >= heap.arenas.size()) std::abort();
    previous = chunk.address + chunk.size;
    if (!chunk.mmapped) tiles.push_back({chunk.address, previous});
  }
  using What = Overhead::What;
  for (const Overhead& o : heap.overhead) {
    if (o.what == What::heap_info || o.what == What::alignment || o.what == What::foreign_sbrk) {
      tiles.push_back(o.range);
    }
  }
  std::sort(tiles.begin(), tiles.end());
  std::size_t at = 0;
  for (const Segment& segment : heap.segments) {
    Address a = segment.range.begin;
    while (at < tiles.size() && tiles[at].begin == a && a < segment.range.end) a = tiles[at++].end;
    if (a != segment.range.end) std::abort();
  }
  if (at != tiles.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // Heaps hardly larger than what is in them: every word of them is searched.
  SyntheticHeap heap(shapes()[data[0] % shapes().size()], {0x555555000000}, SyntheticHeap::kLibc,
                     SyntheticHeap::kTls, 0x5000);
  fill(heap, 0);
  if ((data[1] & 1) != 0) fill(heap, heap.add_arena(Address{0x7e0000000000}));
  if ((data[1] & 2) != 0)
    fill(heap, heap.add_heap(Address{0x7e0008000000}, heap.regions.back().arena));
  if ((data[1] & 4) != 0) fill(heap, heap.add_main_region(Address{0x7d0001000000}, 0x6000));
  if ((data[1] & 8) != 0) heap.add_mmapped(Address{0x7d0000000000}, 0x3000, 0x1ff0);
  if ((data[1] & 8) != 0) heap.add_mmapped(Address{0x7d0000040000}, 0x2000, 0);
  heap.finish();
  if ((data[1] & 16) != 0) heap.lose(SyntheticHeap::kLibc);

  std::vector<Address> places{heap.bins(0), heap.parameters(), heap.tp() - 128,
                              Address{0x7d0000000000}, Address{0x7d0000041000}};
  for (const auto& region : heap.regions) {
    places.push_back(region.start);
    for (const auto& part : region.parts) places.push_back(part.address);
  }
  for (std::size_t i = 1; i < heap.regions.size(); ++i) {
    places.push_back(heap.bins(std::min(heap.regions[i].arena, heap.regions.back().arena)));
  }
  for (std::size_t at = 2; at + 4 <= size;) {
    const Address base = places[data[at] % places.size()];
    const Address where = base + 8ULL * data[at + 1] - 128;
    const std::uint8_t kind = data[at + 2];
    std::uint64_t value = data[at + 3];
    at += 4;
    if (kind % 4 == 0) {
      value = places[value % places.size()].value + 8ULL * (kind >> 2);
    } else if (kind % 4 == 1) {
      value = (value << 4) | (kind >> 4);
    } else if (at + 8 <= size) {
      std::memcpy(&value, data + at, 8);
      at += 8;
    }
    heap.word(where, value);
  }

  JobControl job;
  const image::Image image = heap.image();
  const auto heaps = find_heaps(image, image::Symbols{}, {}, job);
  if (!heaps) std::abort();
  for (const MallocHeap& found : *heaps) check(found);
  return 0;
}
