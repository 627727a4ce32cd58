// Attributes of rows of the census, and how each is worked out.
#include <algorithm>
#include <array>

#include "heapparse/python/gc_state.h"
#include "heapparse/python/items.h"
#include "heapparse/python/object.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/type_object.h"
#include "heapparse/python/value.h"
#include "querylang/graph_attributes.h"
#include "querylang/registry.h"
#include "querylang/worker.h"

namespace coreheap::query {
namespace {

using census::Census;
using census::RowId;

Value text_or_none(std::string_view text) {
  return text.empty() ? Value::none() : Value::of_lasting_text(text);
}

// Columns -------------------------------------------------------------------------------------

std::span<const std::uint64_t> addresses(const Heap& heap, const Derived&) {
  return heap.census.rows.addresses();
}
std::span<const std::uint64_t> sizes(const Heap& heap, const Derived&) {
  return heap.census.rows.sizes();
}
std::span<const std::uint64_t> buffers(const Heap&, const Derived& derived) {
  return derived.buffers;
}

// By type -------------------------------------------------------------------------------------

const python::PythonType* type_of_entry(const Heap& heap, std::uint32_t entry) {
  if (heap.types == nullptr || entry >= heap.types->all().size()) return nullptr;
  return &(*heap.types)[entry];
}

Value type_name(const Heap& heap, std::uint32_t entry) {
  return Value::of_lasting_text(heap.census.types[entry].name);
}
// A class inside a class has dots in its own name: only its __module__ tells where that begins.
Value type_module(const Heap& heap, std::uint32_t entry) {
  const std::string_view name = heap.census.types[entry].name;
  const auto* type = type_of_entry(heap, entry);
  if (type != nullptr && !type->is_static && heap.runtime != nullptr) {
    python::ObjectReader reader(heap.image.space, *heap.runtime->layout);
    const auto view = python::view_type(reader, type->address);
    const auto module =
        view && view->dict ? python::dict_lookup(reader, view->dict, "__module__") : std::nullopt;
    const auto text = module ? python::name_text(reader, *module, name.size()) : std::nullopt;
    if (text && name.size() > text->size() && name.starts_with(*text) &&
        name[text->size()] == '.') {
      return Value::of_text(name.substr(0, text->size()));
    }
  }
  const std::size_t dot = name.rfind('.');
  return Value::of_text(dot == std::string_view::npos ? "builtins" : name.substr(0, dot));
}
Value type_base(const Heap& heap, std::uint32_t entry) {
  const auto* type = type_of_entry(heap, entry);
  const auto base = type == nullptr ? std::nullopt : heap.types->find(type->base);
  return base ? Value::of_text((*heap.types)[*base].name) : Value::none();
}

// By label, by flags --------------------------------------------------------------------------

Value label_domain(const Heap& heap, std::uint32_t entry) {
  return Value::of_text(census::info_of(heap.census.labels[entry].kind).domain);
}
Value label_detail(const Heap& heap, std::uint32_t entry) {
  return text_or_none(heap.census.labels[entry].detail);
}
Value label_interned(const Heap& heap, std::uint32_t entry) {
  const census::Label& label = heap.census.labels[entry];
  return Value::of(label.kind == census::Kind::python_object && label.detail == "interned");
}
// Entries of `kind`: labels, then types.
Value kind_text(const Heap& heap, std::uint32_t entry) {
  const std::size_t labels = heap.census.labels.size();
  if (entry >= labels) return text_or_none(heap.census.types[entry - labels].name);
  return text_or_none(census::info_of(heap.census.labels[entry].kind).kind);
}
Value flag_state(const Heap&, std::uint32_t entry) {
  return Value::of_text(census::name_of(static_cast<census::State>(entry & 3)));
}
Value flag_allocator(const Heap&, std::uint32_t entry) {
  return Value::of_text(census::name_of(static_cast<census::Allocator>((entry >> 2) & 7)));
}

// By row --------------------------------------------------------------------------------------

Value row_object(Worker& worker, RowId row) {
  const auto& rows = worker.heap().census.rows;
  return rows.holds_object(row) ? Value::of_address(rows.object(row)) : Value::none();
}
Value row_owner(Worker& worker, RowId row) {
  const auto& rows = worker.heap().census.rows;
  const RowId owner = rows.owner(row);
  if (owner == RowId::none || !rows.holds_object(owner)) return Value::none();
  return Value::of_address(rows.object(owner));
}
Value row_owner_type(Worker& worker, RowId row) {
  const Census& census = worker.heap().census;
  const RowId owner = census.rows.owner(row);
  if (owner == RowId::none || !census.rows.holds_object(owner)) return Value::none();
  return Value::of_text(census.types[census::index_of(census.rows.type(owner))].name);
}
Value row_alloc(Worker& worker, RowId row) {
  return Value::of_count(worker.heap().census.rows.size(row) +
                         worker.derived().buffers[census::index_of(row)]);
}
std::optional<std::uint64_t> shallow_bytes(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  if (!object) return std::nullopt;
  const auto size = python::shallow_size(*worker.decoder(), *object);
  return size ? std::optional(size->bytes) : std::nullopt;
}
Value row_shallow(Worker& worker, RowId row) {
  const auto bytes = shallow_bytes(worker, row);
  return bytes ? Value::of_count(*bytes) : Value::none();
}
Value row_slack(Worker& worker, RowId row) {
  const auto bytes = shallow_bytes(worker, row);
  if (!bytes) return Value::none();
  const std::uint64_t taken =
      worker.heap().census.rows.size(row) + worker.derived().buffers[census::index_of(row)];
  return Value::of_count(taken > *bytes ? taken - *bytes : 0);
}
std::optional<python::ObjectHeader> header_of(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  return object ? worker.decoder()->reader().header(object->address) : std::nullopt;
}
Value row_refcnt(Worker& worker, RowId row) {
  const auto header = header_of(worker, row);
  if (!header || header->refcount.immortal) return Value::none();
  return Value::of_integer(header->refcount.count);
}
Value row_immortal(Worker& worker, RowId row) {
  const auto header = header_of(worker, row);
  return header ? Value::of(header->refcount.immortal) : Value::none();
}
Value row_len(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  const auto length = object ? python::length_of(*worker.decoder(), *object) : std::nullopt;
  return length ? Value::of_count(*length) : Value::none();
}
Value row_capacity(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  const auto room = object ? python::capacity_of(*worker.decoder(), *object) : std::nullopt;
  return room ? Value::of_count(*room) : Value::none();
}
Value row_fill(Worker& worker, RowId row) {
  const Value used = row_len(worker, row);
  const Value room = row_capacity(worker, row);
  if (used.is_none() || room.is_none() || room.bits == 0) return Value::none();
  return Value::of_number(used.number() / room.number());
}
Value row_value(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  return object ? worker.value_of(*object) : Value::none();
}
Value row_repr(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  if (!object) return Value::none();
  return Value::of_text(worker.texts.keep(python::value_text(
      *worker.decoder(), object->address, {.max_chars = kMaxRepr, .attributes = true})));
}
Value row_name(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  if (!object) return Value::none();
  if (object->type->shape == python::Shape::type) {
    const auto type = worker.heap().types->find(object->address);
    return type ? Value::of_text((*worker.heap().types)[*type].name) : Value::none();
  }
  for (const char* attribute : {"__qualname__", "__name__", "co_qualname", "co_name", "name"}) {
    const auto found = worker.lookup(attribute).find(*worker.decoder(), *object);
    if (!found) continue;
    const Value value = worker.value_at(*found);
    if (value.kind == Value::Kind::text) return value;
  }
  return Value::none();
}
Value row_tracked(Worker& worker, RowId row) {
  const auto object = worker.object(row);
  if (!object) return Value::none();
  const auto gc = python::object_gc(worker.decoder()->reader(), *worker.heap().runtime,
                                    *object->type, object->address);
  return gc ? Value::of(gc->tracked) : Value::none();
}
Value row_gen(Worker& worker, RowId row) {
  const auto& collector = worker.derived().collector;
  const auto object = worker.object(row);
  if (!object || !collector) return Value::none();
  const auto place = collector->find(object->address);
  return place ? Value::of_count(place->generation) : Value::none();
}
Value row_pool(Worker& worker, RowId row) {
  const auto& rows = worker.heap().census.rows;
  if (rows.allocator(row) != census::Allocator::pymalloc) return Value::none();
  return Value::of_address(
      rows.address(row).aligned_down(worker.heap().pymalloc.geometry.pool_bytes));
}
Value row_arena(Worker& worker, RowId row) {
  const Heap& heap = worker.heap();
  const Address a = heap.census.rows.address(row);
  const auto& arenas = heap.pymalloc.arenas;
  const auto above = std::upper_bound(
      arenas.begin(), arenas.end(), a,
      [](Address x, const pymalloc::Arena& arena) { return x < arena.range.begin; });
  if (above != arenas.begin() && (above - 1)->range.contains(a)) {
    return Value::of_address((above - 1)->range.begin);
  }
  for (const glibc::MallocHeap& malloc : heap.heaps) {
    const auto segment =
        std::upper_bound(malloc.segments.begin(), malloc.segments.end(), a,
                         [](Address x, const glibc::Segment& s) { return x < s.range.begin; });
    if (segment == malloc.segments.begin() || !(segment - 1)->range.contains(a)) continue;
    if ((segment - 1)->arena < malloc.arenas.size()) {
      return Value::of_address(malloc.arenas[(segment - 1)->arena].address);
    }
  }
  return Value::none();
}

// Tables --------------------------------------------------------------------------------------

constexpr Attribute column(std::string_view name, std::string_view alias, Type type,
                           std::span<const std::uint64_t> (*get)(const Heap&, const Derived&),
                           std::string_view meaning) {
  Attribute a;
  a.name = name;
  a.alias = alias;
  a.type = type;
  a.meaning = meaning;
  a.column = get;
  return a;
}
constexpr Attribute entry(std::string_view name, Type type, Dictionary dictionary,
                          Value (*get)(const Heap&, std::uint32_t), std::string_view meaning) {
  Attribute a;
  a.name = name;
  a.type = type;
  a.meaning = meaning;
  a.dictionary = dictionary;
  a.of_entry = get;
  return a;
}
constexpr Attribute row(std::string_view name, std::string_view alias, Type type, Cost cost,
                        Value (*get)(Worker&, RowId), std::string_view meaning) {
  Attribute a;
  a.name = name;
  a.alias = alias;
  a.type = type;
  a.cost = cost;
  a.meaning = meaning;
  a.of_row = get;
  return a;
}
constexpr Attribute with_buffers(Attribute a) {
  a.needs_buffers = true;
  return a;
}
constexpr Attribute with_collector(Attribute a) {
  a.needs_collector = true;
  return a;
}
constexpr Attribute with_counts(Attribute a) {
  a.needs_counts = true;
  return a;
}
constexpr Attribute with_holders(Attribute a) {
  a.needs_holders = true;
  return a;
}
constexpr Attribute later(std::string_view name, Type type, Cost cost, Needs needs,
                          std::string_view meaning) {
  Attribute a;
  a.name = name;
  a.type = type;
  a.cost = cost;
  a.needs = needs;
  a.meaning = meaning;
  return a;
}

constexpr auto kAttributes = std::to_array<Attribute>({
    column("addr", "start", Type::address, addresses, "what the allocator returned"),
    column("size", "", Type::bytes, sizes, "bytes taken, rounding and header included"),
    entry("domain", Type::text, Dictionary::label, label_domain, "whose it is: python, cpython, C"),
    entry("kind", Type::text, Dictionary::kind, kind_text, "what it is; of an object its type"),
    entry("detail", Type::text, Dictionary::label, label_detail, "more about it"),
    entry("type", Type::text, Dictionary::type, type_name, "module.qualname, bare for builtins"),
    entry("module", Type::text, Dictionary::type, type_module, "module of the object's class"),
    entry("base", Type::text, Dictionary::type, type_base, "class that its class is derived from"),
    entry("state", Type::text, Dictionary::flags, flag_state, "used, free or cached"),
    entry("allocator", Type::text, Dictionary::flags, flag_allocator,
          "glibc, glibc-mmap, pymalloc, static"),
    entry("interned", Type::boolean, Dictionary::label, label_interned, "a str that is interned"),
    row("object", "", Type::address, Cost::columns, row_object, "id() of the object in it"),
    row("owner", "", Type::address, Cost::columns, row_owner, "the object a buffer belongs to"),
    row("owner_type", "", Type::text, Cost::columns, row_owner_type, "type of that object"),
    with_buffers(column("buffers", "", Type::bytes, buffers, "bytes of the buffers it owns")),
    with_buffers(row("alloc", "", Type::bytes, Cost::columns, row_alloc, "size and buffers")),
    row("arena", "", Type::address, Cost::columns, row_arena, "the allocator's arena it lies in"),
    row("pool", "", Type::address, Cost::columns, row_pool, "the pymalloc pool it lies in"),
    row("shallow", "", Type::bytes, Cost::memory, row_shallow, "sys.getsizeof"),
    with_buffers(row("slack", "", Type::bytes, Cost::memory, row_slack,
                     "part of alloc that shallow does not count")),
    row("refcnt", "refcount", Type::integer, Cost::memory, row_refcnt,
        "reference count; none where it is immortal"),
    row("immortal", "", Type::boolean, Cost::memory, row_immortal, "never freed"),
    row("len", "", Type::integer, Cost::memory, row_len, "len() of the object"),
    row("used", "", Type::integer, Cost::memory, row_len, "the same, beside capacity"),
    row("capacity", "", Type::integer, Cost::memory, row_capacity, "items there is room for"),
    row("fill", "", Type::number, Cost::memory, row_fill, "used / capacity"),
    row("value", "", Type::any, Cost::memory, row_value, "the object as a text, number, truth"),
    row("repr", "", Type::text, Cost::memory, row_repr, "the object as Python writes it"),
    row("name", "", Type::text, Cost::memory, row_name, "of a function, class, module, coroutine"),
    row("tracked", "", Type::boolean, Cost::memory, row_tracked, "gc.is_tracked"),
    with_collector(row("gen", "", Type::integer, Cost::memory, row_gen,
                       "generation: 0, 1, 2, or 3 for frozen")),
    row("reachable", "", Type::boolean, Cost::graph, row_reachable, "a root leads to it"),
    row("depth", "", Type::integer, Cost::graph, row_depth, "steps from the nearest root"),
    row("in_refs", "", Type::integer, Cost::graph, row_in_refs, "references to it"),
    row("out_refs", "", Type::integer, Cost::graph, row_out_refs, "references it holds"),
    row("unexplained", "", Type::integer, Cost::graph, row_unexplained,
        "references that are counted and not found: held by C code"),
    row("garbage", "", Type::boolean, Cost::graph, row_garbage, "no root leads to it"),
    row("root", "", Type::text, Cost::graph, row_root, "what kind of root holds it"),
    row("thread", "", Type::integer, Cost::graph, row_thread,
        "get_ident() of the thread whose frames hold it"),
    row("label", "", Type::text, Cost::graph, row_label, "name of the reference to it"),
    row("retained", "", Type::bytes, Cost::retained, row_retained, "bytes freed if it went"),
    with_counts(row("retained_count", "", Type::integer, Cost::retained, row_retained_count,
                    "objects and native blocks freed if it went, itself too")),
    row("idom", "", Type::address, Cost::retained, row_idom, "its immediate dominator"),
    with_holders(row("holder", "", Type::text, Cost::retained, row_holder,
                     "what of the program keeps it, as WHO HOLDS IT has it")),
    later("status", Type::text, Cost::columns, Needs::two_snapshots, "added, removed or kept"),
});

}  // namespace

std::span<const Attribute> attributes() { return kAttributes; }

const Attribute* find_attribute(std::string_view name) {
  for (const Attribute& a : kAttributes) {
    if (a.name == name || (!a.alias.empty() && a.alias == name)) return &a;
  }
  return nullptr;
}

}  // namespace coreheap::query
