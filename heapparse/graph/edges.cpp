#include "heapparse/graph/edges.h"

#include <algorithm>
#include <mutex>

#include "heapparse/python/references.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/weakref.h"

namespace coreheap::graph {
namespace {

// A table of fewer names is nobody's but the user's.
constexpr std::size_t kFewestInterned = 200;

class RunDecoder {
 public:
  RunDecoder(const Sources& sources, const NodeTable& nodes, const std::vector<bool>& is_weak,
             BigColumn<std::uint32_t>& refcounts)
      : sources_(sources),
        nodes_(nodes),
        is_weak_(is_weak),
        refcounts_(refcounts),
        decoder_(sources.image.space, *sources.runtime, *sources.types) {}

  void decode(EdgeRun& run, std::uint32_t begin, std::uint32_t end) {
    run.counts.reserve(end - begin);
    run.targets.reserve((end - begin) * 2);
    for (std::uint32_t i = begin; i < end; ++i) {
      const std::size_t before = run.targets.size();
      refcounts_[i] = DecodedEdges::kNoCount;
      if (nodes_.is_object(NodeId{i})) object(run, i);
      run.counts.push_back(static_cast<std::uint32_t>(run.targets.size() - before));
    }
    run.targets.shrink_to_fit();
  }

  std::vector<Edge> guesses;
  std::vector<Edge> weak;
  std::vector<std::uint32_t> uncounted;
  std::vector<std::uint32_t> interned_tables;
  std::uint64_t dangling = 0;

 private:
  void object(EdgeRun& run, std::uint32_t node) {
    const Address address = nodes_.address(NodeId{node});
    const auto header = decoder_.reader().header(address);
    if (!header) return;
    const auto count = header->refcount;
    // What lies in a file's data is never freed, whatever its refcount says.
    const census::RowId row = nodes_.row(NodeId{node});
    const bool is_static = sources_.census.rows.allocator(row) == census::Allocator::static_object;
    refcounts_[node] =
        count.immortal || is_static
            ? DecodedEdges::kImmortal
            : static_cast<std::uint32_t>(std::min<std::int64_t>(
                  std::max<std::int64_t>(count.count, 0), DecodedEdges::kNoCount - 1));
    // Old-style instances have types of their own in the census, behind those of the table.
    const std::uint32_t type = census::index_of(sources_.census.rows.type(row));
    python::Object object{address, nullptr};
    if (type < decoder_.types().all().size()) {
      object.type = &decoder_.types()[type];
    } else if (const auto found = decoder_.object(address)) {
      object = *found;
    } else {
      return;
    }
    const std::size_t first = run.targets.size();
    python::for_each_reference(decoder_, object, [&](const python::Reference& reference) {
      const NodeId target = nodes_.find(reference.target, hint_);
      if (target == NodeId::none) {
        // A static object that was never readied has anything in its fields.
        if (!is_static) ++dangling;
      } else if (reference.guess) {
        guesses.emplace_back(node, index_of(target));
      } else {
        run.targets.push_back(index_of(target));
        if (!reference.counted) uncounted.push_back(index_of(target));
      }
    });
    if (type < is_weak_.size() && is_weak_[type]) {
      const auto referent = python::weak_referent(decoder_, address);
      const NodeId target = referent ? nodes_.find(*referent, hint_) : NodeId::none;
      if (target != NodeId::none) weak.emplace_back(node, index_of(target));
    }
    if (object.type->shape == python::Shape::dict &&
        is_interned_table(std::span(run.targets).subspan(first))) {
      interned_tables.push_back(node);
    }
  }

  bool is_interned_table(std::span<const std::uint32_t> targets) {
    if (targets.size() < 2 * kFewestInterned) return false;
    std::size_t pairs = 0;
    std::uint32_t last = 0;
    // A deleted entry may keep a key that stands for nothing.
    for (std::size_t i = 0; i + 1 < targets.size(); ++i) {
      if (targets[i] != targets[i + 1]) continue;
      last = targets[i++];
      ++pairs;
    }
    if (pairs < kFewestInterned || pairs * 2 < targets.size() - targets.size() / 8) return false;
    const auto key = decoder_.object(nodes_.address(NodeId{last}));
    if (!key) return false;
    // 2.7's byte strings say it elsewhere.
    if (key->type->shape == python::Shape::bytes) return true;
    const auto name = python::view_str(decoder_.reader(), key->address);
    return name && name->interned != 0;
  }

  const Sources& sources_;
  const NodeTable& nodes_;
  const std::vector<bool>& is_weak_;
  BigColumn<std::uint32_t>& refcounts_;
  python::Decoder decoder_;
  NodeTable::Hint hint_;
};

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
  from = {};
}

}  // namespace

Result<DecodedEdges> decode_edges(const Sources& sources, const NodeTable& nodes, JobControl& job) {
  DecodedEdges out;
  constexpr std::uint32_t kRun = DecodedEdges::kNodesPerRun;
  const std::uint32_t n = nodes.size();
  const std::size_t runs = (std::size_t{n} + kRun - 1) / kRun;
  out.runs.resize(runs);
  out.refcounts.resize(n);
  if (sources.runtime == nullptr || sources.types == nullptr) {
    std::fill(out.refcounts.begin(), out.refcounts.end(), DecodedEdges::kNoCount);
    for (std::size_t r = 0; r < runs; ++r) {
      out.runs[r].counts.assign(std::min<std::size_t>(kRun, n - r * kRun), 0);
    }
    return out;
  }
  std::vector<bool> is_weak;
  is_weak.reserve(sources.types->all().size());
  for (const auto& type : sources.types->all()) {
    is_weak.push_back(python::is_weak_reference(type));
  }
  job.begin_step("following references", n);
  // A decoder a run: making one costs nothing, and runs are taken in any order.
  std::mutex mutex;
  auto done = parallel_for(runs, job, [&](std::size_t r, unsigned) {
    RunDecoder decoder(sources, nodes, is_weak, out.refcounts);
    const auto begin = static_cast<std::uint32_t>(r * kRun);
    const std::uint32_t end = begin + std::min(kRun, n - begin);
    decoder.decode(out.runs[r], begin, end);
    job.advance(end - begin);
    const std::lock_guard lock(mutex);
    append(out.guesses, decoder.guesses);
    append(out.weak, decoder.weak);
    append(out.uncounted, decoder.uncounted);
    append(out.interned_tables, decoder.interned_tables);
    out.dangling += decoder.dangling;
  });
  if (!done) return std::unexpected(done.error());
  std::sort(out.guesses.begin(), out.guesses.end());
  std::sort(out.weak.begin(), out.weak.end());
  std::sort(out.interned_tables.begin(), out.interned_tables.end());
  return out;
}

}  // namespace coreheap::graph
