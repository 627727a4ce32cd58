// Stage after stage over row numbers. Conditions wait until a stage needs the rows, so that all of
// them are one scan.
#include "querylang/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "querylang/execution.h"
#include "querylang/explain.h"
#include "querylang/graph_stages.h"
#include "querylang/graph_tables.h"
#include "querylang/prepare.h"
#include "querylang/row_stages.h"
#include "querylang/scan.h"

namespace coreheap::query {

namespace {

using Clock = std::chrono::steady_clock;

class ResultRows final : public QueryResult {
 public:
  ResultRows(std::shared_ptr<const QueryPlan> plan, std::shared_ptr<const Derived> derived,
             const Heap& heap, Relation relation, Footer footer, std::string explanation)
      : plan_(std::move(plan)),
        derived_(std::move(derived)),
        heap_(heap),
        worker_(heap_, *derived_),
        relation_(std::move(relation)),
        footer_(std::move(footer)),
        explanation_(std::move(explanation)) {
    for (const ShownColumn& column : plan_->pipeline.shown) {
      columns_.push_back({column.name, column.value.type});
    }
  }

  const std::vector<ResultColumn>& columns() const override { return columns_; }
  std::uint64_t size() const override { return relation_.rows.size(); }
  const Footer& footer() const override { return footer_; }
  const std::string& explanation() const override { return explanation_; }

  void fill(std::size_t column, std::span<const std::uint64_t> rows, std::span<Value> out,
            TextStore& texts) const override {
    std::vector<std::uint32_t> ids(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) ids[i] = relation_.rows[rows[i]];
    Evaluator evaluator(worker_, relation_.table.get());
    evaluator.eval(plan_->pipeline.shown[column].value, ids, out.first(rows.size()));
    for (Value& value : out.first(rows.size())) {
      value = texts.keep(value);
    }
    worker_.texts.clear();
  }

 private:
  std::shared_ptr<const QueryPlan> plan_;
  std::shared_ptr<const Derived> derived_;
  Heap heap_;
  mutable Worker worker_;
  Relation relation_;
  Footer footer_;
  std::string explanation_;
  std::vector<ResultColumn> columns_;
};

class Executor {
 public:
  Executor(const Heap& heap, Variables& variables, JobControl& job)
      : variables_(variables), run_{heap, job} {}

  Result<std::shared_ptr<const QueryResult>> execute(QueryPlan given) {
    const auto start = Clock::now();
    auto plan = std::make_shared<QueryPlan>(std::move(given));
    for (auto& [name, pipeline] : plan->lets) {
      auto rows = run_pipeline(pipeline);
      if (!rows) return std::unexpected(rows.error());
      variables_[name] = std::make_shared<const RowSet>(sorted(rows->rows));
    }
    PipelinePlan& main = plan->pipeline;
    if (main.explain) {
      if (auto ready = prepare_pipeline(main); !ready) return std::unexpected(ready.error());
      auto relation = source_relation(main);
      if (!relation) return std::unexpected(relation.error());
      std::string text = explained(main, *relation, run_.worker(0));
      relation->rows.clear();
      relation->pending = false;
      return std::make_shared<ResultRows>(plan, run_.derived, run_.heap, std::move(*relation),
                                          Footer{}, std::move(text));
    }
    auto relation = run_pipeline(main);
    if (!relation) return std::unexpected(relation.error());
    Footer footer;
    footer.matched = relation->matched.value_or(relation->rows.size());
    footer.cut = relation->matched.has_value();
    footer.heap_bytes = run_.heap.census.coverage.allocator_bytes;
    footer.bytes = relation->bytes;
    if (relation->is_census() && !footer.cut) footer.bytes = bytes_of(relation->rows);
    footer.notes = run_.notes;
    add_missing(footer);
    footer.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::make_shared<ResultRows>(plan, run_.derived, run_.heap, std::move(*relation),
                                        std::move(footer), std::string());
  }

