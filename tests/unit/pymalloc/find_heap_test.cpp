// Whole heaps of every geometry, found with nothing but their bytes; then damaged and cut ones.
#include <algorithm>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/pymalloc/synthetic_heap.h"

namespace {

using namespace coreheap;
using namespace coreheap::pymalloc;
using synthetic::kArenas;
using synthetic::kArray;
using synthetic::kData;
using synthetic::SyntheticHeap;

const Geometry kUpstream36{8, 4096, 256 << 10};  // 2.7.16, 3.6
const Geometry kPython39{16, 4096, 256 << 10};   // 2.7.17, 3.7.16 to 3.9
const Geometry kPython310{16, 16384, 1 << 20};   // 3.10 on
const Geometry kHugePages{16, 16384, 2 << 20};   // 3.15 with huge pages

std::vector<std::uint32_t> every_third(std::uint32_t count) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t k = 1; k < count; k += 3) result.push_back(k);
  return result;
}

// Pools of many classes: full, with room, and empty ones.
void fill_arena(SyntheticHeap& heap, std::uint32_t slot, std::uint32_t pools) {
  for (std::uint32_t i = 0; i < pools; ++i) {
    const std::uint32_t c = (i * 7 + slot) % heap.classes();
    const std::uint32_t all = heap.capacity(c);
    if (i % 5 == 4) {
      std::vector<std::uint32_t> freed;
      for (std::uint32_t k = 0; k < 2; ++k) freed.push_back(k);
      heap.add_pool(slot, c, 2, std::move(freed));  // empty
    } else if (i % 3 == 0) {
      heap.add_pool(slot, c, all);
    } else {
      heap.add_pool(slot, c, all - 1, every_third(all - 1));
    }
  }
}

PymallocHeap found_in(const SyntheticHeap& heap) {
  const image::Image image = heap.image();
  JobControl job;
  auto result = find_heap(image, image::Symbols{}, job);
  REQUIRE(result.has_value());
  return *std::move(result);
}

bool tells(const PymallocHeap& heap, std::string_view what) {
  return std::ranges::any_of(heap.findings, [&](const Finding& f) { return f.what == what; });
}

std::string evidence_of(const PymallocHeap& heap) {
  std::string text;
  for (const Evidence& e : heap.evidence) text += e.subject + ": " + e.how + "\n";
  return text;
}

void check_sums(const PymallocHeap& heap) {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::size_t pool = 0;
  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    const Arena& arena = heap.arenas[i];
    CHECK(arena.first_pool == pool);
    if (i > 0) CHECK(heap.arenas[i - 1].range.end <= arena.range.begin);
    std::uint64_t in_arena = 0;
    for (std::uint32_t p = 0; p < arena.pool_count; ++p, ++pool) {
      const Pool& own = heap.pools.at(pool);
      CHECK(own.arena == i);
      CHECK(arena.range.contains(own.address, heap.geometry.pool_bytes));
      CHECK(own.live > 0);
      in_arena += own.live;
      bytes += own.live * heap.geometry.block_bytes(own.size_class);
    }
    CHECK(in_arena == arena.live_blocks);
    CHECK(arena.pools_used + arena.pools_free == arena.pools_total);
    blocks += in_arena;
  }
  CHECK(pool == heap.pools.size());
  CHECK(blocks == heap.live_blocks);
  CHECK(bytes == heap.live_bytes);
  CHECK(std::ranges::is_sorted(heap.pools, {}, &Pool::address));
}

