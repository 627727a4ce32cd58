// Arenas by number, bins by name.
#include "commands/glibc_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace coreheap::commands {

std::vector<NumberedArena> numbered_arenas(const std::vector<glibc::MallocHeap>& heaps) {
  std::vector<NumberedArena> arenas;
  std::size_t count = 0;
  for (const glibc::MallocHeap& heap : heaps) count += heap.arenas.size();
  arenas.reserve(count);
  for (const glibc::MallocHeap& heap : heaps) {
    for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
      arenas.push_back({arenas.size(), &heap, static_cast<std::uint16_t>(i)});
    }
  }
  return arenas;
}

Result<const std::vector<glibc::MallocHeap>*> glibc_heaps(Context& context, Target& target) {
  auto heaps = target.heaps(context.job);
  if (heaps && (*heaps)->empty()) {
    return fail(ErrorCode::no_allocator, target.image().source, "no glibc malloc was found",
                context.session.prefix + "info");
  }
  return heaps;
}

std::string bin_name(std::uint32_t bin) {
  if (bin == 1) return "unsorted";
  if (bin < 64) return fmt::format("small {}", bin);
  return fmt::format("large {}", bin);
}

std::vector<BinLine> bins_of(const NumberedArena& arena) {
  std::vector<BinLine> lines;
  // Chunks in a tcache belong to the arena they were carved from, whichever thread keeps them.
  std::map<std::uint64_t, std::uint64_t> cached;
  for (const glibc::Chunk& chunk : arena.heap->chunks) {
    if (chunk.arena != arena.index) continue;
    if (chunk.state == glibc::ChunkState::tcache ||
        chunk.state == glibc::ChunkState::tcache_orphan) {
      ++cached[chunk.size];
    }
  }
  for (const auto& [size, count] : cached) {
    lines.push_back({fmt::format("tcache {}", size), "tcache", size >= 32 ? (size - 32) / 16 : 0,
                     count, count * size, size, size});
  }
  const auto& fast = arena.arena().fastbin_counts;
  for (std::size_t k = 0; k < fast.size(); ++k) {
    if (fast[k] == 0) continue;
    const std::uint64_t size = 32 + 16 * k;
    lines.push_back(
        {fmt::format("fastbin {}", k), "fastbin", k, fast[k], fast[k] * size, size, size});
  }
  for (const glibc::BinStats& bin : arena.arena().bins) {
    const std::string family = bin.bin == 1 ? "unsorted" : bin.bin < 64 ? "small" : "large";
    lines.push_back(
        {bin_name(bin.bin), family, bin.bin, bin.count, bin.bytes, bin.min_size, bin.max_size});
  }
  return lines;
}

}  // namespace coreheap::commands
