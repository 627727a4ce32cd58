// Cells are laid over the regions first; then rows are poured into them in address order.
#include "heapparse/usage/memory_map.h"

#include <algorithm>

namespace coreheap::usage {

namespace {

std::size_t cells_over(const std::vector<Region>& regions, std::uint64_t bytes) {
  std::size_t count = 0;
  Address last;
  for (const Region& region : regions) {
    Address begin = region.range.begin.aligned_down(bytes);
    if (count > 0 && begin <= last) begin = last + bytes;
    const Address end = (region.range.end - 1).aligned_down(bytes);
    if (end < begin) continue;
    count += (end - begin) / bytes + 1;
    last = end;
  }
  return count;
}

}  // namespace

std::vector<Region> allocator_regions(const pymalloc::PymallocHeap& pymalloc,
                                      const std::vector<glibc::MallocHeap>& heaps) {
  std::vector<Region> regions;
  for (const pymalloc::Arena& arena : pymalloc.arenas) {
    regions.push_back({arena.range, RegionKind::pymalloc, 0, 0});
  }
  for (std::size_t h = 0; h < heaps.size(); ++h) {
    const auto heap = static_cast<std::uint32_t>(h);
    for (const glibc::Segment& segment : heaps[h].segments) {
      regions.push_back({segment.range, RegionKind::glibc, segment.arena, heap});
    }
    for (const glibc::Chunk& chunk : heaps[h].chunks) {
      if (!chunk.mmapped) continue;
      regions.push_back(
          {{chunk.address, chunk.address + chunk.size}, RegionKind::glibc_mmap, chunk.arena, heap});
    }
  }
  std::sort(regions.begin(), regions.end(),
            [](const Region& a, const Region& b) { return a.range < b.range; });
  // Where one lies in another (arenas taken from malloc) the first keeps its bytes.
  Address end;
  for (Region& region : regions) {
    region.range.begin = std::max(region.range.begin, end);
    end = std::max(end, region.range.end);
  }
  std::erase_if(regions, [](const Region& r) { return r.range.empty(); });
  return regions;
}

std::uint64_t cell_bytes_for(const std::vector<Region>& regions, std::uint64_t page,
                             std::size_t most) {
  std::uint64_t bytes = page;
  while (bytes < (std::uint64_t{1} << 40) && cells_over(regions, bytes) > most) bytes *= 2;
  return bytes;
}

MemoryMap memory_map(const image::Image& image, const census::Census& census,
                     const std::vector<Region>& regions, std::uint64_t cell_bytes,
                     const Pinned* pinned, JobControl& job) {
  MemoryMap map;
  map.cell_bytes = cell_bytes;
  map.resident_known = image.residency.known;
  std::uint64_t of_kind = 0;  // bytes of the last cell that its kind stands for
  for (const Region& region : regions) {
    for (Address at = region.range.begin; at < region.range.end;) {
      const Address cell = at.aligned_down(cell_bytes);
      const AddressRange part{at, std::min(cell + cell_bytes, region.range.end)};
      if (map.cells.empty() || map.cells.back().begin != cell) {
        map.cells.push_back({});
        map.cells.back().begin = cell;
        of_kind = 0;
      }
      MapCell& last = map.cells.back();
      if (part.size() > of_kind) {
        last.kind = region.kind;
        of_kind = part.size();
      }
      last.mapped += part.size();
      last.resident += image.residency.known ? image.residency.bytes_in(part) : part.size();
      at = part.end;
    }
  }

  const auto addresses = census.rows.addresses();
  std::size_t cell = 0;
  std::uint64_t polled = 0;
  // Rows of the regions: cells are sorted as they are, so each is looked for from the last one on.
  for (const Region& region : regions) {
    if (job.cancelled()) break;
    // A chunk's extent begins in front of its address.
    auto row = static_cast<std::size_t>(
        std::lower_bound(addresses.begin(), addresses.end(), region.range.begin.value) -
        addresses.begin());
    for (; row < addresses.size(); ++row) {
      if ((++polled & 0xfffff) == 0 && job.cancelled()) break;
      const census::RowId id{static_cast<std::uint32_t>(row)};
      AddressRange extent = census.extent_of(id);
      if (extent.begin >= region.range.end) break;
      extent.begin = std::max(extent.begin, region.range.begin);
      extent.end = std::min(extent.end, region.range.end);
      const bool used = census.rows.state(id) == census::State::used;
      while (extent.begin < extent.end) {
        const Address begin = extent.begin.aligned_down(cell_bytes);
        while (cell < map.cells.size() && map.cells[cell].begin < begin) ++cell;
        if (cell == map.cells.size()) break;
        const Address end = std::min(begin + cell_bytes, extent.end);
        (used ? map.cells[cell].live : map.cells[cell].free) += end - extent.begin;
        extent.begin = end;
      }
    }
  }
  for (MapCell& c : map.cells) {
    const std::uint64_t rows = c.live + c.free;
    c.other = c.mapped > rows ? c.mapped - rows : 0;
  }
  if (pinned != nullptr) {
    for (const Pinner& pinner : pinned->largest) {
      const Address at = census.rows.address(pinner.row).aligned_down(cell_bytes);
      const auto found = std::lower_bound(map.cells.begin(), map.cells.end(), at,
                                          [](const MapCell& c, Address a) { return c.begin < a; });
      if (found != map.cells.end() && found->begin == at) found->pinner = true;
    }
  }
  return map;
}

}  // namespace coreheap::usage
