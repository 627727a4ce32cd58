// There is no list of mmapped chunks, only their number and sum in mp_. Each begins a mapping, but
// the kernel merges neighbouring mappings, and mremap and memalign leave traps:
//   * memalign moves the header forward and leaves the original one in place, stale;
//   * mremap then makes the stale one's size wrong, so it may not be used to judge the moved one;
//   * mremap moves chunks, so a chunk's address no longer shows the alignment it was asked for.
// So memory is walked page by page; at each page a moved header whose offset leads back to exactly
// this page goes before a plain one, and an accepted chunk is jumped over whole.
#include "heapparse/malloc/mmapped.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "heapparse/malloc/anonymous_memory.h"

namespace coreheap::glibc {
namespace {

using image::Image;
using image::Reader;

// memalign's alignments below a page put the header so far behind the start.
constexpr std::array<std::uint64_t, 7> kSmallOffsets{0x10, 0x30, 0x70, 0xf0, 0x1f0, 0x3f0, 0x7f0};

struct Header {
  std::uint64_t offset;  // prev_size without its flag
  std::uint64_t size;
};

std::optional<Header> header_at(Reader& reader, Address chunk, const MmappedRule& rule) {
  const auto bytes = reader.bytes(chunk, kHeaderBytes);
  if (bytes.empty()) return std::nullopt;
  std::uint64_t words[2];
  std::memcpy(words, bytes.data(), sizeof words);
  if ((words[1] & kFlagBits) != kMmapped) return std::nullopt;
  const std::uint64_t size = words[1] & ~kFlagBits;
  if (size < kMinChunk || size % kAlignment != 0) return std::nullopt;
  return Header{words[0] & rule.offset_mask, size};
}

// The chunk whose mapping would begin at `page` and whose header lies `offset` behind.
std::optional<MmappedChunk> accept(Reader& reader, const AddressRange& memory, Address page,
                                   std::uint64_t offset, const MmappedRule& rule,
                                   std::uint64_t page_size) {
  const auto header = header_at(reader, page + offset, rule);
  if (!header || header->offset != offset) return std::nullopt;
  const std::uint64_t room = memory.end - page;
  if (header->size > room || offset > room - header->size) return std::nullopt;
  const std::uint64_t length = offset + header->size + rule.tail;
  if (length > room || length % page_size != 0) return std::nullopt;
  return MmappedChunk{{page, page + length}, page + offset, header->size};
}

}  // namespace

std::vector<MmappedChunk> mmapped_candidates(const Image& image,
                                             const std::vector<AddressRange>& memory,
                                             const MmappedRule& rule) {
  Reader reader(image.space);
  const std::uint64_t page_size = image.page_size;
  // Steps through pages that can hold a header, wherever memory has holes.
  const std::vector<AddressRange> written = written_memory(image, memory);
  auto here = written.begin();
  const auto page_from = [&](Address a, Address end) {
    while (here != written.end() && here->end <= a) ++here;
    if (here == written.end()) return end;
    return std::min(end, std::max(a, here->begin)).aligned_up(page_size);
  };
  std::vector<MmappedChunk> found;
  for (const AddressRange& range : memory) {
    const auto start = here;
    // Headers moved to right before a page boundary (memalign of a page or more), by mapping start.
    std::vector<std::pair<Address, std::uint64_t>> moved;
    for (Address page = page_from(range.begin, range.end); page < range.end;
         page = page_from(page + page_size, range.end)) {
      const Address chunk = page + page_size - kHeaderBytes;
      const auto header = header_at(reader, chunk, rule);
      if (!header || header->offset == 0) continue;
      if ((header->offset + kHeaderBytes) % page_size != 0) continue;
      if (header->offset > chunk - range.begin) continue;
      moved.emplace_back(chunk - header->offset, header->offset);
    }
    here = start;
    std::sort(moved.begin(), moved.end());

    auto next_moved = moved.begin();
    for (Address page = page_from(range.begin, range.end); page < range.end;) {
      std::optional<MmappedChunk> chunk;
      while (next_moved != moved.end() && next_moved->first < page) ++next_moved;
      for (auto m = next_moved; !chunk && m != moved.end() && m->first == page; ++m) {
        chunk = accept(reader, range, page, m->second, rule, page_size);
      }
      // A page that begins with a header, stale or not, is the only kind worth a closer look: every
      // mapping of a chunk begins with the one that mmap'ed it.
      const auto first = header_at(reader, page, rule);
      if (!chunk && first && first->offset == 0) {
        for (const std::uint64_t offset : kSmallOffsets) {
          if (!chunk) chunk = accept(reader, range, page, offset, rule, page_size);
        }
        if (!chunk) chunk = accept(reader, range, page, 0, rule, page_size);
      }
      if (!chunk) {
        page = page_from(page + page_size, range.end);
        continue;
      }
      found.push_back(*chunk);
      page = page_from(chunk->mapping.end, range.end);
    }
  }
  return found;
}

void choose_mmapped(const MallocParameters& parameters, const MmappedRule& rule,
                    std::vector<MmappedChunk>& candidates, std::vector<Evidence>& evidence,
                    Findings& findings) {
  std::uint64_t sum = 0;
  for (const MmappedChunk& c : candidates) sum += c.mapping.size();
  if (!parameters.found) {
    evidence.push_back(
        {"mmapped chunks",
         fmt::format("{} headers, mp_ not found to count them by", candidates.size()),
         Evidence::Strength::guess});
    return;
  }
  // From 2.43 on each realloc that remaps adds 16 bytes to the sum that are never taken back.
  const auto sum_fits = [&](std::uint64_t bytes) {
    if (rule.tail == 0) return bytes == parameters.mmapped_bytes;
    return bytes <= parameters.mmapped_bytes && (parameters.mmapped_bytes - bytes) % 16 == 0 &&
           parameters.mmapped_bytes - bytes < 16ULL << 20;
  };

  std::string left_out;
  if (candidates.size() > parameters.n_mmaps) {
    const std::uint64_t extra = candidates.size() - parameters.n_mmaps;
    // One too many: the sum names it, if only one has the difference's length.
    std::vector<std::size_t> suspects;
    for (std::size_t i = 0; extra == 1 && i < candidates.size(); ++i) {
      if (sum_fits(sum - candidates[i].mapping.size())) suspects.push_back(i);
    }
    if (parameters.n_mmaps == 0) {
      candidates.clear();
      sum = 0;
    } else if (suspects.size() == 1) {
      const MmappedChunk out = candidates[suspects.front()];
      left_out =
          fmt::format(", left out the one at {:#x} that the sum does not hold", out.chunk.value);
      sum -= out.mapping.size();
      candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(suspects.front()));
    }
  }
  const bool exact = candidates.size() == parameters.n_mmaps && sum_fits(sum);
  evidence.push_back({"mmapped chunks",
                      fmt::format("{} chunks of {} bytes, mp_ counts {} of {}{}", candidates.size(),
                                  sum, parameters.n_mmaps, parameters.mmapped_bytes, left_out),
                      exact ? Evidence::Strength::certain : Evidence::Strength::probable});
  if (!exact) {
    findings.push_back({parameters.address, "mmapped chunks do not add up to what mp_ counts",
                        fmt::format("found {} of {} bytes, counted {} of {}", candidates.size(),
                                    sum, parameters.n_mmaps, parameters.mmapped_bytes),
                        Severity::warning});
  }
}

}  // namespace coreheap::glibc
