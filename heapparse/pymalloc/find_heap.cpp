// The order of the search: pools by shape, arena arrays by the pools, arenas from the arrays. Which
// of the geometries is the process's own is decided last, by how many pools lie in the arena they
// name.
//
// Symbols of libpython (arenas, usedpools, obmalloc_state_main) are looked up for one purpose: to
// say in the evidence that they agree. Nothing is found by them, and nothing changes without them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "heapparse/pymalloc/arena_arrays.h"
#include "heapparse/pymalloc/heap_builder.h"
#include "heapparse/pymalloc/pool_scan.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::pymalloc {
namespace {

std::string confirmation(const image::Symbols& symbols, std::string_view name, Address found) {
  const auto all = symbols.find(name);
  if (all.empty()) return {};
  const bool same =
      std::ranges::any_of(all, [&](const image::Symbol& s) { return s.address == found; });
  return fmt::format("; symbol {} {}", name, same ? "says the same" : "is elsewhere");
}

std::string place_of(const image::Image& image, Address a) {
  const image::Module* module = image.module_at(a);
  if (module != nullptr) {
    const auto slash = module->path.rfind('/');
    return slash == std::string::npos ? module->path : module->path.substr(slash + 1);
  }
  const image::Mapping* mapping = image.mapping_at(a);
  if (mapping == nullptr) return "nowhere";
  return mapping->name.empty() ? "anonymous memory" : mapping->name;
}

void tell_pools(const PymallocHeap& heap, const PoolScan& scan, std::uint64_t refused,
                std::vector<Evidence>& evidence) {
  std::uint64_t carved = 0;
  for (const Arena& arena : heap.arenas) carved += arena.pools_carved;
  std::string how = fmt::format(
      "{} pools by the shape of their headers in {} MiB of anonymous memory: {} bytes each, "
      "blocks aligned to {}",
      carved, scan.scanned_bytes >> 20, heap.geometry.pool_bytes, heap.geometry.alignment);
  if (refused > 0) how += fmt::format("; {} patterns outside arenas refused", refused);
  for (const Candidates& other : scan.by_shape) {
    const bool own = other.shape.pool_bytes == heap.geometry.pool_bytes &&
                     other.shape.alignment == heap.geometry.alignment;
    if (own || other.pools.empty()) continue;
    how += fmt::format("; {} patterns of {}-byte pools aligned to {} refused", other.pools.size(),
                       other.shape.pool_bytes, other.shape.alignment);
  }
  evidence.push_back({"pymalloc pools", std::move(how), Evidence::Strength::certain});
}

void tell_arenas(const image::Image& image, const image::Symbols& symbols, const PymallocHeap& heap,
                 const ArenaSearch& search, std::uint64_t deduced,
                 std::vector<Evidence>& evidence) {
  for (const ArenaArray& array : search.arrays) {
    if (std::ranges::find(heap.arena_arrays, array.address) == heap.arena_arrays.end()) continue;
    std::string how = fmt::format(
        "arena_object array at {:#x}, pointer at {:#x} in {}: {} arenas, {} pools lie in the "
        "arena that they name",
        array.address.value, array.anchor.value, place_of(image, array.anchor), array.arenas.size(),
        array.closing);
    if (array.used_pools) how += fmt::format("; usedpools at {:#x}", array.used_pools.value);
    how += confirmation(symbols, "arenas", array.anchor);
    if (array.used_pools) {
      how += confirmation(symbols, "usedpools", array.used_pools);
      how += confirmation(symbols, "obmalloc_state_main", array.used_pools);
    }
    evidence.push_back({"pymalloc arenas", std::move(how), Evidence::Strength::certain});
  }
  if (deduced > 0) {
    evidence.push_back({"pymalloc arenas",
                        fmt::format("{} arenas of {} bytes deduced from where pools lie", deduced,
                                    heap.geometry.arena_bytes),
                        Evidence::Strength::probable});
  }
}

std::uint64_t pools_side_by_side(const Candidates& candidates) {
  std::uint64_t count = 0;
  for (const PoolRun& run : runs_of(candidates.pools, candidates.shape.pool_bytes)) {
    if (run.adjacent >= kTrustedRun) count += run.count;
  }
  return count;
}

}  // namespace

Result<PymallocHeap> find_heap(const image::Image& image, const image::Symbols& symbols,
                               JobControl& job) {
  auto scan = scan_for_pools(image, job);
  if (!scan) return std::unexpected(scan.error());

  std::array<ArenaSearch, kShapeCount> searches;
  std::size_t best = 0;
  std::array<std::array<std::uint64_t, 3>, kShapeCount> merits{};
  for (std::size_t s = 0; s < kShapeCount; ++s) {
    const Candidates& candidates = scan->by_shape[s];
    auto search = find_arena_arrays(image, candidates, job);
    if (!search) return std::unexpected(search.error());
    merits[s] = {search->closing, pools_side_by_side(candidates), candidates.pools.size()};
    searches[s] = *std::move(search);
    if (merits[s] > merits[best]) best = s;
  }
  const Candidates& candidates = scan->by_shape[best];
  const ArenaSearch& search = searches[best];
  if (candidates.pools.empty()) {
    PymallocHeap none;
    none.evidence.push_back({"pymalloc",
                             fmt::format("no pool in {} MiB of anonymous memory: another "
                                         "allocator is in use, or no Python",
                                         scan->scanned_bytes >> 20),
                             Evidence::Strength::certain});
    return none;
  }

  HeapBuilder builder(image, candidates, search);
  auto heap = builder.build(job);
  if (!heap) return heap;
  for (std::size_t s = 0; s < kShapeCount; ++s) {
    if (s == best || merits[s][0] == 0) continue;
    heap->findings.push_back(
        {scan->by_shape[s].pools.front().address, "a second heap of another geometry",
         fmt::format("{} pools of {} bytes, blocks aligned to {}, are not walked", merits[s][0],
                     kShapes[s].pool_bytes, kShapes[s].alignment),
         Severity::warning});
  }
  tell_pools(*heap, *scan, builder.refused_pools(), heap->evidence);
  tell_arenas(image, symbols, *heap, search, builder.deduced_arenas(), heap->evidence);
  return heap;
}

}  // namespace coreheap::pymalloc
