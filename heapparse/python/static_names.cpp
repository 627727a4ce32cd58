#include "heapparse/python/static_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "cpython_layouts/static_types.h"
#include "heapparse/python/type_names.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/subclasses.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxBases = 256;
constexpr std::size_t kMaxKeys = 4096;
constexpr std::size_t kMaxKey = 512;
constexpr std::size_t kMaxDocumentation = 1 << 16;
constexpr std::size_t kMaxShown = 8;  // names of an undecided type

class StaticNames {
 public:
  StaticNames(ObjectReader& reader, const Runtime& runtime, std::span<const AddressRange> core_data,
              const std::unordered_map<Address, TypeView>& views, std::vector<PythonType>& types)
      : reader_(reader),
        runtime_(runtime),
        core_data_(core_data),
        views_(views),
        types_(types),
        version_(layouts::version_bit(reader.layout().version)) {}

  void name_all() {
    std::vector<PythonType*> nameless;
    for (PythonType& type : types_) {
      if (type.name.empty()) nameless.push_back(&type);
    }
    if (nameless.empty()) return;
    for (PythonType* type : nameless) {
      type->name_from_heap = true;
      type->name = name_of_flag(*type);
    }
    // A description names the base, so bases come first: a few rounds, as deep as bases go.
    for (std::size_t round = 0; round < kMaxBases; ++round) {
      describe(nameless);
      confirm();
      if (!take_decided()) break;
    }
    guess(nameless);
  }

 private:
  struct Candidates {
    PythonType* type = nullptr;
    std::vector<const layouts::StaticTypeName*> rows;
  };

  const PythonType* at(Address a) const {
    const auto it = std::lower_bound(types_.begin(), types_.end(), a,
                                     [](const PythonType& t, Address x) { return t.address < x; });
    return it == types_.end() || it->address != a ? nullptr : &*it;
  }

  // The root of the types with a flag is the type that the flag stands for.
  std::string name_of_flag(const PythonType& type) const {
    const auto& f = reader_.traits().type_flags;
    const bool old = f.small_int_subclass != 0;  // the version whose str is bytes
    const std::pair<std::uint64_t, std::string_view> names[] = {
        {f.type_subclass, "type"},
        {f.small_int_subclass, "int"},
        {f.long_subclass, old ? "long" : "int"},
        {f.list_subclass, "list"},
        {f.tuple_subclass, "tuple"},
        {f.bytes_subclass, old ? "str" : "bytes"},
        {f.str_subclass, old ? "unicode" : "str"},
        {f.dict_subclass, "dict"},
        {f.exception_subclass, "BaseException"},
    };
    if (!type.base) return "object";
    const PythonType* base = at(type.base);
    for (const auto& [flag, name] : names) {
      if ((type.flags & flag) == 0 || (base != nullptr && (base->flags & flag) != 0)) continue;
      return std::string(name);
    }
    return {};
  }

  Address dict_of(const TypeView& type) {
    if (type.dict) return type.dict;
    for (const Interpreter& interpreter : runtime_.interpreters) {
      const auto state = static_type_state(reader_, interpreter.address, type);
      if (state && state->dict) return state->dict;
    }
    return {};
  }

