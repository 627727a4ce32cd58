// Functions, aggregates, sources and stages.
#include "querylang/registry.h"

#include <array>

namespace coreheap::query {
namespace {

constexpr auto kFunctions = std::to_array<Function>({
    {"len", FunctionId::len, 0, 1, Type::integer, Cost::memory, "len([X])", "len() of an object"},
    {"repr", FunctionId::repr, 0, 1, Type::text, Cost::memory, "repr([X])",
     "an object as Python writes it"},
    {"isa", FunctionId::isa, 1, 2, Type::boolean, Cost::columns, "isa([X,] \"TYPE\")",
     "isinstance(), by the class's real __mro__"},
    {"type", FunctionId::type, 0, 1, Type::text, Cost::memory, "type([X])", "type of an object"},
    {"id", FunctionId::id, 0, 1, Type::address, Cost::columns, "id([X])", "address of an object"},
    {"at", FunctionId::at, 1, 2, Type::any, Cost::memory, "at([X,] I)",
     "item I of a list, tuple or deque, -1 the last; what a dict has under I"},
    {"lower", FunctionId::lower, 1, 1, Type::text, Cost::columns, "lower(TEXT)",
     "in small letters (ASCII)"},
    {"contains", FunctionId::contains, 2, 2, Type::boolean, Cost::columns, "contains(TEXT, PART)",
     "is PART in TEXT"},
    {"starts", FunctionId::starts, 2, 2, Type::boolean, Cost::columns, "starts(TEXT, PART)",
     "does TEXT start with PART"},
    {"ends", FunctionId::ends, 2, 2, Type::boolean, Cost::columns, "ends(TEXT, PART)",
     "does TEXT end with PART"},
    {"hash", FunctionId::hash, 1, 1, Type::integer, Cost::columns, "hash(X)",
     "a number that equal values share; the same in every run"},
});

constexpr auto kAggregates = std::to_array<Aggregate>({
    {"count", AggregateId::count, false, "rows; with a value those that have one"},
    {"sum", AggregateId::sum, true, "sum"},
    {"avg", AggregateId::avg, true, "mean"},
    {"min", AggregateId::min, true, "least"},
    {"max", AggregateId::max, true, "greatest"},
    {"p50", AggregateId::p50, true, "median"},
    {"p90", AggregateId::p90, true, "nine in ten are no more"},
    {"p99", AggregateId::p99, true, "99 in 100 are no more"},
    {"distinct", AggregateId::distinct, true, "how many different values"},
    {"any", AggregateId::any, true, "one of the values: the first"},
    {"retained", AggregateId::retained, false, "bytes freed if the whole group went"},
});

constexpr auto kSources = std::to_array<Source>({
    {"blocks", SourceId::blocks, "allocations in use (default): sum(size) adds up with them"},
    {"objects", SourceId::objects, "live Python objects in a heap"},
    {"rows", SourceId::rows, "every row of the census: free, cached and static ones too"},
    {"chunks", SourceId::chunks, "chunks of glibc's malloc, free and cached ones too"},
    {"types", SourceId::types, "Python types"},
    {"arenas", SourceId::arenas, "arenas of pymalloc and of glibc"},
    {"pools", SourceId::pools, "pymalloc's pools in use"},
    {"mappings", SourceId::mappings, "mappings of the address space"},
    {"modules", SourceId::modules, "Python modules, as sys.modules has them"},
    {"threads", SourceId::threads, "Python threads"},
    {"frames", SourceId::frames, "frames of Python threads, innermost first"},
    {"refs", SourceId::refs, "references between objects and native blocks"},
    {"roots", SourceId::roots, "what keeps objects alive from outside"},
    {"added", SourceId::added, "rows that the older snapshot has not", Needs::two_snapshots},
    {"removed", SourceId::removed, "rows that only the older snapshot has", Needs::two_snapshots},
    {"kept", SourceId::kept, "rows of both snapshots", Needs::two_snapshots},
});

constexpr auto kStages = std::to_array<StageInfo>({
    {"where", "where CONDITION", "keeps the rows that it is true of"},
    {"group by", "group by VALUE, ... [show COLUMN, ...]", "one row for each different value"},
    {"order by", "order by VALUE [asc|desc], ...", "sorts; also: sort"},
    {"limit", "limit N", "the first N rows"},
    {"sample", "sample N", "N rows picked by chance, the same in every run"},
    {"show", "show COLUMN [as NAME], ...", "what is printed of each row"},
    {"sum", "sum VALUE", "the sum, and how many rows have the value"},
    {"count", "count", "how many rows"},
    {"histogram", "histogram VALUE", "rows by powers of two of a number"},
    {"distinct", "distinct VALUE", "the different values and how often each occurs"},
    {"union", "union SOURCE|(QUERY)", "rows of either"},
    {"intersect", "intersect SOURCE|(QUERY)", "rows of both"},
    {"minus", "minus SOURCE|(QUERY)", "rows that the other has not"},
    {"as", "as $NAME", "keeps the rows under a name, as long as the session lasts"},
    {"explain", "explain", "how the query would run, in place of its rows"},
    {"referents", "referents [N] [where CONDITION]", "what the rows refer to"},
    {"referrers", "referrers [N] [where CONDITION]", "what refers to the rows"},
    {"closure", "closure [N] [where CONDITION]", "everything the rows lead to"},
    {"dominators", "dominators [N]", "immediate dominators"},
    {"dominated", "dominated [N]", "what would be freed, without the rows"},
    {"retained", "retained", "what would be freed with the rows"},
    {"cycles", "cycles", "reference cycles among the rows, the largest first"},
    {"path", "path [to ADDR] [excluding CONDITION] [by type] [limit N]",
     "ways from the roots; by type: merged"},
});

template <class Table>
const auto* find_in(const Table& table, std::string_view name) {
  for (const auto& one : table) {
    if (one.name == name) return &one;
  }
  return static_cast<decltype(&table[0])>(nullptr);
}

}  // namespace

std::string_view name_of(Cost cost) {
  switch (cost) {
    case Cost::columns:
      return "columns";
    case Cost::memory:
      return "memory";
    case Cost::graph:
      return "graph";
    case Cost::retained:
      return "retained";
  }
  return "columns";
}

std::span<const Function> functions() { return kFunctions; }
const Function* find_function(std::string_view name) { return find_in(kFunctions, name); }
std::span<const Aggregate> aggregates() { return kAggregates; }
const Aggregate* find_aggregate(std::string_view name) { return find_in(kAggregates, name); }
std::span<const Source> sources() { return kSources; }
const Source* find_source(std::string_view name) { return find_in(kSources, name); }
std::span<const StageInfo> stages() { return kStages; }
const StageInfo* find_stage(std::string_view name) { return find_in(kStages, name); }

}  // namespace coreheap::query
