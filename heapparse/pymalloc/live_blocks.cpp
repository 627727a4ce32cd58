// Which blocks of a pool are live: all that were carved, less those on the free list. The list runs
// through the first words of freed blocks, which a stray write reaches easily, so each step is
// checked: inside the pool, on a block's start, carved, not seen before. Hence at most `carved`
// steps.
#include <algorithm>
#include <cstring>

#include "heapparse/pymalloc/pool_header.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::pymalloc {

bool LiveBlocks::load(std::span<const std::byte> pool_bytes, const Pool& pool,
                      const Geometry& geometry) {
  std::memset(bits_, 0, sizeof bits_);
  flaw_ = Flaw::none;
  flaw_at_ = {};
  const std::uint32_t block_bytes = geometry.block_bytes(pool.size_class);
  if (block_bytes == 0 || geometry.pool_bytes <= Geometry::kPoolHeaderBytes) {
    live_count_ = 0;
    flaw_ = Flaw::count;
    return false;
  }
  const std::uint32_t room = (geometry.pool_bytes - Geometry::kPoolHeaderBytes) / block_bytes;
  const std::uint32_t carved = std::min({pool.carved, room, kMaxBlocks});
  for (std::uint32_t word = 0; word < carved / 64; ++word) bits_[word] = ~std::uint64_t{0};
  if (carved % 64 != 0) bits_[carved / 64] = (std::uint64_t{1} << (carved % 64)) - 1;
  live_count_ = carved;

  const auto stop = [&](Flaw flaw, Address at) {
    flaw_ = flaw;
    flaw_at_ = at;
    return false;
  };
  if (pool_bytes.size() < sizeof(PoolHeader)) return stop(Flaw::not_in_image, pool.address);

  // The list jumps about in the pool, each jump a cache miss that waits for the one before, and
  // whoever asks for live blocks reads them next. Asking for all lines at once makes both 4 times
  // faster.
  const std::uint64_t extent = sizeof(PoolHeader) + std::uint64_t{carved} * block_bytes;
  for (std::uint64_t at = 0; at < std::min<std::uint64_t>(extent, pool_bytes.size()); at += 64) {
    __builtin_prefetch(pool_bytes.data() + at);
  }

  // Division by multiplication: exact for offsets below 2^16 and blocks below 2^10.
  const std::uint64_t inverse = ((std::uint64_t{1} << 32) + block_bytes - 1) / block_bytes;
  std::uint64_t next = header_in(pool_bytes).free_block;
  while (next != 0) {
    const std::uint64_t offset = next - pool.address.value - sizeof(PoolHeader);
    if (offset >= geometry.pool_bytes - sizeof(PoolHeader)) {
      return stop(Flaw::leaves_pool, {next});
    }
    const auto block = static_cast<std::uint32_t>((offset * inverse) >> 32);
    if (std::uint64_t{block} * block_bytes != offset || block >= carved) {
      return stop(Flaw::between_blocks, {next});
    }
    std::uint64_t& word = bits_[block >> 6];
    const std::uint64_t bit = std::uint64_t{1} << (block & 63);
    if ((word & bit) == 0) return stop(Flaw::loops, {next});
    word &= ~bit;
    --live_count_;
    const std::uint64_t at = offset + sizeof(PoolHeader);
    if (at + sizeof next > pool_bytes.size()) return stop(Flaw::not_in_image, {next});
    std::memcpy(&next, pool_bytes.data() + at, sizeof next);
  }
  if (live_count_ != pool.live) return stop(Flaw::count, pool.address);
  return true;
}

std::span<const std::byte> bytes_of_pool(image::Reader& reader, Address pool,
                                         const Geometry& geometry,
                                         std::vector<std::byte>& scratch) {
  if (const auto whole = reader.bytes(pool, geometry.pool_bytes); !whole.empty()) return whole;
  const image::AddressSpace& space = reader.space();
  const auto start = space.bytes_up_to(pool, geometry.pool_bytes);
  if (start.empty() || start.size() == geometry.pool_bytes) return start;
  scratch.assign(start.begin(), start.end());
  while (scratch.size() < geometry.pool_bytes) {
    const auto more =
        space.bytes_up_to(pool + scratch.size(), geometry.pool_bytes - scratch.size());
    if (more.empty()) break;
    scratch.insert(scratch.end(), more.begin(), more.end());
  }
  return scratch;
}

}  // namespace coreheap::pymalloc
