// Tables beside the census: types, arenas, pools, mappings, modules, threads, frames.
#include "querylang/tables.h"

#include <fmt/format.h>

#include <array>
#include <unordered_map>

#include "heapparse/python/items.h"
#include "heapparse/python/threads.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/usage/type_usage.h"
#include "querylang/graph_tables.h"
#include "querylang/worker.h"

namespace coreheap::query {

namespace {

constexpr auto kTypes = std::to_array<TableColumn>({
    {"type", Type::text, "module.qualname, bare for builtins"},
    {"addr", Type::address, "the type object"},
    {"objects", Type::integer, "live objects of exactly this type"},
    {"own", Type::bytes, "the objects' own allocations"},
    {"buffers", Type::bytes, "allocations that belong to them"},
    {"size", Type::bytes, "own and buffers"},
    {"shallow", Type::bytes, "sum of sys.getsizeof"},
    {"basicsize", Type::bytes, "bytes of an instance, as the type declares"},
    {"base", Type::text, "the class it is derived from"},
    {"static", Type::boolean, "no heap type"},
});
constexpr auto kArenas = std::to_array<TableColumn>({
    {"addr", Type::address, "first byte; of glibc's the malloc_state"},
    {"allocator", Type::text, "pymalloc or glibc"},
    {"size", Type::bytes, "bytes that the allocator got"},
    {"used", Type::bytes, "bytes that it gave out"},
    {"blocks", Type::integer, "blocks or chunks in use"},
    {"repr", Type::text, "the same in words"},
});
constexpr auto kPools = std::to_array<TableColumn>({
    {"addr", Type::address, "first byte"},
    {"arena", Type::address, "arena it lies in"},
    {"size", Type::bytes, "bytes of the pool"},
    {"block", Type::bytes, "bytes of one of its blocks"},
    {"live", Type::integer, "blocks in use"},
    {"capacity", Type::integer, "blocks there is room for"},
    {"used", Type::bytes, "bytes in use"},
    {"fill", Type::number, "live / capacity"},
});
constexpr auto kMappings = std::to_array<TableColumn>({
    {"addr", Type::address, "first byte"},
    {"end", Type::address, "behind the last byte"},
    {"size", Type::bytes, "end - addr"},
    {"rss", Type::bytes, "resident, of a live process"},
    {"perms", Type::text, "as /proc/PID/maps has them"},
    {"name", Type::text, "file, [heap], [stack] ..."},
});
constexpr auto kModules = std::to_array<TableColumn>({
    {"name", Type::text, "its key in sys.modules"},
    {"addr", Type::address, "the module object"},
    {"type", Type::text, "type of that object"},
    {"len", Type::integer, "names in its namespace"},
    {"file", Type::text, "its __file__"},
});
constexpr auto kThreads = std::to_array<TableColumn>({
    {"thread", Type::integer, "threading.get_ident()"},
    {"native_id", Type::integer, "the kernel's number"},
    {"name", Type::text, "of threading.Thread"},
    {"frames", Type::integer, "Python frames"},
    {"function", Type::text, "of the innermost frame"},
    {"file", Type::text, "of the innermost frame"},
    {"line", Type::integer, "of the innermost frame"},
    {"gil", Type::boolean, "holds the GIL"},
});
constexpr auto kFrames = std::to_array<TableColumn>({
    {"thread", Type::integer, "threading.get_ident()"},
    {"depth", Type::integer, "0: the innermost"},
    {"name", Type::text, "the function's qualified name"},
    {"file", Type::text, "file of its code"},
    {"line", Type::integer, "line it is at"},
    {"addr", Type::address, "frame object, or the interpreter's frame"},
    {"label", Type::text, "function, file and line in one"},
    {"retained", Type::bytes, "bytes that only its variables and values keep", true},
});
constexpr auto kRefs = std::to_array<TableColumn>({
    {"holder", Type::address, "who refers"},
    {"holder_type", Type::text, "its type; of a native block its kind"},
    {"target", Type::address, "what is referred to"},
    {"target_type", Type::text, "its type; of a native block its kind"},
});

constexpr auto kRoots = std::to_array<TableColumn>({
    {"kind", Type::text, "modules, frame, thread, static_object ..."},
    {"name", Type::text, "as a path shows it"},
    {"addr", Type::address, "of the interpreter, thread state or frame"},
    {"objects", Type::integer, "what it holds itself"},
    {"retained", Type::bytes, "bytes freed if it went"},
});

Value kept(TableData& table, std::string text) {
  return text.empty() ? Value::none() : Value::of_text(table.texts.keep(std::move(text)));
}

Result<void> add_types(TableData& table, const Heap& heap, JobControl& job) {
  if (heap.runtime == nullptr || heap.types == nullptr) return {};
  const auto usage =
      usage::type_usage(heap.census, heap.image.space, heap.runtime, heap.types, false, job);
  if (!usage) return std::unexpected(usage.error());
  for (std::size_t i = 0; i < usage->size(); ++i) {
    const auto& sum = (*usage)[i];
    const census::Type& type = heap.census.types[i];
    const bool known = i < heap.types->all().size();
    const auto base =
        known ? heap.types->find((*heap.types)[static_cast<std::uint32_t>(i)].base) : std::nullopt;
    table.add({Value::of_text(type.name), Value::of_address(type.address),
               Value::of_count(sum.objects), Value::of_count(sum.own), Value::of_count(sum.buffers),
               Value::of_count(sum.total()), Value::of_count(sum.shallow),
               known ? Value::of_count((*heap.types)[static_cast<std::uint32_t>(i)].basicsize)
                     : Value::none(),
               base ? Value::of_text((*heap.types)[*base].name) : Value::none(),
               Value::of(type.is_static)});
  }
  return {};
}

void add_arenas(TableData& table, const Heap& heap) {
  for (const pymalloc::Arena& arena : heap.pymalloc.arenas) {
    table.add(
        {Value::of_address(arena.range.begin), Value::of_text("pymalloc"),
         Value::of_count(arena.range.size()), Value::of_count(arena.live_bytes),
         Value::of_count(arena.live_blocks),
         kept(table, fmt::format("{} of {} pools in use", arena.pools_used, arena.pools_total))});
  }
  for (const glibc::MallocHeap& malloc : heap.heaps) {
    for (const glibc::Arena& arena : malloc.arenas) {
      table.add({Value::of_address(arena.address), Value::of_text("glibc"),
                 Value::of_count(arena.system_bytes), Value::of_count(arena.used_bytes),
                 Value::of_count(arena.used_count),
                 kept(table, fmt::format("{}, {} heap segments", arena.is_main ? "main" : "thread",
                                         arena.segments))});
    }
  }
}

void add_pools(TableData& table, const Heap& heap) {
  const pymalloc::Geometry& geometry = heap.pymalloc.geometry;
  for (const pymalloc::Pool& pool : heap.pymalloc.pools) {
    const std::uint64_t block = geometry.block_bytes(pool.size_class);
    const std::uint64_t capacity =
        (geometry.pool_bytes - pymalloc::Geometry::kPoolHeaderBytes) / block;
    const Address arena = pool.arena < heap.pymalloc.arenas.size()
                              ? heap.pymalloc.arenas[pool.arena].range.begin
                              : Address{};
    table.add({Value::of_address(pool.address), Value::of_address(arena),
               Value::of_count(geometry.pool_bytes), Value::of_count(block),
               Value::of_count(pool.live), Value::of_count(capacity),
               Value::of_count(pool.live * block),
               Value::of_number(static_cast<double>(pool.live) / static_cast<double>(capacity))});
  }
}

void add_mappings(TableData& table, const Heap& heap) {
  for (const image::Mapping& mapping : heap.image.mappings) {
    std::string perms;
    perms += mapping.readable ? 'r' : '-';
    perms += mapping.writable ? 'w' : '-';
    perms += mapping.executable ? 'x' : '-';
    perms += mapping.shared ? 's' : 'p';
    table.add({Value::of_address(mapping.range.begin), Value::of_address(mapping.range.end),
               Value::of_count(mapping.range.size()),
               mapping.rss ? Value::of_count(*mapping.rss) : Value::none(),
               kept(table, std::move(perms)), kept(table, mapping.name)});
  }
}

void add_modules(TableData& table, const Heap& heap) {
  if (heap.runtime == nullptr || heap.types == nullptr) return;
  const Derived none;
  Worker worker(heap, none);
  python::Decoder& decoder = *worker.decoder();
  for (const python::Interpreter& interpreter : heap.runtime->interpreters) {
    const auto modules = python::view_dict(decoder.reader(), interpreter.modules);
    if (!modules) continue;
    python::for_each_item(decoder.reader(), *modules, [&](Address key, Address value) {
      const auto object = decoder.object(value);
      if (!object) return true;
      const auto text_at = [&](std::optional<Address> a) {
        const Value v = a ? worker.value_at(*a) : Value::none();
        return v.kind == Value::Kind::text ? kept(table, std::string(v.text)) : Value::none();
      };
      const auto names = worker.lookup("__dict__").find(decoder, *object);
      const auto names_object = names ? decoder.object(*names) : std::nullopt;
      const auto length = names_object ? python::length_of(decoder, *names_object) : std::nullopt;
      table.add({text_at(key), Value::of_address(value), Value::of_text(object->type->name),
                 length ? Value::of_count(*length) : Value::none(),
                 text_at(worker.lookup("__file__").find(decoder, *object))});
      return true;
    });
  }
}

std::string frame_label(const python::PythonFrame& frame) {
  std::string text = frame.function + "()";
  if (!frame.file.empty()) text += " at " + frame.file.substr(frame.file.rfind('/') + 1);
  if (frame.line) text += fmt::format(":{}", *frame.line);
  return text;
}

// Running frames as nodes of the graph: roots, or (up to 3.10, where they are objects) objects.
std::unordered_map<std::uint64_t, graph::NodeId> frame_roots(const graph::Graph& graph) {
  std::unordered_map<std::uint64_t, graph::NodeId> found;
  for (std::size_t i = 0; i < graph.roots().size(); ++i) {
    const graph::Root& root = graph.roots()[i];
    if (root.kind == graph::RootKind::frame) found[root.address.value] = graph.root_id(i);
  }
  return found;
}

void add_threads(TableData& table, const Heap& heap, const Derived& derived, bool frames) {
  if (heap.runtime == nullptr || heap.types == nullptr) return;
  python::Decoder decoder(heap.image.space, *heap.runtime, *heap.types);
  const bool sized = derived.graph != nullptr && derived.dominators != nullptr;
  const auto roots =
      sized ? frame_roots(*derived.graph) : std::unordered_map<std::uint64_t, graph::NodeId>();
  const auto retained = [&](const python::PythonFrame& frame) {
    if (!sized) return Value::none();
    const auto root = roots.find(frame.frame.value);
    const graph::NodeId node = root != roots.end() ? root->second
                               : frame.object      ? derived.graph->node_at(frame.object)
                                                   : graph::NodeId::none;
    if (node == graph::NodeId::none) return Value::none();
    return Value::of_count(derived.dominators->retained[graph::index_of(node)]);
  };
  for (const python::PythonThread& thread : python::read_threads(heap.image, decoder, {})) {
    const auto line_of = [](const python::PythonFrame& frame) {
      return frame.line ? Value::of_integer(*frame.line) : Value::none();
    };
    // An identity is a pointer as a rule, and never negative.
    const Value id = Value::of_count(thread.id & 0x7fffffffffffffffULL);
    if (!frames) {
      const auto* inner = thread.frames.empty() ? nullptr : &thread.frames[0];
      table.add({id, thread.native_id ? Value::of_count(*thread.native_id) : Value::none(),
                 kept(table, thread.name), Value::of_count(thread.frames.size()),
                 inner ? kept(table, inner->function) : Value::none(),
                 inner ? kept(table, inner->file) : Value::none(),
                 inner ? line_of(*inner) : Value::none(),
                 thread.holds_gil ? Value::of(*thread.holds_gil) : Value::none()});
      continue;
    }
    for (std::size_t i = 0; i < thread.frames.size(); ++i) {
      const python::PythonFrame& frame = thread.frames[i];
      table.add({id, Value::of_count(i), kept(table, frame.function), kept(table, frame.file),
                 line_of(frame), Value::of_address(frame.object ? frame.object : frame.frame),
                 kept(table, frame_label(frame)), retained(frame)});
    }
  }
}

void add_roots(TableData& table, const Derived& derived) {
  if (derived.graph == nullptr || derived.dominators == nullptr) return;
  const graph::Graph& graph = *derived.graph;
  for (std::size_t i = 0; i < graph.roots().size(); ++i) {
    const graph::Root& root = graph.roots()[i];
    const graph::NodeId id = graph.root_id(i);
    std::uint64_t held = 0;
    graph.for_each_referent(id, [&](graph::NodeId) { ++held; });
    table.add({Value::of_text(graph::name_of(root.kind)), kept(table, root.name),
               root.address ? Value::of_address(root.address) : Value::none(),
               Value::of_count(held),
               Value::of_count(derived.dominators->retained[graph::index_of(id)])});
  }
}

}  // namespace

void TableData::add(std::initializer_list<Value> cells) {
  std::size_t i = 0;
  for (const Value& cell : cells) columns[i++].push_back(cell);
  ++rows;
}

std::span<const TableColumn> table_columns(SourceId source) {
  switch (source) {
    case SourceId::types:
      return kTypes;
    case SourceId::arenas:
      return kArenas;
    case SourceId::pools:
      return kPools;
    case SourceId::mappings:
      return kMappings;
    case SourceId::modules:
      return kModules;
    case SourceId::threads:
      return kThreads;
    case SourceId::frames:
      return kFrames;
    case SourceId::roots:
      return kRoots;
    case SourceId::refs:
      return kRefs;
    default:
      return {};
  }
}

Result<std::shared_ptr<TableData>> table_data(SourceId source, const Heap& heap,
                                              const Derived& derived, JobControl& job) {
  auto table = std::make_shared<TableData>(table_columns(source).size());
  switch (source) {
    case SourceId::types:
      if (auto done = add_types(*table, heap, job); !done) return std::unexpected(done.error());
      break;
    case SourceId::arenas:
      add_arenas(*table, heap);
      break;
    case SourceId::pools:
      add_pools(*table, heap);
      break;
    case SourceId::mappings:
      add_mappings(*table, heap);
      break;
    case SourceId::modules:
      add_modules(*table, heap);
      break;
    case SourceId::roots:
      add_roots(*table, derived);
      break;
    case SourceId::refs:
      if (auto done = add_references(*table, heap, derived, job); !done) {
        return std::unexpected(done.error());
      }
      break;
    case SourceId::threads:
    case SourceId::frames:
      add_threads(*table, heap, derived, source == SourceId::frames);
      break;
    default:
      break;
  }
  return table;
}

}  // namespace coreheap::query
