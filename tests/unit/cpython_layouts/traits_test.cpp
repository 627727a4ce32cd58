// Traits must agree with the offsets beside them: a form whose members are absent cannot be read.
#include "cpython_layouts/layout.h"
#include "tests/unit/catch.h"

using namespace coreheap::layouts;

#define FOR_EACH_TABLE(l)          \
  for (const Layout* l##_ : all()) \
    if (const Layout& l = *l##_; true)

TEST_CASE("Forms of values agree with their members") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK((t.long_form == LongForm::kTag) == l.long_int.tag.present());
    CHECK((t.long_form == LongForm::kSignedSize) == l.long_int.size.present());
    CHECK(t.unicode_compact == l.str_compact.present());
    CHECK(t.unicode_compact == !l.unicode_buffer.present());
    CHECK(t.str_wstr == l.str.wstr.present());
    CHECK((t.dict_form == DictForm::kEmbeddedTable) == l.dict.small_table.present());
    CHECK((t.dict_form == DictForm::kKeysObjectSized) == l.dict_keys.size.present());
    CHECK((t.dict_form == DictForm::kKeysObjectLog2) == l.dict_keys.log2_size.present());
    CHECK(t.dict_values_have_header == l.dict_values.capacity.present());
    CHECK(t.set_entry_key_first == (l.set_entry.key.offset < l.set_entry.hash.offset));
    CHECK(t.tuple_has_hash == l.tuple.hash.present());
    CHECK(t.bytearray_in_bytes_object == l.bytearray.bytes_object.present());
    CHECK(t.ordered_dict_in_c == l.odict.present());
    CHECK(t.old_style_classes == l.instance.present());
    CHECK(t.int_blocks == l.int_object.present());
    CHECK((t.type_flags.small_int_subclass != 0) == l.int_object.present());
    CHECK(t.type_name_in_heap == l.heap_type.tpname.present());
    CHECK((t.heap_type_name == HeapTypeName::kQualname) == l.heap_type.qualname.present());
  }
}

TEST_CASE("Refcount forms agree with the object head") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK((t.refcount_form == RefcountForm::kBiased) == l.object.refcnt_local.present());
    CHECK((t.refcount_form == RefcountForm::kBiased) == l.version.free_threaded);
    CHECK((t.refcount_form != RefcountForm::kBiased) == l.object.refcnt.present());
    if (t.refcount_form == RefcountForm::kSplitFlags) {
      CHECK(l.object.refcnt.size == 8);
      CHECK(l.object.refcnt_low.size == 4);
      CHECK(l.object.flags.present());
    }
    CHECK((t.static_object_flag != 0) == (l.object.flags.present()));
    CHECK((t.refcount_form == RefcountForm::kPlain) == (t.immortal_refcount == 0));
  }
}

TEST_CASE("Heads of collected objects agree with the choices") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK(t.gc_refs_in_head == l.gc_head.refs.present());
    CHECK(t.gc_lists == !t.gc_bits_in_object);
    CHECK(t.gc_bits_in_object == l.object.gc_bits.present());
    if (t.gc_lists) {
      CHECK(t.gc_head_sizes.contains(l.gc_head.struct_size));
      CHECK(t.generation_strides.contains(l.generation.struct_size));
    } else {
      CHECK(t.gc_head_sizes.empty());
    }
    CHECK((t.gc_state_in == GcStateIn::kRuntime) == l.runtime.gc.present());
    CHECK((t.gc_state_in == GcStateIn::kInterpreter) == l.interpreter.gc.present());
    CHECK((t.gc_state_in != GcStateIn::kStaticVariables) == l.gc_state.present());
    if (t.gc_lists && l.gc_state.present()) {
      CHECK(t.generations_offsets.contains(l.gc_state.generations.offset));
    }
    CHECK(t.permanent_generation == l.gc_state.permanent_generation.present());
  }
}

TEST_CASE("Words in front of an object come with the flags that announce them") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK(t.preheader_flags == (t.type_flags.managed_dict | t.type_flags.managed_weakref));
    CHECK((t.managed_dict == ManagedDict::kNone) == (t.preheader_flags == 0));
    CHECK((t.preheader_size == 16) == (t.preheader_flags != 0));
    CHECK(t.inline_values == (t.type_flags.inline_values != 0));
    CHECK(t.inline_values == (t.managed_dict == ManagedDict::kDictOnly));
    CHECK((t.managed_dict_distance != 0) == (t.type_flags.managed_dict != 0));
    CHECK((t.managed_weakref_distance != 0) == (t.type_flags.managed_weakref != 0));
    CHECK((t.managed_values_distance != 0) == t.values_have_prefix);
    if (t.preheader_size != 0) {
      const std::uint32_t gc_head = t.gc_lists ? l.gc_head.struct_size : 0;
      CHECK(t.managed_dict_distance == gc_head + 8);
    }
    if (t.values_have_prefix) CHECK(l.dict_values.present());
  }
}

