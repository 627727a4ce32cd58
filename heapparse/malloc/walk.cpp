// Chunks follow one another by size, so one damaged size loses the rest of the segment unless the
// walk finds its way back. The way back are *anchors*: chunks that the free lists name, proven by
// their neighbours. From a header that makes no sense the walk scans 16 by 16 bytes for the first
// place from which a chain of sound headers leads on (or meets an anchor) and marks the stretch
// between as unknown. No chain, however long, is proof: stale headers in a reused block form chains
// that join the true one. So a proven anchor always wins over a size that jumps across it.
//
// States are merged in during the walk: the free lists come sorted by address and are read
// alongside, and each chunk's own word is loaded once, since the next chunk's flag tells whether
// this one is free.
//
// Invariant: chunks and overhead tile [range.begin, end) byte for byte.
#include "heapparse/malloc/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "heapparse/malloc/anonymous_memory.h"

namespace coreheap::glibc {
namespace {

using image::AddressSpace;
using image::Piece;

// Words of the target through the piece that holds them; the slow path runs once a piece.
class Words {
 public:
  explicit Words(const AddressSpace& space) : space_(space) {}

  // False when not present.
  bool load(Address a, std::uint64_t& word) {
    const std::uint64_t offset = a.value - begin_;
    if (offset + 8 <= length_ && offset <= length_) [[likely]] {
      std::memcpy(&word, data_ + offset, 8);
      return true;
    }
    return load_elsewhere(a, word);
  }

 private:
  bool load_elsewhere(Address a, std::uint64_t& word) {
    const auto read = space_.read<std::uint64_t>(a);
    if (!read) return false;
    word = *read;
    if (const Piece* piece = space_.piece_at(a)) {
      begin_ = piece->range.begin.value;
      length_ = piece->range.size();
      data_ = piece->data;
    }
    return true;
  }

  const AddressSpace& space_;
  std::uint64_t begin_ = 0;
  std::uint64_t length_ = 0;
  const std::byte* data_ = nullptr;
};

constexpr std::uint64_t size_of(std::uint64_t word) { return word & ~kFlagBits; }

constexpr bool sound_size(std::uint64_t word, std::uint64_t room) {
  const std::uint64_t size = size_of(word);
  return size >= kMinChunk && size % kAlignment == 0 && size <= room && (word & kMmapped) == 0;
}

// What sysmalloc writes at the end of a region of the main arena: two chunks of 16 bytes, and a
// third in front when just that much was left of the old top. Regions end on a page. Returns their
// bytes, or 0.
std::uint64_t fencepost_bytes(Words& words, Address p, Address end) {
  constexpr std::uint64_t kSmallestPage = 4096;
  std::uint64_t first = 0, second = 0, third = 0;
  const bool pair = end - p >= 32 && words.load(p + 8, first) && words.load(p + 24, second) &&
                    size_of(first) == 16 && size_of(second) == 16 && (second & kPrevInUse) != 0 &&
                    (first & (kMmapped | kNonMainArena)) == 0;
  if (!pair) return 0;
  const bool three = end - p >= 48 && (p + 48).is_aligned(kSmallestPage) &&
                     words.load(p + 40, third) && third == (16 | kPrevInUse);
  return three ? 48 : 32;
}

// Tests possible chunk starts by the chain that follows. Positions of chains that failed are kept,
// so that a scan over a whole segment costs one visit a position.
class Prober {
 public:
  Prober(const AddressSpace& space, AddressRange range, Address top,
         std::span<const FreeEntry> entries)
      : space_(space), words_(space), range_(range), top_(top), entries_(entries) {}

  // `steps` sound headers in a row, or an anchor, top or fenceposts before that. When `to_the_end`,
  // the number of steps does not count: the chain must arrive. Returns where it ended: at an
  // anchor, at top, or behind fenceposts.
  std::optional<Address> probe(Address start, std::uint64_t steps, bool to_the_end) {
    visited_.clear();
    auto anchor = first_anchor_from(start);
    Address p = start;
    for (std::uint64_t step = 0; to_the_end || step < steps; ++step) {
      if (p >= range_.end) return fail();
      if (is_bad(p)) return fail();
      while (anchor != entries_.end() && anchor->chunk < p) ++anchor;
      if (anchor != entries_.end() && anchor->chunk == p && anchor->proven) return p;
      if (!!top_ && p == top_) return p;
      if (!!top_ && start < top_ && p > top_) return fail();
      std::uint64_t word = 0, next = 0;
      if (!words_.load(p + 8, word)) return fail();
      visited_.push_back(p);
      if (const auto bytes = fencepost_bytes(words_, p, range_.end)) return p + bytes;
      if (!sound_size(word, range_.end - p)) return fail();
      const std::uint64_t size = size_of(word);
      if (anchor != entries_.end() && anchor->proven && anchor->chunk > p &&
          anchor->chunk < p + size) {
        return fail();  // jumps across a proven chunk
      }
      if (range_.end - p - size < kHeaderBytes || !words_.load(p + size + 8, next)) return fail();
      if ((next & kPrevInUse) == 0) {
        std::uint64_t foot = 0;
        if (!words_.load(p + size, foot) || foot != size) return fail();
      }
      p = p + size;
    }
    return p;
  }

