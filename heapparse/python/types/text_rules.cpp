// Rules of str, bytes, bytearray and memoryview.
#include <array>

#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

void str_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_str(decoder.reader(), object.address);
  if (!v) return;
  if (v->own_data) visit({BufferKind::str_data, v->own_data});
  if (v->utf8) visit({BufferKind::str_utf8, v->utf8});
  if (v->wstr) visit({BufferKind::str_wstr, v->wstr});
}

void bytearray_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_bytearray(decoder.reader(), object.address);
  if (v && v->storage) visit({BufferKind::bytearray_bytes, v->storage});
}

}  // namespace

std::span<const TypeRules> text_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "str", .buffers = str_buffers},
      TypeRules{.name = "unicode", .buffers = str_buffers},
      TypeRules{.name = "bytearray", .buffers = bytearray_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
