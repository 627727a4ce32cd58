// A small CPython written by hand, by any Layout: static types, an interpreter state, objects in
// pymalloc blocks and malloc chunks, in an Image that the finders of every floor can read. Tests
// then ask for what real programs rarely show, or damage single words.
//
// Where the numbers come from: offsets from the Layout under test, everything else (which block an
// object gets, what a table looks like) from what CPython does.
#pragma once

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpython_layouts/layout.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"
#include "tests/unit/pymalloc/synthetic_heap.h"

namespace coreheap::python::synthetic {

inline constexpr Address kStatics{0x555500200000};  // writable data of "libpython"
inline constexpr Address kBrk{0x555502000000};      // malloc's main heap
inline constexpr Address kStates{0x555503000000};   // interpreter and thread states
inline constexpr Address kLoose{0x555504000000};    // memory that no allocator owns
inline constexpr std::uint64_t kStaticsBytes = 0x10000;
inline constexpr std::uint64_t kBrkBytes = 0x20000;
inline constexpr std::uint64_t kLooseBytes = 0x4000;

// Tables of builds that this project's finders read: no free-threaded and no debug ones.
inline std::vector<const layouts::Layout*> gil_layouts() {
  std::vector<const layouts::Layout*> out;
  for (const layouts::Layout* l : layouts::all()) {
    if (!l->version.free_threaded && !l->version.debug) out.push_back(l);
  }
  return out;
}
inline const layouts::Layout& layout_of(int major, int minor) {
  return *layouts::find({static_cast<std::uint8_t>(major), static_cast<std::uint8_t>(minor)});
}

struct Options {
  std::uint32_t gc_head_bytes = 0;  // 0: the table's likeliest
  std::uint32_t debug_prefix = 0;   // 16: PYTHONMALLOC=debug
  std::uint32_t alignment = 0;      // of pymalloc; 0: the table's likeliest
  bool c_names = true;              // false: C strings of static types are out of reach
};

struct TypeSpec {
  std::uint64_t flags = 0;
  std::uint64_t basicsize = 16;
  std::uint64_t itemsize = 0;
  Address base = {};      // default: object
  Address metatype = {};  // default: type
};

class HeapBuilder {
 public:
  explicit HeapBuilder(const layouts::Layout& l, Options options = {})
      : layout(l), memory(geometry_of(l, options)), options_(options) {
    gc_head_bytes = options.gc_head_bytes != 0       ? options.gc_head_bytes
                    : l.traits.gc_head_sizes.empty() ? 0
                                                     : l.traits.gc_head_sizes.front();
    state_bytes_ =
        (std::uint64_t{l.interpreter.struct_size} + l.thread_state.struct_size + 0x3000) &
        ~std::uint64_t{0xfff};
    memory.add_region(kStatics, kStaticsBytes, image::MappingKind::file);
    memory.add_region(kBrk, kBrkBytes, image::MappingKind::anonymous);
    memory.add_region(kStates, state_bytes_, image::MappingKind::anonymous);
    memory.add_region(kLoose, kLooseBytes, image::MappingKind::anonymous);
    memory.add_arena(0, pymalloc::synthetic::kArenas);
    add_builtin_types();
  }

  const layouts::Layout& layout;
  pymalloc::synthetic::SyntheticHeap memory;
  std::uint32_t gc_head_bytes = 16;
  Address type_type, object_type;
  Address interpreter, runtime_struct, thread;
  Address sysdict, builtins, modules;

  const layouts::Traits& traits() const { return layout.traits; }
  const layouts::TypeFlags& flags() const { return layout.traits.type_flags; }

  // Memory ------------------------------------------------------------------------------------

  // The value of a field, bit-fields included, with what else is in its bytes left as it is.
  void store(Address object, const layouts::Field& f, std::uint64_t value) {
    if (!f.present()) return;
    std::uint64_t word = 0;
    for (unsigned i = 0; i < f.size && i < 8; ++i) {
      word |= std::uint64_t{memory.read<std::uint8_t>(object + f.offset + i)} << (8 * i);
    }
    if (f.is_bit_field()) {
      const std::uint64_t mask = ((std::uint64_t{1} << f.bit_width) - 1) << f.bit;
      word = (word & ~mask) | ((value << f.bit) & mask);
    } else {
      word = value;
    }
    for (unsigned i = 0; i < f.size && i < 8; ++i) {
      memory.write(object + f.offset + i, static_cast<std::uint8_t>(word >> (8 * i)));
    }
  }
  void word(Address a, std::uint64_t value) { memory.write(a, value); }
  void text(Address a, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) memory.write(a + i, bytes[i]);
  }

