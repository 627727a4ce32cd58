// Random queries over random censuses, against an evaluation that goes row by row and shares no
// code with the executor: each query is made together with a function that says what it means.
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <variant>

#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"
#include "tests/unit/querylang/answers.h"

namespace {

using namespace coreheap;
using namespace coreheap::query;
using namespace coreheap::query::testing;
using census::RowId;

struct Random {
  std::mt19937_64 engine;
  std::uint64_t below(std::uint64_t n) { return engine() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }
};

const std::vector<std::string> kTypeNames = {"list",     "dict",     "str",
                                             "app.Node", "lib.Node", "app.x.Leaf"};
const std::vector<std::string> kDetails = {"", "a", "b \"c\"", "attributes of app.Node"};

// More rows than one piece of a scan has, so that pieces are merged.
census::Census random_census(Random& random, std::size_t rows) {
  census::Census made;
  census::LabelTable labels;
  for (std::size_t i = 0; i < kTypeNames.size(); ++i) {
    made.types.push_back({Address{0x900 + 16 * i}, kTypeNames[i], i < 3, false});
  }
  made.types.push_back({Address{0x9f0}, "app.Node", false, false});  // a class made twice
  const std::vector<census::Kind> kinds = {census::Kind::string_data, census::Kind::list_items,
                                           census::Kind::uncategorized, census::Kind::dict_keys};
  census::RowsBuilder builder;
  std::uint64_t at = 0x10000;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t size = 16 * (1 + random.below(random.chance(5) ? 4096 : 8));
    const bool object = random.chance(60);
    const auto state = static_cast<census::State>(random.chance(80) ? 0 : 1 + random.below(2));
    const auto allocator = static_cast<census::Allocator>(random.below(4));
    builder.add(Address{at}, size,
                object ? census::TypeId{static_cast<std::uint32_t>(random.below(made.types.size()))}
                       : census::TypeId::none,
                labels.intern(object ? census::Kind::python_object : random.one_of(kinds),
                              random.one_of(kDetails)),
                i > 0 && random.chance(20) ? RowId{static_cast<std::uint32_t>(random.below(i))}
                                           : RowId::none,
                state, allocator, 0);
    at += size + 16 * random.below(2);
  }
  made.rows = builder.finish();
  made.labels = labels.take();
  made.coverage.allocator_bytes = at - 0x10000;
  return made;
}

// A value of the naive evaluation; monostate: none.
using Naive = std::variant<std::monostate, std::int64_t, double, std::string, bool>;
using Row = std::uint32_t;

struct NaiveHeap {
  const census::Census& census;

  bool has_type(Row r) const { return census.rows.type(RowId{r}) != census::TypeId::none; }
  std::string type(Row r) const {
    return census.types[census::index_of(census.rows.type(RowId{r}))].name;
  }
};

struct NumberPart {
  std::string text;
  std::function<Naive(Row)> value;
};
struct Condition {
  std::string text;
  std::function<bool(Row)> holds;
};

