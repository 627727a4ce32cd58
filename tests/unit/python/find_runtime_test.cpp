// Finding the runtime in synthesised memory, and refusing what only resembles one.
#include "cpython_layouts/hex_version.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/runtime.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kStatics;
using synthetic::layout_of;

std::optional<Runtime> find(HeapBuilder& heap, const image::Image& image,
                            const image::Symbols& symbols = {}) {
  JobControl job;
  const auto pools = pymalloc::find_heap(image, {}, job);
  REQUIRE(pools.has_value());
  auto found = find_runtime(image, symbols, {heap.malloc_heap()}, *pools, job);
  REQUIRE(found.has_value());
  return std::move(*found);
}
std::optional<Runtime> find(HeapBuilder& heap) { return find(heap, heap.image()); }

TEST_CASE("the runtime of every version is found by structure alone") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    CHECK(runtime->type_type == heap.type_type);
    CHECK(runtime->layout->name == layout->name);
    CHECK_FALSE(runtime->best_effort);
    CHECK(runtime->version_text == layouts::text_from_hex(heap.hexversion()));
    CHECK(runtime->gc_head_bytes == heap.gc_head_bytes);
    CHECK(runtime->debug_prefix_bytes == 0);
    if (layout->traits.has_pyruntime) CHECK(runtime->runtime == heap.runtime_struct);
    REQUIRE(runtime->interpreters.size() == 1);
    const Interpreter& main = runtime->interpreters[0];
    CHECK(main.address == heap.interpreter);
    CHECK(main.modules == heap.modules);
    CHECK(main.sysdict == heap.sysdict);
    CHECK(main.builtins == heap.builtins);
    CHECK(main.thread_states == std::vector<Address>{heap.thread});
    CHECK(runtime->evidence.size() >= 3);
    CHECK(runtime->findings.empty());
  }
}

TEST_CASE("the size of GC heads is read from the heap where builds of a version differ") {
  for (const auto* layout : gil_layouts()) {
    for (const std::uint32_t head : layout->traits.gc_head_sizes) {
      for (const std::uint32_t prefix : {0U, 16U}) {
        INFO(layout->name << ", head " << head << ", prefix " << prefix);
        HeapBuilder heap(*layout, {head, prefix});
        heap.boot();
        const auto runtime = find(heap);
        REQUIRE(runtime.has_value());
        CHECK(runtime->gc_head_bytes == head);
        CHECK(runtime->debug_prefix_bytes == prefix);
      }
    }
  }
}

TEST_CASE("memory without Python has no runtime") {
  HeapBuilder heap(layout_of(3, 12));  // types there are, an interpreter there is not
  CHECK_FALSE(find(heap).has_value());
  JobControl job;
  const auto none = find_runtime(image::Image{}, {}, {}, {}, job);
  REQUIRE(none.has_value());
  CHECK_FALSE(none->has_value());
}

TEST_CASE("what is not quite an interpreter is none") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder booted(*layout);
    booted.boot();
    REQUIRE(find(booted).has_value());
    const auto damaged = [&](Address at, const layouts::Field& field, std::uint64_t value) {
      HeapBuilder heap = booted;
      heap.store(at, field, value);
      return find(heap).has_value();
    };
    const auto& f = layout->interpreter;
    const std::uint64_t list = booted.list({}).value;
    CHECK_FALSE(damaged(booted.interpreter, f.modules, list));
    CHECK_FALSE(damaged(booted.interpreter, f.sysdict, list));
    CHECK_FALSE(damaged(booted.interpreter, f.builtins, 0));
    CHECK_FALSE(damaged(booted.interpreter, f.builtins, 0x1000));
    // A thread of somebody else's.
    CHECK_FALSE(damaged(booted.thread, layout->thread_state.interp, booted.interpreter.value + 8));
    // Three dicts, none of which is the one of sys.
    CHECK_FALSE(damaged(booted.interpreter, f.sysdict, booted.modules.value));
    // Every thread gone is no reason to doubt.
    CHECK(damaged(booted.interpreter, f.threads_head, 0));
    // `type` must be its own type and say that it is one.
    CHECK_FALSE(damaged(booted.type_type, layout->object.type, booted.object_type.value));
    CHECK_FALSE(damaged(booted.type_type, layout->type.flags, 0));
  }
}

