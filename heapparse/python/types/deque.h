// The view of collections.deque: a chain of blocks of 62 or 64 items.
#pragma once

#include <optional>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct DequeView {
  Address left_block;
  Address right_block;
  std::uint64_t left_index = 0;
  std::uint64_t right_index = 0;
  std::uint64_t size = 0;
  Address spare_blocks;  // array of pointers inside the object; 0 where spares are static
  std::uint64_t spare_count = 0;
};

inline std::optional<DequeView> view_deque(ObjectReader& reader, Address deque) {
  const auto& f = reader.layout().deque;
  const auto left = reader.pointer(deque, f.left_block);
  const auto right = reader.pointer(deque, f.right_block);
  const auto size = reader.word(deque, f.size);
  const auto left_index = reader.word(deque, f.left_index);
  const auto right_index = reader.word(deque, f.right_index);
  if (!left || !right || !size || !left_index || !right_index) return std::nullopt;
  if (*size >= (std::uint64_t{1} << 48)) return std::nullopt;
  DequeView v{*left, *right, *left_index, *right_index, *size, {}, 0};
  if (f.free_blocks.present()) {
    v.spare_count = reader.word(deque, f.num_free_blocks).value_or(0);
    if (v.spare_count > 16) v.spare_count = 0;
    v.spare_blocks = deque + f.free_blocks.offset;
  }
  return v;
}

// Calls visit(block) for each block from left to right; bounded by the number of items, and by the
// chain.
template <class Visit>
void for_each_block(ObjectReader& reader, const DequeView& deque, Visit&& visit) {
  Address block = deque.left_block;
  const std::uint64_t limit = deque.size / 32 + 2;
  ChainGuard guard;
  for (std::uint64_t i = 0; i < limit && !guard.repeats(block); ++i) {
    visit(block);
    if (block == deque.right_block) return;
    const auto next = reader.pointer(block, reader.layout().deque_block.right_link);
    if (!next) return;
    block = *next;
  }
}

// Items that one block has room for.
inline std::uint64_t items_per_block(const layouts::Layout& layout) {
  return layout.deque_block.data.size / 8u;
}

// Where in a block its items begin.
inline std::uint64_t items_offset(const layouts::Layout& layout) {
  return layout.deque_block.data.offset;
}

// Calls visit(index, item) from left to right; as many as there are items.
template <class Visit>
void for_each_item(ObjectReader& reader, const DequeView& deque, Visit&& visit) {
  const std::uint64_t room = items_per_block(reader.layout());
  std::uint64_t at = deque.left_index;
  std::uint64_t index = 0;
  for_each_block(reader, deque, [&](Address block) {
    for (; at < room && index < deque.size; ++at, ++index) {
      const auto item = reader.memory().read<std::uint64_t>(
          block + reader.layout().deque_block.data.offset + at * 8);
      if (!item) return;
      if (*item != 0) visit(index, Address{*item});
    }
    at = 0;
  });
}

}  // namespace coreheap::python
