// Inner nodes are worked on under their depth-first numbers, in arrays that are reused as soon as a
// step is done with them.
#include "heapparse/graph/dominators.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "heapparse/graph/bits.h"

namespace coreheap::graph {
namespace {

constexpr std::uint32_t kNone = Dominators::kNone;
constexpr std::uint32_t kPoll = 1 << 16;

using Column = BigColumn<std::uint32_t>;

class SemiNca {
 public:
  SemiNca(const Csr& forward, const Csr& reverse, const RootEdges& roots)
      : forward_(forward), reverse_(reverse), roots_(roots), n_(roots.size()) {}

  Result<Dominators> run(std::span<const std::uint32_t> weights, std::uint64_t unit,
                         JobControl& job) {
    job.begin_step("finding dominators", std::uint64_t{4} * n_);
    choose();
    number(job);
    if (!job.cancelled()) semidominators(job);
    if (!job.cancelled()) dominators();
    Dominators out;
    if (!job.cancelled()) {
      out.idom = attach();
      job.advance(n_);
      out.retained = sum(out.idom, weights, unit);
    }
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    return out;
  }

 private:
  std::span<const std::uint32_t> held(std::uint32_t v) const {
    if (v < roots_.objects()) return forward_.of(v);
    if (v < roots_.super_root()) return roots_.of(v);
    return {};
  }

  // Fixed nodes hang at the super-root whoever else refers to them. Inner ones refer to something
  // that is not fixed.
  void choose() {
    fixed_ = Bits(n_);
    for (std::uint32_t r = roots_.objects(); r < roots_.super_root(); ++r) {
      fixed_.set(r);
      if (!roots_.is_anchored(r)) continue;
      for (const std::uint32_t v : roots_.of(r)) fixed_.set(v);
    }
    inner_ = Bits(n_);
    inner_.set(roots_.super_root());
    for (std::uint32_t v = 0; v < roots_.super_root(); ++v) {
      for (const std::uint32_t t : held(v)) {
        if (fixed_[t] || t == v) continue;
        inner_.set(v);
        break;
      }
    }
  }

  // Depth-first over inner nodes. An edge to a fixed node is passed over: from the super-root there
  // is a shorter way to it.
  void number(JobControl& job) {
    number_.resize(n_);
    std::fill(number_.begin(), number_.end(), kNone);
    struct Visit {
      std::uint32_t number;
      std::uint32_t next;  // edge to look at
    };
    std::vector<Visit> stack;
    const auto enter = [&](std::uint32_t v, std::uint32_t parent) {
      const auto mine = static_cast<std::uint32_t>(vertex_.size());
      number_[v] = mine;
      vertex_.push_back(v);
      ancestor_.push_back(parent);
      stack.push_back({mine, 0});
    };
    const auto descend = [&] {
      while (!stack.empty()) {
        Visit& top = stack.back();
        const std::uint32_t from = top.number;
        const auto edges = held(vertex_[from]);
        std::uint32_t to = kNone;
        while (top.next < edges.size()) {
          const std::uint32_t t = edges[top.next++];
          if (number_[t] != kNone || fixed_[t] || !inner_[t]) continue;
          to = t;
          break;
        }
        if (to == kNone) {
          stack.pop_back();
        } else {
          enter(to, from);
          if ((vertex_.size() & (kPoll - 1)) == 0 && job.cancelled()) return;
        }
      }
    };
    enter(roots_.super_root(), 0);
    stack.clear();
    for (std::uint32_t r = roots_.objects(); r < roots_.super_root(); ++r) {
      if (inner_[r]) enter(r, 0);
      descend();
      if (!roots_.is_anchored(r)) continue;
      for (const std::uint32_t v : roots_.of(r)) {
        if (number_[v] != kNone || !inner_[v]) continue;
        enter(v, 0);
        descend();
      }
    }
    job.advance(n_);
  }

  // The vertex with the least semidominator on the way from v up to (not including) the first that
  // is not linked yet: those below `linked`.
  std::uint32_t eval(std::uint32_t v, std::uint32_t linked) {
    if (ancestor_[v] < linked) return label_[v];
    path_.clear();
    do {
      path_.push_back(v);
      v = ancestor_[v];
    } while (ancestor_[v] >= linked);
    std::uint32_t top = v;
    std::uint32_t best = label_[v];
    for (const std::uint32_t u : std::views::reverse(path_)) {
      ancestor_[u] = ancestor_[top];
      if (semi_[best] < semi_[label_[u]]) {
        label_[u] = best;
      } else {
        best = label_[u];
      }
      top = u;
    }
    return label_[top];
  }

  void semidominators(JobControl& job) {
    const auto count = static_cast<std::uint32_t>(vertex_.size());
    semi_.resize(count);
    label_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) semi_[i] = label_[i] = i;
    idom_ = ancestor_;
    for (std::uint32_t i = count; i-- > 1;) {
      if ((i & (kPoll - 1)) == 0 && job.cancelled()) return;
      const std::uint32_t v = vertex_[i];
      std::uint32_t semi = idom_[i];
      if (fixed_[v]) {
        semi_[i] = 0;
        continue;
      }
      const auto referred_by = [&](std::uint32_t u) {
        const std::uint32_t from = number_[u];
        if (from != kNone) semi = std::min(semi, semi_[eval(from, i + 1)]);
      };
      for (const std::uint32_t u : reverse_.of(v)) referred_by(u);
      for (const auto& [target, root] : roots_.referrers(v)) referred_by(root);
      semi_[i] = semi;
    }
    job.advance(n_);
  }

