#include "heapparse/census/fill.h"

#include <algorithm>
#include <mutex>

#include "heapparse/census/object_classifier.h"
#include "heapparse/python/types/instance.h"

namespace coreheap::census {
namespace {

// One worker's state: its own reader, its own list of doubts.
class Filler {
 public:
  Filler(const Sources& sources, RowsBuilder& rows, LabelTable& labels, OldStyleClasses& classes)
      : sources_(sources), rows_(rows), labels_(labels), classes_(classes) {
    if (sources.runtime != nullptr && sources.types != nullptr) {
      classifier_.emplace(sources.image.space, *sources.runtime, *sources.types,
                          sources.pymalloc.geometry.alignment);
      objects_.emplace(sources.image.space, *sources.runtime->layout);
    }
  }

  void fill(const Plan& plan, const Piece& piece, JobControl& job) {
    row_ = piece.first_row;
    end_ = piece.first_row + piece.row_count;
    switch (piece.kind) {
      case Piece::Kind::pymalloc_arena:
        fill_arena(sources_.pymalloc.arenas[piece.first]);
        break;
      case Piece::Kind::chunks:
        fill_chunks(sources_.heaps[piece.heap], piece);
        break;
      case Piece::Kind::statics:
        for (std::size_t i = 0; i < piece.count; ++i) {
          const StaticObject& object = plan.statics[piece.first + i];
          RowValue v;
          v.address = object.address;
          v.size = object.size;
          v.type = TypeId{object.type};
          v.label = label_of_kind(Kind::python_object);
          v.allocator = Allocator::static_object;
          put(v);
        }
        break;
      case Piece::Kind::reached:
        for (std::size_t i = 0; i < piece.count; ++i) fill_reached(plan.reached[piece.first + i]);
        break;
    }
    // The plan counted what was just filled; should they ever disagree, no row stays unwritten.
    RowValue nothing;
    nothing.address = piece.range.end;
    nothing.state = State::free;
    while (row_ < end_) put(nothing);
    job.advance(piece.range.size());
  }

  std::vector<RowId> doubtful;

 private:
  void put(const RowValue& value) {
    if (row_ < end_) rows_.set(row_++, value);
  }

  // Object or not; sets type, label, state of a block that the allocator says is in use.
  void classify(RowValue& v, std::span<const std::byte> block, bool in_pool) {
    v.label = label_of_kind(Kind::uncategorized);
    if (!classifier_) return;
    const auto verdict = classifier_->classify(block, v.address, in_pool);
    if (!verdict) return;
    if (verdict->dead) {
      // What CPython keeps for reuse is small, frames apart. A bigger block with a dead object in
      // it was freed and handed out again to somebody who has not written there yet.
      const bool kept = in_pool || sources_.pymalloc.arenas.empty() ||
                        (*sources_.types)[verdict->type].shape == python::Shape::frame;
      if (!kept) return;
      v.state = State::cached;
      v.label = labels_.intern(Kind::free_list_object, (*sources_.types)[verdict->type].name);
      return;
    }
    set_object(v, verdict->type, verdict->offset);
    v.label = verdict->interned ? interned_ : label_of_kind(Kind::python_object);
    v.owns_nothing = verdict->bare;
    if (verdict->doubtful) doubtful.push_back(RowId{static_cast<std::uint32_t>(row_)});
  }

  void set_object(RowValue& v, std::uint32_t type, std::uint32_t offset) {
    v.type = TypeId{type};
    if ((*sources_.types)[type].shape == python::Shape::instance_2) {
      const auto c = python::instance_class(*objects_, v.address + offset);
      if (c) v.type = classes_.id_of(*c);
    }
    v.object_offset_words = static_cast<std::uint8_t>(offset / 8);
  }

  void fill_reached(const ReachedBlock& block) {
    RowValue v;
    v.address = block.address;
    v.size = block.size;
    v.allocator = Allocator::other;
    v.label = label_of_kind(Kind::uncategorized);
    if (block.is_object()) {
      set_object(v, block.type, block.offset);
      v.label = block.interned ? interned_ : label_of_kind(Kind::python_object);
    }
    put(v);
  }

  void fill_arena(const pymalloc::Arena& arena) {
    const auto& heap = sources_.pymalloc;
    const auto& geometry = heap.geometry;
    for_each_pool_slot(heap, arena, [&](Address slot, const pymalloc::Pool* pool) {
      if (pool == nullptr) {
        if (sources_.image.space.presence(slot) != image::Presence::present) return;
        RowValue v;
        v.address = slot;
        v.size = geometry.pool_bytes;
        v.state = State::free;
        v.allocator = Allocator::pymalloc;
        v.label = label_of_kind(Kind::pymalloc_free_pool);
        if (std::binary_search(heap.damaged_pools.begin(), heap.damaged_pools.end(), slot)) {
          v.state = State::used;
          v.label = label_of_kind(Kind::pymalloc_damaged);
        }
        put(v);
        return;
      }
      const auto bytes = pymalloc::bytes_of_pool(reader_, slot, geometry, scratch_);
      const std::uint32_t block = geometry.block_bytes(pool->size_class);
      const std::uint32_t fits =
          (geometry.pool_bytes - pymalloc::Geometry::kPoolHeaderBytes) / block;
      live_.load(bytes, *pool, geometry);
      for (std::uint32_t i = 0; i < pool->carved; ++i) {
        const std::uint64_t offset =
            pymalloc::Geometry::kPoolHeaderBytes + std::uint64_t{i} * block;
        RowValue v;
        v.address = slot + offset;
        v.size = block;
        v.allocator = Allocator::pymalloc;
        if (!live_.live(i)) {
          v.state = State::free;
          v.label = label_of_kind(Kind::pymalloc_free);
        } else {
          // A cut core may end inside the pool.
          classify(v,
                   offset + block <= bytes.size() ? bytes.subspan(offset, block)
                                                  : std::span<const std::byte>(),
                   true);
        }
        put(v);
      }
      if (pool->carved < fits) {
        RowValue v;
        const std::uint64_t offset =
            pymalloc::Geometry::kPoolHeaderBytes + std::uint64_t{pool->carved} * block;
        v.address = slot + offset;
        v.size = std::uint64_t{fits - pool->carved} * block;
        v.state = State::free;
        v.allocator = Allocator::pymalloc;
        v.label = label_of_kind(Kind::pymalloc_virgin);
        put(v);
      }
    });
  }

