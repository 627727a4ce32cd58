#include "heapparse/python/shallow_size.h"

#include "heapparse/python/type_rules.h"

namespace coreheap::python {
namespace {

std::optional<std::uint64_t> default_size(Decoder& decoder, const Object& object) {
  const PythonType& type = *object.type;
  if (type.itemsize == 0) return type.basicsize;
  const auto count = decoder.reader().signed_word(object.address, decoder.layout().var_object.size);
  if (!count) return std::nullopt;
  return type.basicsize + static_cast<std::uint64_t>(*count) * type.itemsize;
}

}  // namespace

std::optional<ShallowSize> fixed_shallow_size(const PythonType& type) {
  if (type.itemsize != 0) return std::nullopt;
  for (const TypeLayer& layer : type.layers) {
    if (layer.rules != nullptr && layer.rules->size != nullptr) return std::nullopt;
  }
  return ShallowSize{std::uint64_t{type.basicsize} + type.preheader, type.sizeof_overridden};
}

std::optional<ShallowSize> shallow_size(Decoder& decoder, const Object& object) {
  const PythonType& type = *object.type;
  std::optional<std::uint64_t> size;
  bool ruled = false;
  for (const TypeLayer& layer : type.layers) {
    if (layer.rules == nullptr || layer.rules->size == nullptr) continue;
    size = layer.rules->size(decoder, object);
    ruled = true;
    break;
  }
  if (!ruled) size = default_size(decoder, object);
  if (!size) return std::nullopt;
  return ShallowSize{*size + type.preheader, type.sizeof_overridden};
}

}  // namespace coreheap::python
