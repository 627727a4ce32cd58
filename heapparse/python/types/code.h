// The view of code objects: names, variables, and which line an instruction belongs to.
//
// Validated when made: the counts of variables agree with the tuples that name them, and no frame
// of such code could be larger than kMaxSlots words.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct CodeView {
  Address address;
  Address name;
  Address qualname;  // 0 where code objects have none (up to 3.10)
  Address filename;
  Address line_table;  // a bytes object
  std::int64_t first_line = 0;
  Address instructions;         // where they lie in the code object itself (3.11 on), else 0
  std::uint64_t variables = 0;  // slots of a frame with a name: locals, cells, free variables
  std::uint64_t stack_slots = 0;
  std::uint64_t frame_words = 0;     // of an interpreter frame with its head (3.12 on), else 0
  std::int64_t first_traceable = 0;  // bytes; frames that stand in front of it are not there yet
  bool optimized = false;            // a function: its variables live in slots
};

std::optional<CodeView> view_code(ObjectReader& reader, Address code);

struct CodeVariable {
  enum class Role : std::uint8_t { local, cell, free };
  Address name;
  Role role = Role::local;
  bool hidden = false;  // of a comprehension inlined into a module or a class (3.12 on)
};
// The variable in slot `index`; nullopt when it cannot be read.
std::optional<CodeVariable> variable_at(ObjectReader& reader, const CodeView& code,
                                        std::uint64_t index);

// The line of the instruction `offset` bytes behind the first; nullopt: it has none, or the table
// is not in the image.
std::optional<std::int64_t> line_of(ObjectReader& reader, const CodeView& code,
                                    std::int64_t offset);

}  // namespace coreheap::python