  // What the program gets from CPython's allocator: a block up to 512 bytes, else a chunk.
  Address allocate(std::uint64_t bytes) {
    const std::uint64_t prefix = options_.debug_prefix;
    const std::uint64_t tail = prefix == 0 ? 0 : traits().debug_serial_after ? 16 : 8;
    const std::uint64_t whole = bytes + prefix + tail;
    const Address at = whole <= 512 ? block(whole) : chunk(whole);
    if (prefix != 0) word(at, __builtin_bswap64(bytes));
    return at + prefix;
  }
  Address block(std::uint64_t bytes) {
    const std::uint32_t alignment = memory.geometry().alignment;
    const auto size_class =
        static_cast<std::uint32_t>((std::max<std::uint64_t>(bytes, 1) - 1) / alignment);
    Pool* pool = nullptr;
    for (Pool& p : pools_) {
      if (p.size_class == size_class && p.carved < memory.capacity(size_class)) pool = &p;
    }
    if (pool == nullptr) {
      const Address at = pymalloc::synthetic::kArenas +
                         std::uint64_t{memory.geometry().pool_bytes} * pools_.size();
      pools_.push_back({at, size_class, 0, {}});
      pool = &pools_.back();
    }
    return memory.block(pool->address, size_class, pool->carved++);
  }
  void free_block(Address a) {
    for (Pool& p : pools_) {
      const std::uint64_t from_pool = a - p.address;
      if (from_pool >= memory.geometry().pool_bytes) continue;
      p.freed.push_back(static_cast<std::uint32_t>((from_pool - 48) /
                                                   memory.geometry().block_bytes(p.size_class)));
    }
  }
  Address chunk(std::uint64_t bytes, glibc::ChunkState state = glibc::ChunkState::used) {
    const std::uint64_t size = std::max<std::uint64_t>(32, (bytes + 8 + 15) / 16 * 16);
    const Address at = kBrk + brk_used_;
    word(at + 8, size | 1);
    glibc::Chunk c;
    c.address = at;
    c.size = size;
    c.state = state;
    chunks_.push_back(c);
    brk_used_ += size;
    return c.user();
  }
  Address static_memory(std::uint64_t bytes) {
    const Address at = kStatics + statics_used_;
    statics_used_ += (bytes + 15) / 16 * 16;
    return at;
  }
  Address c_string(std::string_view string) {
    if (!options_.c_names) return Address{0x1000};  // read-only data, which cores do not hold
    const Address at = static_memory(string.size() + 1);
    text(at, string);
    return at;
  }

  // Types -------------------------------------------------------------------------------------

  Address type(const std::string& name) const { return types_.at(name); }
  bool knows(const std::string& name) const { return types_.contains(name); }

  Address add_static_type(const std::string& name, const TypeSpec& spec) {
    const Address at = static_memory(layout.type.struct_size);
    describe_type(at, spec, 0);
    store(at, layout.type.name, c_string(name).value);
    types_[name] = at;
    return at;
  }
  // A class of the program: in a chunk, with its name in str objects and its module in its dict.
  Address add_heap_type(const std::string& name, const std::string& module, TypeSpec spec) {
    const Address at =
        object(spec.metatype ? spec.metatype : type_type, layout.heap_type.struct_size);
    describe_type(at, spec, flags().heap_type);
    const Address name_object = identifier(name);
    store(at, layout.heap_type.name, name_object.value);
    store(at, layout.heap_type.qualname, name_object.value);
    if (!module.empty()) {
      store(at, layout.type.dict, dict({{identifier("__module__"), identifier(module)}}).value);
    }
    types_[name] = at;
    return at;
  }

