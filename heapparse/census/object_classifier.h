// Is this block a Python object, and of which exact type?
//
// A block is an object only when a type word stands at one of the few places where an object may
// start in its block (behind debug prefix, GC head, managed words) and everything around agrees
// with that type: the pre-header that the type implies, a refcount that can be one, links of a GC
// head, and the size the object declares for itself. Where more than one place fits, a live object
// is believed before one that may be dead or whose refcount may be a pointer: the front of a block
// often keeps what an earlier object left. What it says of a block depends on that block alone;
// buffers that look like objects are told by their owners' pointers afterwards (claims).
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "heapparse/base/address.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::census {

struct ObjectVerdict {
  std::uint32_t type = 0;    // index into the TypeTable
  std::uint32_t offset = 0;  // of the object in its block
  bool dead = false;         // refcount 0: on a free list
  bool doubtful = false;     // the refcount could as well be a pointer, or a number
  bool interned = false;     // a str in the interpreter's table
  bool bare = false;         // a str whose characters lie in it, and nothing else is its own
};

// Whose writable data a static object lies in: only the interpreter's own module has objects that
// were compiled in by its freezing.
enum class StaticHome : std::uint8_t { interpreter, extension };

class ObjectClassifier {
 public:
  ObjectClassifier(const image::AddressSpace& space, const python::Runtime& runtime,
                   const python::TypeTable& types, std::uint32_t block_alignment);

  // `block`: the bytes the allocation can use; `in_pool`: they are a size class in steps of
  // `block_alignment`, so a fixed-size object fills its block.
  std::optional<ObjectVerdict> classify(std::span<const std::byte> block, Address at, bool in_pool);

  // Static objects stand alone: no head in front. `available` bytes follow.
  std::optional<ObjectVerdict> classify_static(std::span<const std::byte> bytes, Address at,
                                               StaticHome home);

  // Bytes the object takes from its own start, as far as its header tells; at least its basic size.
  std::uint64_t object_bytes(std::span<const std::byte> object, const python::PythonType& type,
                             Address at);

 private:
  bool is_compiled_in(Address at, std::uint64_t refcount_word, std::int64_t count, StaticHome home);
  bool in_table_of_types(std::span<const std::byte> bytes, Address at, bool singleton);
  bool fills_class(std::uint64_t bytes, std::uint64_t block) const;
  bool head_agrees(std::span<const std::byte> block, std::uint32_t object_offset,
                   const python::PythonType& type) const;

  python::ObjectReader reader_;
  const python::Runtime& runtime_;
  const python::TypeTable& types_;
  const layouts::Layout& layout_;
  std::uint32_t alignment_;
  std::uint32_t offsets_[3] = {};
  std::uint32_t offset_count_ = 0;
  std::uint64_t most_references_ = 0;
  std::uint64_t lowest_type_ = ~std::uint64_t{0};  // of an empty table nothing is between
  std::uint64_t highest_type_ = 0;
  struct StrFacts {
    bool interned = false;
    bool bare = false;
  } str_;                   // what measuring the object at hand has shown, if it is a str
  std::uint32_t last_ = 0;  // the type met last: runs of one type are the rule
};

}  // namespace coreheap::census