  void fill_chunks(const glibc::MallocHeap& heap, const Piece& piece) {
    for (std::size_t i = 0; i < piece.count; ++i) {
      const glibc::Chunk& chunk = heap.chunks[piece.first + i];
      RowValue v;
      v.address = chunk.user();
      v.size = chunk.size;
      v.allocator = chunk.mmapped ? Allocator::glibc_mmap : Allocator::glibc;
      switch (chunk.state) {
        case glibc::ChunkState::fencepost:
          continue;
        case glibc::ChunkState::bin:
          v.state = State::free;
          v.label = label_of_kind(Kind::glibc_bin);
          break;
        case glibc::ChunkState::fastbin:
          v.state = State::cached;
          v.label = label_of_kind(Kind::glibc_fastbin);
          break;
        case glibc::ChunkState::tcache:
          v.state = State::cached;
          v.label = label_of_kind(Kind::glibc_tcache);
          break;
        case glibc::ChunkState::tcache_orphan:
          v.state = State::cached;
          v.label = label_of_kind(Kind::glibc_tcache_orphan);
          break;
        case glibc::ChunkState::top:
          v.state = State::free;
          v.label = label_of_kind(Kind::glibc_top);
          break;
        case glibc::ChunkState::unknown:
          v.label = label_of_kind(Kind::glibc_unknown);
          break;
        case glibc::ChunkState::used: {
          const std::uint64_t usable = heap.usable_size(chunk);
          if (is_int_block(sources_, chunk, usable)) {
            fill_int_block(chunk, v);
            continue;
          }
          // Up to a page is enough for any head; big objects say their size in it.
          classify(v, bounded(chunk.user(), usable), false);
          break;
        }
      }
      put(v);
    }
  }

  // The chunk's bytes as one span, or what is present of it.
  std::span<const std::byte> bounded(Address a, std::uint64_t n) const {
    return sources_.image.space.bytes_up_to(a, n);
  }

  void fill_int_block(const glibc::Chunk& chunk, RowValue v) {
    const std::uint64_t size = sources_.runtime->layout->traits.int_block_size;
    const auto bytes = sources_.image.space.bytes(chunk.user(), size);
    const std::uint64_t objects = (size - kIntBlockHead) / kIntBlockObject;
    for (std::uint64_t i = 0; i < objects; ++i) {
      const std::uint64_t offset = kIntBlockHead + i * kIntBlockObject;
      v.address = chunk.user() + offset;
      v.size = kIntBlockObject;
      v.type = TypeId::none;
      v.state = State::cached;
      v.label = label_of_kind(Kind::int_block);
      if (offset + kIntBlockObject <= bytes.size()) {
        std::uint64_t type_word = 0;
        std::memcpy(&type_word, bytes.data() + offset + 8, 8);
        if (const auto type = sources_.types->find(Address{type_word})) {
          v.type = TypeId{*type};
          v.state = State::used;
          v.label = label_of_kind(Kind::python_object);
        }
      }
      put(v);
    }
  }

  const Sources& sources_;
  RowsBuilder& rows_;
  LabelTable& labels_;
  OldStyleClasses& classes_;
  LabelId interned_ = labels_.intern(Kind::python_object, "interned");
  std::optional<python::ObjectReader> objects_;
  std::optional<ObjectClassifier> classifier_;
  pymalloc::LiveBlocks live_;
  image::Reader reader_{sources_.image.space};
  std::vector<std::byte> scratch_;  // for pools that lie across two pieces
  std::size_t row_ = 0;
  std::size_t end_ = 0;
};

}  // namespace

Result<void> fill_rows(const Sources& sources, const Plan& plan, RowsBuilder& rows,
                       LabelTable& labels, OldStyleClasses& classes, std::vector<RowId>& doubtful,
                       JobControl& job) {
  std::uint64_t bytes = 0;
  for (const Piece& piece : plan.pieces) bytes += piece.range.size();
  job.begin_step("reading blocks", bytes);
  std::vector<std::unique_ptr<Filler>> fillers(worker_count(plan.pieces.size()));
  for (auto& filler : fillers) filler = std::make_unique<Filler>(sources, rows, labels, classes);
  auto done = parallel_for(plan.pieces.size(), job, [&](std::size_t piece, unsigned worker) {
    fillers[worker]->fill(plan, plan.pieces[piece], job);
  });
  if (!done) return done;
  for (const auto& filler : fillers) {
    doubtful.insert(doubtful.end(), filler->doubtful.begin(), filler->doubtful.end());
  }
  std::sort(doubtful.begin(), doubtful.end());
  return {};
}

}  // namespace coreheap::census
