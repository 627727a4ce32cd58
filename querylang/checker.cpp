// Pipelines: what each stage is given, what it names, what it gives.
#include "querylang/checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "querylang/check_expression.h"
#include "querylang/grammar.h"
#include "querylang/graph_tables.h"
#include "querylang/literal.h"
#include "querylang/tables.h"

namespace coreheap::query {

namespace {

Typed column_value(const Scope& scope, std::size_t column) {
  Typed t;
  t.op = Op::column;
  t.column = column;
  t.type = scope.columns[column].type;
  t.name = scope.columns[column].name;
  if (scope.columns[column].of_graph) t.cost = Cost::retained;
  return t;
}

void add_columns(std::span<const TableColumn> columns, Scope& scope) {
  for (const TableColumn& column : columns) {
    const std::string name(column.name);
    scope.columns.push_back({name, name, column.type, column.of_graph});
  }
}

Typed attribute_value(std::string_view name) {
  const Attribute* a = find_attribute(name);
  Typed t;
  t.op = Op::attribute;
  t.attribute = a;
  t.type = a->type;
  t.cost = a->cost;
  t.name = std::string(name);
  return t;
}

std::vector<ShownColumn> default_columns(const Scope& scope, SourceId source) {
  std::vector<ShownColumn> shown;
  if (!scope.census) {
    for (std::size_t i = 0; i < scope.columns.size(); ++i) {
      if (scope.columns[i].of_graph) continue;
      shown.push_back({scope.columns[i].name, column_value(scope, i)});
    }
    return shown;
  }
  std::vector<std::string_view> names = {"addr", "size", "domain", "kind", "detail"};
  if (source == SourceId::objects) names = {"object", "size", "type", "len"};
  if (source == SourceId::rows || source == SourceId::chunks)
    names.insert(names.begin() + 2, "state");
  for (const std::string_view name : names)
    shown.push_back({std::string(name), attribute_value(name)});
  return shown;
}

class Checker final : public PipelineChecker {
 public:
  Checker(std::string_view text, const std::set<std::string, std::less<>>& saved)
      : variables_(saved), expressions_(text, *this) {}

  Checked<PipelinePlan> check_pipeline(const Pipeline& pipeline) override {
    PipelinePlan plan;
    Scope scope;
    if (auto good = check_source(pipeline.source, plan, scope); !good) {
      return std::unexpected(good.error());
    }
    plan.shown = default_columns(scope, plan.source);
    if (pipeline.condition) {
      if (auto good = add_where(*pipeline.condition, plan, scope); !good) {
        return std::unexpected(good.error());
      }
    }
    for (std::size_t i = 0; i < pipeline.stages.size(); ++i) {
      const auto rest = std::span(pipeline.stages).subspan(i);
      if (auto good = check_stage(rest, plan, scope); !good) return std::unexpected(good.error());
    }
    plan.gives_rows = scope.census;
    return plan;
  }

  Checked<void> check_variable(std::string_view name, Span span) const override {
    if (variables_.contains(name)) return {};
    std::vector<std::string> spelled;
    spelled.reserve(variables_.size());
    for (const std::string& one : variables_) spelled.push_back("$" + one);
    std::string hint = nearest("$" + std::string(name), {spelled.begin(), spelled.end()});
    if (hint.empty()) hint = fmt::format("let ${} = ...; ...", name);
    return wrong("unknown-variable", span, fmt::format("no rows are saved as ${}", name),
                 std::move(hint));
  }

  Checked<QueryPlan> check_script(const Script& script, std::string_view text) {
    QueryPlan plan;
    plan.text = text;
    for (const Let& let : script.lets) {
      auto pipeline = check_pipeline(let.pipeline);
      if (!pipeline) return std::unexpected(pipeline.error());
      if (!pipeline->gives_rows) return not_rows(let.pipeline.span, "a variable holds");
      variables_.insert(let.name.text);
      plan.lets.emplace_back(let.name.text, std::move(*pipeline));
    }
    auto pipeline = check_pipeline(script.pipeline);
    if (!pipeline) return std::unexpected(pipeline.error());
    plan.pipeline = std::move(*pipeline);
    return plan;
  }

