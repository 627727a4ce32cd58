#include "heapparse/malloc/anonymous_memory.h"

#include <algorithm>

namespace coreheap::glibc {

std::vector<AddressRange> normalised(std::vector<AddressRange> ranges) {
  std::erase_if(ranges, [](const AddressRange& r) { return r.empty(); });
  std::sort(ranges.begin(), ranges.end());
  std::vector<AddressRange> out;
  for (const AddressRange& range : ranges) {
    if (!out.empty() && range.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, range.end);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

std::vector<AddressRange> without(const std::vector<AddressRange>& from,
                                  const std::vector<AddressRange>& what) {
  std::vector<AddressRange> out;
  auto hole = what.begin();
  for (AddressRange range : from) {
    while (hole != what.end() && hole->end <= range.begin) ++hole;
    for (auto h = hole; h != what.end() && h->begin < range.end; ++h) {
      if (range.begin < h->begin) out.push_back({range.begin, h->begin});
      range.begin = std::max(range.begin, h->end);
      if (range.empty()) break;
    }
    if (!range.empty()) out.push_back(range);
  }
  return out;
}

std::vector<AddressRange> anonymous_memory(const image::Image& image) {
  std::vector<AddressRange> ranges;
  for (const image::Mapping& mapping : image.mappings) {
    if (mapping.kind != image::MappingKind::anonymous) continue;
    if (!mapping.readable || !mapping.writable || mapping.executable || mapping.shared) continue;
    ranges.push_back(mapping.range);
  }
  return normalised(std::move(ranges));
}

std::vector<AddressRange> common(const std::vector<AddressRange>& a,
                                 const std::vector<AddressRange>& b) {
  std::vector<AddressRange> out;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    const AddressRange both{std::max(x->begin, y->begin), std::min(x->end, y->end)};
    if (!both.empty()) out.push_back(both);
    if (x->end < y->end) {
      ++x;
    } else {
      ++y;
    }
  }
  return out;
}

std::vector<AddressRange> written_memory(const image::Image& image,
                                         const std::vector<AddressRange>& memory) {
  std::vector<AddressRange> present;
  for (const image::Piece& piece : image.space.pieces()) present.push_back(piece.range);
  present = common(memory, normalised(std::move(present)));
  if (!image.residency.known) return present;
  return common(present, normalised(image.residency.resident));
}

std::vector<AddressRange> present_ranges(const image::AddressSpace& space, AddressRange range) {
  std::vector<AddressRange> out;
  for (Address a = next_present(space, range.begin, range.end); a < range.end;
       a = next_present(space, out.back().end, range.end)) {
    const image::Piece* piece = space.piece_at(a);
    if (piece == nullptr) break;
    out.push_back({a, std::min(range.end, piece->range.end)});
  }
  return out;
}

Address next_present(const image::AddressSpace& space, Address a, Address end) {
  const auto pieces = space.pieces();
  const auto it =
      std::partition_point(pieces.begin(), pieces.end(),
                           [&](const image::Piece& piece) { return piece.range.end <= a; });
  if (it == pieces.end()) return end;
  return std::min(end, std::max(a, it->range.begin));
}

std::vector<AddressRange> thread_stacks(const image::Image& image) {
  constexpr std::uint64_t kControlBlock = 0x1000;
  constexpr std::uint64_t kLargestStack = 1ULL << 30;
  std::vector<AddressRange> stacks;
  for (const image::Thread& thread : image.threads) {
    const Address sp = thread.stack_pointer.aligned_down(image.page_size);
    if (!!sp) stacks.push_back({sp, sp + image.page_size});
    if (!thread.thread_pointer) continue;
    const Address tp{*thread.thread_pointer};
    const Address page = tp.aligned_down(image.page_size);
    if (!!tp) stacks.push_back({page, (tp + kControlBlock).aligned_down(image.page_size)});
    const image::Mapping* mapping = image.mapping_at(tp);
    if (!!sp && sp < tp && tp - sp < kLargestStack && mapping != nullptr &&
        mapping->range.contains(sp)) {
      stacks.push_back({sp, page + image.page_size});
    }
  }
  return normalised(std::move(stacks));
}

}  // namespace coreheap::glibc
