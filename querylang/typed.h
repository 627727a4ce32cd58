// Making expressions of a plan, and saying what they are: what the files of the checker share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "querylang/plan.h"

namespace coreheap::query {

inline bool is_object_like(Type type) { return type == Type::any || type == Type::address; }

inline Typed made(Op op, Type type, Span span, std::vector<Typed> children) {
  Typed t;
  t.op = op;
  t.type = type;
  t.span = span;
  for (const Typed& child : children) t.cost = std::max(t.cost, child.cost);
  t.children = std::move(children);
  return t;
}

inline Typed text_constant(std::string text, Span span) {
  Typed t;
  t.type = Type::text;
  t.span = span;
  t.owned = std::make_shared<const std::string>(std::move(text));
  t.constant = Value::of_text(*t.owned);
  return t;
}

// "size (a number)", "text"
inline std::string described(const Typed& t) {
  if (t.op == Op::constant || t.name.empty()) return std::string(phrase_of(t.type));
  return fmt::format("{} ({})", t.name, phrase_of(t.type));
}

inline bool is_text_constant(const Typed& t) {
  return t.op == Op::constant && t.type == Type::text;
}

inline Typed type_test(Span span, std::vector<std::string> names, bool subclasses) {
  Typed t = made(Op::type_test, Type::boolean, span, {});
  t.types = std::make_shared<TypeTest>();
  t.types->names = std::move(names);
  t.types->subclasses = subclasses;
  return t;
}

}  // namespace coreheap::query
