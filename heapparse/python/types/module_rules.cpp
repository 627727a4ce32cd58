// Rules of modules and of types.SimpleNamespace.
#include <array>

#include "heapparse/python/types/module.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

constexpr FieldReference kModule[] = {
    {"__dict__", [](const Layout& l) { return l.module.dict; }},
    {"__name__", [](const Layout& l) { return l.module.name; }, SkipCause::atom},
};

// A C module's traverse visits what it keeps in its state; only the module knows which words hold
// objects. A module that gave none (a null m_traverse) shows none of them.
void state_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto state = module_state(decoder.reader(), object.address);
  if (!state) return;
  for (std::uint64_t i = 0; i < state->size / 8; ++i) {
    const auto word = decoder.memory().read<std::uint64_t>(state->begin + i * 8);
    if (!word) return;
    if (*word == 0 || !decoder.object(Address{*word})) continue;
    Reference reference{Address{*word}, {.kind = EdgeKind::state, .index = i}};
    reference.guess = true;
    if (!state->is_traversed) reference.skipped = SkipCause::not_traversed;
    visit(reference);
  }
  state_table_references(decoder, object.address, *state, visit);
}

void module_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto state = module_state(decoder.reader(), object.address);
  if (!state) return;
  visit({BufferKind::module_state, state->begin});
  state_table_buffers(decoder, object.address, *state, visit);
}

constexpr FieldReference kNamespace[] = {
    {"__dict__", [](const Layout& l) { return l.namespace_object.dict; }},
};

}  // namespace

std::span<const TypeRules> module_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "module",
                .fields = kModule,
                .references = state_references,
                .buffers = module_buffers},
      TypeRules{.name = "types.SimpleNamespace", .fields = kNamespace},
  };
  return kRules;
}

}  // namespace coreheap::python
