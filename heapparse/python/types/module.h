// The view of module objects.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/type_rules.h"

namespace coreheap::python {

// The module's namespace; nullopt for an object that only poses as a module without having a dict.
inline std::optional<Address> module_dict(ObjectReader& reader, Address module) {
  return reader.pointer(module, reader.layout().module.dict);
}

// The native state a C module allocates for itself: a raw block whose layout only the module knows.
struct ModuleState {
  Address begin;
  std::uint64_t size = 0;    // 0 when the definition is out of reach
  bool is_traversed = true;  // the module has a function that shows the collector what is in it
};

inline std::optional<ModuleState> module_state(ObjectReader& reader, Address module) {
  constexpr std::uint64_t kMaxState = 1U << 24;
  const auto& f = reader.layout().module;
  const auto state = reader.pointer(module, f.state);
  if (!state) return std::nullopt;
  // 3.15 on, the object says it itself.
  std::optional<std::uint64_t> size = reader.word(module, f.state_size);
  std::optional<std::uint64_t> traverse = reader.word(module, f.state_traverse);
  if (!size) {
    if (const auto def = reader.pointer(module, f.def)) {
      const auto& d = reader.layout().module_def;
      size = reader.word(*def, d.size);
      traverse = reader.word(*def, d.traverse);
    }
  }
  return ModuleState{*state, size && *size <= kMaxState ? *size : 0, !traverse || *traverse != 0};
}

// What a module's state holds through raw memory of its own.
void state_table_references(Decoder& decoder, Address module, const ModuleState& state,
                            ReferenceSink visit);
void state_table_buffers(Decoder& decoder, Address module, const ModuleState& state,
                         BufferSink visit);

}  // namespace coreheap::python
