// Tables of `rss`: the sums by cause, by mapping and by arena, and what stands beside them.
#pragma once

#include <string>
#include <vector>

#include "commands/report.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/usage/free_memory.h"
#include "heapparse/usage/waterfall.h"

namespace coreheap::commands {

// A line a cause. `written`: the lower bound where residency is lost, else null.
std::vector<Column> rss_columns();
Table rss_table(const usage::Waterfall& waterfall, const usage::Waterfall* written);

// A line a mapping; its causes are columns. Addresses, names and sums; in text the largest cause.
Table rss_mapping_table(const image::Image& image, const usage::WaterfallByMapping& by_mapping);

// A line an arena of glibc (main first) and one for pymalloc's arenas in one.
Table rss_arena_table(const std::vector<glibc::MallocHeap>& heaps, const usage::FreeMemory& memory);

// Figures outside of the sum: VmRSS, PSS, private and shared, swap, page tables, huge pages.
KeyValues rss_memo(const image::Image& image, const usage::Waterfall& waterfall);

// "the sum equals ..." or why there is no such sum, in a sentence or two.
std::string rss_sum_text(const usage::Waterfall& waterfall, const usage::Waterfall* written);

}  // namespace coreheap::commands
