// Order matters: snapshot, nodes, edges, strings last. Only synthetic nodes hang under the root, so
// that the loader leaves sizes where they are.
#include "commands/heapsnapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "heapparse/python/references.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

constexpr std::size_t kMaxName = 80;
constexpr std::uint64_t kMaxText = 500'000'000;  // of all names together
constexpr unsigned kNodeFields = 5;

// Indices into the meta data's lists below.
enum NodeType : unsigned {
  kArray = 1,
  kString = 2,
  kObject = 3,
  kCode = 4,
  kClosure = 5,
  kNumber = 7,
  kNative = 8,
  kSynthetic = 9
};
enum EdgeType : unsigned { kElement = 1, kProperty = 2, kWeak = 6 };

constexpr std::string_view kMeta =
    "\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"],"
    "\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\","
    "\"number\",\"native\",\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\","
    "\"bigint\",\"object shape\"],\"string\",\"number\",\"number\",\"number\"],"
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
    "\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\","
    "\"weak\"],\"string_or_number\",\"node\"]}";

class Strings {
 public:
  std::uint32_t add(std::string_view text) {
    std::string cut(text.substr(0, kMaxName));
    const auto [it, added] = index_.try_emplace(cut, static_cast<std::uint32_t>(texts_.size()));
    if (added) {
      characters_ += cut.size() + 3;
      texts_.push_back(std::move(cut));
    }
    return it->second;
  }
  std::uint64_t characters() const { return characters_; }
  void write(std::string& out) const {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      out += i == 0 ? "\"" : ",\n\"";
      for (const char c : texts_[i]) {
        if (c == '"' || c == '\\') out += '\\';
        out +=
            static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
      }
      out += '"';
    }
  }

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<std::string> texts_;
  std::uint64_t characters_ = 0;
};

class Exporter {
 public:
  Exporter(GraphView& view, std::uint64_t max_nodes, JobControl& job)
      : view_(view), graph_(view.graph()), job_(job) {
    // Ordinals: the root, the roots, the objects that are nodes of their own.
    const std::uint32_t first = 1 + static_cast<std::uint32_t>(graph_.roots().size());
    ordinal_.resize(graph_.objects(), kFolded);
    own_.resize(graph_.objects());
    const bool fold = graph_.objects() > max_nodes;
    std::uint32_t next = first;
    for (std::uint32_t i = 0; i < graph_.objects(); ++i) {
      own_[i] = graph_.weight(NodeId{i});
      if (!fold || !can_fold(i)) ordinal_[i] = next++;
    }
    for (std::uint32_t i = 0; i < graph_.objects(); ++i) {
      if (ordinal_[i] != kFolded) continue;
      own_[graph::index_of(graph_.parent(NodeId{i}))] += own_[i];
      ++out_.folded;
    }
    out_.nodes = next;
  }

