// The view of an instance's attribute storage that lies in front of the object: managed dict words.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/type_rules.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

struct ManagedAttributes {
  Address dict;          // materialised dict, 0 when there is none
  Address values_block;  // start of the separate values allocation, 0 when none or inline
};

// Only for types with the managed-dict flag.
inline ManagedAttributes managed_attributes(ObjectReader& reader, Address object) {
  const auto& traits = reader.traits();
  const auto word_at = [&](std::uint64_t back) {
    return reader.memory().read<std::uint64_t>(object - back).value_or(0);
  };
  ManagedAttributes out;
  std::uint64_t values = 0;
  switch (traits.managed_dict) {
    case layouts::ManagedDict::kNone:
      return out;
    case layouts::ManagedDict::kValuesAndDict:
      values = word_at(traits.managed_values_distance);
      out.dict = Address{word_at(traits.managed_dict_distance)};
      break;
    case layouts::ManagedDict::kTagged: {
      const std::uint64_t word = word_at(traits.managed_dict_distance);
      if ((word & 1) != 0) {
        values = word + 1;  // stored as pointer - 1
      } else {
        out.dict = Address{word};
      }
      break;
    }
    case layouts::ManagedDict::kDictOnly:
      out.dict = Address{word_at(traits.managed_dict_distance)};
      break;
  }
  if (values != 0 && reader.traits().values_have_prefix) {
    const auto prefix = reader.memory().read<std::uint8_t>(Address{values - 1});
    if (prefix) out.values_block = Address{values - *prefix};
  }
  return out;
}

// Attribute values that lie in an instance, or beside it, in the order of its class's shared keys.
struct InstanceValues {
  Address first;
  std::optional<std::uint64_t> capacity;  // inline values say it; others have one a key
};

// nullopt when the instance has none, or a dict took them over.
std::optional<InstanceValues> instance_values(ObjectReader& reader, const PythonType& type,
                                              Address object);

// The dict that holds an instance's attributes, where it is an object of its own by now.
inline std::optional<Address> instance_dict(ObjectReader& reader, const PythonType& type,
                                            Address object) {
  if ((type.flags & reader.traits().type_flags.managed_dict) != 0) {
    const Address dict = managed_attributes(reader, object).dict;
    return dict ? std::optional(dict) : std::nullopt;
  }
  std::int64_t offset = type.dictoffset;
  if (offset < 0) {
    // Counted from the end of a variable object (subclasses of tuple and int, up to 3.11).
    const auto count = reader.signed_word(object, reader.layout().var_object.size);
    if (!count || *count == INT64_MIN) return std::nullopt;
    const std::uint64_t items = static_cast<std::uint64_t>(*count < 0 ? -*count : *count);
    if (items >= (std::uint64_t{1} << 40)) return std::nullopt;
    const std::uint64_t bytes = (type.basicsize + items * type.itemsize + 7) / 8 * 8;
    offset += static_cast<std::int64_t>(bytes);
  }
  if (offset < reader.layout().object.struct_size) return std::nullopt;
  const auto dict = reader.memory().read_address(object + static_cast<std::uint64_t>(offset));
  return dict && *dict ? dict : std::nullopt;
}

// The class of an old-style instance.
inline std::optional<Address> instance_class(ObjectReader& reader, Address object) {
  return reader.pointer(object, reader.layout().instance.class_);
}

// An old-style class's dict and name; nullopt when the object is none.
struct ClassView {
  Address name;
  Address dict;
};
inline std::optional<ClassView> view_class(ObjectReader& reader, Address object) {
  const auto name = reader.pointer(object, reader.layout().class_object.name);
  const auto dict = reader.pointer(object, reader.layout().class_object.dict);
  if (!name || !dict) return std::nullopt;
  return ClassView{*name, *dict};
}

// The classes that an old-style class is derived from: a tuple.
inline std::optional<Address> class_bases(ObjectReader& reader, Address class_object) {
  return reader.pointer(class_object, reader.layout().class_object.bases);
}

// Where a split dict's values allocation starts, given the words the dict points to.
inline std::optional<Address> values_block(ObjectReader& reader, Address values) {
  if (!reader.traits().values_have_prefix) return values;
  const auto prefix = reader.memory().read<std::uint8_t>(values - 1);
  if (!prefix) return std::nullopt;
  return values - *prefix;
}

// What the classes of an object's type add to it: slots, dict or values, the class itself.
void class_references(Decoder& decoder, const Object& object, ReferenceSink visit);

}  // namespace coreheap::python