 private:
  static RowSet sorted(std::vector<std::uint32_t> rows) {
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  std::uint64_t bytes_of(const std::vector<std::uint32_t>& rows) const {
    const auto sizes = run_.heap.census.rows.sizes();
    std::uint64_t bytes = 0;
    for (const std::uint32_t row : rows) bytes += sizes[row];
    return bytes;
  }

  // Rows of which a condition or a key could not be worked out.
  void add_missing(Footer& footer) const {
    std::vector<std::pair<std::string, std::uint64_t>> lines;
    for (const auto& [e, count] : run_.nones) {
      const auto same =
          std::find_if(lines.begin(), lines.end(),
                       [&, name = e->name](const auto& l) { return l.first == name; });
      if (same != lines.end()) {
        same->second = std::max(same->second, count);
      } else {
        lines.emplace_back(e->name, count);
      }
    }
    std::sort(lines.begin(), lines.end());
    for (const auto& [name, count] : lines) {
      footer.notes.push_back(
          fmt::format("{} is none for {} row{}", name, count, count == 1 ? "" : "s"));
    }
  }

  // Pipelines inside it are run, variables looked up, types found.
  Result<void> prepare_pipeline(PipelinePlan& plan) {
    std::vector<Typed*> subqueries;
    Preparation preparation;
    Result<void> state;
    for_each_expression(plan, [&](Typed& e) {
      prepare(e, run_.heap, preparation);
      if (e.subquery != nullptr && e.rows == nullptr && e.values == nullptr)
        subqueries.push_back(&e);
      if (!e.variable.empty()) {
        const auto found = variables_.find(e.variable);
        e.rows = found == variables_.end() ? std::make_shared<const RowSet>() : found->second;
      }
    });
    preparation.needs_graph =
        preparation.needs_graph || plan.source == SourceId::roots || plan.source == SourceId::refs;
    preparation.needs_dominators = preparation.needs_dominators || plan.source == SourceId::roots;
    for (const StagePlan& stage : plan.stages) {
      if (stage.id == StageId::ways || stage.id == StageId::cycles) preparation.needs_graph = true;
      if (stage.id == StageId::walk) {
        preparation.needs_graph = true;
        preparation.needs_dominators =
            preparation.needs_dominators || stage.walk == Walk::dominators;
      }
      if (stage.group == nullptr) continue;
      for (const AggregatePlan& aggregate : stage.group->aggregates) {
        preparation.needs_dominators =
            preparation.needs_dominators || aggregate.id == AggregateId::retained;
      }
    }
    run_.notes.insert(run_.notes.end(), preparation.notes.begin(), preparation.notes.end());
    if (auto done = derive(preparation, run_.heap, *run_.derived, run_.job); !done) return done;
    for (Typed* e : subqueries) {
      auto relation = run_pipeline(*e->subquery);
      if (!relation) return std::unexpected(relation.error());
      if (e->op == Op::in_rows) {
        e->rows = std::make_shared<const RowSet>(sorted(std::move(relation->rows)));
        continue;
      }
      auto values = std::make_shared<ValueSet>();
      Evaluator evaluator(run_.worker(0), relation->table.get());
      std::vector<Value> cells(kBatch);
      for (std::size_t at = 0; at < relation->rows.size(); at += kBatch) {
        const std::size_t n = std::min(kBatch, relation->rows.size() - at);
        evaluator.eval(e->subquery->shown[0].value, std::span(relation->rows).subspan(at, n),
                       std::span(cells).first(n));
        for (std::size_t i = 0; i < n; ++i) {
          if (!cells[i].is_none()) values->add(cells[i]);
        }
        run_.worker(0).texts.clear();
      }
      values->finish();
      e->values = std::move(values);
    }
    return {};
  }

  Result<Relation> source_relation(const PipelinePlan& plan) {
    Relation relation;
    relation.source = plan.source;
    if (!plan.variable.empty()) {
      const auto found = variables_.find(plan.variable);
      if (found != variables_.end()) relation.rows = *found->second;
      relation.pending = false;
      return relation;
    }
    if (!plan.addresses.empty()) {
      for (const auto& [address, span] : plan.addresses) {
        const census::RowId row = run_.heap.census.row_holding(Address{address});
        if (row == census::RowId::none) {
          return fail(ErrorCode::not_mapped, fmt::format("0x{:x}", address), "no block lies there",
                      fmt::format("show 0x{:x}", address));
        }
        relation.rows.push_back(census::index_of(row));
      }
      relation.pending = false;
      return relation;
    }
    if (!is_census(plan.source)) {
      auto table = table_data(plan.source, run_.heap, *run_.derived, run_.job);
      if (!table) return std::unexpected(table.error());
      relation = relation_of(std::move(*table));
      relation.source = plan.source;
    }
    return relation;
  }

  Result<void> walk_graph(Relation& relation, StagePlan& stage) {
    if (auto done = settle(run_, relation); !done) return done;
    RowFilter filter;
    if (!stage.conditions.empty()) {
      filter = [&](RowSet rows) -> Result<RowSet> {
        Relation step;
        step.pending = false;
        step.rows = std::move(rows);
        for (const Typed& condition : stage.conditions) step.conditions.push_back(&condition);
        if (auto done = settle(run_, step); !done) return std::unexpected(done.error());
        return std::move(step.rows);
      };
    }
    auto found = walk(stage.walk, sorted(std::move(relation.rows)), stage.count, filter, run_.heap,
                      *run_.derived, run_.job);
    if (!found) return std::unexpected(found.error());
    relation.rows = std::move(*found);
    relation.matched.reset();
    return {};
  }

  // A table in place of the rows.
  Result<void> to_table(Relation& relation, StagePlan& stage) {
    if (auto done = settle(run_, relation); !done) return done;
    const RowSet rows = sorted(std::move(relation.rows));
    Result<std::shared_ptr<TableData>> table;
    if (stage.id == StageId::cycles) {
      table = cycles(rows, run_.worker(0), run_.job);
    } else {
      WaysWanted wanted;
      wanted.by_type = stage.by_type;
      if (stage.count != 0) wanted.limit = stage.count;
      if (stage.target) wanted.to = Address{*stage.target};
      if (!stage.conditions.empty()) {
        Relation excluded;
        excluded.source = SourceId::rows;
        for (const Typed& condition : stage.conditions) excluded.conditions.push_back(&condition);
        if (auto done = settle(run_, excluded); !done) return done;
        wanted.excluded = std::move(excluded.rows);
      }
      table = ways(rows, wanted, run_.worker(0), run_.notes, run_.job);
    }
    if (!table) return std::unexpected(table.error());
    relation = relation_of(std::move(*table));
    return {};
  }

  Result<void> combine(Relation& relation, StagePlan& stage) {
    if (auto done = settle(run_, relation); !done) return done;
    auto other = run_pipeline(*stage.operand);
    if (!other) return std::unexpected(other.error());
    const RowSet a = sorted(std::move(relation.rows));
    const RowSet b = sorted(std::move(other->rows));
    relation.rows.clear();
    auto out = std::back_inserter(relation.rows);
    if (stage.id == StageId::unite) {
      std::set_union(a.begin(), a.end(), b.begin(), b.end(), out);
    } else if (stage.id == StageId::intersect) {
      std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), out);
    } else {
      std::set_difference(a.begin(), a.end(), b.begin(), b.end(), out);
    }
    relation.matched.reset();
    return {};
  }

