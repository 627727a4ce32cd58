// The steps, each reading what those before it left: number, decode, find roots, audit, search
// words, lay out edges, turn them round, follow them from the roots, sort out what is left.
#include <algorithm>

#include "heapparse/graph/components.h"
#include "heapparse/graph/edges.h"
#include "heapparse/graph/find_roots.h"
#include "heapparse/graph/graph.h"
#include "heapparse/graph/words.h"

namespace coreheap::graph {

namespace {

constexpr std::uint16_t bit_of(RootKind kind) {
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(kind));
}

// Which of the targets of `run` belong to node `i` of it.
std::span<const std::uint32_t> targets_of(const EdgeRun& run, std::uint32_t i) {
  std::size_t begin = 0;
  for (std::uint32_t k = 0; k < i; ++k) begin += run.counts[k];
  return std::span(run.targets).subspan(begin, run.counts[i]);
}

}  // namespace

class GraphBuilder {
 public:
  GraphBuilder(const Sources& sources, JobControl& job) : sources_(sources), job_(job) {}

  Result<Graph> run() {
    graph_.census_ = &sources_.census;
    auto nodes = NodeTable::build(sources_.census, job_);
    if (!nodes) return std::unexpected(nodes.error());
    graph_.nodes_ = std::move(*nodes);
    auto decoded = decode_edges(sources_, graph_.nodes_, job_);
    if (!decoded) return std::unexpected(decoded.error());
    decoded_ = std::move(*decoded);
    roots_ = find_roots(sources_, graph_.nodes_);
    for (const auto& step :
         {&GraphBuilder::explain, &GraphBuilder::lay_out, &GraphBuilder::follow}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    finish();
    return std::move(graph_);
  }

 private:
  // Counts references, leaves out the table of interned strings, and searches memory for what the
  // refcounts count beyond.
  Result<void> explain() {
    found_.resize(graph_.objects());
    std::fill(found_.begin(), found_.end(), 0);
    for (const EdgeRun& run : decoded_.runs) {
      for (const std::uint32_t t : run.targets) ++found_[t];
    }
    for (const std::uint32_t t : decoded_.uncounted) --found_[t];
    for (const std::uint32_t t : roots_.counted) ++found_[t];
    leave_out_interned_tables();
    Audit audit(decoded_.refcounts, found_);
    found_ = {};

    const auto take = [&](std::vector<Edge> edges, std::uint16_t where) {
      for (const Edge& edge : audit.explain(std::move(edges), where)) {
        if (edge.first >= graph_.objects()) {
          roots_.edges.add(edge.first, edge.second);
        } else {
          more_.push_back(edge);
        }
      }
    };
    const WordScan scan(sources_, graph_.nodes_, audit.open());
    std::vector<Edge> inside;
    const auto take_words = [&](Result<FoundWords> words, std::uint16_t where) -> Result<void> {
      if (!words) return std::unexpected(words.error());
      take(std::move(words->exact), where);
      inside.insert(inside.end(), words->inside.begin(), words->inside.end());
      return {};
    };
    const auto search = [&](const std::vector<WordRange>& ranges, RootKind where) {
      return take_words(scan.ranges(ranges, job_), bit_of(where));
    };
    take(roots_.borrowed, bit_of(RootKind::thread));
    if (auto done = search(roots_.states, RootKind::interpreter); !done) return done;
    const std::size_t exact = more_.size();
    take(std::move(decoded_.guesses), Unexplained::kInGuess);
    if (auto done = search(roots_.globals, RootKind::c_globals); !done) return done;
    if (auto done = take_words(scan.blocks(job_), Unexplained::kInBlock); !done) return done;
    graph_.conservative_.assign(more_.begin() + static_cast<std::ptrdiff_t>(exact), more_.end());
    if (auto done = search(roots_.other, RootKind::other_memory); !done) return done;
    if (auto done = search(roots_.stacks, RootKind::c_stack); !done) return done;
    take(std::move(roots_.registers), bit_of(RootKind::c_stack));
    hold_by_middle(inside);

    std::sort(graph_.conservative_.begin(), graph_.conservative_.end());
    std::sort(more_.begin(), more_.end());
    graph_.unexplained_ = audit.entries();
    graph_.overcounted_ = audit.overcounted();
    graph_.audit_ = audit.sums();
    graph_.dangling_ = decoded_.dangling;
    return {};
  }

  // Words inside a block hold it where no word is its address.
  void hold_by_middle(const std::vector<Edge>& inside) {
    Bits held(graph_.objects());
    for (const Edge& edge : more_) held.set(edge.second);
    for (std::uint32_t r = 0; r < roots_.edges.roots(); ++r) {
      for (const std::uint32_t node : roots_.edges.of(graph_.objects() + r)) {
        if (node < graph_.objects()) held.set(node);
      }
    }
    std::vector<std::uint32_t>& by_middle = graph_.held_by_middle_;
    for (const Edge& edge : inside) {
      if (held[edge.second]) continue;
      by_middle.push_back(edge.second);
      if (edge.first >= graph_.objects()) {
        roots_.edges.add(edge.first, edge.second);
      } else {
        more_.push_back(edge);
        graph_.conservative_.push_back(edge);
      }
    }
    std::sort(by_middle.begin(), by_middle.end());
    by_middle.erase(std::unique(by_middle.begin(), by_middle.end()), by_middle.end());
  }

  // The interpreter's table of interned strings owns none of them: their refcounts leave it out. A
  // user's table that looks the same owns its strings twice, and theirs count it.
  void leave_out_interned_tables() {
    constexpr std::uint32_t kRun = DecodedEdges::kNodesPerRun;
    for (const std::uint32_t table : decoded_.interned_tables) {
      EdgeRun& run = decoded_.runs[table / kRun];
      const auto names = targets_of(run, table % kRun);
      std::size_t over = 0;
      std::size_t mortal = 0;
      for (const std::uint32_t name : names) {
        if (decoded_.refcounts[name] >= DecodedEdges::kNoCount) continue;
        ++mortal;
        if (found_[name] > decoded_.refcounts[name]) ++over;
      }
      if (over * 2 < mortal) continue;
      for (const std::uint32_t name : names) --found_[name];
      dropped_.push_back(table);
    }
  }

  Result<void> lay_out() {
    constexpr std::uint32_t kRun = DecodedEdges::kNodesPerRun;
    const std::uint32_t n = graph_.objects();
    std::uint64_t edges = more_.size();
    for (const EdgeRun& run : decoded_.runs) edges += run.targets.size();
    if (edges > 0xffffffffU) {
      return fail(ErrorCode::out_of_memory, "graph", "more than four thousand million references");
    }
    Csr& out = graph_.forward_;
    out.offsets.resize(std::size_t{n} + 1);
    out.targets.resize(edges);
    std::uint32_t at = 0;
    std::size_t extra = 0;
    for (std::size_t r = 0; r < decoded_.runs.size(); ++r) {
      EdgeRun& run = decoded_.runs[r];
      std::size_t from = 0;
      for (std::uint32_t i = 0; i < run.counts.size(); ++i) {
        const auto node = static_cast<std::uint32_t>(r * kRun + i);
        out.offsets[node] = at;
        const bool keep = !std::binary_search(dropped_.begin(), dropped_.end(), node);
        for (std::uint32_t k = 0; keep && k < run.counts[i]; ++k) {
          out.targets[at++] = run.targets[from + k];
        }
        from += run.counts[i];
        for (; extra < more_.size() && more_[extra].first == node; ++extra) {
          out.targets[at++] = more_[extra].second;
        }
      }
      run = {};
    }
    out.offsets[n] = at;
    out.targets.resize(at);
    graph_.immortal_ = Bits(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (decoded_.refcounts[i] != DecodedEdges::kImmortal) continue;
      graph_.immortal_.set(i);
      const census::RowId row = graph_.nodes_.row(NodeId{i});
      // Static ones have a root of their own.
      if (sources_.census.rows.allocator(row) != census::Allocator::static_object) {
        roots_.edges.add(roots_.immortal_root, i);
      }
    }
    decoded_.refcounts = {};
    decoded_.runs = {};
    auto reverse = transpose(out, job_);
    if (!reverse) return std::unexpected(reverse.error());
    graph_.reverse_ = std::move(*reverse);
    return {};
  }

  // From the roots, the most telling first; then what only C holds; then what nobody holds.
  Result<void> follow() {
    const std::uint32_t n = graph_.objects();
    Ways& ways = graph_.ways_ = Ways(n);
    job_.begin_step("finding what is alive", n);
    roots_.edges.finish();
    const auto search = [&](auto&& wanted) -> Result<void> {
      for (std::uint32_t r = 0; r < roots_.roots.size(); ++r) {
        if (wanted(roots_.roots[r].kind)) ways.start(n + r, roots_.edges.of(n + r));
      }
      return ways.search(graph_.forward_, job_);
    };
    const auto up_to = [&](RootKind first, RootKind last) {
      return search([&](RootKind kind) { return kind >= first && kind <= last; });
    };
    if (auto done = up_to(RootKind::modules, RootKind::modules); !done) return done;
    if (auto done = up_to(RootKind::frame, RootKind::interpreter); !done) return done;
    if (auto done = up_to(RootKind::static_object, RootKind::c_globals); !done) return done;
    if (auto done = up_to(RootKind::other_memory, RootKind::c_stack); !done) return done;

    graph_.unreachable_ = Bits(n);
    graph_.garbage_ = Bits(n);
    std::vector<std::uint32_t> lost;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (!ways.reached(i)) lost.push_back(i);
    }
    auto islands = find_components(graph_.forward_, lost, job_);
    if (!islands) return std::unexpected(islands.error());
    if (auto done = attach_orphans(lost, *islands); !done) return done;
    if (auto done = attach_c_references(); !done) return done;
    return attach_garbage(lost, *islands);
  }