bool is_number(const Naive& v) { return v.index() == 1 || v.index() == 2; }
double as_double(const Naive& v) {
  return v.index() == 1 ? static_cast<double>(std::get<std::int64_t>(v)) : std::get<double>(v);
}
// -1, 0, 1; nullopt: not comparable. The figures here are small: doubles hold them exactly.
std::optional<int> ordered(const Naive& a, const Naive& b) {
  if (is_number(a) && is_number(b)) {
    const double x = as_double(a), y = as_double(b);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (a.index() == 3 && b.index() == 3) {
    const int c = std::get<std::string>(a).compare(std::get<std::string>(b));
    return c < 0 ? -1 : c > 0 ? 1 : 0;
  }
  return std::nullopt;
}

class Maker {
 public:
  Maker(Random& random, const NaiveHeap& heap) : random_(random), heap_(heap) {}

  NumberPart number(int depth) {
    const auto& rows = heap_.census.rows;
    switch (random_.below(depth > 0 ? 7 : 4)) {
      case 0:
        return {"size",
                [&rows](Row r) { return Naive(static_cast<std::int64_t>(rows.size(RowId{r}))); }};
      case 1: {
        const auto n = static_cast<std::int64_t>(random_.below(200));
        return {std::to_string(n), [n](Row) { return Naive(n); }};
      }
      case 2:
        return {"buffers", [this](Row r) {
                  const auto at = owned_.find(r);
                  return Naive(at == owned_.end() ? std::int64_t{0} : at->second);
                }};
      case 3:
        return {"len(kind)", [this](Row r) {
                  const std::string kind = naive_kind(r);
                  if (kind.empty()) return Naive();
                  return Naive(static_cast<std::int64_t>(kind.size()));
                }};
      default:
        break;
    }
    const NumberPart a = number(depth - 1), b = number(depth - 1);
    const char sign = "+-*/%"[random_.below(5)];
    return {fmt::format("({} {} {})", a.text, sign, b.text), [a, b, sign](Row r) -> Naive {
              const Naive x = a.value(r), y = b.value(r);
              if (!is_number(x) || !is_number(y)) return {};
              if (x.index() == 1 && y.index() == 1 && sign != '/') {
                const std::int64_t i = std::get<std::int64_t>(x), k = std::get<std::int64_t>(y);
                if (sign == '+') return i + k;
                if (sign == '-') return i - k;
                if (sign == '*') return i * k;
                if (k == 0) return {};
                return ((i % k) + k) % k;
              }
              const double i = as_double(x), k = as_double(y);
              if (sign == '+') return i + k;
              if (sign == '-') return i - k;
              if (sign == '*') return i * k;
              if (k == 0) return {};
              if (sign == '/') return i / k;
              double m = std::fmod(i, k);
              if (m != 0 && (m < 0) != (k < 0)) m += k;
              return m;
            }};
  }

  Condition condition(int depth) {
    if (depth > 0 && random_.chance(55)) {
      const Condition a = condition(depth - 1), b = condition(depth - 1);
      switch (random_.below(3)) {
        case 0:
          return {fmt::format("({} and {})", a.text, b.text),
                  [a, b](Row r) { return a.holds(r) && b.holds(r); }};
        case 1:
          return {fmt::format("({} or {})", a.text, b.text),
                  [a, b](Row r) { return a.holds(r) || b.holds(r); }};
        default:
          return {fmt::format("not ({})", a.text), [a](Row r) { return !a.holds(r); }};
      }
    }
    switch (random_.below(7)) {
      case 0: {
        const NumberPart a = number(1), b = number(1);
        const std::string sign = random_.one_of<std::string>({"==", "!=", "<", "<=", ">", ">="});
        return {fmt::format("{} {} {}", a.text, sign, b.text), [a, b, sign](Row r) {
                  const auto order = ordered(a.value(r), b.value(r));
                  if (!order) return false;
                  return sign == "=="   ? *order == 0
                         : sign == "!=" ? *order != 0
                         : sign == "<"  ? *order < 0
                         : sign == "<=" ? *order <= 0
                         : sign == ">"  ? *order > 0
                                        : *order >= 0;
                }};
      }
      case 1: {
        const std::string name = random_.chance(30) ? "Node" : random_.one_of(kTypeNames);
        const bool equal = random_.chance(60);
        return {fmt::format("type {} \"{}\"", equal ? "==" : "!=", name), [=, this](Row r) {
                  if (!heap_.has_type(r)) return false;
                  const std::string type = heap_.type(r);
                  const bool same = type == name || (name == "Node" && type.ends_with(".Node"));
                  return same == equal;
                }};
      }
      case 2: {
        const bool negated = random_.chance(40);
        return {fmt::format("type {}in (\"list\", \"app.x.Leaf\")", negated ? "not " : ""),
                [=, this](Row r) {
                  if (!heap_.has_type(r)) return false;
                  const std::string type = heap_.type(r);
                  return (type == "list" || type == "app.x.Leaf") != negated;
                }};
      }
      case 3: {
        const std::string word =
            random_.one_of<std::string>({"python", "C", "cpython", "none such"});
        return {fmt::format("domain = '{}'", word), [=, this](Row r) {
                  return census::info_of(heap_.census.label_of(RowId{r}).kind).domain == word;
                }};
      }
      case 4: {
        const bool is_none = random_.chance(50);
        return {fmt::format("detail is {}none", is_none ? "" : "not "), [=, this](Row r) {
                  return heap_.census.label_of(RowId{r}).detail.empty() == is_none;
                }};
      }
      case 5: {
        // A glob of one star: starts and ends.
        const std::string start = random_.one_of<std::string>({"", "l", "str", "app."});
        const std::string end = random_.one_of<std::string>({"", "t", "e", "items"});
        return {fmt::format("kind like \"{}*{}\"", start, end), [=, this](Row r) {
                  const std::string kind = naive_kind(r);
                  return !kind.empty() && kind.size() >= start.size() + end.size() &&
                         kind.starts_with(start) && kind.ends_with(end);
                }};
      }
      default: {
        const std::string state = random_.one_of<std::string>({"used", "free", "cached"});
        return {fmt::format("state == \"{}\"", state), [=, this](Row r) {
                  return census::name_of(heap_.census.rows.state(RowId{r})) == state;
                }};
      }
    }
  }

  std::string naive_kind(Row r) const {
    const census::Label& label = heap_.census.label_of(RowId{r});
    if (label.kind == census::Kind::python_object && heap_.has_type(r)) return heap_.type(r);
    return std::string(census::info_of(label.kind).kind);
  }

  void sum_owned() {
    const auto& rows = heap_.census.rows;
    for (Row r = 0; r < rows.size(); ++r) {
      const RowId owner = rows.owner(RowId{r});
      if (owner == RowId::none || rows.state(RowId{r}) != census::State::used) continue;
      owned_[census::index_of(owner)] += static_cast<std::int64_t>(rows.size(RowId{r}));
    }
  }

 private:
  Random& random_;
  const NaiveHeap& heap_;
  std::map<Row, std::int64_t> owned_;
};

std::string text_of(const Naive& v) {
  switch (v.index()) {
    case 1:
      return std::to_string(std::get<std::int64_t>(v));
    case 2:
      return fmt::format("{}", std::get<double>(v));
    case 3:
      return std::get<std::string>(v);
    default:
      return "-";
  }
}

std::string source_text(std::size_t source) {
  return std::vector<std::string>{"", "from blocks where ", "from objects where ",
                                  "from rows where ", "from chunks where "}[source];
}
bool in_source(std::size_t source, const census::Census& census, Row r) {
  const auto state = census.rows.state(RowId{r});
  const auto allocator = census.rows.allocator(RowId{r});
  const bool used = state == census::State::used && allocator != census::Allocator::static_object;
  if (source <= 1) return used;
  if (source == 2) return used && census.rows.type(RowId{r}) != census::TypeId::none;
  if (source == 3) return true;
  return allocator == census::Allocator::glibc || allocator == census::Allocator::glibc_mmap;
}

struct Fixture {
  explicit Fixture(std::uint64_t seed, std::size_t rows)
      : random{std::mt19937_64(seed)}, census(random_census(random, rows)) {
    maker.sum_owned();
  }
  Heap view() const { return {image, census, heaps, pymalloc, nullptr, nullptr}; }
  std::string run(const std::string& text) {
    Variables variables;
    std::string said = answer(text, view(), variables);
    // Notes are about names; they are not what is compared.
    if (const std::size_t note = said.find("note: "); note != std::string::npos) said.resize(note);
    return said;
  }
  std::vector<Row> matching(std::size_t source, const Condition& condition) const {
    std::vector<Row> rows;
    for (Row r = 0; r < census.rows.size(); ++r) {
      if (in_source(source, census, r) && condition.holds(r)) rows.push_back(r);
    }
    return rows;
  }
  std::string addresses(const std::vector<Row>& rows) const {
    std::string text = "addr\n";
    for (const Row r : rows) {
      text += fmt::format("0x{:x}\n", census.rows.address(RowId{r}).value);
    }
    return text;
  }

  Random random;
  image::Image image;
  std::vector<glibc::MallocHeap> heaps;
  pymalloc::PymallocHeap pymalloc;
  census::Census census;
  NaiveHeap naive{census};
  Maker maker{random, naive};
};

TEST_CASE("random conditions keep the rows that a row-by-row reading keeps") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Fixture f(seed, 500 + 200 * seed);
    for (int i = 0; i < 40; ++i) {
      const std::size_t source = f.random.below(5);
      const Condition condition = f.maker.condition(3);
      const std::string text = source_text(source) + condition.text + " | show addr";
      INFO("seed " << seed << ": " << text);
      REQUIRE(f.run(text) == f.addresses(f.matching(source, condition)));
    }
  }
}