  // The rows of this version that describe the type as the heap does.
  std::vector<const layouts::StaticTypeName*> rows_of(const PythonType& type,
                                                      std::string_view base) {
    const auto view = views_.find(type.address);
    const auto dict =
        view == views_.end() ? std::nullopt : view_dict(reader_, dict_of(view->second));
    if (!dict) return {};
    std::vector<std::string> keys;
    std::uint32_t documentation = 0;
    for_each_item(reader_, *dict, [&](Address key, Address value) {
      auto text = name_text(reader_, key, kMaxKey);
      if (!text || keys.size() == kMaxKeys) return true;
      if (*text == "__doc__") {
        if (const auto words = name_text(reader_, value, kMaxDocumentation)) {
          if (!words->empty()) documentation = layouts::fnv1a_32(*words);
        }
      }
      keys.push_back(std::move(*text));
      return true;
    });
    std::sort(keys.begin(), keys.end());
    std::string description = fmt::format("{}\n{}\n{}", base, type.basicsize, type.itemsize);
    for (const std::string& key : keys) description.append("\n").append(key);
    std::vector<const layouts::StaticTypeName*> alike;
    std::vector<const layouts::StaticTypeName*> exact;
    for (const auto& row : layouts::static_types_of(layouts::fnv1a_64(description))) {
      if ((row.versions & version_) == 0) continue;
      alike.push_back(&row);
      if (row.documentation == documentation) exact.push_back(&row);
    }
    if (!exact.empty()) return exact;
    // Another patch release may word its documentation otherwise; another file is another's type.
    return is_core_type(type) ? alike : std::vector<const layouts::StaticTypeName*>{};
  }

  bool is_core_type(const PythonType& type) const {
    return std::any_of(core_data_.begin(), core_data_.end(),
                       [&](const AddressRange& range) { return range.contains(type.address); });
  }

  void describe(const std::vector<PythonType*>& nameless) {
    for (PythonType* type : nameless) {
      if (!type->name.empty() || !type->is_static) continue;
      const PythonType* base = at(type->base);
      if (base == nullptr || base->name.empty() || !described_.insert(type->address).second)
        continue;
      auto rows = rows_of(*type, base->name);
      if (!rows.empty()) undecided_.push_back({type, std::move(rows)});
    }
  }

  // Modules' keys, types of types, then the order in which types of one description were made.
  void confirm() {
    for (Candidates& c : undecided_) {
      if (one_name(c)) continue;
      for (const auto& place : layouts::published_types()) {
        if ((place.versions & version_) == 0 || published(place) != c.type->address) continue;
        keep_only(c, place.name);
      }
      for (const auto& pair : layouts::types_of_types()) {
        if ((pair.versions & version_) == 0) continue;
        const bool is_its_type = std::any_of(types_.begin(), types_.end(), [&](const auto& type) {
          return type.metatype == c.type->address && type.name == pair.type;
        });
        if (is_its_type) keep_only(c, pair.metatype);
      }
    }
    confirm_by_order();
  }

  // Only where that name is possible at all.
  static void keep_only(Candidates& c, std::string_view name) {
    const auto other = [&](const auto* row) { return row->name != name; };
    if (!std::all_of(c.rows.begin(), c.rows.end(), other)) std::erase_if(c.rows, other);
  }

  // A description whose types are all there since the interpreter's start: their order tells them
  // apart.
  void confirm_by_order() {
    std::map<std::pair<std::uint64_t, std::uint32_t>,
             std::vector<std::pair<std::uint64_t, Candidates*>>>
        groups;
    for (Candidates& c : undecided_) {
      const auto* row = c.rows.front();
      const auto place = is_core_type(*c.type) ? place_among_subclasses(*c.type) : std::nullopt;
      if (place) groups[{row->signature, row->documentation}].emplace_back(*place, &c);
    }
    for (auto& [description, group] : groups) {
      std::size_t listed = 0;
      bool ordered = true;
      for (const auto& row : layouts::static_types_of(description.first)) {
        if ((row.versions & version_) == 0 || row.documentation != description.second) continue;
        ++listed;
        ordered = ordered && row.rank != layouts::kNoRank;
      }
      if (!ordered || listed != group.size()) continue;
      std::sort(group.begin(), group.end());
      for (std::size_t i = 0; i < group.size(); ++i) {
        auto& rows = group[i].second->rows;
        const auto fits = [&](const auto* row) { return row->rank == i; };
        if (std::any_of(rows.begin(), rows.end(), fits)) std::erase_if(rows, std::not_fn(fits));
      }
    }
  }