TEST_CASE("heaps of every geometry are found whole, by their bytes alone") {
  for (const Geometry& geometry : {kUpstream36, kPython39, kPython310, kHugePages}) {
    SyntheticHeap made(geometry);
    made.add_arena(0, kArenas);
    made.add_arena(1, kArenas + (16 << 20));
    made.add_arena(2, kArenas + (32 << 20));
    const auto total = static_cast<std::uint32_t>(geometry.arena_bytes / geometry.pool_bytes);
    fill_arena(made, 0, total);
    fill_arena(made, 1, 30);
    fill_arena(made, 2, 9);
    made.finish();
    const PymallocHeap heap = found_in(made);
    CHECK(heap.geometry.alignment == geometry.alignment);
    CHECK(heap.geometry.pool_bytes == geometry.pool_bytes);
    CHECK(heap.geometry.arena_bytes == geometry.arena_bytes);
    REQUIRE(heap.arenas.size() == 3);
    CHECK(heap.arena_arrays == std::vector{kArray});
    CHECK(heap.live_blocks == made.live_blocks());
    CHECK(heap.arenas[1].slot == 1u);
    CHECK(heap.arenas[1].pools_total == total);
    CHECK(heap.arenas[1].pools_carved == 30);
    CHECK(heap.arenas[1].pool_count == 24);
    CHECK(heap.arenas[1].pools_free == total - 24);
    CHECK(heap.findings.empty());
    CHECK(std::ranges::all_of(heap.pools, &Pool::sound));
    check_sums(heap);
  }
}

TEST_CASE(
    "arenas that are not pool-aligned lose a pool, and merge with their neighbours in one "
    "mapping") {
  SyntheticHeap made(kPython310);
  made.add_region(kArenas + 0x3000, 3 << 20, image::MappingKind::anonymous);
  for (std::uint32_t slot = 0; slot < 3; ++slot) {
    made.add_arena(slot, kArenas + 0x3000 + (std::uint64_t{slot} << 20), false);
    fill_arena(made, slot, 63);
  }
  made.finish();
  const PymallocHeap heap = found_in(made);
  REQUIRE(heap.arenas.size() == 3);
  for (const Arena& arena : heap.arenas) {
    CHECK(arena.range.size() == 1 << 20);
    CHECK(arena.pools_total == 63);
    CHECK(!arena.deduced);
  }
  CHECK(heap.arenas[0].range.begin == kArenas + 0x3000);
  CHECK(heap.live_blocks == made.live_blocks());
  CHECK(heap.findings.empty());
  check_sums(heap);
}

TEST_CASE("a 3.12 state: the array is found through usedpools, on the heap as well") {
  SyntheticHeap made(kPython310);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 20);
  const Address state = kArray.aligned_down(4096) + 0x4010;
  made.finish(state + 512, state);
  const PymallocHeap heap = found_in(made);
  CHECK(heap.arena_arrays == std::vector{kArray});
  CHECK(heap.arenas.size() == 1);
  CHECK(heap.findings.empty());
  CHECK(evidence_of(heap).find("usedpools at") != std::string::npos);
}

TEST_CASE("an isolated subinterpreter has its own array and numbers its arenas alike") {
  SyntheticHeap main_heap(kPython310);
  main_heap.add_arena(0, kArenas);
  main_heap.add_arena(1, kArenas + (4 << 20));
  fill_arena(main_heap, 0, 64);
  fill_arena(main_heap, 1, 40);
  main_heap.finish(kData + 0x1000 + 512, kData + 0x1000);

  // The other one is written into a heap of its own, whose regions are then carried over.
  SyntheticHeap other(kPython310);
  other.add_arena(0, kArenas + (8 << 20));
  fill_arena(other, 0, 25);
  const Address state = kArray.aligned_down(4096) + 0x4010;
  const Address array = kArray + 0x2000;
  other.finish(state + 512, state, array);
  main_heap.add_region(kArenas + (8 << 20), 1 << 20, image::MappingKind::anonymous);
  std::ranges::copy(other.region(kArenas + (8 << 20)),
                    main_heap.region(kArenas + (8 << 20)).begin());
  const auto from = other.region(kArray.aligned_down(4096)).subspan(0x2010);
  std::ranges::copy(from, main_heap.region(kArray.aligned_down(4096)).begin() + 0x2010);

  const PymallocHeap heap = found_in(main_heap);
  REQUIRE(heap.arenas.size() == 3);
  CHECK(heap.arena_arrays == std::vector{kArray, array});
  CHECK(heap.arenas[0].array == 0);
  CHECK(heap.arenas[1].array == 0);
  CHECK(heap.arenas[2].array == 1);
  CHECK(heap.arenas[2].slot == 0u);
  CHECK(heap.live_blocks == main_heap.live_blocks() + other.live_blocks());
  CHECK(heap.findings.empty());
  check_sums(heap);
}

