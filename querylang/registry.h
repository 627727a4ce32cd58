// The words of the language and what stands behind them: attributes of rows, functions, aggregates,
// sources, stages. Checker, executor, help and completion all read these tables.
//
// Invariant: an attribute without an evaluator is known and refused with `needs`, so that a query
// that names it is told what is missing instead of being called mistyped.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "querylang/heap.h"
#include "querylang/value.h"

namespace coreheap::query {

class Worker;

// What a value costs: what is touched for each row.
enum class Cost : std::uint8_t {
  columns,   // the census's arrays
  memory,    // the target's memory
  graph,     // references: needs the graph
  retained,  // dominators: needs the graph
};
std::string_view name_of(Cost cost);

// Attributes that depend on one small id of the row are worked out once an id.
enum class Dictionary : std::uint8_t { none, type, label, flags, kind };

enum class Needs : std::uint8_t { nothing, two_snapshots };

struct Attribute {
  std::string_view name;
  std::string_view alias;
  Type type = Type::none;
  Cost cost = Cost::columns;
  std::string_view meaning;
  Needs needs = Needs::nothing;
  // Exactly one of these, unless it is refused.
  std::span<const std::uint64_t> (*column)(const Heap&, const Derived&) = nullptr;
  Dictionary dictionary = Dictionary::none;
  Value (*of_entry)(const Heap&, std::uint32_t entry) = nullptr;
  Value (*of_row)(Worker&, census::RowId) = nullptr;
  // What must be worked out first.
  bool needs_buffers = false;
  bool needs_collector = false;
  bool needs_counts = false;
  bool needs_holders = false;
};

std::span<const Attribute> attributes();
const Attribute* find_attribute(std::string_view name);

enum class FunctionId : std::uint8_t {
  len,
  repr,
  isa,
  lower,
  contains,
  starts,
  ends,
  at,
  hash,
  id,
  type,
};

struct Function {
  std::string_view name;
  FunctionId id = FunctionId::len;
  // Arguments; the first may be left out where the row's own object stands for it.
  std::uint8_t min_arguments = 0;
  std::uint8_t max_arguments = 1;
  Type type = Type::any;
  Cost cost = Cost::memory;
  std::string_view usage;  // "len([X])"
  std::string_view meaning;
};

std::span<const Function> functions();
const Function* find_function(std::string_view name);

enum class AggregateId : std::uint8_t {
  count,
  sum,
  avg,
  min,
  max,
  p50,
  p90,
  p99,
  retained,
  distinct,
  any
};

struct Aggregate {
  std::string_view name;
  AggregateId id = AggregateId::count;
  bool takes_value = true;
  std::string_view meaning;
  Needs needs = Needs::nothing;
};

std::span<const Aggregate> aggregates();
const Aggregate* find_aggregate(std::string_view name);

enum class SourceId : std::uint8_t {
  blocks,
  objects,
  rows,
  chunks,  // rows of the census
  types,
  arenas,
  pools,
  mappings,
  modules,
  threads,
  frames,  // tables of their own
  refs,
  roots,
  added,
  removed,
  kept,
};

struct Source {
  std::string_view name;
  SourceId id = SourceId::blocks;
  std::string_view meaning;
  Needs needs = Needs::nothing;
};

std::span<const Source> sources();
const Source* find_source(std::string_view name);
constexpr bool is_census(SourceId id) { return id <= SourceId::chunks; }

struct StageInfo {
  std::string_view name;  // "group by"
  std::string_view usage;
  std::string_view meaning;
  Needs needs = Needs::nothing;
};

std::span<const StageInfo> stages();
const StageInfo* find_stage(std::string_view name);

}  // namespace coreheap::query
