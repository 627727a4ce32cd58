// The grammar, in Boost.Spirit X3: the one source that is slow to compile.
//
// It accepts more than makes sense (chains of comparisons, unknown units, sources and names): the
// checker says what is wrong with those in words. What it cannot read at all is told by where it
// stopped. Keywords are of any case. Recursion goes through brackets only, whose depth is bounded
// before parsing begins.
#include "querylang/grammar.h"

#include <algorithm>
#include <array>
#include <boost/spirit/home/x3.hpp>
#include <charconv>
#include <utility>

#include "querylang/literal.h"

// What an expectation that failed is called: as its first part is.
namespace boost::spirit::x3 {
template <class Subject, class Action>
struct get_info<action<Subject, Action>> {
  using result_type = std::string;
  std::string operator()(const action<Subject, Action>& p) const { return what(p.subject); }
};
template <class Left, class Right>
struct get_info<list<Left, Right>> {
  using result_type = std::string;
  std::string operator()(const list<Left, Right>& p) const { return what(p.left); }
};
template <class Left, class Right>
struct get_info<alternative<Left, Right>> {
  using result_type = std::string;
  std::string operator()(const alternative<Left, Right>& p) const { return what(p.right); }
};
}  // namespace boost::spirit::x3

namespace coreheap::query {

namespace {

namespace x3 = boost::spirit::x3;

constexpr auto kReserved =
    std::to_array<std::string_view>({"and", "as", "asc", "by", "desc", "false", "from", "in", "is",
                                     "let", "like", "none", "not", "or", "show", "true", "where"});

constexpr auto kStages = std::to_array<std::string_view>(
    {"where",      "group by",  "order by", "limit",     "sample",    "show",
     "sum",        "histogram", "distinct", "count",     "union",     "intersect",
     "minus",      "as",        "explain",  "referents", "referrers", "closure",
     "dominators", "dominated", "retained", "cycles",    "path",      "sort"});

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

struct CharOf : x3::char_parser<CharOf> {
  using char_type = char;
  using attribute_type = char;
  static constexpr bool has_attribute = true;
  bool (*member)(char);
  explicit CharOf(bool (*f)(char)) : member(f) {}
  template <class Char, class Context>
  bool test(Char c, const Context&) const {
    return member(c);
  }
};

// Where the text begins, for spans.
struct TextBegin {};

template <class Context>
Span span_of(const char* first, const char* last, const Context& context) {
  const char* begin = x3::get<TextBegin>(context).get();
  while (last > first && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\n')) --last;
  return {static_cast<std::uint32_t>(first - begin), static_cast<std::uint32_t>(last - begin)};
}

void unwrap(Expression& node) {
  Expression only = std::move(node.children[0]);
  node = std::move(only);
}

// Spans: a rule's definition stands between `open` and `close`, or one of those that also decide
// what the node has become.
const auto open = x3::eps[([](auto& c) {
  const char* here = x3::_where(c).begin();
  x3::_val(c).span = span_of(here, here, c);
})];
const auto end_span = [](auto& c) {
  Span& span = x3::_val(c).span;
  const char* here = x3::_where(c).begin();
  const char* start = x3::get<TextBegin>(c).get() + span.start;
  span = span_of(start, std::max(here, start), c);
};
const auto close = x3::eps[end_span];
// A chain of one child is that child.
const auto close_chain = [](Syntax kind) {
  return x3::eps[([kind](auto& c) {
    Expression& node = x3::_val(c);
    if (node.children.size() == 1 && node.kind == Syntax::none) return unwrap(node);
    if (node.kind == Syntax::none) node.kind = kind;
    end_span(c);
  })];
};
const auto close_negation = x3::eps[([](auto& c) {
  Expression& node = x3::_val(c);
  if (!std::exchange(node.negated, false)) return unwrap(node);
  node.kind = Syntax::negation;
  end_span(c);
})];
const auto close_term = x3::eps[([](auto& c) {
  Expression& node = x3::_val(c);
  end_span(c);
  const Span span = node.span;
  const bool minus = std::exchange(node.negated, false);
  if (node.steps.empty()) {
    unwrap(node);
  } else {
    node.kind = Syntax::path;
  }
  if (!minus) return;
  Expression inner = std::move(node);
  node = Expression();
  node.kind = Syntax::negate;
  node.span = span;
  node.children.push_back(std::move(inner));
})];

// Actions -------------------------------------------------------------------------------------

const auto take = [](auto& c) { x3::_val(c) = std::move(x3::_attr(c)); };
const auto take_child = [](auto& c) { x3::_val(c).children.push_back(std::move(x3::_attr(c))); };
const auto take_operator = [](auto& c) {
  x3::_val(c).operators.push_back(std::move(x3::_attr(c)));
};
const auto take_text = [](auto& c) {
  const auto& range = x3::_attr(c);
  x3::_val(c).text.assign(range.begin(), range.end());
};
const auto becomes = [](Syntax kind) { return [kind](auto& c) { x3::_val(c).kind = kind; }; };
const auto negates = [](auto& c) { x3::_val(c).negated = !x3::_val(c).negated; };

bool is_reserved(std::string_view word) {
  std::string lower(word);
  for (char& ch : lower) ch = ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch | 0x20) : ch;
  return std::binary_search(kReserved.begin(), kReserved.end(), lower);
}
const auto take_free_word = [](auto& c) {
  const auto& range = x3::_attr(c);
  x3::_val(c).text.assign(range.begin(), range.end());
  x3::_pass(c) = !is_reserved(x3::_val(c).text);
};

// Tokens --------------------------------------------------------------------------------------

const CharOf name_start(starts_name);
const CharOf name_char(in_name);
const auto word_text = x3::raw[x3::lexeme[name_start >> *name_char]];
// Not Spirit's own classes: those take no byte of a longer character.
const auto kDigit = x3::char_('0', '9');
const auto kHexDigit = kDigit | x3::char_('a', 'f') | x3::char_('A', 'F');
const auto kSpace = x3::char_(" \t\n\v\f\r");
const auto skipper = kSpace | (x3::lit('#') >> *(x3::char_ - '\n'));

auto keyword(const char* word) { return x3::lexeme[x3::no_case[x3::lit(word)] >> !name_char]; }

struct word_id {};
const x3::rule<word_id, Word> any_word("a name");
const auto any_word_def = open >> word_text[take_text] >> close;
struct free_word_id {};
const x3::rule<free_word_id, Word> free_word("a name");
const auto free_word_def = open >> word_text[take_free_word] >> close;

struct variable_id {};
const x3::rule<variable_id, Word> variable_word("a variable like $x");
const auto variable_word_def = open >> x3::lexeme['$' >> word_text[take_text]] >> close;

struct digits_id {};
const x3::rule<digits_id, std::uint64_t> whole_number("a whole number");
const auto whole_number_def = x3::raw[x3::lexeme[+kDigit >> !name_char]][([](auto& c) {
  const auto& range = x3::_attr(c);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(range.begin(), range.end(), n);
  x3::_val(c) = error == std::errc() ? n : UINT64_MAX;
})];

struct address_id {};
const x3::rule<address_id, std::uint64_t> address("an address like 0x7f00");
const auto address_def =
    x3::raw[x3::lexeme['0' >> x3::no_case[x3::lit('x')] >> +kHexDigit >> !name_char]][([](auto& c) {
      const auto& range = x3::_attr(c);
      std::uint64_t n = 0;
      const auto [end, error] = std::from_chars(range.begin() + 2, range.end(), n, 16);
      x3::_val(c) = n;
      x3::_pass(c) = error == std::errc();
    })];

const auto number_text =
    x3::raw[('0' >> x3::no_case[x3::lit('x')] >> +(kHexDigit | '_')) |
            (kDigit >> *(kDigit | '_') >> -('.' >> kDigit >> *(kDigit | '_')) >>
             -(x3::no_case[x3::lit('e')] >> -x3::char_("+-") >> +kDigit))];

struct number_id {};
const x3::rule<number_id, Expression> number("a number");
const auto number_def =
    open >> x3::lexeme[number_text[([](auto& c) {
                         const auto& range = x3::_attr(c);
                         x3::_val(c).kind = Syntax::number;
                         x3::_val(c).number = read_number({range.begin(), range.size()});
                       })] >>
                       -any_word[([](auto& c) {
                         x3::_val(c).number.unit = x3::_attr(c).text;
                         x3::_val(c).number.unit_span = x3::_attr(c).span;
                       })]] >>
    close;

const auto quoted_with = [](char quote) {
  return x3::char_(quote) >> *(('\\' >> x3::char_) | (x3::char_ - quote)) >> x3::char_(quote);
};
struct text_id {};
const x3::rule<text_id, Expression> text("a text in quotes");
const auto text_def = open >>
                      x3::raw[x3::lexeme[quoted_with('"') | quoted_with('\'')]][([](auto& c) {
                        const auto& range = x3::_attr(c);
                        x3::_val(c).kind = Syntax::text;
                        x3::_val(c).text = unquoted({range.begin(), range.size()});
                      })] >>
                      close;

// Expressions ---------------------------------------------------------------------------------

struct expression_id {};
struct and_id {};
struct not_id {};
struct comparison_id {};
struct value_id {};
struct product_id {};
struct term_id {};
struct call_id {};
struct primary_id {};
struct step_id {};

const x3::rule<expression_id, Expression> expression("a condition");
const x3::rule<and_id, Expression> conjunction("a condition");
const x3::rule<not_id, Expression> negation("a condition");
const x3::rule<comparison_id, Expression> comparison("a condition");
const x3::rule<value_id, Expression> value("a value");
const x3::rule<product_id, Expression> product("a value");
const x3::rule<term_id, Expression> term("a value");
const x3::rule<primary_id, Expression> primary("a value");
const x3::rule<call_id, Expression> call("a value");

struct pipeline_id {};
const x3::rule<pipeline_id, Pipeline> pipeline("a query");

struct operator_id {};
const x3::rule<operator_id, Word> compare_operator("an operator");
const auto compare_operator_def =
    open >> x3::raw[x3::lit("==") | "!=" | "<=" | ">=" | "<" | ">" | "="][take_text] >> close;
const x3::rule<struct plus_id, Word> plus_operator("an operator");
struct plus_id {};
const auto plus_operator_def = open >> x3::raw[x3::char_("+-")][take_text] >> close;
const x3::rule<struct times_id, Word> times_operator("an operator");
struct times_id {};
const auto times_operator_def = open >> x3::raw[x3::char_("*/%")][take_text] >> close;

struct in_word_id {};
const x3::rule<in_word_id> in_word("in");
const auto in_word_def = keyword("in");
struct none_word_id {};
const x3::rule<none_word_id> none_word("none");
const auto none_word_def = keyword("none");
struct by_word_id {};
const x3::rule<by_word_id> by_word("by");
const auto by_word_def = keyword("by");

const auto take_pipeline = [](auto& c) {
  x3::_val(c).pipeline = std::make_shared<const Pipeline>(std::move(x3::_attr(c)));
};

const auto expression_def = open >> conjunction[take_child] >>
                            *((keyword("or") | "||") > conjunction[take_child]) >>
                            close_chain(Syntax::disjunction);
const auto conjunction_def = open >> negation[take_child] >>
                             *((keyword("and") | "&&") > negation[take_child]) >>
                             close_chain(Syntax::conjunction);
const auto negation_def = open >>
                          *((keyword("not") | x3::lexeme['!' >> !x3::char_("=~")])[negates]) >>
                          comparison[take_child] >> close_negation;
const auto comparison_def =
    open >> value[take_child] >>
    -(+(compare_operator[take_operator] > value[take_child])[becomes(Syntax::compare)] |
      (x3::lit('~')[becomes(Syntax::match)] > value[take_child]) |
      (x3::lit("!~")[becomes(Syntax::match)][negates] > value[take_child]) |
      (keyword("like")[becomes(Syntax::like)] > value[take_child]) |
      (keyword("is")[becomes(Syntax::is_none)] > -keyword("not")[negates] > none_word) |
      ((-(keyword("not")[negates]) >> in_word[becomes(Syntax::in)]) >
       (variable_word[([](auto& c) { x3::_val(c).text = x3::_attr(c).text; })] |
        ('(' > ((&(keyword("from") | keyword("where")) > pipeline[take_pipeline]) |
                (value[take_child] % ',')) > ')')))) >>
    close_chain(Syntax::compare);
const auto value_def = open >> product[take_child] >>
                       *(plus_operator[take_operator] > product[take_child]) >>
                       close_chain(Syntax::arithmetic);
const auto product_def = open >> term[take_child] >>
                         *(times_operator[take_operator] > term[take_child]) >>
                         close_chain(Syntax::arithmetic);

const auto add_name = [](auto& c) {
  x3::_val(c).steps.push_back({x3::_attr(c).text, 0, x3::_attr(c).span});
};
const auto add_index = [](auto& c) {
  auto& node = x3::_val(c);
  node.steps.push_back({{}, node.children.size(), x3::_attr(c).span});
  node.children.push_back(std::move(x3::_attr(c)));
};
const auto own_object = [](auto& c) {
  Expression self;
  self.kind = Syntax::self;
  x3::_val(c).children.push_back(std::move(self));
};
const auto step = ('.' > any_word[add_name]) | ('[' > value[add_index] > ']');
const auto term_def = open >> *(x3::lit('-')[negates]) >>
                      ((primary[take_child] >> *step) |
                       (&x3::char_(".[") >> x3::eps[own_object] >> +step)) >>
                      close_term;

const auto constant = [](Syntax kind, bool truth) {
  return [kind, truth](auto& c) {
    x3::_val(c).kind = kind;
    x3::_val(c).truth = truth;
  };
};
struct constant_id {};
const x3::rule<constant_id, Expression> constant_word("a value");
const auto constant_word_def = open >> (keyword("true")[constant(Syntax::boolean, true)] |
                                        keyword("false")[constant(Syntax::boolean, false)] |
                                        keyword("none")[constant(Syntax::none, false)]) >>
                               close;
struct variable_value_id {};
const x3::rule<variable_value_id, Expression> variable("a value");
const auto variable_def = open >> variable_word[([](auto& c) {
                            x3::_val(c).kind = Syntax::variable;
                            x3::_val(c).text = x3::_attr(c).text;
                          })] >>
                          close;
const auto call_def =
    open >> free_word[([](auto& c) {
      x3::_val(c).kind = Syntax::name;
      x3::_val(c).text = x3::_attr(c).text;
    })] >>
    -(x3::lit('(')[becomes(Syntax::call)] > -(value[take_child] % ',') > ')') >> close;
const auto primary_def = number[take] | text[take] | constant_word[take] | variable[take] |
                         call[take] | ('(' > expression[take] > ')');

// Stages --------------------------------------------------------------------------------------

struct column_id {};
const x3::rule<column_id, ColumnSyntax> column("a column");
const auto column_def = value[([](auto& c) { x3::_val(c).value = std::move(x3::_attr(c)); })] >>
                        -(keyword("as") >
                          any_word[([](auto& c) { x3::_val(c).name = std::move(x3::_attr(c)); })]);

struct key_id {};
const x3::rule<key_id, KeySyntax> key("a key");
const auto key_def = value[([](auto& c) { x3::_val(c).value = std::move(x3::_attr(c)); })] >>
                     -(keyword("asc")[([](auto& c) { x3::_val(c).descending = false; })] |
                       keyword("desc")[([](auto& c) { x3::_val(c).descending = true; })]);

const auto begins = [](const char* word) {
  // The word's span is what the keyword took, which ends here.
  return [word](auto& c) { x3::_val(c).word.text = word; };
};
const auto take_condition = [](auto& c) { x3::_val(c).condition = std::move(x3::_attr(c)); };
const auto take_value = [](auto& c) { x3::_val(c).values.push_back(std::move(x3::_attr(c))); };
const auto take_column = [](auto& c) {
  x3::_val(c).columns.push_back(std::move(x3::_attr(c)));
  x3::_val(c).has_columns = true;
};
const auto take_key = [](auto& c) { x3::_val(c).keys.push_back(std::move(x3::_attr(c))); };
const auto take_count = [](auto& c) { x3::_val(c).count = x3::_attr(c); };

struct source_id {};
const x3::rule<source_id, SourceSyntax> source("a source");
struct source_address_id {};
struct SpannedAddress {
  std::uint64_t value = 0;
  Span span;
};
const x3::rule<source_address_id, SpannedAddress> source_address("an address like 0x7f00");
const auto source_address_def =
    open >> address[([](auto& c) { x3::_val(c).value = x3::_attr(c); })] >> close;
const auto source_def = open >> ((source_address % ',')[([](auto& c) {
                                   for (const SpannedAddress& one : x3::_attr(c)) {
                                     x3::_val(c).addresses.emplace_back(one.value, one.span);
                                   }
                                   x3::_val(c).given = true;
                                 })] |
                                 variable_word[([](auto& c) {
                                   x3::_val(c).variable = x3::_attr(c).text;
                                   x3::_val(c).given = true;
                                 })] |
                                 free_word[([](auto& c) {
                                   x3::_val(c).name = x3::_attr(c).text;
                                   x3::_val(c).given = true;
                                 })]) >>
                        close;

struct operand_id {};
const x3::rule<operand_id, Pipeline> operand("a source or a query in brackets");
const auto operand_def =
    open >> (('(' > pipeline[take] > ')') |
             source[([](auto& c) { x3::_val(c).source = std::move(x3::_attr(c)); })]) >>
    close;

struct stage_id {};
const x3::rule<stage_id, Stage> stage("a stage");

const auto show_columns = keyword("show") > (column[take_column] % ',');
const auto where_stage = keyword("where")[begins("where")] > expression[take_condition];
const auto group_stage = keyword("group")[begins("group by")] > by_word >
                         (value[take_value] % ',') > -show_columns;
const auto order_stage = (keyword("order") | keyword("sort"))[begins("order by")] > -by_word >
                         (key[take_key] % ',');
const auto limit_stage = keyword("limit")[begins("limit")] > whole_number[take_count];
const auto sample_stage = keyword("sample")[begins("sample")] > whole_number[take_count];
const auto show_stage = keyword("show")[begins("show")] > (column[take_column] % ',');
const auto value_stage =
    (keyword("sum")[begins("sum")] | keyword("histogram")[begins("histogram")] |
     keyword("distinct")[begins("distinct")]) > value[take_value];
const auto bare_stage = keyword("count")[begins("count")] | keyword("explain")[begins("explain")] |
                        keyword("retained")[begins("retained")] |
                        keyword("cycles")[begins("cycles")];
const auto set_stage =
    (keyword("union")[begins("union")] | keyword("intersect")[begins("intersect")] |
     keyword("minus")[begins("minus")]) > operand[take_pipeline];
const auto as_stage = keyword("as")[begins("as")] >
                      variable_word[([](auto& c) { x3::_val(c).variable = x3::_attr(c).text; })];
const auto walk_stage = (keyword("referents")[begins("referents")] |
                         keyword("referrers")[begins("referrers")] |
                         keyword("closure")[begins("closure")] |
                         keyword("dominators")[begins("dominators")] |
                         keyword("dominated")[begins("dominated")]) > -whole_number[take_count] >
                        -(keyword("where") > expression[take_condition]);
const auto path_stage =
    keyword("path")[begins("path")] >>
    *((keyword("to") > address[([](auto& c) { x3::_val(c).target = x3::_attr(c); })]) |
      (keyword("excluding") >
       (keyword("weak")[([](auto& c) { x3::_val(c).excluding_weak = true; })] |
        expression[take_condition])) |
      (by_word > any_word[([](auto& c) { x3::_val(c).by = x3::_attr(c).text; })]) |
      (keyword("limit") > whole_number[take_count]));

const auto stage_def = open >> (where_stage | group_stage | order_stage | limit_stage |
                                sample_stage | show_stage | value_stage | bare_stage | set_stage |
                                as_stage | walk_stage | path_stage) >>
                       close;

const auto take_source = [](auto& c) { x3::_val(c).source = std::move(x3::_attr(c)); };
const auto take_stage = [](auto& c) { x3::_val(c).stages.push_back(std::move(x3::_attr(c))); };
const auto pipeline_def = open >> -(keyword("from") > source[take_source]) >>
                          -((keyword("where") > expression[take_condition]) |
                            expression[take_condition]) >>
                          *(x3::lexeme['|' >> !x3::lit('|')] > stage[take_stage]) >> close;

struct let_id {};
const x3::rule<let_id, Let> let("let");
const auto let_def =
    keyword("let") > variable_word[([](auto& c) { x3::_val(c).name = std::move(x3::_attr(c)); })] >
    '=' > pipeline[([](auto& c) { x3::_val(c).pipeline = std::move(x3::_attr(c)); })] > ';';

struct script_id {};
const x3::rule<script_id, Script> script("a query");
const auto script_def =
    *(let[([](auto& c) { x3::_val(c).lets.push_back(std::move(x3::_attr(c))); })]) >>
    pipeline[([](auto& c) { x3::_val(c).pipeline = std::move(x3::_attr(c)); })];

BOOST_SPIRIT_DEFINE(any_word, free_word, variable_word, whole_number, address, number, text)
BOOST_SPIRIT_DEFINE(compare_operator, plus_operator, times_operator, in_word, none_word, by_word)
BOOST_SPIRIT_DEFINE(expression, conjunction, negation, comparison, value, product, term, primary)
BOOST_SPIRIT_DEFINE(call, constant_word, variable, column, key, source, source_address, operand)
BOOST_SPIRIT_DEFINE(stage, pipeline, let, script)

// Before and after parsing --------------------------------------------------------------------

Span at(std::size_t begin, std::size_t end) {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

// Length, quotes and brackets: what bounds the parser's work and says plainest what is wrong.
Checked<void> check_shape(std::string_view query) {
  if (query.size() > kMaxText) {
    return wrong("too-long", at(kMaxText, kMaxText), "a query has at most 65,536 bytes");
  }
  std::size_t depth = 0;
  for (std::size_t i = 0; i < query.size(); ++i) {
    const char c = query[i];
    if (c == '#') {
      i = std::min(query.find('\n', i), query.size() - 1);
    } else if (c == '"' || c == '\'') {
      std::size_t end = i + 1;
      while (end < query.size() && query[end] != c) end += query[end] == '\\' ? 2 : 1;
      if (end >= query.size()) {
        return wrong("unterminated-string", at(i, query.size()),
                     "a text that begins here never ends", std::string("close it with ") + c);
      }
      i = end;
    } else if (c == '(' || c == '[') {
      if (++depth > kMaxDepth) {
        return wrong("too-deep", at(i, i + 1), "brackets inside more than 32 others");
      }
    } else if ((c == ')' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return {};
}

// The word, number or sign at `begin`.
std::size_t end_of_token(std::string_view query, std::size_t begin) {
  if (begin >= query.size()) return begin;
  std::size_t end = begin;
  while (end < query.size() && in_name(query[end])) ++end;
  return end == begin ? begin + 1 : end;
}

bool begins_stage(std::string_view word) {
  std::string lower(word);
  for (char& ch : lower) ch = ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch | 0x20) : ch;
  return std::any_of(kStages.begin(), kStages.end(), [&](std::string_view known) {
    return known.substr(0, known.find(' ')) == lower;
  });
}

QueryError stopped_at(std::string_view query, std::size_t place, const std::string& expected) {
  while (place < query.size() &&
         (query[place] == ' ' || query[place] == '\n' || query[place] == '\t')) {
    ++place;
  }
  const std::size_t end = end_of_token(query, place);
  const std::string token(query.substr(place, end - place));
  const Span span = at(place, end);
  if (place >= query.size()) {
    return {"incomplete",
            "the query ends where " + (expected.empty() ? "more" : expected) + " is missing",
            span,
            {}};
  }
  if (expected == "a stage") {
    const std::vector<std::string_view> words(kStages.begin(), kStages.end());
    return {"unknown-stage", "no stage is called " + token, span, nearest(token, words)};
  }
  if (expected.empty()) {
    // A stage without its bar: its word is the one at hand, or was taken for a name before it.
    std::size_t before = place;
    while (before > 0 && (query[before - 1] == ' ' || query[before - 1] == '\n')) --before;
    std::size_t word = before;
    while (word > 0 && in_name(query[word - 1])) --word;
    const std::string previous(query.substr(word, before - word));
    const bool at_hand = begins_stage(token);
    if (at_hand || (word == 0 && begins_stage(previous))) {
      const std::size_t from = at_hand ? place : word;
      const std::string rest(query.substr(from, 40));
      return {"trailing",
              (at_hand ? token : previous) + " begins a stage, which needs a | in front",
              at(from, at_hand ? end : before), (from == 0 ? "| " : "... | ") + rest};
    }
    return {"trailing",
            "the query could end before '" + token + "', and cannot go on with it",
            span,
            {}};
  }
  std::string hint;
  if (expected == "')'" && query.substr(0, place).find("in (") != std::string_view::npos) {
    hint = "in (...) is a list of values; a query there begins with where or from";
  }
  return {"syntax", expected + " is missing before " + token, span, std::move(hint)};
}

}  // namespace

std::span<const std::string_view> reserved_words() { return kReserved; }
std::span<const std::string_view> stage_words() { return kStages; }

Checked<Script> parse(std::string_view query) {
  if (auto sound = check_shape(query); !sound) return std::unexpected(sound.error());
  const char* begin = query.data();
  const char* end = begin + query.size();
  const char* first = begin;
  Script tree;
  try {
    const bool matched =
        x3::phrase_parse(first, end, x3::with<TextBegin>(std::ref(begin))[script], skipper, tree);
    if (!matched || first != end) {
      return std::unexpected(stopped_at(query, static_cast<std::size_t>(first - begin), ""));
    }
  } catch (const x3::expectation_failure<const char*>& failure) {
    return std::unexpected(
        stopped_at(query, static_cast<std::size_t>(failure.where() - begin), failure.which()));
  }
  return tree;
}

}  // namespace coreheap::query