TEST_CASE("random groups count and sum what a row-by-row reading does") {
  for (std::uint64_t seed = 100; seed < 112; ++seed) {
    Fixture f(seed, 3000);
    for (int i = 0; i < 25; ++i) {
      const std::size_t source = f.random.below(5);
      const Condition condition = f.maker.condition(2);
      const NumberPart number = f.maker.number(1);
      const std::string key =
          f.random.one_of<std::string>({"type", "domain", "kind", "size", "state"});
      const std::string text = fmt::format(
          "{}{} | group by {} show count(), sum(size), count({}) as some, min({}) as low, "
          "max({}) as high, distinct({}) as kinds | order by {}",
          source_text(source), condition.text, key, number.text, number.text, number.text,
          number.text, key);
      struct Sums {
        std::int64_t count = 0, bytes = 0, some = 0;
        Naive low, high;
        std::vector<double> seen;
      };
      // Numbers by number, texts by text, none last.
      std::map<std::tuple<int, std::int64_t, std::string>, Sums> groups;
      for (const Row r : f.matching(source, condition)) {
        std::tuple<int, std::int64_t, std::string> at{0, 0, {}};
        const auto rows = [&]() -> const census::Rows& { return f.census.rows; };
        if (key == "size") {
          std::get<1>(at) = static_cast<std::int64_t>(rows().size(RowId{r}));
        } else if (key == "type") {
          std::get<2>(at) = f.naive.has_type(r) ? f.naive.type(r) : "";
        } else if (key == "domain") {
          std::get<2>(at) = census::info_of(f.census.label_of(RowId{r}).kind).domain;
        } else if (key == "state") {
          std::get<2>(at) = census::name_of(rows().state(RowId{r}));
        } else {
          std::get<2>(at) = f.maker.naive_kind(r);
        }
        if (key != "size" && std::get<2>(at).empty()) std::get<0>(at) = 1;
        Sums& sums = groups[at];
        ++sums.count;
        sums.bytes += static_cast<std::int64_t>(rows().size(RowId{r}));
        const Naive value = number.value(r);
        if (!is_number(value)) continue;
        ++sums.some;
        if (sums.low.index() == 0 || *ordered(value, sums.low) < 0) sums.low = value;
        if (sums.high.index() == 0 || *ordered(value, sums.high) > 0) sums.high = value;
        sums.seen.push_back(as_double(value));
      }
      std::string expected = key + " | count() | sum(size) | some | low | high | kinds\n";
      for (auto& [at, sums] : groups) {
        std::sort(sums.seen.begin(), sums.seen.end());
        const auto kinds = std::unique(sums.seen.begin(), sums.seen.end()) - sums.seen.begin();
        expected += fmt::format("{} | {} | {} | {} | {} | {} | {}\n",
                                key == "size"          ? std::to_string(std::get<1>(at))
                                : std::get<0>(at) == 1 ? "-"
                                                       : std::get<2>(at),
                                sums.count, sums.bytes, sums.some, text_of(sums.low),
                                text_of(sums.high), kinds);
      }
      INFO("seed " << seed << ": " << text);
      REQUIRE(f.run(text) == expected);
    }
  }
}

