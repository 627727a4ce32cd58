// Where a memoryview keeps the object whose memory it shows: in a managed buffer that views of one
// exporter share, or (before there were any) in itself.
#pragma once

#include "cpython_layouts/layout.h"

namespace coreheap::python {

// The exporter that a managed buffer holds.
inline layouts::Field managed_exporter(const layouts::Layout& layout) {
  layouts::Field field = layout.managed_buffer.master;
  if (!field.present()) return {};
  field.offset += layout.buffer.obj.offset;
  field.size = layout.buffer.obj.size;
  return field;
}

// The exporter that a memoryview holds itself; no field where a managed buffer does.
inline layouts::Field own_exporter(const layouts::Layout& layout) {
  layouts::Field field = layout.memoryview.view;
  if (!field.present() || layout.memoryview.managed_buffer.present()) return {};
  field.offset += layout.buffer.obj.offset;
  field.size = layout.buffer.obj.size;
  return field;
}

}  // namespace coreheap::python
