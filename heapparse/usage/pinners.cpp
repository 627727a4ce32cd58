// Arenas of pymalloc by their rows, pages of glibc by their chunks; both sorted, one pass each.
#include "heapparse/usage/pinners.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace coreheap::usage {

namespace {

using census::RowId;
using census::TypeId;
using glibc::ChunkState;

struct GroupKey {
  std::uint32_t label;
  std::uint32_t type;
  std::uint32_t owner;
  census::Allocator allocator;
  bool operator==(const GroupKey&) const = default;
};
struct GroupHash {
  std::size_t operator()(const GroupKey& k) const {
    const std::uint64_t a = std::uint64_t{k.label} << 32 | k.type;
    const std::uint64_t b = std::uint64_t{k.owner} << 8 | static_cast<std::uint64_t>(k.allocator);
    return static_cast<std::size_t>((a * 0x9e3779b97f4a7c15ULL) ^ (b * 0xc2b2ae3d27d4eb4fULL));
  }
};

class Finder {
 public:
  Finder(const image::Image& image, const census::Census& census, std::size_t most)
      : image_(image), census_(census), most_(most) {}

  void add_pymalloc(const pymalloc::PymallocHeap& heap, JobControl& job) {
    const auto addresses = census_.rows.addresses();
    for (const pymalloc::Arena& arena : heap.arenas) {
      if (job.cancelled()) return;
      if (arena.live_blocks == 0) continue;
      const std::uint64_t resident = resident_in(arena.range);
      const std::uint64_t held = resident > arena.live_bytes ? resident - arena.live_bytes : 0;
      const auto first =
          std::lower_bound(addresses.begin(), addresses.end(), arena.range.begin.value);
      rows_.clear();
      for (auto at = first; at != addresses.end() && *at < arena.range.end.value; ++at) {
        const RowId row{static_cast<std::uint32_t>(at - addresses.begin())};
        // What waits on a free list of CPython's is live to pymalloc.
        if (census_.rows.state(row) == census::State::free) continue;
        if (census_.rows.allocator(row) != census::Allocator::pymalloc) continue;
        rows_.push_back(row);
      }
      if (rows_.empty()) continue;
      result_.pymalloc += held;
      share_out(held);
    }
  }

  void add_glibc(const glibc::MallocHeap& heap, JobControl& job) {
    const TrimPrediction trim = predict_trim(image_, heap);
    std::size_t range = 0;
    std::uint64_t polled = 0;
    for (const glibc::Chunk& chunk : heap.chunks) {
      if ((++polled & 0xffff) == 0 && job.cancelled()) return;
      if (chunk.mmapped || chunk.state == ChunkState::fencepost ||
          chunk.state == ChunkState::unknown) {
        continue;
      }
      const AddressRange extent{chunk.address, chunk.address + chunk.size};
      const Address first = extent.begin.aligned_down(image_.page_size);
      const Address last = (extent.end - 1).aligned_down(image_.page_size);
      open_page(first);
      if (chunk.state == ChunkState::used) {
        put_used(chunk);
        // Pages inside it hold nothing free.
        if (last != first) {
          open_page(last);
          put_used(chunk);
        }
        continue;
      }
      const Unpinned why = why_of(heap, chunk);
      // The part on the first page, the whole pages that stay, the part on the last page.
      put_free({extent.begin, std::min(first + image_.page_size, extent.end)}, trim, range, why);
      if (last != first) {
        const AddressRange inner{first + image_.page_size, last};
        if (!inner.empty()) put_whole_pages(inner, trim, range, why);
        open_page(last);
        put_free({last, extent.end}, trim, range, why);
      }
    }
    close_page();
    page_ = {};
  }

  Pinned take() {
    for (const auto& [key, group] : groups_) result_.groups.push_back(group);
    std::sort(result_.groups.begin(), result_.groups.end(),
              [](const PinnerGroup& a, const PinnerGroup& b) {
                return std::tuple(b.holds, a.example) < std::tuple(a.holds, b.example);
              });
    keep_largest(singles_, most_);
    result_.largest = std::move(singles_);
    return std::move(result_);
  }

 private:
  static bool larger(const Pinner& a, const Pinner& b) {
    return std::tuple(b.holds, a.row) < std::tuple(a.holds, b.row);
  }
  static void keep_largest(std::vector<Pinner>& pinners, std::size_t most) {
    std::sort(pinners.begin(), pinners.end(), larger);
    if (pinners.size() > most) pinners.resize(most);
  }

  std::uint64_t resident_in(AddressRange range) const {
    return image_.residency.known ? image_.residency.bytes_in(range) : range.size();
  }

  static Unpinned why_of(const glibc::MallocHeap& heap, const glibc::Chunk& chunk) {
    if (chunk.state == ChunkState::top) {
      return heap.arenas[chunk.arena].is_main ? Unpinned::main_top : Unpinned::thread_top;
    }
    if (chunk.state == ChunkState::tcache || chunk.state == ChunkState::tcache_orphan) {
      return Unpinned::tcache;
    }
    return Unpinned::links;
  }