TEST_CASE("random orders and limits give the rows that sorting all of them gives") {
  for (std::uint64_t seed = 200; seed < 210; ++seed) {
    Fixture f(seed, 2000);
    for (int i = 0; i < 25; ++i) {
      const Condition condition = f.maker.condition(1);
      const NumberPart number = f.maker.number(2);
      const bool descending = f.random.chance(50);
      const std::uint64_t limit = f.random.below(60);
      const std::string text =
          fmt::format("{} | order by {}{} | limit {} | show addr", condition.text, number.text,
                      descending ? " desc" : "", limit);
      std::vector<Row> rows = f.matching(0, condition);
      std::stable_sort(rows.begin(), rows.end(), [&](Row a, Row b) {
        const Naive x = number.value(a), y = number.value(b);
        if (!is_number(x) || !is_number(y)) return is_number(x) && !is_number(y);
        const int order = *ordered(x, y);
        return descending ? order > 0 : order < 0;
      });
      rows.resize(std::min<std::size_t>(rows.size(), limit));
      INFO("seed " << seed << ": " << text);
      REQUIRE(f.run(text) == f.addresses(rows));
    }
  }
}

TEST_CASE("set stages are the sets' own") {
  for (std::uint64_t seed = 300; seed < 306; ++seed) {
    Fixture f(seed, 2000);
    for (int i = 0; i < 20; ++i) {
      const Condition a = f.maker.condition(2), b = f.maker.condition(2);
      const std::string stage = f.random.one_of<std::string>({"union", "intersect", "minus"});
      const std::string text = fmt::format(
          "from rows where {} | {} (from rows where {}) | show addr", a.text, stage, b.text);
      const Condition both{"", [&](Row r) {
                             return stage == "union"       ? a.holds(r) || b.holds(r)
                                    : stage == "intersect" ? a.holds(r) && b.holds(r)
                                                           : a.holds(r) && !b.holds(r);
                           }};
      INFO("seed " << seed << ": " << text);
      REQUIRE(f.run(text) == f.addresses(f.matching(3, both)));
    }
  }
}