  // What makes a type of the bytes at `at`: head, flags, size, base.
  void describe_type(Address at, const TypeSpec& spec, std::uint64_t more_flags) {
    header(at, spec.metatype ? spec.metatype : type_type,
           traits().immortal_refcount != 0 ? traits().immortal_refcount : 5);
    store(at, layout.type.flags, spec.flags | more_flags | flags().ready | flags().base_type);
    store(at, layout.type.basicsize, spec.basicsize);
    store(at, layout.type.itemsize, spec.itemsize);
    store(at, layout.type.base, (spec.base ? spec.base : object_type).value);
  }

  // Objects -----------------------------------------------------------------------------------

  // A zeroed object of `bytes` with header, GC head and whatever its type wants in front.
  Address object(Address type, std::uint64_t bytes, std::uint64_t refcount = 1) {
    const std::uint64_t type_flags = memory.read<std::uint64_t>(type + layout.type.flags.offset);
    std::uint64_t head = (type_flags & flags().have_gc) != 0 ? gc_head_bytes : 0;
    if ((type_flags & traits().preheader_flags) != 0) head += traits().preheader_size;
    const Address at = allocate(head + bytes) + head;
    header(at, type, refcount);
    if (head != 0 && traits().gc_refs_in_head) {
      store(at - gc_head_bytes, layout.gc_head.refs, gc_state(-2));  // untracked
    }
    return at;
  }
  // A value of the state word in front of objects, where there is one (up to 3.7).
  std::uint64_t gc_state(std::int64_t state) const {
    return static_cast<std::uint64_t>(traits().gc_refs_shifted ? state * 2 : state);
  }
  void header(Address at, Address type, std::uint64_t refcount = 1) {
    store(at, layout.object.refcnt, refcount);
    store(at, layout.object.type, type.value);
  }

  // A str; 2.7's unicode where strings have a buffer of their own.
  Address str(std::string_view ascii) {
    if (!traits().unicode_compact) {
      const Address at = object(type("unicode"), layout.unicode_buffer.struct_size);
      const Address data = allocate(4 * (ascii.size() + 1));
      for (std::size_t i = 0; i < ascii.size(); ++i) {
        memory.write(data + 4 * i, static_cast<std::uint32_t>(ascii[i]));
      }
      store(at, layout.unicode_buffer.length, ascii.size());
      store(at, layout.unicode_buffer.data, data.value);
      return at;
    }
    const Address at = object(type("str"), layout.str.struct_size + ascii.size() + 1);
    store(at, layout.str.length, ascii.size());
    str_state(at, 1, true, true);
    text(at + layout.str.struct_size, ascii);
    return at;
  }
  void str_state(Address at, unsigned kind, bool compact, bool ascii) {
    // CPython never initialises the upper bits of the state word.
    memory.write(at + layout.str.kind.offset, std::uint32_t{0xabcdef00});
    store(at, layout.str.kind, kind);
    store(at, layout.str.compact, compact ? 1 : 0);
    store(at, layout.str.ascii, ascii ? 1 : 0);
    store(at, layout.str.ready, 1);
  }
  Address bytes(std::string_view content) {
    const Address at = object(type(traits().unicode_compact ? "bytes" : "str"),
                              layout.bytes.data.offset + content.size() + 1);
    store(at, layout.bytes.size, content.size());
    text(at + layout.bytes.data.offset, content);
    return at;
  }
  // A name as this version keeps it.
  Address identifier(std::string_view name) {
    return traits().unicode_compact ? str(name) : bytes(name);
  }
  Address integer(std::int64_t value) {
    if (!traits().unicode_compact) {
      const Address at = object(type("int"), layout.object.struct_size + 8);
      store(at, layout.int_object.value, static_cast<std::uint64_t>(value));
      return at;
    }
    return long_integer(value);
  }
  Address long_integer(std::int64_t value) {
    std::uint64_t rest = static_cast<std::uint64_t>(value < 0 ? -value : value);
    std::vector<std::uint32_t> digits;
    for (; rest != 0; rest >>= 30) digits.push_back(static_cast<std::uint32_t>(rest & 0x3fffffff));
    const Address at =
        object(type(traits().unicode_compact ? "int" : "long"),
               layout.long_int.digits.offset + 4 * std::max<std::size_t>(1, digits.size()));
    if (traits().long_form == layouts::LongForm::kTag) {
      store(at, layout.long_int.tag, digits.size() << 3 | (value < 0 ? 2U : value == 0 ? 1U : 0U));
    } else {
      const auto count = static_cast<std::int64_t>(digits.size());
      store(at, layout.long_int.size, static_cast<std::uint64_t>(value < 0 ? -count : count));
    }
    for (std::size_t i = 0; i < digits.size(); ++i) {
      memory.write(at + layout.long_int.digits.offset + 4 * i, digits[i]);
    }
    return at;
  }
  Address list(const std::vector<Address>& items) {
    const Address at = object(type("list"), layout.list.struct_size);
    if (items.empty()) return at;
    const Address table = allocate(8 * items.size());
    for (std::size_t i = 0; i < items.size(); ++i) word(table + 8 * i, items[i].value);
    store(at, layout.list.size, items.size());
    store(at, layout.list.allocated, items.size());
    store(at, layout.list.items, table.value);
    return at;
  }
  Address tuple(const std::vector<Address>& items) {
    const Address at = object(type("tuple"), layout.tuple.items.offset + 8 * items.size());
    store(at, layout.tuple.size, items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      word(at + layout.tuple.items.offset + 8 * i, items[i].value);
    }
    return at;
  }

