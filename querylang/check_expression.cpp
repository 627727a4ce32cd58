// Names to attributes and columns, functions and aggregates to their tables; what does not fit is
// said with a caret. Comparisons are in check_comparison.cpp.
#include "querylang/check_expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "querylang/literal.h"
#include "querylang/typed.h"

namespace coreheap::query {

namespace {

std::optional<QueryError> lacking(Needs needs, std::string_view what, Span span) {
  switch (needs) {
    case Needs::nothing:
      return std::nullopt;
    case Needs::two_snapshots:
      return QueryError{"needs-two",
                        fmt::format("{} needs two snapshots of a process, and this is one", what),
                        span,
                        {}};
  }
  return std::nullopt;
}

}  // namespace

std::string ExpressionChecker::canonical(Span span) const {
  std::string out;
  char quote = 0;
  for (const char c : text_.substr(span.start, span.end - span.start)) {
    if (quote == 0 && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) continue;
    if (c == '"' || c == '\'') quote = quote == 0 ? c : quote == c ? 0 : quote;
    out += c;
  }
  return out;
}

std::string ExpressionChecker::as_written(Span span) const {
  std::string out;
  for (const char c : text_.substr(span.start, span.end - span.start)) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

std::vector<std::string_view> ExpressionChecker::known_names(const Scope& scope) const {
  std::vector<std::string_view> known;
  if (scope.census) {
    for (const Attribute& a : attributes()) known.push_back(a.name);
  }
  for (const ScopeColumn& c : scope.columns) known.push_back(c.name);
  for (const auto& [alias, value] : scope.aliases) known.push_back(alias);
  return known;
}

Checked<Typed> ExpressionChecker::constant(const Expression& e) {
  Typed t;
  t.span = e.span;
  switch (e.kind) {
    case Syntax::text: {
      return text_constant(e.text, e.span);
    }
    case Syntax::boolean:
      t.type = Type::boolean;
      t.constant = Value::of(e.truth);
      return t;
    case Syntax::none:
      return t;
    default:
      break;
  }
  const Number& n = e.number;
  const auto too_large = [&] {
    return wrong("too-large", e.span, "the number is too large", "the largest is 8388607T");
  };
  std::uint64_t unit = 1;
  if (!n.unit.empty()) {
    const auto bytes = bytes_of_unit(n.unit);
    if (!bytes) {
      std::string guess;
      if (const char c = static_cast<char>(n.unit[0] & ~0x20);
          c == 'K' || c == 'M' || c == 'G' || c == 'T') {
        guess = fmt::format("write {}{}", canonical({e.span.start, n.unit_span.start}), c);
      }
      return wrong("unknown-unit", n.unit_span, fmt::format("no unit is called {}", n.unit),
                   guess.empty() ? "units are K, M, G, T (or KiB ...), of 1024" : guess);
    }
    unit = *bytes;
    t.type = Type::bytes;
  }
  if (n.overflow) return too_large();
  if (n.is_integer) {
    std::uint64_t value = 0;
    if (__builtin_mul_overflow(n.integer, unit, &value)) return too_large();
    if (value > INT64_MAX) {
      if (!n.is_hex) return too_large();
      t.type = Type::address;
      t.constant = Value::of_address(Address{value});
      return t;
    }
    if (t.type == Type::none) t.type = Type::integer;
    t.constant = Value::of_count(value);
    return t;
  }
  const double value = n.real * static_cast<double>(unit);
  if (!(value < 9e18)) return too_large();
  if (t.type == Type::none) t.type = Type::number;
  t.constant = Value::of_number(value);
  return t;
}

Checked<Typed> ExpressionChecker::name(const Expression& e, Scope& scope) {
  if (const auto alias = scope.aliases.find(e.text); alias != scope.aliases.end()) {
    Typed t = alias->second;
    t.span = e.span;
    t.name = e.text;
    return t;
  }
  if (scope.census) {
    if (const Attribute* a = find_attribute(e.text)) {
      if (auto missing = lacking(a->needs, a->name, e.span)) return std::unexpected(*missing);
      Typed t = made(Op::attribute, a->type, e.span, {});
      t.attribute = a;
      t.cost = a->cost;
      t.name = e.text;
      return t;
    }
  }
  if (find_aggregate(e.text) != nullptr && !scope.census) {
    return wrong("unknown-attribute", e.span, fmt::format("{} is an aggregate", e.text),
                 fmt::format("write {}(...)", e.text));
  }
  std::string hint = nearest(e.text, known_names(scope));
  if (scope.census) {
    if (hint.empty()) {
      hint = fmt::format("a field of the object: .{}", e.text);
    } else {
      hint += fmt::format(" (a field of the object: .{})", e.text);
    }
    return wrong("unknown-attribute", e.span, fmt::format("no attribute is called {}", e.text),
                 std::move(hint));
  }
  if (hint.empty()) {
    hint = "there is ";
    for (std::size_t i = 0; i < scope.columns.size(); ++i) {
      hint += (i == 0 ? "" : ", ") + scope.columns[i].name;
    }
  }
  return wrong("unknown-attribute", e.span, fmt::format("no column is called {}", e.text),
               std::move(hint));
}

Checked<Typed> ExpressionChecker::aggregate(const Expression& e, const Aggregate& info,
                                            Scope& scope) {
  const std::string canonical_name = canonical(e.span);
  if (e.children.size() > 1 || (info.takes_value && e.children.empty()) ||
      (info.id == AggregateId::retained && !e.children.empty())) {
    return wrong(
        "arguments", e.span,
        info.takes_value ? fmt::format("{}() is of one value", info.name)
                         : fmt::format("{}() takes no such values", info.name),
        info.takes_value ? fmt::format("{}(size)", info.name) : fmt::format("{}()", info.name));
  }
  // Said before what the graph would be needed for: it stays wrong with one.
  if (info.id == AggregateId::sum && e.children[0].kind == Syntax::name &&
      e.children[0].text == "retained") {
    return wrong("double-count", e.span,
                 "sum(retained) would count objects nested in each other more than once",
                 "use retained() for the exact memory freed if the whole group went away, or "
                 "max(retained)");
  }
  if (scope.group == nullptr) {
    return wrong("aggregate-here", e.span,
                 fmt::format("{} is of a group, and these are single rows", canonical_name),
                 fmt::format("... | group by type show {}", canonical_name));
  }
  if (auto missing = lacking(info.needs, fmt::format("{}()", info.name), e.span)) {
    return std::unexpected(*missing);
  }
  if (info.id == AggregateId::retained && !scope.inner->census) {
    return wrong("no-object", e.span, "retained() is of blocks and objects, and this is a table");
  }
  AggregatePlan plan;
  plan.id = info.id;
  plan.name = canonical_name;
  plan.type = info.id == AggregateId::retained ? Type::bytes : Type::integer;
  if (!e.children.empty()) {
    auto value = this->value(e.children[0], *scope.inner);
    if (!value) return std::unexpected(value.error());
    const bool calculates = info.id != AggregateId::count && info.id != AggregateId::distinct &&
                            info.id != AggregateId::any && info.id != AggregateId::min &&
                            info.id != AggregateId::max;
    if (calculates && !is_numeric(value->type) && value->type != Type::any) {
      return wrong(
          "type-mismatch", e.children[0].span,
          fmt::format("{}() is of numbers, and this is {}", info.name, phrase_of(value->type)));
    }
    if (info.id == AggregateId::avg) {
      plan.type = value->type == Type::bytes ? Type::bytes : Type::number;
    } else if (info.id != AggregateId::count && info.id != AggregateId::distinct) {
      plan.type = value->type;
    }
    plan.value = std::move(*value);
  }
  Typed t = made(Op::column, plan.type, e.span, {});
  t.column = scope.columns.size();
  t.name = as_written(e.span);
  scope.columns.push_back({t.name, canonical_name, plan.type});
  scope.group->aggregates.push_back(std::move(plan));
  return t;
}

Checked<Typed> ExpressionChecker::call(const Expression& e, Scope& scope) {
  const Function* function = find_function(e.text);
  const Aggregate* info = find_aggregate(e.text);
  if (function == nullptr && info == nullptr) {
    std::vector<std::string_view> known;
    for (const Function& f : functions()) known.push_back(f.name);
    for (const Aggregate& a : aggregates()) known.push_back(a.name);
    std::string hint = nearest(e.text, known);
    if (hint.empty()) hint = "help query lists the functions";
    const Span word{e.span.start, e.span.start + static_cast<std::uint32_t>(e.text.size())};
    return wrong("unknown-function", word, fmt::format("no function is called {}", e.text),
                 std::move(hint));
  }
  if (function == nullptr) return aggregate(e, *info, scope);
  const std::size_t count = e.children.size();
  if (count < function->min_arguments || count > function->max_arguments) {
    return wrong("arguments", e.span, fmt::format("{} is written {}", e.text, function->usage));
  }
  const bool has_object = function->id != FunctionId::lower &&
                          function->id != FunctionId::contains &&
                          function->id != FunctionId::starts && function->id != FunctionId::ends &&
                          function->id != FunctionId::hash;
  std::vector<Typed> arguments;
  if (has_object && count < function->max_arguments) {
    if (!scope.census) {
      return wrong("no-object", e.span,
                   fmt::format("{} is of an object, and these rows are no objects", e.text));
    }
    Typed self = made(Op::self, Type::any, {e.span.start, e.span.start}, {});
    arguments.push_back(std::move(self));
  }
  for (const Expression& child : e.children) {
    auto argument = value(child, scope);
    if (!argument) return argument;
    arguments.push_back(std::move(*argument));
  }
  const auto expected = [&](const Typed& argument, std::string_view what) {
    return wrong(
        "type-mismatch", argument.span,
        fmt::format("{} wants {} here, and this is {}", e.text, what, phrase_of(argument.type)),
        std::string(function->usage));
  };
  if (has_object) {
    const bool text_has_length = function->id == FunctionId::len && arguments[0].type == Type::text;
    if (!is_object_like(arguments[0].type) && !text_has_length) {
      return expected(arguments[0], "an object");
    }
  } else if (function->id != FunctionId::hash) {
    for (const Typed& argument : arguments) {
      if (argument.type != Type::text && argument.type != Type::any)
        return expected(argument, "text");
    }
  }
  if (function->id == FunctionId::isa) {
    if (!is_text_constant(arguments[1]))
      return expected(arguments[1], "the name of a type in quotes");
    Typed t = type_test(e.span, {*arguments[1].owned}, true);
    t.name = as_written(e.span);
    if (arguments[0].op != Op::self) {
      t.cost = Cost::memory;
      t.children.push_back(std::move(arguments[0]));
    }
    return t;
  }
  if (function->id == FunctionId::at) {
    const Type index = arguments[1].type;
    if (index != Type::integer && index != Type::text && index != Type::any) {
      return expected(arguments[1], "a number or a text");
    }
  }
  Typed t = made(Op::call, function->type, e.span, std::move(arguments));
  t.function = function;
  t.cost = std::max(t.cost, function->cost);
  t.name = as_written(e.span);
  return t;
}

Checked<Typed> ExpressionChecker::path(const Expression& e, Scope& scope) {
  const Expression& head = e.children[0];
  if (head.kind == Syntax::name && head.text == "old") {
    return std::unexpected(*lacking(Needs::two_snapshots, "old", head.span));
  }
  std::vector<Typed> children;
  if (head.kind == Syntax::self) {
    if (!scope.census) {
      return wrong("no-object", e.span,
                   "a leading dot is of an object, and these rows are no objects",
                   "in front of group by it names a field");
    }
    children.push_back(made(Op::self, Type::any, {e.span.start, e.span.start}, {}));
  } else {
    auto base = value(head, scope);
    if (!base) return base;
    if (!is_object_like(base->type)) {
      return wrong("type-mismatch", head.span,
                   fmt::format("{} has no fields: it is {}",
                               base->name.empty() ? "this" : base->name, phrase_of(base->type)));
    }
    children.push_back(std::move(*base));
  }
  std::vector<PlanStep> steps;
  for (const Step& step : e.steps) {
    if (step.index == 0) {
      steps.push_back({step.name, 0});
      continue;
    }
    auto index = value(e.children[step.index], scope);
    if (!index) return index;
    if (index->type != Type::integer && index->type != Type::text && index->type != Type::any) {
      return wrong(
          "type-mismatch", step.span,
          fmt::format("an index is a number or a text, and this is {}", phrase_of(index->type)));
    }
    steps.push_back({{}, children.size()});
    children.push_back(std::move(*index));
  }
  Typed t = made(Op::path, Type::any, e.span, std::move(children));
  t.steps = std::move(steps);
  t.cost = std::max(t.cost, Cost::memory);
  t.name = as_written(e.span);
  return t;
}

Checked<Typed> ExpressionChecker::arithmetic(const Expression& e, Scope& scope) {
  std::vector<Typed> children;
  std::string operators;
  Type type = Type::none;
  for (std::size_t i = 0; i < e.children.size(); ++i) {
    auto child = value(e.children[i], scope);
    if (!child) return child;
    const Type other = child->type;
    if (!is_numeric(other) && other != Type::any && other != Type::address) {
      return wrong("type-mismatch", e.children[i].span,
                   fmt::format("cannot calculate with {}", described(*child)));
    }
    children.push_back(std::move(*child));
    if (i == 0) {
      type = other;
      continue;
    }
    const char sign = e.operators[i - 1].text[0];
    operators += sign;
    const bool places = type == Type::address || other == Type::address;
    if (places) {
      const bool distance = type == Type::address && other == Type::address && sign == '-';
      const bool moved =
          type == Type::address && other != Type::address && (sign == '-' || sign == '+');
      if (!distance && !moved) {
        return wrong("type-mismatch", e.operators[i - 1].span,
                     "of addresses there are only differences and offsets");
      }
      type = distance ? Type::bytes : Type::address;
    } else if (type == Type::any || other == Type::any) {
      type = Type::any;
    } else if (sign == '/') {
      type = Type::number;
    } else if (sign == '*') {
      const bool bytes = (type == Type::bytes) != (other == Type::bytes);
      type = type == Type::number || other == Type::number ? (bytes ? Type::bytes : Type::number)
             : bytes                                       ? Type::bytes
                                                           : Type::integer;
    } else if (type == Type::bytes || other == Type::bytes) {
      type = Type::bytes;
    } else if (type == Type::number || other == Type::number) {
      type = Type::number;
    }
  }
  Typed t = made(Op::arithmetic, type, e.span, std::move(children));
  t.operators = std::move(operators);
  t.name = as_written(e.span);
  return t;
}

Checked<Typed> ExpressionChecker::condition(const Expression& e, Scope& scope) {
  auto typed = value(e, scope);
  if (!typed || typed->type == Type::boolean) return typed;
  std::string hint;
  const std::string written = as_written(e.span);
  if (is_numeric(typed->type)) hint = fmt::format("{} > 0", written);
  if (typed->type == Type::text) hint = fmt::format("{} == \"...\"", written);
  if (typed->type == Type::any) hint = fmt::format("{} == true", written);
  return wrong("truth-value", e.span,
               fmt::format("this is {}, and a condition is true or false", phrase_of(typed->type)),
               std::move(hint));
}

Checked<std::vector<Typed>> ExpressionChecker::conditions(const Expression& e, Scope& scope) {
  std::vector<Typed> parts;
  if (e.kind == Syntax::conjunction) {
    for (const Expression& child : e.children) {
      auto inner = conditions(child, scope);
      if (!inner) return inner;
      std::move(inner->begin(), inner->end(), std::back_inserter(parts));
    }
    return parts;
  }
  auto one = condition(e, scope);
  if (!one) return std::unexpected(one.error());
  parts.push_back(std::move(*one));
  return parts;
}

Checked<Typed> ExpressionChecker::value(const Expression& e, Scope& scope) {
  if (!scope.census && e.kind != Syntax::text && e.kind != Syntax::number) {
    const std::string written = canonical(e.span);
    for (std::size_t i = 0; i < scope.columns.size(); ++i) {
      if (scope.columns[i].canonical != written) continue;
      Typed t = made(Op::column, scope.columns[i].type, e.span, {});
      if (scope.columns[i].of_graph) t.cost = Cost::retained;
      t.column = i;
      t.name = scope.columns[i].name;
      return t;
    }
  }
  switch (e.kind) {
    case Syntax::number:
    case Syntax::text:
    case Syntax::boolean:
    case Syntax::none:
      return constant(e);
    case Syntax::variable:
      return wrong("variable-here", e.span, fmt::format("${} holds rows, not a value", e.text),
                   fmt::format("addr in ${}, or from ${}", e.text, e.text));
    case Syntax::name:
      return name(e, scope);
    case Syntax::call:
      return call(e, scope);
    case Syntax::self:
      return wrong("syntax", e.span, "a field's name is missing");
    case Syntax::path:
      return path(e, scope);
    case Syntax::arithmetic:
      return arithmetic(e, scope);
    case Syntax::negate: {
      auto child = value(e.children[0], scope);
      if (!child) return child;
      if (!is_numeric(child->type) && child->type != Type::any) {
        return wrong("type-mismatch", e.children[0].span,
                     fmt::format("cannot calculate with {}", described(*child)));
      }
      const Type type = child->type;
      Typed t = made(Op::negate, type, e.span, {});
      t.cost = child->cost;
      t.children.push_back(std::move(*child));
      t.name = as_written(e.span);
      return t;
    }
    case Syntax::compare:
      return compare(e, scope);
    case Syntax::match:
    case Syntax::like:
      return match(e, scope);
    case Syntax::in:
      return in(e, scope);
    case Syntax::is_none: {
      auto child = value(e.children[0], scope);
      if (!child) return child;
      Typed t = made(Op::is_none, Type::boolean, e.span, {});
      t.cost = child->cost;
      t.negated = e.negated;
      t.children.push_back(std::move(*child));
      t.name = as_written(e.span);
      return t;
    }
    case Syntax::negation: {
      auto child = condition(e.children[0], scope);
      if (!child) return child;
      Typed t = made(Op::negation, Type::boolean, e.span, {});
      t.cost = child->cost;
      t.children.push_back(std::move(*child));
      t.name = as_written(e.span);
      return t;
    }
    case Syntax::conjunction:
    case Syntax::disjunction: {
      std::vector<Typed> children;
      for (const Expression& one : e.children) {
        auto child = condition(one, scope);
        if (!child) return child;
        children.push_back(std::move(*child));
      }
      Typed t = made(e.kind == Syntax::conjunction ? Op::conjunction : Op::disjunction,
                     Type::boolean, e.span, std::move(children));
      t.name = as_written(e.span);
      return t;
    }
  }
  return wrong("syntax", e.span, "this makes no sense here");
}

}  // namespace coreheap::query
