// Reasons and cures, and the fill of pools that some of them speak of.
#include "heapparse/usage/free_memory.h"

#include <algorithm>

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::usage;

namespace {

constexpr std::uint64_t kMebi = 1 << 20;

Waterfall of_total(std::uint64_t bytes) {
  Waterfall w;
  w.basis = Basis::rss;
  w.total = bytes;
  return w;
}

bool has(const std::vector<Reason>& reasons, std::string_view id) {
  return std::any_of(reasons.begin(), reasons.end(), [&](const Reason& r) { return r.id == id; });
}
const Cure* cure_of(const std::vector<Cure>& cures, std::string_view id) {
  const auto at =
      std::find_if(cures.begin(), cures.end(), [&](const Cure& c) { return c.id == id; });
  return at == cures.end() ? nullptr : &*at;
}

pymalloc::Arena arena_of(std::uint64_t at, std::uint64_t live) {
  pymalloc::Arena arena;
  arena.range = {Address{at}, Address{at + kMebi}};
  arena.live_blocks = live;
  arena.live_bytes = live * 48;
  return arena;
}

}  // namespace

TEST_CASE("Reasons need figures that carry them") {
  FreeMemory m;
  CHECK(why_it_stays(m, of_total(100 * kMebi)).empty());
  CHECK(why_it_stays(m, of_total(0)).empty());
  m.sum.free_resident = 60 * kMebi;
  m.sum.trimmable = 50 * kMebi;
  m.sum.held = 10 * kMebi;
  const auto reasons = why_it_stays(m, of_total(100 * kMebi));
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0].id == "not_trimmed");
  CHECK(reasons[0].bytes == 50 * kMebi);
  // The same bytes in a process of 2 GiB are no reason for anything.
  CHECK(why_it_stays(m, of_total(2048 * kMebi)).empty());
}

TEST_CASE("A threshold that was set is not one that grew") {
  FreeMemory m;
  m.sum.free_resident = m.large_free = 50 * kMebi;
  m.parameters.found = true;
  m.parameters.mmap_threshold = 32 * kMebi;
  CHECK(has(why_it_stays(m, of_total(100 * kMebi)), "mmap_threshold"));
  CHECK(cure_of(cures(m, of_total(100 * kMebi)), "mmap_threshold") != nullptr);
  m.parameters.no_dyn_threshold = true;
  CHECK_FALSE(has(why_it_stays(m, of_total(100 * kMebi)), "mmap_threshold"));
  CHECK(cure_of(cures(m, of_total(100 * kMebi)), "mmap_threshold") == nullptr);
}

TEST_CASE("Many arenas are a reason where much is free in them, and a limit is then a cure") {
  FreeMemory m;
  m.arenas = 16;
  m.threads = 20;
  m.sum.free_resident = 60 * kMebi;
  m.other_arenas_free = 55 * kMebi;
  m.beyond_two_arenas = 40 * kMebi;
  CHECK(has(why_it_stays(m, of_total(100 * kMebi)), "arenas"));
  const auto found = cures(m, of_total(100 * kMebi));
  REQUIRE(cure_of(found, "arena_max") != nullptr);
  CHECK(cure_of(found, "arena_max")->bytes == 40 * kMebi);
  CHECK_FALSE(cure_of(found, "arena_max")->computed);
  m.arenas = 2;
  CHECK_FALSE(has(why_it_stays(m, of_total(100 * kMebi)), "arenas"));
}

TEST_CASE("Only malloc_trim's figure is computed, and small ones are left out") {
  FreeMemory m;
  m.sum.trimmable = 30 * kMebi;
  m.shared_anonymous = 12 * kMebi;
  const auto found = cures(m, of_total(100 * kMebi));
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "malloc_trim");
  CHECK(found[0].computed);
  CHECK(found[1].id == "gc_freeze");
  CHECK(found[1].restart);
  CHECK(cures(m, of_total(10'000 * kMebi)).empty());
}

TEST_CASE("What goes if the emptiest arenas' objects went is told by powers of ten") {
  pymalloc::PymallocHeap heap;
  heap.geometry.arena_bytes = kMebi;
  std::uint64_t at = 0x7f0000000000;
  for (const std::uint64_t live : {2000, 3, 5, 40, 0}) {
    heap.arenas.push_back(arena_of(at, live));
    at += kMebi;
  }
  image::Image image;
  const PoolFill fill = pool_fill(image, heap);
  CHECK(fill.resident == 5 * kMebi);
  CHECK(fill.held == 5 * kMebi - 2048 * 48);
  REQUIRE(fill.freed_if.size() == 3);
  CHECK(fill.freed_if[0].objects == 8);
  CHECK(fill.freed_if[0].arenas == 3);
  CHECK(fill.freed_if[1].objects == 48);
  CHECK(fill.freed_if[1].arenas == 4);
  CHECK(fill.freed_if[2].objects == 2048);
  CHECK(fill.freed_if[2].arenas == 5);
  CHECK(fill.arenas.front().live_blocks == 0);
}

TEST_CASE("Pools are counted by how full they are") {
  CHECK(fill_step(0, 100) == 0);
  CHECK(fill_step(24, 100) == 0);
  CHECK(fill_step(25, 100) == 1);
  CHECK(fill_step(99, 100) == 3);
  CHECK(fill_step(100, 100) == 4);
  CHECK(fill_step(5, 0) == 4);  // a header that claims nothing fits
}
