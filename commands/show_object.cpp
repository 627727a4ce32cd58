// Sections of an object's page; see show_object.h.
#include "commands/show_object.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"
#include "heapparse/python/attributes.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/python/object.h"
#include "heapparse/python/owned_buffers.h"
#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/types/code.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/function.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/numpy.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/value.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kWidth = 76;          // of a value's lines
constexpr std::uint64_t kValueChars = 400;  // of the value on the page
// Of the value of a member: five columns fit in a line of text.
constexpr std::uint64_t kMemberChars = 200;
constexpr std::uint64_t kMemberCharsInText = 32;
constexpr std::uint64_t kKeyChars = 60;
constexpr std::uint64_t kKeyCharsInText = 20;
constexpr std::uint64_t kMostMembers = 1'000'000;  // kept of one object

struct Member {
  python::EdgeName name;
  Address value;
};

enum MemberColumn : unsigned { kName, kValue, kType, kAddress };

class MemberRows final : public RowSource {
 public:
  MemberRows(const ObjectSources& sources, std::vector<Member> members)
      : members_(std::move(members)),
        text_(sources.format == Format::text),
        decoder_(sources.image.space, *sources.runtime, *sources.types) {}

  std::uint64_t size() const override { return members_.size(); }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, members_[rows[i]], texts);
  }

 private:
  Cell cell(unsigned column, const Member& member, Texts& texts) const {
    switch (column) {
      case kName:
        return Cell::of_text(texts.keep(name_of(member.name)));
      case kValue:
        return Cell::of_text(texts.keep(python::value_text(
            decoder_, member.value, {.max_chars = text_ ? kMemberCharsInText : kMemberChars})));
      case kType: {
        const auto object = decoder_.object(member.value);
        return object ? Cell::of_text(object->type->name) : Cell::absent();
      }
      default:
        return Cell::of_address(member.value);
    }
  }

  // Keys are values like any other.
  std::string name_of(const python::EdgeName& name) const {
    if (name.kind != python::EdgeKind::value || !name.name) {
      return python::edge_text(decoder_, name);
    }
    return fmt::format("[{}]",
                       python::value_text(decoder_, name.name,
                                          {.max_chars = text_ ? kKeyCharsInText : kKeyChars}));
  }

  std::vector<Member> members_;
  bool text_;
  mutable python::Decoder decoder_;
};

struct Members {
  std::vector<Member> attributes;
  std::vector<Member> items;
  std::uint64_t attribute_count = 0;
  std::uint64_t item_count = 0;
};

Members members_of(python::Decoder& decoder, const python::Object& object) {
  Members out;
  python::for_each_attribute(decoder, object, [&](const python::Attribute& attribute) {
    if (++out.attribute_count <= kMostMembers) {
      out.attributes.push_back({attribute.name, attribute.value});
    }
  });
  python::for_each_reference(decoder, object, [&](const python::Reference& edge) {
    using python::EdgeKind;
    switch (edge.name.kind) {
      case EdgeKind::field:
      case EdgeKind::attribute:
      case EdgeKind::slot:
      case EdgeKind::type:
      case EdgeKind::key:  // shown with its value
        return;
      default:
        if (++out.item_count <= kMostMembers) out.items.push_back({edge.name, edge.target});
    }
  });
  return out;
}

void add_members(Report& report, const ObjectSources& sources, std::string name,
                 std::string_view title, std::vector<Member> members, std::uint64_t count) {
  if (members.empty()) return;
  Table table;
  table.columns = member_columns();
  const std::uint64_t kept = members.size();
  table.rows = std::make_shared<MemberRows>(sources, std::move(members));
  std::string heading =
      fmt::format("{}  {}", title, with_thousands(static_cast<std::int64_t>(count)));
  if (kept < count) {
    heading += fmt::format(", the first {}", with_thousands(static_cast<std::int64_t>(kept)));
  }
  report.add(std::move(name), std::move(heading), std::move(table));
}

