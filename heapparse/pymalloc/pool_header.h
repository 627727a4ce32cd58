// The header in front of every pool, and what makes 48 bytes one: a handful of relations that hold
// for each carved pool of every CPython from 2.7 to 3.15 and that other memory does not meet by
// chance.
//
// The header alone says which geometry it belongs to: a pool of 4096 bytes has its last block end
// within 512 bytes below 4096, one of 16384 below 16384. `freeblock` is no part of the shape: a
// pool whose free list was overwritten is a damaged pool, not an absent one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "heapparse/base/address.h"

namespace coreheap::pymalloc {

struct PoolHeader {
  std::uint32_t count;  // live blocks; the upper half of the union is padding
  std::uint32_t padding;
  std::uint64_t free_block;  // head of the list of freed blocks
  std::uint64_t next_pool;   // ring of pools of this class that have room
  std::uint64_t previous_pool;
  std::uint32_t arena_slot;
  std::uint32_t size_class;
  std::uint32_t next_offset;      // first byte never handed out
  std::uint32_t max_next_offset;  // greatest offset a block can start at
};
static_assert(sizeof(PoolHeader) == 48);

constexpr std::uint32_t kLargestBlock = 512;
constexpr std::uint32_t kSmallPool = 4096;   // up to 3.9
constexpr std::uint32_t kLargePool = 16384;  // 3.10 on
// Size class of a pool that is just being carved (DUMMY_SIZE_IDX).
constexpr std::uint32_t kNoClass = 0xffff;

// The pairs of pool size and alignment there are.
struct Shape {
  std::uint32_t pool_bytes = 0;
  std::uint32_t alignment = 0;
  constexpr bool operator==(const Shape&) const = default;
  constexpr std::uint32_t classes() const { return kLargestBlock / alignment; }
};
constexpr Shape kShapes[] = {{kSmallPool, 8}, {kSmallPool, 16}, {kLargePool, 8}, {kLargePool, 16}};
constexpr std::size_t kShapeCount = 4;

// Cheap first question about the last word of a header: could it be max_next_offset?
constexpr bool may_be_max_offset(std::uint32_t offset) {
  return offset - (kSmallPool - kLargestBlock) < kLargestBlock ||
         offset - (kLargePool - kLargestBlock) < kLargestBlock;
}

// Index into kShapes when `header`, found at `address`, is one of a carved pool.
constexpr std::optional<std::uint8_t> shape_of(const PoolHeader& header, Address address) {
  const std::uint32_t max = header.max_next_offset;
  if (!may_be_max_offset(max)) return std::nullopt;
  const bool large = max > kSmallPool;
  const std::uint32_t pool_bytes = large ? kLargePool : kSmallPool;
  if (!address.is_aligned(pool_bytes)) return std::nullopt;
  if (header.size_class >= 64) return std::nullopt;
  const std::uint32_t block = pool_bytes - max;
  const std::uint32_t alignment = block / (header.size_class + 1);
  if ((alignment != 8 && alignment != 16) || block != alignment * (header.size_class + 1)) {
    return std::nullopt;
  }
  const std::uint32_t start = sizeof(PoolHeader);
  if (header.next_offset < start + block || header.next_offset > pool_bytes) return std::nullopt;
  if ((header.next_offset - start) % block != 0) return std::nullopt;
  // Not "<= carved": a count that a stray write made wrong is a finding, not a reason to lose the
  // pool.
  if (header.count > (pool_bytes - start) / block) return std::nullopt;
  return static_cast<std::uint8_t>((large ? 2 : 0) + (alignment == 16 ? 1 : 0));
}

// `bytes` holds at least a header.
inline PoolHeader header_in(std::span<const std::byte> bytes) {
  PoolHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

}  // namespace coreheap::pymalloc
