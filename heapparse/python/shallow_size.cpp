#include "heapparse/python/shallow_size.h"

#include "heapparse/python/type_rules.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

std::optional<std::uint64_t> default_size(Decoder& decoder, const Object& object) {
  const PythonType& type = *object.type;
  if (type.itemsize == 0) return type.basicsize;
  const auto count = decoder.reader().signed_word(object.address, decoder.layout().var_object.size);
  if (!count) return std::nullopt;
  return type.basicsize + static_cast<std::uint64_t>(*count) * type.itemsize;
}

// Static type objects have no GC head, though their type has the flag: PyObject_IS_GC asks
// tp_is_gc. 3.11 and 3.12 ask the flag alone and count what is not there; 3.13 leaves it out
// where the metatype is `type` (numpy's is another).
std::uint64_t words_in_front(Decoder& decoder, const Object& object) {
  const PythonType& type = *object.type;
  const auto& traits = decoder.traits();
  const bool types = (type.flags & traits.type_flags.type_subclass) != 0;
  if (!types || !type.is_gc || traits.sizeof_static_type_has_gc_head) return type.preheader;
  const bool heap_type =
      (type_flags(decoder.reader(), object.address) & traits.type_flags.heap_type) != 0;
  const bool has_head = heap_type || (traits.sizeof_other_metatype_has_gc_head &&
                                      object.type->address != decoder.runtime().type_type);
  return type.preheader - (has_head ? 0 : decoder.runtime().gc_head_bytes);
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
  return ShallowSize{*size + words_in_front(decoder, object), type.sizeof_overridden};
}

}  // namespace coreheap::python
