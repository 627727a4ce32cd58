// Texts that an evaluator makes live for one batch: a sink keeps what it wants of them.
#include "querylang/scan.h"

#include <algorithm>
#include <numeric>

#include "querylang/filter.h"

namespace coreheap::query {

std::size_t pieces_of(const Execution& execution, const Relation& relation) {
  return (relation.count(execution.heap) + kPiece - 1) / kPiece;
}

Result<void> scan(Execution& execution, const Relation& relation, const ScanSink& sink) {
  const std::size_t pieces = pieces_of(execution, relation);
  std::vector<Filter> filters;
  if (relation.pending) filters = source_filters(relation.source, execution.heap.census);
  std::vector<Filter> compiled =
      compile(relation.conditions, execution.worker(0), !relation.is_census());
  std::move(compiled.begin(), compiled.end(), std::back_inserter(filters));
  const std::size_t count = relation.count(execution.heap);
  for (unsigned i = 0; i < worker_count(pieces); ++i) execution.worker(i);
  std::vector<std::map<const Typed*, std::uint64_t>> nones(worker_count(pieces));
  execution.job.begin_step("selecting", count);
  auto done = parallel_for(pieces, execution.job, [&](std::size_t piece, unsigned index) {
    Evaluator evaluator(execution.worker(index), relation.table.get());
    evaluator.count_nones = true;
    std::vector<std::uint32_t> rows;
    const std::size_t end = std::min(count, (piece + 1) * kPiece);
    for (std::size_t at = piece * kPiece; at < end; at += kBatch) {
      const std::size_t n = std::min(kBatch, end - at);
      rows.resize(n);
      if (relation.pending) {
        std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(at));
      } else {
        std::copy_n(relation.rows.begin() + static_cast<std::ptrdiff_t>(at), n, rows.begin());
      }
      for (const Filter& filter : filters) {
        if (rows.empty()) break;
        filter.apply(evaluator, rows);
      }
      if (!rows.empty()) sink(piece, index, evaluator, rows);
      execution.worker(index).texts.clear();
      if (execution.job.cancelled()) return;
    }
    execution.job.advance(end - piece * kPiece);
    for (const auto& [e, n] : evaluator.nones) nones[index][e] += n;
  });
  if (!done) return done;
  for (const auto& one : nones) {
    for (const auto& [e, n] : one) execution.nones[e] += n;
  }
  if (execution.job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
  return {};
}

Result<void> settle(Execution& execution, Relation& relation) {
  if (!relation.pending && relation.conditions.empty()) return {};
  const std::size_t pieces = pieces_of(execution, relation);
  std::vector<std::vector<std::uint32_t>> kept(pieces);
  auto done = scan(execution, relation,
                   [&](std::size_t piece, unsigned, Evaluator&, std::vector<std::uint32_t>& rows) {
                     kept[piece].insert(kept[piece].end(), rows.begin(), rows.end());
                   });
  if (!done) return done;
  std::size_t total = 0;
  for (const auto& one : kept) total += one.size();
  std::vector<std::uint32_t> all;
  all.reserve(total);
  for (auto& one : kept) {
    all.insert(all.end(), one.begin(), one.end());
    one = {};
  }
  // What was left out of a table of groups was counted in its bytes.
  if (!relation.is_census() && all.size() != relation.rows.size()) relation.bytes.reset();
  relation.rows = std::move(all);
  relation.pending = false;
  relation.conditions.clear();
  return {};
}

}  // namespace coreheap::query
