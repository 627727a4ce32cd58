// The view of a frame: which code it runs, where it stands, its variables and its value stack.
//
// Frames are objects up to 3.10. From 3.11 on the interpreter works on frames of its own, on the
// thread's data stack or inside a generator or a frame object; the objects are shells around them.
// Validated when made: the code is a code object. What the slots hold is whatever lies there.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/base/function_ref.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/reference.h"
#include "heapparse/python/types/code.h"

namespace coreheap::python {

// Do objects of this shape store how many items follow? Interpreter frames replaced the
// variable-sized frame object, and generators that embed a frame declare items without counting
// them.
inline bool has_item_count(const layouts::Layout& layout, Shape shape) {
  if (shape == Shape::frame) return layout.frame.size.present();
  return !layout.generator.interpreter_frame.present();
}

// What a word of a frame's slots, its code or its function refers to.
struct StackWord {
  Address object;  // 0: nothing, or something that is no object
  bool counted = true;
};
StackWord decode_stack_word(const layouts::Traits& traits, std::uint64_t word);

struct FrameView {
  enum class Owner : std::uint8_t { thread, generator, frame_object };
  Address address;  // of the frame object, or of the interpreter frame
  Address object;   // the frame object, 0 when there is none
  CodeView executable;
  Address function;  // 0 up to 3.10
  Address globals;
  Address mapping;  // what holds the variables of a module or a class; 0 for functions
  Address back;     // the next outer frame, artificial ones included
  Owner owner = Owner::thread;
  std::int64_t instruction = -1;     // bytes; negative: before the first
  std::optional<std::int64_t> line;  // as a debugger set it; else it follows from the instruction
  Address slots;                     // variables, then the value stack
  std::uint64_t variables = 0;       // how many; 0 too where they were given up
  // Entries of the value stack; nullopt while the interpreter keeps its height in a register.
  std::optional<std::uint64_t> stack_height;

  // Did it get as far as its first line? Those that did not are not shown by Python either.
  bool begun = true;
};

// The frame object at `frame`.
std::optional<FrameView> view_frame(Decoder& decoder, Address frame);
// 3.11 on; nullopt also for an artificial frame, one that only stands where C called in.
std::optional<FrameView> view_interpreter_frame(Decoder& decoder, Address frame);
// The next outer frame of a frame of either kind, without asking what it is.
Address outer_frame(ObjectReader& reader, Address frame);

// The line it stands in; nullopt when the compiler gave the instruction none.
std::optional<std::int64_t> line_of(ObjectReader& reader, const FrameView& frame);

// A variable that has a value.
struct FrameLocal {
  enum class Kind : std::uint8_t { local, cell, free, name };
  Address name;  // a str
  Address value;
  Kind kind = Kind::local;
  bool hidden = false;
};
// What frame.f_locals shows, cells followed; where two have one name the last counts. Nothing for a
// module's frame, whose variables are the module's.
void for_each_local(Decoder& decoder, const FrameView& frame,
                    FunctionRef<void(const FrameLocal&)> visit);

// Every word of the slots: variables by name, then the value stack as far as its height is known.
struct FrameSlot {
  std::uint64_t index = 0;
  bool on_stack = false;
  Address name;  // of a variable
  StackWord word;
};
void for_each_slot(Decoder& decoder, const FrameView& frame,
                   FunctionRef<void(const FrameSlot&)> visit);

// What an interpreter frame holds while it runs (3.11 on): its function, its code, its variables
// and its value stack, as far as the height of that is known. A frame that is an object holds what
// any object does.
void for_each_frame_reference(Decoder& decoder, const FrameView& frame,
                              FunctionRef<void(const Reference&)> visit);

}  // namespace coreheap::python
