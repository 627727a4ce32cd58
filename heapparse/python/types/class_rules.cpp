// Rules of type objects, descriptors and weak references.
#include <algorithm>
#include <array>

#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/type_object.h"
#include "heapparse/python/types/weakref.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

// What type_traverse visits, and what a type owns beside: names, slots and the table of subclasses,
// which hold no objects that could be in a cycle.
constexpr FieldReference kTypeFields[] = {
    {"__mro__", [](const Layout& l) { return l.type.mro; }},
    {"__bases__", [](const Layout& l) { return l.type.bases; }},
    {"__base__", [](const Layout& l) { return l.type.base; }},
    {"cache", [](const Layout& l) { return l.type.cache; }},
};
constexpr FieldReference kHeapTypeFields[] = {
    {"module", [](const Layout& l) { return l.heap_type.module; }},
    {"__name__", [](const Layout& l) { return l.heap_type.name; }, SkipCause::atom},
    {"__qualname__", [](const Layout& l) { return l.heap_type.qualname; }, SkipCause::atom},
    {"__slots__", [](const Layout& l) { return l.heap_type.slots; }, SkipCause::not_traversed},
};

// The names of its instances' attributes, in the table that it shares with their dicts.
void shared_key_references(Decoder& decoder, Address type, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto cached = cached_keys(reader, type);
  const auto keys = cached ? view_dict_keys(reader, *cached) : std::nullopt;
  if (!keys) return;
  DictView table;
  table.keys = *keys;
  for_each_entry(reader, table, [&](std::uint64_t i, Address key, Address) {
    if (key) visit({key, {.kind = EdgeKind::key, .index = i}, SkipCause::shared_keys});
    return true;
  });
}

void type_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto view = view_type(reader, object.address);
  if (!view) return;
  // A static type names its base in C, which counts for nothing; where it names none, `object` is
  // its base and was counted up to 3.10, which nothing tells afterwards.
  const auto emit = [&](Address target, std::string_view name, SkipCause skipped) {
    if (!target) return;
    visit({target,
           {.kind = EdgeKind::field, .text = name},
           view->heap_type ? skipped : SkipCause::static_type,
           view->heap_type || name != "__base__"});
  };
  const auto fields = [&](std::span<const FieldReference> all) {
    for (const FieldReference& one : all) {
      const auto target = reader.pointer(object.address, one.field(decoder.layout()));
      if (target) emit(*target, one.name, one.skipped);
    }
  };
  fields(kTypeFields);
  if (view->heap_type) {
    fields(kHeapTypeFields);
    shared_key_references(decoder, object.address, visit);
  }
  if (!is_state_index(*view)) {
    emit(view->dict, "__dict__", SkipCause::none);
    emit(Address{view->subclasses}, "__subclasses__", SkipCause::not_traversed);
    return;
  }
  for (const Interpreter& interpreter : decoder.runtime().interpreters) {
    const auto state = static_type_state(reader, interpreter.address, *view);
    if (!state) continue;
    emit(state->dict, "__dict__", SkipCause::static_type);
    emit(state->subclasses, "__subclasses__", SkipCause::static_type);
  }
}

std::optional<std::uint64_t> type_size(Decoder& decoder, const Object& object) {
  ObjectReader& reader = decoder.reader();
  const Layout& layout = decoder.layout();
  if (decoder.traits().sizeof_type_is_default) {
    const auto count = reader.signed_word(object.address, layout.var_object.size);
    if (!count) return std::nullopt;
    return object.type->basicsize + static_cast<std::uint64_t>(*count) * object.type->itemsize;
  }
  const auto view = view_type(reader, object.address);
  if (!view) return std::nullopt;
  if (!view->heap_type) return layout.type.struct_size;
  std::uint64_t size = layout.heap_type.struct_size;
  if (const auto cached = cached_keys(reader, object.address)) {
    const auto keys = view_dict_keys(reader, *cached);
    if (!keys) return std::nullopt;
    size += keys->table_bytes;
  }
  return size;
}

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
  // type_new and PyType_FromSpec copy the text.
  if (const auto doc = reader.pointer(object.address, decoder.layout().type.doc)) {
    visit({BufferKind::type_data, *doc});
  }
}

