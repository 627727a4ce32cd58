// Every byte has one home: over synthesised heaps, over random mappings, and the check that says
// so.
#include "heapparse/census/census.h"

#include <random>
#include <set>

#include "heapparse/census/labels.h"
#include "heapparse/census/ranges.h"
#include "heapparse/census/rows_builder.h"
#include "tests/unit/census/world.h"

namespace {

using namespace coreheap;
using namespace coreheap::census;
using census::testing::row_of;
using census::testing::World;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::kBrk;
using python::synthetic::kBrkBytes;
using python::synthetic::layout_of;

std::string what(const Findings& findings) {
  std::string out;
  for (const Finding& f : findings) out += f.what + "; ";
  return out;
}

// A heap with something of everything.
void furnish(HeapBuilder& heap) {
  heap.boot();
  for (int i = 0; i < 60; ++i) {
    heap.list({heap.integer(i), heap.identifier("item " + std::to_string(i))});
  }
  heap.free_block(heap.allocate(48));
  heap.allocate(48);
  heap.chunk(5000);
  heap.chunk(100, glibc::ChunkState::bin);
  heap.chunk(40, glibc::ChunkState::tcache);
  heap.chunk(40, glibc::ChunkState::fastbin);
  heap.chunk(700, glibc::ChunkState::unknown);
  heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
}

std::uint64_t bytes_of(const Census& census, AddressRange within) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const AddressRange e = census.extent_of(RowId{i});
    if (within.contains(e.begin)) sum += e.size();
  }
  for (const Range& r : census.ranges) {
    if (within.contains(r.range.begin)) sum += r.range.size();
  }
  return sum;
}

TEST_CASE("rows and ranges of a heap add up to every mapping, in every version") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    furnish(heap);
    World world(heap);
    const Census census = world.census();
    const Findings findings = check(census, world.image);
    INFO(what(findings));
    CHECK(findings.empty());
    for (const auto& mapping : world.image.mappings) {
      CHECK(bytes_of(census, mapping.range) == mapping.range.size());
    }
    std::set<std::string> kinds;
    for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
      kinds.insert(std::string(info_of(census.label_of(RowId{i}).kind).id));
    }
    for (const char* kind :
         {"python_object", "list_items", "pymalloc_free", "pymalloc_virgin", "pymalloc_free_pool",
          "glibc_bin", "glibc_tcache", "glibc_fastbin", "glibc_top", "glibc_unknown"}) {
      INFO(kind);
      CHECK(kinds.contains(kind));
    }
  }
}

TEST_CASE("a census is the same with every byte that is missing labelled as such") {
  HeapBuilder heap(layout_of(3, 11));
  furnish(heap);
  // The end of the malloc heap, and one page of another mapping, are not in the core.
  heap.memory.lose({kBrk + kBrkBytes - 0x3000, kBrk + kBrkBytes});
  heap.memory.lose({python::synthetic::kLoose + 0x1000, python::synthetic::kLoose + 0x2000});
  World world(heap);
  const Census census = world.census();
  CHECK(check(census, world.image).empty());
  const Range* lost = census.range_holding(python::synthetic::kLoose + 0x1800);
  REQUIRE(lost != nullptr);
  CHECK(lost->kind == RangeKind::not_in_image);
  CHECK(lost->range.size() == 0x1000);
  CHECK(census.coverage.unreadable_bytes == 0x3000);
}

TEST_CASE("coverage counts what allocators own, what is damaged and what nobody could name") {
  HeapBuilder heap(layout_of(3, 11));
  World before(heap);
  const Census empty = before.census();
  CHECK(empty.coverage.allocator_bytes == kBrkBytes);
  CHECK(empty.coverage.uncategorized_count == 0);
  const Address nameless = heap.allocate(100);
  heap.word(nameless, 0x8899aabbccddeeffULL);
  const Address chunk = heap.chunk(1000);
  heap.word(chunk, 0x8899aabbccddeeffULL);
  heap.chunk(700, glibc::ChunkState::unknown);
  World world(heap);
  const Census census = world.census();
  CHECK(census.coverage.allocator_bytes == kBrkBytes + world.pools.arenas.at(0).range.size());
  CHECK(census.coverage.uncategorized_count == 2);
  CHECK(census.coverage.uncategorized_bytes == 112 + 1008);
  CHECK(census.coverage.damaged_bytes == 720);
  CHECK(census.coverage.unreadable_bytes == 0);
}

