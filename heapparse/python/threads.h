// Every thread of every interpreter, with its Python frames: what sys._current_frames and the
// traceback module would print, from outside.
//
// Bounded: a chain of frames that damage bent into a circle ends where it comes round, and all
// threads together show no more than `max_frames`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/types/frame.h"

namespace coreheap::python {

struct PythonLocal {
  std::string name;
  Address value;
  FrameLocal::Kind kind = FrameLocal::Kind::local;
  bool hidden = false;
};

struct PythonFrame {
  Address frame;   // the frame object, or from 3.11 on the interpreter's frame
  Address object;  // the frame object, 0 when there is none
  Address code_object;
  std::string function;  // qualname where code has one (3.11 on), else name
  std::string file;
  std::optional<std::int64_t> line;
  std::vector<PythonLocal> locals;  // where they were asked for
};

struct PythonThread {
  Address state;
  std::uint64_t interpreter = 0;           // its id
  std::uint64_t id = 0;                    // threading.get_ident()
  std::optional<std::uint64_t> native_id;  // the kernel's
  std::string name;                        // of threading.Thread; empty: not one of its
  std::optional<bool> holds_gil;    // nullopt: this version does not say where it can be read
  Address raising;                  // the exception that is on its way
  Address handling;                 // the one that sys.exc_info() shows
  std::vector<PythonFrame> frames;  // innermost first
  bool cut = false;                 // more frames than were asked for, or a damaged chain
};

struct ThreadOptions {
  bool locals = false;
  std::size_t max_frames = 1 << 20;
};

// In the order in which they were started, interpreter by interpreter.
std::vector<PythonThread> read_threads(const image::Image& image, Decoder& decoder,
                                       const ThreadOptions& options);

// The frames of one thread, innermost first, those that have not begun included.
void for_each_frame(Decoder& decoder, Address thread_state,
                    FunctionRef<void(const FrameView&)> visit);

PythonFrame read_frame(Decoder& decoder, const FrameView& frame, bool locals);

}  // namespace coreheap::python
