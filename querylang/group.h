// Groups of rows and what is summed up of each.
//
// Each piece of a scan fills a Groups of its own; they are merged in the order of the pieces, so
// that the answer, its "first" values and the order of its floating sums are the same in every run.
// Invariant: no more than kMaxGroups groups; rows of further ones are counted and said.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "querylang/evaluate.h"

namespace coreheap::query {

inline constexpr std::size_t kMaxGroups = std::size_t{1} << 20;

class Groups {
 public:
  explicit Groups(const GroupPlan& plan);
  ~Groups();
  Groups(Groups&&) noexcept;
  Groups& operator=(Groups&&) = delete;
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  void add(Evaluator& evaluator, std::span<const std::uint32_t> rows);
  void merge(Groups&& other);

  // Keys, then aggregates.
  // `retained`: the bytes that a set of rows would free; asked once a group where the plan wants
  // it.
  Result<std::shared_ptr<TableData>> table(
      const std::function<Result<std::uint64_t>(const RowSet&)>& retained) const;
  std::uint64_t rows() const;
  std::uint64_t rows_cut() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Counts and sums by the entries of one dictionary: `group by type show count(), sum(size)` without
// making a value.
class DenseGroups {
 public:
  // Can the plan be done so?
  static bool fits(const GroupPlan& plan);

  DenseGroups(const GroupPlan& plan, const Heap& heap, const Derived& derived);
  void add(std::span<const std::uint32_t> rows);
  void merge(const DenseGroups& other);
  std::shared_ptr<TableData> table(Worker& worker) const;
  std::uint64_t rows() const;

 private:
  const GroupPlan* plan_;
  const Heap* heap_;
  Dictionary dictionary_;
  std::size_t width_ = 0;                                // aggregates that are sums
  std::vector<std::span<const std::uint64_t>> columns_;  // what they add up
  std::vector<std::uint64_t> counts_;                    // by entry
  std::vector<std::uint64_t> sums_;                      // width_ an entry
};

}  // namespace coreheap::query