TEST_CASE("an arena without a live block is an arena") {
  SyntheticHeap made(kPython310);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 10);
  made.add_arena(3, kArenas + (4 << 20));
  made.add_pool(3, 5, 3, {0, 1, 2});
  made.finish();
  const PymallocHeap heap = found_in(made);
  REQUIRE(heap.arenas.size() == 2);
  CHECK(heap.arenas[1].slot == 3u);
  CHECK(heap.arenas[1].pool_count == 0);
  CHECK(heap.arenas[1].pools_carved == 1);
  CHECK(heap.arenas[1].pools_free == 64);
  CHECK(heap.findings.empty());
}

TEST_CASE(
    "an arena whose memory is missing is listed from the array, beyond the greatest slot seen "
    "too") {
  SyntheticHeap made(kPython39);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 10);
  made.add_arena(2, kArenas + (4 << 20));
  fill_arena(made, 2, 10);
  made.add_arena(20, kArenas + (8 << 20));
  fill_arena(made, 20, 12);
  made.finish();
  made.lose({kArenas + (4 << 20), kArenas + (4 << 20) + (256 << 10)});
  made.lose({kArenas + (8 << 20), kArenas + (8 << 20) + (256 << 10)});
  const PymallocHeap heap = found_in(made);
  REQUIRE(heap.arenas.size() == 3);
  CHECK(heap.arenas[1].pools_missing == 10);
  CHECK(heap.arenas[1].pools_used == 8);  // the array's word
  CHECK(heap.arenas[1].pool_count == 0);
  CHECK(heap.arenas[2].slot == 20u);
  CHECK(tells(heap, "arena is not complete in the image"));
  check_sums(heap);
}

TEST_CASE("a partly missing arena still gives its present pools") {
  SyntheticHeap made(kPython310);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 64);
  made.finish();
  const Address cut = kArenas + 10 * 16384 + 4096;  // the header of pool 10 is there
  made.lose({cut, kArenas + (1 << 20)});
  const PymallocHeap heap = found_in(made);
  REQUIRE(heap.arenas.size() == 1);
  CHECK(heap.arenas[0].pools_carved == 11);
  CHECK(heap.arenas[0].pools_missing == 53);
  CHECK(heap.pools.back().address == kArenas + 10 * 16384);
  CHECK(!heap.pools.back().sound);
  CHECK(tells(heap, "the free list runs into memory that the image does not hold"));
}

TEST_CASE(
    "pools whose array is damaged or absent are kept, and their arena deduced with a finding") {
  SyntheticHeap made(kPython310);
  made.add_region(kArenas + 0x1000, 2 << 20, image::MappingKind::anonymous);
  for (std::uint32_t slot = 0; slot < 2; ++slot) {
    made.add_arena(slot, kArenas + 0x1000 + (std::uint64_t{slot} << 20), false);
    fill_arena(made, slot, 63);
  }
  made.finish();

  SECTION("one entry is overwritten") {
    made.write(kArray + 48, std::uint64_t{0x4141414141414141});
    const PymallocHeap heap = found_in(made);
    REQUIRE(heap.arenas.size() == 2);
    CHECK(!heap.arenas[0].deduced);
    CHECK(heap.arenas[1].deduced);
    CHECK(!heap.arenas[1].slot.has_value());
    CHECK(heap.arenas[1].range.begin == kArenas + 0x1000 + (1 << 20));
    CHECK(heap.arenas[1].range.size() == 1 << 20);
    CHECK(heap.live_blocks == made.live_blocks());
    CHECK(tells(heap, "arena is in no arena array"));
    check_sums(heap);
  }
  SECTION("the array is not in the image") {
    const Address page = kArray.aligned_down(4096);
    made.lose({page, page + 4096});
    const PymallocHeap heap = found_in(made);
    REQUIRE(heap.arenas.size() == 2);
    CHECK(heap.arenas[0].range.begin == kArenas + 0x1000);
    CHECK(heap.arena_arrays.empty());
    CHECK(heap.live_blocks == made.live_blocks());
    check_sums(heap);
  }
}

