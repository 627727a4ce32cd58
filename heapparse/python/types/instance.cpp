// References of instances of classes written in Python: slots, the dict or the values in its place,
// and the class itself. It follows subtype_traverse, which every such class has: slots of each
// class of the base chain; the dict where the C base has none at that place; the class once.
#include "heapparse/python/types/instance.h"

#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

constexpr std::string_view kDict = "__dict__";

void slot_references(Decoder& decoder, const Object& object, const TypeLayer& layer,
                     ReferenceSink visit) {
  if (layer.type >= decoder.types().all().size()) return;
  for_each_slot(decoder.reader(), decoder.types()[layer.type].address, [&](const SlotDef& slot) {
    if (slot.offset < layer.begin || slot.offset + 8 > layer.end) return;
    const auto target = decoder.memory().read<std::uint64_t>(object.address + slot.offset);
    if (!target || *target == 0) return;
    visit({Address{*target}, {.kind = EdgeKind::slot, .name = slot.name}});
  });
}

void value_references(Decoder& decoder, const Object& object, const InstanceValues& values,
                      ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto cached = cached_keys(reader, object.type->address);
  const auto keys = cached ? view_dict_keys(reader, *cached) : std::nullopt;
  if (!keys) return;
  // Inline values have a capacity of their own, never beyond that of the keys.
  const std::uint64_t count = values.capacity
                                  ? std::min<std::uint64_t>(*values.capacity, keys->capacity)
                                  : keys->entry_count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto target = reader.memory().read<std::uint64_t>(values.first + i * 8);
    if (!target) return;
    if (*target == 0) continue;
    const auto key = reader.word(keys->entries + i * keys->entry_bytes, keys->key);
    visit({Address{*target},
           {.kind = EdgeKind::attribute, .name = Address{key.value_or(0)}, .index = i}});
  }
}

// A dict made late uses inline values where they are: either it or the instance shows them, and the
// instance owns what it does not leave to the dict.
void managed_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const Address dict = managed_attributes(reader, object.address).dict;
  const auto values = instance_values(reader, *object.type, object.address);
  const bool dict_shows = dict && decoder.traits().dict_traverses_inline_values;
  if (values && !dict_shows) value_references(decoder, object, *values, visit);
  if (!dict) return;
  visit({dict,
         {.kind = EdgeKind::attribute, .text = kDict},
         values && !dict_shows ? SkipCause::not_traversed : SkipCause::none});
}

}  // namespace

std::optional<InstanceValues> instance_values(ObjectReader& reader, const PythonType& type,
                                              Address object) {
  const auto& traits = reader.traits();
  if ((type.flags & traits.type_flags.inline_values) != 0) {
    const auto& f = reader.layout().dict_values;
    const Address values = object + type.basicsize;
    const auto valid = reader.word(values, f.valid);
    const auto capacity = reader.word(values, f.capacity);
    if (!valid || *valid == 0 || !capacity) return std::nullopt;
    return InstanceValues{values + f.values.offset, *capacity};
  }
  if (traits.managed_values_distance == 0) return std::nullopt;
  const auto word = reader.memory().read<std::uint64_t>(object - traits.managed_values_distance);
  if (!word || *word == 0) return std::nullopt;
  if (traits.managed_dict == layouts::ManagedDict::kTagged) {
    if ((*word & 1) == 0) return std::nullopt;
    return InstanceValues{Address{*word + 1}, std::nullopt};
  }
  return InstanceValues{Address{*word}, std::nullopt};
}

void class_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const PythonType& type = *object.type;
  for (const TypeLayer& layer : type.layers) {
    if (layer.kind == TypeLayer::Kind::python && layer.end > layer.begin) {
      slot_references(decoder, object, layer, visit);
    }
  }
  if ((type.flags & decoder.traits().type_flags.managed_dict) != 0) {
    managed_references(decoder, object, visit);
  } else if (type.class_holds_dict) {
    if (const auto dict = instance_dict(decoder.reader(), type, object.address)) {
      visit({*dict, {.kind = EdgeKind::attribute, .text = kDict}});
    }
  }
  if (!type.is_static) {
    visit({type.address,
           {.kind = EdgeKind::type},
           type.shows_class ? SkipCause::none : SkipCause::not_traversed});
  }
}

}  // namespace coreheap::python
