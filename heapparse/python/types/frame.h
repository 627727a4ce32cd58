// The view of frame and generator objects: for now, what their size depends on.
#pragma once

#include "heapparse/python/object_reader.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

// Do objects of this shape store how many items follow? Interpreter frames replaced the
// variable-sized frame object, and generators that embed a frame declare items without counting
// them.
inline bool has_item_count(const layouts::Layout& layout, Shape shape) {
  if (shape == Shape::frame) return layout.frame.size.present();
  return !layout.generator.interpreter_frame.present();
}

}  // namespace coreheap::python
