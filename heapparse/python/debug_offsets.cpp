// Fields are matched by name: `interpreter_modules` of the block is `modules` of the table's
// `interpreter`. The few that are named otherwise are listed.
#include "heapparse/python/debug_offsets.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>

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

// Every field and structure of a copy of the table, by name, to be written to.
struct Names {
  std::map<std::string, std::pair<Struct*, Field*>, std::less<>> found;

  explicit Names(Layout& layout) {
    // The visitor shows members of `layout`, which is not const.
    layouts::visit_fields(layout, [&](std::string_view group, std::string_view field,
                                      const Struct& of, const Field& member) {
      auto* structure = const_cast<Struct*>(&of);
      found.emplace(fmt::format("{}.{}", group, field),
                    std::pair{structure, const_cast<Field*>(&member)});
      found.emplace(std::string(group), std::pair{structure, nullptr});
    });
  }
};

// Does the block have the form that `form` describes? Heads of objects have never changed.
bool is_of_form(const image::AddressSpace& space, Address at, const Layout& table) {
  const DebugOffsets& form = table.debug_offsets;
  const auto size = space.read<std::uint64_t>(at + form.object_size.offset);
  const auto type = space.read<std::uint64_t>(at + form.object_type.offset);
  return size == table.object.struct_size && type == table.object.type.offset;
}

}  // namespace

std::string table_name_of(std::string_view name) {
  for (const Renamed& one : kRenamed) {
    if (one.in_block == name) return std::string(one.in_table);
  }
  for (const Prefix& one : kPrefixes) {
    if (!name.starts_with(one.prefix)) continue;
    const std::string_view field = name.substr(one.prefix.size());
    if (field == "size") return std::string(one.group);
    return fmt::format("{}.{}", one.group, field);
  }
  return {};
}

OffsetsSaid read_debug_offsets(const image::AddressSpace& space, Address at, const Layout& table) {
  OffsetsSaid said;
  if (!table.debug_offsets.present() || !is_of_form(space, at, table)) return said;
  said.readable = true;
  auto corrected = std::make_shared<Layout>(table);
  const Names names(*corrected);
  struct Value {
    std::string name;
    Struct* structure;
    Field* field;
    std::uint64_t value;
  };
  std::vector<Value> values;
  layouts::visit_fields(
      table, [&](std::string_view group, std::string_view field, const Struct&, const Field& in) {
        if (group != "debug_offsets" || !in.present()) return;
        std::string name = table_name_of(field);
        const auto it = names.found.find(name);
        const auto value = space.read<std::uint64_t>(at + in.offset);
        if (it == names.found.end() || !value) return;
        const auto [structure, member] = it->second;
        if (member != nullptr ? !member->present() : !structure->present()) return;
        values.push_back({std::move(name), structure, member, *value});
      });
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
      list.push_back(fmt::format("{} {}, in the table {}", v.name, v.value, known));
      if (!fits) continue;
      differs = true;
      (sizes ? v.structure->struct_size : v.field->offset) = static_cast<std::uint32_t>(v.value);
    }
  }
  if (differs) said.corrected = std::move(corrected);
  return said;
}

}  // namespace coreheap::python
