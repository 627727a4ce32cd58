#include "heapparse/graph/native_holders.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "heapparse/graph/bits.h"
#include "heapparse/graph/components.h"

namespace coreheap::graph {
namespace {

using Family = std::uint32_t;
constexpr Family kNobody = 0xffffffff;

// The package of the C code that an instance's own words are of: a class written in Python counts
// to its C base.
std::string_view package_of(const python::TypeTable& types, const python::PythonType& type) {
  const python::PythonType* made_by = &type;
  for (const python::TypeLayer& layer : type.layers) {
    if (layer.kind == python::TypeLayer::Kind::python || layer.end <= layer.begin) continue;
    made_by = &types[layer.type];
    break;
  }
  const std::string_view name = made_by->name;
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

// By index of a type.
std::vector<Family> families(const Sources& sources) {
  std::vector<Family> out;
  if (sources.types == nullptr) return out;
  std::map<std::string_view, Family> numbers;
  out.reserve(sources.types->all().size());
  for (const python::PythonType& type : sources.types->all()) {
    const auto next = static_cast<Family>(numbers.size());
    out.push_back(numbers.try_emplace(package_of(*sources.types, type), next).first->second);
  }
  return out;
}

class Charge {
 public:
  Charge(const Sources& sources, const Graph& graph, const Dominators& dominators)
      : graph_(graph),
        idom_(dominators.idom),
        census_(sources.census),
        families_(families(sources)) {}

  Result<std::vector<NodeId>> run(JobControl& job) {
    place_.assign(graph_.objects(), 0);
    for (std::uint32_t i = 0; i < graph_.objects(); ++i) {
      if (graph_.is_object(NodeId{i})) continue;
      place_[i] = static_cast<std::uint32_t>(natives_.size());
      natives_.push_back(i);
    }
    job.begin_step("charging native blocks", natives_.size());
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    auto components = find_components(graph_.forward(), natives_, job);
    if (!components) return std::unexpected(components.error());
    component_ = std::move(components->of);
    vote(components->is_source.size());
    find_nearest_on_ways();
    spread();
    return std::move(holders_);
  }

 private:
  struct Votes {
    explicit Votes(std::size_t families) : counts(families) {}
    void add(Family family) {
      if (counts[family]++ == 0) voted_for.push_back(family);
    }
    void clear() {
      for (const Family family : voted_for) counts[family] = 0;
      voted_for.clear();
    }
    std::vector<std::uint64_t> counts;  // by family
    std::vector<Family> voted_for;
  };

  Family family_of(std::uint32_t object) const {
    const std::uint32_t type = census::index_of(census_.rows.type(graph_.row(NodeId{object})));
    return type < families_.size() ? families_[type] : static_cast<Family>(families_.size());
  }
  bool is_native(std::uint32_t node) const { return !graph_.is_object(NodeId{node}); }
  std::uint32_t component_of(std::uint32_t native) const { return component_[place_[native]]; }

  // The node at which the chain of native blocks on each block's shortest way ends.
  void find_nearest_on_ways() {
    holders_.assign(graph_.objects(), NodeId::none);
    std::vector<std::uint32_t> way;
    const auto is_open = [&](std::uint32_t node) {
      return node < graph_.objects() && is_native(node);
    };
    for (const std::uint32_t native : natives_) {
      std::uint32_t at = native;
      while (is_open(at) && holders_[at] == NodeId::none) {
        way.push_back(at);
        at = index_of(graph_.parent(NodeId{at}));
      }
      const NodeId holder = is_open(at) ? holders_[at] : NodeId{at};
      for (; !way.empty(); way.pop_back()) holders_[way.back()] = holder;
    }
  }

  // Referrers have higher numbers, so that whose they are is known when they vote.
  void vote(std::size_t components) {
    winner_.assign(components, kNobody);
    std::vector<std::uint32_t> order(natives_.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return component_[a] > component_[b];
    });
    Votes votes(families_.size() + 1);
    for (std::size_t begin = 0; begin < order.size();) {
      const std::uint32_t one = component_[order[begin]];
      votes.clear();
      std::size_t end = begin;
      for (; end < order.size() && component_[order[end]] == one; ++end) {
        for (const std::uint32_t from : graph_.reverse().of(natives_[order[end]])) {
          if (is_native(from) && component_of(from) == one) continue;
          const Family family = is_native(from) ? winner_[component_of(from)] : family_of(from);
          if (family != kNobody) votes.add(family);
        }
      }
      winner_[one] = elect(votes, std::span(order).subspan(begin, end - begin));
      begin = end;
    }
  }

  // Of as many words, whoever holds the way to the first block that has a way from one of them.
  Family elect(const Votes& votes, std::span<const std::uint32_t> members) const {
    std::uint64_t most = 0;
    Family winner = kNobody;
    for (const Family family : votes.voted_for) {
      const std::uint64_t count = votes.counts[family];
      if (count > most || (count == most && family < winner)) winner = family;
      most = std::max(most, count);
    }
    if (winner == kNobody) return kNobody;
    for (const std::uint32_t place : members) {
      const std::uint32_t parent = index_of(graph_.parent(NodeId{natives_[place]}));
      if (parent >= graph_.objects()) continue;
      const Family family = is_native(parent) ? winner_[component_of(parent)] : family_of(parent);
      if (family != kNobody && votes.counts[family] == most) return family;
    }
    return winner;
  }

  // Would `holder` go with another holder of its family? Those lie near: between a connection and
  // its statements there is a cache.
  bool goes_with_another(std::uint32_t holder, const Bits& holds) const {
    constexpr int kNear = 32;
    const Family family = family_of(holder);
    std::uint32_t at = idom_[holder];
    for (int i = 0; i < kNear && at < graph_.objects(); ++i, at = idom_[at]) {
      if (holds[at] && family_of(at) == family) return true;
    }
    return false;
  }

  // Breadth first from the winners' own words, and within what they won: first from those of
  // holders that go with no other. Near is a matter of stale words too: what a statement had read
  // last leads from it to the pages of all the database.
  void spread() {
    std::vector<std::uint32_t> own;
    Bits holds(graph_.objects());
    for (const std::uint32_t native : natives_) {
      const Family winner = winner_[component_of(native)];
      if (winner == kNobody) continue;
      const auto wins = [&](std::uint32_t node) {
        return node < graph_.objects() && !is_native(node) && family_of(node) == winner;
      };
      std::uint32_t holder = index_of(graph_.parent(NodeId{native}));
      if (!wins(holder)) {
        const auto from = graph_.reverse().of(native);
        const auto found = std::find_if(from.begin(), from.end(), wins);
        holder = found == from.end() ? kNobody : *found;
      }
      holders_[native] = holder == kNobody ? NodeId::none : NodeId{holder};
      if (holder == kNobody) continue;
      own.push_back(native);
      holds.set(holder);
    }
    const auto rest = std::stable_partition(own.begin(), own.end(), [&](std::uint32_t native) {
      return !goes_with_another(index_of(holders_[native]), holds);
    });
    flood({own.begin(), rest});
    flood({rest, own.end()});
  }

  void flood(std::vector<std::uint32_t> queue) {
    for (std::size_t at = 0; at < queue.size(); ++at) {
      const NodeId holder = holders_[queue[at]];
      const Family family = family_of(index_of(holder));
      for (const std::uint32_t to : graph_.forward().of(queue[at])) {
        if (!is_native(to) || holders_[to] != NodeId::none) continue;
        if (winner_[component_of(to)] != family) continue;
        holders_[to] = holder;
        queue.push_back(to);
      }
    }
  }

  const Graph& graph_;
  const BigColumn<std::uint32_t>& idom_;
  const census::Census& census_;
  std::vector<Family> families_;
  std::vector<std::uint32_t> natives_;    // nodes, ascending
  std::vector<std::uint32_t> place_;      // by node, of natives: their place there
  std::vector<std::uint32_t> component_;  // by place
  std::vector<Family> winner_;            // by component
  std::vector<NodeId> holders_;           // by node
};

}  // namespace

Result<std::vector<NodeId>> holders_of_native_blocks(const Sources& sources, const Graph& graph,
                                                     const Dominators& dominators,
                                                     JobControl& job) {
  return Charge(sources, graph, dominators).run(job);
}

}  // namespace coreheap::graph