TEST_CASE("The state is where the traits say") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK(t.has_pyruntime == l.runtime.present());
    CHECK(t.has_pyruntime == (l.runtime_size != 0));
    CHECK(l.runtime.struct_size == l.runtime_size);
    CHECK(t.has_debug_offsets == l.debug_offsets.present());
    CHECK(t.pymalloc_in_runtime_state == (l.interpreter.obmalloc.present() && !t.mimalloc));
    if (t.pymalloc_in_runtime_state) {
      CHECK(t.obmalloc_is_pointer == (l.obmalloc_state.present() && l.version.minor >= 13));
      CHECK(l.obmalloc_state.arenas.offset == 512);
      CHECK(t.feature_flag_main_obmalloc != 0);
      CHECK(l.interpreter.feature_flags.present());
    }
    CHECK(t.mimalloc == t.pymalloc_pool_sizes.empty());
    CHECK(t.mimalloc == (l.mi_segment.present() && l.version.free_threaded));
    CHECK((t.interned_in == InternedIn::kInterpreter) == l.interpreter.interned.present());
    CHECK((t.small_ints_in == SmallIntsIn::kInterpreterPointers) ==
          l.interpreter.small_ints.present());
    CHECK((t.small_ints_in == SmallIntsIn::kRuntimeObjects) == l.runtime.small_ints.present());
    CHECK(t.static_types_dict_in_interpreter == l.interpreter.static_types.present());
    CHECK(t.static_types_dict_in_interpreter == l.static_type_state.present());
    CHECK(t.static_types_split_by_extension == l.interpreter.extension_types.present());
    CHECK(t.gil_in_runtime == l.runtime.gil.present());
    CHECK(t.current_thread_in_runtime == l.runtime.tstate_current.present());
    CHECK((t.freelist_form == FreelistForm::kInterpreterStates) ==
          l.interpreter.float_freelist.present());
    if (t.freelist_form == FreelistForm::kCountedLists ||
        t.freelist_form == FreelistForm::kHeadSizePairs) {
      CHECK(l.interpreter.freelists.present());
    }
    if (t.freelist_form == FreelistForm::kPerThread) CHECK(l.thread_state_impl.freelists.present());
  }
}

TEST_CASE("Frames are where the traits say") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK((t.frame_form == FrameForm::kInterpreterFrames) == l.interpreter_frame.present());
    CHECK((t.frame_form == FrameForm::kFrameObjects) == l.frame.localsplus.present());
    CHECK((t.current_frame == CurrentFrame::kThreadFrame) == l.thread_state.frame.present());
    CHECK((t.current_frame == CurrentFrame::kThreadCurrentFrame) ==
          l.thread_state.current_frame.present());
    if (t.current_frame == CurrentFrame::kThroughCFrame) {
      CHECK(l.thread_state.cframe.present());
      CHECK(l.cframe.current_frame.present());
    }
    CHECK(t.generator_embeds_frame == l.generator.interpreter_frame.present());
    CHECK(t.zombie_frames == l.code.zombieframe.present());
    CHECK((t.line_table_form == LineTableForm::kLocations ||
           t.line_table_form == LineTableForm::kRangePairs) == l.code.linetable.present());
    CHECK(t.stackref_tags == l.interpreter_frame.stackpointer.present());
    CHECK((t.sizeof_frame == FrameSizeof::kShellPlusFramesize) == l.code.framesize.present());
  }
}

TEST_CASE("tracemalloc is where the traits say") {
  FOR_EACH_TABLE(l) {
    const Traits& t = l.traits;
    INFO(l.name);
    CHECK((t.tracemalloc_form == TracemallocForm::kNone) == !l.trace.present());
    CHECK((t.tracemalloc_form == TracemallocForm::kInlineTraces) == l.hashtable.key_size.present());
    CHECK((t.tracemalloc_form == TracemallocForm::kPointedTraces) ==
          l.hashtable_entry.value.present());
    CHECK(t.tracemalloc_in_runtime == l.runtime.tracemalloc_traces.present());
  }
}
