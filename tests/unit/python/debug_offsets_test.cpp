// The target's own word on its structures: agreeing, better, and out of its mind.
#include "heapparse/python/debug_offsets.h"

#include <map>

#include "cpython_layouts/structs_visit.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/runtime.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;

// Writes the block as a build with exactly these structures has it.
void write_block(HeapBuilder& heap, const layouts::Layout& build) {
  std::map<std::string, std::uint64_t> values;
  layouts::visit_fields(build, [&](std::string_view group, std::string_view field,
                                   const layouts::Struct& of, const layouts::Field& member) {
    values[std::string(group) + "." + std::string(field)] = member.offset;
    values[std::string(group)] = of.struct_size;
  });
  layouts::visit_fields(build, [&](std::string_view group, std::string_view field,
                                   const layouts::Struct&, const layouts::Field& member) {
    if (group != "debug_offsets" || !member.present() || member.offset < 32) return;
    if (const auto it = values.find(table_name_of(field)); it != values.end()) {
      heap.word(heap.runtime_struct + member.offset, it->second);
    }
  });
}

std::vector<const layouts::Layout*> layouts_with_block() {
  std::vector<const layouts::Layout*> out;
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.has_debug_offsets) out.push_back(layout);
  }
  return out;
}

std::optional<Runtime> find(HeapBuilder& heap, const RuntimeOptions& options = {}) {
  JobControl job;
  const auto image = heap.image();
  const auto pools = pymalloc::find_heap(image, {}, job);
  REQUIRE(pools.has_value());
  auto found = find_runtime(image, {}, {heap.malloc_heap()}, *pools, job, options);
  REQUIRE(found.has_value());
  return std::move(*found);
}

TEST_CASE("a block that says what the table says changes nothing") {
  for (const auto* layout : layouts_with_block()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    write_block(heap, *layout);
    const auto said = read_debug_offsets(heap.image().space, heap.runtime_struct, *layout);
    CHECK(said.readable);
    CHECK(said.compared > 50);
    CHECK(said.differences.empty());
    CHECK(said.implausible.empty());
    CHECK(said.corrected == nullptr);
  }
}

TEST_CASE("where block and table differ, the interpreter is found by the block") {
  for (const auto* layout : layouts_with_block()) {
    INFO(layout->name);
    // A build whose interpreter state has a word more in front of `modules`.
    layouts::Layout build = *layout;
    build.interpreter.struct_size += 8;
    for (auto* field :
         {&build.interpreter.modules, &build.interpreter.sysdict, &build.interpreter.builtins}) {
      field->offset += 8;
    }
    HeapBuilder heap(build);
    heap.boot();
    CHECK_FALSE(find(heap).has_value());
    write_block(heap, build);
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    CHECK(runtime->interpreters.size() == 1);
    CHECK(runtime->layout->interpreter.modules == build.interpreter.modules);
    CHECK(runtime->findings.empty());
    CHECK_FALSE(runtime->best_effort);
  }
}

TEST_CASE("a value that does not fit into its structure is not taken") {
  for (const auto* layout : layouts_with_block()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    write_block(heap, *layout);
    heap.store(heap.runtime_struct, layout->debug_offsets.dict_keys, layout->dict.struct_size);
    heap.store(heap.runtime_struct, layout->debug_offsets.list_items, ~0ULL);
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    CHECK(runtime->layout->dict == layout->dict);
    CHECK(runtime->layout->list == layout->list);
    CHECK(runtime->findings.size() == 2);
  }
}

TEST_CASE("a block that leads away from the interpreter is not followed") {
  for (const auto* layout : layouts_with_block()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    write_block(heap, *layout);
    heap.store(heap.runtime_struct, layout->debug_offsets.interpreter_modules, 8);
    const auto runtime = find(heap);
    REQUIRE(runtime.has_value());
    CHECK(runtime->layout->interpreter == layout->interpreter);
  }
}

TEST_CASE("a block of another form is not read") {
  for (const auto* layout : layouts_with_block()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    write_block(heap, *layout);
    heap.store(heap.runtime_struct, layout->debug_offsets.object_type, 24);
    CHECK_FALSE(read_debug_offsets(heap.image().space, heap.runtime_struct, *layout).readable);
    CHECK(find(heap).has_value());
  }
}

TEST_CASE("with its table hidden a version is read by the one before, moved until it fits") {
  // As 3.15 follows 3.14: everything an interpreter state begins with is elsewhere.
  const auto* before = layouts_with_block().front();
  for (const int by : {-96, 32, 800}) {
    INFO(by);
    layouts::Layout build = *before;
    for (auto* field :
         {&build.interpreter.modules, &build.interpreter.sysdict, &build.interpreter.builtins}) {
      field->offset = static_cast<std::uint32_t>(static_cast<int>(field->offset) + by);
    }
    build.interpreter.threads_head.offset -= 8;
    HeapBuilder heap(build);
    heap.boot();
    heap.store(heap.type_type, build.type.basicsize, build.heap_type.struct_size + 64);
    heap.word(heap.runtime_struct + 8, 0x031f00f0);
    const auto runtime = find(heap, {before->version});
    REQUIRE(runtime.has_value());
    CHECK(runtime->best_effort);
    CHECK(runtime->version_text == "3.31.0");
    CHECK(runtime->layout->interpreter.modules == build.interpreter.modules);
    CHECK(runtime->layout->interpreter.threads_head == build.interpreter.threads_head);
    CHECK(runtime->interpreters.size() == 1);
    CHECK(runtime->interpreters[0].thread_states == std::vector<Address>{heap.thread});
  }
}

}  // namespace
