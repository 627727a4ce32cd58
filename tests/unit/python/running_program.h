// A synthesised process in the middle of a function: frames as each version keeps them.
#pragma once

#include "tests/unit/python/heap_builder.h"

namespace coreheap::python::synthetic {

// One function `f` in "m.py", with the variable `x`.
struct RunningProgram {
  explicit RunningProgram(const layouts::Layout& l) : heap(l) {
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
  bool objects() const { return heap.traits().frame_form == layouts::FrameForm::kFrameObjects; }
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
      case layouts::CurrentFrame::kThreadFrame:
        heap.store(heap.thread, l.thread_state.frame, innermost.value);
        break;
      case layouts::CurrentFrame::kThroughCFrame:
        heap.store(heap.thread, l.thread_state.cframe, kLoose.value);
        heap.store(kLoose, l.cframe.current_frame, innermost.value);
        break;
      case layouts::CurrentFrame::kThreadCurrentFrame:
        heap.store(heap.thread, l.thread_state.current_frame, innermost.value);
        break;
    }
  }
  HeapBuilder heap;
  Address code;
  Address value;
  unsigned frames = 0;
};

}  // namespace coreheap::python::synthetic
