// Finds every type object: static ones in the writable data of modules, heap types in malloc chunks
// (a heap type has over 800 bytes, so it never lies in a pymalloc pool).
//
// A type is an object whose own type is a type; metatypes are types with the type-subclass flag.
// The search runs to a fixed point over metatypes: `type` first, then the metatypes it finds, and
// so on.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "heapparse/image/scan_words.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/static_names.h"
#include "heapparse/python/type_layers.h"
#include "heapparse/python/type_names.h"
#include "heapparse/python/type_table.h"
#include "heapparse/python/types/subclasses.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxBases = 256;
constexpr std::uint64_t kBlockAlignment = 16;  // of every allocator, for blocks of this size

struct Candidate {
  Address address;
  Address metatype;
  bool in_other_memory = false;
  bool without_head = false;  // so it has to be one that says it is static
  bool in_module = false;
};

// Objects in data segments and big chunks whose type word is one of `metatypes`.
std::vector<Candidate> collect(const image::Image& image, const Runtime& runtime,
                               const std::vector<glibc::MallocHeap>& heaps,
                               std::span<const AddressRange> other_memory,
                               const std::unordered_set<Address>& metatypes) {
  const auto& layout = *runtime.layout;
  const std::uint32_t type_at = layout.object.type.offset;
  std::vector<Candidate> found;
  const auto scan = [&](AddressRange range) {
    image::scan_words(image.space, range, [&](Address at, std::uint64_t word) {
      if (metatypes.contains(Address{word})) {
        found.push_back({at - type_at, Address{word}, false, false});
      }
      return true;
    });
  };
  bool module_data = false;
  for (const auto& module : image.modules) {
    for (const AddressRange& range : module.data) {
      scan(range);
      if (range.contains(runtime.type_type)) module_data = true;
    }
  }
  for (Candidate& c : found) c.in_module = true;
  if (!module_data) {
    if (const auto* mapping = image.mapping_at(runtime.type_type)) scan(mapping->range);
  }
  // There the beginning of a block is not known, but every allocator aligns it; so do heads.
  const std::size_t before = found.size();
  for (const AddressRange& range : other_memory) scan(range);
  const std::uint64_t misplaced = runtime.gc_head_bytes % kBlockAlignment;
  const auto others = found.begin() + static_cast<std::ptrdiff_t>(before);
  for (auto it = others; it != found.end(); ++it) it->in_other_memory = true;
  found.erase(std::remove_if(others, found.end(),
                             [&](const Candidate& c) {
                               return c.address.value % kBlockAlignment != misplaced;
                             }),
              found.end());
  image::Reader reader(image.space);
  // What an extension allocates for a type by itself and then declares static has no GC head
  // (numpy's DTypes; seen in 1.24 and 2.2).
  const std::uint64_t prefix = runtime.debug_chunk_prefix_bytes;
  const std::uint64_t headed = prefix + runtime.gc_head_bytes;
  for (const auto& heap : heaps) {
    for (const auto& chunk : heap.chunks) {
      if (chunk.state != glibc::ChunkState::used || chunk.size < layout.type.struct_size) continue;
      for (const std::uint64_t start : {headed, prefix}) {
        const Address object = chunk.user() + start;
        const auto word = reader.read<std::uint64_t>(object + type_at);
        if (!word || !metatypes.contains(Address{*word})) continue;
        found.push_back({object, Address{*word}, false, start != headed});
        break;
      }
    }
  }
  return found;
}

// Every heap type is on a list of the collector. Where no allocator says that a block begins here,
// that tells one from ints in a row, whose values are addresses of classes (a dict keyed by id()),
// and from a freed one. While a collection runs, the links back of what it looks at are counts (3.8
// on).
bool is_on_a_list(ObjectReader& reader, const Runtime& runtime, Address object) {
  const auto& traits = reader.traits();
  if (!traits.gc_lists) return true;
  constexpr std::uint64_t kCollecting = 2;
  const Address head = object - runtime.gc_head_bytes;
  const auto link = [&](Address at, std::uint64_t offset) {
    return reader.memory().read<std::uint64_t>(at + offset);
  };
  const auto next = link(head, 0);
  if (!next) return false;
  const auto back = link(Address{*next & traits.gc_link_mask}, 8);
  if (!back) return false;
  if ((*back & traits.gc_link_mask) == head.value) return true;
  return !traits.gc_refs_in_head && (*back & kCollecting) != 0 &&
         (link(head, 8).value_or(0) & kCollecting) != 0;
}

