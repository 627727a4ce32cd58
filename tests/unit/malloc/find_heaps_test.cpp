// Heaps written by hand: every layout there has been, and every damage that can be thought of.
#include <algorithm>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/malloc/synthetic_heap.h"

namespace coreheap::glibc {
namespace {

using Kind = SyntheticHeap::Kind;

std::vector<MallocHeap> heaps_of(const image::Image& image) {
  JobControl job;
  auto heaps = find_heaps(image, image::Symbols{}, {}, job);
  REQUIRE(heaps.has_value());
  return std::move(*heaps);
}

std::string text(const Findings& findings) {
  std::string all;
  for (const Finding& f : findings) all += f.what + " (" + f.evidence + ")\n";
  return all;
}

// Segments are covered by chunks and overhead without gap or overlap.
bool tiled(const MallocHeap& heap) {
  std::vector<AddressRange> tiles;
  for (const Chunk& c : heap.chunks) {
    if (!c.mmapped) tiles.push_back({c.address, c.address + c.size});
  }
  for (const Overhead& o : heap.overhead) {
    if (o.what == Overhead::What::heap_info || o.what == Overhead::What::alignment ||
        o.what == Overhead::What::foreign_sbrk) {
      tiles.push_back(o.range);
    }
  }
  std::sort(tiles.begin(), tiles.end());
  std::size_t at = 0;
  for (const Segment& s : heap.segments) {
    Address a = s.range.begin;
    while (at < tiles.size() && tiles[at].begin == a && a < s.range.end) a = tiles[at++].end;
    if (a != s.range.end) return false;
  }
  return at == tiles.size();
}

const Chunk* chunk_at(const MallocHeap& heap, Address a) {
  for (const Chunk& c : heap.chunks) {
    if (c.address == a) return &c;
  }
  return nullptr;
}

ChunkState state_of(Kind kind) {
  switch (kind) {
    case Kind::binned:
    case Kind::unsorted:
      return ChunkState::bin;
    case Kind::fast:
      return ChunkState::fastbin;
    case Kind::cached:
      return ChunkState::tcache;
    default:
      return ChunkState::used;
  }
}

void fill(SyntheticHeap& heap, std::size_t region) {
  heap.add(region, 0x40, Kind::used);
  heap.add(region, 0x90, Kind::binned);
  heap.add(region, 0x20, Kind::used);
  heap.add(region, 0x1230, Kind::unsorted);
  heap.add(region, 0x50, Kind::used);
  if (heap.arena_layout.fastbins) {
    heap.add(region, 0x30, Kind::fast);
    heap.add(region, 0x30, Kind::fast);
  }
  if (heap.shape.tcache >= 0) {
    // Lists of several chunks come from filling several regions; a bin has seven slots.
    heap.add(region, 0x60, Kind::cached);
    heap.add(region, 0x70, Kind::cached);
    heap.add(region, 0x410, Kind::cached);
  }
  heap.add(region, 0x90, Kind::binned);
  heap.add(region, 0x410, Kind::used);
}

// Every chunk that was put in comes out with its size and state.
void check_all(const SyntheticHeap& made, const MallocHeap& found) {
  for (const auto& region : made.regions) {
    for (const auto& part : region.parts) {
      const Chunk* chunk = chunk_at(found, part.address);
      REQUIRE(chunk != nullptr);
      CHECK(chunk->size == part.size);
      CHECK(chunk->state == state_of(part.kind));
      CHECK(chunk->arena == region.arena);
    }
  }
}

}  // namespace

TEST_CASE("every layout of every release is recognised and walked to the last chunk") {
  for (const Shape& shape : shapes()) {
    DYNAMIC_SECTION("2." << shape.release) {
      SyntheticHeap made(shape);
      fill(made, 0);
      const std::size_t heap1 = made.add_arena(Address{0x7e0000000000});
      fill(made, heap1);
      const std::size_t heap2 = made.add_heap(Address{0x7e0008000000}, 1);
      fill(made, heap2);
      fill(made, made.add_arena(Address{0x7e0010000000}));
      made.add_mmapped(Address{0x7d0000000000}, 0x40000, 0);
      made.add_mmapped(Address{0x7d0000040000}, 0x50000, 0x1ff0);
      made.finish();

      const image::Image image = made.image();
      const auto heaps = heaps_of(image);
      REQUIRE(heaps.size() == 1);
      const MallocHeap& heap = heaps.front();
      INFO(heap.layout.description << "\n" << text(heap.findings));
      CHECK(heap.findings.empty());
      CHECK(heap.module == 0);
      REQUIRE(heap.arenas.size() == 3);
      CHECK(heap.arenas[0].address == made.arena(0));
      CHECK(heap.arenas[1].address == made.arena(2));
      CHECK(heap.arenas[2].address == made.arena(1));
      CHECK(heap.arenas[2].segments == 2);
      CHECK(heap.parameters.address == made.parameters());
      CHECK(heap.parameters.sbrk_base == made.regions[0].start);
      CHECK(heap.layout.has_fastbins == made.arena_layout.fastbins);
      CHECK(heap.layout.safe_linking == shape.safe_linking);
      CHECK(heap.layout.has_tcache == (shape.tcache >= 0));
      CHECK(heap.layout.mmapped_overhead == shape.mmapped.overhead);
      CHECK(heap.mmapped_count == 2);
      CHECK(heap.mmapped_bytes == 0x90000);
      CHECK(heap.tcaches.size() == (shape.tcache >= 0 ? 1u : 0u));
      CHECK(tiled(heap));
      for (const auto& region : made.regions) {
        for (const auto& part : region.parts) {
          const Chunk* chunk = chunk_at(heap, part.address);
          REQUIRE(chunk != nullptr);
          CHECK(chunk->size == part.size);
          CHECK(chunk->state == state_of(part.kind));
        }
      }
      for (const Arena& arena : heap.arenas) {
        CHECK(arena.used_bytes + arena.bin_bytes + arena.fastbin_bytes + arena.tcache_bytes +
                  arena.top_bytes + arena.overhead_bytes ==
              arena.system_bytes);
      }
    }
  }
}

TEST_CASE("the main arena may begin at an odd address behind a copy of the tunables") {
  SyntheticHeap made(shape_of(31), Address{0x555555000032});
  fill(made, 0);
  made.finish();
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  INFO(text(heaps[0].findings));
  CHECK(heaps[0].findings.empty());
  CHECK(heaps[0].parameters.sbrk_base == Address{0x555555000032});
  CHECK(tiled(heaps[0]));
  check_all(made, heaps[0]);
}

TEST_CASE("a foreign sbrk is a gap that counts as the arena's overhead") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  made.finish();
  // Cut the region in two: fenceposts where the last chunk began, and go on behind 0x1230 bytes.
  SyntheticHeap cut(shape_of(36));
  fill(cut, 0);
  cut.finish();
  const Address post = cut.regions[0].parts.back().address;
  const Address end = cut.regions[0].start + cut.regions[0].bytes;
  cut.word(post + 8, 0x10);  // the chunk before is free
  cut.word(post + 24, 0x11);
  for (Address a = post + 32; a < post + 0x1230; a = a + 8) cut.word(a, 0x4141414141414141);
  const Address again = post + 0x1240;
  cut.word(again + 8, 0x31);
  cut.word(again + 0x30, 0);
  cut.word(again + 0x38, (end - again - 0x30) | 1);
  cut.word(cut.bins(0) - 16, (again + 0x30).value);
  const auto heaps = heaps_of(cut.image());
  REQUIRE(heaps.size() == 1);
  INFO(text(heaps[0].findings));
  CHECK(heaps[0].findings.empty());
  CHECK(tiled(heaps[0]));
  const auto gap =
      std::find_if(heaps[0].overhead.begin(), heaps[0].overhead.end(),
                   [](const Overhead& o) { return o.what == Overhead::What::foreign_sbrk; });
  REQUIRE(gap != heaps[0].overhead.end());
  CHECK(gap->range == AddressRange{post + 32, again});
  REQUIRE(chunk_at(heaps[0], again) != nullptr);
  CHECK(chunk_at(heaps[0], again)->size == 0x30);
}

