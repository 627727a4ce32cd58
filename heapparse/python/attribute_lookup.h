// One attribute, by name, of many objects: `.status` of a million instances.
//
// What the name means is worked out once a type (a slot's offset, a place among shared keys, a C
// field); then each instance costs the words that lead to the value. Finds what for_each_attribute
// finds under that name, and `__dict__` and `__class__`. Class attributes are not searched.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

// One a thread, and always with decoders of one image.
class AttributeLookup {
 public:
  explicit AttributeLookup(std::string name) : name_(std::move(name)) {}

  std::optional<Address> find(Decoder& decoder, const Object& object);

 private:
  struct Plan {
    std::vector<std::uint64_t> offsets;       // words of the instance that may hold it
    std::optional<std::uint64_t> shared_key;  // place among the values of the class's shared keys
    bool has_values = false;                  // instances may keep values in the place of a dict
    bool has_dict = false;
    bool search = false;  // the type's C code may show more under this name
  };

  const Plan& plan_of(Decoder& decoder, const PythonType& type);
  std::optional<Address> in_dict(Decoder& decoder, Address dict);
  bool is_name(Decoder& decoder, Address key);

  std::string name_;
  std::unordered_map<const PythonType*, Plan> plans_;
  // Keys met before: names are interned, so that few addresses are all there are.
  struct Known {
    Address key;
    bool matches = false;
  };
  std::array<Known, 256> known_{};
};

}  // namespace coreheap::python
