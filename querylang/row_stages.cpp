// A sort of which only the first rows are wanted goes chunk by chunk, so that values of all rows
// are never there at once.
#include "querylang/row_stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "querylang/graph_stages.h"
#include "querylang/group.h"
#include "querylang/scan.h"

namespace coreheap::query {

namespace {

constexpr std::uint64_t kSeed = 1;
// Rows of which only the first are wanted are sorted as they come; more than so many are not worth
// it.
constexpr std::uint64_t kMostKept = 1 << 16;

// Values of all keys, on every core. Their texts stay in the workers.
Result<std::vector<std::vector<Value>>> sort_values(Execution& execution, const Relation& relation,
                                                    std::span<const std::uint32_t> rows,
                                                    const std::vector<SortKey>& keys) {
  std::vector<std::vector<Value>> values(keys.size());
  for (auto& column : values) column.resize(rows.size());
  const std::size_t pieces = (rows.size() + kPiece - 1) / kPiece;
  for (unsigned i = 0; i < worker_count(pieces); ++i) execution.worker(i);
  auto done = parallel_for(pieces, execution.job, [&](std::size_t piece, unsigned index) {
    Evaluator evaluator(execution.worker(index), relation.table.get());
    const std::size_t end = std::min(rows.size(), (piece + 1) * kPiece);
    for (std::size_t at = piece * kPiece; at < end && !execution.job.cancelled(); at += kBatch) {
      const std::size_t n = std::min(kBatch, end - at);
      for (std::size_t k = 0; k < keys.size(); ++k) {
        evaluator.eval(keys[k].value, rows.subspan(at, n), std::span(values[k]).subspan(at, n));
      }
    }
  });
  if (!done) return std::unexpected(done.error());
  if (execution.job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
  return values;
}

}  // namespace

Result<void> group(Execution& execution, Relation& relation, const GroupPlan& plan) {
  const std::size_t pieces = pieces_of(execution, relation);
  std::shared_ptr<TableData> table;
  std::uint64_t bytes = 0;
  const bool sized = relation.is_census();
  const auto sizes = execution.heap.census.rows.sizes();
  if (sized && DenseGroups::fits(plan)) {
    std::vector<DenseGroups> groups(worker_count(std::max<std::size_t>(pieces, 1)),
                                    DenseGroups(plan, execution.heap, *execution.derived));
    std::vector<std::uint64_t> sums(groups.size() * 8, 0);
    auto done = scan(execution, relation,
                     [&](std::size_t, unsigned index, Evaluator&, std::vector<std::uint32_t>& ids) {
                       groups[index].add(ids);
                       for (const std::uint32_t id : ids) sums[index * 8] += sizes[id];
                     });
    if (!done) return done;
    for (std::size_t i = 1; i < groups.size(); ++i) groups[0].merge(groups[i]);
    for (std::size_t i = 0; i < groups.size(); ++i) bytes += sums[i * 8];
    table = groups[0].table(execution.worker(0));
  } else {
    std::vector<Groups> groups;
    for (std::size_t i = 0; i < std::max<std::size_t>(pieces, 1); ++i) groups.emplace_back(plan);
    std::vector<std::uint64_t> sums(groups.size(), 0);
    auto done = scan(
        execution, relation,
        [&](std::size_t piece, unsigned, Evaluator& evaluator, std::vector<std::uint32_t>& ids) {
          groups[piece].add(evaluator, ids);
          if (!sized) return;
          for (const std::uint32_t id : ids) sums[piece] += sizes[id];
        });
    if (!done) return done;
    for (std::size_t i = 1; i < groups.size(); ++i) {
      groups[0].merge(std::move(groups[i]));
      if (execution.job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
    }
    for (const std::uint64_t sum : sums) bytes += sum;
    execution.job.begin_step("retained sizes of groups", 0);
    auto finished = groups[0].table([&](const RowSet& set) -> Result<std::uint64_t> {
      if (execution.job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
      return retained_bytes(set, *execution.derived, execution.job);
    });
    if (!finished) return std::unexpected(finished.error());
    table = std::move(*finished);
    if (groups[0].rows_cut() != 0) {
      execution.notes.push_back(
          fmt::format("{} rows of further groups are left out: there are more than {}",
                      groups[0].rows_cut(), kMaxGroups));
    }
  }
  relation = relation_of(std::move(table));
  if (sized) relation.bytes = bytes;
  return {};
}

Result<void> sort(Execution& execution, Relation& relation, const std::vector<SortKey>& keys,
                  std::uint64_t wanted) {
  if (auto done = settle(execution, relation); !done) return done;
  execution.job.begin_step("sorting", relation.rows.size());
  const bool few = wanted <= kMostKept && wanted < relation.rows.size() / 4;
  const std::size_t chunk =
      few ? std::max<std::size_t>(kPiece * 4, wanted * 2) : relation.rows.size();
  // Of each chunk the best go on into the next one: their order among equals is that of the rows.
  std::vector<std::uint32_t> best;
  std::size_t at = 0;
  do {
    std::vector<std::uint32_t> rows;
    rows.swap(best);
    const std::size_t n = std::min(chunk, relation.rows.size() - at);
    rows.insert(rows.end(), relation.rows.begin() + static_cast<std::ptrdiff_t>(at),
                relation.rows.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
    auto values = sort_values(execution, relation, rows, keys);
    if (!values) return std::unexpected(values.error());
    std::vector<std::uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
      for (std::size_t k = 0; k < keys.size(); ++k) {
        const Value& x = (*values)[k][a];
        const Value& y = (*values)[k][b];
        if (const int way = sort_order(x, y, keys[k].descending); way != 0) return way < 0;
      }
      return a < b;
    };
    const auto end = order.begin() +
                     static_cast<std::ptrdiff_t>(few ? std::min<std::size_t>(wanted, order.size())
                                                     : order.size());
    if (few) {
      std::partial_sort(order.begin(), end, order.end(), before);
    } else {
      std::sort(order.begin(), order.end(), before);
    }
    for (auto it = order.begin(); it != end; ++it) best.push_back(rows[*it]);
    for (const auto& one : execution.workers) one->texts.clear();
    execution.job.advance(n);
    if (execution.job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
  } while (at < relation.rows.size());
  if (few) relation.matched = relation.rows.size();
  relation.rows = std::move(best);
  return {};
}

Result<void> sample(Execution& execution, Relation& relation, std::uint64_t wanted) {
  if (auto done = settle(execution, relation); !done) return done;
  execution.notes.push_back(fmt::format("sampled with seed {}", kSeed));
  if (relation.rows.size() <= wanted) return {};
  const auto chance = [](std::uint32_t row) {
    std::uint64_t x = (row + kSeed) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  };
  std::vector<std::uint32_t> order(relation.rows.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::nth_element(order.begin(), end, order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return chance(relation.rows[a]) < chance(relation.rows[b]);
  });
  order.erase(end, order.end());
  std::sort(order.begin(), order.end());
  std::vector<std::uint32_t> picked;
  picked.reserve(order.size());
  for (const std::uint32_t i : order) picked.push_back(relation.rows[i]);
  relation.matched = relation.matched.value_or(relation.rows.size());
  relation.rows = std::move(picked);
  return {};
}

}  // namespace coreheap::query
