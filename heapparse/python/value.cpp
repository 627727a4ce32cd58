// Containers are kept open on a stack of our own, one member at a time, so that neither depth nor
// cycles of the data reach our own stack; see value.h.
#include "heapparse/python/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <unordered_set>
#include <utility>
#include <vector>

#include "heapparse/python/attributes.h"
#include "heapparse/python/number_text.h"
#include "heapparse/python/quoted_text.h"
#include "heapparse/python/references.h"
#include "heapparse/python/type_names.h"
#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/float_number.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/members.h"
#include "heapparse/python/types/numpy.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

constexpr std::string_view kUnreadable = "<unreadable>";
constexpr std::string_view kMore = "...";
constexpr std::size_t kMaxName = 200;

enum class ValueKind : std::uint8_t {
  other,
  boolean,
  bytearray,
  bytes,
  complex,
  dict,
  ellipsis,
  floating,
  frozendict,
  frozenset,
  instance_2,  // of an old-style class
  integer,
  list,
  none,
  not_implemented,
  range,
  set,
  slice,
  str,
  tuple,
  type,
  word_integer,  // int where it is a machine word
  word_range,    // xrange
};

struct NamedKind {
  std::string_view name;
  ValueKind kind;
};

// Kinds by exact type, sorted by name.
constexpr std::array kKinds = {
    NamedKind{"NoneType", ValueKind::none},
    NamedKind{"NotImplementedType", ValueKind::not_implemented},
    NamedKind{"bool", ValueKind::boolean},
    NamedKind{"bytearray", ValueKind::bytearray},
    NamedKind{"bytes", ValueKind::bytes},
    NamedKind{"complex", ValueKind::complex},
    NamedKind{"dict", ValueKind::dict},
    NamedKind{"ellipsis", ValueKind::ellipsis},
    NamedKind{"float", ValueKind::floating},
    NamedKind{"frozendict", ValueKind::frozendict},
    NamedKind{"frozenset", ValueKind::frozenset},
    NamedKind{"int", ValueKind::integer},
    NamedKind{"list", ValueKind::list},
    NamedKind{"long", ValueKind::integer},
    NamedKind{"range", ValueKind::range},
    NamedKind{"set", ValueKind::set},
    NamedKind{"slice", ValueKind::slice},
    NamedKind{"str", ValueKind::str},
    NamedKind{"tuple", ValueKind::tuple},
    NamedKind{"type", ValueKind::type},
    NamedKind{"unicode", ValueKind::str},
    NamedKind{"xrange", ValueKind::word_range},
};

ValueKind kind_of(const Decoder& decoder, const PythonType& type) {
  if (type.shape == Shape::instance_2) return ValueKind::instance_2;
  if (!type.is_static) return ValueKind::other;
  const auto found = std::lower_bound(
      kKinds.begin(), kKinds.end(), type.name,
      [](const NamedKind& one, const std::string& name) { return one.name < name; });
  if (found == kKinds.end() || found->name != type.name) return ValueKind::other;
  if (found->kind == ValueKind::str && type.shape == Shape::bytes) return ValueKind::bytes;
  if (found->kind == ValueKind::integer && type.shape == Shape::int_2) {
    return ValueKind::word_integer;
  }
  if (found->kind == ValueKind::range && !decoder.layout().range.stop.present()) {
    return ValueKind::word_range;
  }
  return found->kind;
}

// What stands around the members of a container.
struct Brackets {
  std::string_view open;
  std::string_view close;
  std::string_view empty;
  std::string_view inside_itself;  // when it is met again inside itself
};

Brackets brackets_of(ValueKind kind, bool old_sets) {
  switch (kind) {
    case ValueKind::tuple:
      return {"(", ")", "()", "(...)"};
    case ValueKind::dict:
      return {"{", "}", "{}", "{...}"};
    case ValueKind::frozendict:
      return {"frozendict({", "})", "frozendict()", "frozendict({...})"};
    case ValueKind::set:
      if (old_sets) return {"set([", "])", "set([])", "set(...)"};
      return {"{", "}", "set()", "set(...)"};
    case ValueKind::frozenset:
      if (old_sets) return {"frozenset([", "])", "frozenset([])", "frozenset(...)"};
      return {"frozenset({", "})", "frozenset()", "frozenset(...)"};
    case ValueKind::slice:
      return {"slice(", ")", "slice()", "slice(...)"};
    case ValueKind::range:
      return {"range(", ")", "range()", "range(...)"};
    default:
      return {"[", "]", "[]", "[...]"};
  }
}

