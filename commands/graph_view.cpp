#include "commands/graph_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "commands/figures.h"
#include "commands/object_label.h"
#include "commands/query_rows.h"
#include "commands/words.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

// More steps than this are cut in the middle.
constexpr std::size_t kMostSteps = 24;
constexpr std::size_t kWidth = 80;

std::string_view last_part(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(text.size(), comma + 1));
  }
  return parts;
}

Result<std::shared_ptr<GraphView>> GraphView::open(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto census = (*target)->census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());
  const auto graph = (*target)->graph(context.job);
  if (!graph) return std::unexpected(graph.error());
  std::shared_ptr<GraphView> view(new GraphView);
  view->target_ = *target;
  view->census_ = *census;
  view->runtime_ = *runtime;
  view->types_ = *types;
  view->graph_ = *graph;
  if (view->has_python()) {
    view->decoder_.emplace((*target)->image().space, **runtime, **types);
  }
  view->names_.emplace(view->sources(), **graph);
  return view;
}

graph::Sources GraphView::sources() const { return {target_->image(), *census_, runtime_, types_}; }

Error GraphView::nothing_at(Address a) const {
  const std::string subject = hex_text(a);
  if (!target_->image().space.is_mapped(a)) {
    return {ErrorCode::not_mapped, subject, "the target has nothing mapped there", {}};
  }
  const std::string hint = "show " + subject + "  (what lies there)";
  const census::RowId row = census_->row_holding(a);
  if (row == census::RowId::none) {
    return {ErrorCode::no_object, subject, "no object and no block lies there", hint};
  }
  const auto state = census_->rows.state(row);
  return {ErrorCode::no_object, subject,
          fmt::format("it lies in a block that is {}, of {}",
                      state == census::State::free ? "free" : "kept for reuse",
                      size_text(census_->rows.size(row))),
          hint};
}

Result<NodeId> GraphView::node_of(Context& context, std::string_view word) {
  const auto address = context.session.address_of(context, word);
  if (!address) return std::unexpected(address.error());
  const NodeId id = graph_->node_at(*address);
  if (id == NodeId::none) return std::unexpected(nothing_at(*address));
  return id;
}

std::vector<NodeId> GraphView::objects_of_type(std::string_view name) const {
  const bool bare = name.find('.') == std::string_view::npos;
  std::vector<bool> wanted;
  wanted.reserve(census_->types.size());
  bool exact = false;
  for (const auto& type : census_->types) exact = exact || type.name == name;
  for (const auto& type : census_->types) {
    wanted.push_back(exact ? type.name == name : bare && last_part(type.name) == name);
  }
  std::vector<NodeId> found;
  for (std::uint32_t i = 0; i < graph_->objects(); ++i) {
    const auto type = census::index_of(census_->rows.type(graph_->row(NodeId{i})));
    if (type < wanted.size() && wanted[type]) found.push_back(NodeId{i});
  }
  return found;
}

Result<std::vector<NodeId>> GraphView::nodes_of(Context& context,
                                                std::span<const std::string> words) {
  std::vector<NodeId> nodes;
  for (const std::string& word : words) {
    if (is_query(word)) {
      const auto found = queried_addresses(context, word);
      if (!found) return std::unexpected(found.error());
      const std::size_t before = nodes.size();
      for (const Address a : *found) {
        const NodeId id = graph_->node_at(a);
        if (id != NodeId::none) nodes.push_back(id);
      }
      if (nodes.size() == before) {
        return fail(ErrorCode::no_object, word, "no live object and no block is of that kind",
                    "select " + quoted(word) + "  (what there is)");
      }
      continue;
    }
    const bool number = !word.empty() && (word[0] == '#' || (word[0] >= '0' && word[0] <= '9'));
    if (number) {
      auto id = node_of(context, word);
      if (!id) return std::unexpected(id.error());
      nodes.push_back(*id);
      continue;
    }
    const auto objects = objects_of_type(word);
    if (objects.empty()) {
      std::vector<std::string_view> known;
      known.reserve(census_->types.size());
      for (const auto& type : census_->types) known.push_back(type.name);
      std::string hint = suggestion(word, known);
      if (hint.empty()) hint = "types  (which there are)";
      return fail(ErrorCode::no_object, word, "no live object is of such a type", std::move(hint));
    }
    nodes.insert(nodes.end(), objects.begin(), objects.end());
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

std::string GraphView::type(NodeId id) const {
  std::string text = graph::node_text(*graph_, *census_, id);
  return graph_->is_root(id) ? text : printable(text);
}

std::optional<python::Object> GraphView::object(NodeId id) {
  if (graph_->is_root(id) || !graph_->is_object(id) || !decoder_) return std::nullopt;
  return decoder_->object(graph_->address(id));
}

std::string GraphView::label(NodeId id) {
  const auto found = object(id);
  return found ? object_label(*decoder_, *found) : std::string();
}

std::vector<graph::WayStep> GraphView::steps(const graph::Path& path) {
  const bool named = path.empty() || graph_->is_root(path[0]);
  return graph::way_steps(*graph_, *names_, path, named ? std::string() : type(path[0]));
}

std::string GraphView::way_lines(const graph::Path& path, std::size_t indent) {
  auto all = steps(path);
  if (all.size() > 1 && all[1].edge == all[0].edge) all.erase(all.begin());
  std::string text;
  const std::size_t ends = kMostSteps / 2;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all.size() > kMostSteps && i == ends) {
      const std::size_t left_out = all.size() - 2 * ends;
      text += fmt::format("{:{}}... {} more steps ...\n", "", indent + 2 * ends,
                          with_thousands(static_cast<std::int64_t>(left_out)));
      i += left_out;
    }
    const std::size_t level = all.size() > kMostSteps && i > ends ? ends : i;
    std::string line = std::string(indent + 2 * std::min<std::size_t>(level, 16), ' ');
    line += printable(all[i].edge);
    std::string what;
    if (!graph_->is_root(all[i].node)) {
      what = type(all[i].node);
      const std::string more = label(all[i].node);
      if (more.starts_with("module ") || more.starts_with("class ")) {
        what = more;
      } else if (!more.empty()) {
        what += ", " + more;
      }
    }
    if (all[i].conservative) what += "  (a word that looks like it)";
    if (!what.empty()) {
      if (line.size() < 40) line.resize(40, ' ');
      line += "  " + what;
    }
    text += fitted(line, kWidth) + "\n";
  }
  return text;
}

bool GraphView::is_plumbing(NodeId id) {
  if (graph_->is_root(id)) return true;
  const auto found = object(id);
  if (!found) return false;
  if (found->type->shape == python::Shape::module) return true;
  if (found->type->shape != python::Shape::dict) return false;
  for (const auto& one : runtime_->interpreters) {
    if (found->address == one.modules || found->address == one.sysdict ||
        found->address == one.builtins) {
      return true;
    }
  }
  return census_->detail_of(graph_->row(id)) == "attributes of module";
}

}  // namespace coreheap::commands