 private:
  std::span<const FreeEntry>::iterator first_anchor_from(Address p) const {
    return std::lower_bound(entries_.begin(), entries_.end(), FreeEntry{p, 0, {}, false, 0, 0});
  }

  // Marks are kept a piece of the image each, so that they cost a bit for 16 bytes that are
  // present, whatever length a segment claims.
  struct Marks {
    AddressRange range;
    std::vector<bool> bad;
  };

  std::optional<Address> fail() {
    for (const Address a : visited_) {
      if (Marks* marks = marks_of(a, true))
        marks->bad[(a - marks->range.begin) / kAlignment] = true;
    }
    return std::nullopt;
  }
  bool is_bad(Address a) {
    const Marks* marks = marks_.empty() ? nullptr : marks_of(a, false);
    return marks != nullptr && marks->bad[(a - marks->range.begin) / kAlignment];
  }
  Marks* marks_of(Address a, bool make) {
    if (last_ < marks_.size() && marks_[last_].range.contains(a)) return &marks_[last_];
    const auto it = std::upper_bound(
        marks_.begin(), marks_.end(), a,
        [](Address address, const Marks& marks) { return address < marks.range.end; });
    if (it != marks_.end() && it->range.contains(a)) {
      last_ = static_cast<std::size_t>(it - marks_.begin());
      return &*it;
    }
    const Piece* piece = make ? space_.piece_at(a) : nullptr;
    if (piece == nullptr) return nullptr;
    const AddressRange part{std::max(piece->range.begin, range_.begin),
                            std::min(piece->range.end, range_.end)};
    last_ = static_cast<std::size_t>(it - marks_.begin());
    return &*marks_.insert(it, Marks{part, std::vector<bool>(part.size() / kAlignment + 1)});
  }

  const AddressSpace& space_;
  Words words_;
  AddressRange range_;
  Address top_;
  std::span<const FreeEntry> entries_;
  std::vector<Address> visited_;
  std::vector<Marks> marks_;  // sorted
  std::size_t last_ = 0;
};

constexpr std::uint64_t kStepsToResume = 8;

class Walk {
 public:
  Walk(const AddressSpace& space, const WalkInput& input)
      : space_(space),
        in_(input),
        words_(space),
        prober_(space, input.range, input.top, input.entries),
        entry_(std::lower_bound(input.entries.begin(), input.entries.end(),
                                FreeEntry{input.range.begin, 0, {}, false, 0, 0})) {}

  WalkOutput run() {
    // Python's mix of chunks is about 100 bytes each; the vector grows where they are smaller.
    std::uint64_t present = 0;
    for (const AddressRange& range : present_ranges(space_, in_.range)) present += range.size();
    out_.chunks.reserve(present / 128 + 4);
    p_ = in_.first_chunk;
    while (p_ < in_.range.end && step()) {
    }
    if (out_.end < p_) out_.end = p_;
    skip_entries_before(out_.end);
    return std::move(out_);
  }

