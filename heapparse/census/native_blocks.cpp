#include "heapparse/census/native_blocks.h"

namespace coreheap::census {

Result<void> label_native_blocks(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                                 LabelTable&, JobControl&) {
  for (const auto& heap : sources.heaps) {
    for (const auto& tcache : heap.tcaches) {
      if (const RowId row = index.exact(tcache.address); row != RowId::none) {
        rows.relabel(row, label_of_kind(Kind::libc_tcache));
      }
    }
  }
  return {};
}

}  // namespace coreheap::census
