// What every decoder of an object is handed: the bytes, the layout, the runtime and the types. One
// a thread, because its reader remembers the last piece of memory it touched.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

// An object and its exact type; `type` is never null and points into the TypeTable.
struct Object {
  Address address;
  const PythonType* type = nullptr;
};

class Decoder {
 public:
  Decoder(const image::AddressSpace& space, const Runtime& runtime, const TypeTable& types)
      : reader_(space, *runtime.layout), runtime_(&runtime), types_(&types) {}

  ObjectReader& reader() { return reader_; }
  image::Reader& memory() { return reader_.memory(); }
  const layouts::Layout& layout() const { return *runtime_->layout; }
  const layouts::Traits& traits() const { return runtime_->layout->traits; }
  const Runtime& runtime() const { return *runtime_; }
  const TypeTable& types() const { return *types_; }

  // The type object at `a`; nullptr when there is none.
  const PythonType* type_at(Address a) const {
    const auto index = types_->find(a);
    return index ? &(*types_)[*index] : nullptr;
  }

  // The object at `a`, which somebody points to: its type is a known one and its refcount can be
  // one. Says nothing about whether the block is in use; only the census knows.
  std::optional<Object> object(Address a) {
    const auto header = reader_.header(a);
    if (!header || !header->refcount.plausible) return std::nullopt;
    const PythonType* type = type_at(header->type);
    if (type == nullptr) return std::nullopt;
    return Object{a, type};
  }

 private:
  ObjectReader reader_;
  const Runtime* runtime_;
  const TypeTable* types_;
};

}  // namespace coreheap::python
