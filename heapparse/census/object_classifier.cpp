#include "heapparse/census/object_classifier.h"

#include <algorithm>

#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/date_time.h"
#include "heapparse/python/types/frame.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/str.h"

namespace coreheap::census {
namespace {

using python::PythonType;
using python::Shape;

std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + offset, 8);
  return word;
}

// Values of the GC head's state word where there is one: -2 untracked, -3 reachable, -4 tentatively
// unreachable, else a count during a collection.
constexpr std::int64_t kGcUntracked = -2;
constexpr std::int64_t kGcLowestState = -4;

// How far below its initial value the refcount of a compiled-in object may have fallen (extensions
// that release what they never took).
constexpr std::int64_t kStaticRefcountFall = 1 << 20;

// How far it is believed to have risen where it could be an address as well: the brk heap of a
// program at a fixed address (Debian's python3.11) begins anywhere in the lowest 32 MiB to 1 GiB,
// and the initial value is 953 MiB.
constexpr std::int64_t kStaticRefcountRise = 1 << 24;

// What the user of a glibc chunk gets of it when the chunk was cut to measure; what would remain of
// a found chunk stays with it when it is too small to be one itself (_int_malloc, MINSIZE).
constexpr std::uint64_t kChunkAlignment = 16;
constexpr std::uint64_t kSmallestChunk = 32;
constexpr std::uint64_t kChunkHead = 8;  // the size; the word before it is the neighbour's

bool fills_chunk(std::uint64_t bytes, std::uint64_t usable) {
  const std::uint64_t chunk =
      std::max((bytes + kChunkHead + kChunkAlignment - 1) / kChunkAlignment * kChunkAlignment,
               kSmallestChunk);
  return usable + kChunkHead <= chunk + kSmallestChunk - kChunkAlignment;
}

// NULL, or something a link of a GC list can be. Debian's 3.13 aligns list heads to 4 bytes.
bool could_link(std::uint64_t word) {
  return word == 0 || ((word & 3) == 0 && word >= 4096 && word < (std::uint64_t{1} << 47));
}

}  // namespace

ObjectClassifier::ObjectClassifier(const image::AddressSpace& space, const python::Runtime& runtime,
                                   const python::TypeTable& types, std::uint32_t block_alignment)
    : reader_(space, *runtime.layout),
      runtime_(runtime),
      types_(types),
      layout_(*runtime.layout),
      alignment_(block_alignment),
      most_references_(space.word_count()) {
  offsets_[offset_count_++] = 0;
  if (runtime.gc_head_bytes != 0) offsets_[offset_count_++] = runtime.gc_head_bytes;
  if (layout_.traits.preheader_size != 0) {
    offsets_[offset_count_++] = runtime.gc_head_bytes + layout_.traits.preheader_size;
  }
  if (!types.all().empty()) {
    lowest_type_ = types.all().front().address.value;
    highest_type_ = types.all().back().address.value;
  }
}

// Allocated in one piece of known size, an object gets the smallest class that holds it.
bool ObjectClassifier::fills_class(std::uint64_t bytes, std::uint64_t block) const {
  return (bytes + alignment_ - 1) / alignment_ * alignment_ == block;
}

bool ObjectClassifier::head_agrees(std::span<const std::byte> block, std::uint32_t object_offset,
                                   const PythonType& type) const {
  if (!type.is_gc || runtime_.gc_head_bytes == 0) return true;
  // Managed words lie in front of the GC head: the head always touches the object.
  const std::size_t head = object_offset - runtime_.gc_head_bytes;
  const auto& traits = layout_.traits;
  if (traits.gc_refs_in_head) {
    // A state word of its own. Only links of tracked objects mean anything: an object that never
    // was tracked has what the block held before (dicts and tuples of atoms, up to 3.7).
    const auto refs = static_cast<std::int64_t>(word_at(block, head + layout_.gc_head.refs.offset));
    const std::int64_t state = traits.gc_refs_shifted ? refs >> 1 : refs;
    if (state == kGcUntracked) return true;
    if (state < kGcLowestState || state >= (std::int64_t{1} << 40)) return false;
  }
  const std::uint64_t mask = traits.gc_link_mask;
  const std::uint64_t next = word_at(block, head) & mask;
  const std::uint64_t prev = word_at(block, head + 8) & mask;
  if (!could_link(next)) return false;
  if (traits.gc_untracked_is_null_next) return next == 0 || could_link(prev);
  return could_link(prev);
}