 private:
  static std::unexpected<QueryError> not_rows(Span span, std::string_view who) {
    return wrong("not-rows", span, fmt::format("{} blocks or objects, and this is a table", who));
  }

  Checked<void> check_source(const SourceSyntax& source, PipelinePlan& plan, Scope& scope) {
    if (!source.given) return {};
    if (!source.variable.empty()) {
      plan.variable = source.variable;
      return check_variable(source.variable, source.span);
    }
    if (!source.addresses.empty()) {
      plan.addresses = source.addresses;
      return {};
    }
    const Source* known = find_source(source.name);
    if (known == nullptr) {
      std::vector<std::string_view> names;
      for (const Source& one : sources()) names.push_back(one.name);
      std::string hint = nearest(source.name, names);
      if (hint.empty()) hint = "from blocks, objects, types, arenas, mappings ...";
      return wrong("unknown-source", source.span,
                   fmt::format("there is nothing called {} to take rows from", source.name),
                   std::move(hint));
    }
    if (known->needs == Needs::two_snapshots) {
      return wrong(
          "needs-two", source.span,
          fmt::format("from {} needs two snapshots of a process, and this is one", known->name));
    }
    plan.source = known->id;
    if (!is_census(known->id)) {
      scope.census = false;
      add_columns(table_columns(known->id), scope);
    }
    return {};
  }

  Checked<void> add_where(const Expression& condition, PipelinePlan& plan, Scope& scope) {
    auto conditions = expressions_.conditions(condition, scope);
    if (!conditions) return std::unexpected(conditions.error());
    StagePlan stage;
    stage.id = StageId::where;
    stage.conditions = std::move(*conditions);
    plan.stages.push_back(std::move(stage));
    return {};
  }

  Checked<std::vector<ShownColumn>> check_columns(const std::vector<ColumnSyntax>& columns,
                                                  Scope& scope) {
    std::vector<ShownColumn> shown;
    std::map<std::string, Typed, std::less<>> aliases;
    for (const ColumnSyntax& column : columns) {
      auto value = expressions_.value(column.value, scope);
      if (!value) return std::unexpected(value.error());
      std::string name =
          column.name ? column.name->text : expressions_.as_written(column.value.span);
      if (column.name) aliases.insert_or_assign(name, *value);
      if (std::any_of(shown.begin(), shown.end(),
                      [&](const ShownColumn& one) { return one.name == name; })) {
        return wrong("twice", column.value.span, fmt::format("two columns are called {}", name),
                     fmt::format("{} as NAME", expressions_.as_written(column.value.span)));
      }
      shown.push_back({std::move(name), std::move(*value)});
    }
    // An alias is known behind the stage that gives it, not inside.
    for (auto& [name, value] : aliases) scope.aliases.insert_or_assign(name, std::move(value));
    return shown;
  }

  // Is the order of no matter: does a stage that sorts, or sums up, come before any that cares?
  static bool is_sorted_later(std::span<const Stage> rest) {
    constexpr std::string_view kIndifferent[] = {"order by", "group by",  "count",
                                                 "sum",      "histogram", "distinct"};
    for (const Stage& stage : rest) {
      for (const std::string_view word : kIndifferent) {
        if (stage.word.text == word) return true;
      }
      if (stage.word.text != "where" && stage.word.text != "show") return false;
    }
    return false;
  }

  void add_default_order(PipelinePlan& plan, const Scope& scope) {
    StagePlan order;
    order.id = StageId::order;
    const std::size_t keys = scope.group->keys.size();
    for (const ShownColumn& column : plan.shown) {
      if (column.value.op == Op::column && column.value.column >= keys) {
        order.keys.push_back({column.value, true});
        break;
      }
    }
    add_key_order(order, scope);
    plan.stages.push_back(std::move(order));
  }
  static void add_key_order(StagePlan& order, const Scope& scope) {
    if (scope.group == nullptr) return;
    for (std::size_t i = 0; i < scope.group->keys.size(); ++i) {
      order.keys.push_back({column_value(scope, i), false});
    }
  }

