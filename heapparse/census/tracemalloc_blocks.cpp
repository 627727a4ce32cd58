// Rows that the tables point to. Nothing else can be a block of theirs, but a row that was named
// already keeps its name.
#include "heapparse/census/tracemalloc_blocks.h"

#include "heapparse/census/labels.h"

namespace coreheap::census {

void label_tracemalloc_blocks(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                              JobControl& job) {
  if (sources.runtime == nullptr || sources.tracemalloc == nullptr) return;
  if (sources.tracemalloc->tables.empty()) return;
  job.begin_step("naming blocks of tracemalloc", 0);
  // Debug hooks put their bytes in front of what CPython's raw allocator hands out.
  constexpr std::uint64_t kHooks = 16;
  const bool hooked = sources.runtime->debug_prefix_bytes != 0;
  const LabelId label = label_of_kind(Kind::tracemalloc_data);
  python::visit_tracemalloc_blocks(
      sources.image, *sources.runtime, *sources.tracemalloc, [&](Address a) {
        RowId row = index.exact(a);
        if (row == RowId::none && hooked) row = index.exact(a - kHooks);
        if (row == RowId::none || rows.rows().state(row) != State::used) return;
        if (rows.rows().label(row) != label_of_kind(Kind::uncategorized)) return;
        rows.relabel(row, label);
      });
}

}  // namespace coreheap::census