// A static type made at run time is on no list; but its base knows it, by a weak reference that is
// cleared when it goes.
bool is_known_to_its_base(ObjectReader& reader, const TypeView& type) {
  const auto base = type.base ? view_type(reader, type.base) : std::nullopt;
  bool found = false;
  if (base) {
    for_each_subclass(reader, *base, [&](Address one) { found = found || one == type.address; });
  }
  return found;
}

// The tables of addresses that a loader fills in for a module ({function, type, function ...}) look
// like a type object with an address for a refcount.
bool counts_an_address(ObjectReader& reader, Address object, const ObjectHeader& header) {
  constexpr std::uint64_t kLowestAddress = 0x10000;
  if (header.refcount.immortal) return false;
  const auto word =
      reader.memory().read<std::uint64_t>(object + reader.layout().object.refcnt.offset);
  return word && *word >= kLowestAddress && reader.memory().space().is_mapped(Address{*word});
}

bool is_alive(ObjectReader& reader, const Runtime& runtime, const TypeView& type) {
  return type.heap_type ? is_on_a_list(reader, runtime, type.address)
                        : is_known_to_its_base(reader, type);
}

Shape shape_of_name(std::string_view name) {
  static const std::unordered_map<std::string_view, Shape> kShapes = {
      {"float", Shape::float_number},
      {"set", Shape::set},
      {"frozenset", Shape::set},
      {"code", Shape::code},
      {"frame", Shape::frame},
      {"generator", Shape::generator},
      {"coroutine", Shape::generator},
      {"async_generator", Shape::generator},
      {"bytearray", Shape::bytearray},
      {"function", Shape::function},
      {"module", Shape::module},
      {"collections.deque", Shape::deque},
      {"collections.OrderedDict", Shape::odict},
      {"array.array", Shape::array},
      {"instance", Shape::instance_2},
      {"EncodingMap", Shape::open_ended},
      {"numpy.ndarray", Shape::numpy_array},
      {"numpy.dtype", Shape::numpy_descr},
      {"datetime.time", Shape::with_tzinfo},
      {"datetime.datetime", Shape::with_tzinfo},
  };
  const auto it = kShapes.find(name);
  return it == kShapes.end() ? Shape::plain : it->second;
}

Shape shape_of_flags(const layouts::Traits& traits, std::uint64_t flags) {
  const auto& f = traits.type_flags;
  if ((flags & f.type_subclass) != 0) return Shape::type;
  if ((flags & f.small_int_subclass) != 0) return Shape::int_2;
  if ((flags & f.long_subclass) != 0) return Shape::long_int;
  if ((flags & f.list_subclass) != 0) return Shape::list;
  if ((flags & f.tuple_subclass) != 0) return Shape::tuple;
  if ((flags & f.bytes_subclass) != 0) return Shape::bytes;
  if ((flags & f.str_subclass) != 0) return traits.unicode_compact ? Shape::str : Shape::unicode_2;
  if ((flags & f.dict_subclass) != 0) return Shape::dict;
  return Shape::plain;
}

}  // namespace

void TypeTable::build(std::vector<PythonType> types) {
  types_ = std::move(types);
  std::sort(types_.begin(), types_.end(),
            [](const PythonType& a, const PythonType& b) { return a.address < b.address; });
  std::size_t capacity = 16;
  unsigned bits = 4;
  while (capacity < types_.size() * 4) {
    capacity *= 2;
    ++bits;
  }
  slots_.assign(capacity, Slot{});
  mask_ = capacity - 1;
  shift_ = 64 - bits;
  for (std::uint32_t i = 0; i < types_.size(); ++i) {
    std::size_t slot = std::hash<Address>{}(types_[i].address) >> shift_;
    while (slots_[slot].index != kEmpty) slot = (slot + 1) & mask_;
    slots_[slot] = {types_[i].address, i};
  }
}

