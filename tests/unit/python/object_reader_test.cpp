// Fields, headers and refcount words.
#include "heapparse/python/object_reader.h"

#include "heapparse/python/object.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::layout_of;

Refcount decode(int major, int minor, std::uint64_t word) {
  return decode_refcount(layout_of(major, minor).traits, word);
}

TEST_CASE("no pointer of user space can be a refcount, but for plain ones by size alone") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    for (const std::uint64_t pointer : {0x7f0012345678ULL, 0x7fffffffe000ULL, 0x555555554000ULL}) {
      CHECK_FALSE(decode_refcount(layout->traits, pointer).plausible);
    }
    // Text, -1, and the patterns of the debug hooks.
    for (const std::uint64_t word : {0x6f6c6c65682d2d2dULL, ~0ULL, 0xcdcdcdcdcdcdcdcdULL}) {
      CHECK_FALSE(decode_refcount(layout->traits, word).plausible);
    }
    const Refcount dead = decode_refcount(layout->traits, 0);
    CHECK(dead.plausible);
    CHECK(dead.dead());
    const Refcount one = decode_refcount(layout->traits, 1);
    CHECK(one.plausible);
    CHECK(one.count == 1);
    CHECK_FALSE(one.immortal);
    CHECK_FALSE(one.dead());
  }
}

TEST_CASE("a plain refcount is one signed word") {
  CHECK(decode(3, 11, 999999999).count == 999999999);
  CHECK(decode(3, 11, 999999999).plausible);
  CHECK_FALSE(decode(3, 11, 999999999).immortal);
  CHECK(decode(3, 11, (1ULL << 40) - 1).plausible);
  CHECK_FALSE(decode(3, 11, 1ULL << 40).plausible);
  CHECK_FALSE(decode(2, 7, 1ULL << 63).plausible);
  CHECK_FALSE(decode(3, 6, 1ULL << 63).dead());
}

TEST_CASE("an immortal of the low-word form is told by the sign of its low half") {
  for (const std::uint64_t word : {0xffffffffULL, 0x80000000ULL, 0x1'8000'0000ULL}) {
    const Refcount r = decode(3, 12, word);
    CHECK(r.immortal);
    CHECK(r.plausible);
    CHECK_FALSE(r.dead());
  }
  CHECK_FALSE(decode(3, 13, 0x2'8000'0000ULL).plausible);
  CHECK_FALSE(decode(3, 13, 0x1'0000'0001ULL).plausible);
  CHECK(decode(3, 12, 0x7fffffff).count == 0x7fffffff);
  CHECK_FALSE(decode(3, 12, 0x7fffffff).immortal);
}

TEST_CASE("a split refcount leaves its flags out of the count") {
  const Refcount none = decode(3, 14, 0x00050000C0000000ULL);  // None of a running 3.14
  CHECK(none.immortal);
  CHECK(none.plausible);
  const Refcount flagged = decode(3, 14, 0x0004000000000003ULL);
  CHECK(flagged.count == 3);
  CHECK(flagged.plausible);
  CHECK_FALSE(flagged.immortal);
  CHECK_FALSE(decode(3, 15, 0x0000000100000001ULL).plausible);  // overflow is only for other builds
  CHECK_FALSE(decode(3, 15, 0x0100000000000001ULL).plausible);  // no such flag
}

TEST_CASE("a biased refcount is nothing this project judges by") {
  const auto& traits = layouts::newest(true).traits;
  CHECK_FALSE(decode_refcount(traits, 1).plausible);
}

TEST_CASE("fields of every width, and bit-fields, are read without their neighbours") {
  HeapBuilder heap(layout_of(3, 11));
  heap.word(kLoose, 0x8877665544332211ULL);
  const auto image = heap.image();
  ObjectReader reader(image.space, heap.layout);
  CHECK(reader.word(kLoose, {0, 8}) == 0x8877665544332211ULL);
  CHECK(reader.word(kLoose, {4, 4}) == 0x88776655U);
  CHECK(reader.word(kLoose, {2, 2}) == 0x4433U);
  CHECK(reader.word(kLoose, {7, 1}) == 0x88U);
  CHECK(reader.word(kLoose, {0, 1, 4, 3}) == 1U);
  CHECK(reader.signed_word(kLoose, {4, 4}) == static_cast<std::int32_t>(0x88776655U));
  CHECK(reader.signed_word(kLoose, {0, 8}) == static_cast<std::int64_t>(0x8877665544332211ULL));
  CHECK(reader.pointer(kLoose, {0, 8}) == Address{0x8877665544332211ULL});
}

TEST_CASE("a field that does not exist, or whose bytes are not there, has no value") {
  HeapBuilder heap(layout_of(3, 11));
  const auto image = heap.image();
  ObjectReader reader(image.space, heap.layout);
  CHECK_FALSE(reader.word(kLoose, {}).has_value());
  CHECK_FALSE(reader.word(kLoose, {0, 3}).has_value());
  CHECK_FALSE(reader.word(kLoose + synthetic::kLooseBytes - 7, {0, 8}).has_value());
  CHECK_FALSE(reader.word(Address{0}, {8, 8}).has_value());
  CHECK_FALSE(reader.word(Address{~0ULL}, {0, 8}).has_value());
  CHECK_FALSE(reader.pointer(kLoose, {0, 8}).has_value());  // NULL
  CHECK_FALSE(reader.header(Address{16}).has_value());
}

TEST_CASE("a report may say of any object its refcount") {
  HeapBuilder heap(layout_of(3, 12));
  const Address mortal = heap.str("a");
  const Address eternal = heap.str("b");
  heap.store(mortal, heap.layout.object.refcnt, 17);
  heap.store(eternal, heap.layout.object.refcnt, 0xffffffff);
  const auto image = heap.image();
  const auto runtime = heap.runtime();
  const auto a = read_object(image.space, runtime, mortal);
  const auto b = read_object(image.space, runtime, eternal);
  REQUIRE((a && b));
  CHECK(refcount_text(*a) == "17");
  CHECK(refcount_text(*b) == "immortal");
  CHECK(a->type == heap.type("str"));
}

}  // namespace
