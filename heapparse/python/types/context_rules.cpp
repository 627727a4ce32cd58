// Rules of contextvars and of the hash trie (HAMT) under it.
//
// A trie's node has pairs of words: a key and its value, or no key and the node below. A variable's
// cached value is borrowed and no edge.
#include <array>

#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

constexpr FieldReference kContext[] = {
    {"_previous", [](const Layout& l) { return l.context.prev; }},
    {"_vars", [](const Layout& l) { return l.context.vars; }},
};

constexpr FieldReference kVariable[] = {
    {"name", [](const Layout& l) { return l.context_var.name; }},
    {"_default", [](const Layout& l) { return l.context_var.default_value; }},
};

constexpr FieldReference kToken[] = {
    {"_context", [](const Layout& l) { return l.context_token.context; }},
    {"var", [](const Layout& l) { return l.context_token.var; }},
    {"old_value", [](const Layout& l) { return l.context_token.old_value; }},
};

constexpr FieldReference kTrie[] = {
    {"_root", [](const Layout& l) { return l.hamt.root; }},
};

constexpr FieldReference kTrieIterator[] = {
    {"_object", [](const Layout& l) { return l.hamt_iterator.object; }},
};

void pair_references(Decoder& decoder, const Object& object, const layouts::Field& array,
                     ReferenceSink visit) {
  constexpr std::uint64_t kMost = 1 << 20;  // of a bitmap node: 64; equal hashes may be many
  const auto count = decoder.reader().word(object.address, decoder.layout().var_object.size);
  if (!count || *count > kMost || !array.present()) return;
  const Address words = object.address + array.offset;
  for (std::uint64_t i = 0; i + 1 < *count; i += 2) {
    const auto key = decoder.memory().read_address(words + i * 8);
    if (!key) return;
    const std::uint64_t entry = i / 2;
    if (*key) {
      visit({*key, {.kind = EdgeKind::key, .index = entry}});
      hold_word(decoder, words + i * 8 + 8, {.kind = EdgeKind::value, .index = entry}, visit);
    } else {
      hold_word(decoder, words + i * 8 + 8, {.kind = EdgeKind::item, .index = entry}, visit);
    }
  }
}

void bitmap_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  pair_references(decoder, object, decoder.layout().hamt_bitmap.array, visit);
}

void collision_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  pair_references(decoder, object, decoder.layout().hamt_collision.array, visit);
}

void array_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& array = decoder.layout().hamt_array.array;
  hold_table(decoder, object.address + array.offset, array.size / 8, visit);
}

}  // namespace

std::span<const TypeRules> context_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "Context", .fields = kContext},
      TypeRules{.name = "_contextvars.Context", .fields = kContext},
      TypeRules{.name = "ContextVar", .fields = kVariable},
      TypeRules{.name = "_contextvars.ContextVar", .fields = kVariable},
      TypeRules{.name = "Token", .fields = kToken},
      TypeRules{.name = "_contextvars.Token", .fields = kToken},
      TypeRules{.name = "Token.MISSING"},
      TypeRules{.name = "hamt", .fields = kTrie},
      TypeRules{.name = "hamt_bitmap_node", .references = bitmap_references},
      TypeRules{.name = "hamt_collision_node", .references = collision_references},
      TypeRules{.name = "hamt_array_node", .references = array_references},
      TypeRules{.name = "items", .fields = kTrieIterator},
      TypeRules{.name = "keys", .fields = kTrieIterator},
      TypeRules{.name = "values", .fields = kTrieIterator},
  };
  return kRules;
}

}  // namespace coreheap::python
