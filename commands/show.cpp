// `show ADDR`: what is at an address, from the object in it out to the mapping around it.
#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "heapparse/python/object.h"

namespace coreheap::commands {

namespace {

std::string permissions(const image::Mapping& m) {
  return fmt::format("{}{}{}{}", m.readable ? 'r' : '-', m.writable ? 'w' : '-',
                     m.executable ? 'x' : '-', m.shared ? 's' : 'p');
}

std::string at_offset(Address a, Address begin) {
  return a == begin ? hex_text(begin) : fmt::format("{} + {}", hex_text(begin), a - begin);
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

void add_object(KeyValues& values, const census::Census& census, census::RowId row,
                const image::Image& image, const python::Runtime* runtime) {
  const Address object = census.rows.object(row);
  values.address("object", object);
  values.text("type", census.types[census::index_of(census.rows.type(row))].name);
  if (runtime == nullptr || runtime->layout == nullptr) return;
  if (const auto header = python::read_object(image.space, *runtime, object)) {
    values.text("refcount", python::refcount_text(*header));
    values.address("type_address", header->type, "type at");
  }
}

// The block, and what it holds.
KeyValues row_values(const census::Census& census, census::RowId row, const image::Image& image,
                     const python::Runtime* runtime, Address a) {
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
  if (rows.holds_object(row)) add_object(values, census, row, image, runtime);
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

Result<Report> run(Context& context) {
  const auto address = parse_address(context.arguments.words[0]);
  if (!address) return std::unexpected(address.error());
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const image::Image& image = target.image();
  const image::Mapping* mapping = image.mapping_at(*address);
  if (mapping == nullptr && !image.space.is_mapped(*address)) {
    return fail(ErrorCode::not_mapped, hex_text(*address), "the target has nothing mapped there");
  }
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto runtime = target.runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto heaps = target.heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = target.pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());

  Report report = report_on(target);
  report.result_address = *address;
  const census::RowId row = (*census)->row_holding(*address);
  if (row != census::RowId::none) {
    report.add("block", "", row_values(**census, row, image, *runtime, *address));
    if ((*census)->rows.holds_object(row)) {
      report.result_address = (*census)->rows.object(row);
    } else {
      report.result_address = (*census)->rows.address(row);
    }
  } else if (const census::Range* range = (*census)->range_holding(*address)) {
    report.add("range", "", range_values(*range, *address));
  }
  KeyValues around;
  add_pool(around, **pymalloc, *address);
  if (around.values.empty()) add_chunk(around, **heaps, *address);
  if (!around.values.empty()) report.add("allocator", "ALLOCATOR", std::move(around));
  report.add("place", "PLACE", place_values(image, mapping, *address));

  report.next = {{fmt::format("x {} 64", hex_text(report.result_address)), "its bytes"}};
  if (row != census::RowId::none) {
    const census::RowId owner = (*census)->rows.owner(row);
    if (owner != census::RowId::none && (*census)->rows.holds_object(owner)) {
      report.next.push_back(
          {"show " + hex_text((*census)->rows.object(owner)), "the object that owns it"});
    }
  }
  return report;
}

}  // namespace

Command show_command() {
  return {.name = "show",
          .aliases = {"at"},
          .summary = "what is at an address, interior addresses too",
          .description =
              "The block around ADDR and what it holds: its type and refcount when it is an "
              "object, its\n"
              "owner when it is a buffer; then the chunk or pool, arena, mapping and module around "
              "it.\n"
              "The block's object (or the block) is the result address.",
          .usage = "ADDR",
          .min_words = 1,
          .max_words = 1,
          .completer = Completer::address,
          .group = Group::alive,
          .run = run};
}

}  // namespace coreheap::commands
