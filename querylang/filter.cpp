// Kernels: one pass over one column, without branches that depend on the data.
#include "querylang/filter.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace coreheap::query {

namespace {

using census::Allocator;
using census::State;

// The one dictionary that all of an expression depends on.
std::optional<Dictionary> dictionary_of(const Typed& e) {
  if (e.op == Op::attribute) {
    if (e.attribute->of_entry == nullptr) return std::nullopt;
    return e.attribute->dictionary;
  }
  if (e.op == Op::type_test && e.children.empty()) return Dictionary::type;
  if (e.op == Op::self || e.op == Op::path || e.op == Op::column || e.op == Op::in_rows) {
    return std::nullopt;
  }
  if (e.op == Op::call && e.function->cost != Cost::columns) return std::nullopt;
  std::optional<Dictionary> common;
  for (const Typed& child : e.children) {
    if (child.op == Op::constant) continue;
    const auto one = dictionary_of(child);
    if (!one || (common && *common != *one)) return std::nullopt;
    common = one;
  }
  return common;
}

void compile_dictionary(Filter& filter, Worker& worker) {
  const std::size_t count = entry_count(worker.heap().census, filter.dictionary);
  std::vector<std::uint32_t> entries(count + 1);
  std::iota(entries.begin(), entries.end(), 0U);
  Evaluator evaluator(worker, filter.dictionary);
  std::vector<Value> values(entries.size());
  evaluator.eval(*filter.condition, entries, values);
  filter.keep.resize(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) filter.keep[i] = values[i].is_true();
  worker.texts.clear();
}

// `column < constant`, either way round. Columns are unsigned and below 2^63, or addresses.
bool compile_range(Filter& filter, const Worker& worker) {
  const Typed& e = *filter.condition;
  if (e.op != Op::compare) return false;
  const bool left = e.children[0].op == Op::attribute && e.children[0].attribute->column != nullptr;
  const Typed& attribute = e.children[left ? 0 : 1];
  const Typed& constant = e.children[left ? 1 : 0];
  if (attribute.op != Op::attribute || attribute.attribute->column == nullptr) return false;
  if (constant.op != Op::constant || (constant.constant.kind != Value::Kind::integer &&
                                      constant.constant.kind != Value::Kind::address)) {
    return false;
  }
  Compare how = e.compare;
  if (!left) {
    how = how == Compare::less            ? Compare::greater
          : how == Compare::less_equal    ? Compare::greater_equal
          : how == Compare::greater       ? Compare::less
          : how == Compare::greater_equal ? Compare::less_equal
                                          : how;
  }
  const std::uint64_t bound = constant.constant.bits;
  filter.column = attribute.attribute->column(worker.heap(), worker.derived());
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  switch (how) {
    case Compare::equal:
    case Compare::unequal:
      filter.least = filter.most = bound;
      filter.outside = how == Compare::unequal;
      break;
    case Compare::less:
    case Compare::less_equal:
      if (how == Compare::less && bound == 0) return false;
      filter.most = how == Compare::less ? bound - 1 : bound;
      break;
    case Compare::greater:
    case Compare::greater_equal:
      if (how == Compare::greater && bound == kMost) return false;
      filter.least = how == Compare::greater ? bound + 1 : bound;
      break;
  }
  filter.kind = Filter::Kind::range;
  return true;
}

template <class Keep>
void compact(std::vector<std::uint32_t>& rows, Keep&& keep) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint32_t row = rows[i];
    rows[kept] = row;
    kept += keep(row) ? 1U : 0U;
  }
  rows.resize(kept);
}

int rank_of(const Filter& filter) {
  // Bytes first, then ids, then words; evaluated ones by what they touch.
  if (filter.kind == Filter::Kind::dictionary)
    return filter.dictionary == Dictionary::flags ? 0 : 1;
  if (filter.kind == Filter::Kind::range) return 2;
  return 3 + static_cast<int>(filter.cost);
}

}  // namespace

void Filter::apply(Evaluator& evaluator, std::vector<std::uint32_t>& rows) const {
  const census::Census& census = evaluator.worker().heap().census;
  if (kind == Kind::general) return evaluator.filter(*condition, rows);
  if (kind == Kind::range) {
    if (outside) return compact(rows, [&](std::uint32_t r) { return column[r] != least; });
    const std::uint64_t width = most - least;
    if (most < least) return rows.clear();
    return compact(rows, [&](std::uint32_t r) { return column[r] - least <= width; });
  }
  const std::uint8_t* table = keep.data();
  switch (dictionary) {
    case Dictionary::flags: {
      const auto flags = census.rows.flags();
      return compact(rows, [&](std::uint32_t r) { return table[flags[r]] != 0; });
    }
    case Dictionary::type: {
      const auto types = census.rows.types();
      const auto none = static_cast<std::uint32_t>(keep.size() - 1);
      return compact(rows, [&](std::uint32_t r) { return table[std::min(types[r], none)] != 0; });
    }
    case Dictionary::label: {
      const auto labels = census.rows.labels();
      return compact(rows, [&](std::uint32_t r) { return table[labels[r]] != 0; });
    }
    default:
      return compact(rows,
                     [&](std::uint32_t r) { return table[entry_of(census, dictionary, r)] != 0; });
  }
}

std::vector<Filter> compile(const std::vector<const Typed*>& conditions, Worker& worker,
                            bool table) {
  std::vector<Filter> filters;
  for (const Typed* condition : conditions) {
    Filter filter;
    filter.condition = condition;
    filter.cost = condition->cost;
    if (!table) {
      if (const auto dictionary = dictionary_of(*condition)) {
        filter.kind = Filter::Kind::dictionary;
        filter.dictionary = *dictionary;
        compile_dictionary(filter, worker);
      } else {
        compile_range(filter, worker);
      }
    }
    filters.push_back(std::move(filter));
  }
  std::stable_sort(filters.begin(), filters.end(),
                   [](const Filter& a, const Filter& b) { return rank_of(a) < rank_of(b); });
  return filters;
}

std::vector<Filter> source_filters(SourceId source, const census::Census& census) {
  std::vector<Filter> filters;
  if (source == SourceId::rows) return filters;
  Filter filter;
  filter.kind = Filter::Kind::dictionary;
  filter.dictionary = Dictionary::flags;
  filter.keep.assign(257, 0);
  for (std::uint32_t flags = 0; flags < 256; ++flags) {
    const auto state = static_cast<State>(flags & 3);
    const auto allocator = static_cast<Allocator>((flags >> 2) & 7);
    const bool in_use = state == State::used && allocator != Allocator::static_object;
    const bool chunk = allocator == Allocator::glibc || allocator == Allocator::glibc_mmap;
    filter.keep[flags] = (source == SourceId::chunks ? chunk : in_use) ? 1 : 0;
  }
  filters.push_back(std::move(filter));
  if (source == SourceId::objects) {
    Filter objects;
    objects.kind = Filter::Kind::dictionary;
    objects.dictionary = Dictionary::type;
    objects.keep.assign(census.types.size() + 1, 1);
    objects.keep.back() = 0;
    filters.push_back(std::move(objects));
  }
  return filters;
}

}  // namespace coreheap::query
