// Rules of functions, methods, builtin functions, cells and capsules.
#include <array>

#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kFunction[] = {
    {"__code__", [](const Layout& l) { return l.function.code; }},
    {"__globals__", [](const Layout& l) { return l.function.globals; }},
    {"__builtins__", [](const Layout& l) { return l.function.builtins; }},
    {"__module__", [](const Layout& l) { return l.function.module; }},
    {"__defaults__", [](const Layout& l) { return l.function.defaults; }},
    {"__kwdefaults__", [](const Layout& l) { return l.function.kwdefaults; }},
    {"__doc__", [](const Layout& l) { return l.function.doc; }},
    {"__name__", [](const Layout& l) { return l.function.name; }},
    {"__dict__", [](const Layout& l) { return l.function.dict; }},
    {"__closure__", [](const Layout& l) { return l.function.closure; }},
    {"__annotations__", [](const Layout& l) { return l.function.annotations; }},
    {"__annotate__", [](const Layout& l) { return l.function.annotate; }},
    {"__type_params__", [](const Layout& l) { return l.function.typeparams; }},
    {"__qualname__", [](const Layout& l) { return l.function.qualname; }},
};
constexpr FieldReference kMethod[] = {
    {"__func__", [](const Layout& l) { return l.method.func; }},
    {"__self__", [](const Layout& l) { return l.method.self; }},
    {"im_class", [](const Layout& l) { return l.method.class_; }},
};
// 3.x: a callable that binds like a function. 2.7 calls its methods so.
constexpr FieldReference kInstancemethod[] = {
    {"__func__",
     [](const Layout& l) {
       return l.instance_method.func.present() ? l.instance_method.func : l.method.func;
     }},
    {"__self__",
     [](const Layout& l) { return l.instance_method.func.present() ? Field{} : l.method.self; }},
    {"im_class",
     [](const Layout& l) { return l.instance_method.func.present() ? Field{} : l.method.class_; }},
};
constexpr FieldReference kBuiltinFunction[] = {
    {"__self__", [](const Layout& l) { return l.cfunction.self; }},
    {"__module__", [](const Layout& l) { return l.cfunction.module; }},
};
constexpr FieldReference kBuiltinMethod[] = {
    {"class", [](const Layout& l) { return l.cmethod.class_; }},
};
constexpr FieldReference kCell[] = {
    {"cell_contents", [](const Layout& l) { return l.cell.value; }},
};

// _socket gives its C interface away in a capsule, as a block that holds its class and exceptions.
// It is the one capsule of CPython with a traversal (3.13 on), which visits the class alone.
std::optional<Address> socket_interface(Decoder& decoder, const Object& object) {
  ObjectReader& reader = decoder.reader();
  const auto& f = decoder.layout().capsule;
  const auto name = reader.pointer(object.address, f.name);
  const auto text = name ? reader.memory().space().read_c_string(*name, 32) : std::nullopt;
  if (text ? *text != "_socket.CAPI" : !reader.pointer(object.address, f.traverse)) {
    return std::nullopt;
  }
  return reader.pointer(object.address, f.pointer);
}

void capsule_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto block = socket_interface(decoder, object);
  if (!block) return;
  const auto& f = decoder.layout().socket_api;
  const std::pair<std::string_view, Field> held[] = {
      {"socket", f.socket_type}, {"error", f.error}, {"timeout", f.timeout_error}};
  for (const auto& [name, field] : held) {
    const auto target = decoder.reader().pointer(*block, field);
    if (!target) continue;
    visit({*target,
           {.kind = EdgeKind::field, .text = name},
           name == "socket" ? SkipCause::none : SkipCause::not_traversed});
  }
}

}  // namespace

std::span<const TypeRules> function_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "function", .fields = kFunction},
      TypeRules{.name = "method", .fields = kMethod},
      TypeRules{.name = "instancemethod", .fields = kInstancemethod},
      TypeRules{.name = "builtin_function_or_method", .fields = kBuiltinFunction},
      TypeRules{.name = "builtin_method", .fields = kBuiltinMethod},
      TypeRules{.name = "cell", .fields = kCell},
      // What others point to is the business of whoever made them.
      TypeRules{.name = "PyCapsule", .references = capsule_references},
      TypeRules{.name = "PyCObject"},
  };
  return kRules;
}

}  // namespace coreheap::python
