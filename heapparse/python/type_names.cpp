// Where names come from: a heap type's __module__ and __qualname__ are str objects in the heap; a
// static type's is one C string "module.name" in read-only data, which cores as a rule do not hold
// (static_names.cpp then looks for other evidence).
#include "heapparse/python/type_names.h"

#include <algorithm>
#include <string_view>

#include "heapparse/python/public_names.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxName = 512;

bool is_builtins(std::string_view module) {
  return module == "builtins" || module == "__builtin__" || module == "exceptions";
}

std::string join(std::string_view module, std::string_view name) {
  if (module.empty() || is_builtins(module)) return std::string(name);
  std::string out(module);
  out += '.';
  out += name;
  return out;
}

// What a module's key stands for, for the modules that publish core types under other names.
std::string published_name(std::string_view module, std::string_view key) {
  if (module == "types" || module == "_types") {
    for (const auto& [published, own] : kPublicNames) {
      if (published == key) return std::string(own);
    }
  }
  // Names taken over for isinstance() checks: the type calls itself by the bare key.
  if (module == "_collections_abc" || module == "collections.abc") return std::string(key);
  return join(module, key);
}

// A name is printable text; damaged memory is not.
bool is_sane(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  });
}

}  // namespace

std::unordered_map<Address, std::string> names_in_modules(ObjectReader& reader,
                                                          const Runtime& runtime) {
  std::unordered_map<Address, std::string> names;
  const auto& flags = reader.traits().type_flags;
  const auto add_module = [&](std::string_view module, Address dict) {
    const auto view = view_dict(reader, dict);
    if (!view) return;
    for_each_item(reader, *view, [&](Address key, Address value) {
      const auto type = reader.type_of(value);
      if (!type || (type_flags(reader, *type) & flags.type_subclass) == 0) return true;
      if (names.contains(value)) return true;
      if (const auto text = name_text(reader, key, kMaxName); text && is_sane(*text)) {
        names.emplace(value, published_name(module, *text));
      }
      return true;
    });
  };
  for (const auto& interpreter : runtime.interpreters) {
    if (interpreter.builtins) add_module("builtins", interpreter.builtins);
    const auto modules = view_dict(reader, interpreter.modules);
    if (!modules) continue;
    // What sys.modules holds are modules, whatever name a module gives their type.
    for_each_item(reader, *modules, [&](Address, Address module) {
      const auto dict = module_dict(reader, module);
      const auto type = reader.type_of(module);
      if (!type || !dict || !is_instance_of(reader, *dict, flags.dict_subclass)) return true;
      if (const auto view = view_type(reader, *type); view && !view->heap_type) {
        names.emplace(*type, "module");
        return false;
      }
      return true;
    });
    // `types` first: others import its types under names of their own.
    for (const bool first : {true, false}) {
      for_each_item(reader, *modules, [&](Address key, Address module) {
        const auto name = name_text(reader, key, kMaxName);
        if (!name || (*name == "types" || *name == "_types") != first) return true;
        const auto dict = module_dict(reader, module);
        if (dict && is_instance_of(reader, *dict, flags.dict_subclass)) add_module(*name, *dict);
        return true;
      });
    }
  }
  return names;
}

std::string class_name(ObjectReader& reader, Address class_object) {
  const auto view = view_class(reader, class_object);
  if (!view) return "instance";
  const auto name = name_text(reader, view->name, kMaxName);
  if (!name || !is_sane(*name)) return "instance";
  std::string module;
  if (const auto object = dict_lookup(reader, view->dict, "__module__")) {
    module = name_text(reader, *object, kMaxName).value_or("");
  }
  return join(module, *name);
}

std::string type_name(ObjectReader& reader, const TypeView& type) {
  const auto c_name = reader.memory().space().read_c_string(type.name, kMaxName);
  if (type.heap_type) {
    std::string qualname;
    if (const auto object = heap_type_name(reader, type.address)) {
      qualname = name_text(reader, *object, kMaxName).value_or("");
    }
    if (!is_sane(qualname) && c_name) qualname = *c_name;
    if (!is_sane(qualname)) return {};
    std::string module;
    if (type.dict) {
      if (const auto object = dict_lookup(reader, type.dict, "__module__")) {
        module = name_text(reader, *object, kMaxName).value_or("");
      }
    }
    return join(module, qualname);
  }
  if (!c_name || !is_sane(*c_name)) return {};
  const auto dot = c_name->rfind('.');
  if (dot == std::string::npos) return *c_name;
  const std::string_view text(*c_name);
  return join(text.substr(0, dot), text.substr(dot + 1));
}

}  // namespace coreheap::python
