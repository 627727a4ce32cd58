// The whole chain over a synthesised process: each stage found, once, from the ones below.
#include "heapparse/snapshot/snapshot.h"

#include "heapparse/census/build.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::layout_of;

TEST_CASE("from bytes to the census, in every version, with nothing but the image") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address list = heap.list({heap.integer(1)});
    const Address node = heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
    const Address big = heap.chunk(3000);
    heap.word(big, 0x8899aabbccddeeffULL);
    Snapshot snapshot(heap.image(), {});
    JobControl job;
    const auto census = snapshot.census(job);
    REQUIRE(census.has_value());
    CHECK(census::check(**census, snapshot.image()).empty());
    const auto heaps = snapshot.heaps(job);
    REQUIRE((heaps && (*heaps)->size() == 1));
    CHECK((*heaps)->front().chunks.size() == heap.malloc_heap().chunks.size());
    const auto runtime = snapshot.runtime(job);
    REQUIRE((runtime && *runtime != nullptr));
    CHECK((*runtime)->layout->name == layout->name);
    const auto kind_at = [&](Address a) {
      const census::RowId row = (*census)->row_holding(a);
      return row == census::RowId::none ? std::string("none")
                                        : std::string((*census)->kind_of(row));
    };
    CHECK(kind_at(list) == "list");
    CHECK(kind_at(node) == "type");
    CHECK(kind_at(big) == "uncategorized");
    CHECK(kind_at(heap.type("dict")) == "type");
    CHECK(kind_at(heap.sysdict) == "dict");
  }
}

TEST_CASE("a stage is worked out once") {
  HeapBuilder heap(layout_of(3, 12));
  heap.boot();
  Snapshot snapshot(heap.image(), {});
  JobControl job;
  const auto first = snapshot.census(job);
  const auto second = snapshot.census(job);
  REQUIRE((first && second));
  CHECK(*first == *second);
  CHECK(*snapshot.types(job) == *snapshot.types(job));
  CHECK(&snapshot.symbols() == &snapshot.symbols());
}

TEST_CASE("a target without Python has heaps, a census and no runtime") {
  HeapBuilder heap(layout_of(3, 12));  // never booted
  heap.chunk(100);
  Snapshot snapshot(heap.image(), {});
  JobControl job;
  const auto runtime = snapshot.runtime(job);
  REQUIRE(runtime.has_value());
  CHECK(*runtime == nullptr);
  const auto types = snapshot.types(job);
  REQUIRE(types.has_value());
  CHECK(*types == nullptr);
  const auto census = snapshot.census(job);
  REQUIRE(census.has_value());
  CHECK(census::check(**census, snapshot.image()).empty());
}

TEST_CASE("an empty image has an empty census") {
  Snapshot snapshot(image::Image{}, {});
  JobControl job;
  const auto census = snapshot.census(job);
  REQUIRE(census.has_value());
  CHECK((*census)->rows.size() == 0);
  CHECK((*census)->ranges.empty());
}

TEST_CASE("a cancelled job leaves the snapshot able to try again") {
  HeapBuilder heap(layout_of(3, 12));
  heap.boot();
  Snapshot snapshot(heap.image(), {});
  JobControl cancelled;
  cancelled.cancel();
  const auto none = snapshot.census(cancelled);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == ErrorCode::cancelled);
  JobControl job;
  const auto census = snapshot.census(job);
  REQUIRE(census.has_value());
  CHECK((*census)->rows.size() > 10);
  CHECK(*snapshot.runtime(job) != nullptr);
}

}  // namespace
