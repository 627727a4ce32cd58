// The three modules of the standard library whose state leads to objects through tables of their
// own: atexit (up to 3.9) with its callbacks, _decimal (3.13 on) with its exceptions, _zoneinfo
// (3.12 on) with the zones used last. A module is known by its name, and its state by the size that
// the version's struct has.
#include "heapparse/python/types/module.h"

#include <algorithm>
#include <iterator>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

constexpr std::uint64_t kMaxCallbacks = 1U << 20;
constexpr std::uint64_t kMaxConditions = 64;
constexpr std::uint64_t kMaxCachedZones = 1U << 10;

bool is_state_of(Decoder& decoder, Address module, const ModuleState& state, std::string_view name,
                 const layouts::Struct& layout) {
  if (!layout.present() || state.size != layout.struct_size) return false;
  ObjectReader& reader = decoder.reader();
  const auto held = reader.pointer(module, reader.layout().module.name);
  return held && name_text(reader, *held, name.size() + 1) == name;
}

template <class Visit>
void for_each_callback(ObjectReader& reader, const ModuleState& state, Visit&& visit) {
  const auto& f = reader.layout().atexit_state;
  const auto table = reader.pointer(state.begin, f.callbacks);
  const auto count = reader.word(state.begin, f.count);
  if (!table || !count || *count > kMaxCallbacks) return;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto callback = reader.memory().read_address(*table + i * 8);
    if (!callback) return;
    if (*callback) visit(*callback);  // unregistered ones leave a NULL
  }
}

template <class Visit>
void for_each_condition(ObjectReader& reader, Address table, Visit&& visit) {
  const auto& f = reader.layout().decimal_condition;
  for (std::uint64_t i = 0; i < kMaxConditions; ++i) {
    const Address entry = table + i * f.struct_size;
    if (!reader.pointer(entry, f.name)) return;
    visit(i, reader.pointer(entry, f.exception).value_or(Address{}));
  }
}

// The nodes of _zoneinfo's cache; CPython keeps eight.
template <class Visit>
void for_each_cached_zone(ObjectReader& reader, const ModuleState& state, Visit&& visit) {
  const auto& layout = reader.layout();
  auto node = reader.pointer(state.begin, layout.zoneinfo_state.strong_cache);
  ChainGuard guard;
  for (std::uint64_t i = 0; node && i < kMaxCachedZones && !guard.repeats(*node); ++i) {
    if (!reader.memory().read_address(*node)) return;
    visit(*node);
    node = reader.pointer(*node, layout.zoneinfo_cache_node.next);
  }
}

// Modules whose own traversal lists the type of modules, which they do not own.
constexpr std::string_view kListTheirType[] = {"_curses_panel", "_hmac"};

bool lists_its_type(Decoder& decoder, Address module) {
  if (!decoder.traits().heap_types_traverse_class) return false;
  const auto held = decoder.reader().pointer(module, decoder.layout().module.name);
  const auto name = held ? name_text(decoder.reader(), *held, 16) : std::nullopt;
  return name && std::ranges::find(kListTheirType, *name) != std::end(kListTheirType);
}

}  // namespace

void state_table_references(Decoder& decoder, Address module, const ModuleState& state,
                            ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto& layout = reader.layout();
  if (lists_its_type(decoder, module)) {
    if (const auto type = reader.type_of(module)) {
      Reference reference{*type, {.kind = EdgeKind::type}};
      reference.counted = false;
      visit(reference);
    }
  }
  if (is_state_of(decoder, module, state, "atexit", layout.atexit_state)) {
    for_each_callback(reader, state, [&](Address callback) {
      const auto& f = layout.atexit_callback;
      for (const layouts::Field& field : {f.func, f.args, f.kwargs}) {
        const auto target = reader.pointer(callback, field);
        if (target) visit({*target, {.kind = EdgeKind::field, .text = "callbacks"}});
      }
    });
  }
  if (is_state_of(decoder, module, state, "_decimal", layout.decimal_state)) {
    const auto& f = layout.decimal_state;
    if (const auto signals = reader.pointer(state.begin, f.signal_map)) {
      for_each_condition(reader, *signals, [&](std::uint64_t, Address exception) {
        if (exception) visit({exception, {.kind = EdgeKind::field, .text = "signals"}});
      });
    }
    if (const auto conditions = reader.pointer(state.begin, f.cond_map)) {
      for_each_condition(reader, *conditions, [&](std::uint64_t i, Address exception) {
        // The first is borrowed from the other table.
        if (exception && i != 0)
          visit({exception, {.kind = EdgeKind::field, .text = "conditions"}});
      });
    }
  }
  if (is_state_of(decoder, module, state, "_zoneinfo", layout.zoneinfo_state)) {
    for_each_cached_zone(reader, state, [&](Address node) {
      const auto& f = layout.zoneinfo_cache_node;
      for (const layouts::Field& field : {f.key, f.zone}) {
        const auto target = reader.pointer(node, field);
        if (target) visit({*target, {.kind = EdgeKind::field, .text = "strong cache"}});
      }
    });
  }
}

void state_table_buffers(Decoder& decoder, Address module, const ModuleState& state,
                         BufferSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto& layout = reader.layout();
  const auto table = [&](const layouts::Field& field) {
    const auto block = reader.pointer(state.begin, field);
    if (block) visit({BufferKind::module_state, *block});
  };
  if (is_state_of(decoder, module, state, "atexit", layout.atexit_state)) {
    table(layout.atexit_state.callbacks);
    for_each_callback(reader, state, [&](Address callback) {
      visit({BufferKind::module_state, callback});
    });
  }
  if (is_state_of(decoder, module, state, "_decimal", layout.decimal_state)) {
    table(layout.decimal_state.signal_map);
    table(layout.decimal_state.cond_map);
  }
  if (is_state_of(decoder, module, state, "_zoneinfo", layout.zoneinfo_state)) {
    for_each_cached_zone(reader, state, [&](Address node) {
      visit({BufferKind::module_state, node});
    });
  }
}

}  // namespace coreheap::python