std::uint64_t ObjectClassifier::object_bytes(std::span<const std::byte> object,
                                             const PythonType& type, Address at) {
  const std::uint64_t basic = type.basicsize;
  switch (type.shape) {
    case Shape::long_int:
      if (const auto v = python::view_long(reader_, at)) {
        return (v->digits - at) + 4 * v->digit_count;
      }
      return ~std::uint64_t{0};
    case Shape::str:
      if (const auto v = python::view_str(reader_, at)) {
        str_ = {v->interned != 0, !v->own_data && !v->utf8 && !v->wstr};
        return v->object_bytes();
      }
      return ~std::uint64_t{0};
    case Shape::bytes:
      if (const auto v = python::view_bytes(reader_, at)) return v->object_bytes;
      return ~std::uint64_t{0};
    case Shape::frame:
    case Shape::generator:
      // Their items are locals and stack; a count stands in the object only where it is declared.
      if (!python::has_item_count(layout_, type.shape)) return basic;
      break;
    case Shape::with_tzinfo:
      // A naive time is allocated without the last word that its type declares.
      return python::date_time_bytes(reader_, at, basic);
    default:
      break;
  }
  if (type.itemsize == 0) return basic;
  if (object.size() < layout_.var_object.size.offset + 8) return ~std::uint64_t{0};
  const auto count = static_cast<std::int64_t>(word_at(object, layout_.var_object.size.offset));
  // A variable object declares how many items it has; the sign is only used by ints.
  if (count < 0 || count >= (std::int64_t{1} << 44)) return ~std::uint64_t{0};
  return basic + static_cast<std::uint64_t>(count) * type.itemsize;
}

std::optional<ObjectVerdict> ObjectClassifier::classify(std::span<const std::byte> block,
                                                        Address at, bool in_pool) {
  const std::uint32_t prefix =
      in_pool ? runtime_.debug_prefix_bytes : runtime_.debug_chunk_prefix_bytes;
  const std::uint32_t type_at = layout_.object.type.offset;
  std::optional<ObjectVerdict> second_best;
  for (std::uint32_t i = 0; i < offset_count_; ++i) {
    const std::uint32_t offset = prefix + offsets_[i];
    if (block.size() < std::size_t{offset} + 16) break;
    const std::uint64_t type_word = word_at(block, offset + type_at);
    if (type_word < lowest_type_ || type_word > highest_type_) continue;
    std::uint32_t index = last_;
    if (types_[index].address.value != type_word) {
      const auto found = types_.find(Address{type_word});
      if (!found) continue;
      index = *found;
    }
    const PythonType& type = types_[index];
    // A type that an extension made and declared static has no head, though its metatype says so.
    const bool headless = offsets_[i] == 0 && type.preheader != 0 && type.shape == Shape::type &&
                          types_.find(at + offset);
    if (type.preheader != offsets_[i] && !headless) continue;

    const std::uint64_t refcount_word = word_at(block, offset + layout_.object.refcnt.offset);
    const auto refcount = python::decode_refcount(layout_.traits, refcount_word);
    if (!refcount.plausible || (!headless && !head_agrees(block, offset, type))) continue;

    const auto object = block.subspan(offset);
    str_ = {};
    const std::uint64_t need = object_bytes(object, type, at + offset);
    if (need > object.size()) continue;
    if (prefix == 0 && type.itemsize == 0 && type.shape == Shape::plain &&
        (type.flags & layout_.traits.type_flags.inline_values) == 0 &&
        !(in_pool ? fills_class(offset + need, block.size())
                  : fills_chunk(offset + need, block.size()))) {
      continue;
    }
    ObjectVerdict verdict;
    verdict.type = index;
    verdict.offset = offset;
    verdict.interned = str_.interned;
    verdict.bare = str_.bare;
    verdict.dead = refcount.dead();
    // A reference takes a word: there are no more of them than the image has words.
    const bool too_many =
        !refcount.immortal && static_cast<std::uint64_t>(refcount.count) > most_references_;
    verdict.doubtful = too_many || (!refcount.immortal && refcount_word >= 0x10000 &&
                                    reader_.memory().space().is_mapped(Address{refcount_word}));
    // Outside of pools nobody says that a block's beginning was not left by an earlier owner.
    if (!in_pool && too_many) continue;
    // {type, type, ...}: a table of C code's (datetime's C interface, allocated from 3.11 on).
    if (verdict.doubtful && types_.find(Address{refcount_word})) continue;
    if (!verdict.dead && !verdict.doubtful) {
      last_ = index;
      return verdict;
    }
    if (!second_best || (second_best->dead && !verdict.dead)) second_best = verdict;
  }
  return second_best;
}

