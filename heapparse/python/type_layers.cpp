#include "heapparse/python/type_layers.h"

#include <algorithm>
#include <unordered_map>

#include "heapparse/python/static_names.h"
#include "heapparse/python/type_rules.h"
#include "heapparse/python/types/descriptor.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/tuple.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxBases = 256;

// The types of one target while their layers are decided; sorted by address.
class Layers {
 public:
  Layers(ObjectReader& reader, const Runtime& runtime, std::vector<PythonType>& types)
      : reader_(reader), runtime_(runtime), types_(types) {}

  void attach() {
    find_classes();
    for (const PythonType& type : types_) learn_traversal(type);
    for (PythonType& type : types_) {
      collect(type);
      type.sizeof_overridden = overrides_sizeof(type);
    }
  }

 private:
  PythonType* at(Address a) {
    const auto it = std::lower_bound(types_.begin(), types_.end(), a,
                                     [](const PythonType& t, Address x) { return t.address < x; });
    return it == types_.end() || it->address != a ? nullptr : &*it;
  }

  // The value that most heap types have in `member`, among those that `counts` says.
  template <class Counts>
  Address commonest(Address PythonType::*member, Counts&& counts) {
    std::unordered_map<Address, std::size_t> seen;
    Address best;
    std::size_t most = 0;
    for (const PythonType& type : types_) {
      if (type.is_static || !(type.*member) || !counts(type)) continue;
      const std::size_t count = ++seen[type.*member];
      if (count > most) {
        most = count;
        best = type.*member;
      }
    }
    return best;
  }

  void find_classes() {
    const Address dealloc = commonest(&PythonType::dealloc, [](const PythonType&) { return true; });
    const Address traverse = commonest(&PythonType::traverse, [&](const PythonType& type) {
      return type.dealloc == dealloc && type.is_gc;
    });
    for (PythonType& type : types_) {
      // A C type made from a spec without a dealloc inherits that of classes, but brings its own
      // traversal.
      type.is_class =
          !type.is_static && type.dealloc == dealloc && (!type.is_gc || type.traverse == traverse);
    }
  }

  // Two C types with one tp_traverse have one struct; unless the rules of two names disagree.
  void learn_traversal(const PythonType& type) {
    if (type.is_class || !type.traverse || !type.is_gc) return;
    const TypeRules* rules = find_type_rules(unmarked(type.name));
    if (rules == nullptr) return;
    const auto [it, first] = by_traverse_.try_emplace(type.traverse, rules);
    if (!first && it->second != rules) it->second = nullptr;
  }

  const TypeRules* rules_of(const PythonType& type, const PythonType* base) const {
    if (const TypeRules* rules = find_type_rules(unmarked(type.name))) return rules;
    if (!type.name_from_heap || !type.is_gc || !type.traverse) return nullptr;
    if (base != nullptr && base->traverse == type.traverse) return nullptr;  // inherited
    const auto it = by_traverse_.find(type.traverse);
    return it == by_traverse_.end() ? nullptr : it->second;
  }

  void collect(PythonType& type) {
    const PythonType* c_base = nullptr;
    const PythonType* layer = &type;
    for (std::size_t i = 0; layer != nullptr && i < kMaxBases; ++i) {
      const PythonType* base = layer->base ? at(layer->base) : nullptr;
      TypeLayer added{TypeLayer::Kind::python, nullptr,
                      static_cast<std::uint32_t>(layer - types_.data()),
                      base != nullptr ? base->basicsize : 0, layer->basicsize};
      if (!layer->is_class) {
        if (c_base == nullptr) c_base = layer;
        added.rules = rules_of(*layer, base);
        added.kind = added.rules != nullptr ? TypeLayer::Kind::rules : TypeLayer::Kind::unknown;
      }
      if (added.kind != TypeLayer::Kind::unknown || (base != nullptr && added.end > added.begin)) {
        type.layers.push_back(added);
      }
      layer = base;
    }
    if (c_base == nullptr) return;
    type.class_holds_dict = type.is_class && type.dictoffset != c_base->dictoffset;
    type.shows_class = shows_class(type, *c_base);
  }

