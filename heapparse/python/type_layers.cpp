#include "heapparse/python/type_layers.h"

#include <algorithm>
#include <unordered_map>

#include "heapparse/python/type_rules.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxBases = 256;

// The value that most heap types have in `member`; 0 when there are none.
Address commonest(const std::vector<PythonType>& types, Address PythonType::*member) {
  std::unordered_map<Address, std::size_t> counts;
  Address best;
  std::size_t most = 0;
  for (const PythonType& type : types) {
    if (type.is_static || !(type.*member)) continue;
    const std::size_t count = ++counts[type.*member];
    if (count > most) {
      most = count;
      best = type.*member;
    }
  }
  return best;
}

}  // namespace

void attach_layers(ObjectReader&, std::vector<PythonType>& types) {
  const auto index_of = [&](Address a) -> std::optional<std::uint32_t> {
    const auto at = std::lower_bound(types.begin(), types.end(), a,
                                     [](const PythonType& t, Address x) { return t.address < x; });
    if (at == types.end() || at->address != a) return std::nullopt;
    return static_cast<std::uint32_t>(at - types.begin());
  };
  const Address class_dealloc = commonest(types, &PythonType::dealloc);
  const Address class_traverse = commonest(types, &PythonType::traverse);
  for (PythonType& type : types) {
    // A C type made from a spec without a dealloc inherits that of classes, but brings its own
    // traversal.
    type.is_class = !type.is_static && type.dealloc == class_dealloc &&
                    (!type.is_gc || type.traverse == class_traverse);
  }
  for (PythonType& type : types) {
    auto at = index_of(type.address);
    for (std::size_t i = 0; at && i < kMaxBases; ++i) {
      const PythonType& layer = types[*at];
      const auto base = layer.base ? index_of(layer.base) : std::nullopt;
      const std::uint32_t begin = base ? types[*base].basicsize : 0;
      const bool adds = base && layer.basicsize > begin;
      if (layer.is_class) {
        type.layers.push_back({TypeLayer::Kind::python, nullptr, *at, begin, layer.basicsize});
      } else if (const TypeRules* rules = find_type_rules(layer.name)) {
        type.layers.push_back({TypeLayer::Kind::rules, rules, *at, begin, layer.basicsize});
      } else if (adds) {
        type.layers.push_back({TypeLayer::Kind::unknown, nullptr, *at, begin, layer.basicsize});
      }
      at = base;
    }
  }
}

}  // namespace coreheap::python