// The runtime keeps tables of {type, count} and {type, flags, ...}: an entry's count and the next
// entry's type look like an object's head. In a table, heads follow one another at 16 bytes; among
// objects only singletons, which are nothing but a head, do.
bool ObjectClassifier::in_table_of_types(std::span<const std::byte> bytes, Address at,
                                         bool singleton) {
  const auto is_big_type = [&](std::uint64_t word) {
    const auto index = types_.find(Address{word});
    return index && types_[*index].basicsize > layout_.object.struct_size;
  };
  if (!singleton && bytes.size() >= 32) {
    // {..., type, count, type} or {..., type, type}; what has a type as its first field
    // (descriptors, super) is never static, but for numpy's dtypes of the plain kinds.
    if (types_.find(Address{word_at(bytes, 16)})) return true;
    if (word_at(bytes, 16) < (std::uint64_t{1} << 32) && types_.find(Address{word_at(bytes, 24)})) {
      return true;
    }
  }
  // {count, type, count, type}: what stands before it is a head that has no room for its object.
  const auto before = reader_.memory().read<std::uint64_t>(at - 8);
  const auto count = reader_.memory().read<std::uint64_t>(at - 16);
  return before && count && is_big_type(*before) && *count != 0 &&
         *count < (std::uint64_t{1} << 32) && !reader_.memory().space().is_mapped(Address{*count});
}

// Objects of frozen modules, small ints and characters count from a high number (3.11).
bool ObjectClassifier::is_compiled_in(Address at, std::uint64_t refcount_word, std::int64_t count,
                                      StaticHome home) {
  const std::int64_t initial = layout_.traits.compiled_in_refcount;
  if (home != StaticHome::interpreter || initial == 0) return false;
  if (count <= initial - kStaticRefcountFall) return false;
  // {name, class}: an entry of the cache of attributes, which the first interpreter's state has in
  // it (3.11). That state is static data as well, and no compiled-in object lies there. What stands
  // at the name says nothing: an object may well lie where the usual count, taken for an address,
  // leads.
  for (const python::Interpreter& interpreter : runtime_.interpreters) {
    const Address state = interpreter.address;
    if (AddressRange{state, state + layout_.interpreter.struct_size}.contains(at)) return false;
  }
  return refcount_word % 8 != 0 || count < initial + kStaticRefcountRise ||
         !reader_.memory().space().is_mapped(Address{refcount_word});
}

