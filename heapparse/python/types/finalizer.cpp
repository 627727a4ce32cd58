#include "heapparse/python/types/finalizer.h"

#include <algorithm>

#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/tuple.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {

bool has_python_finalizer(Decoder& decoder, const PythonType& type) {
  constexpr std::uint64_t kMostBases = 1000;
  ObjectReader& reader = decoder.reader();
  const auto order = resolution_order(reader, type.address);
  const auto bases = order ? view_tuple(reader, *order) : std::nullopt;
  if (!bases) return false;
  for (std::uint64_t i = 0; i < std::min(bases->size, kMostBases); ++i) {
    const auto base = reader.memory().read_address(bases->items + i * 8);
    const PythonType* known = base ? decoder.type_at(*base) : nullptr;
    if (known == nullptr || !known->is_class) continue;
    const auto dict = reader.pointer(known->address, reader.layout().type.dict);
    if (dict && dict_lookup(reader, *dict, "__del__")) return true;
  }
  return false;
}

}  // namespace coreheap::python
