// What empty interpreters have: the tables and the choice among them.
#include "cpython_layouts/startup.h"

#include <algorithm>

#include "tests/unit/catch.h"

using namespace coreheap::layouts;

TEST_CASE("Every version has a table of what an empty interpreter has, by name") {
  for (const Layout* layout : all()) {
    if (layout->version.free_threaded || layout->version.debug) continue;
    CAPTURE(layout->name);
    const StartupTable* table = startup_table(layout->version);
    REQUIRE(table != nullptr);
    CHECK(table->version.minor == layout->version.minor);
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
    for (const StartupUsage& one : table->types) {
      CHECK((one.objects != 0 || one.buffers != 0));
      objects += one.objects;
      bytes += one.own + one.buffers;
    }
    CHECK(objects > 5000);
    CHECK(bytes > (1U << 20));
    CHECK(bytes < (4U << 20));
    CHECK(std::ranges::is_sorted(table->types, {}, &StartupUsage::type));
  }
}

TEST_CASE("A newer version takes the newest table; builds that nobody measured take none") {
  const StartupTable* newest = startup_table({3, 99, 0, false, false});
  REQUIRE(newest != nullptr);
  CHECK(newest->version.minor >= 15);
  CHECK(startup_table({3, 13, 0, true, false}) == nullptr);
  CHECK(startup_table({3, 13, 0, false, true}) == nullptr);
  CHECK(startup_table({3, 2, 0, false, false}) == nullptr);
}