Result<TypeTable> find_types(const image::Image& image, const Runtime& runtime,
                             const std::vector<glibc::MallocHeap>& heaps,
                             const pymalloc::PymallocHeap&, JobControl& job,
                             std::span<const AddressRange> other_memory) {
  job.begin_step("finding types", 0);
  ObjectReader reader(image.space, *runtime.layout);
  const auto& traits = runtime.layout->traits;

  // Fixed point over metatypes; each round can only add.
  std::unordered_set<Address> metatypes{runtime.type_type};
  std::unordered_map<Address, TypeView> views;
  for (std::size_t round = 0; round < 16; ++round) {
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    const std::size_t known = metatypes.size();
    for (const Candidate& c : collect(image, runtime, heaps, other_memory, metatypes)) {
      if (views.contains(c.address)) continue;
      const auto view = view_type(reader, c.address);
      const auto header = reader.header(c.address);
      if (!view || !header || !view->ready || !header->refcount.plausible ||
          header->refcount.dead() || (c.without_head && view->heap_type) ||
          (c.in_module && counts_an_address(reader, c.address, *header)) ||
          (c.in_other_memory && !is_alive(reader, runtime, *view))) {
        continue;
      }
      views.emplace(c.address, *view);
      if ((view->flags & traits.type_flags.type_subclass) != 0) metatypes.insert(c.address);
    }
    if (metatypes.size() == known) break;
  }
  // The base chain must stay inside the set and end at the one type without a base.
  Address object_type;
  if (const auto it = views.find(runtime.type_type); it != views.end())
    object_type = it->second.base;
  const auto chain_ends = [&](const TypeView& start) {
    const TypeView* at = &start;
    for (std::size_t i = 0; i < kMaxBases; ++i) {
      if (!at->base) return at->address == object_type;
      const auto it = views.find(at->base);
      if (it == views.end()) return false;
      at = &it->second;
    }
    return false;
  };
  std::vector<PythonType> types;
  types.reserve(views.size());
  for (const auto& [address, view] : views) {
    if (!chain_ends(view)) continue;
    PythonType t;
    t.address = address;
    t.metatype = view.metatype;
    t.base = view.base;
    t.flags = view.flags;
    t.basicsize = static_cast<std::uint32_t>(view.basicsize);
    t.itemsize = static_cast<std::uint32_t>(view.itemsize);
    t.dictoffset = view.dictoffset;
    t.weaklistoffset = view.weaklistoffset;
    t.traverse = view.traverse;
    t.dealloc = view.dealloc;
    t.is_static = !view.heap_type;
    t.is_gc = (view.flags & traits.type_flags.have_gc) != 0;
    if (t.is_gc) t.preheader = runtime.gc_head_bytes;
    if ((view.flags & traits.preheader_flags) != 0) t.preheader += traits.preheader_size;
    t.name = type_name(reader, view);
    types.push_back(std::move(t));
  }
  std::sort(types.begin(), types.end(),
            [](const PythonType& a, const PythonType& b) { return a.address < b.address; });
  std::span<const AddressRange> core_data;
  if (runtime.module >= 0) core_data = image.modules[std::size_t(runtime.module)].data;
  name_static_types(reader, runtime, core_data, views, types);
  // Shapes: by flag, else by the nearest base whose name is known.
  std::unordered_map<Address, const PythonType*> by_address;
  for (const auto& t : types) by_address.emplace(t.address, &t);
  for (auto& t : types) {
    t.shape = shape_of_flags(traits, t.flags);
    if (t.shape != Shape::plain && t.shape != Shape::dict) continue;
    const PythonType* at = &t;
    for (std::size_t i = 0; i < kMaxBases && at != nullptr; ++i) {
      if (const Shape s = shape_of_name(unmarked(at->name)); s != Shape::plain) {
        t.shape = s;
        break;
      }
      const auto it = by_address.find(at->base);
      at = it == by_address.end() ? nullptr : it->second;
    }
  }
  attach_layers(reader, runtime, types);
  TypeTable table;
  table.build(std::move(types));
  return table;
}

}  // namespace coreheap::python
