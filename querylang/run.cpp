// Stage after stage over row numbers. Conditions wait until a stage needs the rows, so that all of
// them are one scan.
#include "querylang/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "querylang/explain.h"
#include "querylang/filter.h"
#include "querylang/graph_stages.h"
#include "querylang/graph_tables.h"
#include "querylang/group.h"
#include "querylang/prepare.h"
#include "querylang/relation.h"

namespace coreheap::query {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPiece = std::size_t{1} << 17;
constexpr std::uint64_t kSeed = 1;
// Rows of which only the first are wanted are sorted as they come; more than so many are not worth
// it.
constexpr std::uint64_t kMostKept = 1 << 16;

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
      : heap_(heap), variables_(variables), job_(job), derived_(std::make_shared<Derived>()) {}

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
      std::string text = explained(main, *relation, worker(0));
      relation->rows.clear();
      relation->pending = false;
      return std::make_shared<ResultRows>(plan, derived_, heap_, std::move(*relation), Footer{},
                                          std::move(text));
    }
    auto relation = run_pipeline(main);
    if (!relation) return std::unexpected(relation.error());
    Footer footer;
    footer.matched = relation->matched.value_or(relation->rows.size());
    footer.cut = relation->matched.has_value();
    footer.heap_bytes = heap_.census.coverage.allocator_bytes;
    footer.bytes = relation->bytes;
    if (relation->is_census() && !footer.cut) footer.bytes = bytes_of(relation->rows);
    footer.notes = notes_;
    add_missing(footer);
    footer.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::make_shared<ResultRows>(plan, derived_, heap_, std::move(*relation),
                                        std::move(footer), std::string());
  }

 private:
  Worker& worker(unsigned index) {
    while (workers_.size() <= index) {
      workers_.push_back(std::make_unique<Worker>(heap_, *derived_));
    }
    return *workers_[index];
  }

  static RowSet sorted(std::vector<std::uint32_t> rows) {
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  std::uint64_t bytes_of(const std::vector<std::uint32_t>& rows) const {
    const auto sizes = heap_.census.rows.sizes();
    std::uint64_t bytes = 0;
    for (const std::uint32_t row : rows) bytes += sizes[row];
    return bytes;
  }

  // Rows of which a condition or a key could not be worked out.
  void add_missing(Footer& footer) const {
    std::vector<std::pair<std::string, std::uint64_t>> lines;
    for (const auto& [e, count] : nones_) {
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
      prepare(e, heap_, preparation);
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
    notes_.insert(notes_.end(), preparation.notes.begin(), preparation.notes.end());
    if (auto done = derive(preparation, heap_, *derived_, job_); !done) return done;
    for (Typed* e : subqueries) {
      auto relation = run_pipeline(*e->subquery);
      if (!relation) return std::unexpected(relation.error());
      if (e->op == Op::in_rows) {
        e->rows = std::make_shared<const RowSet>(sorted(std::move(relation->rows)));
        continue;
      }
      auto values = std::make_shared<ValueSet>();
      Evaluator evaluator(worker(0), relation->table.get());
      std::vector<Value> cells(kBatch);
      for (std::size_t at = 0; at < relation->rows.size(); at += kBatch) {
        const std::size_t n = std::min(kBatch, relation->rows.size() - at);
        evaluator.eval(e->subquery->shown[0].value, std::span(relation->rows).subspan(at, n),
                       std::span(cells).first(n));
        for (std::size_t i = 0; i < n; ++i) {
          if (!cells[i].is_none()) values->add(cells[i]);
        }
        worker(0).texts.clear();
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
        const census::RowId row = heap_.census.row_holding(Address{address});
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
      auto table = table_data(plan.source, heap_, *derived_, job_);
      if (!table) return std::unexpected(table.error());
      relation.table = std::move(*table);
      relation.rows.resize(relation.table->rows);
      std::iota(relation.rows.begin(), relation.rows.end(), 0U);
      relation.pending = false;
    }
    return relation;
  }

  // Calls sink(piece, evaluator, rows) for what passes the relation's conditions, batch by batch.
  template <class Sink>
  Result<void> scan(Relation& relation, std::size_t pieces, Sink&& sink) {
    std::vector<Filter> filters;
    if (relation.pending) filters = source_filters(relation.source, heap_.census);
    std::vector<Filter> compiled = compile(relation.conditions, worker(0), !relation.is_census());
    std::move(compiled.begin(), compiled.end(), std::back_inserter(filters));
    const std::size_t count = relation.count(heap_);
    for (unsigned i = 0; i < worker_count(pieces); ++i) worker(i);
    std::vector<std::map<const Typed*, std::uint64_t>> nones(worker_count(pieces));
    job_.begin_step("selecting", count);
    auto done = parallel_for(pieces, job_, [&](std::size_t piece, unsigned index) {
      Evaluator evaluator(worker(index), relation.table.get());
      evaluator.count_nones = true;
      std::vector<std::uint32_t> rows;
      const std::size_t end = std::min(count, (piece + 1) * kPiece);
      for (std::size_t at = piece * kPiece; at < end; at += kBatch) {
        const std::size_t n = std::min(kBatch, end - at);
        rows.resize(n);
        if (relation.pending) {
          std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(at));
        } else {
          std::copy_n(relation.rows.begin() + static_cast<std::ptrdiff_t>(at), n, rows.begin());
        }
        for (const Filter& filter : filters) {
          if (rows.empty()) break;
          filter.apply(evaluator, rows);
        }
        if (!rows.empty()) sink(piece, index, evaluator, rows);
        worker(index).texts.clear();
        if (job_.cancelled()) return;
      }
      job_.advance(end - piece * kPiece);
      for (const auto& [e, n] : evaluator.nones) nones[index][e] += n;
    });
    if (!done) return done;
    for (const auto& one : nones) {
      for (const auto& [e, n] : one) nones_[e] += n;
    }
    if (job_.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
    return {};
  }

  std::size_t pieces_of(const Relation& relation) const {
    return (relation.count(heap_) + kPiece - 1) / kPiece;
  }

  Result<void> settle(Relation& relation) {
    if (!relation.pending && relation.conditions.empty()) return {};
    const std::size_t pieces = pieces_of(relation);
    std::vector<std::vector<std::uint32_t>> kept(pieces);
    auto done =
        scan(relation, pieces,
             [&](std::size_t piece, unsigned, Evaluator&, std::vector<std::uint32_t>& rows) {
               kept[piece].insert(kept[piece].end(), rows.begin(), rows.end());
             });
    if (!done) return done;
    std::size_t total = 0;
    for (const auto& one : kept) total += one.size();
    std::vector<std::uint32_t> all;
    all.reserve(total);
    for (auto& one : kept) {
      all.insert(all.end(), one.begin(), one.end());
      one = {};
    }
    // What was left out of a table of groups was counted in its bytes.
    if (!relation.is_census() && all.size() != relation.rows.size()) relation.bytes.reset();
    relation.rows = std::move(all);
    relation.pending = false;
    relation.conditions.clear();
    return {};
  }

  Result<void> group(Relation& relation, const GroupPlan& plan) {
    const std::size_t pieces = pieces_of(relation);
    std::shared_ptr<TableData> table;
    std::uint64_t bytes = 0;
    const bool sized = relation.is_census();
    const auto sizes = heap_.census.rows.sizes();
    std::uint64_t rows = 0;
    if (sized && DenseGroups::fits(plan)) {
      std::vector<DenseGroups> groups(worker_count(std::max<std::size_t>(pieces, 1)),
                                      DenseGroups(plan, heap_, *derived_));
      std::vector<std::uint64_t> sums(groups.size() * 8, 0);
      auto done =
          scan(relation, pieces,
               [&](std::size_t, unsigned index, Evaluator&, std::vector<std::uint32_t>& ids) {
                 groups[index].add(ids);
                 for (const std::uint32_t id : ids) sums[index * 8] += sizes[id];
               });
      if (!done) return done;
      for (std::size_t i = 1; i < groups.size(); ++i) groups[0].merge(groups[i]);
      for (std::size_t i = 0; i < groups.size(); ++i) bytes += sums[i * 8];
      table = groups[0].table(worker(0));
      rows = groups[0].rows();
    } else {
      std::vector<Groups> groups;
      for (std::size_t i = 0; i < std::max<std::size_t>(pieces, 1); ++i) groups.emplace_back(plan);
      std::vector<std::uint64_t> sums(groups.size(), 0);
      auto done = scan(
          relation, pieces,
          [&](std::size_t piece, unsigned, Evaluator& evaluator, std::vector<std::uint32_t>& ids) {
            groups[piece].add(evaluator, ids);
            if (!sized) return;
            for (const std::uint32_t id : ids) sums[piece] += sizes[id];
          });
      if (!done) return done;
      for (std::size_t i = 1; i < groups.size(); ++i) {
        groups[0].merge(std::move(groups[i]));
        if (job_.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
      }
      for (const std::uint64_t sum : sums) bytes += sum;
      job_.begin_step("retained sizes of groups", 0);
      auto finished = groups[0].table([&](const RowSet& set) -> Result<std::uint64_t> {
        if (job_.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
        return retained_bytes(set, *derived_, job_);
      });
      if (!finished) return std::unexpected(finished.error());
      table = std::move(*finished);
      rows = groups[0].rows();
      if (groups[0].rows_cut() != 0) {
        notes_.push_back(
            fmt::format("{} rows of further groups are left out: there are more than {}",
                        groups[0].rows_cut(), kMaxGroups));
      }
    }
    Relation grouped;
    grouped.table = std::move(table);
    grouped.pending = false;
    grouped.rows.resize(grouped.table->rows);
    std::iota(grouped.rows.begin(), grouped.rows.end(), 0U);
    if (sized) grouped.bytes = bytes;
    static_cast<void>(rows);
    relation = std::move(grouped);
    return {};
  }

  // Values of all keys for rows[begin, end), on every core. Texts stay until `settle_texts`.
  Result<std::vector<std::vector<Value>>> sort_values(const Relation& relation,
                                                      std::span<const std::uint32_t> rows,
                                                      const std::vector<SortKey>& keys) {
    std::vector<std::vector<Value>> values(keys.size());
    for (auto& column : values) column.resize(rows.size());
    const std::size_t pieces = (rows.size() + kPiece - 1) / kPiece;
    for (unsigned i = 0; i < worker_count(pieces); ++i) worker(i);
    auto done = parallel_for(pieces, job_, [&](std::size_t piece, unsigned index) {
      Evaluator evaluator(worker(index), relation.table.get());
      const std::size_t end = std::min(rows.size(), (piece + 1) * kPiece);
      for (std::size_t at = piece * kPiece; at < end && !job_.cancelled(); at += kBatch) {
        const std::size_t n = std::min(kBatch, end - at);
        for (std::size_t k = 0; k < keys.size(); ++k) {
          evaluator.eval(keys[k].value, rows.subspan(at, n), std::span(values[k]).subspan(at, n));
        }
      }
    });
    if (!done) return std::unexpected(done.error());
    if (job_.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
    return values;
  }

  Result<void> sort(Relation& relation, const std::vector<SortKey>& keys, std::uint64_t wanted) {
    if (auto done = settle(relation); !done) return done;
    job_.begin_step("sorting", relation.rows.size());
    const bool few = wanted <= kMostKept && wanted < relation.rows.size() / 4;
    const std::size_t chunk =
        few ? std::max<std::size_t>(kPiece * 4, wanted * 2) : relation.rows.size();
    // Of each chunk the best go on into the next one: their order among equals is that of the rows.
    std::vector<std::uint32_t> best;
    std::size_t at = 0;
    do {
      std::vector<std::uint32_t> rows;
      rows.swap(best);
      const std::size_t n = std::min(chunk, relation.rows.size() - at);
      rows.insert(rows.end(), relation.rows.begin() + static_cast<std::ptrdiff_t>(at),
                  relation.rows.begin() + static_cast<std::ptrdiff_t>(at + n));
      at += n;
      auto values = sort_values(relation, rows, keys);
      if (!values) return std::unexpected(values.error());
      std::vector<std::uint32_t> order(rows.size());
      std::iota(order.begin(), order.end(), 0U);
      const auto before = [&](std::uint32_t a, std::uint32_t b) {
        for (std::size_t k = 0; k < keys.size(); ++k) {
          const Value& x = (*values)[k][a];
          const Value& y = (*values)[k][b];
          if (const int way = sort_order(x, y, keys[k].descending); way != 0) return way < 0;
        }
        return a < b;
      };
      const auto end = order.begin() +
                       static_cast<std::ptrdiff_t>(few ? std::min<std::size_t>(wanted, order.size())
                                                       : order.size());
      if (few) {
        std::partial_sort(order.begin(), end, order.end(), before);
      } else {
        std::sort(order.begin(), order.end(), before);
      }
      for (auto it = order.begin(); it != end; ++it) best.push_back(rows[*it]);
      for (const auto& one : workers_) one->texts.clear();
      job_.advance(n);
      if (job_.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
    } while (at < relation.rows.size());
    if (few) relation.matched = relation.rows.size();
    relation.rows = std::move(best);
    return {};
  }

  Result<void> sample(Relation& relation, std::uint64_t wanted) {
    if (auto done = settle(relation); !done) return done;
    notes_.push_back(fmt::format("sampled with seed {}", kSeed));
    if (relation.rows.size() <= wanted) return {};
    const auto chance = [](std::uint32_t row) {
      std::uint64_t x = (row + kSeed) * 0x9e3779b97f4a7c15ULL;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
      return x ^ (x >> 31);
    };
    std::vector<std::uint32_t> order(relation.rows.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(wanted);
    std::nth_element(order.begin(), end, order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return chance(relation.rows[a]) < chance(relation.rows[b]);
    });
    order.erase(end, order.end());
    std::sort(order.begin(), order.end());
    std::vector<std::uint32_t> picked;
    picked.reserve(order.size());
    for (const std::uint32_t i : order) picked.push_back(relation.rows[i]);
    relation.matched = relation.matched.value_or(relation.rows.size());
    relation.rows = std::move(picked);
    return {};
  }

  Result<void> walk_graph(Relation& relation, StagePlan& stage) {
    if (auto done = settle(relation); !done) return done;
    RowFilter filter;
    if (!stage.conditions.empty()) {
      filter = [&](RowSet rows) -> Result<RowSet> {
        Relation step;
        step.pending = false;
        step.rows = std::move(rows);
        for (const Typed& condition : stage.conditions) step.conditions.push_back(&condition);
        if (auto done = settle(step); !done) return std::unexpected(done.error());
        return std::move(step.rows);
      };
    }
    auto found = walk(stage.walk, sorted(std::move(relation.rows)), stage.count, filter, heap_,
                      *derived_, job_);
    if (!found) return std::unexpected(found.error());
    relation.rows = std::move(*found);
    relation.matched.reset();
    return {};
  }

  // A table in place of the rows.
  Result<void> to_table(Relation& relation, StagePlan& stage) {
    if (auto done = settle(relation); !done) return done;
    const RowSet rows = sorted(std::move(relation.rows));
    Result<std::shared_ptr<TableData>> table;
    if (stage.id == StageId::cycles) {
      table = cycles(rows, worker(0), job_);
    } else {
      WaysWanted wanted;
      wanted.by_type = stage.by_type;
      if (stage.count != 0) wanted.limit = stage.count;
      if (stage.target) wanted.to = Address{*stage.target};
      if (!stage.conditions.empty()) {
        Relation excluded;
        excluded.source = SourceId::rows;
        for (const Typed& condition : stage.conditions) excluded.conditions.push_back(&condition);
        if (auto done = settle(excluded); !done) return done;
        wanted.excluded = std::move(excluded.rows);
      }
      table = ways(rows, wanted, worker(0), notes_, job_);
    }
    if (!table) return std::unexpected(table.error());
    relation = Relation{};
    relation.table = std::move(*table);
    relation.pending = false;
    relation.rows.resize(relation.table->rows);
    std::iota(relation.rows.begin(), relation.rows.end(), 0U);
    return {};
  }

  Result<void> combine(Relation& relation, StagePlan& stage) {
    if (auto done = settle(relation); !done) return done;
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
          done = group(*relation, *stage.group);
          break;
        case StageId::order: {
          const bool limited =
              i + 1 < plan.stages.size() && plan.stages[i + 1].id == StageId::limit;
          done = sort(*relation, stage.keys, limited ? plan.stages[i + 1].count : UINT64_MAX);
          break;
        }
        case StageId::limit:
          done = settle(*relation);
          if (done && relation->rows.size() > stage.count) {
            relation->matched = relation->matched.value_or(relation->rows.size());
            relation->rows.resize(stage.count);
          }
          break;
        case StageId::sample:
          done = sample(*relation, stage.count);
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
          done = settle(*relation);
          if (done) {
            variables_[stage.variable] = std::make_shared<const RowSet>(sorted(relation->rows));
            notes_.push_back(fmt::format("saved as ${}", stage.variable));
          }
          break;
      }
      if (!done) return std::unexpected(done.error());
    }
    if (auto done = settle(*relation); !done) return std::unexpected(done.error());
    return relation;
  }

  const Heap& heap_;
  Variables& variables_;
  JobControl& job_;
  std::shared_ptr<Derived> derived_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::string> notes_;
  std::map<const Typed*, std::uint64_t> nones_;
};

}  // namespace

Result<std::shared_ptr<const QueryResult>> run(QueryPlan plan, const Heap& heap,
                                               Variables& variables, JobControl& job) {
  return Executor(heap, variables, job).execute(std::move(plan));
}

}  // namespace coreheap::query
