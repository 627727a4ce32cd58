#include "heapparse/census/plan.h"

#include <algorithm>

#include "heapparse/census/object_classifier.h"
#include "heapparse/image/ranges.h"

namespace coreheap::census {
namespace {

constexpr std::size_t kChunksPerPiece = 1 << 16;

// What allocators own, in address order. A core whose list of files lies may count some of it to a
// module's data.
std::vector<AddressRange> memory_of_allocators(const Sources& sources) {
  std::vector<AddressRange> out;
  out.reserve(sources.pymalloc.arenas.size());
  for (const auto& arena : sources.pymalloc.arenas) out.push_back(arena.range);
  for (const auto& heap : sources.heaps) {
    for (const auto& segment : heap.segments) out.push_back(segment.range);
    for (const auto& chunk : heap.chunks) {
      if (chunk.mmapped) out.push_back({chunk.address, chunk.address + chunk.size});
    }
  }
  if (sources.other != nullptr) {
    out.insert(out.end(), sources.other->memory.begin(), sources.other->memory.end());
  }
  return image::normalised(std::move(out));
}

// Objects in the writable data of every module, in address order.
std::vector<StaticObject> find_static_objects(const Sources& sources,
                                              std::span<const AddressRange> taken,
                                              JobControl& job) {
  std::vector<StaticObject> out;
  if (sources.runtime == nullptr || sources.types == nullptr) return out;
  ObjectClassifier classifier(sources.image.space, *sources.runtime, *sources.types,
                              sources.pymalloc.geometry.alignment);
  std::vector<AddressRange> ranges;
  std::vector<AddressRange> core;  // data of the module that is the interpreter
  for (const auto& module : sources.image.modules) {
    ranges.insert(ranges.end(), module.data.begin(), module.data.end());
    const bool is_core =
        std::any_of(module.data.begin(), module.data.end(),
                    [&](const AddressRange& r) { return r.contains(sources.runtime->type_type); });
    if (is_core) core = module.data;
  }
  ranges = image::subtract(image::normalised(std::move(ranges)), taken);
  std::vector<AddressRange> not_objects;
  for (const auto& interpreter : sources.runtime->interpreters) {
    not_objects.insert(not_objects.end(), interpreter.type_table_counts.begin(),
                       interpreter.type_table_counts.end());
  }
  for (AddressRange range : ranges) {
    if (job.cancelled()) break;
    range.begin = range.begin.aligned_up(8);
    if (range.empty()) continue;
    Address at = range.begin;
    while (at < range.end) {
      const auto bytes = sources.image.space.bytes_up_to(at, range.end - at);
      if (bytes.size() < 16) {
        at = sources.image.space
                 .next_present(at + std::max<std::uint64_t>(bytes.size(), 1), range.end)
                 .aligned_up(8);
        continue;
      }
      std::size_t offset = 0;
      while (offset + 16 <= bytes.size()) {
        const auto rest = bytes.subspan(offset);
        const bool in_core =
            core.empty() || std::any_of(core.begin(), core.end(), [&](const AddressRange& r) {
              return r.contains(at + offset);
            });
        const auto verdict = classifier.classify_static(
            rest, at + offset, in_core ? StaticHome::interpreter : StaticHome::extension);
        if (!verdict ||
            std::any_of(not_objects.begin(), not_objects.end(),
                        [&](const AddressRange& r) { return r.contains(at + offset); })) {
          offset += 8;
          continue;
        }
        const auto& type = (*sources.types)[verdict->type];
        const std::uint64_t size =
            type.shape == python::Shape::type
                ? sources.runtime->layout->type.struct_size
                : std::max<std::uint64_t>(16, classifier.object_bytes(rest, type, at + offset));
        if (offset + size > bytes.size()) {  // it would run into what is somebody else's
          offset += 8;
          continue;
        }
        out.push_back({at + offset, size, verdict->type});
        offset += (size + 7) / 8 * 8;
      }
      at += bytes.size();
      at = at.aligned_up(8);
    }
  }
  return out;
}

}  // namespace

bool is_int_block(const Sources& sources, const glibc::Chunk& chunk, std::uint64_t usable) {
  if (sources.runtime == nullptr || sources.types == nullptr) return false;
  const auto& traits = sources.runtime->layout->traits;
  if (!traits.int_blocks || chunk.state != glibc::ChunkState::used) return false;
  if (usable < traits.int_block_size || usable >= traits.int_block_size + 32) return false;
  const auto bytes = sources.image.space.bytes(chunk.user(), traits.int_block_size);
  if (bytes.empty()) return false;
  std::uint64_t next = 0;
  std::memcpy(&next, bytes.data(), 8);
  if ((next & 7) != 0) return false;
  bool any = false;
  const std::uint64_t objects = (traits.int_block_size - kIntBlockHead) / kIntBlockObject;
  std::uint64_t of_block = 0;
  for (std::uint64_t i = 0; i < objects; ++i) {
    std::uint64_t type_word = 0;
    std::memcpy(&type_word, bytes.data() + kIntBlockHead + i * kIntBlockObject + 8, 8);
    // A live slot has the type; a free one links to another slot, or ends the list.
    const auto type = sources.types->find(Address{type_word});
    if (type) {
      const auto shape = (*sources.types)[*type].shape;
      if (shape != python::Shape::int_2 && shape != python::Shape::float_number) return false;
      if (any && type_word != of_block) return false;
      of_block = type_word;
      any = true;
    } else if (type_word != 0 &&
               ((type_word & 7) != 0 || !sources.image.space.is_mapped(Address{type_word}))) {
      return false;
    }
  }
  return any;
}

Result<Plan> make_plan(const Sources& sources, JobControl& job) {
  Plan plan;
  const std::vector<AddressRange> taken = memory_of_allocators(sources);
  plan.statics = find_static_objects(sources, taken, job);
  if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");

  const auto& geometry = sources.pymalloc.geometry;
  for (std::size_t a = 0; a < sources.pymalloc.arenas.size(); ++a) {
    const auto& arena = sources.pymalloc.arenas[a];
    Piece piece;
    piece.kind = Piece::Kind::pymalloc_arena;
    piece.first = a;
    piece.range = arena.range;
    // A row a pool slot that holds nothing, a row a carved block, a row a never-carved tail.
    for_each_pool_slot(sources.pymalloc, arena, [&](Address slot, const pymalloc::Pool* pool) {
      if (pool == nullptr) {
        if (sources.image.space.presence(slot) == image::Presence::present) ++piece.row_count;
        return;
      }
      const std::uint32_t fits = (geometry.pool_bytes - pymalloc::Geometry::kPoolHeaderBytes) /
                                 geometry.block_bytes(pool->size_class);
      piece.row_count += pool->carved + (pool->carved < fits ? 1 : 0);
    });
    plan.pieces.push_back(piece);
  }

  for (std::size_t h = 0; h < sources.heaps.size(); ++h) {
    const auto& heap = sources.heaps[h];
    std::size_t segment = 0;
    std::size_t i = 0;
    while (i < heap.chunks.size()) {
      if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
      Piece piece;
      piece.kind = Piece::Kind::chunks;
      piece.heap = static_cast<std::uint32_t>(h);
      piece.first = i;
      const Address begin = heap.chunks[i].address;
      while (segment < heap.segments.size() && heap.segments[segment].range.end <= begin) ++segment;
      const Address limit = !heap.chunks[i].mmapped && segment < heap.segments.size()
                                ? heap.segments[segment].range.end
                                : begin + heap.chunks[i].size;
      Address end = begin;
      while (i < heap.chunks.size() && piece.count < kChunksPerPiece &&
             heap.chunks[i].address < limit &&
             heap.chunks[i].mmapped == heap.chunks[piece.first].mmapped) {
        const auto& chunk = heap.chunks[i];
        if (chunk.state != glibc::ChunkState::fencepost) {
          piece.row_count += 1;
          if (is_int_block(sources, chunk, heap.usable_size(chunk))) {
            piece.row_count +=
                (sources.runtime->layout->traits.int_block_size - kIntBlockHead) / kIntBlockObject -
                1;
          }
        }
        end = chunk.address + chunk.size;
        ++piece.count;
        ++i;
      }
      piece.range = {begin, end};
      plan.pieces.push_back(piece);
    }
  }

  // Static objects between other pieces: a piece a stretch that nothing else interrupts.
  std::size_t s = 0;
  while (s < plan.statics.size()) {
    Piece piece;
    piece.kind = Piece::Kind::statics;
    piece.first = s;
    const auto* module = sources.image.module_at(plan.statics[s].address);
    const auto next =
        std::upper_bound(taken.begin(), taken.end(), plan.statics[s].address,
                         [](Address a, const AddressRange& t) { return a < t.begin; });
    const Address limit = next == taken.end() ? Address{~std::uint64_t{0}} : next->begin;
    std::size_t e = s;
    while (e < plan.statics.size() && plan.statics[e].address < limit &&
           sources.image.module_at(plan.statics[e].address) == module) {
      ++e;
    }
    piece.count = piece.row_count = e - s;
    piece.range = {plan.statics[s].address, plan.statics[e - 1].address + plan.statics[e - 1].size};
    plan.pieces.push_back(piece);
    s = e;
  }

  // A piece a stretch of the other allocator's memory.
  plan.reached = find_reached_blocks(sources, job);
  if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
  std::size_t r = 0;
  while (r < plan.reached.size()) {
    const auto& memory = sources.other->memory;
    const auto holding =
        std::upper_bound(memory.begin(), memory.end(), plan.reached[r].address,
                         [](Address a, const AddressRange& m) { return a < m.end; });
    Piece piece;
    piece.kind = Piece::Kind::reached;
    piece.first = r;
    while (r < plan.reached.size() && plan.reached[r].address < holding->end) ++r;
    piece.count = piece.row_count = r - piece.first;
    const ReachedBlock& last = plan.reached[r - 1];
    piece.range = {plan.reached[piece.first].address, last.address + last.size};
    plan.pieces.push_back(piece);
  }

  std::sort(plan.pieces.begin(), plan.pieces.end(),
            [](const Piece& a, const Piece& b) { return a.range.begin < b.range.begin; });
  for (auto& piece : plan.pieces) {
    piece.first_row = plan.row_count;
    plan.row_count += piece.row_count;
  }
  if (plan.row_count >= 0xfffffff0ULL) {
    return fail(ErrorCode::out_of_memory, "census", "more than four billion blocks");
  }
  return plan;
}

}  // namespace coreheap::census
