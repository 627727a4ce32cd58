// Expressions: what a word means where it stands, and of what type it is.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "querylang/plan.h"
#include "querylang/syntax.h"

namespace coreheap::query {

struct ScopeColumn {
  std::string name;       // as shown
  std::string canonical;  // as written, without blanks
  Type type = Type::any;
  bool of_graph = false;  // worked out where a query names it
};

// What the words of a stage may name.
struct Scope {
  bool census = true;                // rows of the census, else a table
  std::vector<ScopeColumn> columns;  // of a table
  std::map<std::string, Typed, std::less<>> aliases;
  // Behind `group by`: aggregates may still be added, of values that stand in the scope before it.
  std::shared_ptr<GroupPlan> group;
  std::shared_ptr<Scope> inner;
};

// Checks a pipeline inside an expression; given by the checker of pipelines.
class PipelineChecker {
 public:
  PipelineChecker() = default;
  PipelineChecker(const PipelineChecker&) = delete;
  PipelineChecker& operator=(const PipelineChecker&) = delete;
  virtual ~PipelineChecker() = default;
  virtual Checked<PipelinePlan> check_pipeline(const Pipeline& pipeline) = 0;
  virtual Checked<void> check_variable(std::string_view name, Span span) const = 0;
};

class ExpressionChecker {
 public:
  ExpressionChecker(std::string_view text, PipelineChecker& pipelines)
      : text_(text), pipelines_(pipelines) {}

  Checked<Typed> value(const Expression& e, Scope& scope);
  // True or false; a conjunction comes as its parts.
  Checked<std::vector<Typed>> conditions(const Expression& e, Scope& scope);
  // An aggregate: "count()", "sum(size)"; adds it to the group and gives its column.
  Checked<Typed> aggregate(const Expression& e, const Aggregate& info, Scope& scope);

  // "sum(size)": as written, blanks left out (or single, for people).
  std::string canonical(Span span) const;
  std::string as_written(Span span) const;

 private:
  Checked<Typed> condition(const Expression& e, Scope& scope);
  Checked<Typed> constant(const Expression& e);
  Checked<Typed> name(const Expression& e, Scope& scope);
  Checked<Typed> call(const Expression& e, Scope& scope);
  Checked<Typed> path(const Expression& e, Scope& scope);
  Checked<Typed> arithmetic(const Expression& e, Scope& scope);
  Checked<Typed> compare(const Expression& e, Scope& scope);
  Checked<Typed> match(const Expression& e, Scope& scope);
  Checked<Typed> in(const Expression& e, Scope& scope);
  Checked<Typed> operand(const Expression& e, const Expression& other, Scope& scope);
  QueryError mismatch(const Typed& a, const Typed& b, Span span) const;
  std::vector<std::string_view> known_names(const Scope& scope) const;

  std::string_view text_;
  PipelineChecker& pipelines_;
};

}  // namespace coreheap::query
