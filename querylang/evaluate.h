// Expressions over a batch of rows: a column of values for each node of the tree.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "querylang/plan.h"
#include "querylang/tables.h"
#include "querylang/worker.h"

namespace coreheap::query {

// Rows that are looked at together: their values fit a core's own cache.
inline constexpr std::size_t kBatch = 1024;

// The id of the row in a dictionary; the number of its entries where it has none.
std::uint32_t entry_of(const census::Census& census, Dictionary dictionary, std::uint32_t row);
std::size_t entry_count(const census::Census& census, Dictionary dictionary);

class Evaluator {
 public:
  // Rows of the census, or of `table`.
  Evaluator(Worker& worker, const TableData* table) : worker_(&worker), table_(table) {}
  // Entries of a dictionary stand for the rows that have them.
  Evaluator(Worker& worker, Dictionary entries)
      : worker_(&worker), table_(nullptr), entries_(entries) {}

  // out[i]: the value for rows[i]. Texts live as long as the worker's store is not cleared.
  void eval(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out);
  // Keeps the rows that the condition is true of.
  void filter(const Typed& e, std::vector<std::uint32_t>& rows);

  Worker& worker() { return *worker_; }

  // Rows for which a value read from memory was none, by expression.
  std::map<const Typed*, std::uint64_t> nones;
  bool count_nones = false;

 private:
  void eval_attribute(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out);
  void eval_path(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out);
  void eval_call(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out);
  void eval_type_test(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out);
  void eval_connective(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out);
  // Objects as objects: plain ones, too. nullopt where there is none.
  void eval_objects(const Typed& e, std::span<const std::uint32_t> rows,
                    std::span<std::optional<python::Object>> out);
  std::optional<python::Object> object_of(const Value& value);
  std::optional<Address> item_of(const python::Object& object, const Value& index);

  Worker* worker_;
  const TableData* table_;
  Dictionary entries_ = Dictionary::none;
};

Value calculate(char sign, const Value& a, const Value& b);
bool holds(Compare how, const Value& a, const Value& b);
// Glob: * any characters, ? one.
bool is_like(std::string_view text, std::string_view pattern);

}  // namespace coreheap::query
