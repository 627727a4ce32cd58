// Values as text: numbers against what Python prints, containers in the order they have, damage.
#include "heapparse/python/value.h"

#include <cmath>
#include <limits>

#include "heapparse/python/number_text.h"
#include "heapparse/python/quoted_text.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::layout_of;

// The heap's image with a decoder that knows its types by name and place.
class World {
 public:
  explicit World(HeapBuilder& heap) : image_(heap.image()), runtime_(heap.runtime()) {
    std::vector<PythonType> types;
    for (const char* name :
         {"type", "object", "bool", "NoneType", "str", "bytes", "unicode", "int", "long", "float",
          "tuple", "list", "dict", "set", "bytearray", "slice", "Point"}) {
      if (!heap.knows(name)) continue;
      PythonType type;
      type.address = heap.type(name);
      type.name = name;
      type.is_static = true;
      const bool old = !heap.traits().unicode_compact;
      const std::string_view n = name;
      if (n == "bytes" || (old && n == "str")) type.shape = Shape::bytes;
      if (old && n == "int") type.shape = Shape::int_2;
      types.push_back(type);
    }
    types_.build(std::move(types));
    decoder_.emplace(image_.space, runtime_, types_);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  std::string value(Address a, const ValueOptions& options = ValueOptions::uncut()) {
    return value_text(*decoder_, a, options);
  }

 private:
  image::Image image_;
  Runtime runtime_;
  TypeTable types_;
  std::optional<Decoder> decoder_;
};

TEST_CASE("floats are written as Python writes them") {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-2.5, "-2.5"},
      {0.1, "0.1"},
      {1e15, "1000000000000000.0"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e16, "1e+16"},
      {1.5e16, "1.5e+16"},
      {1e22, "1e+22"},
      {1e100, "1e+100"},
      {0.0001, "0.0001"},
      {0.00012, "0.00012"},
      {0.00001, "1e-05"},
      {1.25e-5, "1.25e-05"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {5.684341886080802e-14, "5.684341886080802e-14"},
      {2.0 / 3, "0.6666666666666666"},
      {123456789.123, "123456789.123"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
      {std::nan(""), "nan"},
      {-std::nan(""), "nan"},
  };
  for (const auto& [number, text] : cases) CHECK(float_text(number) == text);
}

TEST_CASE("complex numbers leave out a real part of zero, unless it is negative") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(complex_text(0, 1) == "1j");
  CHECK(complex_text(0, -0.0) == "-0j");
  CHECK(complex_text(-0.0, 2.5) == "(-0+2.5j)");
  CHECK(complex_text(1, -1) == "(1-1j)");
  CHECK(complex_text(std::nan(""), -inf) == "(nan-infj)");
  CHECK(complex_text(1e16, std::nan("")) == "(1e+16+nanj)");
}

// 10**exponent - less, by digits of 30 bits.
std::vector<std::uint32_t> power_of_ten(unsigned exponent, bool less_one) {
  std::vector<std::uint32_t> digits{1};
  for (unsigned i = 0; i < exponent; ++i) {
    std::uint64_t carry = 0;
    for (auto& digit : digits) {
      carry += std::uint64_t{digit} * 10;
      digit = static_cast<std::uint32_t>(carry & 0x3fffffff);
      carry >>= 30;
    }
    if (carry != 0) digits.push_back(static_cast<std::uint32_t>(carry));
  }
  for (std::size_t i = 0; less_one; ++i) {
    less_one = digits[i] == 0;
    digits[i] = less_one ? 0x3fffffff : digits[i] - 1;
  }
  while (!digits.empty() && digits.back() == 0) digits.pop_back();
  return digits;
}

TEST_CASE("ints are decimal up to 4300 digits") {
  CHECK(decimal_text({}) == "0");
  const std::uint32_t one[] = {1};
  CHECK(decimal_text({one, 30, true}) == "-1");
  for (const unsigned exponent : {1U, 8U, 9U, 10U, 18U, 19U, 100U, 4299U}) {
    const auto power = power_of_ten(exponent, false);
    const auto below = power_of_ten(exponent, true);
    CHECK(decimal_text({power, 30, false}) == "1" + std::string(exponent, '0'));
    CHECK(decimal_text({below, 30, true}) == "-" + std::string(exponent, '9'));
    CHECK(decimal_digits({power, 30, false}).count == exponent + 1);
    CHECK(decimal_digits({below, 30, false}).count == exponent);
  }
  const auto longest = power_of_ten(4300, true);
  CHECK(decimal_text({longest, 30, false}) == std::string(4300, '9'));
  const auto too_long = power_of_ten(4300, false);
  CHECK_FALSE(decimal_text({too_long, 30, false}).has_value());
  CHECK(decimal_digits({too_long, 30, false}).count == 4301);
  CHECK(decimal_digits({too_long, 30, false}).exact);
}

TEST_CASE("hex digits are the highest, what is left out is marked") {
  const std::uint32_t digits[] = {0x3fffffff, 0x1};  // 0x7fffffff
  CHECK(hex_digits_text({digits, 30, false}, 100) == "7fffffff");
  CHECK(hex_digits_text({digits, 30, false}, 3) == "7ff...");
  CHECK(hex_digits_text({}, 10) == "0");
}

