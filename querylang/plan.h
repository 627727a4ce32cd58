// A query with its meaning settled: what the checker makes and `run` executes.
//
// Invariants: every name is resolved to a row of a table of registry.h or to a column, every
// expression has a type, and what the types forbid is not in here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "querylang/query_error.h"
#include "querylang/regex.h"
#include "querylang/registry.h"
#include "querylang/value.h"

namespace coreheap::query {

struct PipelinePlan;

enum class Op : std::uint8_t {
  constant,
  attribute,  // of a census row
  column,     // of a table, by index
  self,       // the row's own object
  path,       // children[0], then steps
  call,
  bucket,  // the power of two at or below children[0]
  negate,
  arithmetic,  // children[0] operators[0] children[1] ...
  compare,
  match,
  like,
  in_values,  // children[0] in `values`
  in_rows,    // children[0] is the address of something in `rows`
  type_test,  // the row's type (or that of children[0]) is one of `types`
  is_none,
  negation,
  conjunction,
  disjunction,
};

enum class Compare : std::uint8_t { equal, unequal, less, less_equal, greater, greater_equal };

// A set of types named by text. `matches` is filled in for one heap before the query runs.
struct TypeTest {
  std::vector<std::string> names;
  bool subclasses = false;             // isa
  std::vector<std::uint8_t> matches;   // by type id
  std::vector<std::string> ambiguous;  // names without a dot that stood for several types
};

struct ValueSet {
  std::vector<Value> values;  // sorted by hash
  std::vector<std::uint64_t> hashes;
  TextStore texts;
  bool contains(const Value& value) const;
  void add(const Value& value);
  void finish();
};

struct PlanStep {
  std::string name;       // empty: an index
  std::size_t child = 0;  // of the index
};

struct Typed {
  Op op = Op::constant;
  Type type = Type::none;
  Cost cost = Cost::columns;
  Span span;
  std::string name;  // as written
  bool negated = false;
  Value constant;
  std::shared_ptr<const std::string> owned;  // of a constant's text, a pattern
  const Attribute* attribute = nullptr;
  const Function* function = nullptr;
  std::size_t column = 0;
  Compare compare = Compare::equal;
  std::string operators;  // of arithmetic, one character each
  std::vector<Typed> children;
  std::vector<PlanStep> steps;
  std::shared_ptr<const Regex> regex;
  std::shared_ptr<TypeTest> types;
  std::shared_ptr<ValueSet> values;        // of in_values
  std::shared_ptr<const RowSet> rows;      // of in_rows
  std::shared_ptr<PipelinePlan> subquery;  // gives `values` or `rows` before the query runs
  std::string variable;                    // gives `rows`
};

struct AggregatePlan {
  AggregateId id = AggregateId::count;
  std::optional<Typed> value;
  std::string name;  // canonical: "sum(size)"
  Type type = Type::integer;
};

// A table of keys, then aggregates.
struct GroupPlan {
  std::vector<Typed> keys;
  std::vector<AggregatePlan> aggregates;
};

struct ShownColumn {
  std::string name;
  Typed value;
};

struct SortKey {
  Typed value;
  bool descending = false;
};

enum class Walk : std::uint8_t { referents, referrers, closure, dominators, dominated, retained };

enum class StageId : std::uint8_t {
  walk,
  ways,
  cycles,
  where,
  group,
  order,
  limit,
  sample,
  unite,
  intersect,
  minus,
  save,
};

struct StagePlan {
  StageId id = StageId::where;
  std::vector<Typed> conditions;  // of where: all must hold; of ways: what no way touches
  std::shared_ptr<GroupPlan> group;
  std::vector<SortKey> keys;
  // Of limit, sample; steps of walk, 0: as far as it goes; of ways, 0: the usual number.
  std::uint64_t count = 0;
  Walk walk = Walk::referents;
  std::optional<std::uint64_t> target;  // of ways
  bool by_type = false;
  std::vector<ShownColumn> columns;
  std::shared_ptr<PipelinePlan> operand;
  std::string variable;
};

struct PipelinePlan {
  SourceId source = SourceId::blocks;
  std::string variable;                                   // from $x
  std::vector<std::pair<std::uint64_t, Span>> addresses;  // from 0x...
  std::vector<StagePlan> stages;
  bool gives_rows = true;          // rows of the census, else a table
  std::vector<ShownColumn> shown;  // in the end
  bool chosen_columns = false;     // the query says which
  bool explain = false;
};

struct QueryPlan {
  std::vector<std::pair<std::string, PipelinePlan>> lets;
  PipelinePlan pipeline;
  std::string text;
};

}  // namespace coreheap::query
