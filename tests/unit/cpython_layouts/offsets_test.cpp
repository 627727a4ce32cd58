// Offsets against numbers known from other sources than the tables' own: the published C headers,
// sys.getsizeof of well-known objects, and invariants of all structs.
#include "cpython_layouts/layout.h"
#include "cpython_layouts/structs_visit.h"
#include "tests/unit/catch.h"

using namespace coreheap::layouts;

namespace {

const Layout& table(int major, int minor, bool free_threaded) {
  const Layout* layout = find({static_cast<std::uint8_t>(major), static_cast<std::uint8_t>(minor),
                               0, free_threaded, false});
  REQUIRE(layout != nullptr);
  return *layout;
}
const Layout& python2() { return table(2, 7, false); }
const Layout& python3(int minor) { return table(3, minor, false); }
const Layout& free_threaded(int minor) { return table(3, minor, true); }

}  // namespace

TEST_CASE("Every member lies inside its struct") {
  for (const Layout* layout : all()) {
    visit_fields(*layout, [&](std::string_view group, std::string_view field, const Struct& owner,
                              const Field& value) {
      if (!value.present() || !owner.present()) return;
      INFO(layout->name << " " << group << "." << field);
      // Arrays at the very end (digits, items, locals) may have no room in sizeof.
      CHECK(value.offset <= owner.struct_size);
      if (value.offset < owner.struct_size)
        CHECK(value.end() <= owner.struct_size + value.size - 1u);
      if (value.is_bit_field()) CHECK(value.bit + value.bit_width <= 8 * value.size);
    });
  }
}

TEST_CASE("A group without a struct has no members, but for those borrowed from another struct") {
  for (const Layout* layout : all()) {
    visit_fields(*layout, [&](std::string_view group, std::string_view field, const Struct& owner,
                              const Field& value) {
      INFO(layout->name << " " << group << "." << field);
      if (!owner.present()) CHECK_FALSE(value.present());
    });
  }
}

TEST_CASE("The tuple's items moved when it began to cache its hash") {
  CHECK(python3(13).tuple.items.offset == 24);
  CHECK(python3(14).tuple.items.offset == 32);
  CHECK(python3(14).tuple.hash.offset == 24);
  CHECK_FALSE(python3(13).tuple.hash.present());
}

TEST_CASE("The compact ASCII str lost its wchar_t pointer") {
  CHECK(python3(11).str.struct_size == 48);
  CHECK(python3(11).str.wstr.offset == 40);
  CHECK(python3(12).str.struct_size == 40);
  CHECK_FALSE(python3(12).str.wstr.present());
  // sys.getsizeof('') is the head and the terminator.
  CHECK(python3(12).str.struct_size + 1 == 41);
  CHECK(python3(12).str_compact.struct_size == 56);
}

TEST_CASE("The old interpreter has its own str, unicode, int and instances") {
  const Layout& old = python2();
  CHECK(old.bytes.data.offset == 36);  // after the interned state
  CHECK(old.unicode_buffer.data.offset == 24);
  CHECK_FALSE(old.str_legacy.present());
  CHECK(old.int_object.value.offset == 16);
  CHECK(old.instance.class_.offset == 16);
  CHECK(old.dict.small_table.offset == 56);
  CHECK(old.dict.small_table.size == 192);
  CHECK_FALSE(old.dict.keys.present());
  CHECK_FALSE(old.runtime.present());
  CHECK_FALSE(python3(6).instance.present());
  CHECK_FALSE(python3(6).unicode_buffer.present());
}

TEST_CASE("Set entries changed their order") {
  CHECK(python2().set_entry.hash.offset == 0);
  CHECK(python2().set_entry.key.offset == 8);
  CHECK(python3(6).set_entry.key.offset == 0);
  CHECK(python3(6).set_entry.hash.offset == 8);
}

TEST_CASE("Keys objects went from sized to logarithmic") {
  CHECK(python3(10).dict_keys.indices.offset == 40);
  CHECK(python3(10).dict_keys.size.offset == 8);
  CHECK_FALSE(python3(10).dict_keys.log2_size.present());
  CHECK(python3(11).dict_keys.indices.offset == 32);
  CHECK(python3(11).dict_keys.log2_size == Field{8, 1});
  CHECK_FALSE(python3(11).dict_keys.size.present());
  CHECK(python3(11).dict_unicode_entry.struct_size == 16);
}

TEST_CASE("Bits of the str state are where the C header puts them") {
  const std::uint64_t word = 0b1'1'1'100'10;  // bit 7, ascii, compact, kind 4, interned 2
  for (int minor = 6; minor <= 15; ++minor) {
    const Layout& l = python3(minor);
    INFO(l.name);
    CHECK(l.str.interned.extract(word) == 2);
    CHECK(l.str.kind.extract(word) == 4);
    CHECK(l.str.compact.extract(word) == 1);
    CHECK(l.str.ascii.extract(word) == 1);
    CHECK(l.str.kind.offset == 32);
  }
  CHECK(python3(11).str.ready.extract(0x80) == 1);
  CHECK(python3(12).str.statically_allocated.extract(0x80) == 1);
}