TEST_CASE("containers show what they hold, in every version") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const bool old = !layout->traits.unicode_compact;
    const Address text = heap.str("it's");
    const Address bytes = heap.bytes("a\n\x80\"'");
    const Address number = heap.integer(-7);
    const Address wide = heap.long_integer(std::int64_t{1} << 61);
    const Address list = heap.list({text, bytes, number, wide});
    const Address tuple = heap.tuple({number});
    const Address empty = heap.list({});
    const Address dict = heap.dict({{heap.identifier("k"), tuple}, {number, empty}});
    World world(heap);
    CHECK(world.value(text) == (old ? "u\"it's\"" : "\"it's\""));
    CHECK(world.value(list) == (old ? "[u\"it's\", 'a\\n\\x80\"\\'', -7, 2305843009213693952L]"
                                    : "[\"it's\", b'a\\n\\x80\"\\'', -7, 2305843009213693952]"));
    CHECK(world.value(tuple) == "(-7,)");
    CHECK(world.value(dict) == "{'k': (-7,), -7: []}");
  }
}

TEST_CASE("cycles end where the container is met again; one met twice side by side is none") {
  HeapBuilder heap(layout_of(3, 13));
  const Address inner = heap.list({heap.integer(1)});
  const Address outer = heap.list({inner, inner, Address{}});
  const Address items{heap.memory.read<std::uint64_t>(outer + heap.layout.list.items.offset)};
  heap.word(items + 16, outer.value);
  const Address tuple = heap.tuple({outer});
  World world(heap);
  CHECK(world.value(outer) == "[[1], [1], [...]]");
  CHECK(world.value(tuple) == "([[1], [1], [...]],)");
}

TEST_CASE("what is left out is marked, and no text is longer than asked for") {
  HeapBuilder heap(layout_of(3, 12));
  std::vector<Address> numbers;
  for (int i = 0; i < 20; ++i) numbers.push_back(heap.integer(i));
  const Address list = heap.list(numbers);
  const Address deep = heap.list({heap.list({heap.list({})}), heap.integer(3)});
  const Address text = heap.str(std::string(300, 'x'));
  World world(heap);
  CHECK(world.value(list, {.max_items = 3}) == "[0, 1, 2, ...]");
  CHECK(world.value(list, ValueOptions::of_chars(10)) == "[0, 1, ...");
  CHECK(world.value(deep, {.max_depth = 1}) == "[[...], 3]");
  CHECK(world.value(text, ValueOptions::of_chars(20)) == "'" + std::string(16, 'x') + "...");
  for (std::uint64_t n = 0; n < 40; ++n) {
    CHECK(world.value(list, ValueOptions::of_chars(n)).size() <= std::max<std::uint64_t>(n, 3));
    CHECK(world.value(text, ValueOptions::of_chars(n)).size() <= std::max<std::uint64_t>(n, 3));
  }
}

TEST_CASE("what cannot be read is said in its place") {
  HeapBuilder heap(layout_of(3, 11));
  const Address number = heap.integer(1);
  const Address text = heap.str("abc");
  heap.store(text, heap.layout.str.length, std::uint64_t{1} << 39);
  const Address list = heap.list({number, Address{}, Address{0x77770000}, text, kLoose});
  const Address long_list = heap.list({number});
  heap.store(long_list, heap.layout.list.size, std::uint64_t{1} << 40);
  heap.store(long_list, heap.layout.list.allocated, std::uint64_t{1} << 40);
  const Address huge = heap.integer(5);
  heap.store(huge, heap.layout.long_int.size, std::uint64_t{1} << 40);
  World world(heap);
  CHECK(world.value(list) == "[1, <NULL>, <unreadable>, <unreadable>, <unreadable>]");
  CHECK(world.value(Address{}) == "<NULL>");
  CHECK(world.value(Address{0x77770000}) == "<unreadable>");
  CHECK(world.value(huge) == "<unreadable>");
  CHECK(world.value(long_list, ValueOptions::of_chars(1000)).starts_with("[1, "));
}

TEST_CASE("quotes are chosen and characters escaped as ascii() does") {
  const auto quoted = [](std::u32string_view text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    const Address at{0x1000};
    const AddressRange range{at, at + 4 * text.size()};
    const image::AddressSpace space({{range, bytes}}, {range});
    image::Reader reader(space);
    std::string out;
    CHECK(append_quoted(out, reader, {at, text.size(), 4}, UINT64_MAX));
    return out;
  };
  CHECK(quoted(U"plain") == "'plain'");
  CHECK(quoted(U"it's") == "\"it's\"");
  CHECK(quoted(U"'\"") == "'\\'\"'");
  CHECK(quoted(U"\"") == "'\"'");
  CHECK(quoted(U"\\\t\n\r\x1f\x7f") == "'\\\\\\t\\n\\r\\x1f\\x7f'");
  CHECK(quoted(U"\u00a0\u00ff\u0100\uffff\U0001f600") == "'\\xa0\\xff\\u0100\\uffff\\U0001f600'");
}

}  // namespace
