// One edge of the object graph, as the holder's own bytes state it: who is held, under which name,
// and whether the interpreter's own traversal (tp_traverse, so gc.get_referents) shows it.
//
// Names are not strings: they are decoded to text only when shown (edge_text), so that walking ten
// million edges writes none.
#pragma once

#include <cstdint>
#include <string_view>

#include "heapparse/base/address.h"

namespace coreheap::python {

enum class EdgeKind : std::uint8_t {
  field,      // a C field of the holder: `text` names it as the language does where it shows it
  attribute,  // a Python attribute; `text`, or when that is empty the str at `name`
  slot,       // __slots__ member; `text` or the C string at `name`
  item,       // [index], or .text[index] (".flat[7]" of an array of several dimensions)
  key,        // a key of a dict-like holder; index: of the entry
  value,      // the value under the key at `name`
  member,     // a member of a set-like holder: no order
  local,      // a local variable, by the str at `name`; `text` when it has no name
  stack,      // value stack of a frame, [index]
  type,       // the holder's class
  state,      // word [index] of native state (a module's, an unknown C type's)
};

// Why tp_traverse passes over a reference that the holder owns. Each is documented with one line in
// skip_causes (text_of), and the oracle counts every one of them.
enum class SkipCause : std::uint8_t {
  none,  // it does not: gc.get_referents lists the target
#define COREHEAP_SKIP_CAUSE(id, meaning) id,
#include "heapparse/python/skip_causes"
#undef COREHEAP_SKIP_CAUSE
};

std::string_view name_of(SkipCause cause);     // "none", "uncollected"
std::string_view meaning_of(SkipCause cause);  // one line of explanation

struct EdgeName {
  EdgeKind kind = EdgeKind::field;
  std::string_view text = {};  // static storage only
  Address name = {};           // str (or bytes in old versions), or C string, in the target
  std::uint64_t index = 0;
};

struct Reference {
  Address target;
  EdgeName name;
  SkipCause skipped = SkipCause::none;
  bool counted = true;  // in the target's refcount; false: shown by tp_traverse but borrowed
  bool guess = false;   // a word of an unknown type's data that points to an object
};

}  // namespace coreheap::python
