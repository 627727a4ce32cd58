// `graph ADDR`: the neighbourhood of an object, drawn.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/drawing.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

constexpr std::uint64_t kDepth = 3;
constexpr std::uint64_t kMostNodes = 100;
constexpr std::size_t kMostNeighbours = 12;

// Walks level by level and lists what is to be drawn.
class Walk {
 public:
  Walk(GraphView& view, bool referents, std::uint64_t depth, std::uint64_t most)
      : view_(view), depth_(depth), most_(most) {
    out_.referents = referents;
  }

  Drawing run(NodeId from) {
    enter(from, 0);
    for (std::size_t at = 0; at < open_.size(); ++at) {
      if (out_.nodes[at].level < depth_) expand(at);
    }
    return std::move(out_);
  }

 private:
  // Its place among the nodes; nullopt where no more are drawn.
  std::optional<std::size_t> enter(NodeId node, std::uint64_t level) {
    const auto known = places_.find(node);
    if (known != places_.end()) return known->second;
    if (open_.size() >= most_) return std::nullopt;
    places_.emplace(node, open_.size());
    open_.push_back(node);
    DrawnNode drawn;
    drawn.level = level;
    drawn.is_root = view_.graph().is_root(node);
    drawn.lines.push_back(fitted(view_.type(node), 40));
    const std::string label = view_.label(node);
    if (!label.empty()) drawn.lines.push_back(fitted(label, 40));
    if (!drawn.is_root) {
      drawn.lines.push_back(fmt::format("{} at {}", size_text(view_.graph().weight(node)),
                                        hex_text(view_.address(node))));
    }
    out_.nodes.push_back(std::move(drawn));
    return open_.size() - 1;
  }

  void expand(std::size_t place) {
    const NodeId node = open_[place];
    std::vector<NodeId> neighbours;
    const auto take = [&](NodeId other) { neighbours.push_back(other); };
    if (out_.referents) {
      view_.graph().for_each_referent(node, take);
    } else {
      view_.graph().for_each_referrer(node, take);
    }
    std::sort(neighbours.begin(), neighbours.end());
    neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
    std::size_t shown = 0;
    for (const NodeId other : neighbours) {
      if (shown == kMostNeighbours) break;
      const auto entered = enter(other, out_.nodes[place].level + 1);
      if (!entered) break;
      ++shown;
      const auto named =
          out_.referents ? view_.edges(node, other).front() : view_.edges(other, node).front();
      out_.edges.push_back({out_.referents ? place : *entered, out_.referents ? *entered : place,
                            fitted(named.text, 30), named.conservative});
    }
    out_.nodes[place].left_out = neighbours.size() - shown;
  }

  GraphView& view_;
  std::uint64_t depth_;
  std::uint64_t most_;
  std::map<NodeId, std::size_t> places_;
  std::vector<NodeId> open_;
  Drawing out_;
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
  const Drawing drawing =
      Walk(view, context.arguments.has("referents"), *depth, std::max<std::uint64_t>(1, *most))
          .run(*node);
  const std::string dot = as_dot(drawing);
  Report report = report_on(view.target());
  report.result_address = view.address(*node);
  const bool svg = context.arguments.value("output").value_or("").ends_with(".svg");
  report.picture = svg ? as_svg(drawing) : dot;
  report.picture_ending = svg ? ".svg" : ".dot";
  KeyValues facts;
  facts.count("nodes", drawing.nodes.size());
  facts.text("dot", dot);
  report.add("drawing", "", std::move(facts)).screen = dot;
  const std::string address = hex_text(report.result_address);
  report.next = {{"graph " + address + " -o heap.svg", "a picture for a browser"},
                 {"why " + address, "one way, in words"}};
  return report;
}

}  // namespace

Command graph_command() {
  return {
      .name = "graph",
      .aliases = {},
      .summary = "who holds an object, drawn: text for Graphviz, or a picture",
      .description =
          "The objects around ADDR, level by level: those that refer to it, or, with --referents,\n"
          "those that it refers to. Edges carry names, dashed ones are words that look like\n"
          "references, roots are green, what does not fit is counted in red. -o FILE.svg makes\n"
          "a picture, -o FILE.dot the text alone for Graphviz, which lays out better.",
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
