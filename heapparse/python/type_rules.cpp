#include "heapparse/python/type_rules.h"

#include <array>
#include <unordered_map>

#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const std::span<const TypeRules>> all_type_rules() {
  static const std::array kTables = {
      text_rules(),   container_rules(), iterator_rules(),    itertools_rules(), functools_rules(),
      number_rules(), class_rules(),     function_rules(),    exception_rules(), module_rules(),
      typing_rules(), frame_rules(),     async_rules(),       context_rules(),   thread_rules(),
      io_rules(),     regex_rules(),     struct_rules(),      pickle_rules(),    xml_rules(),
      sqlite_rules(), ctypes_rules(),    compression_rules(), extension_rules(), numpy_rules(),
  };
  return kTables;
}

const TypeRules* find_type_rules(std::string_view name) {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, const TypeRules*> by_name;
    for (const auto table : all_type_rules()) {
      for (const TypeRules& rules : table) by_name.emplace(rules.name, &rules);
    }
    return by_name;
  }();
  const auto it = kByName.find(name);
  return it == kByName.end() ? nullptr : it->second;
}

}  // namespace coreheap::python