  using Items = std::vector<std::pair<Address, Address>>;
  Address dict(const Items& items) {
    return fill_dict(object(type("dict"), layout.dict.struct_size), items);
  }
  Address fill_dict(Address at, const Items& items) {
    store(at, layout.dict.used, items.size());
    if (traits().dict_form == layouts::DictForm::kEmbeddedTable) {
      std::uint64_t slots = 8;
      while (slots * 2 / 3 < items.size()) slots *= 2;
      const Address table = slots == 8 ? at + layout.dict.small_table.offset : allocate(slots * 24);
      store(at, layout.dict.fill, items.size());
      store(at, layout.dict.mask, slots - 1);
      store(at, layout.dict.table, table.value);
      for (std::size_t i = 0; i < items.size(); ++i) {
        // Every second slot: tables have holes.
        const Address entry = table + 24 * (slots == 8 ? i : (i * 2) % slots + i * 2 / slots);
        store(entry, layout.dict_entry.key, items[i].first.value);
        store(entry, layout.dict_entry.value, items[i].second.value);
      }
      return at;
    }
    store(at, layout.dict.keys, keys_object(items, layouts::DictKeysKind::kUnicode).value);
    return at;
  }
  // A keys object (3.3 on); `kind` matters where the table carries one.
  Address keys_object(const Items& items, layouts::DictKeysKind kind, unsigned log2 = 3) {
    while ((std::uint64_t{1} << log2) * 2 / 3 < items.size()) ++log2;
    const std::uint64_t slots = std::uint64_t{1} << log2;
    const bool sized = traits().dict_form == layouts::DictForm::kKeysObjectSized;
    const bool general = sized || kind == layouts::DictKeysKind::kGeneral;
    const std::uint64_t entry =
        general ? layout.dict_entry.struct_size : layout.dict_unicode_entry.struct_size;
    const std::uint64_t width = slots <= 0xff ? 1 : slots <= 0xffff ? 2 : 4;
    const std::uint64_t head = layout.dict_keys.indices.offset + slots * width;
    const Address at = allocate(head + slots * 2 / 3 * entry);
    store(at, layout.dict_keys.refcnt, 1);
    store(at, layout.dict_keys.size, slots);
    store(at, layout.dict_keys.log2_size, log2);
    store(at, layout.dict_keys.log2_index_bytes,
          static_cast<std::uint64_t>(std::countr_zero(slots * width)));
    store(at, layout.dict_keys.kind, static_cast<std::uint64_t>(kind));
    store(at, layout.dict_keys.nentries, items.size());
    store(at, layout.dict_keys.usable, slots * 2 / 3 - items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Address e = at + head + entry * i;
      store(e, general ? layout.dict_entry.key : layout.dict_unicode_entry.key,
            items[i].first.value);
      store(e, general ? layout.dict_entry.value : layout.dict_unicode_entry.value,
            items[i].second.value);
    }
    return at;
  }

  // The whole ---------------------------------------------------------------------------------

