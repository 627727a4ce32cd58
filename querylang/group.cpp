// Hashed groups of any keys, and dense ones by a small id.
#include "querylang/group.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace coreheap::query {

namespace {

using Kind = Value::Kind;

// A sum that stays whole as long as what it adds does; wholes beyond 63 bits are none.
struct Sum {
  std::int64_t whole = 0;
  double real = 0;
  std::uint64_t count = 0;
  bool is_real = false;
  bool overflow = false;

  void add(const Value& v) {
    ++count;
    if (v.kind == Kind::number) {
      is_real = true;
      real += v.number();
    } else {
      overflow = __builtin_add_overflow(whole, v.integer(), &whole) || overflow;
    }
  }
  void add(const Sum& other) {
    count += other.count;
    is_real = is_real || other.is_real;
    real += other.real;
    overflow = __builtin_add_overflow(whole, other.whole, &whole) || overflow || other.overflow;
  }
  Value total() const {
    if (count == 0 || overflow) return Value::none();
    return is_real ? Value::of_number(real + static_cast<double>(whole)) : Value::of_integer(whole);
  }
  Value mean() const {
    if (count == 0 || overflow) return Value::none();
    return Value::of_number((real + static_cast<double>(whole)) / static_cast<double>(count));
  }
};

struct Plain {
  Kind kind = Kind::none;
  std::uint64_t bits = 0;
  Value value() const { return {kind, bits, {}}; }
};

bool is_sum(AggregateId id) { return id == AggregateId::sum || id == AggregateId::avg; }
bool is_percentile(AggregateId id) {
  return id == AggregateId::p50 || id == AggregateId::p90 || id == AggregateId::p99;
}
bool is_one_value(AggregateId id) {
  return id == AggregateId::min || id == AggregateId::max || id == AggregateId::any;
}

// One aggregate of all groups.
struct Column {
  AggregateId id = AggregateId::count;
  std::vector<std::uint64_t> counts;
  std::vector<Sum> sums;
  std::vector<Value> values;
  std::vector<std::vector<Plain>> lists;
  std::vector<std::unordered_set<std::uint64_t>> sets;  // hashes of 64 bits
  std::vector<RowSet> rows;                             // of retained()

  void grow() {
    if (is_sum(id)) {
      sums.emplace_back();
    } else if (is_percentile(id)) {
      lists.emplace_back();
    } else if (is_one_value(id)) {
      values.emplace_back();
    } else if (id == AggregateId::retained) {
      rows.emplace_back();
    } else if (id == AggregateId::distinct) {
      sets.emplace_back();
    } else {
      counts.push_back(0);
    }
  }
};

bool is_number(const Value& v) { return v.kind == Kind::integer || v.kind == Kind::number; }

}  // namespace

struct Groups::State {
  const GroupPlan* plan = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t rows_cut = 0;
  std::size_t count = 0;
  std::vector<Value> keys;  // as many a group as the plan has
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint64_t> members;  // rows of each group
  std::vector<std::uint32_t> slots;    // open addressing: group + 1
  std::vector<Column> columns;
  TextStore texts;

  static constexpr std::uint32_t kCut = 0xffffffff;

  Value kept(const Value& v) { return texts.keep(v); }

  void rehash() {
    slots.assign(std::max<std::size_t>(64, slots.size() * 2), 0);
    const std::size_t mask = slots.size() - 1;
    for (std::size_t g = 0; g < count; ++g) {
      std::size_t at = hashes[g] & mask;
      while (slots[at] != 0) at = (at + 1) & mask;
      slots[at] = static_cast<std::uint32_t>(g + 1);
    }
  }

  // The group of a key, made when it is new.
  std::uint32_t find(const Value* key) {
    const std::size_t width = plan->keys.size();
    std::uint64_t hash = 0;
    for (std::size_t k = 0; k < width; ++k) hash = hash * 0x9e3779b97f4a7c15ULL + hash_of(key[k]);
    hash ^= hash >> 32;
    if ((count + 1) * 2 > slots.size()) rehash();
    const std::size_t mask = slots.size() - 1;
    std::size_t at = hash & mask;
    for (; slots[at] != 0; at = (at + 1) & mask) {
      const std::size_t group = slots[at] - 1;
      if (hashes[group] != hash) continue;
      bool equal = true;
      for (std::size_t k = 0; k < width && equal; ++k)
        equal = same(keys[group * width + k], key[k]);
      if (equal) return static_cast<std::uint32_t>(group);
    }
    if (count >= kMaxGroups) return kCut;
    slots[at] = static_cast<std::uint32_t>(count + 1);
    hashes.push_back(hash);
    members.push_back(0);
    for (std::size_t k = 0; k < width; ++k) keys.push_back(kept(key[k]));
    for (Column& column : columns) column.grow();
    return static_cast<std::uint32_t>(count++);
  }

  void take_one(Column& column, std::uint32_t group, const Value& v) {
    Value& best = column.values[group];
    if (best.is_none()) {
      best = kept(v);
    } else if (column.id != AggregateId::any &&
               sorts_before(v, best, column.id == AggregateId::max)) {
      best = kept(v);
    }
  }
};

