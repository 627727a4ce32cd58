// Rules of generic aliases, unions, type parameters, template strings and lazy imports.
#include <array>

#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kGenericAlias[] = {
    {"__origin__", [](const Layout& l) { return l.generic_alias.origin; }},
    {"__args__", [](const Layout& l) { return l.generic_alias.args; }},
    {"__parameters__", [](const Layout& l) { return l.generic_alias.parameters; }},
};
constexpr FieldReference kGenericAliasIterator[] = {
    {"object", [](const Layout& l) { return l.generic_alias_iterator.object; }},
};
constexpr FieldReference kUnion[] = {
    {"__args__", [](const Layout& l) { return l.union_type.args; }},
    {"hashable_args", [](const Layout& l) { return l.union_type.hashable_args; }},
    {"unhashable_args", [](const Layout& l) { return l.union_type.unhashable_args; }},
    {"__parameters__", [](const Layout& l) { return l.union_type.parameters; }},
};
// Their traversals visit the name since 3.14.
template <Field (*kName)(const Layout&)>
void name_reference(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto name = decoder.reader().pointer(object.address, kName(decoder.layout()));
  if (!name) return;
  visit({*name,
         {.kind = EdgeKind::field, .text = "__name__"},
         decoder.traits().type_params_traverse_name ? SkipCause::none : SkipCause::atom});
}

constexpr Field type_var_name(const Layout& l) { return l.type_var.name; }
constexpr Field param_spec_name(const Layout& l) { return l.param_spec.name; }
constexpr Field type_var_tuple_name(const Layout& l) { return l.type_var_tuple.name; }
constexpr Field type_alias_name(const Layout& l) { return l.type_alias.name; }

constexpr FieldReference kTypeVar[] = {
    {"__bound__", [](const Layout& l) { return l.type_var.bound; }},
    {"evaluate_bound", [](const Layout& l) { return l.type_var.evaluate_bound; }},
    {"__constraints__", [](const Layout& l) { return l.type_var.constraints; }},
    {"evaluate_constraints", [](const Layout& l) { return l.type_var.evaluate_constraints; }},
    {"__default__", [](const Layout& l) { return l.type_var.default_value; }},
    {"evaluate_default", [](const Layout& l) { return l.type_var.evaluate_default; }},
};
constexpr FieldReference kParamSpec[] = {
    {"__bound__", [](const Layout& l) { return l.param_spec.bound; }},
    {"__default__", [](const Layout& l) { return l.param_spec.default_value; }},
    {"evaluate_default", [](const Layout& l) { return l.param_spec.evaluate_default; }},
};
constexpr FieldReference kParamSpecAttribute[] = {
    {"__origin__", [](const Layout& l) { return l.param_spec_attribute.origin; }},
};
constexpr FieldReference kTypeVarTuple[] = {
    {"__bound__", [](const Layout& l) { return l.type_var_tuple.bound; }},
    {"__default__", [](const Layout& l) { return l.type_var_tuple.default_value; }},
    {"evaluate_default", [](const Layout& l) { return l.type_var_tuple.evaluate_default; }},
};
constexpr FieldReference kTypeAlias[] = {
    {"__qualname__", [](const Layout& l) { return l.type_alias.qualname; }},
    {"__type_params__", [](const Layout& l) { return l.type_alias.type_params; }},
    {"evaluate_value", [](const Layout& l) { return l.type_alias.compute_value; }},
    {"__value__", [](const Layout& l) { return l.type_alias.value; }},
    {"__module__", [](const Layout& l) { return l.type_alias.module; }},
};
constexpr FieldReference kConstEvaluator[] = {
    {"value", [](const Layout& l) { return l.const_evaluator.value; }},
};
constexpr FieldReference kTemplate[] = {
    {"strings", [](const Layout& l) { return l.template_string.strings; }},
    {"interpolations", [](const Layout& l) { return l.template_string.interpolations; }},
};
constexpr FieldReference kTemplateIterator[] = {
    {"strings", [](const Layout& l) { return l.template_iterator.strings; }},
    {"interpolations", [](const Layout& l) { return l.template_iterator.interpolations; }},
};
constexpr FieldReference kInterpolation[] = {
    {"value", [](const Layout& l) { return l.interpolation.value; }},
    {"expression", [](const Layout& l) { return l.interpolation.expression; }},
    {"conversion", [](const Layout& l) { return l.interpolation.conversion; }},
    {"format_spec", [](const Layout& l) { return l.interpolation.format_spec; }},
};
constexpr FieldReference kLazyImport[] = {
    {"builtins", [](const Layout& l) { return l.lazy_import.builtins; }},
    {"from", [](const Layout& l) { return l.lazy_import.from; }},
    {"attr", [](const Layout& l) { return l.lazy_import.attr; }},
    {"code", [](const Layout& l) { return l.lazy_import.code; }},
};
constexpr FieldReference kSentinel[] = {
    {"__name__", [](const Layout& l) { return l.sentinel.name; }},
    {"__module__", [](const Layout& l) { return l.sentinel.module; }},
};
constexpr FieldReference kBufferWrapper[] = {
    {"memoryview", [](const Layout& l) { return l.buffer_wrapper.memoryview; }},
    {"object", [](const Layout& l) { return l.buffer_wrapper.object; }},
};

}  // namespace

std::span<const TypeRules> typing_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "types.GenericAlias", .fields = kGenericAlias},
      TypeRules{.name = "generic_alias_iterator", .fields = kGenericAliasIterator},
      TypeRules{.name = "types.UnionType", .fields = kUnion},
      TypeRules{.name = "typing.Union", .fields = kUnion},
      TypeRules{.name = "typing.TypeVar",
                .fields = kTypeVar,
                .references = name_reference<type_var_name>},
      TypeRules{.name = "typing.ParamSpec",
                .fields = kParamSpec,
                .references = name_reference<param_spec_name>},
      TypeRules{.name = "typing.ParamSpecArgs", .fields = kParamSpecAttribute},
      TypeRules{.name = "typing.ParamSpecKwargs", .fields = kParamSpecAttribute},
      TypeRules{.name = "typing.TypeVarTuple",
                .fields = kTypeVarTuple,
                .references = name_reference<type_var_tuple_name>},
      TypeRules{.name = "typing.TypeAliasType",
                .fields = kTypeAlias,
                .references = name_reference<type_alias_name>},
      // Its traversal leaves its class out, unlike that of other types made at run time.
      TypeRules{.name = "_typing._ConstEvaluator", .fields = kConstEvaluator, .shows_class = false},
      TypeRules{.name = "string.templatelib.Template", .fields = kTemplate},
      TypeRules{.name = "string.templatelib.TemplateIter", .fields = kTemplateIterator},
      TypeRules{.name = "string.templatelib.Interpolation", .fields = kInterpolation},
      TypeRules{.name = "lazy_import", .fields = kLazyImport},
      TypeRules{.name = "sentinel", .fields = kSentinel},
      TypeRules{.name = "_buffer_wrapper", .fields = kBufferWrapper},
  };
  return kRules;
}

}  // namespace coreheap::python
