// Fields are matched by name: `interpreter_modules` of the block is `modules` of the table's
// `interpreter`. The few that are named otherwise are listed.
#include "heapparse/python/debug_offsets.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "cpython_layouts/structs_visit.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;
using DebugOffsets = Layout::DebugOffsets;
using layouts::Struct;

// No structure that the block describes is larger; `_PyRuntime` holds the main interpreter.
constexpr std::uint64_t kLargest = 16U << 20;

struct Prefix {
  std::string_view prefix;
  std::string_view group;
};
// Longest first where one begins another.
constexpr Prefix kPrefixes[] = {
    {"runtime_", "runtime"},
    {"interpreter_", "interpreter"},
    {"thread_", "thread_state"},
    {"frame_", "interpreter_frame"},
    {"code_", "code"},
    {"object_", "object"},
    {"heap_type_", "heap_type"},
    {"type_", "type"},
    {"tuple_", "tuple"},
    {"list_", "list"},
    {"set_", "set"},
    {"dict_", "dict"},
    {"float_", "float_object"},
    {"long_", "long_int"},
    {"bytes_", "bytes"},
    {"gc_", "gc_state"},
    {"generator_", "generator"},
    {"str_", "str"},
};
struct Renamed {
  std::string_view in_block;
  std::string_view in_table;  // empty: the table has no such field, or another meaning
};
constexpr Renamed kRenamed[] = {
    {"code_adaptive", "code.code_adaptive"},
    {"generator_frame", "generator.interpreter_frame"},
    {"str_ascii_size", "str"},  // the table's str is the compact ASCII form
    {"str_size", ""},
    {"str_compact_size", ""},
    {"gc_generation_stats_size", ""},
};

// The structure, and the field unless it is the structure's size, that a member of the block is
// about.
struct Subject {
  std::string_view group;
  std::string_view field;  // empty: the size
  std::string name() const {
    return field.empty() ? std::string(group) : fmt::format("{}.{}", group, field);
  }
};

std::optional<Subject> subject_of(std::string_view name) {
  for (const Renamed& one : kRenamed) {
    if (one.in_block != name) continue;
    if (one.in_table.empty()) return std::nullopt;
    const std::size_t dot = one.in_table.find('.');
    if (dot == std::string_view::npos) return Subject{one.in_table, {}};
    return Subject{one.in_table.substr(0, dot), one.in_table.substr(dot + 1)};
  }
  for (const Prefix& one : kPrefixes) {
    if (!name.starts_with(one.prefix)) continue;
    const std::string_view field = name.substr(one.prefix.size());
    return Subject{one.group, field == "size" ? std::string_view() : field};
  }
  return std::nullopt;
}

// What the block says of one size or offset, and where a copy of the table has it.
struct Value {
  Subject subject;
  std::uint64_t value = 0;
  Struct* structure = nullptr;
  Field* field = nullptr;
};

std::vector<Value> values_of(const image::AddressSpace& space, Address at, const Layout& table) {
  std::vector<Value> values;
  layouts::visit_fields(
      table, [&](std::string_view group, std::string_view field, const Struct&, const Field& in) {
        if (group != "debug_offsets" || !in.present()) return;
        const auto subject = subject_of(field);
        const auto value = space.read<std::uint64_t>(at + in.offset);
        if (subject && value) values.push_back({*subject, *value});
      });
  return values;
}

// Finds the places in `copy`; values without one are left out.
void find_places(std::vector<Value>& values, Layout& copy) {
  // A table has thousands of fields, the block a hundred: by structure, whose fields come together.
  std::map<std::string_view, std::vector<Value*>> by_group;
  for (Value& v : values) by_group[v.subject.group].push_back(&v);
  const void* structure_of_group = nullptr;
  const std::vector<Value*>* wanted = nullptr;
  // The visitor shows members of `copy`, which is not const.
  layouts::visit_fields(copy, [&](std::string_view group, std::string_view field, const Struct& of,
                                  const Field& member) {
    if (&of != structure_of_group) {
      structure_of_group = &of;
      const auto found = by_group.find(group);
      wanted = found == by_group.end() ? nullptr : &found->second;
    }
    if (wanted == nullptr) return;
    for (Value* v : *wanted) {
      if (v->subject.field.empty() ? v->structure != nullptr : v->subject.field != field) continue;
      v->structure = const_cast<Struct*>(&of);
      if (!v->subject.field.empty()) v->field = const_cast<Field*>(&member);
    }
  });
  std::erase_if(values, [](const Value& v) {
    if (v.structure == nullptr) return true;
    return v.field != nullptr ? !v.field->present() : !v.structure->present();
  });
}

// Does the block have the form that `form` describes? Heads of objects have never changed.
bool is_of_form(const image::AddressSpace& space, Address at, const Layout& table) {
  const DebugOffsets& form = table.debug_offsets;
  const auto size = space.read<std::uint64_t>(at + form.object_size.offset);
  const auto type = space.read<std::uint64_t>(at + form.object_type.offset);
  return size == table.object.struct_size && type == table.object.type.offset;
}

}  // namespace

std::string table_name_of(std::string_view name) {
  const auto subject = subject_of(name);
  return subject ? subject->name() : std::string();
}

OffsetsSaid read_debug_offsets(const image::AddressSpace& space, Address at, const Layout& table) {
  OffsetsSaid said;
  if (!table.debug_offsets.present() || !is_of_form(space, at, table)) return said;
  said.readable = true;
  auto corrected = std::make_shared<Layout>(table);
  std::vector<Value> values = values_of(space, at, table);
  find_places(values, *corrected);
  // Sizes first: an offset must fit into the structure as the target declares it.
  bool differs = false;
  for (const bool sizes : {true, false}) {
    for (const Value& v : values) {
      if ((v.field == nullptr) != sizes) continue;
      ++said.compared;
      const std::uint64_t known = sizes ? v.structure->struct_size : v.field->offset;
      if (v.value == known) continue;
      const bool fits =
          v.value < kLargest && (sizes ? v.value != 0 && v.value % 4 == 0
                                       : v.value + v.field->size <= v.structure->struct_size);
      auto& list = fits ? said.differences : said.implausible;
      list.push_back(fmt::format("{} {}, in the table {}", v.subject.name(), v.value, known));
      if (!fits) continue;
      differs = true;
      (sizes ? v.structure->struct_size : v.field->offset) = static_cast<std::uint32_t>(v.value);
    }
  }
  if (differs) said.corrected = std::move(corrected);
  return said;
}

}  // namespace coreheap::python