class Writer {
 public:
  Writer(Decoder& decoder, const ValueOptions& options) : decoder_(decoder), options_(options) {}

  std::string write(Address object) {
    value(object);
    while (!open_.empty() && !full()) step();
    if (full()) {
      out_.resize(options_.max_chars < kMore.size() ? 0 : options_.max_chars - kMore.size());
      out_ += kMore;
    }
    return std::move(out_);
  }

 private:
  struct Open {
    Address object;
    ValueKind kind;
    Members members;
    std::string_view close;
    std::size_t next = 0;
    std::vector<std::string> names;  // of an instance's attributes
  };

  bool full() const { return out_.size() > options_.max_chars; }
  bool is_old() const { return !decoder_.traits().unicode_compact; }

  // The next member of the innermost container, or its end.
  void step() {
    Open& top = open_.back();
    const bool pairs = top.kind == ValueKind::dict || top.kind == ValueKind::frozendict;
    if (top.next == top.members.items.size()) {
      const bool incomplete = top.members.cut || top.members.damaged;
      if (incomplete) {
        if (top.next != 0) out_ += top.names.empty() ? ", " : " ";
        out_ += top.members.damaged ? kUnreadable : kMore;
      }
      if (top.kind == ValueKind::tuple && top.next == 1 && !incomplete) out_ += ',';
      out_ += top.close;
      on_path_.erase(top.object);
      open_.pop_back();
      return;
    }
    if (!top.names.empty()) {
      out_ += ' ';
      out_ += top.names[top.next];
      out_ += '=';
    } else if (top.next != 0) {
      out_ += pairs && top.next % 2 != 0 ? ": " : ", ";
    }
    value(top.members.items[top.next++]);  // may open another: `top` ends here
  }

  void value(Address a) {
    if (!a) {
      out_ += "<NULL>";
      return;
    }
    const auto object = decoder_.object(a);
    if (!object) {
      out_ += kUnreadable;
      return;
    }
    const ValueKind kind = kind_of(decoder_, *object->type);
    switch (kind) {
      case ValueKind::list:
      case ValueKind::tuple:
      case ValueKind::set:
      case ValueKind::frozenset:
      case ValueKind::dict:
      case ValueKind::frozendict:
      case ValueKind::slice:
      case ValueKind::range:
        container(a, kind);
        break;
      case ValueKind::other:
        if (object->type->shape == Shape::numpy_array && array(*object)) break;
        if (options_.attributes && object->type->is_class) {
          instance(*object);
        } else {
          out_ += plain(*object) + ">";
        }
        break;
      default:
        if (!leaf(*object, kind)) out_ += kUnreadable;
    }
  }

  std::optional<Members> members_of(Address a, ValueKind kind) {
    ObjectReader& reader = decoder_.reader();
    switch (kind) {
      case ValueKind::list:
        return list_members(reader, a, options_.max_items);
      case ValueKind::tuple:
        return tuple_members(reader, a, options_.max_items);
      case ValueKind::set:
      case ValueKind::frozenset:
        return set_members(reader, a, options_.max_items);
      case ValueKind::dict:
      case ValueKind::frozendict:
        return dict_members(reader, a, options_.max_items);
      case ValueKind::slice:
        return slice_members(reader, a);
      case ValueKind::range:
        return range_members(reader, a);
      default:
        return std::nullopt;
    }
  }

  // repr remembers which containers it is inside of; slices and ranges it does not. A chain of
  // nothing but them that comes back to itself is damage.
  bool is_inside(Address a, ValueKind kind) const {
    const auto remembered = [](ValueKind k) {
      return k != ValueKind::slice && k != ValueKind::range;
    };
    if (remembered(kind)) return on_path_.contains(a);
    for (std::size_t i = open_.size(); i > 0 && !remembered(open_[i - 1].kind); --i) {
      if (open_[i - 1].object == a) return true;
    }
    return false;
  }