TEST_CASE("a main arena that is not contiguous is found region by region") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  const std::size_t second = made.add_main_region(Address{0x7d0001000000}, 0x100000);
  fill(made, second);
  const std::size_t third = made.add_main_region(Address{0x7d0003000000}, 0x90000);
  fill(made, third);
  made.finish();
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  INFO(text(heaps[0].findings));
  CHECK(heaps[0].findings.empty());
  CHECK(heaps[0].segments.size() == 3);
  CHECK(heaps[0].arenas[0].non_contiguous);
  CHECK(tiled(heaps[0]));
  check_all(made, heaps[0]);
}

TEST_CASE(
    "a top that ends in front of itself ends the search for regions, and costs its own alone") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  const Address last{0x7d0001000000};
  fill(made, made.add_main_region(last, 0x100000));
  made.finish();
  const auto sound = heaps_of(made.image());
  REQUIRE(sound.size() == 1);
  const Address top = sound[0].arenas[0].top;
  REQUIRE(top > last);
  made.word(top + 8, (0 - (top - last)) | kPrevInUse);  // round the address space, to its region
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  CHECK_FALSE(heaps[0].findings.empty());
  for (const auto& region : made.regions) {
    if (AddressRange{region.start, region.start + region.bytes}.contains(top)) continue;
    for (const auto& part : region.parts) {
      REQUIRE(chunk_at(heaps[0], part.address) != nullptr);
      CHECK(chunk_at(heaps[0], part.address)->state == state_of(part.kind));
    }
  }
}

