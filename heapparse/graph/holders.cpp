#include "heapparse/graph/holders.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "heapparse/python/decoder.h"

namespace coreheap::graph {
namespace {

class Walk {
 public:
  Walk(const Sources& sources, const Graph& graph, const Dominators& dominators)
      : sources_(sources), graph_(graph), dominators_(dominators) {
    if (sources.runtime != nullptr && sources.types != nullptr) {
      decoder_.emplace(sources.image.space, *sources.runtime, *sources.types);
    }
  }

  Result<Holders> run(JobControl& job) {
    tree_ = dominated_children(dominators_);
    roots_ = graph_.roots_of_all();
    out_.total = graph_.total_weight();
    job.begin_step("looking for holders", graph_.objects());
    std::vector<NodeId> open{graph_.super_root()};
    std::size_t steps = 0;
    while (!open.empty()) {
      if (++steps % 65536 == 0 && job.cancelled()) {
        return fail(ErrorCode::cancelled, "job", "cancelled");
      }
      const NodeId at = open.back();
      open.pop_back();
      // What only code holds is code: its constants, names, tables of lines.
      const python::PythonType* type = graph_.is_root(at) ? nullptr : type_of(at);
      const bool is_code = type != nullptr && type->shape == python::Shape::code;
      for (const std::uint32_t child : tree_.of(index_of(at))) {
        const NodeId id{child};
        if (leave_out(id)) continue;
        if (is_code) {
          out_.code += retained(id);
          continue;
        }
        if (is_plumbing(id, at)) {
          out_.code += graph_.weight(id);
          open.push_back(id);
        } else {
          take(id, at);
        }
      }
    }
    for (const auto& [key, members] : groups_) take_group(members, RootKind{key.second});
    sort();
    for (std::size_t i = 0; i < out_.holders.size() && i < kMostDescribed; ++i) {
      describe(out_.holders[i]);
    }
    return std::move(out_);
  }

 private:
  // Only what is large enough to be shown needs to be told apart within.
  static constexpr std::size_t kMostDescribed = 100;
  static constexpr double kOwnShare = 0.2;

  std::uint64_t retained(NodeId id) const { return dominators_.retained[index_of(id)]; }

  // Whole subtrees that are no program's: garbage, orphans, what is never freed.
  bool leave_out(NodeId id) {
    if (graph_.is_root(id)) {
      switch (graph_.root(id).kind) {
        case RootKind::unreachable:
          out_.garbage += retained(id);
          return true;
        case RootKind::orphan_block:
          out_.orphans += retained(id);
          out_.orphan_blocks += tree_.of(index_of(id)).size();
          return true;
        default:
          return false;
      }
    }
    if (!graph_.is_object(id)) {
      const census::Kind kind = sources_.census.label_of(graph_.row(id)).kind;
      if (kind == census::Kind::runtime_state || kind == census::Kind::datastack) {
        out_.code += retained(id);
        return true;
      }
    }
    if (!graph_.is_reachable(id)) {
      (graph_.is_garbage(id) ? out_.garbage : out_.orphans) += retained(id);
      return true;
    }
    if (root_kind(id) == RootKind::c_runtime || (graph_.is_immortal(id) && is_leaf(id))) {
      out_.code += retained(id);
      return true;
    }
    return false;
  }

  RootKind root_kind(NodeId id) const { return graph_.root(NodeId{roots_[index_of(id)]}).kind; }
  bool is_leaf(NodeId id) const { return graph_.out_refs(id) == 0; }

  const python::PythonType* type_of(NodeId id) {
    if (!decoder_ || !graph_.is_object(id)) return nullptr;
    const auto object = decoder_->object(graph_.address(id));
    return object ? object->type : nullptr;
  }

  bool is_plumbing(NodeId id, NodeId parent) {
    if (graph_.is_root(id)) return true;
    const python::PythonType* type = type_of(id);
    if (type == nullptr) return false;
    const Address address = graph_.address(id);
    if (decoder_->type_at(address) != nullptr) return true;
    switch (type->shape) {
      case python::Shape::module:
      case python::Shape::function:
      case python::Shape::code:
        return true;
      case python::Shape::dict:
        break;
      default:
        return type->is_static && graph_.is_immortal(id);
    }
    for (const auto& one : sources_.runtime->interpreters) {
      if (address == one.modules || address == one.sysdict || address == one.builtins) return true;
    }
    if (graph_.is_interned_table(id)) return true;
    const std::string_view detail = sources_.census.detail_of(graph_.row(id));
    if (detail == "attributes of module") return true;
    return detail.starts_with("attributes of ") && !graph_.is_root(parent) &&
           decoder_->type_at(graph_.address(parent)) != nullptr;
  }

