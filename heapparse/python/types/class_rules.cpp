// Rules of type objects, descriptors and weak references.
#include <array>

#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

void type_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto view = view_type(reader, object.address);
  if (!view || !view->heap_type) return;
  if (const auto keys = cached_keys(reader, object.address)) {
    visit({BufferKind::dict_keys_shared, *keys});
  }
  if (const auto name = owned_c_name(reader, object.address)) {
    visit({BufferKind::type_name, *name});
  }
}

}  // namespace

std::span<const TypeRules> class_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "type", .buffers = type_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
