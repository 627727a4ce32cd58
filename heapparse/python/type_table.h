// Every type object of a target, by address: what instances need to be told apart and measured.
//
// Invariant: each entry is a type (its own type is a type, flag bit 31 of that type's flags is set)
// whose base chain ends at `object`; names are complete (module.qualname, bare for builtins).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/python/runtime.h"

namespace coreheap::python {

// How the size and content of an instance are laid out: decided once a type, by the nearest builtin
// base with a layout of its own. Everything that decodes an object switches on this.
enum class Shape : std::uint8_t {
  plain,  // basicsize + itemsize * ob_size
  type,
  long_int,
  int_2,  // 2.7's machine-word int
  bytes,
  str,
  unicode_2,
  tuple,
  list,
  dict,
  set,
  float_number,
  code,
  frame,
  generator,  // generator, coroutine, async generator
  bytearray,
  deque,
  odict,
  array,
  function,
  module,
  instance_2,   // 2.7 old-style instance
  open_ended,   // takes more than its type declares, as much as it was made with: EncodingMap
  numpy_array,  // numpy.ndarray
  numpy_descr,  // numpy.dtype
  with_tzinfo,  // datetime.time and datetime.datetime: shorter without a time zone
};

struct TypeRules;  // type_rules.h

// What one type of a base chain adds to an instance. The layers of a type, from the type itself
// down to `object`, are all there is to know about where its instances keep what.
struct TypeLayer {
  enum class Kind : std::uint8_t {
    rules,    // a C type that a table of types/ describes
    python,   // a class written in Python: slots, dict, weak references
    unknown,  // a C type nobody described: the words [begin, end) may hold references
  };
  Kind kind = Kind::unknown;
  const TypeRules* rules = nullptr;
  std::uint32_t type = 0;   // index of the type in the TypeTable
  std::uint32_t begin = 0;  // bytes of an instance that this layer adds
  std::uint32_t end = 0;
};

struct PythonType {
  Address address;
  Address metatype;
  Address base;
  std::string name;  // module.qualname, bare for builtins
  std::uint64_t flags = 0;
  std::uint32_t basicsize = 0;
  std::uint32_t itemsize = 0;
  std::int64_t dictoffset = 0;
  std::int64_t weaklistoffset = 0;
  std::uint32_t preheader =
      0;  // bytes in front of an instance in its block: GC head, managed words
  Shape shape = Shape::plain;
  bool is_static = false;  // not a heap type
  bool is_gc = false;
  bool name_from_heap = false;  // tp_name was out of reach
  Address traverse;             // tp_traverse, tp_dealloc: code addresses, only ever compared
  Address dealloc;
  bool is_class = false;  // written in Python: a class statement made it
  // sys.getsizeof calls a __sizeof__ of Python code or of an extension.
  bool sizeof_overridden = false;
  // Its classes, not its C base, hold the instances' dict.
  bool class_holds_dict = false;
  // Instances own a reference to the type; whether their traversal shows it.
  bool shows_class = false;
  std::vector<TypeLayer> layers;
};

class TypeTable {
 public:
  // Index into all(), or nullopt.
  std::optional<std::uint32_t> find(Address a) const {
    // Open addressing over powers of two: a load factor under one half, one probe as a rule.
    if (slots_.empty()) return std::nullopt;
    for (std::size_t i = std::hash<Address>{}(a) >> shift_;; i = (i + 1) & mask_) {
      if (slots_[i].index == kEmpty) return std::nullopt;  // before the address: 0 is nobody's
      if (slots_[i].address == a) return slots_[i].index;
    }
  }
  const std::vector<PythonType>& all() const { return types_; }
  const PythonType& operator[](std::uint32_t index) const { return types_[index]; }

  void build(std::vector<PythonType> types);

 private:
  static constexpr std::uint32_t kEmpty = 0xffffffff;
  struct Slot {
    Address address;
    std::uint32_t index = kEmpty;
  };
  std::vector<PythonType> types_;  // by address
  std::vector<Slot> slots_;
  unsigned shift_ = 63;  // below the width of a hash; build() sets it
  std::size_t mask_ = 0;
};

// `other_memory`: memory of an allocator whose blocks are not known; searched word by word.
Result<TypeTable> find_types(const image::Image& image, const Runtime& runtime,
                             const std::vector<glibc::MallocHeap>& heaps,
                             const pymalloc::PymallocHeap& pymalloc, JobControl& job,
                             std::span<const AddressRange> other_memory = {});

}  // namespace coreheap::python
