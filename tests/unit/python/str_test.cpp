// str in each of its states, 2.7's unicode, byte strings and names.
#include "heapparse/python/types/str.h"

#include "heapparse/python/types/bytes.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::layout_of;
using synthetic::Read;

TEST_CASE("an ASCII string is read in every version") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address hello = heap.str("hello");
    const Address empty = heap.str("");
    Read r(heap);
    const auto view = view_str(r.reader, hello);
    REQUIRE(view.has_value());
    CHECK(view->length == 5);
    CHECK(str_text(r.reader, hello, 100) == "hello");
    CHECK(str_text(r.reader, hello, 3) == "hel");
    CHECK(str_text(r.reader, empty, 100) == "");
    if (layout->traits.unicode_compact) {
      CHECK(view->compact);
      CHECK(view->ascii);
      CHECK(view->object_bytes() == layout->str.struct_size + 6U);
      CHECK_FALSE(view->own_data);
    } else {
      CHECK_FALSE(view->compact);
      CHECK(view->own_data == view->data);
      CHECK(view->object_bytes() == layout->unicode_buffer.struct_size);
    }
  }
}

TEST_CASE("wider characters lie behind a longer head, beyond the BMP as UTF-8 of four bytes") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.unicode_compact) continue;
    for (const unsigned kind : {1U, 2U, 4U}) {
      INFO(layout->name << " kind " << kind);
      HeapBuilder heap(*layout);
      const Address at = heap.object(heap.type("str"), layout->str_compact.struct_size + 3 * kind);
      heap.store(at, layout->str.length, 2);
      heap.str_state(at, kind, true, false);
      const Address data = at + layout->str_compact.struct_size;
      const std::uint32_t second = kind == 1 ? 0xff : kind == 2 ? 0xd800 : 0x1f600;
      heap.memory.write(data, std::uint8_t{0xe9});
      for (unsigned i = 0; i < kind; ++i) {
        heap.memory.write(data + kind + i, static_cast<std::uint8_t>(second >> (8 * i)));
      }
      Read r(heap);
      const auto view = view_str(r.reader, at);
      REQUIRE(view.has_value());
      CHECK(view->data == data);
      CHECK(view->char_bytes == kind);
      CHECK(view->object_bytes() == layout->str_compact.struct_size + 3 * kind);
      CHECK_FALSE(view->ascii);
      const std::string expected[] = {"", "\xc3\xa9\xc3\xbf", "\xc3\xa9\xef\xbf\xbd", "",
                                      "\xc3\xa9\xf0\x9f\x98\x80"};
      CHECK(str_text(r.reader, at, 10) == expected[kind]);
    }
  }
}

TEST_CASE("caches of other encodings are buffers of the string, unless they are its own data") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.unicode_compact) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.object(heap.type("str"), layout->str_compact.struct_size + 8);
    heap.store(at, layout->str.length, 3);
    heap.str_state(at, 2, true, false);
    heap.store(at, layout->str_compact.utf8, (kLoose + 64).value);
    heap.store(at, layout->str_compact.utf8_length, 6);
    heap.store(at, layout->str.wstr, (kLoose + 128).value);
    heap.store(at, layout->str_compact.wstr_length, 3);
    // ASCII: utf8 is the data, and the words that would hold it are characters.
    const Address ascii = heap.str("0123456789012345678901234567890123456789");
    Read r(heap);
    const auto view = view_str(r.reader, at);
    REQUIRE(view.has_value());
    CHECK(view->utf8 == kLoose + 64);
    CHECK(view->utf8_length == 6);
    CHECK(view->wstr == (layout->traits.str_wstr ? kLoose + 128 : Address{}));
    CHECK(view->wstr_length == (layout->traits.str_wstr ? 3U : 0U));
    const auto plain = view_str(r.reader, ascii);
    REQUIRE(plain.has_value());
    CHECK_FALSE(plain->utf8);
    CHECK_FALSE(plain->wstr);
    CHECK_FALSE(plain->own_data);
  }
}

