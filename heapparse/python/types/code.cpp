#include "heapparse/python/types/code.h"

#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/line_table.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

constexpr std::uint64_t kMaxSlots = 1 << 20;
constexpr std::uint64_t kMaxTable = 1 << 26;
constexpr std::uint64_t kOptimized = 1;  // CO_OPTIMIZED

// Bits of co_localspluskinds.
constexpr std::uint8_t kHidden = 0x10;
constexpr std::uint8_t kCell = 0x40;
constexpr std::uint8_t kFree = 0x80;

std::optional<std::uint64_t> count_at(ObjectReader& reader, Address code,
                                      const layouts::Field& field) {
  const auto count = reader.word(code, field);
  return count && *count <= kMaxSlots ? count : std::nullopt;
}

std::uint64_t tuple_size(ObjectReader& reader, Address code, const layouts::Field& field) {
  const auto tuple = reader.pointer(code, field);
  const auto view = tuple ? view_tuple(reader, *tuple) : std::nullopt;
  return view && view->size <= kMaxSlots ? view->size : 0;
}

std::optional<Address> tuple_item(ObjectReader& reader, Address code, const layouts::Field& field,
                                  std::uint64_t index) {
  const auto tuple = reader.pointer(code, field);
  const auto view = tuple ? view_tuple(reader, *tuple) : std::nullopt;
  if (!view || index >= view->size) return std::nullopt;
  return reader.memory().read_address(view->items + index * 8);
}

}  // namespace

std::optional<CodeView> view_code(ObjectReader& reader, Address code) {
  const auto& f = reader.layout().code;
  const auto stack = count_at(reader, code, f.stacksize);
  const auto flags = reader.word(code, f.flags);
  const auto first_line = reader.signed_word(code, f.firstlineno);
  const auto filename = reader.pointer(code, f.filename);
  const auto name = reader.pointer(code, f.name);
  if (!stack || !flags || !first_line || !filename || !name) return std::nullopt;
  CodeView v;
  v.address = code;
  v.name = *name;
  v.qualname = reader.pointer(code, f.qualname).value_or(Address{});
  v.filename = *filename;
  v.first_line = *first_line;
  v.stack_slots = *stack;
  v.optimized = (*flags & kOptimized) != 0;
  v.line_table =
      reader.pointer(code, f.linetable.present() ? f.linetable : f.lnotab).value_or(Address{});
  if (f.nlocalsplus.present()) {
    const auto variables = count_at(reader, code, f.nlocalsplus);
    if (!variables || *variables > tuple_size(reader, code, f.localsplusnames)) {
      return std::nullopt;
    }
    v.variables = *variables;
  } else {
    const auto locals = count_at(reader, code, f.nlocals);
    if (!locals || *locals > tuple_size(reader, code, f.varnames)) return std::nullopt;
    v.variables =
        *locals + tuple_size(reader, code, f.cellvars) + tuple_size(reader, code, f.freevars);
  }
  if (f.framesize.present()) {
    const auto words = count_at(reader, code, f.framesize);
    if (!words) return std::nullopt;
    v.frame_words = *words;
  }
  if (f.code_adaptive.present()) v.instructions = code + f.code_adaptive.offset;
  v.first_traceable = reader.signed_word(code, f.firsttraceable).value_or(0) *
                      std::int64_t{reader.traits().code_unit};
  return v;
}

std::optional<CodeVariable> variable_at(ObjectReader& reader, const CodeView& code,
                                        std::uint64_t index) {
  using Role = CodeVariable::Role;
  const auto& f = reader.layout().code;
  if (index >= code.variables) return std::nullopt;
  if (f.localsplusnames.present()) {
    const auto name = tuple_item(reader, code.address, f.localsplusnames, index);
    const auto kinds = reader.pointer(code.address, f.localspluskinds);
    const auto view = kinds ? view_bytes(reader, *kinds) : std::nullopt;
    if (!name || !view || index >= view->size) return std::nullopt;
    const auto kind = reader.memory().read<std::uint8_t>(view->data + index);
    if (!kind) return std::nullopt;
    const Role role = (*kind & kFree) != 0   ? Role::free
                      : (*kind & kCell) != 0 ? Role::cell
                                             : Role::local;
    return CodeVariable{*name, role, (*kind & kHidden) != 0};
  }
  const std::uint64_t locals = reader.word(code.address, f.nlocals).value_or(0);
  if (index < locals) {
    const auto name = tuple_item(reader, code.address, f.varnames, index);
    return name ? std::optional(CodeVariable{*name, Role::local, false}) : std::nullopt;
  }
  const std::uint64_t cells = tuple_size(reader, code.address, f.cellvars);
  const bool is_cell = index - locals < cells;
  const auto name = is_cell ? tuple_item(reader, code.address, f.cellvars, index - locals)
                            : tuple_item(reader, code.address, f.freevars, index - locals - cells);
  if (!name) return std::nullopt;
  return CodeVariable{*name, is_cell ? Role::cell : Role::free, false};
}

std::optional<std::int64_t> line_of(ObjectReader& reader, const CodeView& code,
                                    std::int64_t offset) {
  if (offset < 0) return code.first_line;
  const auto table = code.line_table ? view_bytes(reader, code.line_table) : std::nullopt;
  if (!table || table->size > kMaxTable) return std::nullopt;
  const auto bytes = reader.memory().bytes(table->data, table->size);
  if (bytes.size() != table->size) return std::nullopt;
  return line_at(reader.traits().line_table_form, bytes, code.first_line, offset);
}

}  // namespace coreheap::python
