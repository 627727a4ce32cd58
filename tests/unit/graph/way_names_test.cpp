// Places in the program, from ways.
#include "heapparse/graph/way_names.h"

#include "tests/unit/census/world.h"
#include "tests/unit/python/running_program.h"

namespace {

using namespace coreheap;
using graph::place_text;
using python::synthetic::gil_layouts;
using python::synthetic::RunningProgram;

TEST_CASE("a place in a module begins with the module") {
  CHECK(place_text("sys.modules['app'].CACHE['k']") == "app.CACHE['k']");
  CHECK(place_text("sys.modules['app.sub'].rows[3]") == "app.sub.rows[3]");
  CHECK(place_text("sys.modules.app.rows") == "app.rows");
  CHECK(place_text("sys.modules") == "sys.modules");
  CHECK(place_text("C globals of libz.so.1 <word>") == "C globals of libz.so.1 <word>");
}

TEST_CASE("a place in a running function begins with the variable") {
  CHECK(place_text("handle() at app.py:12 in thread 7 (MainThread) <local rows>[3].name") ==
        "local rows[3].name of handle() at app.py:12 in thread 7 (MainThread)");
  CHECK(place_text("handle() at app.py:12 in thread 7 <local rows") ==
        "handle() at app.py:12 in thread 7 <local rows");
  CHECK(place_text("handle() at app.py:12 in thread 7 <stack 2>") ==
        "handle() at app.py:12 in thread 7 <stack 2>");
}

TEST_CASE("what a variable holds is at the variable, whether frames are objects or not") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    RunningProgram program(*layout);
    program.value = program.heap.list({});
    program.run(program.frame({}));
    census::testing::World world(program.heap);
    world.runtime.interpreters.front().thread_states = {program.heap.thread};
    const census::Census rows = world.census();
    const graph::Sources sources{world.image, rows, &world.runtime, &world.types};
    const auto built = graph::build(sources, world.job);
    REQUIRE(built.has_value());
    graph::EdgeNames names(sources, *built);
    const std::string place = graph::place_of(*built, names, built->node_at(program.value));
    const std::string function = layout->code.qualname.present() ? "C.f" : "f";
    CHECK(place.starts_with("local x of " + function + "() "));
    CHECK(place.find("m.py") != std::string::npos);
    CHECK(place.find(" in thread") != std::string::npos);
  }
}

}  // namespace