TEST_CASE("a smashed size costs one stretch, not the rest of the heap") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  for (int i = 0; i < 20; ++i) made.add(0, 0x50, Kind::used);
  made.finish();
  auto& parts = made.regions[0].parts;
  const std::size_t victim = parts.size() - 10;
  made.word(parts[victim].address + 8, 0x4141414141414141);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  const MallocHeap& heap = heaps[0];
  const Chunk* unknown = chunk_at(heap, parts[victim].address);
  REQUIRE(unknown != nullptr);
  CHECK(unknown->state == ChunkState::unknown);
  CHECK(unknown->size == 0x50);
  CHECK(tiled(heap));
  REQUIRE(heap.findings.size() == 1);
  CHECK(heap.findings[0].address == parts[victim].address);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i == victim) continue;
    REQUIRE(chunk_at(heap, parts[i].address) != nullptr);
    CHECK(chunk_at(heap, parts[i].address)->state == state_of(parts[i].kind));
  }
}

TEST_CASE("a size that jumps across a free chunk is not believed") {
  SyntheticHeap made(shape_of(36));
  for (int i = 0; i < 4; ++i) made.add(0, 0x50, Kind::used);
  made.add(0, 0x500, Kind::binned);
  for (int i = 0; i < 4; ++i) made.add(0, 0x50, Kind::used);
  made.finish();
  auto& parts = made.regions[0].parts;
  // Exactly onto the chunk behind the free one: the chain would go on soundly.
  const Address liar = parts[3].address;
  made.word(liar + 8, (parts[7].address - liar) | kPrevInUse);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  const Chunk* free = chunk_at(heaps[0], parts[5].address);
  REQUIRE(free != nullptr);
  CHECK(free->state == ChunkState::bin);
  CHECK(free->size == 0x500);
  CHECK(chunk_at(heaps[0], liar)->state == ChunkState::unknown);
  CHECK(tiled(heaps[0]));
}

TEST_CASE("a bin that loops ends, and is read from its other end") {
  SyntheticHeap made(shape_of(36));
  std::vector<std::size_t> bins;
  for (int i = 0; i < 6; ++i) {
    made.add(0, 0x500, Kind::binned);
    bins.push_back(made.regions[0].parts.size() - 1);
    made.add(0, 0x20, Kind::used);
  }
  made.finish();
  const auto& parts = made.regions[0].parts;
  // The third points back to the first.
  made.word(parts[bins[2]].address + 16, parts[bins[0]].address.value);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  const auto& findings = heaps[0].findings;
  CHECK(std::any_of(findings.begin(), findings.end(), [](const Finding& f) {
    return f.what.starts_with("bin link does not return");
  }));
  for (const std::size_t i : bins) {
    REQUIRE(chunk_at(heaps[0], parts[i].address) != nullptr);
    CHECK(chunk_at(heaps[0], parts[i].address)->state == ChunkState::bin);
  }
  CHECK(tiled(heaps[0]));
}

TEST_CASE("a fastbin that loops ends") {
  SyntheticHeap made(shape_of(27));
  fill(made, 0);
  made.finish();
  const auto& parts = made.regions[0].parts;
  const auto fast =
      std::find_if(parts.begin(), parts.end(), [](const auto& p) { return p.kind == Kind::fast; });
  made.word(fast->address + 16, fast->address.value + 0x30);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  CHECK(text(heaps[0].findings).find("fastbin list loops") != std::string::npos);
  CHECK(heaps[0].arenas[0].fastbin_count == 2);
}

