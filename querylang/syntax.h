// The tree of a query as it was written: words, not meanings. The grammar makes it, the checker
// reads it.
//
// Invariants: every node has the span of the text it was made from; chains of one precedence are
// one node with many children, so that the tree is no deeper than the query's brackets, which the
// grammar bounds (kMaxDepth).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "querylang/query_error.h"

namespace coreheap::query {

// Brackets inside brackets, and bytes of one query.
inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxText = 64 << 10;

struct Pipeline;

enum class Syntax : std::uint8_t {
  number,
  text,
  boolean,
  none,
  variable,    // $x
  name,        // a bare word
  call,        // NAME(children)
  self,        // the row's own object: what stands before a leading dot
  path,        // children[0] with steps behind it
  negate,      // -child
  arithmetic,  // children joined by operators (one precedence)
  compare,     // children joined by operators: more than two is an error
  match,       // children[0] ~ children[1]
  like,
  in,       // children[0] in children[1...], $text or pipeline
  is_none,  // children[0] is none
  negation,
  conjunction,
  disjunction,
};

struct Number {
  bool is_integer = true;
  bool is_hex = false;  // written with 0x: may be an address
  bool overflow = false;
  std::uint64_t integer = 0;
  double real = 0;
  std::string unit;
  Span unit_span;
};

// ".name", or "[child]" with the index of a child.
struct Step {
  std::string name;
  std::size_t index = 0;  // of the expression in children; 0: a name
  Span span;
};

struct Word {
  std::string text;
  Span span;
};

struct Expression {
  Syntax kind = Syntax::none;
  Span span;
  std::string text;  // of a name, call, variable, string
  Number number;
  bool truth = false;    // of a boolean
  bool negated = false;  // not in, !~, is not none
  std::vector<Word> operators;
  std::vector<Step> steps;
  std::vector<Expression> children;
  std::shared_ptr<const Pipeline> pipeline;
};

struct ColumnSyntax {
  Expression value;
  std::optional<Word> name;  // as NAME
};

struct KeySyntax {
  Expression value;
  std::optional<bool> descending;
};

struct Stage {
  Word word;  // "group", as written
  Span span;
  std::optional<Expression> condition;  // where; of path: excluding
  std::vector<Expression> values;       // of group, sum, histogram, distinct
  std::vector<ColumnSyntax> columns;    // of show, and of group's show
  bool has_columns = false;
  std::vector<KeySyntax> keys;
  std::optional<std::uint64_t> count;  // limit, sample, levels of referents
  Span count_span;
  std::shared_ptr<const Pipeline> pipeline;  // of union, intersect, minus
  std::string variable;                      // as $x
  // Of path.
  std::optional<std::uint64_t> target;
  bool excluding_weak = false;
  std::string by;
};

struct SourceSyntax {
  bool given = false;
  Span span;
  std::string name;      // "blocks"; empty: a variable or addresses
  std::string variable;  // without the $
  std::vector<std::pair<std::uint64_t, Span>> addresses;
};

struct Pipeline {
  SourceSyntax source;
  std::optional<Expression> condition;
  std::vector<Stage> stages;
  Span span;
};

struct Let {
  Word name;  // without the $
  Pipeline pipeline;
};

struct Script {
  std::vector<Let> lets;
  Pipeline pipeline;
};

}  // namespace coreheap::query
