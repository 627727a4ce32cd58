// Rules of struct.Struct and of what iterates by it.
#include <array>

#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

constexpr std::uint64_t kMostCodes = 1 << 20;

constexpr FieldReference kStruct[] = {
    {"format", [](const Layout& l) { return l.struct_object.format; }},
};

constexpr FieldReference kUnpackIterator[] = {
    {"_struct", [](const Layout& l) { return l.unpack_iterator.object; }},
    {"_buffer", [](const Layout& l) { return l.unpack_iterator.buffer_object; }},
};

// Codes up to and with the one that ends them. 2.7 has one a value, so that the number of values
// says it; later ones have one a run, and the first without a definition ends them.
std::optional<std::uint64_t> struct_size(Decoder& decoder, const Object& object) {
  const auto& f = decoder.layout().struct_object;
  const auto& code = decoder.layout().format_code;
  ObjectReader& reader = decoder.reader();
  if (!code.present()) return std::nullopt;
  const std::uint64_t own = object.type->basicsize;
  if (decoder.layout().unicode_buffer.present()) {
    const auto values = reader.word(object.address, f.len);
    if (!values || *values > kMostCodes) return std::nullopt;
    return own + code.struct_size * (*values + 1);
  }
  const auto codes = reader.word(object.address, f.codes);
  if (!codes) return std::nullopt;
  if (*codes == 0) return own + code.struct_size;
  for (std::uint64_t i = 0; i < kMostCodes; ++i) {
    const auto definition = reader.word(Address{*codes} + i * code.struct_size, code.definition);
    if (!definition) return std::nullopt;
    if (*definition == 0) return own + code.struct_size * (i + 1);
  }
  return std::nullopt;
}

void struct_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().struct_object.codes, BufferKind::format_codes,
             visit);
}

}  // namespace

std::span<const TypeRules> struct_rules() {
  static constexpr std::array kRules = {
      TypeRules{
          .name = "Struct", .fields = kStruct, .size = struct_size, .buffers = struct_buffers},
      TypeRules{.name = "_struct.Struct",
                .fields = kStruct,
                .size = struct_size,
                .buffers = struct_buffers},
      TypeRules{.name = "unpack_iterator", .fields = kUnpackIterator},
      TypeRules{.name = "_struct.unpack_iterator", .fields = kUnpackIterator},
  };
  return kRules;
}

}  // namespace coreheap::python
