// The free list of one pool: sound ones give exactly the live blocks, damaged ones say what is
// wrong.
#include <numeric>

#include "tests/unit/catch.h"
#include "tests/unit/pymalloc/synthetic_heap.h"

namespace {

using namespace coreheap;
using namespace coreheap::pymalloc;
using synthetic::kArenas;
using synthetic::SyntheticHeap;

struct OnePool {
  SyntheticHeap heap{Geometry{16, 4096, 256 << 10}};
  Pool pool;

  OnePool(std::uint32_t size_class, std::uint32_t carved, std::vector<std::uint32_t> freed) {
    heap.add_arena(0, kArenas);
    pool.live = static_cast<std::uint32_t>(carved - freed.size());
    pool.carved = carved;
    pool.size_class = static_cast<std::uint16_t>(size_class);
    pool.address = heap.add_pool(0, size_class, carved, std::move(freed));
    heap.finish();
  }
  Address block(std::uint32_t k) const { return heap.block(pool.address, pool.size_class, k); }
  bool load(LiveBlocks& blocks) {
    return blocks.load(heap.region(kArenas).first(4096), pool, heap.geometry());
  }
};

TEST_CASE("a pool's live blocks are the carved ones that are not on its free list") {
  OnePool one(2, 20, {3, 19, 0, 7});
  LiveBlocks blocks;
  REQUIRE(one.load(blocks));
  CHECK(blocks.live_count() == 16);
  for (std::uint32_t k = 0; k < 84; ++k) {
    CHECK(blocks.live(k) == (k < 20 && k != 3 && k != 19 && k != 0 && k != 7));
  }
}

TEST_CASE("every block of a full pool is live, for every size class and geometry") {
  for (const Geometry geometry : {Geometry{8, 4096, 256 << 10}, Geometry{16, 4096, 256 << 10},
                                  Geometry{16, 16384, 1 << 20}}) {
    for (std::uint32_t c = 0; c < 512 / geometry.alignment; ++c) {
      SyntheticHeap heap(geometry);
      heap.add_arena(0, kArenas);
      const std::uint32_t all = heap.capacity(c);
      // Every second block is freed, the last one too.
      std::vector<std::uint32_t> freed;
      for (std::uint32_t k = all; k-- > 0;) {
        if ((all - k) % 2 == 1) freed.push_back(k);
      }
      const auto gone = static_cast<std::uint32_t>(freed.size());
      const Pool full{.address = heap.add_pool(0, c, all),
                      .live = all,
                      .size_class = static_cast<std::uint16_t>(c),
                      .carved = all};
      const Pool half{.address = heap.add_pool(0, c, all, std::move(freed)),
                      .live = all - gone,
                      .size_class = static_cast<std::uint16_t>(c),
                      .carved = all};
      heap.finish();
      const auto memory = heap.region(kArenas);
      LiveBlocks blocks;
      REQUIRE(blocks.load(memory.first(geometry.pool_bytes), full, geometry));
      CHECK(blocks.live(all - 1));
      CHECK(!blocks.live(all));
      REQUIRE(
          blocks.load(memory.subspan(geometry.pool_bytes, geometry.pool_bytes), half, geometry));
      CHECK(!blocks.live(all - 1));
      CHECK(blocks.live(all - 2));
    }
  }
}

TEST_CASE("a free list that loops is told and ends") {
  OnePool one(0, 10, {1, 2, 3});
  one.heap.write(one.block(1), one.block(3).value);
  LiveBlocks blocks;
  CHECK(!one.load(blocks));
  CHECK(blocks.flaw() == LiveBlocks::Flaw::loops);
  CHECK(blocks.flaw_at() == one.block(3));
  CHECK(blocks.live_count() == 7);  // what could be followed
}

TEST_CASE("a free list that points to itself is told") {
  OnePool one(0, 10, {4});
  one.heap.write(one.block(4), one.block(4).value);
  LiveBlocks blocks;
  CHECK(!one.load(blocks));
  CHECK(blocks.flaw() == LiveBlocks::Flaw::loops);
}

TEST_CASE("wild pointers on the free list are told by kind") {
  struct Case {
    std::uint64_t pointer;
    LiveBlocks::Flaw flaw;
  };
  const Address pool = kArenas;
  const std::vector<Case> cases = {
      {0xdddddddddddddddd, LiveBlocks::Flaw::leaves_pool},
      {1, LiveBlocks::Flaw::leaves_pool},
      {pool.value, LiveBlocks::Flaw::leaves_pool},  // its own header
      {(pool + 4096).value, LiveBlocks::Flaw::leaves_pool},
      {(pool + 48 + 8).value, LiveBlocks::Flaw::between_blocks},
      {(pool + 48 + 10 * 16).value, LiveBlocks::Flaw::between_blocks},  // never carved
      {~std::uint64_t{0}, LiveBlocks::Flaw::leaves_pool},
  };
  for (const Case& c : cases) {
    OnePool one(0, 10, {4});
    one.heap.write(pool + 8, c.pointer);
    LiveBlocks blocks;
    CHECK(!one.load(blocks));
    CHECK(blocks.flaw() == c.flaw);
    CHECK(blocks.flaw_at() == Address{c.pointer});
  }
}

TEST_CASE("a count that disagrees with the free list is told in both directions") {
  for (const std::uint32_t claimed : {7u, 9u, 0u, 4000000000u}) {
    OnePool one(0, 10, {4, 5});
    one.pool.live = claimed;
    LiveBlocks blocks;
    CHECK(!one.load(blocks));
    CHECK(blocks.flaw() == LiveBlocks::Flaw::count);
    CHECK(blocks.live_count() == 8);
  }
}

TEST_CASE("a pool that the image holds in part is walked as far as it goes") {
  OnePool one(0, 200, {150, 2, 1});
  LiveBlocks blocks;
  CHECK(!blocks.load(one.heap.region(kArenas).first(1024), one.pool, one.heap.geometry()));
  CHECK(blocks.flaw() == LiveBlocks::Flaw::not_in_image);
  CHECK(!blocks.live(1));
  CHECK(!blocks.live(2));
  CHECK(!blocks.live(150));
  CHECK(!blocks.load({}, one.pool, one.heap.geometry()));
  CHECK(blocks.flaw() == LiveBlocks::Flaw::not_in_image);
}

TEST_CASE("a pool record out of range is survived") {
  OnePool one(0, 10, {4});
  for (const std::uint32_t size_class : {31u, 64u, 1000u, 65535u}) {
    one.pool.size_class = static_cast<std::uint16_t>(size_class);
    one.pool.carved = 0xffffffff;
    LiveBlocks blocks;
    CHECK(!one.load(blocks));
  }
}

}  // namespace
