// Facts about a place in memory, from the block out to the mapping; see show_place.h.
#include "commands/show_place.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"

namespace coreheap::commands {

namespace {

std::string permissions(const image::Mapping& m) {
  return fmt::format("{}{}{}{}", m.readable ? 'r' : '-', m.writable ? 'w' : '-',
                     m.executable ? 'x' : '-', m.shared ? 's' : 'p');
}

std::string at_offset(Address a, Address begin) {
  return a == begin ? hex_text(begin) : fmt::format("{} + {}", hex_text(begin), a - begin);
}

std::string_view name_of(glibc::ChunkState state) {
  switch (state) {
    case glibc::ChunkState::used:
      return "used";
    case glibc::ChunkState::bin:
      return "in a bin";
    case glibc::ChunkState::fastbin:
      return "in a fastbin";
    case glibc::ChunkState::tcache:
      return "in a tcache";
    case glibc::ChunkState::tcache_orphan:
      return "in the tcache of a dead thread";
    case glibc::ChunkState::top:
      return "top";
    case glibc::ChunkState::fencepost:
      return "fencepost";
    case glibc::ChunkState::unknown:
      return "damaged";
  }
  return "";
}

void add_chunk(KeyValues& values, const std::vector<glibc::MallocHeap>& heaps, Address a) {
  for (const glibc::MallocHeap& heap : heaps) {
    const auto after = std::upper_bound(
        heap.chunks.begin(), heap.chunks.end(), a,
        [](Address address, const glibc::Chunk& chunk) { return address < chunk.address; });
    if (after == heap.chunks.begin()) continue;
    // The size word of the next chunk lies behind this one's end, its last usable word in front of
    // it.
    auto chunk = std::prev(after);
    if (a - chunk->address < 8 && chunk != heap.chunks.begin()) {
      const auto before = std::prev(chunk);
      if (before->address + before->size == chunk->address) chunk = before;
    }
    if (a - chunk->address >= chunk->size + 8) continue;
    values.address("chunk", chunk->address);
    values.bytes("chunk_size", chunk->size, "chunk size");
    values.bytes("usable", heap.usable_size(*chunk));
    values.text("chunk_state", name_of(chunk->state), "chunk state");
    if (chunk->mmapped) {
      values.boolean("mmapped", true);
    } else if (chunk->arena < heap.arenas.size()) {
      values.text("arena", fmt::format("{} at {}", chunk->arena,
                                       hex_text(heap.arenas[chunk->arena].address)));
    }
    return;
  }
}

void add_pool(KeyValues& values, const pymalloc::PymallocHeap& heap, Address a) {
  const auto arena_after = std::upper_bound(
      heap.arenas.begin(), heap.arenas.end(), a,
      [](Address address, const pymalloc::Arena& arena) { return address < arena.range.begin; });
  if (arena_after == heap.arenas.begin()) return;
  const pymalloc::Arena& arena = *std::prev(arena_after);
  if (!arena.range.contains(a)) return;
  values.address("pymalloc_arena", arena.range.begin, "arena");
  values.text(
      "arena_fill",
      fmt::format("{} of {} pools in use, {} live blocks", arena.pools_used, arena.pools_total,
                  with_thousands(static_cast<std::int64_t>(arena.live_blocks))),
      "its fill");
  const auto pool_after = std::upper_bound(
      heap.pools.begin(), heap.pools.end(), a,
      [](Address address, const pymalloc::Pool& pool) { return address < pool.address; });
  if (pool_after == heap.pools.begin()) return;
  const pymalloc::Pool& pool = *std::prev(pool_after);
  if (a - pool.address >= heap.geometry.pool_bytes) return;
  values.address("pool", pool.address);
  values.text("pool_blocks",
              fmt::format("{} live blocks of {} bytes", pool.live,
                          heap.geometry.block_bytes(pool.size_class)),
              "its blocks");
}

}  // namespace

KeyValues block_values(const census::Census& census, census::RowId row, Address a) {
  KeyValues values;
  const census::Rows& rows = census.rows;
  values.text("block", at_offset(a, rows.address(row)));
  values.address("block_address", rows.address(row), "block address");
  values.bytes("size", rows.size(row));
  values.text("state", census::name_of(rows.state(row)));
  values.text("allocator", census::name_of(rows.allocator(row)));
  values.text("domain", census.domain_of(row));
  values.text("kind", census.kind_of(row));
  values.text("detail", census.detail_of(row));
  const census::RowId owner = rows.owner(row);
  if (owner != census::RowId::none && rows.holds_object(owner)) {
    values.address("owner", rows.object(owner));
    values.text("owner_type", census.types[census::index_of(rows.type(owner))].name,
                "owner's type");
  }
  return values;
}

KeyValues range_values(const census::Range& range, Address a) {
  const census::RangeKindInfo& info = census::info_of(range.kind);
  KeyValues values;
  values.text("range", at_offset(a, range.range.begin));
  values.address("range_begin", range.range.begin, "from");
  values.address("range_end", range.range.end, "to");
  values.bytes("size", range.range.size());
  values.text("kind", info.name);
  values.text("meaning", info.meaning);
  values.text("cause", info.waterfall, "counts under");
  return values;
}

KeyValues allocator_values(const pymalloc::PymallocHeap& pymalloc,
                           const std::vector<glibc::MallocHeap>& heaps, Address a) {
  KeyValues values;
  add_pool(values, pymalloc, a);
  if (values.values.empty()) add_chunk(values, heaps, a);
  return values;
}

KeyValues place_values(const image::Image& image, const image::Mapping* mapping, Address a) {
  KeyValues values;
  values.address("address", a);
  if (mapping == nullptr) return values;
  values.text("mapping", mapping->name.empty() ? "anonymous" : mapping->name);
  values.address("mapping_begin", mapping->range.begin, "from");
  values.address("mapping_end", mapping->range.end, "to");
  values.text("permissions", permissions(*mapping));
  if (const image::Module* module = image.module_at(a)) {
    values.text("module", fmt::format("{} + {:#x}", module->path, a - module->range.begin));
  }
  const image::Presence presence = image.space.presence(a);
  if (presence == image::Presence::missing) values.text("bytes", "not in the image");
  return values;
}

}  // namespace coreheap::commands
