// Values column by column. Nothing here recurses on data; the tree's depth is bounded by the
// grammar.
#include "querylang/evaluate.h"

#include <algorithm>
#include <cmath>

#include "heapparse/python/items.h"
#include "heapparse/python/value.h"

namespace coreheap::query {

namespace {

using Kind = Value::Kind;
using census::RowId;

bool is_object_label(const census::Census& census, std::uint32_t label) {
  return census.labels[label].kind == census::Kind::python_object;
}

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

Value integer_result(bool overflow, std::int64_t value) {
  return overflow ? Value::none() : Value::of_integer(value);
}

Value bucket_of(const Value& v) {
  if (v.kind == Kind::integer) {
    if (v.integer() <= 0) return Value::of_integer(0);
    return Value::of_integer(std::int64_t{1} << (63 - __builtin_clzll(v.bits)));
  }
  if (v.kind != Kind::number || std::isnan(v.number())) return Value::none();
  const double d = v.number();
  if (d < 1) return Value::of_integer(0);
  if (d >= 0x1p62) return Value::of_integer(std::int64_t{1} << 62);
  return Value::of_integer(std::int64_t{1} << std::ilogb(d));
}

}  // namespace

std::uint32_t entry_of(const census::Census& census, Dictionary dictionary, std::uint32_t row) {
  const census::Rows& rows = census.rows;
  switch (dictionary) {
    case Dictionary::type:
      return std::min<std::uint32_t>(rows.types()[row],
                                     static_cast<std::uint32_t>(census.types.size()));
    case Dictionary::label:
      return rows.labels()[row];
    case Dictionary::flags:
      return rows.flags()[row];
    case Dictionary::kind: {
      const std::uint32_t label = rows.labels()[row];
      const std::uint32_t type = rows.types()[row];
      if (type >= census.types.size() || !is_object_label(census, label)) return label;
      return static_cast<std::uint32_t>(census.labels.size()) + type;
    }
    case Dictionary::none:
      break;
  }
  return 0;
}

std::size_t entry_count(const census::Census& census, Dictionary dictionary) {
  switch (dictionary) {
    case Dictionary::type:
      return census.types.size();
    case Dictionary::label:
      return census.labels.size();
    case Dictionary::flags:
      return 256;
    case Dictionary::kind:
      return census.labels.size() + census.types.size();
    case Dictionary::none:
      break;
  }
  return 0;
}

Value calculate(char sign, const Value& a, const Value& b) {
  const bool places = a.kind == Kind::address || b.kind == Kind::address;
  const bool whole = (a.kind == Kind::integer || a.kind == Kind::address) &&
                     (b.kind == Kind::integer || b.kind == Kind::address);
  const auto is_number = [](const Value& v) {
    return v.kind == Kind::integer || v.kind == Kind::number || v.kind == Kind::address;
  };
  if (!is_number(a) || !is_number(b)) return Value::none();
  if (whole && sign != '/') {
    std::int64_t value = 0;
    bool overflow = false;
    switch (sign) {
      case '+':
        overflow = __builtin_add_overflow(a.integer(), b.integer(), &value);
        break;
      case '-':
        overflow = __builtin_sub_overflow(a.integer(), b.integer(), &value);
        break;
      case '*':
        overflow = __builtin_mul_overflow(a.integer(), b.integer(), &value);
        break;
      default: {
        if (b.integer() == 0) return Value::none();
        if (b.integer() == -1) return Value::of_integer(0);
        // As in Python: the sign is the divisor's.
        value = a.integer() % b.integer();
        if (value != 0 && (value < 0) != (b.integer() < 0)) value += b.integer();
      }
    }
    if (places && a.kind != b.kind && !overflow) {
      return Value::of_address(Address{static_cast<std::uint64_t>(value)});
    }
    return integer_result(overflow, value);
  }
  const double x = a.number();
  const double y = b.number();
  double value = 0;
  switch (sign) {
    case '+':
      value = x + y;
      break;
    case '-':
      value = x - y;
      break;
    case '*':
      value = x * y;
      break;
    case '/':
      if (y == 0) return Value::none();
      value = x / y;
      break;
    default:
      if (y == 0) return Value::none();
      value = std::fmod(x, y);
      if (value != 0 && (value < 0) != (y < 0)) value += y;
  }
  return std::isfinite(value) ? Value::of_number(value) : Value::none();
}

bool holds(Compare how, const Value& a, const Value& b) {
  if (a.is_none() || b.is_none()) return false;
  const auto order = compare(a, b);
  if (!order) return false;
  switch (how) {
    case Compare::equal:
      return *order == 0;
    case Compare::unequal:
      return *order != 0;
    case Compare::less:
      return *order < 0;
    case Compare::less_equal:
      return *order <= 0;
    case Compare::greater:
      return *order > 0;
    case Compare::greater_equal:
      return *order >= 0;
  }
  return false;
}

bool is_like(std::string_view text, std::string_view pattern) {
  // The last star takes as little as it can; only it is ever tried again.
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      // A question mark stands for a character, not a byte of it.
      const bool one = pattern[p] == '?';
      ++p;
      ++t;
      while (one && t < text.size() && (static_cast<unsigned char>(text[t]) & 0xc0) == 0x80) ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool ValueSet::contains(const Value& value) const {
  const std::uint64_t hash = hash_of(value);
  auto at = std::lower_bound(hashes.begin(), hashes.end(), hash);
  for (; at != hashes.end() && *at == hash; ++at) {
    if (same(values[static_cast<std::size_t>(at - hashes.begin())], value)) return true;
  }
  return false;
}

void ValueSet::add(const Value& value) {
  values.push_back(value);
  if (value.kind == Kind::text) values.back().text = texts.keep(std::string(value.text));
}

void ValueSet::finish() {
  std::sort(values.begin(), values.end(),
            [](const Value& a, const Value& b) { return hash_of(a) < hash_of(b); });
  hashes.clear();
  for (const Value& value : values) hashes.push_back(hash_of(value));
}

void Evaluator::filter(const Typed& e, std::vector<std::uint32_t>& rows) {
  if (e.op == Op::conjunction) {
    for (const Typed& child : e.children) {
      if (!rows.empty()) filter(child, rows);
    }
    return;
  }
  std::vector<Value> values(rows.size());
  eval(e, rows, values);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (values[i].is_true()) rows[kept++] = rows[i];
  }
  rows.resize(kept);
}

void Evaluator::eval_attribute(const Typed& e, std::span<const std::uint32_t> rows,
                               std::span<Value> out) {
  const Attribute& a = *e.attribute;
  const Heap& heap = worker_->heap();
  if (a.column != nullptr) {
    const auto column = a.column(heap, worker_->derived());
    const Kind kind = a.type == Type::address ? Kind::address : Kind::integer;
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = {kind, column[rows[i]], {}};
    return;
  }
  if (a.of_entry != nullptr) {
    const std::size_t count = entry_count(heap.census, a.dictionary);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t entry =
          entries_ != Dictionary::none ? rows[i] : entry_of(heap.census, a.dictionary, rows[i]);
      out[i] = entry < count ? a.of_entry(heap, entry) : Value::none();
    }
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) out[i] = a.of_row(*worker_, RowId{rows[i]});
}

