// Estimates come from running the filters over rows spread evenly over the census.
#include "querylang/explain.h"

#include <fmt/format.h>

#include "querylang/filter.h"
#include "querylang/group.h"

namespace coreheap::query {

namespace {

constexpr std::size_t kSample = 8192;

std::string line(std::string_view what, std::string_view how, std::string_view rows) {
  const std::string shown =
      what.size() > 46 ? std::string(what.substr(0, 43)) + "..." : std::string(what);
  std::string text = fmt::format("{:<46}  {:<14}  {:>12}", shown, how, rows);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

std::string how_of(const Filter& filter) {
  switch (filter.kind) {
    case Filter::Kind::dictionary:
      return "table lookup";
    case Filter::Kind::range:
      return "column";
    case Filter::Kind::general:
      break;
  }
  return std::string(name_of(filter.cost));
}

std::string keys_text(const std::vector<SortKey>& keys) {
  std::string text;
  for (const SortKey& key : keys) {
    if (!text.empty()) text += ", ";
    text += key.value.name + (key.descending ? " desc" : "");
  }
  return text;
}

// The filters over a sample: how many of its rows pass each.
std::string scan_text(const Relation& relation, const std::vector<const Typed*>& conditions,
                      Worker& worker, double& rows) {
  std::string text;
  std::vector<Filter> filters;
  const bool census = relation.is_census();
  if (relation.pending) filters = source_filters(relation.source, worker.heap().census);
  std::vector<Filter> compiled = compile(conditions, worker, !census);
  std::move(compiled.begin(), compiled.end(), std::back_inserter(filters));
  const std::size_t count = relation.count(worker.heap());
  const std::size_t step = std::max<std::size_t>(1, count / kSample);
  std::vector<std::uint32_t> sample;
  for (std::size_t i = 0; i < count; i += step) {
    sample.push_back(relation.pending ? static_cast<std::uint32_t>(i) : relation.rows[i]);
  }
  Evaluator evaluator(worker, relation.table.get());
  rows = static_cast<double>(count);
  for (const Filter& filter : filters) {
    const std::size_t before = sample.size();
    filter.apply(evaluator, sample);
    rows =
        before == 0 ? 0 : rows * static_cast<double>(sample.size()) / static_cast<double>(before);
    worker.texts.clear();
    if (filter.condition == nullptr) continue;
    text += line("where " + filter.condition->name, how_of(filter),
                 fmt::format("{}{:.0f}", step == 1 ? "" : "about ", rows));
  }
  return text;
}

}  // namespace

std::string explained(const PipelinePlan& plan, const Relation& source, Worker& worker) {
  std::string from = "from addresses";
  if (!plan.variable.empty()) from = "from $" + plan.variable;
  if (plan.variable.empty() && plan.addresses.empty()) {
    for (const Source& one : sources()) {
      if (one.id == plan.source) from = fmt::format("from {}", one.name);
    }
  }
  std::string text = line("STAGE", "TOUCHES", "ROWS");
  text += line(from, source.is_census() ? "columns" : "table",
               fmt::format("{}", source.count(worker.heap())));
  bool scanned = false;
  std::vector<const Typed*> conditions;
  const auto scan = [&] {
    double rows = 0;
    if (!scanned) text += scan_text(source, conditions, worker, rows);
    if (scanned) {
      for (const Typed* one : conditions)
        text += line("where " + one->name, name_of(one->cost), "");
    }
    conditions.clear();
    scanned = true;
  };
  for (const StagePlan& stage : plan.stages) {
    if (stage.id == StageId::where) {
      for (const Typed& one : stage.conditions) conditions.push_back(&one);
      continue;
    }
    scan();
    switch (stage.id) {
      case StageId::group: {
        std::string keys;
        Cost cost = Cost::columns;
        for (const Typed& key : stage.group->keys) {
          keys += (keys.empty() ? "group by " : ", ") + key.name;
          cost = std::max(cost, key.cost);
        }
        for (const AggregatePlan& one : stage.group->aggregates) {
          if (one.value) cost = std::max(cost, one.value->cost);
        }
        const bool dense = source.is_census() && DenseGroups::fits(*stage.group);
        text += line(keys.empty() ? "sum up" : keys, dense ? "table lookup" : name_of(cost), "");
        break;
      }
      case StageId::order:
        text += line("order by " + keys_text(stage.keys), "", "");
        break;
      case StageId::limit:
        text += line(fmt::format("limit {}", stage.count), "", "");
        break;
      case StageId::sample:
        text += line(fmt::format("sample {}", stage.count), "", "");
        break;
      case StageId::unite:
      case StageId::intersect:
      case StageId::minus:
        text += line(stage.id == StageId::unite       ? "union"
                     : stage.id == StageId::intersect ? "intersect"
                                                      : "minus",
                     "", "");
        break;
      case StageId::walk: {
        constexpr std::string_view kWalks[] = {"referents",  "referrers", "closure",
                                               "dominators", "dominated", "retained"};
        text += line(kWalks[static_cast<std::size_t>(stage.walk)],
                     name_of(stage.walk == Walk::dominators ? Cost::retained : Cost::graph), "");
        break;
      }
      case StageId::ways:
        text += line(stage.by_type ? "path by type" : "path", name_of(Cost::graph), "");
        break;
      case StageId::cycles:
        text += line("cycles", name_of(Cost::graph), "");
        break;
      case StageId::save:
        text += line("as $" + stage.variable, "", "");
        break;
      case StageId::where:
        break;
    }
  }
  scan();
  std::string shown;
  for (const ShownColumn& column : plan.shown)
    shown += (shown.empty() ? "show " : ", ") + column.name;
  return text + line(shown, "", "");
}

}  // namespace coreheap::query
