// `graph ADDR`: the neighbourhood of an object as a drawing for Graphviz.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

constexpr std::uint64_t kDepth = 3;
constexpr std::uint64_t kMostNodes = 100;
constexpr std::size_t kMostNeighbours = 12;

// In a label of dot's.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

class Drawing {
 public:
  Drawing(GraphView& view, bool referents, std::uint64_t depth, std::uint64_t most)
      : view_(view), referents_(referents), depth_(depth), most_(most) {}

  std::string draw(NodeId from) {
    text_ =
        "digraph heap {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
        "  edge [fontname=\"sans-serif\", fontsize=9];\n";
    enter(from, 0);
    for (std::size_t at = 0; at < open_.size(); ++at) {
      const auto [node, level] = open_[at];
      if (level == depth_) continue;
      expand(node, level);
    }
    return text_ + "}\n";
  }
  std::size_t nodes() const { return open_.size(); }

 private:
  static std::string id(NodeId node) { return fmt::format("n{}", graph::index_of(node)); }

  bool enter(NodeId node, std::uint64_t level) {
    if (levels_.contains(node)) return true;
    if (open_.size() >= most_) return false;
    levels_.emplace(node, level);
    open_.emplace_back(node, level);
    const std::string label = view_.label(node);
    std::string lines = escaped(fitted(view_.type(node), 40));
    if (!label.empty()) lines += "\\n" + escaped(fitted(label, 40));
    if (!view_.graph().is_root(node)) {
      lines += fmt::format("\\n{} at {}", size_text(view_.graph().weight(node)),
                           hex_text(view_.address(node)));
    }
    const std::string_view style = level == 0 ? ", style=filled, fillcolor=\"#f4b183\""
                                   : view_.graph().is_root(node)
                                       ? ", style=filled, fillcolor=\"#c5e0b4\""
                                       : "";
    text_ += fmt::format("  {} [label=\"{}\"{}];\n", id(node), lines, style);
    return true;
  }

  void expand(NodeId node, std::uint64_t level) {
    std::vector<NodeId> neighbours;
    const auto take = [&](NodeId other) { neighbours.push_back(other); };
    if (referents_) {
      view_.graph().for_each_referent(node, take);
    } else {
      view_.graph().for_each_referrer(node, take);
    }
    std::sort(neighbours.begin(), neighbours.end());
    neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
    std::size_t shown = 0;
    for (const NodeId other : neighbours) {
      if (shown == kMostNeighbours || !enter(other, level + 1)) break;
      ++shown;
      const NodeId holder = referents_ ? node : other;
      const NodeId target = referents_ ? other : node;
      const auto named = view_.edges(holder, target).front();
      text_ +=
          fmt::format("  {} -> {} [label=\"{}\"{}];\n", id(holder), id(target),
                      escaped(fitted(named.text, 30)), named.conservative ? ", style=dashed" : "");
    }
    if (shown == neighbours.size()) return;
    const std::string more = fmt::format("{}_more", id(node));
    text_ += fmt::format("  {} [label=\"{} more\", shape=plaintext, fontcolor=red];\n", more,
                         with_thousands(static_cast<std::int64_t>(neighbours.size() - shown)));
    text_ += referents_ ? fmt::format("  {} -> {} [color=red];\n", id(node), more)
                        : fmt::format("  {} -> {} [color=red];\n", more, id(node));
  }

  GraphView& view_;
  bool referents_;
  std::uint64_t depth_;
  std::uint64_t most_;
  std::map<NodeId, std::uint64_t> levels_;
  std::vector<std::pair<NodeId, std::uint64_t>> open_;
  std::string text_;
};

Result<std::uint64_t> number_or(const Arguments& arguments, std::string_view option,
                                std::uint64_t value) {
  const auto word = arguments.value(option);
  if (!word) return value;
  return parse_number(*word, "--" + std::string(option));
}

Result<Report> run(Context& context) {
  const auto depth = number_or(context.arguments, "depth", kDepth);
  if (!depth) return std::unexpected(depth.error());
  const auto most = number_or(context.arguments, "max-nodes", kMostNodes);
  if (!most) return std::unexpected(most.error());
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  const auto node = view.node_of(context, context.arguments.words[0]);
  if (!node) return std::unexpected(node.error());
  Drawing drawing(view, context.arguments.has("referents"), *depth,
                  std::max<std::uint64_t>(1, *most));
  Report report = report_on(view.target());
  report.result_address = view.address(*node);
  report.picture = drawing.draw(*node);
  report.picture_ending = ".dot";
  KeyValues facts;
  facts.count("nodes", drawing.nodes());
  facts.text("dot", *report.picture);
  report.add("drawing", "", std::move(facts)).screen = *report.picture;
  const std::string address = hex_text(report.result_address);
  report.next = {{"graph " + address + " -o heap.dot", "then: dot -Tsvg heap.dot -o heap.svg"},
                 {"why " + address, "one way, in words"}};
  return report;
}

}  // namespace

Command graph_command() {
  return {
      .name = "graph",
      .aliases = {},
      .summary = "who holds an object, drawn: text for Graphviz",
      .description =
          "The objects around ADDR, level by level: those that refer to it, or, with --referents,\n"
          "those that it refers to. Edges carry names, dashed ones are words that look like\n"
          "references, roots are green, what does not fit is counted in red. -o FILE.dot writes\n"
          "the drawing alone; `dot -Tsvg` makes a picture of it.",
      .usage = "ADDR",
      .min_words = 1,
      .max_words = 1,
      .options = {{"referents", 0, "", "what it refers to, not who refers to it"},
                  {"depth", 0, "N", "levels (3)"},
                  {"max-nodes", 0, "N", "objects drawn (100)"}},
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
