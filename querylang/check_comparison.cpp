// Comparisons, patterns and `in`: what may stand beside what.
#include <fmt/format.h>

#include <algorithm>

#include "querylang/check_expression.h"
#include "querylang/literal.h"
#include "querylang/typed.h"

namespace coreheap::query {

namespace {

bool comparable(Type a, Type b) {
  if (a == Type::any || b == Type::any || a == b) return true;
  if (is_numeric(a) && is_numeric(b)) return true;
  return (a == Type::address && b == Type::integer) || (a == Type::integer && b == Type::address);
}

bool is_type_attribute(const Typed& t) {
  return t.op == Op::attribute && t.attribute->dictionary == Dictionary::type &&
         t.attribute->name == "type";
}

Compare compare_of(std::string_view text) {
  if (text == "!=") return Compare::unequal;
  if (text == "<") return Compare::less;
  if (text == "<=") return Compare::less_equal;
  if (text == ">") return Compare::greater;
  if (text == ">=") return Compare::greater_equal;
  return Compare::equal;
}

}  // namespace

Checked<Typed> ExpressionChecker::operand(const Expression& e, const Expression& other,
                                          Scope& scope) {
  auto typed = value(e, scope);
  if (typed || e.kind != Syntax::name || typed.error().code != "unknown-attribute") return typed;
  const auto beside = value(other, scope);
  if (!beside || (beside->type != Type::text && beside->type != Type::any)) return typed;
  return wrong("bare-word", e.span, fmt::format("{} is not an attribute", e.text),
               fmt::format("text needs quotes: {} = \"{}\"", as_written(other.span), e.text));
}

QueryError ExpressionChecker::mismatch(const Typed& a, const Typed& b, Span span) const {
  QueryError error{"type-mismatch",
                   fmt::format("cannot compare {} with {}", described(a), described(b)),
                   span,
                   {}};
  if (is_numeric(a.type) && is_text_constant(b)) {
    // 'size > "1K"': the quotes are too much.
    const std::string& text = *b.owned;
    const std::size_t digits = text.find_first_not_of("0123456789_.");
    const std::string_view unit =
        digits == std::string::npos ? "" : std::string_view(text).substr(digits);
    if (digits != 0 && !text.empty() && (unit.empty() || bytes_of_unit(unit))) {
      const auto before = static_cast<std::uint32_t>(b.span.start);
      error.hint = fmt::format("write {}{}", as_written({a.span.start, before}), text);
    }
  } else if (a.type == Type::text && b.op == Op::constant && is_numeric(b.type)) {
    error.hint =
        fmt::format("write {}\"{}\"", as_written({a.span.start, b.span.start}), as_written(b.span));
  }
  return error;
}

Checked<Typed> ExpressionChecker::compare(const Expression& e, Scope& scope) {
  if (e.children.size() > 2) {
    const auto part = [&](std::size_t i) {
      return fmt::format("{} {} {}", as_written(e.children[i].span), e.operators[i].text,
                         as_written(e.children[i + 1].span));
    };
    return wrong("chained-comparison", e.span, "one comparison at a time",
                 fmt::format("write {} and {}", part(0), part(1)));
  }
  auto left = value(e.children[0], scope);
  if (!left) return left;
  auto right = operand(e.children[1], e.children[0], scope);
  if (!right) return right;
  const Compare how = compare_of(e.operators[0].text);
  for (const Typed* side : {&*left, &*right}) {
    if (side->type != Type::none) continue;
    const Typed& value = side == &*left ? *right : *left;
    return wrong("none-comparison", e.span, "nothing compares with none, so this is never true",
                 fmt::format("write {} is {}none", as_written(value.span),
                             how == Compare::unequal ? "not " : ""));
  }
  if (!comparable(left->type, right->type)) {
    const bool text_is_right = right->op == Op::constant;
    return std::unexpected(mismatch(*left, *right, text_is_right ? right->span : left->span));
  }
  const bool ordered = how != Compare::equal && how != Compare::unequal;
  if (ordered && (left->type == Type::boolean || right->type == Type::boolean)) {
    return wrong("truth-value", e.operators[0].span, "true and false have no order");
  }
  if (!ordered && (is_type_attribute(*left) || is_type_attribute(*right))) {
    const Typed& name = is_type_attribute(*left) ? *right : *left;
    if (is_text_constant(name)) {
      Typed t = type_test(e.span, {*name.owned}, false);
      t.negated = how == Compare::unequal;
      t.name = as_written(e.span);
      return t;
    }
  }
  std::vector<Typed> children;
  children.push_back(std::move(*left));
  children.push_back(std::move(*right));
  Typed t = made(Op::compare, Type::boolean, e.span, std::move(children));
  t.compare = how;
  t.name = as_written(e.span);
  return t;
}

Checked<Typed> ExpressionChecker::match(const Expression& e, Scope& scope) {
  const bool regex = e.kind == Syntax::match;
  auto left = value(e.children[0], scope);
  if (!left) return left;
  if (left->type != Type::text && left->type != Type::any) {
    return wrong("type-mismatch", e.children[0].span,
                 fmt::format("{} is of text, and {} is {}", regex ? "~" : "like",
                             left->name.empty() ? "this" : left->name, phrase_of(left->type)));
  }
  const Expression& pattern = e.children[1];
  if (pattern.kind != Syntax::text) {
    return wrong("type-mismatch", pattern.span,
                 regex ? "a pattern stands in quotes" : "like wants a text in quotes",
                 fmt::format("\"{}\"", as_written(pattern.span)));
  }
  Typed t = made(regex ? Op::match : Op::like, Type::boolean, e.span, {});
  t.cost = left->cost;
  t.negated = e.negated;
  t.name = as_written(e.span);
  t.owned = std::make_shared<const std::string>(pattern.text);
  if (regex) {
    auto compiled = Regex::compile(pattern.text);
    if (!compiled) {
      const RegexError& error = compiled.error();
      if (error.missing)
        return wrong("no-regex", e.span, error.message, "like \"*...*\" works without");
      Span span = pattern.span;
      if (const std::size_t at =
              error.part.empty() ? std::string::npos : pattern.text.find(error.part);
          at != std::string::npos) {
        const std::string_view quoted = text_.substr(span.start, span.end - span.start);
        const auto from = static_cast<std::uint32_t>(origin_of(quoted, at));
        const auto to = static_cast<std::uint32_t>(origin_of(quoted, at + error.part.size()));
        span = {pattern.span.start + from, pattern.span.start + std::max(to, from + 1)};
      }
      return wrong("bad-regex", span, error.message);
    }
    t.regex = std::move(*compiled);
  }
  t.children.push_back(std::move(*left));
  return t;
}

Checked<Typed> ExpressionChecker::in(const Expression& e, Scope& scope) {
  auto left = value(e.children[0], scope);
  if (!left) return left;
  const auto holds_rows = [&](const Typed& value) -> std::optional<QueryError> {
    if (is_object_like(value.type)) return std::nullopt;
    return QueryError{
        "type-mismatch",
        fmt::format("{} is {}, and behind in stand rows", value.name, phrase_of(value.type)),
        value.span, "rows are compared by address: addr in ..."};
  };
  Typed t = made(Op::in_values, Type::boolean, e.span, {});
  t.negated = e.negated;
  t.cost = left->cost;
  t.name = as_written(e.span);
  if (!e.text.empty()) {
    if (auto known = pipelines_.check_variable(e.text, e.span); !known) {
      return std::unexpected(known.error());
    }
    if (auto error = holds_rows(*left)) return std::unexpected(*error);
    t.op = Op::in_rows;
    t.variable = e.text;
    t.children.push_back(std::move(*left));
    return t;
  }
  if (e.pipeline != nullptr) {
    auto inner = pipelines_.check_pipeline(*e.pipeline);
    if (!inner) return std::unexpected(inner.error());
    if (inner->gives_rows && !inner->chosen_columns) {
      if (auto error = holds_rows(*left)) return std::unexpected(*error);
      t.op = Op::in_rows;
    } else if (inner->shown.size() != 1) {
      return wrong("columns", e.pipeline->span, "in wants one column, and this query shows several",
                   "end it with | show COLUMN");
    } else if (!comparable(left->type, inner->shown[0].value.type)) {
      return std::unexpected(mismatch(*left, inner->shown[0].value, e.children[0].span));
    }
    t.subquery = std::make_shared<PipelinePlan>(std::move(*inner));
    t.children.push_back(std::move(*left));
    return t;
  }
  std::vector<Typed> values;
  bool constant = true;
  for (std::size_t i = 1; i < e.children.size(); ++i) {
    auto one = operand(e.children[i], e.children[0], scope);
    if (!one) return one;
    if (one->type == Type::none || !comparable(left->type, one->type)) {
      return std::unexpected(mismatch(*left, *one, e.children[i].span));
    }
    constant = constant && one->op == Op::constant;
    values.push_back(std::move(*one));
  }
  if (constant && is_type_attribute(*left)) {
    std::vector<std::string> names;
    for (const Typed& one : values) names.push_back(*one.owned);
    Typed test = type_test(e.span, std::move(names), false);
    test.negated = e.negated;
    test.name = t.name;
    return test;
  }
  if (constant) {
    t.values = std::make_shared<ValueSet>();
    for (const Typed& one : values) t.values->add(one.constant);
    t.values->finish();
    t.children.push_back(std::move(*left));
    return t;
  }
  // Values that are worked out for each row: one comparison after the other.
  std::vector<Typed> parts;
  for (Typed& one : values) {
    Typed part = made(Op::compare, Type::boolean, e.span, {*left, std::move(one)});
    parts.push_back(std::move(part));
  }
  Typed any = made(Op::disjunction, Type::boolean, e.span, std::move(parts));
  if (!e.negated) return any;
  return made(Op::negation, Type::boolean, e.span, {std::move(any)});
}

}  // namespace coreheap::query