TEST_CASE("a chunk being linked in a locked arena is a finding and nothing else is lost") {
  SyntheticHeap made(shape_of(41));
  made.add(0, 0x50, Kind::used);
  made.add(0, 0x500, Kind::used);
  made.add(0, 0x50, Kind::used);
  made.finish();
  const auto& parts = made.regions[0].parts;
  // Freed: foot and flag are written, the bin does not know it yet.
  made.word(parts[3].address, 0x500);
  made.word(parts[3].address + 8, 0x50);
  made.int32(made.arena(0), 1);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  CHECK(heaps[0].arenas[0].locked);
  REQUIRE(heaps[0].findings.size() == 1);
  CHECK(heaps[0].findings[0].address == parts[2].address);
  CHECK(chunk_at(heaps[0], parts[2].address)->state == ChunkState::bin);
  CHECK(tiled(heaps[0]));
}

TEST_CASE("headers that memalign left behind are not chunks") {
  for (const int release : {36, 43}) {
    DYNAMIC_SECTION("2." << release) {
      SyntheticHeap made(shape_of(release));
      fill(made, 0);
      // Back to back, so that the kernel would have merged them: displaced by little, by a page,
      // not.
      made.add_mmapped(Address{0x7d0000000000}, 0x40000, 0x30);
      made.add_mmapped(Address{0x7d0000040000}, 0x50000, 0x1ff0);
      made.add_mmapped(Address{0x7d0000090000}, 0x30000, 0);
      // Grown by mremap: the stale header still has the old total.
      made.word(Address{0x7d0000040008}, 0x22000 | kMmapped);
      made.finish();
      const auto heaps = heaps_of(made.image());
      REQUIRE(heaps.size() == 1);
      INFO(text(heaps[0].findings));
      CHECK(heaps[0].findings.empty());
      CHECK(heaps[0].mmapped_count == 3);
      CHECK(heaps[0].mmapped_bytes == 0xc0000);
      for (const std::uint64_t a : {0x7d0000000030ULL, 0x7d0000041ff0ULL, 0x7d0000090000ULL}) {
        REQUIRE(chunk_at(heaps[0], Address{a}) != nullptr);
        CHECK(chunk_at(heaps[0], Address{a})->mmapped);
      }
    }
  }
}

TEST_CASE("memory that only looks like a mmapped chunk is told by the count") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  made.add_mmapped(Address{0x7d0000000000}, 0x40000, 0);
  made.add_mmapped(Address{0x7d0001000000}, 0x21000, 0);
  made.n_mmaps = 1;
  made.mmapped_bytes = 0x40000;
  made.finish();
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  CHECK(heaps[0].mmapped_count == 1);
  CHECK(chunk_at(heaps[0], Address{0x7d0000000000}) != nullptr);
  CHECK(chunk_at(heaps[0], Address{0x7d0001000000}) == nullptr);
}

TEST_CASE("ranges that another allocator owns are not searched for mmapped chunks") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  made.add_mmapped(Address{0x7d0000000000}, 0x40000, 0);
  made.finish();
  JobControl job;
  const image::Image image = made.image();
  const auto heaps = find_heaps(image, image::Symbols{},
                                {{Address{0x7d0000000000}, Address{0x7d0000040000}}}, job);
  REQUIRE(heaps.has_value());
  REQUIRE(heaps->size() == 1);
  CHECK((*heaps)[0].mmapped_count == 0);
}

TEST_CASE("two libcs in one process are both found, the bigger first") {
  SyntheticHeap small(shape_of(36));
  fill(small, 0);
  small.finish();
  SyntheticHeap big(shape_of(36), Address{0x666666000000}, Address{0x7f0010200000},
                    Address{0x7f0010300000});
  fill(big, 0);
  fill(big, big.add_arena(Address{0x7e0000000000}));
  big.finish();
  const auto heaps = heaps_of(SyntheticHeap::image_of({&small, &big}));
  REQUIRE(heaps.size() == 2);
  CHECK(heaps[0].module == 1);
  CHECK(heaps[1].module == 0);
  for (const MallocHeap& heap : heaps) {
    INFO(text(heap.findings));
    CHECK(heap.findings.empty());
    CHECK(heap.tcaches.size() == 1);
  }
}