// "tracked, generation 2"; for JSON the parts, too.
Result<void> add_gc(KeyValues& values, const ObjectSources& sources, python::Decoder& decoder,
                    const python::Object& object, JobControl& job) {
  const auto state =
      python::object_gc(decoder.reader(), *sources.runtime, *object.type, object.address);
  if (!state) return {};
  if (!state->collectable) {
    values.text("gc", "not collected: it cannot be part of a cycle");
    return {};
  }
  std::string text = state->tracked ? "tracked" : "not tracked";
  std::optional<std::uint64_t> generation;
  if (state->tracked) {
    const python::GcStates states = python::find_gc_states(sources.image, *sources.runtime);
    const auto members = python::GcMembers::walk(sources.image, *sources.runtime, states, job);
    if (!members) return std::unexpected(members.error());
    if (const auto place = members->find(object.address)) {
      if (place->generation == python::kPermanent) {
        text += ", frozen (permanent generation)";
      } else {
        generation = place->generation;
        text += fmt::format(", generation {}", place->generation);
      }
    }
  }
  if (state->finalized == true) text += ", finalized";
  values.text("gc", text);
  return {};
}

// file:line of a code object.
std::string code_place(python::Decoder& decoder, Address code) {
  const auto view = python::view_code(decoder.reader(), code);
  if (!view) return {};
  const auto file = python::name_text(decoder.reader(), view->filename, 400);
  return fmt::format("{}:{}", file.value_or("?"), view->first_line);
}

// An array's own words, and whose its data are.
void add_array(KeyValues& values, python::Decoder& decoder, const python::Object& object) {
  const auto view = python::view_numpy_array(decoder, object);
  if (!view) return;
  values.text("items", python::numpy_array_text(decoder, *view));
  values.text("order", view->c_order && view->f_order ? "C and Fortran"
                       : view->c_order                ? "C"
                       : view->f_order                ? "Fortran"
                                                      : "strided");
  values.bytes("items_size", view->data_bytes, "bytes of items");
  values.address("data", view->data, "data at");
  values.text("data_owner",
              view->owns_data ? "this array"
              : view->base    ? python::value_text(decoder, view->base, {.max_chars = 120})
                              : "unknown: not this array, and no other is named",
              "data belong to");
}

// What makes sense of some types beyond their value.
void add_particulars(KeyValues& values, python::Decoder& decoder, const python::Object& object) {
  const auto& traits = decoder.traits();
  if ((object.type->flags & traits.type_flags.type_subclass) != 0) {
    const python::PythonType* self = decoder.type_at(object.address);
    if (self == nullptr) return;
    values.text("class", self->is_class    ? "written in Python"
                         : self->is_static ? "of C, static"
                                           : "of C, made at run time");
    if (const python::PythonType* base = decoder.type_at(self->base)) {
      values.text("base", base->name);
    }
    values.bytes("basicsize", self->basicsize, "instance size");
    if (self->itemsize != 0) values.bytes("itemsize", self->itemsize, "and per item");
    return;
  }
  if (object.type->shape == python::Shape::numpy_array) {
    add_array(values, decoder, object);
  } else if (object.type->name == "code") {
    values.text("place", code_place(decoder, object.address), "code at");
  } else if (object.type->shape == python::Shape::function) {
    if (const auto code = python::function_code(decoder.reader(), object.address)) {
      values.text("place", code_place(decoder, *code), "code at");
    }
  } else if (object.type->shape == python::Shape::module) {
    const auto names = python::module_dict(decoder.reader(), object.address);
    if (!names) return;
    for (const std::string_view key : {"__name__", "__file__"}) {
      const auto value = python::dict_lookup(decoder.reader(), *names, key);
      if (value) {
        values.text(std::string(key),
                    python::name_text(decoder.reader(), *value, 400).value_or(""));
      }
    }
  }
}