TEST_CASE("a chunk's extent starts at its size word and ends at the next one's") {
  HeapBuilder heap(layout_of(3, 11));
  const Address a = heap.chunk(1000);
  const Address b = heap.chunk(24);
  World world(heap);
  const Census census = world.census();
  CHECK(census.extent_of(row_of(census, a)) == AddressRange{a - 8, b - 8});
  CHECK(census.row_holding(a - 8) == row_of(census, a));
  CHECK(census.row_holding(b - 9) == row_of(census, a));
  CHECK(census.row_holding(b - 8) == row_of(census, b));
  // Nothing follows top whose first word it could use.
  const RowId top = row_of(census, kBrk + kBrkBytes - 1);
  CHECK(census.label_of(top).kind == Kind::glibc_top);
  CHECK(census.extent_of(top).end == kBrk + kBrkBytes);
}

TEST_CASE("a mmapped chunk ends with its mapping, whatever its libc reckons") {
  for (const std::uint32_t overhead : {16U, 8U}) {
    INFO(overhead);
    HeapBuilder heap(layout_of(3, 11));
    constexpr Address kBig{0x7f5500000000};
    heap.memory.add_region(kBig, 0x40000, image::MappingKind::anonymous);
    World world(heap);
    glibc::Chunk chunk;
    chunk.address = kBig;
    chunk.size = overhead == 16 ? 0x40000 : 0x40000 - 16;  // 2.43 leaves the foot out
    chunk.mmapped = true;
    world.heaps[0].layout.mmapped_overhead = overhead;
    world.heaps[0].chunks.push_back(chunk);
    const Census census = world.census();
    const Findings findings = check(census, world.image);
    INFO(what(findings));
    CHECK(findings.empty());
    const RowId row = row_of(census, kBig + 0x10000);
    CHECK(census.rows.allocator(row) == Allocator::glibc_mmap);
    CHECK(census.extent_of(row).begin == kBig + 8);
    CHECK(census.extent_of(row).end == kBig + (overhead == 16 ? 0x40000 : 0x40000 - 8));
  }
}

TEST_CASE("stacks are in use from the stack pointer up") {
  HeapBuilder heap(layout_of(3, 11));
  constexpr Address kStack{0x7ffc00000000};
  heap.memory.add_region(kStack, 0x10000, image::MappingKind::stack);
  World world(heap);
  image::Thread thread;
  thread.stack_pointer = kStack + 0x8008;
  world.image.threads.push_back(thread);
  const Census census = world.census();
  CHECK(check(census, world.image).empty());
  REQUIRE(census.range_holding(kStack + 0x7fff) != nullptr);
  CHECK(census.range_holding(kStack + 0x7fff)->kind == RangeKind::stack_unused);
  CHECK(census.range_holding(kStack + 0x8000)->kind == RangeKind::stack_used);
  CHECK(census.range_holding(kStack + 0xffff)->kind == RangeKind::stack_used);
}

TEST_CASE("a process without Python, or without any allocator, has a census too") {
  HeapBuilder heap(layout_of(3, 11));
  furnish(heap);
  World world(heap);
  Sources native{world.image, world.symbols, world.heaps, world.pools, nullptr, nullptr};
  const auto without_python = build(native, world.job);
  REQUIRE(without_python.has_value());
  CHECK(check(*without_python, world.image).empty());
  CHECK(without_python->types.empty());
  const std::vector<glibc::MallocHeap> no_heaps;
  const pymalloc::PymallocHeap no_pools;
  Sources bare{world.image, world.symbols, no_heaps, no_pools, nullptr, nullptr};
  const auto nothing = build(bare, world.job);
  REQUIRE(nothing.has_value());
  CHECK(check(*nothing, world.image).empty());
  CHECK(nothing->rows.size() == 0);
  CHECK(nothing->coverage.allocator_bytes == 0);
}

