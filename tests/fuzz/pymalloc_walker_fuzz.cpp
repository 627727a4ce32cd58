// find_heap on heaps whose bytes are hostile. The first byte picks a geometry; the rest are edits
// of a sound heap, eight bytes each (where, and what), so that the fuzzer starts from structures
// that hold and reaches deep. Checked besides crashes: the sums, and that pools lie in their
// arenas.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "heapparse/pymalloc/pymalloc_heap.h"
#include "tests/unit/pymalloc/synthetic_heap.h"

namespace {

using namespace coreheap;
using namespace coreheap::pymalloc;
using synthetic::kArenas;
using synthetic::kArray;
using synthetic::kData;
using synthetic::SyntheticHeap;

void require(bool condition) {
  if (!condition) std::abort();
}

SyntheticHeap sound_heap(const Geometry& geometry, bool state_on_heap) {
  SyntheticHeap heap(geometry);
  for (std::uint32_t slot = 0; slot < 3; ++slot) {
    // The second one is not aligned, the third follows it in one mapping.
    const Address base =
        kArenas + (slot == 0 ? 0 : (8 << 20) + 0x1000) + (slot == 2 ? geometry.arena_bytes : 0);
    heap.add_arena(slot, base);
    for (std::uint32_t i = 0; i < 6; ++i) {
      const std::uint32_t c = (i * 5 + slot) % heap.classes();
      heap.add_pool(slot, c, 5,
                    i % 2 == 0 ? std::vector<std::uint32_t>{1, 3, 2}
                               : std::vector<std::uint32_t>{0, 1, 2, 3, 4});
    }
  }
  const Address state = kArray.aligned_down(4096) + 0x4010;
  if (state_on_heap) {
    heap.finish(state + 512, state);
  } else {
    heap.finish();
  }
  return heap;
}

// Where an edit goes: words that matter come up often.
Address place_of(std::uint32_t where, const SyntheticHeap& heap) {
  const std::uint64_t pool_bytes = heap.geometry().pool_bytes;
  const std::uint64_t word = (where >> 3) & 0x3f;
  switch (where & 7) {
    case 0:
    case 1:
      return kArray + (where >> 3) % (64 * 6) * 8;
    case 2:
      return kData + 0x1000 + (where >> 3) % 0x180 * 8;
    case 3:
      return kArray.aligned_down(4096) + (where >> 3) % 0xfff * 8;
    default: {
      const std::uint64_t pool = (where >> 9) % 6;
      const Address arena = (where & 3) == 0 ? kArenas : kArenas + (8 << 20) + 0x1000;
      return arena.aligned_up(pool_bytes) + pool * pool_bytes + word * 4 % pool_bytes;
    }
  }
}

std::uint64_t value_of(std::uint32_t what) {
  const std::uint64_t number = what >> 3;
  switch (what & 7) {
    case 0:
      return number;
    case 1:
      return kArenas.value + number * 8;
    case 2:
      return kArray.value + number % 0x1000 * 8;
    case 3:
      return kData.value + number % 0x800 * 8;
    case 4:
      return ~number;
    case 5:
      return number << 32;
    case 6:
      return kArenas.value + (8 << 20) + number * 16;
    default:
      return number * 0x9E3779B97F4A7C15ULL;
  }
}

void check(const PymallocHeap& heap) {
  std::uint64_t live = 0;
  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    const Arena& arena = heap.arenas[i];
    require(i == 0 || heap.arenas[i - 1].range.end <= arena.range.begin);
    require(std::size_t{arena.first_pool} + arena.pool_count <= heap.pools.size());
    require(arena.pools_used <= arena.pools_total && arena.pools_free <= arena.pools_total);
    live += arena.live_blocks;
  }
  require(live == heap.live_blocks);
  for (const Pool& pool : heap.pools) {
    require(pool.arena < heap.arenas.size());
    require(heap.arenas[pool.arena].range.contains(pool.address, heap.geometry.pool_bytes));
    require(pool.size_class < 512 / heap.geometry.alignment);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr Geometry kGeometries[] = {
      {8, 4096, 256 << 10}, {16, 4096, 256 << 10}, {16, 16384, 1 << 20}};
  const int chosen = (data[0] >> 1) % 3;
  const bool state_on_heap = (data[0] & 1) != 0;
  const Geometry& geometry = kGeometries[chosen];
  // One a kind, changed by each input and put right again: arenas take megabytes.
  static std::map<std::pair<int, bool>, SyntheticHeap> sound;
  auto it = sound.find({chosen, state_on_heap});
  if (it == sound.end()) {
    it = sound.emplace(std::pair{chosen, state_on_heap}, sound_heap(geometry, state_on_heap)).first;
  }
  SyntheticHeap& made = it->second;
  synthetic::Changes changes(made);
  for (std::size_t at = 1; at + 8 <= size && at < 8 * 64; at += 8) {
    std::uint32_t where;
    std::uint32_t what;
    std::memcpy(&where, data + at, 4);
    std::memcpy(&what, data + at + 4, 4);
    const Address place = place_of(where >> 1, made);
    if ((where & 1) != 0) {
      changes.write(place, value_of(what));
    } else {
      changes.write(place, static_cast<std::uint32_t>(value_of(what)));
    }
  }
  if ((data[0] & 0x40) != 0) {
    const Address cut = kArenas + (data[0] % 13) * 4096 + 4096;
    made.lose({cut, kArenas + geometry.arena_bytes});
  }
  if ((data[0] & 0x80) != 0) made.forget_modules();
  const image::Image image = made.image_in_place();
  JobControl job;
  const auto heap = find_heap(image, image::Symbols{}, job);
  require(heap.has_value());
  check(*heap);
  return 0;
}
