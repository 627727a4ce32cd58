// Decoding of str; see str.h. The state word's upper 24 bits are never initialised by CPython, so
// only the fields the table names are looked at.
#include "heapparse/python/types/str.h"

#include <algorithm>
#include <cstring>

#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

constexpr std::uint64_t kMaxLength = std::uint64_t{1} << 40;

void append_utf8(std::string& out, std::uint32_t c) {
  if (c >= 0xD800 && c <= 0xDFFF) c = 0xFFFD;
  if (c > 0x10FFFF) c = 0xFFFD;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// 2.7's unicode: one buffer of wide characters. Builds are wide (4 bytes) on every system at hand;
// narrow ones (2 bytes) are told by the buffer's size, which only the allocator knows.
std::optional<StrView> view_unicode_buffer(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().unicode_buffer;
  const auto length = reader.word(object, f.length);
  const auto data = reader.pointer(object, f.data);
  if (!length || *length >= kMaxLength || !data) return std::nullopt;
  StrView v;
  v.length = *length;
  v.data = v.own_data = *data;
  v.char_bytes = 4;
  v.compact = false;
  v.head_bytes = f.struct_size;
  return v;
}

}  // namespace

std::optional<StrView> view_str(ObjectReader& reader, Address object) {
  const auto& layout = reader.layout();
  if (!reader.traits().unicode_compact) return view_unicode_buffer(reader, object);
  const auto length = reader.word(object, layout.str.length);
  // kind, compact and ascii lie in one word of 4 bytes: read once, this is the most frequent of all
  // views.
  const auto state = reader.memory().read<std::uint32_t>(object + layout.str.kind.offset);
  if (!length || !state || *length >= kMaxLength) return std::nullopt;
  const std::uint64_t kind = layout.str.kind.extract(*state);

  StrView v;
  v.length = *length;
  v.ascii = layout.str.ascii.extract(*state) != 0;
  v.compact = layout.str.compact.extract(*state) != 0;
  v.interned =
      static_cast<std::uint8_t>(layout.str.interned.offset == layout.str.kind.offset
                                    ? layout.str.interned.extract(*state)
                                    : reader.word(object, layout.str.interned).value_or(0));
  if (kind == 0) {
    // Not "ready": made by the old C API (up to 3.11) and never looked at; only wstr holds it.
    const auto wstr = reader.pointer(object, layout.str.wstr);
    if (v.compact || v.ascii || !wstr) return std::nullopt;
    v.head_bytes = layout.str_legacy.struct_size;
    v.wstr = *wstr;
    v.wstr_length = reader.word(object, layout.str_compact.wstr_length).value_or(0);
    v.data = v.wstr;
    v.char_bytes = 4;
    v.length = v.wstr_length;
    if (v.length >= kMaxLength) return std::nullopt;
    return v;
  }
  if (kind != 1 && kind != 2 && kind != 4) return std::nullopt;
  if (v.ascii && kind != 1) return std::nullopt;
  v.char_bytes = static_cast<std::uint8_t>(kind);

  if (v.compact && v.ascii) {
    v.head_bytes = layout.str.struct_size;
    v.data = object + v.head_bytes;
  } else {
    v.head_bytes = v.compact ? layout.str_compact.struct_size : layout.str_legacy.struct_size;
    if (v.compact) {
      v.data = object + v.head_bytes;
    } else {
      const auto data = reader.pointer(object, layout.str_legacy.data);
      if (!data) return std::nullopt;
      v.data = v.own_data = *data;
    }
    v.utf8_length = reader.word(object, layout.str_compact.utf8_length).value_or(0);
    const auto utf8 = reader.pointer(object, layout.str_compact.utf8);
    if (utf8 && *utf8 != v.data) v.utf8 = *utf8;
  }
  if (const auto wstr = reader.pointer(object, layout.str.wstr); wstr && *wstr != v.data) {
    v.wstr = *wstr;
    v.wstr_length =
        v.ascii ? v.length : reader.word(object, layout.str_compact.wstr_length).value_or(0);
  }
  return v;
}

std::optional<std::string> str_text(ObjectReader& reader, Address object, std::size_t max_chars) {
  const auto view = view_str(reader, object);
  if (!view) return std::nullopt;
  const std::uint64_t chars = std::min<std::uint64_t>(view->length, max_chars);
  std::string out;
  if (chars == 0) return out;
  const auto bytes = reader.memory().bytes(view->data, chars * view->char_bytes);
  if (bytes.empty()) return std::nullopt;
  out.reserve(chars);
  for (std::uint64_t i = 0; i < chars; ++i) {
    std::uint32_t c = 0;
    std::memcpy(&c, bytes.data() + i * view->char_bytes, view->char_bytes);
    append_utf8(out, c);
  }
  return out;
}

std::optional<std::string> name_text(ObjectReader& reader, Address object, std::size_t max_chars) {
  const auto& flags = reader.traits().type_flags;
  const auto type = reader.type_of(object);
  if (!type) return std::nullopt;
  const std::uint64_t f = type_flags(reader, *type);
  if ((f & flags.str_subclass) != 0) return str_text(reader, object, max_chars);
  if ((f & flags.bytes_subclass) == 0) return std::nullopt;
  const auto view = view_bytes(reader, object);
  if (!view) return std::nullopt;
  const std::uint64_t n = std::min<std::uint64_t>(view->size, max_chars);
  if (n == 0) return std::string{};
  const auto bytes = reader.memory().bytes(view->data, n);
  if (bytes.empty()) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace coreheap::python
