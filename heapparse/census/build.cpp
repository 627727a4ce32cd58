// The chain: plan, fill, index, claims, free lists, native blocks, ranges. Each step reads what the
// ones before it left and nothing later.
#include "heapparse/census/build.h"

#include <algorithm>

#include "heapparse/census/claims.h"
#include "heapparse/census/dead_heads.h"
#include "heapparse/census/fill.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/native_blocks.h"
#include "heapparse/census/object_details.h"
#include "heapparse/census/plan.h"
#include "heapparse/census/ranges.h"
#include "heapparse/census/row_index.h"
#include "heapparse/census/rows_builder.h"
#include "heapparse/census/stale_heads.h"
#include "heapparse/census/tracemalloc_blocks.h"
#include "heapparse/python/type_names.h"

namespace coreheap::census {
namespace {

std::vector<AddressRange> regions_of(const Plan& plan) {
  std::vector<AddressRange> out;
  for (const Piece& piece : plan.pieces) {
    if (piece.row_count == 0) continue;
    // Pieces that share a page become one region.
    if (!out.empty() && piece.range.begin.aligned_down(4096) < out.back().end.aligned_up(4096)) {
      out.back().end = std::max(out.back().end, piece.range.end);
    } else {
      out.push_back(piece.range);
    }
  }
  return out;
}

void count_coverage(const Sources& sources, Census& census) {
  Coverage& c = census.coverage;
  const auto add_region = [&](AddressRange range) {
    c.allocator_bytes += range.size();
    Address at = range.begin;
    while (at < range.end) {
      const auto bytes = sources.image.space.bytes_up_to(at, range.end - at);
      if (!bytes.empty()) {
        at += bytes.size();
        continue;
      }
      const Address next = sources.image.space.next_present(at, range.end);
      c.unreadable_bytes += next - at;
      at = next;
    }
  };
  for (const auto& arena : sources.pymalloc.arenas) add_region(arena.range);
  for (const auto& heap : sources.heaps) {
    for (const auto& segment : heap.segments) add_region(segment.range);
    for (const auto& chunk : heap.chunks) {
      if (chunk.mmapped) add_region({chunk.address, chunk.address + chunk.size});
    }
  }
  const Rows& rows = census.rows;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const RowId r{i};
    const Kind kind = census.label_of(r).kind;
    if (kind == Kind::glibc_unknown || kind == Kind::pymalloc_damaged)
      c.damaged_bytes += rows.size(r);
    // Of another allocator's blocks nothing is covered: they are no part of the sum.
    if (kind == Kind::uncategorized && rows.state(r) == State::used &&
        rows.allocator(r) != Allocator::other) {
      c.uncategorized_bytes += rows.size(r);
      ++c.uncategorized_count;
    }
  }
}

}  // namespace

Result<Census> build(const Sources& sources, JobControl& job) {
  auto plan = make_plan(sources, job);
  if (!plan) return std::unexpected(plan.error());

  Census census;
  for (const auto& heap : sources.heaps) {
    census.mmapped_end_clipped = heap.layout.mmapped_overhead > 8;
  }
  RowsBuilder rows;
  rows.resize(plan->row_count);
  LabelTable labels;
  std::vector<RowId> doubtful;
  OldStyleClasses classes(sources.types != nullptr ? sources.types->all().size() : 0);
  if (auto done = fill_rows(sources, *plan, rows, labels, classes, doubtful, job); !done) {
    return std::unexpected(done.error());
  }
  const auto regions = regions_of(*plan);
  const RowIndex index(rows.rows().addresses(), regions);
  mark_free_lists(sources, index, rows, labels);
  settle_dead_heads(sources, rows, labels);
  if (auto done = settle_stale_heads(sources, rows, doubtful, job); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = claim_buffers(sources, index, rows, doubtful, job); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = label_object_details(sources, index, rows, labels, job); !done) {
    return std::unexpected(done.error());
  }
  label_tracemalloc_blocks(sources, index, rows, job);
  if (auto done = label_native_blocks(sources, index, rows, labels, job); !done) {
    return std::unexpected(done.error());
  }
  census.rows = rows.finish();
  census.labels = labels.take();
  if (sources.types != nullptr) {
    census.types.reserve(sources.types->all().size());
    for (const auto& t : sources.types->all()) {
      census.types.push_back({t.address, t.name, t.is_static, t.name_from_heap});
    }
    python::ObjectReader reader(sources.image.space, *sources.runtime->layout);
    for (const Address c : classes.classes()) {
      census.types.push_back({c, python::class_name(reader, c), false, false});
    }
  }
  job.begin_step("labelling what is left", 0);
  census.ranges = make_ranges(sources, census);
  count_coverage(sources, census);
  return census;
}

}  // namespace coreheap::census