TEST_CASE("a string with data of its own points to it, and shares it with its caches") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.unicode_compact) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.object(heap.type("str"), layout->str_legacy.struct_size);
    heap.store(at, layout->str.length, 4);
    heap.str_state(at, 1, false, true);
    heap.store(at, layout->str_legacy.data, kLoose.value);
    heap.store(at, layout->str_compact.utf8, kLoose.value);
    heap.text(kLoose, "warm");
    Read r(heap);
    const auto view = view_str(r.reader, at);
    REQUIRE(view.has_value());
    CHECK_FALSE(view->compact);
    CHECK(view->own_data == kLoose);
    CHECK_FALSE(view->utf8);
    CHECK(view->object_bytes() == layout->str_legacy.struct_size);
    CHECK(str_text(r.reader, at, 10) == "warm");
    heap.store(at, layout->str_legacy.data, 0);
    CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
  }
}

TEST_CASE("a string that is not ready holds wide characters only") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.str_wstr) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.object(heap.type("str"), layout->str_legacy.struct_size);
    heap.str_state(at, 0, false, false);
    heap.store(at, layout->str.wstr, kLoose.value);
    heap.store(at, layout->str_compact.wstr_length, 2);
    heap.memory.write(kLoose, std::uint32_t{'o'});
    heap.memory.write(kLoose + 4, std::uint32_t{'k'});
    {
      Read r(heap);
      const auto view = view_str(r.reader, at);
      REQUIRE(view.has_value());
      CHECK(view->wstr == kLoose);
      CHECK(view->length == 2);
      CHECK(str_text(r.reader, at, 10) == "ok");
    }
    heap.store(at, layout->str.wstr, 0);
    CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
  }
}

TEST_CASE("what cannot be the state of a string is refused") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.unicode_compact) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.str("abc");
    for (const unsigned kind : {3U, 5U, 6U, 7U}) {
      heap.store(at, layout->str.kind, kind);
      CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
    }
    heap.store(at, layout->str.kind, 2);  // ASCII of two bytes
    CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
    heap.store(at, layout->str.kind, 0);  // compact and not ready
    CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
    heap.store(at, layout->str.kind, 1);
    heap.store(at, layout->str.length, 1ULL << 40);
    CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
    heap.store(at, layout->str.length, ~0ULL);
    CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
    CHECK_FALSE(view_str(Read(heap).reader, Address{8}).has_value());
  }
}

TEST_CASE("a length beyond the memory at hand gives a view and no text") {
  HeapBuilder heap(layout_of(3, 11));
  const Address at = heap.str("abc");
  heap.store(at, heap.layout.str.length, 1 << 30);
  Read r(heap);
  REQUIRE(view_str(r.reader, at).has_value());
  CHECK_FALSE(str_text(r.reader, at, 1 << 30).has_value());
  CHECK(str_text(r.reader, at, 3) == "abc");
}

TEST_CASE("a unicode without its buffer, or too long, is refused") {
  HeapBuilder heap(layout_of(2, 7));
  const auto& f = heap.layout.unicode_buffer;
  const Address at = heap.str("abc");
  heap.store(at, f.length, 1ULL << 40);
  CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
  heap.store(at, f.length, 3);
  heap.store(at, f.data, 0);
  CHECK_FALSE(view_str(Read(heap).reader, at).has_value());
}

TEST_CASE("a name is a str, or a byte string, and nothing else") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address str = heap.str("name");
    const Address bytes = heap.bytes("name");
    const Address empty = heap.bytes("");
    const Address list = heap.list({});
    Read r(heap);
    CHECK(name_text(r.reader, str, 100) == "name");
    CHECK(name_text(r.reader, bytes, 100) == "name");
    CHECK(name_text(r.reader, bytes, 2) == "na");
    CHECK(name_text(r.reader, empty, 2) == "");
    CHECK_FALSE(name_text(r.reader, list, 100).has_value());
    CHECK_FALSE(name_text(r.reader, Address{}, 100).has_value());
  }
}

TEST_CASE("bytes end with a NUL that counts, and a nonsense length is refused") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.bytes("12345");
    Read r(heap);
    const auto view = view_bytes(r.reader, at);
    REQUIRE(view.has_value());
    CHECK(view->size == 5);
    CHECK(view->data == at + layout->bytes.data.offset);
    CHECK(view->object_bytes == layout->bytes.data.offset + 6U);
    heap.store(at, layout->bytes.size, ~0ULL);
    CHECK_FALSE(view_bytes(Read(heap).reader, at).has_value());
  }
}

}  // namespace
