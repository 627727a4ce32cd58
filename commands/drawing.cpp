#include "commands/drawing.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"
#include "commands/screens.h"
#include "commands/svg.h"

namespace coreheap::commands {

namespace {

constexpr std::string_view kFirst = "#f4b183";
constexpr std::string_view kRoot = "#c5e0b4";

std::string_view fill_of(const DrawnNode& node) {
  if (node.level == 0) return kFirst;
  return node.is_root ? kRoot : "";
}

std::string more_text(const DrawnNode& node) {
  return with_thousands(static_cast<std::int64_t>(node.left_out)) + " more";
}

// In a label of dot's.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string as_dot(const Drawing& drawing) {
  std::string text =
      "digraph heap {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
      "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const DrawnNode& node = drawing.nodes[i];
    std::string lines;
    for (const std::string& line : node.lines)
      lines += (lines.empty() ? "" : "\\n") + escaped(line);
    const std::string_view fill = fill_of(node);
    text += fmt::format("  n{} [label=\"{}\"{}];\n", i, lines,
                        fill.empty() ? "" : fmt::format(", style=filled, fillcolor=\"{}\"", fill));
    if (node.left_out == 0) continue;
    text += fmt::format("  n{}_more [label=\"{}\", shape=plaintext, fontcolor=red];\n", i,
                        more_text(node));
    text += drawing.referents ? fmt::format("  n{0} -> n{0}_more [color=red];\n", i)
                              : fmt::format("  n{0}_more -> n{0} [color=red];\n", i);
  }
  for (const DrawnEdge& edge : drawing.edges) {
    text += fmt::format("  n{} -> n{} [label=\"{}\"{}];\n", edge.from, edge.to, escaped(edge.name),
                        edge.is_guess ? ", style=dashed" : "");
  }
  return text + "}\n";
}

std::string as_svg(const Drawing& drawing) {
  constexpr double kBoxWidth = 260;
  constexpr double kLine = 14;
  constexpr double kBoxHeight = 4 * kLine;
  constexpr double kColumn = kBoxWidth + 220;
  constexpr double kRow = kBoxHeight + 16;
  constexpr double kEdge = 20;
  std::uint64_t levels = 0;
  for (const DrawnNode& node : drawing.nodes) levels = std::max(levels, node.level);
  std::vector<std::size_t> in_level(levels + 1);
  std::vector<std::size_t> row(drawing.nodes.size());
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = in_level[drawing.nodes[i].level]++;
  const std::size_t tallest = *std::max_element(in_level.begin(), in_level.end());
  const auto width = static_cast<double>(levels) * kColumn + kBoxWidth + 2 * kEdge;
  const auto height = static_cast<double>(tallest) * kRow + 2 * kEdge;
  const auto left = [&](std::size_t i) {
    // Against the references the first node stands on the right: arrows go from left to right.
    const std::uint64_t level = drawing.nodes[i].level;
    return kEdge + static_cast<double>(drawing.referents ? level : levels - level) * kColumn;
  };
  const auto top = [&](std::size_t i) {
    const auto free = static_cast<double>(tallest - in_level[drawing.nodes[i].level]) * kRow;
    return kEdge + free / 2 + static_cast<double>(row[i]) * kRow;
  };
  const auto middle = [&](std::size_t i) { return top(i) + kBoxHeight / 2; };
  Svg svg(static_cast<unsigned>(width), static_cast<unsigned>(height));
  for (const DrawnEdge& edge : drawing.edges) {
    const double x1 = left(edge.from) + kBoxWidth;
    const double x2 = left(edge.to);
    const double y1 = middle(edge.from);
    const double y2 = middle(edge.to);
    svg.line(x1, y1, x2, y2, edge.is_guess ? "#b0b0b0" : "black");
    svg.polygon(
        fmt::format("{:g},{:g} {:g},{:g} {:g},{:g}", x2, y2, x2 - 8, y2 - 3, x2 - 8, y2 + 3),
        edge.is_guess ? "#b0b0b0" : "black");
    // Nearer to the box of a level that has only one: names of a fan do not fall on one another.
    const double part = drawing.referents ? 0.7 : 0.3;
    svg.text(x1 + (x2 - x1) * part, y1 + (y2 - y1) * part - 3, edge.name, "middle");
  }
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const DrawnNode& node = drawing.nodes[i];
    const std::string_view fill = fill_of(node);
    svg.rectangle(left(i), top(i), kBoxWidth, kBoxHeight, fill.empty() ? "#eeeeee" : fill);
    double y = top(i) + kLine;
    for (const std::string& line : node.lines) {
      svg.text(left(i) + kBoxWidth / 2, y, printable(line), "middle");
      y += kLine;
    }
    if (node.left_out != 0) svg.text(left(i) + kBoxWidth / 2, y, more_text(node), "middle");
  }
  return svg.finish();
}

}  // namespace coreheap::commands