  std::uint64_t hexversion() const {
    const auto& v = layout.version;
    return std::uint64_t{v.major} << 24 | std::uint64_t{v.minor} << 16 |
           std::uint64_t{v.micro} << 8 | 0xf0;
  }
  // sys, builtins, sys.modules, one interpreter with one thread, and what leads to them.
  void boot() {
    sysdict = dict({{identifier("hexversion"), integer(static_cast<std::int64_t>(hexversion()))},
                    {identifier("maxsize"), integer(7)}});
    Items published;
    for (const auto& [name, address] : types_) {
      if (name.find('.') == std::string::npos) published.emplace_back(identifier(name), address);
    }
    builtins = dict(published);
    modules =
        dict({{identifier("sys"), module(sysdict)}, {identifier("builtins"), module(builtins)}});
    interpreter = kStates + 0x100;
    thread = interpreter + (layout.interpreter.struct_size + 0xff) / 16 * 16;
    store(interpreter, layout.interpreter.modules, modules.value);
    store(interpreter, layout.interpreter.sysdict, sysdict.value);
    store(interpreter, layout.interpreter.builtins, builtins.value);
    store(interpreter, layout.interpreter.threads_head, thread.value);
    store(thread, layout.thread_state.interp, interpreter.value);
    if (traits().has_pyruntime) {
      runtime_struct =
          static_memory(std::max<std::uint64_t>(layout.runtime.interpreters_main.end(), 64));
      store(runtime_struct, layout.runtime.interpreters_head, interpreter.value);
      store(runtime_struct, layout.runtime.interpreters_main, interpreter.value);
      if (traits().has_debug_offsets) {
        text(runtime_struct, "xdebugpy");
        word(runtime_struct + 8, hexversion());
        word(runtime_struct + 16, 0);
        word(runtime_struct + 24, layout.runtime_size);
      }
    } else {
      word(static_memory(8), interpreter.value);
    }
  }
  Address module(Address namespace_dict) {
    const Address at = object(type("module"), layout.module.struct_size);
    store(at, layout.module.dict, namespace_dict.value);
    return at;
  }

  // The memory with the allocators' own words written.
  pymalloc::synthetic::SyntheticHeap finished() const {
    pymalloc::synthetic::SyntheticHeap heap = memory;
    for (const Pool& p : pools_) heap.add_pool(0, p.size_class, p.carved, p.freed);
    write_malloc(heap);
    heap.finish();
    return heap;
  }
  image::Image image() const { return finished().image(); }

  // The allocators as their finders would describe them.
  glibc::MallocHeap malloc_heap() const {
    glibc::MallocHeap heap;
    heap.arenas.resize(1);
    heap.arenas[0].is_main = true;
    heap.segments.push_back({{kBrk, kBrk + kBrkBytes}, kBrk + kBrkBytes, 0, false});
    heap.chunks = chunks_;
    glibc::Chunk top;
    top.address = kBrk + brk_used_;
    top.size = kBrkBytes - brk_used_;
    top.state = glibc::ChunkState::top;
    heap.chunks.push_back(top);
    return heap;
  }
  // What find_runtime would say; boot() need not have run.
  Runtime runtime() const {
    Runtime out;
    out.layout = &layout;
    out.type_type = type_type;
    out.module = 0;
    out.gc_head_bytes = gc_head_bytes;
    out.debug_prefix_bytes = options_.debug_prefix;
    out.debug_chunk_prefix_bytes = options_.debug_prefix;
    if (interpreter) {
      Interpreter i;
      i.address = interpreter;
      i.modules = modules;
      i.sysdict = sysdict;
      i.builtins = builtins;
      out.interpreters.push_back(i);
    }
    return out;
  }

 private:
  struct Pool {
    Address address;
    std::uint32_t size_class = 0;
    std::uint32_t carved = 0;
    std::vector<std::uint32_t> freed;
  };

  static pymalloc::Geometry geometry_of(const layouts::Layout& l, const Options& options) {
    const auto& t = l.traits;
    return {options.alignment != 0 ? options.alignment : t.pymalloc_alignments.front(),
            t.pymalloc_pool_sizes.front(), t.pymalloc_arena_sizes.front()};
  }