  Result<HeapSnapshot> run() {
    job_.begin_step("writing references", graph_.objects());
    add_node(kSynthetic, "", 0, static_cast<std::uint32_t>(graph_.roots().size()));
    for (std::uint32_t r = 0; r < graph_.roots().size(); ++r) add_edge(kElement, r, 1 + r);
    for (std::size_t r = 0; r < graph_.roots().size(); ++r) {
      std::uint32_t count = 0;
      graph_.for_each_referent(graph_.root_id(r), [&](NodeId id) {
        if (place(id) == kFolded) return;
        add_edge(kElement, count++, place(id));
      });
      add_node(kSynthetic, "(" + graph_.roots()[r].name + ")", 0, count);
    }
    for (std::uint32_t i = 0; i < graph_.objects(); ++i) {
      if (ordinal_[i] == kFolded) continue;
      const NodeId id{i};
      add_node(type_of(id), name_of(id), own_[i], add_edges(id));
      if (i % 4096 == 0) {
        if (job_.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
        if (strings_.characters() > kMaxText) {
          return fail(ErrorCode::not_enough_room, "heapsnapshot",
                      "there are more names than its readers can load", "--max-nodes 500000");
        }
      }
      job_.advance(1);
    }
    out_.text = fmt::format(
        "{{\"snapshot\":{{{},\"node_count\":{},\"edge_count\":{},"
        "\"trace_function_count\":0}},\n\"nodes\":[",
        kMeta, out_.nodes, out_.edges);
    out_.text += nodes_;
    out_.text += "],\n\"edges\":[";
    out_.text += edges_;
    out_.text += "],\n\"strings\":[";
    strings_.write(out_.text);
    out_.text += "]}\n";
    return std::move(out_);
  }

 private:
  static constexpr std::uint32_t kFolded = 0xffffffff;

  // What refers to nothing, has no weak reference to name it, and is held by an object.
  bool can_fold(std::uint32_t i) const {
    return graph_.out_refs(NodeId{i}) == 0 && !graph_.held_by_root(NodeId{i}) &&
           !graph_.is_root(graph_.parent(NodeId{i}));
  }
  std::uint32_t place(NodeId id) const { return ordinal_[graph::index_of(id)]; }

  void add_node(unsigned type, std::string_view name, std::uint64_t size, std::uint32_t edges) {
    if (!nodes_.empty()) nodes_ += ",\n";
    fmt::format_to(std::back_inserter(nodes_), "{},{},{},{},{}", type, strings_.add(name),
                   2 * written_++ + 1, std::min<std::uint64_t>(size, 0xffffffff), edges);
  }
  void add_edge(unsigned type, std::uint32_t name_or_index, std::uint32_t to) {
    if (!edges_.empty()) edges_ += ",\n";
    fmt::format_to(std::back_inserter(edges_), "{},{},{}", type, name_or_index,
                   std::uint64_t{to} * kNodeFields);
    ++out_.edges;
  }

  // Named edges as they are decoded, then those that only the graph knows.
  std::uint32_t add_edges(NodeId id) {
    std::uint32_t count = 0;
    left_.clear();
    graph_.for_each_referent(id, [&](NodeId target) { left_.push_back(graph::index_of(target)); });
    std::sort(left_.begin(), left_.end());
    const auto object = view_.object(id);
    if (object) {
      python::for_each_reference(view_.decoder(), *object, [&](const python::Reference& reference) {
        const NodeId target = graph_.table().find(reference.target);
        if (target == NodeId::none) return;
        const auto it = std::lower_bound(left_.begin(), left_.end(), graph::index_of(target));
        if (it == left_.end() || *it != graph::index_of(target)) return;
        left_.erase(it);
        if (place(target) == kFolded) return;
        if (reference.name.kind == python::EdgeKind::item) {
          add_edge(kElement, static_cast<std::uint32_t>(reference.name.index), place(target));
        } else {
          add_edge(kProperty, strings_.add(python::edge_text(view_.decoder(), reference.name)),
                   place(target));
        }
        ++count;
      });
    }
    for (const std::uint32_t target : left_) {
      if (ordinal_[target] == kFolded) continue;
      add_edge(kProperty, strings_.add("<word>"), ordinal_[target]);
      ++count;
    }
    for (const auto& [self, target] : graph_.weak_referents(id)) {
      if (ordinal_[target] == kFolded) continue;
      add_edge(kWeak, strings_.add("<weak>"), ordinal_[target]);
      ++count;
    }
    return count;
  }

  unsigned type_of(NodeId id) {
    const auto object = view_.object(id);
    if (!object) return kNative;
    using python::Shape;
    switch (object->type->shape) {
      case Shape::str:
      case Shape::unicode_2:
      case Shape::bytes:
        return kString;
      case Shape::long_int:
      case Shape::int_2:
      case Shape::float_number:
        return kNumber;
      case Shape::function:
        return kClosure;
      case Shape::code:
        return kCode;
      default:
        return kObject;
    }
  }

  std::string name_of(NodeId id) {
    const std::string type = view_.type(id);
    const std::string label = view_.label(id);
    // The viewer groups objects by name: only what is no class of its own says more.
    if (label.starts_with("module ") || label.starts_with("class ") ||
        label.find("()") != label.npos) {
      return label;
    }
    return type;
  }

  GraphView& view_;
  const graph::Graph& graph_;
  JobControl& job_;
  HeapSnapshot out_;
  Strings strings_;
  std::string nodes_;
  std::string edges_;
  std::uint64_t written_ = 0;
  std::vector<std::uint32_t> ordinal_;
  std::vector<std::uint64_t> own_;
  std::vector<std::uint32_t> left_;
};

}  // namespace

Result<HeapSnapshot> heap_snapshot(GraphView& view, std::uint64_t max_nodes, JobControl& job) {
  return Exporter(view, max_nodes, job).run();
}

}  // namespace coreheap::commands