  // Makes the rows groups: `names` of the keys as shown.
  Scope begin_group(std::vector<Typed> keys, std::vector<std::string> names, PipelinePlan& plan,
                    const Scope& scope) {
    Scope grouped;
    grouped.census = false;
    grouped.inner = std::make_shared<Scope>(scope);
    grouped.group = std::make_shared<GroupPlan>();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      grouped.columns.push_back({names[i], expressions_.canonical(keys[i].span), keys[i].type});
      if (grouped.columns.back().canonical.empty()) grouped.columns.back().canonical = names[i];
    }
    grouped.group->keys = std::move(keys);
    StagePlan stage;
    stage.id = StageId::group;
    stage.group = grouped.group;
    plan.stages.push_back(std::move(stage));
    return grouped;
  }

  // Adds an aggregate that the query does not write out.
  static void add_aggregate(AggregateId id, std::optional<Typed> value, const std::string& name,
                            Type type, PipelinePlan& plan, Scope& scope) {
    scope.columns.push_back({name, name, type});
    scope.group->aggregates.push_back({id, std::move(value), name, type});
    plan.shown.push_back({name, column_value(scope, scope.columns.size() - 1)});
  }
  // What sum(size) is of: nullopt where rows have no size.
  static std::optional<Typed> size_of(const Scope& scope) {
    if (scope.census) return attribute_value("size");
    for (std::size_t i = 0; i < scope.columns.size(); ++i) {
      if (scope.columns[i].canonical == "size" && is_numeric(scope.columns[i].type)) {
        return column_value(scope, i);
      }
    }
    return std::nullopt;
  }

  Checked<void> check_group(std::span<const Stage> rest, PipelinePlan& plan, Scope& scope) {
    const Stage& stage = rest[0];
    std::vector<Typed> keys;
    std::vector<std::string> names;
    for (const Expression& value : stage.values) {
      auto key = expressions_.value(value, scope);
      if (!key) return std::unexpected(key.error());
      names.push_back(expressions_.as_written(value.span));
      keys.push_back(std::move(*key));
    }
    Scope grouped = begin_group(std::move(keys), std::move(names), plan, scope);
    if (stage.has_columns) {
      // Keys stand in front of what is asked for, unless it names them.
      auto shown = check_columns(stage.columns, grouped);
      if (!shown) return std::unexpected(shown.error());
      plan.shown.clear();
      for (std::size_t i = 0; i < grouped.group->keys.size(); ++i) {
        const bool named = std::any_of(shown->begin(), shown->end(), [&](const ShownColumn& one) {
          return one.value.op == Op::column && one.value.column == i;
        });
        if (!named) plan.shown.push_back({grouped.columns[i].name, column_value(grouped, i)});
      }
      std::move(shown->begin(), shown->end(), std::back_inserter(plan.shown));
    } else {
      plan.shown = default_columns(grouped, plan.source);
      add_aggregate(AggregateId::count, std::nullopt, "count()", Type::integer, plan, grouped);
      if (auto size = size_of(scope)) {
        add_aggregate(AggregateId::sum, std::move(size), "sum(size)", Type::bytes, plan, grouped);
      }
    }
    plan.chosen_columns = true;
    if (!is_sorted_later(rest.subspan(1))) add_default_order(plan, grouped);
    scope = std::move(grouped);
    return {};
  }

