// Runs over the layers of the object's type; each adds what its own C struct or class holds.
#include "heapparse/python/references.h"

#include <fmt/format.h>

#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/value.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxName = 200;
constexpr std::uint64_t kMaxKey = 60;

void field_references(Decoder& decoder, const Object& object, const TypeRules& rules,
                      ReferenceSink visit) {
  for (const FieldReference& one : rules.fields) {
    const layouts::Field field = one.field(decoder.layout());
    if (!field.present()) continue;
    if (const auto target = decoder.reader().pointer(object.address, field)) {
      visit({*target, {.kind = EdgeKind::field, .text = one.name}, one.skipped, one.counted});
    }
  }
}

// Words of a C type nobody described: those that point to an object.
void guessed_references(Decoder& decoder, const Object& object, const TypeLayer& layer,
                        ReferenceSink visit) {
  for (std::uint64_t at = (layer.begin + 7) / 8 * 8; at + 8 <= layer.end; at += 8) {
    const auto word = decoder.memory().read<std::uint64_t>(object.address + at);
    if (!word || *word == 0 || !decoder.object(Address{*word})) continue;
    Reference reference{Address{*word}, {.kind = EdgeKind::state, .index = at / 8}};
    reference.guess = true;
    visit(reference);
  }
}

}  // namespace

void for_each_reference(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const PythonType& type = *object.type;
  // A type without traversal shows nothing, whatever its layers could show; and a class with one
  // shows nothing of a C base without.
  bool shows = type.is_gc;
  const auto emit = [&](const Reference& reference) {
    Reference shown = reference;
    if (!shows && shown.skipped == SkipCause::none) shown.skipped = SkipCause::uncollected;
    visit(shown);
  };
  class_references(decoder, object, emit);
  for (const TypeLayer& layer : type.layers) {
    const bool known = layer.type < decoder.types().all().size();
    // (That of ctypes' data has one without being collected itself, up to 3.12.)
    shows = type.is_gc && known && decoder.types()[layer.type].traverse;
    switch (layer.kind) {
      case TypeLayer::Kind::rules:
        field_references(decoder, object, *layer.rules, emit);
        if (layer.rules->references != nullptr) layer.rules->references(decoder, object, emit);
        break;
      case TypeLayer::Kind::unknown:
        guessed_references(decoder, object, layer, emit);
        break;
      case TypeLayer::Kind::python:
        break;  // class_references
    }
  }
}

std::string edge_text(Decoder& decoder, const EdgeName& name) {
  const auto text = [&]() -> std::string {
    if (!name.text.empty()) return std::string(name.text);
    if (!name.name) return {};
    if (name.kind == EdgeKind::slot) {
      return decoder.memory().space().read_c_string(name.name, kMaxName).value_or("?");
    }
    return name_text(decoder.reader(), name.name, kMaxName).value_or("?");
  };
  switch (name.kind) {
    case EdgeKind::field:
    case EdgeKind::attribute:
    case EdgeKind::slot:
      return "." + text();
    case EdgeKind::item:
    case EdgeKind::value: {
      if (!name.name) {
        return fmt::format("{}{}[{}]", name.text.empty() ? "" : ".", name.text, name.index);
      }
      if (const auto key = name_text(decoder.reader(), name.name, kMaxName)) {
        return fmt::format("['{}']", *key);
      }
      // A key that is no text: a number, a tuple, an object.
      return fmt::format("[{}]", value_text(decoder, name.name, ValueOptions::of_chars(kMaxKey)));
    }
    case EdgeKind::key:
      return fmt::format("<key {}>", name.index);
    case EdgeKind::member:
      return "<member>";
    case EdgeKind::local:
      return fmt::format("<local {}>", text());
    case EdgeKind::stack:
      return fmt::format("<stack {}>", name.index);
    case EdgeKind::type:
      return ".__class__";
    case EdgeKind::state:
      return fmt::format("<word {}>", name.index);
  }
  return {};
}

}  // namespace coreheap::python