  void open_page(Address page) {
    if (page == page_) return;
    close_page();
    page_ = page;
  }

  // `range` moves along: chunks come in order.
  static std::uint64_t goes(AddressRange part, const TrimPrediction& trim, std::size_t& range) {
    while (range < trim.ranges.size() && trim.ranges[range].pages.end <= part.begin) ++range;
    std::uint64_t bytes = 0;
    for (std::size_t i = range; i < trim.ranges.size() && trim.ranges[i].pages.begin < part.end;
         ++i) {
      bytes += std::min(trim.ranges[i].pages.end, part.end) -
               std::max(trim.ranges[i].pages.begin, part.begin);
    }
    return bytes;
  }

  void put_free(AddressRange part, const TrimPrediction& trim, std::size_t& range, Unpinned why) {
    if (part.empty() || goes(part, trim, range) != 0) return;
    free_ += resident_in(part);
    why_ = why;
  }

  void put_whole_pages(AddressRange inner, const TrimPrediction& trim, std::size_t& range,
                       Unpinned why) {
    // Either the run's whole pages go, or none do (a top that stays).
    if (goes(inner, trim, range) != 0) return;
    const std::uint64_t bytes = resident_in(inner);
    result_.glibc += bytes;
    result_.without[static_cast<std::size_t>(why)] += bytes;
  }

  void put_used(const glibc::Chunk& chunk) { users_.push_back(chunk.user()); }

  void close_page() {
    if (free_ != 0) {
      result_.glibc += free_;
      rows_.clear();
      for (const Address user : users_) {
        const RowId row = census_.row_holding(user);
        if (row != RowId::none && (rows_.empty() || rows_.back() != row)) rows_.push_back(row);
      }
      if (rows_.empty()) {
        result_.without[static_cast<std::size_t>(why_)] += free_;
      } else {
        share_out(free_);
      }
    }
    free_ = 0;
    users_.clear();
  }

  // The bytes that do not divide go to the first ones.
  void share_out(std::uint64_t held) {
    if (rows_.empty() || held == 0) return;
    const std::uint64_t each = held / rows_.size();
    std::uint64_t rest = held % rows_.size();
    for (const RowId row : rows_) {
      const std::uint64_t holds = each + (rest > 0 ? 1 : 0);
      if (rest > 0) --rest;
      add(row, holds);
    }
  }

  void add(RowId row, std::uint64_t holds) {
    if (holds == 0) return;
    const RowId owner = census_.rows.owner(row);
    const TypeId owner_type = owner == RowId::none ? TypeId::none : census_.rows.type(owner);
    Group& group = groups_[{census::index_of(census_.rows.label(row)),
                            census::index_of(census_.rows.type(row)), census::index_of(owner_type),
                            census_.rows.allocator(row)}];
    // A block on two pages has two shares, and they come one after the other.
    if (singles_.empty() || singles_.back().row != row) {
      if (singles_.size() > 2 * most_ + 4096) keep_largest(singles_, most_);
      singles_.push_back({row, 0});
      ++group.count;
      group.size += census_.rows.size(row);
    }
    singles_.back().holds += holds;
    group.holds += holds;
    group.owner = owner_type;
    if (singles_.back().holds > group.largest_share) {
      group.largest_share = singles_.back().holds;
      group.example = row;
    }
  }

  struct Group : PinnerGroup {
    std::uint64_t largest_share = 0;
  };

  const image::Image& image_;
  const census::Census& census_;
  std::size_t most_;
  Pinned result_;
  std::unordered_map<GroupKey, Group, GroupHash> groups_;
  std::vector<Pinner> singles_;
  // The unit at hand: blocks in use on it, and, of a page, what is free.
  std::vector<RowId> rows_;
  std::vector<Address> users_;
  Address page_;
  std::uint64_t free_ = 0;
  Unpinned why_ = Unpinned::links;
};

struct UnpinnedInfo {
  std::string_view name;
  std::string_view meaning;
};
constexpr std::array<UnpinnedInfo, kUnpinned> kUnpinnedInfo = {{
    {"thread_top", "tops of threads' arenas: malloc_trim leaves them"},
    {"main_top", "end of the main arena's top, or one not at the end of brk"},
    {"tcache", "chunks that threads cache"},
    {"links", "links of free chunks, and chunks without a whole page"},
}};

}  // namespace

std::string_view name_of(Unpinned why) { return kUnpinnedInfo[static_cast<std::size_t>(why)].name; }
std::string_view meaning_of(Unpinned why) {
  return kUnpinnedInfo[static_cast<std::size_t>(why)].meaning;
}

Pinned find_pinners(const image::Image& image, const census::Census& census,
                    const pymalloc::PymallocHeap& pymalloc,
                    const std::vector<glibc::MallocHeap>& heaps, std::size_t most,
                    JobControl& job) {
  Finder finder(image, census, most);
  finder.add_pymalloc(pymalloc, job);
  for (const glibc::MallocHeap& heap : heaps) finder.add_glibc(heap, job);
  return finder.take();
}

}  // namespace coreheap::usage
