// The census: one table in which each byte of the target's address space has exactly one home.
//
// *Rows* are the innermost allocations (a pymalloc block, a malloc chunk that is not a pool's
// arena, a static object), in use, cached or free, as a structure of arrays sorted by address.
// *Ranges* are everything else: headers, slack, gaps, stacks, files. Every total that any command
// prints is a sum over this table, so no two commands disagree.
//
// Invariants (checked by `check()` and its tests): row extents and ranges are disjoint and their
// sum is the size of every mapping; a row's extent is [address, address+size) for pymalloc and
// static rows and [address-8, address-8+size) clipped to its segment for glibc's (a chunk's size
// word lies in front of the pointer that malloc returned); ids index the tables beside them; 30
// bytes a row all in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/big_column.h"
#include "heapparse/base/finding.h"
#include "heapparse/census/kinds.h"

namespace coreheap::census {

enum class State : std::uint8_t { used, free, cached };
enum class Allocator : std::uint8_t { glibc, glibc_mmap, pymalloc, static_object, other };

std::string_view name_of(State state);  // "used", "free", "cached"
std::string_view name_of(
    Allocator allocator);  // "glibc", "glibc-mmap", "pymalloc", "static", "other"

// Ids are distinct types: four-byte indices that cannot be mixed.
enum class RowId : std::uint32_t { none = 0xffffffff };
enum class TypeId : std::uint32_t { none = 0xffffffff };
enum class LabelId : std::uint32_t { none = 0xffffffff };

constexpr std::uint32_t index_of(RowId id) { return static_cast<std::uint32_t>(id); }
constexpr std::uint32_t index_of(TypeId id) { return static_cast<std::uint32_t>(id); }
constexpr std::uint32_t index_of(LabelId id) { return static_cast<std::uint32_t>(id); }

// What a row holds: a kind of the list in `kinds` and a detail of its own ("attributes of Node").
// For Python objects the kind's text is the type's name.
struct Label {
  Kind kind = Kind::uncategorized;
  std::string detail;
};

// One Python type, as rows name it.
struct Type {
  Address address;
  std::string name;  // module.qualname, bare for builtins
  bool is_static = false;
  bool from_heap_name = false;  // tp_name was out of reach: named after the dict key it sits under
};

class Rows {
 public:
  std::size_t size() const { return address_.size(); }

  Address address(RowId r) const { return {address_[index_of(r)]}; }
  std::uint64_t size(RowId r) const { return size_[index_of(r)]; }
  State state(RowId r) const { return static_cast<State>(flags_[index_of(r)] & 3); }
  Allocator allocator(RowId r) const {
    return static_cast<Allocator>((flags_[index_of(r)] >> 2) & 7);
  }
  // TypeId::none when the row holds no object.
  TypeId type(RowId r) const { return TypeId{type_[index_of(r)]}; }
  LabelId label(RowId r) const { return LabelId{label_[index_of(r)]}; }
  // The row of the object that owns this buffer; RowId::none otherwise.
  RowId owner(RowId r) const { return RowId{owner_[index_of(r)]}; }
  bool holds_object(RowId r) const { return type(r) != TypeId::none; }
  // id() of the object in the row; only when holds_object().
  Address object(RowId r) const {
    return address(r) + std::uint64_t{object_offset_[index_of(r)]} * 8;
  }

  // The row with the greatest address <= a, or none. Interior addresses: compare with the extent.
  RowId at_or_below(Address a) const;

  // Columns, for whoever runs over all rows.
  std::span<const std::uint64_t> addresses() const { return address_; }
  std::span<const std::uint64_t> sizes() const { return size_; }
  std::span<const std::uint32_t> types() const { return type_; }
  std::span<const std::uint32_t> labels() const { return label_; }
  std::span<const std::uint32_t> owners() const { return owner_; }
  std::span<const std::uint8_t> flags() const { return flags_; }

  static constexpr std::uint8_t pack(State s, Allocator a) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(s) | (static_cast<unsigned>(a) << 2));
  }

 private:
  friend class RowsBuilder;
  BigColumn<std::uint64_t> address_;
  BigColumn<std::uint64_t> size_;
  BigColumn<std::uint32_t> type_;
  BigColumn<std::uint32_t> label_;
  BigColumn<std::uint32_t> owner_;
  BigColumn<std::uint8_t> flags_;          // state, allocator
  BigColumn<std::uint8_t> object_offset_;  // in words
};

// Everything that is not a row.
struct Range {
  AddressRange range;
  RangeKind kind = RangeKind::unlabelled;
  std::int32_t mapping = -1;  // index into Image::mappings
  std::uint32_t arena = 0;    // of the allocator it belongs to, where it does
};

struct Coverage {
  std::uint64_t allocator_bytes = 0;      // bytes of regions that an allocator owns
  std::uint64_t unreadable_bytes = 0;     // of them: not in the image
  std::uint64_t damaged_bytes = 0;        // of them: walked past
  std::uint64_t uncategorized_bytes = 0;  // in used rows that nobody could name
  std::uint64_t uncategorized_count = 0;
};

struct Census {
  Rows rows;
  std::vector<Range> ranges;  // sorted, disjoint
  std::vector<Label> labels;  // by LabelId
  std::vector<Type> types;    // by TypeId
  Coverage coverage;
  Findings findings;
  // A mmapped chunk's extent ends 8 bytes earlier than its size says where nothing follows it (up
  // to glibc 2.42 the mapping ends with the chunk).
  bool mmapped_end_clipped = true;
  // Size of rows that are slots of an int block (2.7): no chunk header in front. No chunk has it.
  static constexpr std::uint64_t kIntObjectBytes = 24;

  const Label& label_of(RowId r) const { return labels[index_of(rows.label(r))]; }
  // Texts of the triple. For an object: domain "python", kind = the type's name.
  std::string_view domain_of(RowId r) const { return info_of(label_of(r).kind).domain; }
  std::string_view kind_of(RowId r) const {
    const TypeId type = rows.type(r);
    if (type != TypeId::none && label_of(r).kind == Kind::python_object) {
      return types[index_of(type)].name;
    }
    return info_of(label_of(r).kind).kind;
  }
  std::string_view detail_of(RowId r) const { return label_of(r).detail; }

  // Bytes of the address space that a row takes (see the invariants above).
  AddressRange extent_of(RowId r) const {
    const Allocator allocator = rows.allocator(r);
    if (allocator == Allocator::glibc || allocator == Allocator::glibc_mmap) return chunk_extent(r);
    return {rows.address(r), rows.address(r) + rows.size(r)};
  }
  // The row whose extent holds `a`, interior addresses included; none when a range does.
  RowId row_holding(Address a) const;
  const Range* range_holding(Address a) const;

 private:
  AddressRange chunk_extent(RowId r) const;
};

}  // namespace coreheap::census
