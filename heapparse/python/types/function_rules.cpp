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

}  // namespace

std::span<const TypeRules> function_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "function", .fields = kFunction},
      TypeRules{.name = "method", .fields = kMethod},
      TypeRules{.name = "instancemethod", .fields = kInstancemethod},
      TypeRules{.name = "builtin_function_or_method", .fields = kBuiltinFunction},
      TypeRules{.name = "builtin_method", .fields = kBuiltinMethod},
      TypeRules{.name = "cell", .fields = kCell},
      // What they point to is the business of whoever made them.
      TypeRules{.name = "PyCapsule"},
      TypeRules{.name = "PyCObject"},
  };
  return kRules;
}

}  // namespace coreheap::python