TEST_CASE("an object that is its own type, in front of the real one, leads nobody astray") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    // In the module before: right flags, a size that some version has, no interpreter.
    const Address fake = pymalloc::synthetic::kData + 0x100;
    heap.store(fake, layout->object.type, fake.value);
    heap.store(fake, layout->type.flags, layout->traits.type_flags.type_subclass);
    heap.store(fake, layout->type.basicsize, layout->heap_type.struct_size);
    heap.boot();
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    CHECK(runtime->type_type == heap.type_type);
  }
}

TEST_CASE("all interpreters are listed, the main one first, and a broken list is a finding") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.has_pyruntime) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    // A second interpreter, newer, on the C heap; heads of lists are the newest.
    const Address second = heap.allocate(
        layout->interpreter.struct_size < 0x8000 ? layout->interpreter.struct_size : 0x8000);
    for (const auto& field :
         {layout->interpreter.modules, layout->interpreter.sysdict, layout->interpreter.builtins}) {
      heap.store(second, field, heap.memory.read<std::uint64_t>(heap.interpreter + field.offset));
    }
    heap.store(second, layout->interpreter.next, heap.interpreter.value);
    heap.store(second, layout->interpreter.id, 1);
    heap.store(heap.runtime_struct, layout->runtime.interpreters_head, second.value);
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    REQUIRE(runtime->interpreters.size() == 2);
    CHECK(runtime->interpreters[0].address == heap.interpreter);
    CHECK(runtime->interpreters[1].address == second);
    CHECK(runtime->runtime == heap.runtime_struct);

    heap.store(heap.interpreter, layout->interpreter.next, 0x1230);
    const auto broken = find(heap);
    REQUIRE(broken.has_value());
    CHECK(broken->interpreters.size() == 2);
    REQUIRE(broken->findings.size() == 1);
    CHECK(broken->findings[0].address == Address{0x1230});
  }
}

TEST_CASE("a list of interpreters or threads that bites its tail ends") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    heap.store(heap.interpreter, layout->interpreter.next, heap.interpreter.value);
    heap.store(heap.thread, layout->thread_state.next, heap.thread.value);
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    CHECK(runtime->interpreters.size() == 1);
    CHECK(runtime->interpreters[0].thread_states.size() == 1);
  }
}

TEST_CASE("a version newer than every table is read with the newest, and says so") {
  const auto& newest = layouts::newest();
  HeapBuilder heap(newest);
  heap.boot();
  heap.store(heap.type_type, newest.type.basicsize, newest.heap_type.struct_size + 64);
  heap.word(heap.runtime_struct + 8, 0x031f00f0);
  const auto runtime = find(heap);
  REQUIRE(runtime.has_value());
  CHECK(runtime->best_effort);
  CHECK(runtime->layout->version.minor == newest.version.minor);
  CHECK(runtime->version_text == "3.31.0");
}

TEST_CASE("without a list of modules the runtime is found in writable memory") {
  HeapBuilder heap(layout_of(3, 11));
  heap.boot();
  heap.memory.forget_modules();
  const auto runtime = find(heap);
  REQUIRE(runtime.has_value());
  CHECK(runtime->type_type == heap.type_type);
  CHECK(runtime->module == -1);
}

TEST_CASE("symbols confirm or contradict, and decide nothing") {
  HeapBuilder heap(layout_of(3, 11));
  heap.boot();
  const auto image = heap.image();
  for (const bool right : {true, false}) {
    image::Symbols symbols;
    symbols.add("PyType_Type", {right ? heap.type_type : kStatics + 0x5000, 408, 1});
    symbols.seal();
    const auto runtime = find(heap, image, symbols);
    REQUIRE(runtime.has_value());
    CHECK(runtime->type_type == heap.type_type);
    CHECK(runtime->evidence.back().subject == "symbol PyType_Type");
    CHECK(runtime->evidence.back().how == (right ? "agrees" : "is elsewhere"));
  }
}

TEST_CASE("a cancelled search is an error, not an answer") {
  HeapBuilder heap(layout_of(3, 11));
  heap.boot();
  const auto image = heap.image();
  JobControl job;
  job.cancel();
  const auto found = find_runtime(image, {}, {}, {}, job);
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().code == ErrorCode::cancelled);
}

}  // namespace