  // A class leaves it to a base made at run time, if that has a traversal, since 3.9.
  bool shows_class(const PythonType& type, const PythonType& c_base) {
    if (type.is_static) return false;
    const bool own = reader_.traits().heap_types_traverse_class;
    if (!own) return type.is_class;
    // The traversal that C types inherit is that of the static base that has it.
    const PythonType* traversed = &c_base;
    for (std::size_t i = 0; i < kMaxBases; ++i) {
      const PythonType* base = at(traversed->base);
      if (base == nullptr || base->traverse != c_base.traverse) break;
      traversed = base;
    }
    if (type.is_class && (c_base.is_static || !c_base.traverse)) return true;
    const TypeRules* rules = rules_of(c_base, at(c_base.base));
    if (traversed->is_static) return false;
    if (rules == nullptr || rules->shows_class) return true;
    return rules->shows_class_where != nullptr && reader_.traits().*rules->shows_class_where;
  }

  // Where a type's own __sizeof__ comes from.
  struct OwnSizeof {
    bool exists = false;
    Address owner;  // the C type whose method it is; 0: written in Python
  };

  OwnSizeof own_sizeof(const PythonType& type) {
    const auto view = view_type(reader_, type.address);
    if (!view) return {};
    Address dict = view->dict;
    for (const Interpreter& interpreter : runtime_.interpreters) {
      if (dict) break;
      if (const auto state = static_type_state(reader_, interpreter.address, *view)) {
        dict = state->dict;
      }
    }
    const auto method = dict ? dict_lookup(reader_, dict, "__sizeof__") : std::nullopt;
    if (!method) return {};
    const auto method_type = reader_.type_of(*method);
    const PythonType* kind = method_type ? at(*method_type) : nullptr;
    if (!type.is_class) return {true, type.address};
    // `__sizeof__ = list.__sizeof__` in a class.
    // (Where names are out of reach it may be one of several that are described alike.)
    if (kind == nullptr || kind->name.find("method_descriptor") == std::string::npos) {
      return {true, Address{}};
    }
    return {true, descriptor_owner(reader_, *method).value_or(Address{})};
  }

  // Whether a type of C with a __sizeof__ of its own is one of those whose rule is known.
  bool has_known_sizeof(const PythonType& type) const {
    if (unmarked(type.name) == "object") return true;
    const TypeRules* rules = rules_of(type, nullptr);
    return rules != nullptr && rules->size != nullptr;
  }

  // What sys.getsizeof calls, the first __sizeof__ in method resolution order, is not the one that
  // the C bases have, or it is that of an extension (numpy's scalars, what Cython compiled).
  bool overrides_sizeof(const PythonType& type) {
    const auto mro = resolution_order(reader_, type.address);
    const auto view = mro ? view_tuple(reader_, *mro) : std::nullopt;
    if (!view) return false;
    std::optional<Address> called;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(view->size, kMaxBases); ++i) {
      const auto entry = reader_.memory().read_address(view->items + i * 8);
      const PythonType* one = entry ? at(*entry) : nullptr;
      if (one == nullptr) continue;
      auto known = sizeof_of_.find(one->address);
      if (known == sizeof_of_.end()) {
        known = sizeof_of_.emplace(one->address, own_sizeof(*one)).first;
      }
      const OwnSizeof& own = known->second;
      if (!own.exists) continue;
      if (!called) called = own.owner;
      if (!*called) return true;
      if (!one->is_class) return *called != one->address || !has_known_sizeof(*one);
    }
    return called.has_value();
  }

  ObjectReader& reader_;
  const Runtime& runtime_;
  std::vector<PythonType>& types_;
  std::unordered_map<Address, const TypeRules*> by_traverse_;  // nullptr: ambiguous
  std::unordered_map<Address, OwnSizeof> sizeof_of_;
};

}  // namespace

void attach_layers(ObjectReader& reader, const Runtime& runtime, std::vector<PythonType>& types) {
  Layers(reader, runtime, types).attach();
}

}  // namespace coreheap::python