  // Rises with the order in which the subclasses of a type were made.
  std::optional<std::uint64_t> place_among_subclasses(const PythonType& type) {
    const auto view = views_.find(type.address);
    const auto base = views_.find(type.base);
    if (view == views_.end() || base == views_.end()) return std::nullopt;
    if (is_state_index(view->second)) return view->second.subclasses;
    const auto [it, is_new] = subclasses_.try_emplace(type.base);
    if (is_new) {
      for_each_subclass(reader_, base->second,
                        [&](Address one) { it->second.emplace(one, it->second.size()); });
    }
    const auto place = it->second.find(type.address);
    return place == it->second.end() ? std::nullopt : std::optional(place->second);
  }

  static bool one_name(const Candidates& c) {
    return !c.rows.empty() && std::all_of(c.rows.begin(), c.rows.end(), [&](const auto* row) {
      return row->name == c.rows.front()->name;
    });
  }

  bool take_decided() {
    bool any = false;
    std::set<std::pair<std::uint64_t, std::string_view>> taken;
    for (Candidates& c : undecided_) {
      if (!one_name(c)) continue;
      c.type->name = std::string(c.rows.front()->name);
      any = true;
      if (is_core_type(*c.type)) taken.emplace(c.rows.front()->signature, c.rows.front()->name);
    }
    // The interpreter has each of its own types once: what one is called, no other is.
    for (Candidates& c : undecided_) {
      if (!c.type->name.empty() || !is_core_type(*c.type)) continue;
      const auto gone = [&](const auto* row) {
        return taken.contains({row->signature, row->name});
      };
      if (!std::all_of(c.rows.begin(), c.rows.end(), gone)) std::erase_if(c.rows, gone);
    }
    std::erase_if(undecided_, [](const Candidates& c) { return !c.type->name.empty(); });
    return any;
  }

  // What the key of a module's dict stands for; 0 when it is not there.
  Address published(const layouts::PublishedType& place) {
    const auto [it, is_new] = published_.try_emplace(&place, Address{});
    if (!is_new) return it->second;
    for (const Interpreter& interpreter : runtime_.interpreters) {
      const auto module = dict_lookup(reader_, interpreter.modules, place.module);
      const auto dict = module ? module_dict(reader_, *module) : std::nullopt;
      const auto value = dict ? dict_lookup(reader_, *dict, place.key) : std::nullopt;
      if (value) return it->second = *value;
    }
    return {};
  }

  void guess(const std::vector<PythonType*>& nameless) {
    for (Candidates& c : undecided_) {
      for (std::size_t i = 0; i < std::min(c.rows.size(), kMaxShown); ++i) {
        if (i != 0) c.type->name += '|';
        c.type->name += c.rows[i]->name;
      }
      if (c.rows.size() > kMaxShown) c.type->name += "|...";
      c.type->name += kGuessMark;
    }
    const auto keys = names_in_modules(reader_, runtime_);
    for (PythonType* type : nameless) {
      if (!type->name.empty()) continue;
      const auto it = keys.find(type->address);
      // An address is a name nobody can take for another's.
      type->name = it != keys.end() ? it->second + kGuessMark
                                    : fmt::format("<type at {:#x}>", type->address.value);
    }
  }

  ObjectReader& reader_;
  const Runtime& runtime_;
  std::span<const AddressRange> core_data_;
  const std::unordered_map<Address, TypeView>& views_;
  std::vector<PythonType>& types_;
  std::uint16_t version_;
  std::vector<Candidates> undecided_;
  std::unordered_set<Address> described_;
  std::unordered_map<Address, std::unordered_map<Address, std::uint64_t>> subclasses_;
  std::unordered_map<const layouts::PublishedType*, Address> published_;
};

}  // namespace

void name_static_types(ObjectReader& reader, const Runtime& runtime,
                       std::span<const AddressRange> core_data,
                       const std::unordered_map<Address, TypeView>& views,
                       std::vector<PythonType>& types) {
  StaticNames(reader, runtime, core_data, views, types).name_all();
}

}  // namespace coreheap::python
