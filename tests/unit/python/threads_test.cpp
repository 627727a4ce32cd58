// Threads and frames of a small CPython written by hand: what a frame shows, words with tags,
// chains that damage bent.
#include "heapparse/python/threads.h"

#include "tests/unit/catch.h"
#include "tests/unit/python/running_program.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::layout_of;
using synthetic::Read;
using synthetic::RunningProgram;

std::vector<PythonThread> threads_of(RunningProgram& program, std::size_t max_frames = 1000) {
  Read read(program.heap);
  Runtime runtime = program.heap.runtime();
  runtime.interpreters.front().thread_states = {program.heap.thread};
  JobControl job;
  auto types = find_types(read.image, runtime, {program.heap.malloc_heap()}, {}, job);
  REQUIRE(types.has_value());
  Decoder decoder(read.image.space, runtime, *types);
  return read_threads(read.image, decoder, {.locals = true, .max_frames = max_frames});
}

TEST_CASE("a thread shows its frames with their variables") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    RunningProgram program(*layout);
    const Address outer = program.frame({});
    program.run(program.frame(outer));
    const auto threads = threads_of(program);
    REQUIRE(threads.size() == 1);
    CHECK_FALSE(threads[0].cut);
    REQUIRE(threads[0].frames.size() == 2);
    const PythonFrame& frame = threads[0].frames[1];
    CHECK(frame.frame == outer);
    CHECK(frame.code_object == program.code);
    CHECK(frame.function == (layout->code.qualname.present() ? "C.f" : "f"));
    CHECK(frame.file == "m.py");
    REQUIRE(frame.locals.size() == 1);
    CHECK(frame.locals[0].name == "x");
    CHECK(frame.locals[0].value == program.value);
  }
}

TEST_CASE("a chain of frames that comes round again ends") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    RunningProgram program(*layout);
    const Address outer = program.frame({});
    const Address inner = program.frame(outer);
    program.heap.store(outer,
                       program.objects() ? layout->frame.back : layout->interpreter_frame.previous,
                       inner.value);
    program.run(inner);
    const auto threads = threads_of(program);
    REQUIRE(threads.size() == 1);
    CHECK(threads[0].cut);
    CHECK(threads[0].frames.size() <= 6);
  }
}

TEST_CASE("frames that were not asked for are left out") {
  RunningProgram program(layout_of(3, 12));
  Address at;
  for (int i = 0; i < 5; ++i) at = program.frame(at);
  program.run(at);
  const auto threads = threads_of(program, 3);
  REQUIRE(threads.size() == 1);
  CHECK(threads[0].cut);
  CHECK(threads[0].frames.size() == 3);
}

TEST_CASE("words of a stack carry tags where a version has them") {
  const auto& plain = layout_of(3, 13).traits;
  CHECK(decode_stack_word(plain, 0x1001).object == Address{0x1001});
  const auto& tagged = layout_of(3, 14).traits;
  CHECK(decode_stack_word(tagged, tagged.stackref_null).object == Address{});
  CHECK(decode_stack_word(tagged, 0x1000).object == Address{0x1000});
  CHECK(decode_stack_word(tagged, 0x1000).counted);
  CHECK(decode_stack_word(tagged, 0x1001).object == Address{0x1000});
  CHECK_FALSE(decode_stack_word(tagged, 0x1001).counted);
  CHECK(decode_stack_word(tagged, 0x1000 | tagged.stackref_tagged_int).object == Address{});
  const auto& wrapping = layout_of(3, 15).traits;
  CHECK(decode_stack_word(wrapping, 0x1000 | wrapping.stackref_wrapped).object == Address{});
}

}  // namespace
