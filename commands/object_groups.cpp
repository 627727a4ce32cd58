#include "commands/object_groups.h"

#include <fmt/format.h>

#include <array>
#include <unordered_map>

#include "commands/graph_view.h"
#include "commands/holder_lists.h"
#include "heapparse/graph/referrer_groups.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/usage/type_usage.h"

namespace coreheap::commands {

namespace {

using census::RowId;

class Interned {
 public:
  std::uint32_t number_of(const std::string& text) {
    const auto [entry, is_new] =
        numbers_.try_emplace(text, static_cast<std::uint32_t>(names.size()));
    if (is_new) names.push_back(text);
    return entry->second;
  }
  std::vector<std::string> names;

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

Result<const census::Census*> census_of(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  return (*target)->census(context.job);
}

// Groups by what (type, label) of a row say, worked out once each.
template <class NameOf>
Result<ObjectGroups> by_columns(Context& context, bool with_static, NameOf&& name_of) {
  const auto stage = census_of(context);
  if (!stage) return std::unexpected(stage.error());
  const census::Census& census = **stage;
  ObjectGroups groups;
  groups.of_row.assign(census.rows.size(), 0);
  Interned names;
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const RowId row{i};
    if (!usage::is_live_object(census, row, with_static)) continue;
    const std::uint64_t key = std::uint64_t{census::index_of(census.rows.type(row))} << 32 |
                              census::index_of(census.rows.label(row));
    const auto [entry, is_new] = known.try_emplace(key);
    if (is_new) entry->second = names.number_of(name_of(census, row));
    groups.of_row[i] = entry->second;
  }
  groups.names = std::move(names.names);
  return groups;
}

Result<ObjectGroups> by_class_or_owner(Context& context, bool with_static) {
  return by_columns(context, with_static, [](const census::Census& census, RowId row) {
    return graph::kind_with_owner(census, row);
  });
}

Result<ObjectGroups> by_module(Context& context, bool with_static) {
  return by_columns(context, with_static, [](const census::Census& census, RowId row) {
    const std::string& name = census.types[census::index_of(census.rows.type(row))].name;
    const std::size_t dot = name.rfind('.');
    return dot == std::string::npos ? std::string("builtins") : name.substr(0, dot);
  });
}

Result<ObjectGroups> by_size(Context& context, bool with_static) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto stage = (*target)->census(context.job);
  if (!stage) return std::unexpected(stage.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());
  const census::Census& census = **stage;
  python::Decoder decoder((*target)->image().space, **runtime, **types);
  ObjectGroups groups;
  groups.of_row.assign(census.rows.size(), 0);
  Interned names;
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  context.job.begin_step("sizes of objects", census.rows.size());
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const RowId row{i};
    if (!usage::is_live_object(census, row, with_static)) continue;
    const auto object = decoder.object(census.rows.object(row));
    const auto size = object ? python::shallow_size(decoder, *object) : std::nullopt;
    const auto [entry, is_new] = known.try_emplace(size ? size->bytes : UINT64_MAX);
    if (is_new) {
      entry->second =
          names.number_of(size ? fmt::format("{} bytes", size->bytes) : std::string("unknown"));
    }
    groups.of_row[i] = entry->second;
    if (i % 65536 == 0 && context.job.cancelled()) {
      return fail(ErrorCode::cancelled, "types", "cancelled");
    }
  }
  groups.names = std::move(names.names);
  return groups;
}

// Nodes' groups as those of rows.
ObjectGroups of_rows(const GraphView& view, graph::NodeGroups nodes) {
  ObjectGroups groups;
  const std::size_t count = view.census().rows.size();
  groups.names = std::move(nodes.names);
  groups.names.emplace_back("<no node>");
  groups.of_row.assign(count, static_cast<std::uint32_t>(groups.names.size() - 1));
  for (std::uint32_t i = 0; i < view.graph().objects(); ++i) {
    groups.of_row[census::index_of(view.graph().row(graph::NodeId{i}))] = nodes.of[i];
  }
  return groups;
}

Result<ObjectGroups> by_graph(Context& context,
                              Result<graph::NodeGroups> (*make)(const graph::Sources&,
                                                                const graph::Graph&, JobControl&)) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  auto nodes = make({view.target().image(), view.census(), view.runtime(), view.types()},
                    view.graph(), context.job);
  if (!nodes) return std::unexpected(nodes.error());
  return of_rows(view, std::move(*nodes));
}

Result<ObjectGroups> by_referrers(Context& context, bool) {
  return by_graph(context, graph::by_referrers);
}
Result<ObjectGroups> by_names(Context& context, bool) {
  return by_graph(context, graph::by_reference_names);
}

Result<ObjectGroups> by_holder(Context& context, bool) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto dominators = (*target)->dominators(context.job);
  if (!dominators) return std::unexpected(dominators.error());
  const auto holders = holders_of(context, view);
  if (!holders) return std::unexpected(holders.error());
  graph::NodeGroups nodes;
  nodes.of = graph::holders_by_node(view.graph(), **dominators, *holders);
  Interned names;
  std::vector<std::uint32_t> number;
  for (const graph::Holder& holder : holders->holders) {
    number.push_back(names.number_of(holder_place(view, holder)));
  }
  const std::uint32_t nobody =
      names.number_of("modules, classes, functions, what is never freed, garbage");
  for (std::uint32_t& one : nodes.of) {
    one = one == graph::Dominators::kNone ? nobody : number[one];
  }
  nodes.names = std::move(names.names);
  return of_rows(view, std::move(nodes));
}

constexpr auto kGroupings = std::to_array<Grouping>({
    {"clodo", "by type, dicts by the class or module whose attributes they hold",
     by_class_or_owner},
    {"rcs", "by the kinds of what refers to them", by_referrers},
    {"via", "by the names under which they are referred to", by_names},
    {"module", "by the module of their class", by_module},
    {"owner", "by what of the program keeps them, as WHO HOLDS IT has it", by_holder},
    {"size", "by sys.getsizeof of one", by_size},
});

}  // namespace

std::span<const Grouping> groupings() { return kGroupings; }

const Grouping* find_grouping(std::string_view name) {
  for (const Grouping& one : kGroupings) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace coreheap::commands