  void container(Address a, ValueKind kind) {
    const Brackets brackets = brackets_of(kind, is_old());
    if (is_inside(a, kind)) {
      out_ += brackets.inside_itself;
      return;
    }
    auto members = members_of(a, kind);
    if (!members) {
      out_ += kUnreadable;
      return;
    }
    if (members->items.empty() && !members->cut && !members->damaged) {
      out_ += brackets.empty;
      return;
    }
    out_ += brackets.open;
    if (open_.size() >= options_.max_depth) {
      out_ += kMore;
      out_ += brackets.close;
      return;
    }
    on_path_.insert(a);
    open_.push_back({a, kind, *std::move(members), brackets.close, 0, {}});
  }

  // What its items are and how many; an array's items themselves are no text.
  bool array(const Object& object) {
    const auto view = view_numpy_array(decoder_, object);
    if (!view) return false;
    out_ += plain(object) + ' ' + numpy_array_text(decoder_, *view);
    if (!view->owns_data && view->base) out_ += fmt::format(" of {:#x}", view->base.value);
    out_ += '>';
    return true;
  }

  // Without the closing bracket.
  std::string plain(const Object& object) {
    return fmt::format("<{} object at {:#x}", object.type->name, object.address.value);
  }

  void instance(const Object& object) {
    out_ += plain(object);
    if (on_path_.contains(object.address) || open_.size() >= options_.max_depth) {
      out_ += '>';
      return;
    }
    Open open{object.address, ValueKind::other, {}, ">", 0, {}};
    for_each_attribute(decoder_, object, [&](const Attribute& attribute) {
      if (attribute.name.kind == EdgeKind::field) return;
      if (open.names.size() >= options_.max_items) {
        open.members.cut = true;
        return;
      }
      open.members.items.push_back(attribute.value);
      open.names.push_back(edge_text(decoder_, attribute.name).substr(1));  // without the dot
    });
    on_path_.insert(object.address);
    open_.push_back(std::move(open));
  }

  // False when its bytes are not there or make no sense.
  bool leaf(const Object& object, ValueKind kind) {
    ObjectReader& reader = decoder_.reader();
    const Address a = object.address;
    switch (kind) {
      case ValueKind::none:
        out_ += "None";
        return true;
      case ValueKind::ellipsis:
        out_ += "Ellipsis";
        return true;
      case ValueKind::not_implemented:
        out_ += "NotImplemented";
        return true;
      case ValueKind::boolean: {
        const auto truth = int_value(reader, a);
        if (truth) out_ += *truth == 0 ? "False" : "True";
        return truth.has_value();
      }
      case ValueKind::word_integer: {
        const auto number = int_value(reader, a);
        if (number) out_ += std::to_string(*number);
        return number.has_value();
      }
      case ValueKind::integer:
        return integer(a);
      case ValueKind::floating: {
        const auto number = float_value(reader, a);
        if (number) out_ += float_text(*number);
        return number.has_value();
      }
      case ValueKind::complex: {
        const auto number = view_complex(reader, a);
        if (number) out_ += complex_text(number->real, number->imaginary);
        return number.has_value();
      }
      case ValueKind::str:
      case ValueKind::bytes:
      case ValueKind::bytearray:
        return text(a, kind);
      case ValueKind::word_range:
        return word_range(a);
      case ValueKind::type:
        out_ += fmt::format(
            "<{} '{}'>",
            is_old() && decoder_.type_at(a) && decoder_.type_at(a)->is_static ? "type" : "class",
            decoder_.type_at(a) ? decoder_.type_at(a)->name : "?");
        return true;
      case ValueKind::instance_2: {
        const auto of = instance_class(reader, a);
        if (!of) return false;
        out_ += fmt::format("<{} instance at {:#x}>", class_name(reader, *of), a.value);
        return true;
      }
      default:
        return false;
    }
  }