TEST_CASE("an image that names no modules is searched around usedpools") {
  SyntheticHeap made(kPython39);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 64);
  made.finish();
  made.forget_modules();
  const PymallocHeap heap = found_in(made);
  CHECK(heap.arena_arrays == std::vector{kArray});
  CHECK(heap.findings.empty());
}

TEST_CASE("patterns outside arenas are refused and counted") {
  SyntheticHeap made(kPython310);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 30);
  made.finish();
  // Copies of true pools, apart from each other, in memory that is no arena: stale rings and all.
  const Address elsewhere = kArenas + (64 << 20);
  made.add_region(elsewhere, 1 << 20, image::MappingKind::anonymous);
  const auto source = made.region(kArenas);
  for (const std::size_t at : {3u, 17u, 40u}) {
    std::ranges::copy(source.subspan(at % 8 * 16384, 16384),
                      made.region(elsewhere).begin() + static_cast<std::ptrdiff_t>(at * 16384));
  }
  // And one of the other geometry.
  made.write(elsewhere + 0x7000 + 40, std::uint32_t{48 + 16});
  made.write(elsewhere + 0x7000 + 44, std::uint32_t{4096 - 16});
  const PymallocHeap heap = found_in(made);
  CHECK(heap.geometry.pool_bytes == 16384);
  CHECK(heap.arenas.size() == 1);
  CHECK(heap.live_blocks == made.live_blocks());
  CHECK(evidence_of(heap).find("3 patterns outside arenas refused") != std::string::npos);
  CHECK(evidence_of(heap).find("1 patterns of 4096-byte pools aligned to 16 refused") !=
        std::string::npos);
  CHECK(heap.findings.empty());
}

TEST_CASE("pools of the other geometry in great number do not win against an array") {
  SyntheticHeap made(kPython310);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 8);
  made.finish();
  const Address elsewhere = kArenas + (64 << 20);
  made.add_region(elsewhere, 1 << 20, image::MappingKind::anonymous);
  for (std::uint64_t at = 0; at < (1 << 20); at += 8192) {
    made.write(elsewhere + at + 40, std::uint32_t{48 + 16});
    made.write(elsewhere + at + 44, std::uint32_t{4096 - 16});
  }
  const PymallocHeap heap = found_in(made);
  CHECK(heap.geometry.pool_bytes == 16384);
  CHECK(heap.live_blocks == made.live_blocks());
}

TEST_CASE("damage inside a pool makes it unsound and stays a finding") {
  SyntheticHeap made(kPython39);
  made.add_arena(0, kArenas);
  const Address count = made.add_pool(0, 3, 10, {1, 2});
  const Address wild = made.add_pool(0, 3, 10, {1, 2});
  const Address loop = made.add_pool(0, 3, 10, {1, 2});
  const Address header = made.add_pool(0, 3, 10, {1, 2});
  const Address index = made.add_pool(0, 3, 10, {1, 2});
  const Address fine = made.add_pool(0, 3, 10, {1, 2});
  made.finish();
  made.write(count, std::uint32_t{9});
  made.write(wild + 8, std::uint64_t{0x4141414141414141});
  made.write(made.block(loop, 3, 1), made.block(loop, 3, 2).value);
  made.write(header + 44, std::uint32_t{0xffffffff});
  made.write(index + 32, std::uint32_t{1234567});

  const PymallocHeap heap = found_in(made);
  REQUIRE(heap.pools.size() == 5);
  const auto sound = [&](Address a) {
    return std::ranges::find(heap.pools, a, &Pool::address)->sound;
  };
  CHECK(!sound(count));
  CHECK(!sound(wild));
  CHECK(!sound(loop));
  CHECK(sound(index));
  CHECK(sound(fine));
  CHECK(heap.damaged_pools == std::vector{header});
  CHECK(heap.arenas[0].pools_damaged == 1);
  CHECK(tells(heap, "the free list and the count of live blocks disagree"));
  CHECK(tells(heap, "the free list leaves the pool"));
  CHECK(tells(heap, "the free list loops"));
  CHECK(tells(heap, "pool header is damaged"));
  CHECK(tells(heap, "pool names another arena"));
  check_sums(heap);
}