TEST_CASE("what is scanned in many pieces is put together in order") {
  Fixture f(400, 600'000);
  const Condition condition = {"size > 64",
                               [&](Row r) { return f.census.rows.size(RowId{r}) > 64; }};
  const std::vector<Row> rows = f.matching(3, condition);
  CHECK(f.run("from rows where size > 64 | count") == fmt::format("count()\n{}\n", rows.size()));
  std::vector<Row> last = rows;
  std::stable_sort(last.begin(), last.end(), [&](Row a, Row b) {
    return f.census.rows.size(RowId{a}) > f.census.rows.size(RowId{b});
  });
  last.resize(50);
  CHECK(f.run("from rows where size > 64 | order by size desc | limit 50 | show addr") ==
        f.addresses(last));
  // A text that is made for each row: nothing of one piece is seen in another.
  std::map<std::string, std::int64_t> kinds;
  for (const Row r : rows) ++kinds[f.maker.naive_kind(r)];
  std::string expected = "lower(kind) | count()\n";
  std::map<std::string, std::int64_t> lower;
  for (const auto& [kind, n] : kinds) {
    std::string small;
    for (const char c : kind) small += static_cast<char>(std::tolower(c));
    lower[small] += n;
  }
  for (const auto& [kind, n] : lower) {
    if (!kind.empty()) expected += fmt::format("{} | {}\n", kind, n);
  }
  if (lower.contains("")) expected += fmt::format("- | {}\n", lower[""]);
  CHECK(
      f.run(
          "from rows where size > 64 | group by lower(kind) show count() | order by lower(kind)") ==
      expected);
}

}  // namespace