  void add_builtin_types() {
    const auto& l = layout;
    const auto& f = flags();
    // `type` is its own type and a subclass of `object`, which is a `type`.
    type_type = static_memory(l.type.struct_size);
    object_type = static_memory(l.type.struct_size);
    describe_type(type_type, {f.have_gc | f.type_subclass, l.heap_type.struct_size, 40}, 0);
    describe_type(object_type, {0, l.object.struct_size}, 0);
    store(object_type, l.type.base, 0);
    store(type_type, l.type.name, c_string("type").value);
    store(object_type, l.type.name, c_string("object").value);
    types_["type"] = type_type;
    types_["object"] = object_type;
    const bool old = !traits().unicode_compact;
    if (old) {
      add_static_type("str", {f.bytes_subclass, l.bytes.data.offset + 1U, 1});
      add_static_type("unicode", {f.str_subclass, l.unicode_buffer.struct_size});
      add_static_type("int", {f.small_int_subclass, l.object.struct_size + 8U});
      add_static_type("long", {f.long_subclass, l.long_int.digits.offset, 4});
    } else {
      add_static_type("bytes", {f.bytes_subclass, l.bytes.data.offset + 1U, 1});
      add_static_type("str", {f.str_subclass, l.str_legacy.struct_size});
      add_static_type("int", {f.long_subclass, l.long_int.digits.offset, 4});
      add_static_type("collections.OrderedDict",
                      {f.have_gc | f.dict_subclass, l.odict.struct_size});
    }
    add_static_type("tuple", {f.have_gc | f.tuple_subclass, l.tuple.items.offset, 8});
    add_static_type("list", {f.have_gc | f.list_subclass, l.list.struct_size});
    add_static_type("dict", {f.have_gc | f.dict_subclass, l.dict.struct_size});
    if (!old) store(type("collections.OrderedDict"), l.type.base, type("dict").value);
    add_static_type("set", {f.have_gc, l.set.struct_size});
    add_static_type("float", {0, l.float_object.struct_size});
    add_static_type("module", {f.have_gc, l.module.struct_size});
    add_static_type("bytearray", {0, l.bytearray.struct_size});
    add_static_type("collections.deque", {f.have_gc, l.deque.struct_size});
    add_static_type("array.array", {0, l.array.struct_size});
  }

  // The main arena as glibc leaves it, so that its finder meets a sound one.
  void write_malloc(pymalloc::synthetic::SyntheticHeap& to) const {
    const glibc::ArenaLayout* arena = nullptr;
    for (const auto& l : glibc::arena_layouts()) {
      if (l.fastbins && l.attached_threads) arena = &l;
    }
    const Address bins = kMainArena + arena->bins;  // of bins[0], the unsorted bin's fd
    const Address top = kBrk + brk_used_;
    to.write(top + 8, (kBrkBytes - brk_used_) | 1);
    to.write(bins + static_cast<std::uint64_t>(glibc::ArenaLayout::kTop), top.value);
    for (std::uint32_t i = 0; i < glibc::kBins; ++i) {
      const Address head = bins + 16 * i - 16;
      to.write(bins + 16 * i, head.value);
      to.write(bins + 16 * i + 8, head.value);
    }
    to.write(bins + glibc::ArenaLayout::kNext, kMainArena.value);
    to.write(bins + glibc::ArenaLayout::kAttached, std::uint64_t{1});
    to.write(bins + arena->system_mem(), kBrkBytes);
    to.write(bins + arena->max_system_mem(), kBrkBytes);
  }
  static constexpr Address kMainArena = pymalloc::synthetic::kData + 0x2000;

  Options options_;
  std::uint64_t state_bytes_ = 0;
  std::map<std::string, Address> types_;
  std::vector<Pool> pools_;
  std::vector<glibc::Chunk> chunks_;
  std::uint64_t brk_used_ = 0;
  std::uint64_t statics_used_ = 0;
};

// The image of a heap as it is now, and a reader of it.
struct Read {
  explicit Read(HeapBuilder& heap) : image(heap.image()), own(image.space, heap.layout) {}
  Read(const Read&) = delete;
  Read& operator=(const Read&) = delete;
  image::Image image;
  ObjectReader own;
  ObjectReader& reader = own;  // an lvalue even of a temporary
};

}  // namespace coreheap::python::synthetic