std::optional<python::Object> Evaluator::object_of(const Value& value) {
  if (worker_->decoder() == nullptr) return std::nullopt;
  if (value.kind != Kind::object && value.kind != Kind::address) return std::nullopt;
  return worker_->decoder()->object(Address{value.bits});
}

std::optional<Address> Evaluator::item_of(const python::Object& object, const Value& index) {
  if (index.kind == Kind::text) {
    return python::item_under(*worker_->decoder(), object, index.text);
  }
  if (index.kind != Kind::integer) return std::nullopt;
  const auto shape = object.type->shape;
  if (shape == python::Shape::dict || shape == python::Shape::odict) {
    return python::item_under(*worker_->decoder(), object, index.integer());
  }
  return python::item_at(*worker_->decoder(), object, index.integer());
}

void Evaluator::eval_objects(const Typed& e, std::span<const std::uint32_t> rows,
                             std::span<std::optional<python::Object>> out) {
  if (e.op == Op::self || (e.op == Op::attribute && e.attribute->name == "value")) {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = worker_->object(RowId{rows[i]});
    return;
  }
  if (e.op == Op::path) {
    eval_objects(e.children[0], rows, out);
    std::vector<Value> indices(rows.size());
    for (const PlanStep& step : e.steps) {
      if (!step.name.empty()) {
        auto& lookup = worker_->lookup(step.name);
        for (auto& object : out) {
          if (!object) continue;
          const auto found = lookup.find(*worker_->decoder(), *object);
          object = found ? worker_->decoder()->object(*found) : std::nullopt;
        }
        continue;
      }
      eval(e.children[step.child], rows, indices);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!out[i]) continue;
        const auto found = item_of(*out[i], indices[i]);
        out[i] = found ? worker_->decoder()->object(*found) : std::nullopt;
      }
    }
    return;
  }
  if (e.op == Op::call && e.function->id == FunctionId::at) {
    eval_objects(e.children[0], rows, out);
    std::vector<Value> indices(rows.size());
    eval(e.children[1], rows, indices);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!out[i]) continue;
      const auto found = item_of(*out[i], indices[i]);
      out[i] = found ? worker_->decoder()->object(*found) : std::nullopt;
    }
    return;
  }
  std::vector<Value> values(rows.size());
  eval(e, rows, values);
  for (std::size_t i = 0; i < rows.size(); ++i) out[i] = object_of(values[i]);
}