 private:
  // One chunk, or one stretch. False at the end of the segment.
  bool step() {
    std::uint64_t word = 0;
    if (have_word_) {
      word = next_word_;
    } else if (!words_.load(p_ + 8, word)) {
      return resume("chunk header is not in the image", 0);
    }
    have_word_ = false;
    if (p_ == in_.top) return top_chunk(word);

    const std::uint64_t limit = !!in_.top && p_ < in_.top ? in_.top - p_ : in_.range.end - p_;
    if (!sound_size(word, limit)) {
      if (fenceposts(word)) return after_fenceposts();
      return resume("chunk size makes no sense", word);
    }
    const std::uint64_t size = size_of(word);
    const Address next = p_ + size;
    if (in_.range.end - next < kHeaderBytes || !words_.load(next + 8, next_word_)) {
      return resume("chunk reaches the end of its segment", word);
    }

    // Listed chunks up to the next one.
    while (entry_ != in_.entries.end() && entry_->chunk < p_) pass_entry();
    ChunkState state = ChunkState::used;
    std::uint32_t thread = Chunk::kNoThread;
    bool listed = false;
    if (entry_ != in_.entries.end() && entry_->chunk < next) {
      if (entry_->chunk == p_) {
        state = entry_->state;
        thread = entry_->thread;
        listed = true;
        ++entry_;
      }
      // One that begins inside this chunk: a proven one means that this size is wrong.
      for (auto inside = entry_; inside != in_.entries.end() && inside->chunk < next; ++inside) {
        if (inside->proven) return resume("chunk size jumps across a free chunk", word);
      }
    }

    if ((next_word_ & kPrevInUse) == 0) {
      std::uint64_t foot = 0;
      if (!words_.load(next, foot) || foot != size) {
        // This size or the next header is wrong. When the chain leads on, only the foot is.
        if (!prober_.probe(next, kStepsToResume, false)) {
          return resume("free chunk whose foot has another size", word);
        }
        note(out_.findings, {p_, "free chunk whose foot has another size",
                             fmt::format("size {:#x}, foot {:#x}", size, foot), Severity::damage});
      }
      if (state != ChunkState::bin) unlisted(size, foot, state);
    } else if (state == ChunkState::bin) {
      ++out_.listed_in_use;
      note(out_.findings, {p_, "chunk in a bin whose flag says in use",
                           fmt::format("size {:#x}, next chunk's word {:#x}", size, next_word_),
                           Severity::warning});
    }
    if (!listed && state == ChunkState::used && size >= in_.remember_from &&
        size <= in_.remember_to) {
      out_.remembered.push_back(p_);
    }
    last_had_arena_flag_ = (word & kNonMainArena) != 0;
    push(size, state, thread);
    have_word_ = true;
    return true;
  }

  // The flags say free and no bin has it: a chunk being linked when the process stopped.
  void unlisted(std::uint64_t size, std::uint64_t foot, ChunkState& state) {
    ++out_.unlisted_free;
    if (foot == size) {
      note(out_.findings, {p_, "free chunk that is in no bin", fmt::format("size {:#x}", size),
                           Severity::warning});
    }
    if (state == ChunkState::used) state = ChunkState::bin;
  }

  void push(std::uint64_t size, ChunkState state, std::uint32_t thread = Chunk::kNoThread) {
    Chunk chunk;
    chunk.address = p_;
    chunk.size = size;
    chunk.arena = in_.arena;
    chunk.state = state;
    chunk.thread = thread;
    out_.chunks.push_back(chunk);
    p_ = p_ + size;
  }

  bool top_chunk(std::uint64_t word) {
    const std::uint64_t size = in_.range.end - p_;
    if (size_of(word) != size || (word & kPrevInUse) == 0) {
      note(out_.findings,
           {p_, "size of top is not the rest of its segment",
            fmt::format("word {:#x}, {:#x} bytes to the end", word, size), Severity::damage});
    }
    push(size, ChunkState::top);
    out_.end = p_;
    return false;
  }

  // At fenceposts: pushes them.
  bool fenceposts(std::uint64_t word) {
    const std::uint64_t left = in_.range.end - p_;
    if (in_.is_heap) {
      std::uint64_t last = 0;
      if (left == 32 && size_of(word) == 16 && words_.load(p_ + 24, last) && last == kPrevInUse) {
        push(16, ChunkState::fencepost);
        push(16, ChunkState::fencepost);
        return true;
      }
      // Little was left: the old top itself, enlarged, is the fencepost before the last header.
      if (left == 16 && word == kPrevInUse) {
        if (!out_.chunks.empty() && out_.chunks.back().size <= kMinChunk &&
            out_.chunks.back().state == ChunkState::used && !last_had_arena_flag_) {
          out_.chunks.back().state = ChunkState::fencepost;
        }
        push(16, ChunkState::fencepost);
        return true;
      }
      return false;
    }
    const Address end = p_ + fencepost_bytes(words_, p_, in_.range.end);
    if (end == p_) return false;
    while (p_ < end) push(16, ChunkState::fencepost);
    return true;
  }

  bool after_fenceposts() {
    out_.end = p_;
    if (in_.is_heap || in_.open_end || p_ >= in_.range.end) return false;
    // Somebody else took memory from brk; malloc counts the gap as its own. It begins where brk
    // was, up to 15 bytes behind the pair, and ends where a chain leads to top or the next pair.
    const Address gap = p_;
    for (Address q = gap; q < in_.range.end; q = q + kAlignment) {
      std::uint64_t word = 0;
      if (!words_.load(q + 8, word)) {
        q = next_present(space_, q + kAlignment, in_.range.end).aligned_down(kAlignment) -
            kAlignment;
        continue;
      }
      if (!sound_size(word, in_.range.end - q) && q != in_.top) continue;
      if ((word & kPrevInUse) == 0 || !prober_.probe(q, 0, true)) continue;
      if (q != gap) {
        out_.overhead.push_back({{gap, q}, Overhead::What::foreign_sbrk, in_.arena});
      }
      p_ = q;
      return true;
    }
    note(out_.findings,
         {gap, "no chunk found behind a gap in brk",
          fmt::format("{:#x} bytes to the end", in_.range.end - gap), Severity::damage});
    return unknown_to(in_.range.end);
  }

