// Choosing a table: by version, by the size of _PyRuntime, by the basicsize of `type`.
#include "cpython_layouts/layout.h"
#include "tests/unit/catch.h"

using namespace coreheap::layouts;

namespace {

std::string name_of(const Layout* layout) { return layout ? std::string(layout->name) : "none"; }

Version version(int major, int minor, int micro, bool free_threaded = false, bool debug = false) {
  return {static_cast<std::uint8_t>(major), static_cast<std::uint8_t>(minor),
          static_cast<std::uint8_t>(micro), free_threaded, debug};
}

}  // namespace

TEST_CASE("Every supported version has a table") {
  CHECK(name_of(find(version(2, 7, 18))) == "2.7");
  for (int minor = 6; minor <= 15; ++minor) {
    const Layout* layout = find(version(3, minor, 0));
    REQUIRE(layout != nullptr);
    CHECK(layout->version.minor == minor);
    CHECK_FALSE(layout->version.free_threaded);
    CHECK_FALSE(layout->version.debug);
  }
  for (int minor = 13; minor <= 15; ++minor) {
    const Layout* layout = find(version(3, minor, 0, true));
    REQUIRE(layout != nullptr);
    CHECK(layout->version.free_threaded);
  }
}

TEST_CASE("A version without a table gives none, and the newest is there for best effort") {
  CHECK(find(version(2, 6, 9)) == nullptr);
  CHECK(find(version(3, 5, 0)) == nullptr);
  CHECK(find(version(3, 16, 0)) == nullptr);
  CHECK(find(version(3, 12, 1, true)) == nullptr);
  CHECK(newest().version.minor == 15);
  CHECK_FALSE(newest().version.free_threaded);
  CHECK_FALSE(newest().version.debug);
  CHECK(newest(true).version.free_threaded);
}

TEST_CASE("The size of the runtime decides between patch releases, against the micro version") {
  CHECK(name_of(find(version(3, 13, 0), 283320)) == "3.13");
  CHECK(name_of(find(version(3, 13, 5), 283376)) == "3.13.5");
  CHECK(name_of(find(version(3, 13, 15), 283408)) == "3.13.15");
  CHECK(name_of(find(version(3, 13, 0), 283408)) == "3.13.15");
  CHECK(name_of(find(version(3, 13, 15), 283320)) == "3.13");
}

TEST_CASE("Without a tabled size the micro version decides") {
  CHECK(name_of(find(version(3, 13, 0))) == "3.13");
  CHECK(name_of(find(version(3, 13, 3))) == "3.13.5");
  CHECK(name_of(find(version(3, 13, 40))) == "3.13.15");
  CHECK(name_of(find(version(3, 13, 0), 12345)) == "3.13");
  CHECK(name_of(find(version(3, 14, 8), 316616)) == "3.14");
  CHECK(name_of(find(version(3, 14, 10), 316616)) == "3.14.10");
  CHECK(name_of(find(version(3, 13, 0), 0)) == "3.13");
}

TEST_CASE("A debug build is found by its runtime's size or by being told") {
  CHECK(name_of(find(version(3, 14, 8), 332632)) == "3.14d");
  CHECK(name_of(find(version(3, 14, 8, false, true))) == "3.14d");
  CHECK(name_of(find(version(2, 7, 18, false, true))) == "2.7d");
  CHECK(name_of(find(version(3, 11, 2, false, true))) ==
        "3.11");  // same layouts, no table of its own
}

TEST_CASE("The basicsize of type names the versions that share it") {
  auto names = [](std::uint64_t basicsize) {
    std::string text;
    for (const Layout* layout : candidates_by_type_basicsize(basicsize)) {
      text += std::string(layout->name) + " ";
    }
    return text;
  };
  CHECK(names(872) == "2.7 ");
  CHECK(names(888) == "2.7d 3.10 ");
  CHECK(names(864) == "3.6 3.7 ");
  CHECK(names(880) == "3.8 3.9 ");
  CHECK(names(904) == "3.11 3.11.7 ");
  CHECK(names(920) == "3.12 ");
  CHECK(names(928) == "3.13 3.13.5 3.13.15 3.13d ");
  CHECK(names(936) == "3.14 3.14.10 3.14d 3.14.10d ");
  CHECK(names(944) == "3.13t 3.15 3.15.2 3.15d 3.15.2d ");
  CHECK(names(960) == "3.14t ");
  CHECK(names(968) == "3.15t ");
  CHECK(names(1) == "");
}

TEST_CASE("The size of the runtime finds its tables, and none where there is no such symbol") {
  CHECK(candidates_by_runtime_size(0).count == 0);
  CHECK(candidates_by_runtime_size(1520).count == 1);
  CHECK(candidates_by_runtime_size(316616).count == 2);
}

TEST_CASE("No list of candidates is cut off") {
  for (const Layout* layout : all()) {
    CHECK(candidates_by_type_basicsize(layout->heap_type.struct_size).count < Candidates::kMax);
    CHECK(candidates_by_runtime_size(layout->runtime_size).count < Candidates::kMax);
  }
}
