// Threads and frames of a small CPython written by hand: what a frame shows, words with tags,
// chains that damage bent.
#include "heapparse/python/threads.h"

#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::CurrentFrame;
using layouts::FrameForm;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::layout_of;
using synthetic::Read;

// One function `f` in "m.py", with the variable `x`.
struct Program {
  explicit Program(const layouts::Layout& l) : heap(l) {
    heap.add_static_type("code", {heap.flags().have_gc * 0, l.code.struct_size, 1});
    heap.add_static_type("frame", {heap.flags().have_gc, l.frame.struct_size, 8});
    heap.boot();
    code = heap.object(heap.type("code"), l.code.struct_size + 64);
    const auto& f = l.code;
    const Address names = heap.tuple({heap.identifier("x")});
    heap.store(code, f.stacksize, 4);
    heap.store(code, f.flags, 3);
    heap.store(code, f.firstlineno, 30);
    heap.store(code, f.filename, heap.identifier("m.py").value);
    heap.store(code, f.name, heap.identifier("f").value);
    heap.store(code, f.qualname, heap.identifier("C.f").value);
    heap.store(code, f.nlocals, 1);
    heap.store(code, f.varnames, names.value);
    heap.store(code, f.localsplusnames, names.value);
    heap.store(code, f.localspluskinds, heap.bytes("\x20").value);
    heap.store(code, f.nlocalsplus, 1);
    heap.store(code, f.framesize, 32);
    value = heap.integer(5);
  }
  bool objects() const { return heap.traits().frame_form == FrameForm::kFrameObjects; }
  // A frame of the function, called from `back`.
  Address frame(Address back) {
    const auto& l = heap.layout;
    if (objects()) {
      const Address at = heap.object(heap.type("frame"), l.frame.struct_size + 64);
      heap.store(at, l.frame.code, code.value);
      heap.store(at, l.frame.back, back.value);
      heap.store(at, l.frame.lasti, ~std::uint64_t{0});
      heap.word(at + l.frame.localsplus.offset, value.value);
      return at;
    }
    const Address at = kLoose + 0x400 + std::uint64_t{0x100} * frames++;
    heap.store(at, l.interpreter_frame.executable, code.value);
    heap.store(at, l.interpreter_frame.previous, back.value);
    const auto& ip = l.interpreter_frame.instr_ptr.present() ? l.interpreter_frame.instr_ptr
                                                             : l.interpreter_frame.prev_instr;
    heap.store(at, ip, (code + l.code.code_adaptive.offset).value);
    heap.store(at, l.interpreter_frame.owner, heap.traits().frame_owners.thread);
    if (l.interpreter_frame.stacktop.present()) {
      heap.store(at, l.interpreter_frame.stacktop, ~std::uint64_t{0});  // it runs
    }
    heap.word(at + l.interpreter_frame.localsplus.offset, value.value);
    return at;
  }
  void run(Address innermost) {
    const auto& l = heap.layout;
    switch (heap.traits().current_frame) {
      case CurrentFrame::kThreadFrame:
        heap.store(heap.thread, l.thread_state.frame, innermost.value);
        break;
      case CurrentFrame::kThroughCFrame:
        heap.store(heap.thread, l.thread_state.cframe, kLoose.value);
        heap.store(kLoose, l.cframe.current_frame, innermost.value);
        break;
      case CurrentFrame::kThreadCurrentFrame:
        heap.store(heap.thread, l.thread_state.current_frame, innermost.value);
        break;
    }
  }
  std::vector<PythonThread> threads(std::size_t max_frames = 1000) {
    Read read(heap);
    Runtime runtime = heap.runtime();
    runtime.interpreters.front().thread_states = {heap.thread};
    JobControl job;
    auto types = find_types(read.image, runtime, {heap.malloc_heap()}, {}, job);
    REQUIRE(types.has_value());
    Decoder decoder(read.image.space, runtime, *types);
    return read_threads(read.image, decoder, {.locals = true, .max_frames = max_frames});
  }

  HeapBuilder heap;
  Address code;
  Address value;
  unsigned frames = 0;
};

TEST_CASE("a thread shows its frames with their variables") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    Program program(*layout);
    const Address outer = program.frame({});
    program.run(program.frame(outer));
    const auto threads = program.threads();
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
    Program program(*layout);
    const Address outer = program.frame({});
    const Address inner = program.frame(outer);
    program.heap.store(outer,
                       program.objects() ? layout->frame.back : layout->interpreter_frame.previous,
                       inner.value);
    program.run(inner);
    const auto threads = program.threads();
    REQUIRE(threads.size() == 1);
    CHECK(threads[0].cut);
    CHECK(threads[0].frames.size() <= 6);
  }
}

TEST_CASE("frames that were not asked for are left out") {
  Program program(layout_of(3, 12));
  Address at;
  for (int i = 0; i < 5; ++i) at = program.frame(at);
  program.run(at);
  const auto threads = program.threads(3);
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