std::optional<ObjectVerdict> ObjectClassifier::classify_static(std::span<const std::byte> bytes,
                                                               Address at, StaticHome home) {
  const std::uint32_t type_at = layout_.object.type.offset;
  if (bytes.size() < 16) return std::nullopt;
  const std::uint64_t type_word = word_at(bytes, type_at);
  if (type_word < lowest_type_ || type_word > highest_type_) return std::nullopt;
  const auto index = types_.find(Address{type_word});
  if (!index) return std::nullopt;
  const PythonType& type = types_[*index];
  if (type.shape == Shape::type) {
    // Type objects are known one by one; what else points to a metatype is a variable.
    if (!types_.find(at) || bytes.size() < layout_.type.struct_size) return std::nullopt;
    ObjectVerdict verdict;
    verdict.type = *index;
    return verdict;
  }
  // Data that was there before the first heap type cannot be an instance of one.
  if (!type.is_static) return std::nullopt;
  // Numbers that are compiled in are constants of the interpreter's frozen modules; elsewhere
  // {-1, &PyFloat_Type} is an entry of a table (numpy).
  if (home == StaticHome::extension && (type.name == "float" || type.name == "complex")) {
    return std::nullopt;
  }
  const std::uint64_t refcount_word = word_at(bytes, layout_.object.refcnt.offset);
  const auto refcount = python::decode_refcount(layout_.traits, refcount_word);
  if (!refcount.plausible || refcount.dead()) return std::nullopt;
  // Tables of types ({&A, &B}) look like objects whose refcount is an address. Singletons, and True
  // and False, may well have so many references; nothing else in static data does.
  const bool singleton = type.itemsize == 0 && type.basicsize == layout_.object.struct_size;
  const bool final_type = (type.flags & layout_.traits.type_flags.base_type) == 0;
  const bool starts_high = is_compiled_in(at, refcount_word, refcount.count, home);
  if (!refcount.immortal && !starts_high && !(singleton && final_type) &&
      !(type.shape == Shape::long_int && final_type) && refcount_word >= 0x10000 &&
      reader_.memory().space().is_mapped(Address{refcount_word})) {
    return std::nullopt;
  }
  // Where objects can be immortal, the interpreter's own singletons, bools and ints are.
  if ((singleton || type.shape == Shape::long_int) && layout_.traits.immortal_refcount != 0 &&
      !refcount.immortal) {
    return std::nullopt;
  }
  if (object_bytes(bytes, type, at) > bytes.size()) return std::nullopt;
  // What Cython compiled keeps {version of a dict, value found in it} in static variables beside
  // each other: one version for several.
  constexpr std::uint64_t kFewestReferences = 1024;
  if (!refcount.immortal && !starts_high && !singleton && refcount_word >= kFewestReferences &&
      ((bytes.size() >= 24 && word_at(bytes, 16) == refcount_word) ||
       reader_.memory().read<std::uint64_t>(at - 16) == refcount_word)) {
    return std::nullopt;
  }
  // Variables for the classes of a module, one beside the other (Cython). What is compiled in
  // counts from a high number, or for ever (3.15 has such an `object` beside a type).
  if (singleton && !final_type && !refcount.immortal && !starts_high && bytes.size() >= 24 &&
      types_.find(Address{word_at(bytes, 16)})) {
    return std::nullopt;
  }
  if (type.shape != Shape::numpy_descr && in_table_of_types(bytes, at, singleton)) {
    return std::nullopt;
  }
  // Static instances of collected types came with frozen modules (tuples, 3.11) and immortal
  // singletons (3.12). They have a GC head too, unused: zeroes, or links once they were tracked.
  if (type.is_gc && runtime_.gc_head_bytes != 0) {
    if (layout_.traits.immortal_refcount != 0 ? !refcount.immortal : type.shape != Shape::tuple) {
      return std::nullopt;
    }
    for (const std::uint64_t back : {8U, 16U}) {
      const auto link = reader_.memory().read<std::uint64_t>(at - back);
      if (!link || !could_link(*link & layout_.traits.gc_link_mask)) return std::nullopt;
    }
  }
  ObjectVerdict verdict;
  verdict.type = *index;
  return verdict;
}

}  // namespace coreheap::census
