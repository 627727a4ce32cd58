// Runs of free chunks first, then the pages that the call would take out of each.
#include "heapparse/usage/malloc_trim.h"

#include <algorithm>

namespace coreheap::usage {

namespace {

using glibc::ChunkState;

constexpr std::uint64_t kLinks = 48;     // sizeof(struct malloc_chunk): header and four links
constexpr std::uint64_t kMinChunk = 32;  // MINSIZE

// Is the end of the main arena's top the end of brk? Else sbrk has been used by somebody behind it,
// or the top lies in a region from mmap, and brk stays.
bool ends_at_brk(const image::Image& image, const glibc::Arena& main, Address top_end) {
  const image::Mapping* mapping = image.mapping_at(main.top);
  if (mapping == nullptr || top_end.aligned_up(image.page_size) != mapping->range.end) return false;
  if (mapping->name == "[heap]") return true;
  return mapping->name.empty() && !main.non_contiguous;  // cores do not name it
}

AddressRange pages_of_bin_chunk(AddressRange chunk, std::uint64_t page) {
  if (chunk.size() <= page - 1 + kLinks) return {};
  return {(chunk.begin + kLinks).aligned_up(page), chunk.end.aligned_down(page)};
}

// What sbrk(-n) unmaps: brk goes down by whole pages (or huge ones), the kernel keeps the page that
// the new end lies in.
AddressRange pages_of_top(AddressRange top, std::uint64_t unit, std::uint64_t page) {
  if (top.size() <= kMinChunk + 1) return {};
  const std::uint64_t released = (top.size() - kMinChunk - 1) / unit * unit;
  if (released == 0) return {};
  return {(top.end - released).aligned_up(page), top.end.aligned_up(page)};
}

}  // namespace

std::vector<FreeRun> free_runs(const glibc::MallocHeap& heap) {
  std::vector<FreeRun> runs;
  for (const glibc::Chunk& chunk : heap.chunks) {
    const bool is_top =
        chunk.state == ChunkState::top && heap.arenas[chunk.arena].top == chunk.address;
    const bool free =
        chunk.state == ChunkState::bin || chunk.state == ChunkState::fastbin || is_top;
    if (!free || chunk.mmapped) continue;
    const Address end = chunk.address + chunk.size;
    if (!runs.empty() && runs.back().range.end == chunk.address &&
        runs.back().arena == chunk.arena && !runs.back().top) {
      runs.back().range.end = end;
      runs.back().top = is_top;
    } else {
      runs.push_back({{chunk.address, end}, chunk.arena, is_top});
    }
  }
  return runs;
}

std::uint64_t TrimPrediction::bytes_in(AddressRange range,
                                       const image::Residency& residency) const {
  auto at =
      std::lower_bound(ranges.begin(), ranges.end(), range.begin,
                       [](const TrimmedRange& r, Address begin) { return r.pages.end <= begin; });
  std::uint64_t sum = 0;
  for (; at != ranges.end() && at->pages.begin < range.end; ++at) {
    const AddressRange part{std::max(at->pages.begin, range.begin),
                            std::min(at->pages.end, range.end)};
    sum += residency.known ? residency.bytes_in(part) : part.size();
  }
  return sum;
}

TrimPrediction predict_trim(const image::Image& image, const glibc::MallocHeap& heap) {
  TrimPrediction prediction;
  const std::uint64_t page = image.page_size;
  const std::uint64_t huge = heap.parameters.thp_page_size;
  const std::uint64_t unit = huge > page && huge % page == 0 ? huge : page;
  for (const FreeRun& run : free_runs(heap)) {
    AddressRange pages;
    if (!run.top) {
      pages = pages_of_bin_chunk(run.range, page);
    } else if (heap.arenas[run.arena].is_main &&
               ends_at_brk(image, heap.arenas[run.arena], run.range.end)) {
      pages = pages_of_top(run.range, unit, page);
    }
    if (pages.empty()) continue;
    const std::uint64_t resident = image.residency.bytes_in(pages);
    prediction.ranges.push_back({pages, run.arena, run.top, resident});
    prediction.bytes += pages.size();
    prediction.resident += resident;
  }
  return prediction;
}

}  // namespace coreheap::usage
