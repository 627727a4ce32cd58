// The sweep. Three layers decide about a byte that no row has: precise marks that allocators made
// (pool headers, heap_info, fenceposts), then the region it lies in (malloc segment, pymalloc
// arena, module data, stack), then its mapping. Bytes the image does not hold are labelled as such
// before anything else is claimed of them.
#include "heapparse/census/ranges.h"

#include <algorithm>

namespace coreheap::census {
namespace {

struct Mark {
  AddressRange range;
  RangeKind kind;
  std::uint32_t arena = 0;
};

void sort_marks(std::vector<Mark>& marks) {
  std::sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) {
    return a.range.begin != b.range.begin ? a.range.begin < b.range.begin
                                          : a.range.end < b.range.end;
  });
}

RangeKind kind_of(glibc::Overhead::What what) {
  using What = glibc::Overhead::What;
  switch (what) {
    case What::heap_info:
      return RangeKind::heap_info;
    case What::alignment:
      return RangeKind::chunk_alignment;
    case What::foreign_sbrk:
      return RangeKind::foreign_sbrk;
    case What::unused_tail:
      return RangeKind::heap_tail;
    case What::reserved:
      return RangeKind::heap_reserve;
    case What::mmap_header:
      return RangeKind::mmap_padding;
  }
  return RangeKind::chunk_alignment;
}

// What allocators marked, sorted and cut to be disjoint.
std::vector<Mark> precise_marks(const Sources& sources) {
  std::vector<Mark> marks;
  const auto& geometry = sources.pymalloc.geometry;
  for (const auto& pool : sources.pymalloc.pools) {
    const Address header_end = pool.address + pymalloc::Geometry::kPoolHeaderBytes;
    marks.push_back({{pool.address, header_end}, RangeKind::pool_header, pool.arena});
    const std::uint32_t block = geometry.block_bytes(pool.size_class);
    const std::uint32_t room = geometry.pool_bytes - pymalloc::Geometry::kPoolHeaderBytes;
    if (const std::uint32_t slack = room % block; slack != 0) {
      const Address end = pool.address + geometry.pool_bytes;
      marks.push_back({{end - slack, end}, RangeKind::pool_slack, pool.arena});
    }
  }
  for (const auto& heap : sources.heaps) {
    for (const auto& o : heap.overhead) marks.push_back({o.range, kind_of(o.what), o.arena});
    for (const auto& chunk : heap.chunks) {
      if (chunk.state != glibc::ChunkState::fencepost) continue;
      marks.push_back(
          {{chunk.address + 8, chunk.address + 8 + chunk.size}, RangeKind::fencepost, chunk.arena});
    }
  }
  sort_marks(marks);
  Address done;
  for (auto& m : marks) {
    m.range.begin = std::max(m.range.begin, done);
    if (m.range.empty()) m.range.end = m.range.begin;
    done = std::max(done, m.range.end);
  }
  std::erase_if(marks, [](const Mark& m) { return m.range.empty(); });
  return marks;
}

// Regions: what unmarked bytes inside them are.
std::vector<Mark> regions(const Sources& sources) {
  std::vector<Mark> marks;
  marks.reserve(sources.pymalloc.arenas.size());
  for (const auto& arena : sources.pymalloc.arenas) {
    marks.push_back({arena.range, RangeKind::arena_slack, 0});
  }
  for (const auto& heap : sources.heaps) {
    for (const auto& s : heap.segments) {
      marks.push_back({s.range, RangeKind::chunk_alignment, s.arena});
    }
    for (const auto& chunk : heap.chunks) {
      if (!chunk.mmapped) continue;
      marks.push_back({{chunk.address, chunk.address + chunk.size}, RangeKind::mmap_padding, 0});
    }
  }
  if (sources.other != nullptr) {
    for (const auto& range : sources.other->memory) {
      marks.push_back({range, RangeKind::other_allocator, 0});
    }
  }
  for (const auto& module : sources.image.modules) {
    for (const auto& range : module.data) marks.push_back({range, RangeKind::object_slack, 0});
  }
  // Thread stacks: below the stack pointer unused, above it in use up to the end of the mapping. A
  // mapping with several stacks (they merge when guards need no mapping of their own) is cut at
  // thread pointers.
  for (const auto& mapping : sources.image.mappings) {
    if (!mapping.is_anonymous_memory() || !mapping.writable) continue;
    std::vector<Address> stack_pointers;
    for (const auto& thread : sources.image.threads) {
      if (mapping.range.contains(thread.stack_pointer)) {
        stack_pointers.push_back(thread.stack_pointer);
      }
    }
    if (stack_pointers.empty()) continue;
    std::sort(stack_pointers.begin(), stack_pointers.end());
    Address from = mapping.range.begin;
    for (std::size_t i = 0; i < stack_pointers.size(); ++i) {
      const Address sp = stack_pointers[i].aligned_down(16);
      Address top = mapping.range.end;
      for (const auto& thread : sources.image.threads) {
        // The thread block (TLS, descriptor) stands at the top of its own stack.
        if (!thread.thread_pointer || thread.stack_pointer != stack_pointers[i]) continue;
        const Address tp{*thread.thread_pointer};
        if (sp < tp && tp < top && i + 1 < stack_pointers.size()) {
          top = (tp + 0x1000).aligned_up(sources.image.page_size);
        }
      }
      marks.push_back({{from, sp}, RangeKind::stack_unused, 0});
      marks.push_back({{sp, top}, RangeKind::stack_used, 0});
      from = top;
    }
  }
  sort_marks(marks);
  return marks;
}

