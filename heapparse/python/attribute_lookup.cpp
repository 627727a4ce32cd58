// Slots and C fields first, as the interpreter's data descriptors, then the instance's own values.
#include "heapparse/python/attribute_lookup.h"

#include "heapparse/python/attributes.h"
#include "heapparse/python/references.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

constexpr std::string_view kDict = "__dict__";
constexpr std::string_view kClass = "__class__";

// The dict of an old-style instance, which its C struct holds; else the instance's own.
std::optional<Address> own_dict(Decoder& decoder, const Object& object) {
  for (const TypeLayer& layer : object.type->layers) {
    if (layer.rules == nullptr) continue;
    for (const FieldReference& field : layer.rules->fields) {
      if (field.name != kDict) continue;
      const auto place = field.field(decoder.layout());
      if (!place.present()) continue;
      if (const auto dict = decoder.reader().pointer(object.address, place)) return dict;
    }
  }
  return instance_dict(decoder.reader(), *object.type, object.address);
}

}  // namespace

const AttributeLookup::Plan& AttributeLookup::plan_of(Decoder& decoder, const PythonType& type) {
  const auto [at, added] = plans_.try_emplace(&type);
  Plan& plan = at->second;
  if (!added) return plan;
  const auto& flags = decoder.traits().type_flags;
  ObjectReader& reader = decoder.reader();
  for (const TypeLayer& layer : type.layers) {
    if (layer.kind == TypeLayer::Kind::python && layer.type < decoder.types().all().size()) {
      for_each_slot(reader, decoder.types()[layer.type].address, [&](const SlotDef& slot) {
        if (slot.offset < layer.begin || slot.offset + 8 > layer.end) return;
        const auto text = decoder.memory().space().read_c_string(slot.name, name_.size() + 1);
        if (text == name_) plan.offsets.push_back(slot.offset);
      });
    }
    if (layer.rules == nullptr) continue;
    for (const FieldReference& field : layer.rules->fields) {
      const auto place = field.field(decoder.layout());
      if (!place.present()) continue;
      if (field.name == kDict) plan.has_dict = true;
      if (field.name == name_) plan.offsets.push_back(place.offset);
    }
    plan.search = plan.search || layer.rules->references != nullptr;
  }
  plan.has_dict = plan.has_dict || type.dictoffset != 0 || (type.flags & flags.managed_dict) != 0;
  plan.has_values = (type.flags & (flags.inline_values | flags.managed_dict)) != 0;
  if (plan.has_values) {
    const auto cached = cached_keys(reader, type.address);
    const auto keys = cached ? view_dict_keys(reader, *cached) : std::nullopt;
    for (std::uint64_t i = 0; keys && i < keys->entry_count; ++i) {
      const auto key = reader.word(keys->entries + i * keys->entry_bytes, keys->key);
      if (key && *key != 0 && is_name(decoder, Address{*key})) {
        plan.shared_key = i;
        break;
      }
    }
  }
  return plan;
}

bool AttributeLookup::is_name(Decoder& decoder, Address key) {
  Known& known = known_[std::hash<Address>{}(key) >> 56];
  if (known.key != key) {
    known = {key, name_text(decoder.reader(), key, name_.size() + 1) == name_};
  }
  return known.matches;
}

std::optional<Address> AttributeLookup::in_dict(Decoder& decoder, Address dict) {
  // Damage makes anything look like a dict: only what calls itself one is read as one.
  const auto known = decoder.object(dict);
  if (!known || (known->type->flags & decoder.traits().type_flags.dict_subclass) == 0) {
    return std::nullopt;
  }
  const auto view = view_dict(decoder.reader(), dict);
  if (!view) return std::nullopt;
  std::optional<Address> found;
  for_each_item(decoder.reader(), *view, [&](Address key, Address value) {
    if (!is_name(decoder, key)) return true;
    found = value;
    return false;
  });
  return found;
}

std::optional<Address> AttributeLookup::find(Decoder& decoder, const Object& object) {
  if (name_ == kDict) return own_dict(decoder, object);
  if (name_ == kClass) {
    if (const auto own = instance_class(decoder.reader(), object.address);
        own && object.type->shape == Shape::instance_2) {
      return own;
    }
    return object.type->address;
  }
  const Plan& plan = plan_of(decoder, *object.type);
  for (const std::uint64_t offset : plan.offsets) {
    const auto value = decoder.memory().read_address(object.address + offset);
    if (value && *value) return value;
  }
  bool has_values = false;
  if (plan.has_values) {
    if (const auto values = instance_values(decoder.reader(), *object.type, object.address)) {
      has_values = true;
      if (plan.shared_key && (!values->capacity || *plan.shared_key < *values->capacity)) {
        const auto value = decoder.memory().read_address(values->first + *plan.shared_key * 8);
        if (value && *value) return value;
      }
    }
  }
  if (plan.has_dict && !has_values) {
    if (const auto dict = own_dict(decoder, object)) {
      if (const auto value = in_dict(decoder, *dict)) return value;
    }
  }
  if (!plan.search) return std::nullopt;
  std::optional<Address> found;
  for_each_attribute(decoder, object, [&](const Attribute& attribute) {
    if (found) return;
    const std::string text = edge_text(decoder, attribute.name);
    if (text.size() == name_.size() + 1 && text.ends_with(name_)) found = attribute.value;
  });
  return found;
}

}  // namespace coreheap::python