  bool integer(Address a) {
    ObjectReader& reader = decoder_.reader();
    const std::string_view suffix = is_old() ? "L" : "";
    const auto view = view_long(reader, a);
    if (!view) return false;
    const std::uint32_t too_big = 1U << reader.traits().long_digit_bits;
    std::vector<std::uint32_t> digits;  // grows with the bytes that are there
    for (std::uint64_t i = 0; i < view->digit_count; ++i) {
      const auto digit = reader.memory().read<std::uint32_t>(view->digits + i * 4);
      if (!digit || *digit >= too_big) return false;
      digits.push_back(*digit);
    }
    while (!digits.empty() && digits.back() == 0) digits.pop_back();
    const IntDigits value{digits, reader.traits().long_digit_bits, view->negative};
    if (const auto decimal = decimal_text(value)) {
      out_ += *decimal;
      out_ += suffix;
      return true;
    }
    const DigitCount count = decimal_digits(value);
    const std::string tail =
        fmt::format(" ({}{} digits)", count.exact ? "" : "about ", count.count);
    std::uint64_t most = UINT64_MAX;
    if (options_.max_chars != UINT64_MAX) {
      const std::uint64_t taken = out_.size() + tail.size() + 6 + kMore.size();
      most = std::max<std::uint64_t>(8, options_.max_chars - std::min(options_.max_chars, taken));
    }
    out_ += fmt::format("{}0x{}{}{}", value.negative ? "-" : "", hex_digits_text(value, most),
                        suffix, tail);
    return true;
  }

  bool text(Address a, ValueKind kind) {
    ObjectReader& reader = decoder_.reader();
    Characters characters;
    Quoting quoting;
    const std::size_t begin = out_.size();
    if (kind == ValueKind::str) {
      const auto view = view_str(reader, a);
      if (!view) return false;
      characters = {view->data, view->length, view->char_bytes};
      if (is_old()) out_ += 'u';
    } else if (kind == ValueKind::bytes) {
      const auto view = view_bytes(reader, a);
      if (!view) return false;
      characters = {view->data, view->size, 1};
      if (!is_old()) out_ += 'b';
    } else {
      const auto view = view_bytearray(reader, a);
      if (!view) return false;
      characters = {view->data, view->size, 1};
      // 3.15 keeps the bytes in a bytes object and lets that one write them.
      quoting.escape_quote_in_use = reader.traits().bytearray_in_bytes_object;
      out_ += "bytearray(b";
    }
    if (!append_quoted(out_, reader.memory(), characters, options_.max_chars, quoting)) {
      out_.resize(begin);
      return false;
    }
    if (kind == ValueKind::bytearray) out_ += ')';
    return true;
  }

  bool word_range(Address a) {
    const auto range = view_word_range(decoder_.reader(), a);
    if (!range) return false;
    // The last number fits a word, what would follow it need not: it is held at the nearest word.
    std::int64_t stop = range->start;
    if (range->length > 0) {
      const auto last = static_cast<std::int64_t>(static_cast<std::uint64_t>(range->start) +
                                                  static_cast<std::uint64_t>(range->length - 1) *
                                                      static_cast<std::uint64_t>(range->step));
      if (__builtin_add_overflow(last, range->step, &stop)) {
        stop = range->step > 0 ? INT64_MAX : INT64_MIN;
      }
    }
    out_ += "xrange(";
    if (range->start != 0 || range->step != 1) out_ += fmt::format("{}, ", range->start);
    out_ += std::to_string(stop);
    if (range->step != 1) out_ += fmt::format(", {}", range->step);
    out_ += ')';
    return true;
  }

  Decoder& decoder_;
  const ValueOptions& options_;
  std::string out_;
  std::vector<Open> open_;
  std::unordered_set<Address> on_path_;
};

}  // namespace

std::string value_text(Decoder& decoder, Address object, const ValueOptions& options) {
  return Writer(decoder, options).write(object);
}

bool has_value_text(const Decoder& decoder, const PythonType& type) {
  const ValueKind kind = kind_of(decoder, type);
  return kind != ValueKind::other && kind != ValueKind::instance_2;
}

}  // namespace coreheap::python
