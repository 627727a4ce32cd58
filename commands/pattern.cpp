// `pattern`: who refers to a set of objects, by type, and who refers to those: a tree of types.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"
#include "commands/words.h"
#include "heapparse/graph/bits.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

constexpr std::uint64_t kDepth = 5;
constexpr std::size_t kMostGroups = 4;  // of one level below one group

std::vector<Column> columns() {
  return {
      {"level", "", ColumnType::identifier, "0 is the set itself"},
      {"objects", "", ColumnType::integer, "objects of the type that refer to some of those above"},
      {"references", "", ColumnType::integer, "references between the two"},
      {"bytes", "", ColumnType::bytes, "what the objects take"},
      {"type", "", ColumnType::text, "their type; of roots their kind"},
      {"end", "", ColumnType::text, "root; seen: shown above; cut: deeper than asked for"},
      {"example", "", ColumnType::address, "one of them"},
  };
}

struct Referring {
  std::vector<NodeId> nodes;
  std::uint64_t references = 0;
};

class Tree {
 public:
  Tree(GraphView& view, std::uint64_t depth, JobControl& job)
      : view_(view), depth_(depth), job_(job), seen_(view.graph().objects()) {
    rows_ = std::make_shared<FixedRows>(columns().size());
  }

  // Depth first, with a stack of groups: types nest as deep as asked for, no deeper.
  void grow(std::vector<NodeId> set) {
    struct Level {
      std::vector<std::pair<std::string, Referring>> groups;
      std::size_t next = 0;
    };
    std::vector<Level> levels;
    const std::string name = view_.type(set.front());
    line(0, name, {set, 0}, "");
    for (const NodeId id : set) mark(id);
    levels.push_back({referrers(set)});
    while (!levels.empty() && !job_.cancelled()) {
      Level& level = levels.back();
      if (level.next == std::min(level.groups.size(), kMostGroups)) {
        if (level.groups.size() > kMostGroups) {
          screen_ += fmt::format("{:{}}({} more types)\n", "", 2 + 2 * levels.size(),
                                 level.groups.size() - kMostGroups);
        }
        levels.pop_back();
        continue;
      }
      auto& [type, group] = level.groups[level.next++];
      std::string_view end;
      std::vector<NodeId> fresh;
      if (view_.graph().is_root(group.nodes.front())) {
        end = "root";
      } else {
        for (const NodeId id : group.nodes) {
          if (!seen_[graph::index_of(id)]) fresh.push_back(id);
        }
        if (fresh.empty())
          end = "seen";
        else if (levels.size() >= depth_)
          end = "cut";
      }
      line(levels.size(), type, group, end);
      if (!end.empty()) continue;
      for (const NodeId id : fresh) mark(id);
      levels.push_back({referrers(fresh)});
    }
  }

  std::shared_ptr<FixedRows> rows() const { return rows_; }
  const std::string& screen() const { return screen_; }

 private:
  void mark(NodeId id) { seen_.set(graph::index_of(id)); }

  std::vector<std::pair<std::string, Referring>> referrers(const std::vector<NodeId>& of) {
    std::map<std::string, Referring> groups;
    for (const NodeId id : of) {
      view_.graph().for_each_referrer(id, [&](NodeId holder) {
        const bool root = view_.graph().is_root(holder);
        Referring& group =
            groups[root ? "(" + std::string(graph::name_of(view_.graph().root(holder).kind)) + ")"
                        : view_.type(holder)];
        group.nodes.push_back(holder);
        ++group.references;
      });
      if (job_.cancelled()) break;
    }
    std::vector<std::pair<std::string, Referring>> sorted;
    for (auto& [type, group] : groups) {
      std::sort(group.nodes.begin(), group.nodes.end());
      group.nodes.erase(std::unique(group.nodes.begin(), group.nodes.end()), group.nodes.end());
      sorted.emplace_back(type, std::move(group));
    }
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return a.second.references > b.second.references;
    });
    return sorted;
  }

  void line(std::size_t level, const std::string& type, const Referring& group,
            std::string_view end) {
    std::uint64_t bytes = 0;
    for (const NodeId id : group.nodes) bytes += view_.graph().weight(id);
    const NodeId example = group.nodes.front();
    const Address address = view_.address(example);
    rows_->add({Cell::of_count(level), Cell::of_count(group.nodes.size()),
                level == 0 ? Cell::absent() : Cell::of_count(group.references),
                Cell::of_count(bytes), Cell::of_text(type),
                end.empty() ? Cell::absent() : Cell::of_text(end),
                address ? Cell::of_address(address) : Cell::absent()});
    std::string text(2 * level, ' ');
    text +=
        fmt::format("{} {}", with_thousands(static_cast<std::int64_t>(group.nodes.size())), type);
    if (group.nodes.size() == 1) {
      const std::string label = view_.label(example);
      if (!label.empty()) text += ", " + label;
    }
    if (level > 0) {
      text += fmt::format("  ({} reference{})",
                          with_thousands(static_cast<std::int64_t>(group.references)),
                          group.references == 1 ? "" : "s");
    }
    if (!end.empty() && end != "root") text += fmt::format("  [{}]", end);
    screen_ += "  " + fitted(text, 78) + "\n";
  }

  GraphView& view_;
  std::uint64_t depth_;
  JobControl& job_;
  graph::Bits seen_;
  std::shared_ptr<FixedRows> rows_;
  std::string screen_;
};

Result<Report> run(Context& context) {
  std::uint64_t depth = kDepth;
  if (const auto word = context.arguments.value("depth")) {
    const auto number = parse_number(*word, "--depth");
    if (!number) return std::unexpected(number.error());
    depth = *number;
  }
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  auto nodes = view.nodes_of(context, context.arguments.words);
  if (!nodes) return std::unexpected(nodes.error());
  Tree tree(view, depth, context.job);
  tree.grow(std::move(*nodes));
  Report report = report_on(view.target());
  Table table;
  table.columns = columns();
  table.rows = tree.rows();
  report.add("pattern", "", std::move(table)).screen =
      "REFERRED TO BY  most references first\n" + tree.screen();
  report.next = {
      {"why " + quoted(context.arguments.words[0]), "shortest ways from the roots"},
      {"retained " + quoted(context.arguments.words[0]), "what would be freed with them"}};
  return report;
}

}  // namespace

Command pattern_command() {
  return {
      .name = "pattern",
      .aliases = {},
      .summary = "who refers to a set of objects, by type, as a tree",
      .description =
          "The objects meant (addresses, row numbers, types, a query), then who refers to them,\n"
          "grouped by type, then who refers to those. A group is followed once; what was shown\n"
          "before is marked. The four types with most references are shown of each group.",
      .usage = "ADDR|TYPE|QUERY...",
      .min_words = 1,
      .max_words = 1000,
      .takes_sets = true,
      .options = {{"depth", 0, "N", "levels (5)"}},
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