  // sum, count, histogram, distinct: groups with columns of their own.
  Checked<void> check_summary(std::span<const Stage> rest, PipelinePlan& plan, Scope& scope) {
    const std::string& word = rest[0].word.text;
    std::optional<Typed> value;
    std::string name;
    std::string canonical;
    if (word != "count") {
      const Expression& written = rest[0].values[0];
      if (word == "sum" && written.kind == Syntax::name && written.text == "retained") {
        return wrong("double-count", written.span,
                     "sum retained would count objects nested in each other more than once",
                     "use retained() of a group, or max(retained)");
      }
      auto checked = expressions_.value(written, scope);
      if (!checked) return std::unexpected(checked.error());
      if (word != "distinct" && !is_numeric(checked->type) && checked->type != Type::any) {
        return wrong(
            "type-mismatch", written.span,
            fmt::format("{} is of numbers, and this is {}", word, phrase_of(checked->type)));
      }
      name = expressions_.as_written(written.span);
      canonical = expressions_.canonical(written.span);
      value = std::move(*checked);
    }
    plan.chosen_columns = true;
    plan.shown.clear();
    std::vector<Typed> keys;
    std::vector<std::string> names;
    if (word == "distinct") {
      keys.push_back(*value);
      names.push_back(name);
    } else if (word == "histogram") {
      Typed bucket;
      bucket.op = Op::bucket;
      bucket.type = value->type;
      bucket.cost = value->cost;
      bucket.children.push_back(std::move(*value));
      keys.push_back(std::move(bucket));
      names.emplace_back("at_least");
    }
    Scope grouped = begin_group(std::move(keys), std::move(names), plan, scope);
    if (!grouped.columns.empty()) {
      plan.shown.push_back({grouped.columns[0].name, column_value(grouped, 0)});
    }
    if (word == "sum") {
      const Type type = value->type;
      add_aggregate(AggregateId::sum, value, fmt::format("sum({})", canonical), type, plan,
                    grouped);
      add_aggregate(AggregateId::count, std::move(value), fmt::format("count({})", canonical),
                    Type::integer, plan, grouped);
    } else {
      add_aggregate(AggregateId::count, std::nullopt, "count()", Type::integer, plan, grouped);
    }
    if (auto size = size_of(scope); size && word == "histogram") {
      add_aggregate(AggregateId::sum, std::move(size), "sum(size)", Type::bytes, plan, grouped);
    }
    if (word == "distinct" && !is_sorted_later(rest.subspan(1))) add_default_order(plan, grouped);
    if (word == "histogram") {
      StagePlan order;
      order.id = StageId::order;
      add_key_order(order, grouped);
      plan.stages.push_back(std::move(order));
    }
    scope = std::move(grouped);
    return {};
  }

  Checked<void> check_order(const Stage& stage, PipelinePlan& plan, Scope& scope) {
    StagePlan order;
    order.id = StageId::order;
    for (const KeySyntax& key : stage.keys) {
      auto value = expressions_.value(key.value, scope);
      if (!value) return std::unexpected(value.error());
      order.keys.push_back({std::move(*value), key.descending.value_or(false)});
    }
    add_key_order(order, scope);
    plan.stages.push_back(std::move(order));
    return {};
  }

  Checked<void> check_sets(const Stage& stage, PipelinePlan& plan, const Scope& scope) {
    if (!scope.census) return not_rows(stage.span, fmt::format("{} is of", stage.word.text));
    auto operand = check_pipeline(*stage.pipeline);
    if (!operand) return std::unexpected(operand.error());
    if (!operand->gives_rows) {
      return not_rows(stage.pipeline->span, fmt::format("{} is of", stage.word.text));
    }
    StagePlan set;
    set.id = stage.word.text == "union"       ? StageId::unite
             : stage.word.text == "intersect" ? StageId::intersect
                                              : StageId::minus;
    set.operand = std::make_shared<PipelinePlan>(std::move(*operand));
    plan.stages.push_back(std::move(set));
    return {};
  }