TEST_CASE("Free-threaded objects have a head of 32 bytes") {
  for (int minor = 13; minor <= 15; ++minor) {
    const Layout& l = free_threaded(minor);
    INFO(l.name);
    CHECK(l.object.struct_size == 32);
    CHECK(l.object.type.offset == 24);
    CHECK(l.object.refcnt_local == Field{12, 4});
    CHECK(l.object.refcnt_shared.offset == 16);
    CHECK(l.list.items.offset == 40);
    CHECK(l.type.flags.offset == 184);
    CHECK(l.range_iterator.start.offset >= 32);
    CHECK(l.deque.left_block.offset == 40);
  }
  CHECK(free_threaded(14).str.interned == Field{48, 1});
  CHECK(free_threaded(14).str.kind.offset == 49);
}

TEST_CASE("Pool and arena headers never changed") {
  for (const Layout* layout : all()) {
    if (layout->version.free_threaded) continue;
    INFO(layout->name);
    CHECK(layout->pool.struct_size == 48);
    CHECK(layout->pool.size_class.offset == 36);
    CHECK(layout->pool.max_next_offset.offset == 44);
    CHECK(layout->arena.struct_size == 48);
    CHECK(layout->arena.address.offset == 0);
  }
}

TEST_CASE("The runtime's members of each patch release are those measured") {
  struct Row {
    int minor;
    std::uint64_t size;
    std::uint32_t head, traces, allocators, obmalloc;
  };
  for (const Row& row :
       {Row{12, 459944, 40, 2952, 96, 3960}, Row{13, 283320, 632, 10264, 704, 10800},
        Row{13, 283376, 632, 10264, 704, 10800}, Row{13, 283408, 632, 10288, 704, 10800},
        Row{14, 316616, 808, 10480, 880, 10904}, Row{15, 346568, 936, 10616, 1008, 10880}}) {
    const Layout* l = find({3, static_cast<std::uint8_t>(row.minor), 0, false, false}, row.size);
    REQUIRE(l != nullptr);
    INFO(l->name);
    CHECK(l->runtime_size == row.size);
    CHECK(l->runtime.interpreters_head.offset == row.head);
    CHECK(l->runtime.tracemalloc_traces.offset == row.traces);
    CHECK(l->runtime.allocators.offset == row.allocators);
    CHECK(l->interpreter.obmalloc.offset == row.obmalloc);
  }
}

TEST_CASE("Interned strings, static types and the modules hang on the interpreter") {
  CHECK(python3(12).interpreter.static_types.offset == 373704);
  CHECK(python3(12).interpreter.static_type_count.offset == 373696);
  CHECK(python3(12).static_type_state.struct_size == 40);
  CHECK(python3(13).interpreter.static_type_count.offset == 182960);
  CHECK(python3(13).interpreter.static_types.offset == 182968);
  CHECK(python3(13).static_type_state.struct_size == 48);
  CHECK(python3(15).interpreter.interned.offset == 224896);
  CHECK(python3(8).interpreter.modules.offset == 56);
  CHECK(python3(15).interpreter.modules.offset == 7592);
  CHECK(python3(13).interpreter.freelists.offset == 10952);
}

TEST_CASE("Frames became interpreter frames") {
  CHECK(python3(10).frame.localsplus.offset == 352);
  CHECK(python3(10).frame.stackdepth.present());
  CHECK_FALSE(python3(10).interpreter_frame.present());
  CHECK(python3(11).interpreter_frame.executable.offset == 32);
  CHECK(python3(12).interpreter_frame.executable.offset == 0);
  CHECK(python3(13).interpreter_frame.localsplus.offset == 72);
  CHECK(python3(14).interpreter_frame.localsplus.offset == 80);
  CHECK(python3(11).cframe.current_frame.offset == 8);
  CHECK(python3(13).thread_state.current_frame.offset == 72);
}

TEST_CASE("The positions inside the published offsets are those of their version") {
  CHECK_FALSE(python3(12).debug_offsets.present());
  CHECK(python3(13).debug_offsets.struct_size == 584);
  CHECK(python3(14).debug_offsets.struct_size == 760);
  CHECK(python3(15).debug_offsets.struct_size == 888);
  CHECK(python3(13).debug_offsets.tuple_items.offset == 408);
  CHECK(python3(14).debug_offsets.tuple_items.offset == 456);
  CHECK(python3(15).debug_offsets.tuple_items.offset == 552);
}

TEST_CASE("tracemalloc's frames begin at an unaligned 12") {
  for (int minor = 6; minor <= 15; ++minor) {
    const Layout& l = python3(minor);
    INFO(l.name);
    CHECK(l.trace_traceback.frames == Field{12, 12});
    CHECK(l.trace_frame.struct_size == 12);
    CHECK(l.trace_frame.line.offset == 8);
    CHECK(l.trace.size.offset == 0);
  }
  CHECK(python3(8).trace_traceback.frame_count.size == 4);
  CHECK(python3(9).trace_traceback.frame_count.size == 2);
}