TEST_CASE("ranges tile random mappings around random rows, whatever is present of them") {
  std::mt19937_64 random(23);
  for (int round = 0; round < 200; ++round) {
    image::Image image;
    std::vector<image::Piece> pieces;
    std::vector<AddressRange> mapped;
    std::vector<glibc::MallocHeap> heaps(1);
    std::vector<std::byte> bytes(64 * 4096);
    RowsBuilder builder;
    Address at{0x10000};
    for (std::size_t m = 0; m < 1 + random() % 8; ++m) {
      if (random() % 3 != 0) at += random() % 4 * 4096;
      const std::uint64_t pages = 1 + random() % 8;
      image::Mapping mapping;
      mapping.range = {at, at + pages * 4096};
      mapping.kind = static_cast<image::MappingKind>(random() % 5);
      mapping.readable = random() % 4 != 0;
      mapping.writable = mapping.readable && random() % 2 == 0;
      image.mappings.push_back(mapping);
      mapped.push_back(mapping.range);
      for (std::uint64_t p = 0; p < pages; ++p) {
        if (random() % 3 == 0) continue;
        const Address page = at + p * 4096;
        pieces.push_back({{page, page + 4096}, bytes.data() + random() % 63 * 4096});
      }
      if (random() % 2 == 0) {
        glibc::Segment s;
        s.range = {at, at + 4096 * (1 + random() % pages)};
        heaps[0].segments.push_back(s);
      }
      if (random() % 2 == 0) {
        const Address from = at + random() % pages * 4096 + random() % 256 * 16;
        heaps[0].overhead.push_back({{from, from + 16 * (random() % 400)},
                                     static_cast<glibc::Overhead::What>(random() % 6)});
      }
      if (random() % 2 == 0) {
        image::Thread t;
        t.stack_pointer = at + random() % (pages * 4096);
        t.thread_pointer = (at + random() % (pages * 4096)).value;
        image.threads.push_back(t);
      }
      for (Address row = at + random() % 512 * 8; row < mapping.range.end;) {
        RowValue v;
        v.address = row;
        v.size = 8 + random() % 200 * 8;
        v.allocator = Allocator::pymalloc;
        if (row + v.size > mapping.range.end) break;
        builder.add(v);
        row += v.size + (random() % 2 == 0 ? 0 : random() % 700 * 8);
      }
      at = mapping.range.end;
    }
    image.space = image::AddressSpace(std::move(pieces), std::move(mapped));
    const pymalloc::PymallocHeap pools;
    const image::Symbols symbols;
    const Sources sources{image, symbols, heaps, pools, nullptr, nullptr};
    Census census;
    census.rows = builder.finish();
    census.labels = LabelTable().take();
    census.ranges = make_ranges(sources, census);
    const Findings findings = check(census, image);
    INFO("round " << round << ": " << what(findings));
    REQUIRE(findings.empty());
    for (const auto& mapping : image.mappings) {
      REQUIRE(bytes_of(census, mapping.range) == mapping.range.size());
    }
    for (std::size_t i = 0; i < census.ranges.size(); ++i) {
      const Range& r = census.ranges[i];
      REQUIRE(r.mapping >= 0);
      const auto& mapping = image.mappings[static_cast<std::size_t>(r.mapping)];
      REQUIRE(mapping.range.contains(r.range.begin, r.range.size()));
      REQUIRE(census.range_holding(r.range.begin) == &r);
      REQUIRE(census.range_holding(r.range.end - 1) == &r);
      if (r.kind == RangeKind::not_in_image) {
        REQUIRE(image.space.presence(r.range.begin) == image::Presence::missing);
      }
    }
  }
}

