// Rules of str, bytes, bytearray, memoryview and what they were before them.
//
// The name "str" stands for text where strings are compact and for bytes before (2.7), so its row
// asks the layout first.
#include <array>

#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/memory_view.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

using Layout = layouts::Layout;
using Field = layouts::Field;

void text_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_str(decoder.reader(), object.address);
  if (!v) return;
  if (v->own_data) visit({BufferKind::str_data, v->own_data});
  if (v->utf8) visit({BufferKind::str_utf8, v->utf8});
  if (v->wstr) visit({BufferKind::str_wstr, v->wstr});
}

// Counted from the C struct and not from the class: what a subclass adds is left out.
std::optional<std::uint64_t> text_size(Decoder& decoder, const Object& object) {
  const auto v = view_str(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  std::uint64_t size = v->head_bytes;
  if (v->data) size += (v->length + 1) * v->char_bytes;
  // A str that was never made ready has nothing but its wide characters.
  const bool only_wide = v->wstr && v->wstr == v->data;
  if (v->wstr && !only_wide) size += (v->wstr_length + 1) * sizeof(std::int32_t);
  if (v->utf8) size += v->utf8_length + 1;
  return size;
}

void str_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  if (decoder.traits().unicode_compact) text_buffers(decoder, object, visit);
}

std::optional<std::uint64_t> str_size(Decoder& decoder, const Object& object) {
  if (decoder.traits().unicode_compact) return text_size(decoder, object);
  const auto v = view_bytes(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  return v->object_bytes;
}

void bytearray_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_bytearray(decoder.reader(), object.address);
  if (v && v->storage) visit({BufferKind::bytearray_bytes, v->storage});
}

std::optional<std::uint64_t> bytearray_size(Decoder& decoder, const Object& object) {
  const auto v = view_bytearray(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  std::uint64_t size = object.type->basicsize + v->allocated;
  if (decoder.traits().sizeof_bytearray_counts_bytes_object && v->allocated != 0) {
    size += decoder.layout().bytes.data.offset + 1;
  }
  return size;
}

// No type of the next four is traversed, and a subclass traverses only what it adds itself.
constexpr FieldReference kUnicodeFields[] = {
    {"defenc", [](const Layout& l) { return l.unicode_buffer.encoded; }, SkipCause::uncollected},
};
constexpr FieldReference kBytearrayFields[] = {
    {"ob_bytes_object", [](const Layout& l) { return l.bytearray.bytes_object; },
     SkipCause::uncollected},
};
constexpr FieldReference kBufferFields[] = {
    {"b_base", [](const Layout& l) { return l.buffer_object.base; }, SkipCause::uncollected},
};

constexpr FieldReference kMemoryviewFields[] = {
    {"mbuf", [](const Layout& l) { return l.memoryview.managed_buffer; }},
    {"base", [](const Layout& l) { return l.memoryview.base; }},
    // Where a managed buffer holds the exporter, the view's own copy is borrowed.
    {"obj", [](const Layout& l) { return own_exporter(l); }},
};
constexpr FieldReference kManagedBufferFields[] = {
    {"obj", [](const Layout& l) { return managed_exporter(l); }},
};

}  // namespace

std::span<const TypeRules> text_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "str", .size = str_size, .buffers = str_buffers},
      TypeRules{
          .name = "unicode", .fields = kUnicodeFields, .size = text_size, .buffers = text_buffers},
      TypeRules{.name = "basestring"},
      TypeRules{.name = "bytes"},
      TypeRules{.name = "bytearray",
                .fields = kBytearrayFields,
                .size = bytearray_size,
                .buffers = bytearray_buffers},
      TypeRules{.name = "buffer", .fields = kBufferFields},
      TypeRules{.name = "memoryview", .fields = kMemoryviewFields},
      TypeRules{.name = "managedbuffer", .fields = kManagedBufferFields},
  };
  return kRules;
}

}  // namespace coreheap::python