class Sweep {
 public:
  Sweep(const Sources& sources, const Census& census)
      : sources_(sources),
        census_(census),
        marks_(precise_marks(sources)),
        regions_(regions(sources)) {}

  std::vector<Range> run() {
    std::size_t row = 0;
    std::size_t mark = 0;
    const std::size_t rows = census_.rows.size();
    for (std::size_t m = 0; m < sources_.image.mappings.size(); ++m) {
      mapping_ = static_cast<std::int32_t>(m);
      const AddressRange range = sources_.image.mappings[m].range;
      Address at = range.begin;
      while (at < range.end) {
        while (row < rows && extent(row).end <= at) ++row;
        while (mark < marks_.size() && marks_[mark].range.end <= at) ++mark;
        const Address next_row = row < rows ? extent(row).begin : Address{~std::uint64_t{0}};
        const Address next_mark =
            mark < marks_.size() ? marks_[mark].range.begin : Address{~std::uint64_t{0}};
        if (next_row <= at) {
          at = std::min(extent(row).end, range.end);
          continue;
        }
        if (next_mark <= at) {
          const Address end = std::min({marks_[mark].range.end, next_row, range.end});
          emit({at, end}, marks_[mark].kind, marks_[mark].arena);
          at = end;
          continue;
        }
        const Address end = std::min({next_row, next_mark, range.end});
        fill_gap({at, end});
        at = end;
      }
    }
    return std::move(out_);
  }

 private:
  AddressRange extent(std::size_t row) const {
    return census_.extent_of(RowId{static_cast<std::uint32_t>(row)});
  }

  void emit(AddressRange range, RangeKind kind, std::uint32_t arena) {
    if (range.empty()) return;
    if (!out_.empty() && out_.back().range.end == range.begin && out_.back().kind == kind &&
        out_.back().mapping == mapping_ && out_.back().arena == arena &&
        kind != RangeKind::pool_header) {
      out_.back().range.end = range.end;
      return;
    }
    out_.push_back({range, kind, mapping_, arena});
  }

  // Cuts a gap where presence or the region changes.
  void fill_gap(AddressRange gap) {
    const auto& space = sources_.image.space;
    const auto& mapping = sources_.image.mappings[static_cast<std::size_t>(mapping_)];
    Address at = gap.begin;
    while (at < gap.end) {
      while (region_ < regions_.size() && regions_[region_].range.end <= at) ++region_;
      // Regions may overlap a little (a stack inside module data never; arenas inside .bss do not),
      // the first that holds the byte decides.
      const Mark* holding = nullptr;
      Address end = gap.end;
      if (region_ < regions_.size()) {
        const auto& r = regions_[region_].range;
        if (r.contains(at)) {
          holding = &regions_[region_];
          end = std::min(end, r.end);
        } else {
          end = std::min(end, r.begin);
        }
      }
      if (end <= at) end = gap.end;
      if (const auto* piece = space.piece_at(at)) {
        end = std::min(end, piece->range.end);
        emit({at, end}, holding != nullptr ? holding->kind : background(mapping),
             holding != nullptr ? holding->arena : 0);
      } else {
        // Up to the next piece.
        const auto pieces = space.pieces();
        const auto next =
            std::upper_bound(pieces.begin(), pieces.end(), at,
                             [](Address a, const image::Piece& p) { return a < p.range.begin; });
        if (next != pieces.end()) end = std::min(end, next->range.begin);
        emit({at, end}, absent(mapping), 0);
      }
      at = end;
    }
  }

  static RangeKind background(const image::Mapping& mapping) {
    using image::MappingKind;
    switch (mapping.kind) {
      case MappingKind::stack:
        return RangeKind::stack_unused;
      case MappingKind::file:
        return mapping.writable && !mapping.shared ? RangeKind::file_dirty : RangeKind::file_clean;
      case MappingKind::shared_memory:
        return RangeKind::shared_memory;
      case MappingKind::kernel:
        return RangeKind::kernel_pages;
      case MappingKind::anonymous:
        break;
    }
    if (!mapping.readable && !mapping.writable) return RangeKind::no_access;
    return RangeKind::anonymous_other;
  }

  static RangeKind absent(const image::Mapping& mapping) {
    using image::MappingKind;
    if (mapping.kind == MappingKind::shared_memory) return RangeKind::shared_memory;
    if (mapping.kind == MappingKind::kernel) return RangeKind::kernel_pages;
    if (mapping.kind == MappingKind::file && !mapping.writable) return RangeKind::file_clean;
    if (!mapping.readable && !mapping.writable) return RangeKind::no_access;
    return RangeKind::not_in_image;
  }

  const Sources& sources_;
  const Census& census_;
  std::vector<Mark> marks_;
  std::vector<Mark> regions_;
  std::vector<Range> out_;
  std::int32_t mapping_ = -1;
  std::size_t region_ = 0;
};

}  // namespace

std::vector<Range> make_ranges(const Sources& sources, const Census& census) {
  return Sweep(sources, census).run();
}

}  // namespace coreheap::census
