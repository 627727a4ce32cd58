// Reading fields of objects: a layout's Field plus an object's address give a bounded, optional
// value.
//
// One ObjectReader a thread (it remembers the last piece of memory it touched). It knows object
// headers; what lies behind them is the business of the views in types/.
#pragma once

#include <cstdint>
#include <optional>

#include "cpython_layouts/layout.h"
#include "heapparse/base/address.h"
#include "heapparse/image/address_space.h"

namespace coreheap::python {

// A refcount word, taken apart by the form the version uses.
struct Refcount {
  std::int64_t count = 0;
  bool immortal = false;
  // Could this word be the refcount of an object at all? (Pointers and text are not.)
  bool plausible = false;

  bool dead() const { return count == 0 && !immortal; }
};

inline Refcount decode_refcount(const layouts::Traits& traits, std::uint64_t word) {
  const auto low = static_cast<std::uint32_t>(word);
  const auto high = static_cast<std::uint32_t>(word >> 32);
  switch (traits.refcount_form) {
    case layouts::RefcountForm::kPlain: {
      // References are at least 8 bytes each: 2^40 of them would fill 8 TiB.
      const auto count = static_cast<std::int64_t>(word);
      return {count, false, count >= 0 && count < (std::int64_t{1} << 40)};
    }
    case layouts::RefcountForm::kImmortalLow32:
      // Only the low half is ever counted (3.12, 3.13); extensions built for older versions may
      // carry into the upper half.
      if ((low & 0x80000000U) != 0) return {low, true, high <= 1};
      return {static_cast<std::int64_t>(low), false, high == 0};
    case layouts::RefcountForm::kSplitFlags: {
      // u32 count, u16 overflow, u16 flags (3.14 on). The upper byte of the flags is not in use.
      const auto overflow = static_cast<std::uint16_t>(high);
      const auto flags = static_cast<std::uint16_t>(high >> 16);
      const bool shape = overflow == 0 && flags < 0x100;
      if ((low & 0x80000000U) != 0) return {low, true, shape};
      return {static_cast<std::int64_t>(low), false, shape};
    }
    case layouts::RefcountForm::kBiased:
      return {static_cast<std::int64_t>(word), false, false};
  }
  return {};
}

struct ObjectHeader {
  Refcount refcount;
  Address type;
};

class ObjectReader {
 public:
  ObjectReader(const image::AddressSpace& space, const layouts::Layout& layout)
      : reader_(space), layout_(&layout) {}

  const layouts::Layout& layout() const { return *layout_; }
  const layouts::Traits& traits() const { return layout_->traits; }
  image::Reader& memory() { return reader_; }

  // The value of a field of 1, 2, 4 or 8 bytes, zero-extended; nullopt when the field does not
  // exist in this version or its bytes are not in the image.
  std::optional<std::uint64_t> word(Address object, const layouts::Field& field) {
    const Address at = object + field.offset;
    switch (field.size) {
      case 8:
        return widen(reader_.read<std::uint64_t>(at), field);
      case 4:
        return widen(reader_.read<std::uint32_t>(at), field);
      case 2:
        return widen(reader_.read<std::uint16_t>(at), field);
      case 1:
        return widen(reader_.read<std::uint8_t>(at), field);
      default:
        return std::nullopt;
    }
  }
  std::optional<std::int64_t> signed_word(Address object, const layouts::Field& field) {
    const auto value = word(object, field);
    if (!value) return std::nullopt;
    if (field.size == 4) return static_cast<std::int32_t>(*value);
    return static_cast<std::int64_t>(*value);
  }
  // A pointer field; nullopt for NULL too.
  std::optional<Address> pointer(Address object, const layouts::Field& field) {
    const auto value = word(object, field);
    if (!value || *value == 0) return std::nullopt;
    return Address{*value};
  }

  std::optional<ObjectHeader> header(Address object) {
    const auto refcount = reader_.read<std::uint64_t>(object + layout_->object.refcnt.offset);
    const auto type = reader_.read<std::uint64_t>(object + layout_->object.type.offset);
    if (!refcount || !type) return std::nullopt;
    return ObjectHeader{decode_refcount(traits(), *refcount), Address{*type}};
  }
  std::optional<Address> type_of(Address object) { return pointer(object, layout_->object.type); }

 private:
  template <class T>
  static std::optional<std::uint64_t> widen(const std::optional<T>& value,
                                            const layouts::Field& field) {
    if (!value) return std::nullopt;
    return field.extract(std::uint64_t{*value});
  }

  image::Reader reader_;
  const layouts::Layout* layout_;
};

}  // namespace coreheap::python