Groups::Groups(const GroupPlan& plan) : state_(std::make_unique<State>()) {
  state_->plan = &plan;
  for (const AggregatePlan& aggregate : plan.aggregates) {
    state_->columns.emplace_back();
    state_->columns.back().id = aggregate.id;
  }
  // Without keys there is one group, even of no rows.
  if (plan.keys.empty()) state_->find(nullptr);
}

Groups::~Groups() = default;
Groups::Groups(Groups&&) noexcept = default;
std::uint64_t Groups::rows() const { return state_->rows; }
std::uint64_t Groups::rows_cut() const { return state_->rows_cut; }

void Groups::add(Evaluator& evaluator, std::span<const std::uint32_t> rows) {
  State& s = *state_;
  const std::size_t width = s.plan->keys.size();
  s.rows += rows.size();
  std::vector<std::uint32_t> groups(rows.size(), 0);
  if (width != 0) {
    std::vector<std::vector<Value>> columns(width, std::vector<Value>(rows.size()));
    for (std::size_t k = 0; k < width; ++k) evaluator.eval(s.plan->keys[k], rows, columns[k]);
    std::vector<Value> key(width);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t k = 0; k < width; ++k) key[k] = columns[k][i];
      groups[i] = s.find(key.data());
    }
  }
  for (const std::uint32_t group : groups) {
    if (group == State::kCut) {
      ++s.rows_cut;
    } else {
      ++s.members[group];
    }
  }
  std::vector<Value> values(rows.size());
  for (std::size_t a = 0; a < s.columns.size(); ++a) {
    Column& column = s.columns[a];
    const AggregatePlan& aggregate = s.plan->aggregates[a];
    if (aggregate.id == AggregateId::retained) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (groups[i] != State::kCut) column.rows[groups[i]].push_back(rows[i]);
      }
      continue;
    }
    if (!aggregate.value) {
      for (const std::uint32_t group : groups) {
        if (group != State::kCut) ++column.counts[group];
      }
      continue;
    }
    evaluator.eval(*aggregate.value, rows, values);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t group = groups[i];
      const Value& v = values[i];
      if (group == State::kCut || v.is_none()) continue;
      if (is_sum(column.id)) {
        if (is_number(v)) column.sums[group].add(v);
      } else if (is_percentile(column.id)) {
        if (is_number(v)) column.lists[group].push_back({v.kind, v.bits});
      } else if (is_one_value(column.id)) {
        s.take_one(column, group, v);
      } else if (column.id == AggregateId::distinct) {
        column.sets[group].insert(hash_of(v));
      } else {
        ++column.counts[group];
      }
    }
  }
}

void Groups::merge(Groups&& other) {
  State& s = *state_;
  State& o = *other.state_;
  const std::size_t width = s.plan->keys.size();
  s.rows += o.rows;
  s.rows_cut += o.rows_cut;
  for (std::size_t g = 0; g < o.count; ++g) {
    const std::uint32_t group = width == 0 ? 0 : s.find(&o.keys[g * width]);
    if (group == State::kCut) {
      s.rows_cut += o.members[g];
      continue;
    }
    s.members[group] += o.members[g];
    for (std::size_t a = 0; a < s.columns.size(); ++a) {
      Column& to = s.columns[a];
      Column& from = o.columns[a];
      if (is_sum(to.id)) {
        to.sums[group].add(from.sums[g]);
      } else if (is_percentile(to.id)) {
        auto& list = to.lists[group];
        list.insert(list.end(), from.lists[g].begin(), from.lists[g].end());
        from.lists[g] = {};
      } else if (is_one_value(to.id)) {
        if (!from.values[g].is_none()) s.take_one(to, group, from.values[g]);
      } else if (to.id == AggregateId::retained) {
        to.rows[group].insert(to.rows[group].end(), from.rows[g].begin(), from.rows[g].end());
        from.rows[g] = {};
      } else if (to.id == AggregateId::distinct) {
        to.sets[group].merge(from.sets[g]);
      } else {
        to.counts[group] += from.counts[g];
      }
    }
  }
}

namespace {

Value percentile(std::vector<Plain> list, AggregateId id) {
  if (list.empty()) return Value::none();
  const double share = id == AggregateId::p50 ? 0.50 : id == AggregateId::p90 ? 0.90 : 0.99;
  // Nearest rank: the least value that so many are no more than.
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(list.size())));
  const auto at = list.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(list.begin(), at, list.end(), [](const Plain& a, const Plain& b) {
    return sorts_before(a.value(), b.value(), false);
  });
  return at->value();
}

}  // namespace