TEST_CASE("a heap damaged all over is told in a bounded number of findings") {
  SyntheticHeap made(kPython39);
  for (std::uint32_t slot = 0; slot < 8; ++slot) {
    made.add_arena(slot, kArenas + (std::uint64_t{slot} << 20));
    for (int i = 0; i < 64; ++i) made.add_pool(slot, 0, 20, {3});
  }
  made.finish();
  for (std::uint32_t slot = 0; slot < 8; ++slot) {
    for (std::uint64_t at = 0; at < (256 << 10); at += 4096) {
      made.write(kArenas + (std::uint64_t{slot} << 20) + at + 8, std::uint64_t{1});
    }
  }
  const PymallocHeap heap = found_in(made);
  CHECK(heap.pools.size() == 512);
  CHECK(std::ranges::none_of(heap.pools, &Pool::sound));
  CHECK(heap.findings.size() <= 40);
  CHECK(std::ranges::any_of(
      heap.findings, [](const Finding& f) { return f.evidence == "496 more, the last one here"; }));
}

TEST_CASE("a pool that is just being carved is no damage") {
  SyntheticHeap made(kPython310);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 8);
  const Address fresh = made.add_pool(0, 0, 2, {0, 1});
  made.finish();
  made.write(fresh + 36, std::uint32_t{0xffff});
  made.write(fresh + 40, std::uint64_t{0});
  const PymallocHeap heap = found_in(made);
  CHECK(heap.damaged_pools.empty());
  CHECK(tells(heap, "pool is just being carved"));
}

TEST_CASE("no pool, no heap") {
  SyntheticHeap made(kPython310);
  const PymallocHeap heap = found_in(made);
  CHECK(heap.arenas.empty());
  CHECK(heap.pools.empty());
  REQUIRE(heap.evidence.size() == 1);
  CHECK(heap.evidence[0].subject == "pymalloc");
}

TEST_CASE("a cancelled search says so") {
  SyntheticHeap made(kPython310);
  const image::Image image = made.image();
  JobControl job;
  job.cancel();
  const auto result = find_heap(image, image::Symbols{}, job);
  REQUIRE(!result.has_value());
  CHECK(result.error().code == ErrorCode::cancelled);
}

TEST_CASE("symbols confirm and change nothing") {
  SyntheticHeap made(kPython39);
  made.add_arena(0, kArenas);
  fill_arena(made, 0, 20);
  made.finish();
  const image::Image image = made.image();
  JobControl job;
  image::Symbols symbols;
  symbols.add("arenas", {kData + 0x1800, 8, 0});
  symbols.add("usedpools", {kData + 0x1000, 512, 0});
  symbols.seal();
  const auto with = find_heap(image, symbols, job);
  REQUIRE(with.has_value());
  const PymallocHeap without = found_in(made);
  CHECK(with->live_blocks == without.live_blocks);
  CHECK(with->arena_arrays == without.arena_arrays);
  CHECK(evidence_of(*with).find("symbol arenas says the same") != std::string::npos);
  CHECK(evidence_of(*with).find("symbol usedpools says the same") != std::string::npos);
}

}  // namespace
