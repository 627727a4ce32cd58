// See owned_buffers.h. What a type owns is in its rules; nothing here knows an offset.
#include "heapparse/python/owned_buffers.h"

#include "heapparse/python/type_rules.h"
#include "heapparse/python/types/instance.h"

namespace coreheap::python {

bool may_own_buffers(const layouts::Layout& layout, const PythonType& type) {
  if ((type.flags & layout.traits.type_flags.managed_dict) != 0) return true;
  for (const TypeLayer& layer : type.layers) {
    if (layer.rules != nullptr && layer.rules->buffers != nullptr) return true;
  }
  return false;
}

void for_each_owned_buffer(Decoder& decoder, const Object& object,
                           FunctionRef<void(const OwnedBuffer&)> visit) {
  const PythonType& type = *object.type;
  if ((type.flags & decoder.traits().type_flags.managed_dict) != 0) {
    const auto attributes = managed_attributes(decoder.reader(), object.address);
    if (attributes.values_block) visit({BufferKind::dict_values, attributes.values_block});
  }
  for (const TypeLayer& layer : type.layers) {
    if (layer.rules != nullptr && layer.rules->buffers != nullptr) {
      layer.rules->buffers(decoder, object, visit);
    }
  }
}

}  // namespace coreheap::python