void add_sizes(Report& report, const ObjectSources& sources, python::Decoder& decoder,
               const python::Object& object, census::RowId row) {
  const census::Rows& rows = sources.census.rows;
  Table table;
  table.columns = {{"kind", "", ColumnType::text, "what it is"},
                   {"size", "", ColumnType::bytes, "bytes taken"},
                   {"address", "", ColumnType::address, "where it lies"}};
  auto buffers = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t total = 0;
  std::vector<census::RowId> seen{row};
  python::for_each_owned_buffer(decoder, object, [&](const python::OwnedBuffer& buffer) {
    const census::RowId of = sources.census.row_holding(buffer.start);
    if (of == census::RowId::none || rows.owner(of) != row) return;
    if (seen.size() < 1000 && std::find(seen.begin(), seen.end(), of) != seen.end()) return;
    seen.push_back(of);
    total += rows.size(of);
    buffers->add({Cell::of_text(sources.census.kind_of(of)), Cell::of_count(rows.size(of)),
                  Cell::of_address(rows.address(of))});
  });
  KeyValues sizes;
  if (const auto shallow = python::shallow_size(decoder, object)) {
    sizes.bytes("shallow", shallow->bytes, "shallow (sys.getsizeof)");
    if (shallow->overridden) sizes.boolean("overridden", true, "its class has its own __sizeof__");
  }
  const bool is_static = rows.allocator(row) == census::Allocator::static_object;
  const std::uint64_t own = is_static ? 0 : rows.size(row);
  sizes.bytes("own", own, is_static ? "own (it is static)" : "own allocation");
  sizes.bytes("buffers", total,
              fmt::format("{} buffer{}", buffers->size(), buffers->size() == 1 ? "" : "s"));
  sizes.bytes("size", own + total, "footprint");
  report.add("sizes", "SIZE", std::move(sizes));
  if (buffers->size() == 0) return;
  table.rows = std::move(buffers);
  report.add("buffers", "BUFFERS", std::move(table));
}

std::string value_lines(std::string_view value) {
  std::string out;
  const std::string text = printable(value);
  for (std::size_t at = 0; at < text.size(); at += kWidth) {
    out += "  " + text.substr(at, kWidth) + "\n";
  }
  return out;
}

}  // namespace

std::vector<Column> member_columns() {
  return {{"name", "", ColumnType::text, "what the object calls it: .attribute, [index], ['key']"},
          {"value", "", ColumnType::text, "its value, cut at 200 characters"},
          {"type", "", ColumnType::text, "its type"},
          {"address", "", ColumnType::address, "its id()"}};
}

Result<void> add_object(Report& report, const ObjectSources& sources, census::RowId row,
                        JobControl& job) {
  const Address address = sources.census.rows.object(row);
  KeyValues facts;
  facts.address("object", address);
  facts.text("type", sources.census.types[census::index_of(sources.census.rows.type(row))].name);
  const bool decodable =
      sources.runtime != nullptr && sources.runtime->layout != nullptr && sources.types != nullptr;
  if (!decodable) {
    report.add("object", "", std::move(facts));
    return {};
  }
  python::Decoder decoder(sources.image.space, *sources.runtime, *sources.types);
  const auto header = decoder.reader().header(address);
  if (header) {
    facts.text("refcount", python::refcount_text(*header));
    facts.address("type_address", header->type, "type at");
  }
  const auto object = decoder.object(address);
  if (!object || sources.census.rows.state(row) != census::State::used) {
    report.add("object", "", std::move(facts));
    return {};
  }
  add_particulars(facts, decoder, *object);
  if (auto done = add_gc(facts, sources, decoder, *object, job); !done) return done;
  report.add("object", "", std::move(facts));

  KeyValues value;
  auto options = python::ValueOptions{.max_chars = kValueChars};
  options.attributes = true;
  const std::string text = python::value_text(decoder, address, options);
  value.text("value", text);
  report.add("value", "VALUE", std::move(value)).screen = value_lines(text);
  if (text.ends_with("...") || text.contains(", ...")) {
    report.next.push_back({"value " + hex_text(address), "all of its value"});
  }
  add_sizes(report, sources, decoder, *object, row);
  Members members = members_of(decoder, *object);
  report.main_name = members.items.empty() ? "attributes" : "items";
  add_members(report, sources, "attributes", "ATTRIBUTES", std::move(members.attributes),
              members.attribute_count);
  add_members(report, sources, "items", "ITEMS", std::move(members.items), members.item_count);
  return {};
}

}  // namespace coreheap::commands