// A census of one mapping: two rows, and ranges around them.
struct Small {
  Small() {
    image.mappings.emplace_back().range = {Address{0x1000}, Address{0x2000}};
    rows = {{Address{0x1100}, 0x100}, {Address{0x1400}, 0x40}};
    ranges = {{0x1000, 0x1100}, {0x1200, 0x1400}, {0x1440, 0x2000}};
  }
  Findings checked() const {
    Census census;
    RowsBuilder builder;
    for (const auto& [address, size] : rows) {
      RowValue v;
      v.address = address;
      v.size = size;
      v.allocator = Allocator::pymalloc;
      v.type = type;
      v.label = label;
      v.owner = owner;
      builder.add(v);
    }
    census.rows = builder.finish();
    census.labels = LabelTable().take();
    for (const auto& [begin, end] : ranges) {
      census.ranges.push_back({{Address{begin}, Address{end}}, kind, mapping, 0});
    }
    return check(census, image);
  }
  image::Image image;
  std::vector<std::pair<Address, std::uint64_t>> rows;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  RangeKind kind = RangeKind::anonymous_other;
  std::int32_t mapping = 0;
  TypeId type = TypeId::none;
  LabelId label = LabelId{0};
  RowId owner = RowId::none;
};

TEST_CASE("the check is silent about a sound census and finds each planted breach") {
  Small c;
  INFO(what(c.checked()));
  REQUIRE(c.checked().empty());
  SECTION("a gap between rows") { c.ranges.erase(c.ranges.begin() + 1); }
  SECTION("a gap at the start") { c.ranges.erase(c.ranges.begin()); }
  SECTION("a gap at the end") { c.ranges.back().second = 0x1ff8; }
  SECTION("rows that overlap") { c.rows[0].second = 0x308; }
  SECTION("a range that reaches into a row") { c.ranges[0].second = 0x1108; }
  SECTION("a range that begins in a row") { c.ranges[1].first = 0x11f8; }
  SECTION("a range inside a row") { c.ranges.insert(c.ranges.begin() + 1, {0x1140, 0x1180}); }
  SECTION("a row inside a range") { c.ranges = {{0x1000, 0x2000}}; }
  SECTION("ranges that overlap") { c.ranges.insert(c.ranges.begin() + 1, {0x1080, 0x1100}); }
  SECTION("ranges out of order") { std::swap(c.ranges[0], c.ranges[1]); }
  SECTION("a row beyond every mapping") { c.rows.emplace_back(Address{0x5000}, 0x10); }
  SECTION("a range beyond every mapping") { c.ranges.emplace_back(0x5000, 0x5010); }
  SECTION("a range without a label") { c.kind = RangeKind::unlabelled; }
  SECTION("a range of no mapping") { c.mapping = 7; }
  SECTION("a type that is not in the table") { c.type = TypeId{3}; }
  SECTION("a label that is not in the table") { c.label = LabelId{60000}; }
  SECTION("an owner that is no row") { c.owner = RowId{17}; }
  CHECK_FALSE(c.checked().empty());
}

TEST_CASE("a number that is compiled in is the interpreter's, not what looks like one elsewhere") {
  HeapBuilder heap(layout_of(3, 13));
  const auto entry = [&] {
    const Address at = heap.static_memory(64);
    heap.header(at, heap.type("float"), heap.traits().immortal_refcount);
    heap.word(at + 16, 2);
    return at;
  };
  const Address constant = entry();
  const Address pair = entry();
  World world(heap);
  const auto is_object = [&](Address at) {
    const Census census = world.census();
    const RowId row = census.row_holding(at);
    return row != RowId::none && census.rows.allocator(row) == Allocator::static_object;
  };
  CHECK(is_object(constant));
  CHECK(is_object(pair));
  // The same memory, the last of it another module's.
  for (auto& module : world.image.modules) {
    for (AddressRange& data : module.data) {
      if (!data.contains(pair)) continue;
      image::Module other = module;
      other.data = {{pair, data.end}};
      data.end = pair;
      world.image.modules.push_back(std::move(other));
      CHECK(is_object(constant));
      CHECK_FALSE(is_object(pair));
      return;
    }
  }
  FAIL("no module has the entry");
}

}  // namespace