  Checked<void> check_walk(const Stage& stage, Walk walk, PipelinePlan& plan, Scope& scope) {
    if (!scope.census) return not_rows(stage.span, fmt::format("{} is of", stage.word.text));
    StagePlan made;
    made.id = StageId::walk;
    made.walk = walk;
    made.count = stage.count.value_or(0);
    if (stage.condition) {
      auto conditions = expressions_.conditions(*stage.condition, scope);
      if (!conditions) return std::unexpected(conditions.error());
      made.conditions = std::move(*conditions);
    }
    plan.stages.push_back(std::move(made));
    return {};
  }

  // path and cycles: a table in place of the rows.
  Checked<void> check_graph_table(const Stage& stage, PipelinePlan& plan, Scope& scope) {
    if (!scope.census) return not_rows(stage.span, fmt::format("{} is of", stage.word.text));
    StagePlan made;
    made.id = stage.word.text == "path" ? StageId::ways : StageId::cycles;
    made.count = stage.count.value_or(0);
    made.target = stage.target;
    made.by_type = stage.by == "type";
    if (!stage.by.empty() && !made.by_type) {
      return wrong("unknown-attribute", stage.span,
                   fmt::format("ways are merged by type, not by {}", stage.by), "path by type");
    }
    if (stage.condition) {
      auto conditions = expressions_.conditions(*stage.condition, scope);
      if (!conditions) return std::unexpected(conditions.error());
      made.conditions = std::move(*conditions);
    }
    scope = Scope{};
    scope.census = false;
    add_columns(table_columns(made.id == StageId::cycles ? GraphTable::cycles
                              : made.by_type             ? GraphTable::ways_by_type
                                                         : GraphTable::ways),
                scope);
    plan.shown = default_columns(scope, plan.source);
    plan.stages.push_back(std::move(made));
    return {};
  }

  Checked<void> check_stage(std::span<const Stage> rest, PipelinePlan& plan, Scope& scope) {
    const Stage& stage = rest[0];
    const std::string& word = stage.word.text;
    if (word == "where") return add_where(*stage.condition, plan, scope);
    if (word == "group by") return check_group(rest, plan, scope);
    if (word == "sum" || word == "count" || word == "histogram" || word == "distinct") {
      return check_summary(rest, plan, scope);
    }
    if (word == "order by") return check_order(stage, plan, scope);
    if (word == "union" || word == "intersect" || word == "minus") {
      return check_sets(stage, plan, scope);
    }
    constexpr std::string_view kWalks[] = {"referents",  "referrers", "closure",
                                           "dominators", "dominated", "retained"};
    if (const auto* walk = std::find(std::begin(kWalks), std::end(kWalks), word);
        walk != std::end(kWalks)) {
      return check_walk(stage, static_cast<Walk>(walk - std::begin(kWalks)), plan, scope);
    }
    if (word == "path" || word == "cycles") return check_graph_table(stage, plan, scope);
    if (word == "explain") {
      plan.explain = true;
      return {};
    }
    StagePlan made;
    if (word == "limit" || word == "sample") {
      made.id = word == "limit" ? StageId::limit : StageId::sample;
      made.count = stage.count.value_or(0);
    } else if (word == "show") {
      auto shown = check_columns(stage.columns, scope);
      if (!shown) return std::unexpected(shown.error());
      plan.shown = std::move(*shown);
      plan.chosen_columns = true;
      return {};
    } else {
      if (!scope.census) return not_rows(stage.span, "a variable holds");
      made.id = StageId::save;
      made.variable = stage.variable;
    }
    plan.stages.push_back(std::move(made));
    return {};
  }

  std::set<std::string, std::less<>> variables_;
  ExpressionChecker expressions_;
};

}  // namespace

Checked<QueryPlan> check(const Script& script, std::string_view text,
                         const std::set<std::string, std::less<>>& saved) {
  return Checker(text, saved).check_script(script, text);
}

Checked<QueryPlan> plan(std::string_view text, const std::set<std::string, std::less<>>& saved) {
  const auto script = parse(text);
  if (!script) return std::unexpected(script.error());
  return check(*script, text, saved);
}

}  // namespace coreheap::query