  void take(NodeId id, NodeId parent) {
    if (graph_.is_root(parent)) {
      // Side by side under a root: those of one type are one holder.
      const auto type =
          graph_.is_object(id)
              ? std::uint64_t{census::index_of(sources_.census.rows.type(graph_.row(id)))}
              : (std::uint64_t{1} << 32) +
                    census::index_of(sources_.census.rows.label(graph_.row(id)));
      const RootKind kind = root_kind(id);
      groups_[{type, static_cast<std::uint8_t>(kind)}].push_back(id);
      return;
    }
    add({.place = id, .bytes = retained(id), .root = root_kind(id)});
  }

  void add(const Holder& holder) {
    out_.tops.emplace_back(holder.place, static_cast<std::uint32_t>(out_.holders.size()));
    out_.holders.push_back(holder);
  }

  void sort() {
    std::vector<std::uint32_t> order(out_.holders.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return out_.holders[a].bytes > out_.holders[b].bytes;
    });
    std::vector<Holder> sorted;
    std::vector<std::uint32_t> place(order.size());
    for (const std::uint32_t at : order) {
      place[at] = static_cast<std::uint32_t>(sorted.size());
      sorted.push_back(out_.holders[at]);
    }
    out_.holders = std::move(sorted);
    for (auto& [node, at] : out_.tops) at = place[at];
    std::sort(out_.tops.begin(), out_.tops.end());
  }

  // One that has a good part of its group's bytes is a holder of its own.
  void take_group(const std::vector<NodeId>& members, RootKind kind) {
    std::uint64_t all = 0;
    for (const NodeId id : members) all += retained(id);
    Holder group{.root = kind};
    group.count = 0;
    std::vector<NodeId> rest;
    for (const NodeId id : members) {
      if (members.size() > 1 &&
          static_cast<double>(retained(id)) > kOwnShare * static_cast<double>(all)) {
        add({.place = id, .bytes = retained(id), .root = kind});
        continue;
      }
      rest.push_back(id);
      ++group.count;
      group.bytes += retained(id);
      if (group.place == NodeId::none || retained(id) > retained(group.place)) group.place = id;
    }
    if (group.count == 0) return;
    const auto at = static_cast<std::uint32_t>(out_.holders.size());
    for (const NodeId id : rest) out_.tops.emplace_back(id, at);
    out_.holders.push_back(group);
  }

  void describe(Holder& holder) {
    holder.accumulation = accumulation_point(dominators_, tree_, holder.place);
    struct Part {
      std::uint64_t count = 0;
      std::uint64_t bytes = 0;
      NodeId largest = NodeId::none;
    };
    std::unordered_map<std::uint32_t, Part> parts;
    for (const std::uint32_t child : tree_.of(index_of(holder.accumulation))) {
      const NodeId id{child};
      Part& part = parts[census::index_of(sources_.census.rows.type(graph_.row(id)))];
      ++part.count;
      part.bytes += retained(id);
      if (part.largest == NodeId::none || retained(id) > retained(part.largest)) part.largest = id;
    }
    for (const auto& [type, part] : parts) {
      if (part.bytes < holder.part_bytes) continue;
      if (part.bytes == holder.part_bytes && holder.part != NodeId::none &&
          part.largest > holder.part) {
        continue;
      }
      holder.part = part.largest;
      holder.part_count = part.count;
      holder.part_bytes = part.bytes;
    }
  }

  const Sources& sources_;
  const Graph& graph_;
  const Dominators& dominators_;
  std::optional<python::Decoder> decoder_;
  Csr tree_;
  BigColumn<std::uint32_t> roots_;
  Holders out_;
  std::map<std::pair<std::uint64_t, std::uint8_t>, std::vector<NodeId>> groups_;
};

}  // namespace

NodeId accumulation_point(const Dominators& dominators, const Csr& tree, NodeId id) {
  for (;;) {
    const std::uint64_t all = dominators.retained[index_of(id)];
    NodeId largest = NodeId::none;
    for (const std::uint32_t child : tree.of(index_of(id))) {
      if (largest == NodeId::none ||
          dominators.retained[child] > dominators.retained[index_of(largest)]) {
        largest = NodeId{child};
      }
    }
    if (largest == NodeId::none) return id;
    const auto part = static_cast<double>(dominators.retained[index_of(largest)]);
    if (part < kBigDrop * static_cast<double>(all)) return id;
    // One large thing at the end is what it holds, not where it piles up.
    if (tree.of(index_of(largest)).empty()) return id;
    id = largest;
  }
}

BigColumn<std::uint32_t> holders_by_node(const Graph& graph, const Dominators& dominators,
                                         const Holders& holders) {
  BigColumn<std::uint32_t> by_node(graph.objects(), Dominators::kNone);
  const Csr tree = dominated_children(dominators);
  std::vector<std::uint32_t> open;
  for (const auto& [top, holder] : holders.tops) {
    open.push_back(index_of(top));
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      by_node[at] = holder;
      const auto children = tree.of(at);
      open.insert(open.end(), children.begin(), children.end());
    }
  }
  return by_node;
}

Result<Holders> find_holders(const Sources& sources, const Graph& graph,
                             const Dominators& dominators, JobControl& job) {
  return Walk(sources, graph, dominators).run(job);
}

}  // namespace coreheap::graph