  // Native blocks that no living thing refers to, and what they hold.
  Result<void> attach_orphans(const std::vector<std::uint32_t>& lost, const Components& islands) {
    std::vector<bool> native(islands.is_source.size(), true);
    for (std::size_t i = 0; i < lost.size(); ++i) {
      if (graph_.nodes_.is_object(NodeId{lost[i]})) native[islands.of[i]] = false;
    }
    std::vector<std::uint32_t> first;
    std::vector<bool> taken(islands.is_source.size(), false);
    for (std::size_t i = 0; i < lost.size(); ++i) {
      const std::uint32_t c = islands.of[i];
      if (!islands.is_source[c] || !native[c] || taken[c]) continue;
      taken[c] = true;
      first.push_back(lost[i]);
      roots_.edges.add(roots_.orphan_root, lost[i]);
    }
    graph_.ways_.start(roots_.orphan_root, first);
    if (auto done = graph_.ways_.search(graph_.forward_, job_); !done) return done;
    for (const std::uint32_t node : lost) {
      if (graph_.ways_.reached(node) && !graph_.nodes_.is_object(NodeId{node})) {
        graph_.unreachable_.set(node);
      }
    }
    return {};
  }

  Result<void> attach_c_references() {
    std::vector<std::uint32_t> held;
    for (const Unexplained& one : graph_.unexplained_) {
      const bool hidden = !graph_.ways_.reached(one.node);
      if (one.left == 0 && !hidden) continue;
      roots_.edges.add(roots_.reference_root, one.node);
      if (hidden) held.push_back(one.node);
    }
    graph_.ways_.start(roots_.reference_root, held);
    return graph_.ways_.search(graph_.forward_, job_);
  }