constexpr FieldReference kProperty[] = {
    {"fget", [](const Layout& l) { return l.property.get; }},
    {"fset", [](const Layout& l) { return l.property.set; }},
    {"fdel", [](const Layout& l) { return l.property.del; }},
    {"__doc__", [](const Layout& l) { return l.property.doc; }},
    {"__name__", [](const Layout& l) { return l.property.name; }},
};
constexpr FieldReference kClassmethod[] = {
    {"__func__", [](const Layout& l) { return l.classmethod.callable; }},
    {"__dict__", [](const Layout& l) { return l.classmethod.dict; }},
};
constexpr FieldReference kStaticmethod[] = {
    {"__func__", [](const Layout& l) { return l.staticmethod.callable; }},
    {"__dict__", [](const Layout& l) { return l.staticmethod.dict; }},
};
constexpr FieldReference kDescriptor[] = {
    {"__objclass__", [](const Layout& l) { return l.descriptor.type; }},
    {"__name__", [](const Layout& l) { return l.descriptor.name; }, SkipCause::atom},
    {"__qualname__", [](const Layout& l) { return l.descriptor.qualname; }, SkipCause::atom},
};
constexpr FieldReference kWrapper[] = {
    {"descriptor", [](const Layout& l) { return l.wrapper.descriptor; }},
    {"__self__", [](const Layout& l) { return l.wrapper.self; }},
};
constexpr FieldReference kSuper[] = {
    {"__thisclass__", [](const Layout& l) { return l.super.type; }},
    {"__self__", [](const Layout& l) { return l.super.object; }},
    {"__self_class__", [](const Layout& l) { return l.super.object_type; }},
};
constexpr FieldReference kMappingproxy[] = {
    {"mapping", [](const Layout& l) { return l.mappingproxy.mapping; }},
};
// The object itself is held weakly.
constexpr FieldReference kWeakref[] = {
    {"__callback__", [](const Layout& l) { return l.weakref.callback; }},
};
constexpr FieldReference kOldClass[] = {
    {"__bases__", [](const Layout& l) { return l.class_object.bases; }},
    {"__dict__", [](const Layout& l) { return l.class_object.dict; }},
    {"__name__", [](const Layout& l) { return l.class_object.name; }},
    {"__getattr__", [](const Layout& l) { return l.class_object.getattr; }},
    {"__setattr__", [](const Layout& l) { return l.class_object.setattr; }},
    {"__delattr__", [](const Layout& l) { return l.class_object.delattr; }},
};
// sys.getsizeof finds no __sizeof__ in old-style instances and asks object's, on `instance`.
std::optional<std::uint64_t> old_instance_size(Decoder& decoder, const Object& object) {
  return decoder.traits().sizeof_old_instance - object.type->preheader;
}

constexpr FieldReference kOldInstance[] = {
    {"__class__", [](const Layout& l) { return l.instance.class_; }},
    {"__dict__", [](const Layout& l) { return l.instance.dict; }},
};

}  // namespace

bool is_weak_reference(const PythonType& type) {
  return std::any_of(type.layers.begin(), type.layers.end(), [](const TypeLayer& layer) {
    return layer.kind == TypeLayer::Kind::rules && layer.rules->fields.data() == kWeakref;
  });
}

std::optional<Address> weak_referent(Decoder& decoder, Address weak_reference) {
  const auto target = decoder.reader().pointer(weak_reference, decoder.layout().weakref.object);
  // Once dead it is None.
  if (!target) return std::nullopt;
  const auto object = decoder.object(*target);
  if (!object || object->type->name == "NoneType") return std::nullopt;
  return target;
}

std::span<const TypeRules> class_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "type",
                .references = type_references,
                .size = type_size,
                .buffers = type_buffers},
      TypeRules{.name = "property", .fields = kProperty},
      TypeRules{.name = "classmethod", .fields = kClassmethod},
      TypeRules{.name = "staticmethod", .fields = kStaticmethod},
      TypeRules{.name = "method_descriptor", .fields = kDescriptor},
      TypeRules{.name = "classmethod_descriptor", .fields = kDescriptor},
      TypeRules{.name = "member_descriptor", .fields = kDescriptor},
      TypeRules{.name = "getset_descriptor", .fields = kDescriptor},
      TypeRules{.name = "wrapper_descriptor", .fields = kDescriptor},
      TypeRules{.name = "method-wrapper", .fields = kWrapper},
      TypeRules{.name = "super", .fields = kSuper},
      TypeRules{.name = "mappingproxy", .fields = kMappingproxy},
      TypeRules{.name = "dictproxy", .fields = kMappingproxy},
      TypeRules{.name = "weakref", .fields = kWeakref},
      TypeRules{.name = "weakproxy", .fields = kWeakref},
      TypeRules{.name = "weakcallableproxy", .fields = kWeakref},
      TypeRules{.name = "weakref.ReferenceType", .fields = kWeakref},
      TypeRules{.name = "weakref.ProxyType", .fields = kWeakref},
      TypeRules{.name = "weakref.CallableProxyType", .fields = kWeakref},
      TypeRules{.name = "classobj", .fields = kOldClass},
      TypeRules{.name = "instance", .fields = kOldInstance, .size = old_instance_size},
  };
  return kRules;
}

}  // namespace coreheap::python