  Result<Relation> run_pipeline(PipelinePlan& plan) {
    if (auto ready = prepare_pipeline(plan); !ready) return std::unexpected(ready.error());
    auto relation = source_relation(plan);
    if (!relation) return relation;
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      StagePlan& stage = plan.stages[i];
      Result<void> done;
      switch (stage.id) {
        case StageId::where:
          for (const Typed& condition : stage.conditions)
            relation->conditions.push_back(&condition);
          break;
        case StageId::group:
          done = group(run_, *relation, *stage.group);
          break;
        case StageId::order: {
          const bool limited =
              i + 1 < plan.stages.size() && plan.stages[i + 1].id == StageId::limit;
          done = sort(run_, *relation, stage.keys, limited ? plan.stages[i + 1].count : UINT64_MAX);
          break;
        }
        case StageId::limit:
          done = settle(run_, *relation);
          if (done && relation->rows.size() > stage.count) {
            relation->matched = relation->matched.value_or(relation->rows.size());
            relation->rows.resize(stage.count);
          }
          break;
        case StageId::sample:
          done = sample(run_, *relation, stage.count);
          break;
        case StageId::unite:
        case StageId::intersect:
        case StageId::minus:
          done = combine(*relation, stage);
          break;
        case StageId::walk:
          done = walk_graph(*relation, stage);
          break;
        case StageId::ways:
        case StageId::cycles:
          done = to_table(*relation, stage);
          break;
        case StageId::save:
          done = settle(run_, *relation);
          if (done) {
            variables_[stage.variable] = std::make_shared<const RowSet>(sorted(relation->rows));
            run_.notes.push_back(fmt::format("saved as ${}", stage.variable));
          }
          break;
      }
      if (!done) return std::unexpected(done.error());
    }
    if (auto done = settle(run_, *relation); !done) return std::unexpected(done.error());
    return relation;
  }

  Variables& variables_;
  Execution run_;
};

}  // namespace

Result<std::shared_ptr<const QueryResult>> run(QueryPlan plan, const Heap& heap,
                                               Variables& variables, JobControl& job) {
  return Executor(heap, variables, job).execute(std::move(plan));
}

}  // namespace coreheap::query