  Result<void> attach_garbage(const std::vector<std::uint32_t>& lost, const Components& islands) {
    std::vector<std::uint32_t> first;
    std::vector<bool> taken(islands.is_source.size(), false);
    std::vector<std::uint32_t> number(islands.is_source.size(), 0xffffffff);
    for (std::size_t i = 0; i < lost.size(); ++i) {
      if (graph_.ways_.reached(lost[i])) continue;
      const std::uint32_t c = islands.of[i];
      graph_.unreachable_.set(lost[i]);
      if (sources_.runtime != nullptr && graph_.nodes_.is_object(NodeId{lost[i]})) {
        if (number[c] == 0xffffffff) {
          number[c] = static_cast<std::uint32_t>(graph_.component_is_cycle_.size());
          graph_.component_is_cycle_.push_back(islands.is_cycle[c]);
        }
        graph_.garbage_.set(lost[i]);
        graph_.garbage_nodes_.push_back(lost[i]);
        graph_.garbage_components_.push_back(number[c]);
      }
      if (!islands.is_source[c] || taken[c]) continue;
      taken[c] = true;
      first.push_back(lost[i]);
      roots_.edges.add(roots_.unreachable_root, lost[i]);
    }
    graph_.ways_.start(roots_.unreachable_root, first);
    return graph_.ways_.search(graph_.forward_, job_);
  }

  void finish() {
    roots_.edges.finish();
    graph_.interned_tables_ = std::move(dropped_);
    graph_.roots_ = std::move(roots_.roots);
    graph_.root_edges_ = std::move(roots_.edges);
    graph_.held_by_root_ = Bits(graph_.size());
    const std::uint32_t n = graph_.objects();
    for (std::uint32_t r = 0; r < graph_.roots_.size(); ++r) {
      for (const std::uint32_t node : graph_.root_edges_.of(n + r)) graph_.held_by_root_.set(node);
    }
    graph_.weak_ = std::move(decoded_.weak);
    graph_.weak_back_.reserve(graph_.weak_.size());
    for (const auto& [holder, target] : graph_.weak_)
      graph_.weak_back_.emplace_back(target, holder);
    std::sort(graph_.weak_back_.begin(), graph_.weak_back_.end());
    for (std::uint32_t i = 0; i < n; ++i) graph_.total_weight_ += graph_.nodes_.weight(NodeId{i});
  }

  const Sources& sources_;
  JobControl& job_;
  Graph graph_;
  DecodedEdges decoded_;
  FoundRoots roots_;
  BigColumn<std::uint32_t> found_;
  std::vector<std::uint32_t> dropped_;
  std::vector<Edge> more_;  // conservative edges between nodes
};

Result<Graph> build(const Sources& sources, JobControl& job) {
  return GraphBuilder(sources, job).run();
}

Result<Dominators> find_dominators(const Graph& graph, JobControl& job) {
  return find_dominators(graph.forward(), graph.reverse(), graph.root_edges(),
                         graph.table().weights(), NodeTable::kUnit, job);
}

}  // namespace coreheap::graph