void Evaluator::eval_path(const Typed& e, std::span<const std::uint32_t> rows,
                          std::span<Value> out) {
  std::vector<std::optional<python::Object>> objects(rows.size());
  eval_objects(e, rows, objects);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out[i] = objects[i] ? worker_->value_of(*objects[i]) : Value::none();
  }
}

void Evaluator::eval_type_test(const Typed& e, std::span<const std::uint32_t> rows,
                               std::span<Value> out) {
  const auto& matches = e.types->matches;
  const auto answer = [&](std::uint32_t type) {
    if (type >= matches.size()) return Value::of(false);  // no object: no type
    return Value::of((matches[type] != 0) != e.negated);
  };
  if (!e.children.empty()) {
    std::vector<std::optional<python::Object>> objects(rows.size());
    eval_objects(e.children[0], rows, objects);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto type =
          objects[i] ? worker_->heap().types->find(objects[i]->type->address) : std::nullopt;
      out[i] = type ? answer(*type) : Value::of(false);
    }
    return;
  }
  const auto types = worker_->heap().census.rows.types();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out[i] = answer(entries_ != Dictionary::none ? rows[i] : types[rows[i]]);
  }
}

void Evaluator::eval_call(const Typed& e, std::span<const std::uint32_t> rows,
                          std::span<Value> out) {
  const FunctionId id = e.function->id;
  const bool of_object = id == FunctionId::len || id == FunctionId::repr || id == FunctionId::id ||
                         id == FunctionId::type || id == FunctionId::at;
  if (of_object && e.children[0].type != Type::text) {
    std::vector<std::optional<python::Object>> objects(rows.size());
    if (id == FunctionId::at) return eval_path(e, rows, out);
    eval_objects(e.children[0], rows, objects);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out[i] = Value::none();
      if (!objects[i]) continue;
      const python::Object& object = *objects[i];
      if (id == FunctionId::len) {
        if (const auto n = python::length_of(*worker_->decoder(), object)) {
          out[i] = Value::of_count(*n);
        }
      } else if (id == FunctionId::repr) {
        out[i] = Value::of_text(worker_->texts.keep(python::value_text(
            *worker_->decoder(), object.address, {.max_chars = kMaxRepr, .attributes = true})));
      } else if (id == FunctionId::id) {
        out[i] = Value::of_address(object.address);
      } else {
        out[i] = Value::of_text(object.type->name);
      }
    }
    return;
  }
  std::vector<Value> first(rows.size());
  eval(e.children[0], rows, first);
  std::vector<Value> second;
  if (e.children.size() > 1) {
    second.resize(rows.size());
    eval(e.children[1], rows, second);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out[i] = Value::none();
    const Value& a = first[i];
    if (id == FunctionId::hash) {
      if (!a.is_none()) out[i] = Value::of_count(hash_of(a) >> 1);
      continue;
    }
    if (a.kind != Kind::text) continue;
    if (id == FunctionId::len) {
      out[i] = Value::of_count(characters_of(a.text));
    } else if (id == FunctionId::lower) {
      std::string lower(a.text);
      for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      out[i] = Value::of_text(worker_->texts.keep(std::move(lower)));
    } else if (second[i].kind == Kind::text) {
      const std::string_view part = second[i].text;
      out[i] = Value::of(id == FunctionId::contains ? a.text.find(part) != std::string_view::npos
                         : id == FunctionId::starts ? a.text.starts_with(part)
                                                    : a.text.ends_with(part));
    }
  }
}