  // Sets where node i hangs in the tree, whose upper part is done: its depth, and a jump pointer
  // (to an ancestor at a distance that depends on the depth alone).
  void hang(std::uint32_t i, std::uint32_t parent) {
    idom_[i] = parent;
    depth_[i] = depth_[parent] + 1;
    const std::uint32_t jump = jump_[parent];
    jump_[i] =
        depth_[parent] - depth_[jump] == depth_[jump] - depth_[jump_[jump]] ? jump_[jump] : parent;
  }

  void dominators() {
    depth_ = std::move(label_);
    jump_ = std::move(ancestor_);
    depth_[0] = jump_[0] = 0;
    for (std::uint32_t i = 1; i < vertex_.size(); ++i) {
      std::uint32_t candidate = idom_[i];
      while (candidate > semi_[i]) {
        candidate = jump_[candidate] > semi_[i] ? jump_[candidate] : idom_[candidate];
      }
      hang(i, candidate);
    }
  }

  std::uint32_t common_ancestor(std::uint32_t a, std::uint32_t b) const {
    if (depth_[a] < depth_[b]) std::swap(a, b);
    while (depth_[a] > depth_[b]) a = depth_[jump_[a]] >= depth_[b] ? jump_[a] : idom_[a];
    while (a != b) {
      if (jump_[a] != jump_[b]) {
        a = jump_[a];
        b = jump_[b];
      } else {
        a = idom_[a];
        b = idom_[b];
      }
    }
    return a;
  }

  // The result by node, leaves included.
  Column attach() {
    Column idom = std::move(number_);
    // From here on `idom` holds the number of the dominator, and `vertex_` finds it.
    for (std::uint32_t i = 1; i < vertex_.size(); ++i) idom[vertex_[i]] = idom_[i];
    for (std::uint32_t r = roots_.objects(); r < roots_.super_root(); ++r) {
      idom[r] = 0;
      if (!roots_.is_anchored(r)) continue;
      for (const std::uint32_t v : roots_.of(r)) idom[v] = 0;
    }
    for (std::uint32_t i = 1; i < vertex_.size(); ++i) {
      for (const std::uint32_t t : held(vertex_[i])) {
        if (inner_[t] || fixed_[t]) continue;
        if (idom[t] == 0) continue;
        idom[t] = idom[t] == kNone ? i : common_ancestor(idom[t], i);
      }
    }
    for (std::uint32_t v = 0; v < n_; ++v) {
      if (idom[v] != kNone) idom[v] = vertex_[idom[v]];
    }
    idom[roots_.super_root()] = kNone;
    return idom;
  }

  BigColumn<std::uint64_t> sum(const Column& idom, std::span<const std::uint32_t> weights,
                               std::uint64_t unit) const {
    BigColumn<std::uint64_t> retained;
    retained.resize(n_);
    for (std::uint32_t v = 0; v < n_; ++v) {
      retained[v] = v < weights.size() && idom[v] != kNone ? weights[v] * unit : 0;
    }
    for (std::uint32_t v = 0; v < n_; ++v) {
      if (!inner_[v] && idom[v] != kNone) retained[idom[v]] += retained[v];
    }
    for (auto i = static_cast<std::uint32_t>(vertex_.size()); i-- > 1;) {
      retained[idom[vertex_[i]]] += retained[vertex_[i]];
    }
    return retained;
  }

  const Csr& forward_;
  const Csr& reverse_;
  const RootEdges& roots_;
  std::uint32_t n_;
  Bits fixed_;
  Bits inner_;
  Column number_;    // by node: its depth-first number
  Column vertex_;    // by number, as are all that follow
  Column ancestor_;  // the parent in the depth-first tree, then further up
  Column semi_;
  Column label_;
  Column idom_;
  Column depth_;
  Column jump_;
  std::vector<std::uint32_t> path_;
};

}  // namespace

Result<Dominators> find_dominators(const Csr& forward, const Csr& reverse, const RootEdges& roots,
                                   std::span<const std::uint32_t> weights, std::uint64_t unit,
                                   JobControl& job) {
  return SemiNca(forward, reverse, roots).run(weights, unit, job);
}

BigColumn<std::uint32_t> retained_counts(const Dominators& dominators, std::uint32_t objects) {
  BigColumn<std::uint32_t> counts(objects, 1);
  // Children that are not added up yet: a node goes up when its last child has.
  std::vector<std::uint32_t> open(objects, 0);
  constexpr std::uint32_t kDone = kNone;
  for (std::uint32_t v = 0; v < objects; ++v) {
    if (dominators.idom[v] < objects) ++open[dominators.idom[v]];
  }
  for (std::uint32_t v = 0; v < objects; ++v) {
    std::uint32_t at = v;
    while (open[at] == 0) {
      open[at] = kDone;
      const std::uint32_t above = dominators.idom[at];
      if (above >= objects) break;
      counts[above] += counts[at];
      --open[above];
      at = above;
    }
  }
  return counts;
}

Csr dominated_children(const Dominators& dominators) {
  const auto n = static_cast<std::uint32_t>(dominators.idom.size());
  Csr tree;
  tree.offsets.resize(std::size_t{n} + 2);
  std::fill(tree.offsets.begin(), tree.offsets.end(), 0);
  for (const std::uint32_t d : dominators.idom) {
    if (d != kNone) ++tree.offsets[d + 2];
  }
  for (std::size_t i = 2; i < tree.offsets.size(); ++i) tree.offsets[i] += tree.offsets[i - 1];
  tree.targets.resize(tree.offsets.back());
  for (std::uint32_t v = 0; v < n; ++v) {
    const std::uint32_t d = dominators.idom[v];
    if (d != kNone) tree.targets[tree.offsets[d + 1]++] = v;
  }
  tree.offsets.pop_back();
  return tree;
}

}  // namespace coreheap::graph