Result<std::shared_ptr<TableData>> Groups::table(
    const std::function<Result<std::uint64_t>(const RowSet&)>& retained) const {
  const State& s = *state_;
  const std::size_t width = s.plan->keys.size();
  auto table = std::make_shared<TableData>(width + s.columns.size());
  table->rows = s.count;
  for (std::size_t k = 0; k < width; ++k) {
    for (std::size_t g = 0; g < s.count; ++g) {
      table->columns[k].push_back(table->texts.keep(s.keys[g * width + k]));
    }
  }
  for (std::size_t a = 0; a < s.columns.size(); ++a) {
    const Column& column = s.columns[a];
    std::vector<Value>& out = table->columns[width + a];
    for (std::size_t g = 0; g < s.count; ++g) {
      if (column.id == AggregateId::sum) {
        out.push_back(column.sums[g].total());
      } else if (column.id == AggregateId::avg) {
        out.push_back(column.sums[g].mean());
      } else if (is_percentile(column.id)) {
        out.push_back(percentile(column.lists[g], column.id));
      } else if (is_one_value(column.id)) {
        out.push_back(table->texts.keep(column.values[g]));
      } else if (column.id == AggregateId::distinct) {
        out.push_back(Value::of_count(column.sets[g].size()));
      } else if (column.id == AggregateId::retained) {
        const auto bytes = retained(column.rows[g]);
        if (!bytes) return std::unexpected(bytes.error());
        out.push_back(Value::of_count(*bytes));
      } else {
        out.push_back(Value::of_count(column.counts[g]));
      }
    }
  }
  return table;
}

bool DenseGroups::fits(const GroupPlan& plan) {
  if (plan.keys.size() != 1 || plan.keys[0].op != Op::attribute ||
      plan.keys[0].attribute->of_entry == nullptr) {
    return false;
  }
  return std::all_of(plan.aggregates.begin(), plan.aggregates.end(), [](const AggregatePlan& a) {
    if (a.id == AggregateId::count) return !a.value.has_value();
    if (!a.value) return false;
    return a.id == AggregateId::sum && a.value->op == Op::attribute &&
           a.value->attribute->column != nullptr;
  });
}

DenseGroups::DenseGroups(const GroupPlan& plan, const Heap& heap, const Derived& derived)
    : plan_(&plan), heap_(&heap), dictionary_(plan.keys[0].attribute->dictionary) {
  for (const AggregatePlan& a : plan.aggregates) {
    if (a.value) columns_.push_back(a.value->attribute->column(heap, derived));
  }
  width_ = columns_.size();
  const std::size_t entries = entry_count(heap.census, dictionary_) + 1;
  counts_.assign(entries, 0);
  sums_.assign(entries * width_, 0);
}

void DenseGroups::add(std::span<const std::uint32_t> rows) {
  const auto take = [&](auto&& entry) {
    if (width_ == 1) {
      const auto column = columns_[0];
      for (const std::uint32_t row : rows) {
        const std::size_t e = entry(row);
        ++counts_[e];
        sums_[e] += column[row];
      }
      return;
    }
    for (const std::uint32_t row : rows) {
      const std::size_t e = entry(row);
      ++counts_[e];
      for (std::size_t i = 0; i < width_; ++i) sums_[e * width_ + i] += columns_[i][row];
    }
  };
  const census::Census& census = heap_->census;
  if (dictionary_ == Dictionary::type) {
    const auto types = census.rows.types();
    const auto none = static_cast<std::uint32_t>(counts_.size() - 1);
    take([&](std::uint32_t row) { return std::min(types[row], none); });
  } else {
    take([&](std::uint32_t row) { return entry_of(census, dictionary_, row); });
  }
}

void DenseGroups::merge(const DenseGroups& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += other.sums_[i];
}

std::uint64_t DenseGroups::rows() const {
  std::uint64_t rows = 0;
  for (const std::uint64_t n : counts_) rows += n;
  return rows;
}

std::shared_ptr<TableData> DenseGroups::table(Worker& worker) const {
  // Entries of one text (a class made twice) are one group.
  std::vector<std::uint32_t> entries;
  for (std::size_t e = 0; e < counts_.size(); ++e) {
    if (counts_[e] != 0) entries.push_back(static_cast<std::uint32_t>(e));
  }
  std::vector<Value> keys(entries.size());
  Evaluator(worker, dictionary_).eval(plan_->keys[0], entries, keys);
  std::vector<std::size_t> order(entries.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sorts_before(keys[a], keys[b], false);
  });
  auto table = std::make_shared<TableData>(1 + plan_->aggregates.size());
  for (const std::size_t i : order) {
    const std::size_t e = entries[i];
    const bool again = table->rows != 0 && same(table->columns[0].back(), keys[i]);
    if (!again) {
      table->columns[0].push_back(table->texts.keep(keys[i]));
      for (std::size_t a = 0; a < plan_->aggregates.size(); ++a) {
        table->columns[1 + a].push_back(Value::of_count(0));
      }
      ++table->rows;
    }
    std::size_t sum = 0;
    for (std::size_t a = 0; a < plan_->aggregates.size(); ++a) {
      const bool counts = !plan_->aggregates[a].value;
      table->columns[1 + a].back().bits += counts ? counts_[e] : sums_[e * width_ + sum];
      sum += counts ? 0 : 1;
    }
  }
  worker.texts.clear();
  return table;
}

}  // namespace coreheap::query
