// A heap of glibc's made by hand: arenas of chunks side by side, with a census of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::usage {

struct MadeHeap {
  image::Image image;
  glibc::MallocHeap heap;
  census::Census census;
};

class HeapMaker {
 public:
  static constexpr std::uint64_t kPage = 4096;

  HeapMaker() {
    made_.image.kind = image::TargetKind::live;
    made_.image.residency.known = true;
  }

  // A segment with a mapping of its own; all of it is resident unless told otherwise.
  HeapMaker& arena(Address begin, bool main, std::string name = {}) {
    close();
    begin_ = next_ = begin;
    name_ = std::move(name);
    glibc::Arena arena;
    arena.is_main = main;
    made_.heap.arenas.push_back(arena);
    return *this;
  }
  HeapMaker& chunk(glibc::ChunkState state, std::uint64_t size) {
    const auto arena = static_cast<std::uint16_t>(made_.heap.arenas.size() - 1);
    made_.heap.chunks.push_back({next_, size, arena, state, false, glibc::Chunk::kNoThread});
    if (state == glibc::ChunkState::top) {
      made_.heap.arenas.back().top = next_;
      made_.heap.arenas.back().top_bytes = size;
    }
    const bool used = state == glibc::ChunkState::used;
    rows_->add(next_ + 16, size, census::TypeId::none,
               census::label_of_kind(used ? census::Kind::string_data : census::Kind::glibc_bin),
               census::RowId::none, used ? census::State::used : census::State::free,
               census::Allocator::glibc, 0);
    next_ = next_ + size;
    return *this;
  }
  // Memory behind the segment that belongs to the same mapping.
  HeapMaker& mapped_on(std::uint64_t bytes) {
    extra_ = bytes;
    return *this;
  }
  HeapMaker& not_resident(AddressRange range) {
    away_.push_back(range);
    return *this;
  }

  MadeHeap finish() {
    close();
    made_.census.rows = rows_->finish();
    made_.census.labels = census::LabelTable().take();
    return std::move(made_);
  }

 private:
  void close() {
    if (begin_ == next_) return;
    const auto arena = static_cast<std::uint16_t>(made_.heap.arenas.size() - 1);
    made_.heap.segments.push_back({{begin_, next_}, next_, arena, false});
    image::Mapping mapping;
    mapping.range = {begin_, next_.aligned_up(kPage) + extra_};
    mapping.readable = mapping.writable = true;
    mapping.name = name_;
    made_.image.mappings.push_back(mapping);
    for (Address page = mapping.range.begin; page < mapping.range.end; page += kPage) {
      bool away = false;
      for (const AddressRange& range : away_) away = away || range.contains(page);
      if (!away) made_.image.residency.resident.push_back({page, page + kPage});
    }
    begin_ = next_;
    extra_ = 0;
  }

  MadeHeap made_;
  std::unique_ptr<census::RowsBuilder> rows_ = std::make_unique<census::RowsBuilder>();
  std::vector<AddressRange> away_;
  Address begin_;
  Address next_;
  std::uint64_t extra_ = 0;
  std::string name_;
};

}  // namespace coreheap::usage