// and, or: what is settled is not looked at again.
void Evaluator::eval_connective(const Typed& e, std::span<const std::uint32_t> rows,
                                std::span<Value> out) {
  const bool settles = e.op == Op::disjunction;  // a true part settles an or, a false one an and
  std::vector<std::uint32_t> open(rows.begin(), rows.end());
  std::vector<std::uint32_t> places(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) places[i] = static_cast<std::uint32_t>(i);
  std::fill(out.begin(), out.end(), Value::of(!settles));
  std::vector<Value> values;
  for (const Typed& child : e.children) {
    if (open.empty()) return;
    values.resize(open.size());
    eval(child, open, values);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (values[i].is_true() == settles) {
        out[places[i]] = Value::of(settles);
      } else {
        open[kept] = open[i];
        places[kept++] = places[i];
      }
    }
    open.resize(kept);
  }
}

void Evaluator::eval(const Typed& e, std::span<const std::uint32_t> rows, std::span<Value> out) {
  switch (e.op) {
    case Op::constant:
      std::fill(out.begin(), out.end(), e.constant);
      return;
    case Op::column:
      for (std::size_t i = 0; i < rows.size(); ++i) out[i] = table_->columns[e.column][rows[i]];
      return;
    case Op::attribute:
      eval_attribute(e, rows, out);
      break;
    case Op::self:
    case Op::path:
      eval_path(e, rows, out);
      break;
    case Op::call:
      return eval_call(e, rows, out);
    case Op::type_test:
      return eval_type_test(e, rows, out);
    case Op::conjunction:
    case Op::disjunction:
      return eval_connective(e, rows, out);
    case Op::bucket:
    case Op::negate:
    case Op::is_none:
    case Op::negation:
    case Op::match:
    case Op::like:
    case Op::in_values:
    case Op::in_rows: {
      eval(e.children[0], rows, out);
      for (Value& v : out) {
        switch (e.op) {
          case Op::bucket:
            v = bucket_of(v);
            break;
          case Op::negate:
            v = v.kind == Kind::number ? Value::of_number(-v.number())
                                       : calculate('-', Value::of_integer(0), v);
            break;
          case Op::is_none:
            v = Value::of(v.is_none() != e.negated);
            break;
          case Op::negation:
            v = Value::of(!v.is_true());
            break;
          case Op::match:
            v = Value::of(v.kind == Kind::text && e.regex->matches(v.text) != e.negated);
            break;
          case Op::like:
            v = Value::of(v.kind == Kind::text && is_like(v.text, *e.owned) != e.negated);
            break;
          case Op::in_values:
            v = Value::of(!v.is_none() && e.values->contains(v) != e.negated);
            break;
          default: {
            const bool place = v.kind == Kind::address || v.kind == Kind::object;
            const RowId row =
                place ? worker_->heap().census.row_holding(Address{v.bits}) : RowId::none;
            const bool inside =
                row != RowId::none &&
                std::binary_search(e.rows->begin(), e.rows->end(), census::index_of(row));
            v = Value::of(!v.is_none() && inside != e.negated);
          }
        }
      }
      return;
    }
    case Op::arithmetic:
    case Op::compare: {
      eval(e.children[0], rows, out);
      std::vector<Value> other(rows.size());
      for (std::size_t c = 1; c < e.children.size(); ++c) {
        eval(e.children[c], rows, other);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          out[i] = e.op == Op::compare ? Value::of(holds(e.compare, out[i], other[i]))
                                       : calculate(e.operators[c - 1], out[i], other[i]);
        }
      }
      return;
    }
  }
  if (count_nones && e.cost != Cost::columns) {
    const auto missing =
        std::count_if(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(rows.size()),
                      [](const Value& v) { return v.is_none(); });
    if (missing != 0) nones[&e] += static_cast<std::uint64_t>(missing);
  }
}

}  // namespace coreheap::query
