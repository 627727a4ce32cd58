// Filling the row table: at known places in parallel, or one after the other.
//
// Invariant of what finish() gives: rows sorted by address. add() may come in any order; set()
// places must already be in order.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

#include "heapparse/census/census.h"

namespace coreheap::census {

struct RowValue {
  Address address;
  std::uint64_t size = 0;
  TypeId type = TypeId::none;
  LabelId label = LabelId{0};
  RowId owner = RowId::none;
  State state = State::used;
  Allocator allocator = Allocator::glibc;
  std::uint8_t object_offset_words = 0;
  bool owns_nothing = false;  // known to have no buffers: the claims pass need not look
};

class RowsBuilder {
 public:
  void resize(std::size_t n) {
    rows_.address_.resize(n);
    rows_.size_.resize(n);
    rows_.type_.resize(n);
    rows_.label_.resize(n);
    rows_.owner_.resize(n);
    rows_.flags_.resize(n);
    rows_.object_offset_.resize(n);
  }
  void set(std::size_t i, const RowValue& v) {
    rows_.address_[i] = v.address.value;
    rows_.size_[i] = v.size;
    rows_.type_[i] = index_of(v.type);
    rows_.label_[i] = index_of(v.label);
    rows_.owner_[i] = index_of(v.owner);
    rows_.flags_[i] = static_cast<std::uint8_t>(Rows::pack(v.state, v.allocator) |
                                                (v.owns_nothing ? kOwnsNothing : 0));
    rows_.object_offset_[i] = v.object_offset_words;
  }
  void add(const RowValue& v) {
    const std::size_t i = rows_.size();
    resize(i + 1);
    set(i, v);
  }
  RowId add(Address address, std::uint64_t size, TypeId type, LabelId label, RowId owner,
            State state, Allocator allocator, std::uint8_t object_offset_words) {
    const std::size_t i = rows_.size();
    add(RowValue{address, size, type, label, owner, state, allocator, object_offset_words});
    return RowId{static_cast<std::uint32_t>(i)};
  }

  const Rows& rows() const { return rows_; }
  bool owns_nothing(RowId r) const { return (rows_.flags_[index_of(r)] & kOwnsNothing) != 0; }

  void relabel(RowId r, LabelId label) { rows_.label_[index_of(r)] = index_of(label); }
  // The same while other workers may do so too; the last one stays.
  void relabel_shared(RowId r, LabelId label) {
    std::atomic_ref<std::uint32_t>(rows_.label_[index_of(r)])
        .store(index_of(label), std::memory_order_relaxed);
  }
  void set_state(RowId r, State state) {
    rows_.flags_[index_of(r)] = Rows::pack(state, rows_.allocator(r));
  }
  void clear_object(RowId r) {
    rows_.type_[index_of(r)] = index_of(TypeId::none);
    rows_.object_offset_[index_of(r)] = 0;
  }
  void set_owner(RowId r, RowId owner) { rows_.owner_[index_of(r)] = index_of(owner); }

  // Several workers may claim one buffer: the lowest row wins, whatever the order. Owner and label
  // change together, under one of a few locks: two stores of two workers could interleave.
  void claim(RowId r, RowId owner, LabelId label) {
    std::atomic_flag& lock = locks_[index_of(r) % locks_.size()];
    while (lock.test_and_set(std::memory_order_acquire)) {
    }
    if (index_of(owner) < rows_.owner_[index_of(r)]) {
      rows_.owner_[index_of(r)] = index_of(owner);
      rows_.label_[index_of(r)] = index_of(label);
    }
    lock.clear(std::memory_order_release);
  }

  Rows finish() {
    if (!std::is_sorted(rows_.address_.begin(), rows_.address_.end())) sort();
    return std::move(rows_);
  }

 private:
  static constexpr std::uint8_t kOwnsNothing =
      1U << 5;  // a note between passes, beside state and allocator

  void sort() {
    std::vector<std::uint32_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return rows_.address_[a] < rows_.address_[b];
    });
    std::vector<std::uint32_t> place(order.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    const auto permute = [&](auto& column) {
      auto copy = column;
      for (std::size_t i = 0; i < order.size(); ++i) column[i] = copy[order[i]];
    };
    permute(rows_.address_);
    permute(rows_.size_);
    permute(rows_.type_);
    permute(rows_.label_);
    permute(rows_.owner_);
    permute(rows_.flags_);
    permute(rows_.object_offset_);
    for (auto& owner : rows_.owner_) {
      if (owner < place.size()) owner = place[owner];
    }
  }

  Rows rows_;
  std::array<std::atomic_flag, 1024> locks_{};
};

}  // namespace coreheap::census