  // The header at p_ cannot be followed: find the next place that can.
  bool resume(const char* why, std::uint64_t word) {
    have_word_ = false;
    ++out_.damaged_stretches;
    auto anchor =
        std::lower_bound(entry_, in_.entries.end(), FreeEntry{p_ + 1, 0, {}, false, 0, 0});
    while (anchor != in_.entries.end() && anchor->chunk < in_.range.end && !anchor->proven) {
      ++anchor;
    }
    Address until = in_.range.end;
    if (!!in_.top && in_.top > p_) until = std::min(until, in_.top);
    if (anchor != in_.entries.end() && anchor->chunk < until) until = anchor->chunk;
    Address q = p_ + kAlignment;
    while (q < until) {
      std::uint64_t size_word = 0;
      if (!words_.load(q + 8, size_word)) {
        // A stretch that is not here: go on at the next piece, whose first chunk nobody tells.
        q = next_present(space_, q + kAlignment, until).aligned_up(kAlignment);
        continue;
      }
      if ((sound_size(size_word, until - q) || end_of_heap(q)) &&
          (end_of_heap(q) || prober_.probe(q, kStepsToResume, false))) {
        break;
      }
      q = q + kAlignment;
    }
    q = std::min(q, until);
    note(out_.findings, {p_, why,
                         fmt::format("size word {:#x}; {:#x} bytes unknown, resumed at {:#x}{}",
                                     word, q - p_, q.value,
                                     q == until && anchor != in_.entries.end() && anchor->chunk == q
                                         ? ", a proven free chunk"
                                         : ""),
                         Severity::damage});
    return unknown_to(q);
  }

  bool end_of_heap(Address q) {
    std::uint64_t first = 0, second = 0;
    return in_.is_heap && in_.range.end - q == 32 && words_.load(q + 8, first) &&
           words_.load(q + 24, second) && size_of(first) == 16 && second == kPrevInUse;
  }

  bool unknown_to(Address q) {
    push(q - p_, ChunkState::unknown);
    out_.end = p_;
    return p_ < in_.range.end;
  }

  // A listed address at which no chunk begins.
  void pass_entry() {
    ++out_.not_met;
    note(out_.findings, {entry_->chunk, "a free list names an address where no chunk begins",
                         fmt::format("size {:#x}", entry_->size), Severity::damage});
    ++entry_;
  }
  void skip_entries_before(Address end) {
    while (entry_ != in_.entries.end() && entry_->chunk < end) pass_entry();
  }

  const AddressSpace& space_;
  const WalkInput& in_;
  Words words_;
  Prober prober_;
  std::span<const FreeEntry>::iterator entry_;
  WalkOutput out_;
  Address p_;
  std::uint64_t next_word_ = 0;
  bool have_word_ = false;
  bool last_had_arena_flag_ = false;
};

}  // namespace

WalkOutput walk_segment(const AddressSpace& space, const WalkInput& input) {
  return Walk(space, input).run();
}

std::vector<AddressRange> find_regions(const AddressSpace& space, AddressRange range,
                                       std::uint64_t page_size, AddressRange top) {
  std::vector<AddressRange> regions;
  Prober prober(space, range, top.begin, {});
  Words words(space);
  const auto present = [&](Address a) {
    return next_present(space, a, range.end).aligned_up(page_size);
  };
  for (Address page = present(range.begin); range.contains(page, kMinChunk);) {
    std::uint64_t foot = 0, word = 0;
    std::optional<Address> last;
    if (words.load(page, foot) && words.load(page + 8, word) && foot == 0 &&
        (word & kFlagBits) == kPrevInUse && sound_size(word, range.end - page)) {
      last = prober.probe(page, 0, true);
    }
    if (!last) {
      page = present(page + page_size);
      continue;
    }
    // A top that is damaged may end in front of itself, at the other end of the address space: the
    // search only goes forward.
    const Address end = *last == top.begin && top.end > top.begin ? top.end : *last;
    if (end <= page || end > range.end) return regions;
    regions.push_back({page, end});
    page = present(end);
  }
  return regions;
}

}  // namespace coreheap::glibc
