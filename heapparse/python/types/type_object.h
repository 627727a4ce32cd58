// The view of type objects: what instances look like, names, and where a static type's dict went.
#pragma once

#include <optional>
#include <string>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct TypeView {
  Address address;
  Address metatype;
  Address base;  // 0 for `object`
  Address name;  // tp_name, a C string
  Address dict;  // tp_dict; 0 for static types where the interpreter keeps it
  std::uint64_t flags = 0;
  std::uint64_t basicsize = 0;
  std::uint64_t itemsize = 0;
  std::int64_t dictoffset = 0;
  std::int64_t weaklistoffset = 0;
  Address traverse;  // code addresses
  Address dealloc;
  std::uint64_t subclasses = 0;  // pointer, or index + 1 of a static type's state
  bool heap_type = false;
  bool ready = false;
};

// tp_flags of the type at `type`, which the caller believes to be one.
inline std::uint64_t type_flags(ObjectReader& reader, Address type) {
  return reader.word(type, reader.layout().type.flags).value_or(0);
}

// The object's type declares itself a subclass of what `flag` (a mask of TypeFlags) stands for.
inline bool is_instance_of(ObjectReader& reader, Address object, std::uint64_t flag) {
  const auto type = reader.type_of(object);
  return type && (type_flags(reader, *type) & flag) != 0;
}

// Does the object at `a` call itself its own type and have the marks of `type`? Gives the size it
// declares for type objects, which differs from version to version.
inline std::optional<std::uint64_t> type_of_types_size(const image::AddressSpace& space,
                                                       const layouts::Layout& layout, Address a) {
  const auto own = space.read<std::uint64_t>(a + layout.object.type.offset);
  if (!own || *own != a.value) return std::nullopt;
  const auto flags = space.read<std::uint64_t>(a + layout.type.flags.offset);
  if (!flags || (*flags & layout.traits.type_flags.type_subclass) == 0) return std::nullopt;
  return space.read<std::uint64_t>(a + layout.type.basicsize.offset);
}

inline std::optional<TypeView> view_type(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().type;
  const auto metatype = reader.type_of(object);
  const auto flags = reader.word(object, f.flags);
  const auto basicsize = reader.word(object, f.basicsize);
  const auto itemsize = reader.word(object, f.itemsize);
  if (!metatype || !flags || !basicsize || !itemsize) return std::nullopt;
  // A type never asks for more than 1 GiB an instance or an item; words of other data do.
  if (*basicsize >= (1U << 30) || *itemsize >= (1U << 30)) return std::nullopt;
  TypeView v;
  v.address = object;
  v.metatype = *metatype;
  v.flags = *flags;
  v.basicsize = *basicsize;
  v.itemsize = *itemsize;
  v.base = Address{reader.word(object, f.base).value_or(0)};
  v.name = Address{reader.word(object, f.name).value_or(0)};
  v.dict = Address{reader.word(object, f.dict).value_or(0)};
  v.dictoffset = static_cast<std::int64_t>(reader.word(object, f.dictoffset).value_or(0));
  v.weaklistoffset = static_cast<std::int64_t>(reader.word(object, f.weaklistoffset).value_or(0));
  v.subclasses = reader.word(object, f.subclasses).value_or(0);
  v.traverse = Address{reader.word(object, f.traverse).value_or(0)};
  v.dealloc = Address{reader.word(object, f.dealloc).value_or(0)};
  v.heap_type = (*flags & reader.traits().type_flags.heap_type) != 0;
  v.ready = (*flags & reader.traits().type_flags.ready) != 0;
  return v;
}

// The interpreters keep a static type's dict and subclasses; its own word says where.
inline bool is_state_index(const TypeView& type) {
  return !type.heap_type && !type.dict && type.subclasses != 0 && type.subclasses < 4096;
}

struct StaticTypeStateView {
  Address dict;        // 0 where the interpreter does not use the type
  Address subclasses;  // likewise
};

// What the interpreter at `interpreter` keeps for a static type: an entry of its table of core
// types or of that of extension modules, whichever names the type.
inline std::optional<StaticTypeStateView> static_type_state(ObjectReader& reader,
                                                            Address interpreter,
                                                            const TypeView& type) {
  if (!reader.traits().static_types_dict_in_interpreter || !is_state_index(type)) {
    return std::nullopt;
  }
  const auto& f = reader.layout().static_type_state;
  for (const layouts::Field& table :
       {reader.layout().interpreter.static_types, reader.layout().interpreter.extension_types}) {
    if (!table.present()) continue;
    const Address state = interpreter + table.offset + (type.subclasses - 1) * f.struct_size;
    if (reader.pointer(state, f.type) != type.address) continue;
    return StaticTypeStateView{reader.pointer(state, f.dict).value_or(Address{}),
                               reader.pointer(state, f.subclasses).value_or(Address{})};
  }
  return std::nullopt;
}

// ht_name / ht_qualname as objects; only for heap types.
inline std::optional<Address> heap_type_name(ObjectReader& reader, Address type) {
  const auto& f = reader.layout().heap_type;
  const bool qualified = reader.traits().heap_type_name == layouts::HeapTypeName::kQualname;
  return reader.pointer(type, qualified ? f.qualname : f.name);
}

// The C copy of a heap type's name that the type owns, where it has one.
inline std::optional<Address> owned_c_name(ObjectReader& reader, Address type) {
  return reader.pointer(type, reader.layout().heap_type.tpname);
}

// What a class's __slots__ made: where the slot lies in instances, and its name as a C string.
struct SlotDef {
  std::uint64_t offset = 0;
  Address name;
};

// Calls visit(SlotDef) for each slot of the class at `type`: the object members of the definitions
// behind the type object, as many as its ob_size says.
template <class Visit>
void for_each_slot(ObjectReader& reader, Address type, Visit&& visit) {
  // T_OBJECT_EX, the one kind that a slot has. Kept by every version.
  constexpr std::uint64_t kObject = 16;
  constexpr std::uint64_t kMaxSlots = 1U << 16;
  const auto& f = reader.layout().member_def;
  const auto metatype = reader.type_of(type);
  const auto count = reader.word(type, reader.layout().var_object.size);
  if (!metatype || !count || *count > kMaxSlots) return;
  const auto begin = reader.word(*metatype, reader.layout().type.basicsize);
  if (!begin) return;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const Address member = type + *begin + i * f.struct_size;
    const auto kind = reader.word(member, f.type);
    const auto offset = reader.word(member, f.offset);
    if (!kind || !offset) return;
    if (*kind != kObject) continue;
    visit(SlotDef{*offset, Address{reader.word(member, f.name).value_or(0)}});
  }
}

// The types whose attributes instances have, in order: a tuple.
inline std::optional<Address> resolution_order(ObjectReader& reader, Address type) {
  return reader.pointer(type, reader.layout().type.mro);
}

// Key table that instances share; 0 when the class has none.
inline std::optional<Address> cached_keys(ObjectReader& reader, Address type) {
  return reader.pointer(type, reader.layout().heap_type.cached_keys);
}

}  // namespace coreheap::python