TEST_CASE("a tcache that no thread points to is an orphan's") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  made.finish();
  made.word(made.tp() - 72, 0);  // its thread is gone; another one lives on
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  REQUIRE(heaps[0].tcaches.size() == 1);
  CHECK_FALSE(heaps[0].tcaches[0].tid.has_value());
  CHECK(heaps[0].tcaches[0].count == 3);
  for (const Address a : made.cached) {
    const ChunkState state = chunk_at(heaps[0], a)->state;
    CHECK((state == ChunkState::tcache_orphan || state == ChunkState::tcache));
  }
}

TEST_CASE("a tcache list with a smashed link is read up to the damage") {
  SyntheticHeap made(shape_of(36));
  for (int i = 0; i < 5; ++i) {
    made.add(0, 0x60, Kind::cached);
    made.add(0, 0x30, Kind::used);
  }
  made.add(0, 0x70, Kind::cached);
  made.add(0, 0x30, Kind::used);
  made.finish();
  const auto& parts = made.regions[0].parts;
  // Lists are last in, first out: the third chunk of five loses its link.
  const Address third = made.cached[2];
  made.word(third + 16, 0x4242424242424242);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  CHECK(tiled(heaps[0]));
  for (const auto& part : parts) REQUIRE(chunk_at(heaps[0], part.address) != nullptr);
  INFO(text(heaps[0].findings));
  CHECK(std::any_of(heaps[0].findings.begin(), heaps[0].findings.end(), [](const Finding& f) {
    return f.what == "tcache whose counts and lists disagree";
  }));
  for (std::size_t i : {4u, 3u, 2u}) {
    CHECK(chunk_at(heaps[0], made.cached[i])->state == ChunkState::tcache);
  }
  CHECK(chunk_at(heaps[0], made.cached[5])->state == ChunkState::tcache);
  CHECK(chunk_at(heaps[0], made.cached[0])->state == ChunkState::used);
}

TEST_CASE("without libc's data the arenas are entered through their heaps") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  const std::size_t heap = made.add_arena(Address{0x7e0000000000});
  fill(made, heap);
  made.finish();
  made.lose(SyntheticHeap::kLibc);
  const auto heaps = heaps_of(made.image());
  REQUIRE(heaps.size() == 1);
  REQUIRE(heaps[0].arenas.size() == 2);
  CHECK(heaps[0].arenas[0].address == made.arena(0));
  for (const auto& part : made.regions[heap].parts) {
    REQUIRE(chunk_at(heaps[0], part.address) != nullptr);
    CHECK(chunk_at(heaps[0], part.address)->size == part.size);
  }
}

TEST_CASE("a process without malloc has no heap, and that is no error") {
  image::Image image;
  CHECK(heaps_of(image).empty());
  SyntheticHeap made(shape_of(43));
  made.finish();
  // Initialised at start (2.42 on) and never used.
  made.word(made.bins(0) - 16, made.bins(0).value - 16);
  made.word(made.bins(0) + made.arena_layout.system_mem(), 0);
  CHECK(heaps_of(made.image()).empty());
}

TEST_CASE("a wild top does not lead out of the image") {
  for (const std::uint64_t top :
       {0ULL, 8ULL, 0x555555000008ULL, 0xfffffffffffffff0ULL, 0x7f0000200000ULL}) {
    SyntheticHeap made(shape_of(36));
    fill(made, 0);
    fill(made, made.add_arena(Address{0x7e0000000000}));
    made.finish();
    made.word(made.bins(0) - 16, top);
    made.word(made.bins(1) - 16, top);
    const auto heaps = heaps_of(made.image());
    REQUIRE(heaps.size() == 1);
    CHECK(tiled(heaps[0]));
  }
}

TEST_CASE("a cancelled search ends with that error") {
  SyntheticHeap made(shape_of(36));
  fill(made, 0);
  made.finish();
  const image::Image image = made.image();
  JobControl job;
  job.cancel();
  const auto heaps = find_heaps(image, image::Symbols{}, {}, job);
  REQUIRE_FALSE(heaps.has_value());
  CHECK(heaps.error().code == ErrorCode::cancelled);
}

TEST_CASE("a chunk is at most 32 bytes") { CHECK(sizeof(Chunk) <= 32); }

}  // namespace coreheap::glibc
