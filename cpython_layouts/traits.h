// What offsets alone do not say about a version of CPython: which form a structure has, which rule
// holds. Everything outside this folder switches on these and never on a version number, so a name
// here must make sense to a reader who does not know the version.
//
// The defaults are those of the oldest version; each generated v*.h states what it changes.
#pragma once

#include <cstdint>

#include "cpython_layouts/field.h"

namespace coreheap::layouts {

enum class RefcountForm : std::uint8_t {
  kPlain,          // one signed 64-bit count
  kImmortalLow32,  // immortal when the low 32 bits are negative
  kSplitFlags,  // 32-bit count, 16-bit overflow, 16-bit flags; immortal when the count is negative
  kBiased,      // local count of the owning thread and a shared count (value << 2 | state)
};

enum class LongForm : std::uint8_t {
  kSignedSize,  // ob_size carries the sign, its absolute value counts digits
  kTag,         // tag >> 3 digits, sign in the low two bits (0 plus, 1 zero, 2 minus)
};

enum class DictForm : std::uint8_t {
  kEmbeddedTable,    // mask + 1 entries in `table`, which may be the embedded `small_table`
  kKeysObjectSized,  // keys object with dk_size; index width follows from the size; 24-byte entries
  kKeysObjectLog2,   // keys object with log2 sizes and a kind (see DictKeysKind)
};

// Value of dict_keys.kind where DictForm is kKeysObjectLog2.
enum class DictKeysKind : std::uint8_t { kGeneral = 0, kUnicode = 1, kSplit = 2 };

// What lies in the words before an object of a type with the managed-dict flag; where: see
// Traits::managed_dict_distance and its neighbours.
enum class ManagedDict : std::uint8_t {
  kNone,
  kValuesAndDict,  // one word for the values pointer, one for the dict pointer
  kTagged,         // the dict word is a dict pointer, or if odd the values pointer less 1; and weak
                   // references
  kDictOnly,       // a dict pointer and weak references; values are inline in the object
};

enum class FrameForm : std::uint8_t { kFrameObjects, kInterpreterFrames };

// Where a thread's innermost frame is found.
enum class CurrentFrame : std::uint8_t { kThreadFrame, kThroughCFrame, kThreadCurrentFrame };

enum class LineTableForm : std::uint8_t {
  kUnsignedPairs,  // lnotab: (bytes, lines), both unsigned
  kSignedPairs,    // lnotab: (bytes, signed lines)
  kRangePairs,     // linetable: (bytes, signed lines), -128 no line
  kLocations,      // linetable: entries with bit 7 set, codes 0 to 15, 6-bit varints
};

enum class FreelistForm : std::uint8_t {
  kStaticVariables,    // local statics of each C file, not reachable without symbols
  kInterpreterStates,  // one state struct a type inside the interpreter (groups *_freelist)
  kCountedLists,       // interpreter.freelists, {count, list}, linked through words of the objects
  kHeadSizePairs,      // interpreter.freelists, {head, size}, linked through the first word
  kPerThread,          // as kCountedLists or kHeadSizePairs, but in the thread state
};

enum class GcStateIn : std::uint8_t { kStaticVariables, kRuntime, kInterpreter };

enum class InternedIn : std::uint8_t { kStaticVariable, kInterpreter };

enum class SmallIntsIn : std::uint8_t {
  kStaticPointers,       // array of pointers to ints taken from blocks
  kStaticObjects,        // array of int objects in .bss
  kInterpreterPointers,  // array of pointers in the interpreter
  kRuntimeObjects,       // array of int objects in the runtime
};

enum class TracemallocForm : std::uint8_t {
  kNone,
  kInlineTraces,   // the trace lies in the hashtable entry, behind a key of key_size bytes
  kPointedTraces,  // the entry's value points to the trace
};

// Where a heap type's name comes from (static types: type.name, a C string, always).
enum class HeapTypeName : std::uint8_t { kNameOnly, kQualname };

// Which rule sys.getsizeof follows for a type, where versions differ in more than offsets.
enum class IntSizeof : std::uint8_t {
  kBasicsizePerDigit,           // basicsize + 4 n
  kHeadPerDigit,                // digits offset + 4 n, subclasses too
  kHeadPerDigitAtLeastOne,      // digits offset + 4 max(n, 1), subclasses too
  kBasicsizePerItemAtLeastOne,  // basicsize + itemsize max(n, 1)
};
enum class CodeSizeof : std::uint8_t {
  kBasicsize,
  kWithExtra,            // + 8 a cellvar if cell2arg, + co_extra
  kWithExtraAndOpcache,  // + len(co_code) / 2 + 32 an opcache entry
  kVariableSized,        // basicsize + itemsize * ob_size rounded up to 8, + co_extra
};
enum class FrameSizeof : std::uint8_t {
  kStackAndLocals,     // sizeof(frame) + 8 (stacksize + nlocals + ncells + nfrees - 1)
  kShellPlusLocals,    // frame_data + localsplus + 8 (nlocalsplus + stacksize)
  kShellPlusFramesize  // frame_data + 8 framesize (the code's framesize counts the head too)
};
enum class BytesIoSizeof : std::uint8_t { kBufferSize, kUnsharedBytes };

// tp_flags bits that matter to a reader, as masks; 0 where a version has no such flag.
struct TypeFlags {
  std::uint64_t has_finalize = 0;
  std::uint64_t inline_values = 0;
  std::uint64_t managed_weakref = 0;
  std::uint64_t managed_dict = 0;
  std::uint64_t immutable = 0;
  std::uint64_t items_at_end = 0;
  std::uint64_t heap_type = 1u << 9;
  std::uint64_t base_type = 1u << 10;
  std::uint64_t ready = 1u << 12;
  std::uint64_t readying = 1u << 13;
  std::uint64_t have_gc = 1u << 14;
  std::uint64_t small_int_subclass = 1u
                                     << 23;  // the `int` of group int_object; 0 where ints are one
  std::uint64_t long_subclass = 1u << 24;
  std::uint64_t list_subclass = 1u << 25;
  std::uint64_t tuple_subclass = 1u << 26;
  std::uint64_t bytes_subclass = 1u << 27;
  std::uint64_t str_subclass = 1u << 28;
  std::uint64_t dict_subclass = 1u << 29;
  std::uint64_t exception_subclass = 1u << 30;
  std::uint64_t type_subclass = 1ull << 31;

  friend constexpr bool operator==(const TypeFlags&, const TypeFlags&) = default;
};

// Values of generator.frame_state (a signed byte); meaningful where that field is present.
struct GeneratorFrameStates {
  std::int8_t created = -2;
  std::int8_t suspended = -1;
  std::int8_t suspended_yield_from = -1;         // equal to suspended where not told apart
  std::int8_t suspended_yield_from_locked = -1;  // likewise
  std::int8_t executing = 0;
  std::int8_t completed = 1;
  std::int8_t cleared = 4;

  friend constexpr bool operator==(const GeneratorFrameStates&,
                                   const GeneratorFrameStates&) = default;
};

// Values of interpreter_frame.owner; kNoOwner where a version does not have that kind.
struct FrameOwners {
  static constexpr std::uint8_t kNoOwner = 255;
  std::uint8_t thread = 0;
  std::uint8_t generator = 1;
  std::uint8_t frame_object = 2;
  std::uint8_t first_artificial = kNoOwner;  // this and above: entry frames of C, to be skipped

  friend constexpr bool operator==(const FrameOwners&, const FrameOwners&) = default;
};

// Bytes the debug hooks fill memory with.
struct DebugBytes {
  Choices clean{0xCB};
  Choices dead{0xDB};
  Choices forbidden{0xFB};

  friend constexpr bool operator==(const DebugBytes&, const DebugBytes&) = default;
};

struct Traits {
  // Objects
  RefcountForm refcount_form = RefcountForm::kPlain;
  std::uint32_t immortal_refcount = 0;     // initial low word of an immortal; 0: no immortals
  std::uint32_t compiled_in_refcount = 0;  // what objects in static data start with; 0: with 1
  std::uint16_t static_object_flag = 0;    // in object.flags
  std::uint16_t immortal_object_flag = 0;  // in object.flags
  TypeFlags type_flags;
  bool trace_refs_possible = true;  // two list pointers may lie in front of the refcount
  bool old_style_classes = true;
  HeapTypeName heap_type_name = HeapTypeName::kNameOnly;
  bool type_name_in_heap = false;  // a heap type made from a C spec owns a copy of its name
                                   // (heap_type.tpname); a class's name lies in its str
  bool subclasses_is_list = true;  // type.subclasses: list of weakrefs, else dict id -> weakref
  bool static_types_dict_in_interpreter = false;  // a static type's subclasses word is index + 1
                                                  // into interpreter.static_types
  bool static_types_split_by_extension = false;   // the same, in two tables (core, extensions)
  bool members_follow_type = true;            // __slots__ member defs lie behind the type object
  bool dict_traverses_inline_values = false;  // a dict over inline values shows them, and the
                                              // instance shows the dict; else the other way round
  bool type_params_traverse_name = false;     // tp_traverse of TypeVar and its kin visits the name
  bool heap_types_traverse_class = false;  // tp_traverse of a C heap type visits the object's type;
                                           // classes leave it to their base then
  bool ctypes_dict_counts_tables = false;  // __sizeof__ of the dict of a ctypes type is its own
  bool profiler_lists_timer = false;       // _lsprof.Profiler traverses its timer
  bool json_scanner_traverses_memo = false;      // _json.Scanner, its memo
  bool tree_builder_traverses_events = false;    // ElementTree's TreeBuilder, what it reports to
  bool ssl_context_traverses_callbacks = false;  // _ssl._SSLContext, all of its callbacks
  bool zstd_traverses_class = false;  // compression.zstd's types visit their class, and ZstdDict no
                                      // longer its compressors

  // In front of objects
  bool gc_refs_in_head = true;                     // gc_head.refs, a signed count or state
  bool gc_refs_shifted = false;                    // ... its value is refs >> 1, bit 0 finalised
  bool gc_untracked_is_null_next = false;          // else refs == -2
  std::uint64_t gc_link_mask = ~std::uint64_t{0};  // of next and prev; the low bits are flags
  bool gc_bits_in_object = false;                  // object.gc_bits; no head
  bool gc_lists = true;                            // generations are linked lists
  Choices gc_head_sizes{32};
  Choices generations_offsets{};  // in gc_state, likeliest first
  Choices generation_strides{40};
  ManagedDict managed_dict = ManagedDict::kNone;
  std::uint64_t preheader_flags = 0;           // type flags, any of which adds preheader_size bytes
  std::uint32_t preheader_size = 0;            // between gc head and object
  std::uint32_t managed_dict_distance = 0;     // from the object back to its dict word; 0: none
  std::uint32_t managed_weakref_distance = 0;  // ... to its list of weak references
  std::uint32_t managed_values_distance = 0;   // ... to its values pointer
  bool inline_values = false;                  // behind the object, see TypeFlags::inline_values
  bool values_have_prefix = false;             // the byte at values - 1 says where the block starts

  // Allocators
  Choices pymalloc_alignments{16, 8};
  Choices pymalloc_pool_sizes{4096};
  Choices pymalloc_arena_sizes{262144};
  std::uint32_t pymalloc_threshold = 512;
  bool pymalloc_serves_mem_domain = false;  // PyMem_Malloc too, not only PyObject_Malloc
  bool pymalloc_in_runtime_state = false;   // arenas hang on interpreter.obmalloc, else statics
  bool obmalloc_is_pointer = false;         // interpreter.obmalloc points to it, else embedded
  bool mimalloc = false;                    // instead of pymalloc
  bool int_blocks = true;                   // ints and floats are carved from 992-byte blocks
  std::uint32_t int_block_size = 992;       // {next, 41 objects}
  bool debug_hooks_possible = false;        // PYTHONMALLOC=debug
  bool debug_serial_after = true;           // 8 more bytes behind, a serial number
  DebugBytes debug_bytes;
  std::uint32_t feature_flag_main_obmalloc = 0;  // in interpreter.feature_flags

  // State
  bool has_pyruntime = false;
  bool has_debug_offsets = false;
  GcStateIn gc_state_in = GcStateIn::kStaticVariables;
  bool permanent_generation = false;
  InternedIn interned_in = InternedIn::kStaticVariable;
  bool interned_references_uncounted = true;  // the interned dict's references are not in refcounts
  FreelistForm freelist_form = FreelistForm::kStaticVariables;
  bool freelist_first_word = false;  // every list links through the first word
  SmallIntsIn small_ints_in = SmallIntsIn::kStaticPointers;
  std::int32_t small_int_min = -5;
  std::int32_t small_int_max = 256;
  bool gil_in_runtime = false;
  bool current_thread_in_runtime = false;  // runtime.tstate_current
  std::uint32_t type_cache_entries = 4096;

  // Values
  LongForm long_form = LongForm::kSignedSize;
  std::uint32_t long_digit_bits = 30;
  bool unicode_compact = false;      // groups str, str_compact, str_legacy; else unicode_buffer
  bool str_wstr = false;             // str may own a wchar_t copy
  std::uint8_t interned_mortal = 1;  // values of str.interned
  std::uint8_t interned_immortal = 2;
  std::uint8_t interned_immortal_static = 0;  // 0: no such state
  DictForm dict_form = DictForm::kEmbeddedTable;
  bool dict_keys_shared = false;         // split tables exist
  bool dict_values_have_header = false;  // capacity, size, embedded, valid before the values
  bool ordered_dict_in_c = false;
  bool set_entry_key_first = false;
  bool tuple_has_hash = false;
  bool bytearray_in_bytes_object = false;  // storage is bytearray.bytes_object
  bool lru_links_owned = true;             // elements of lru_cache own their neighbours
  bool pickler_traverses_memo = false;     // (un)picklers list what they remember

  // Frames
  FrameForm frame_form = FrameForm::kFrameObjects;
  CurrentFrame current_frame = CurrentFrame::kThreadFrame;
  bool executable_is_stackref = false;
  bool stackref_tags = false;  // locals and stack words carry tags in the low bits
  std::uint64_t stackref_tag_mask = 0;
  std::uint64_t stackref_null = 0;
  std::uint64_t stackref_tagged_int = 0;  // tag of a small integer; 0: none
  std::uint64_t stackref_wrapped = 0;     // tag of a raw pointer; 0: none
  std::uint32_t lasti_unit = 1;           // bytes a step of frame.lasti
  std::uint32_t code_unit = 1;            // bytes of one instruction unit in line tables
  LineTableForm line_table_form = LineTableForm::kUnsignedPairs;
  bool zombie_frames = true;  // a code object keeps one dead frame
  bool generator_embeds_frame = false;
  FrameOwners frame_owners;
  GeneratorFrameStates generator_states;

  // tracemalloc
  TracemallocForm tracemalloc_form = TracemallocForm::kNone;
  bool tracemalloc_in_runtime = false;
  bool tracemalloc_domains = false;  // other domains in a table of tables
  bool tracemalloc_filenames_are_c_strings = false;

  // sys.getsizeof
  IntSizeof sizeof_int = IntSizeof::kBasicsizePerDigit;
  CodeSizeof sizeof_code = CodeSizeof::kBasicsize;
  FrameSizeof sizeof_frame = FrameSizeof::kStackAndLocals;
  BytesIoSizeof sizeof_bytesio = BytesIoSizeof::kBufferSize;
  bool sizeof_type_is_default = true;  // type objects: basicsize; else struct + cached keys
  bool sizeof_static_type_has_gc_head = false;     // getsizeof adds a head to static types too
  bool sizeof_other_metatype_has_gc_head = false;  // to those whose metatype is not `type`
  bool sizeof_generator_counts_frame = false;
  bool sizeof_itertools_counts_arrays = false;
  std::uint32_t sizeof_struct_code = 24;  // bytes a code of struct.Struct
  bool sizeof_bytearray_counts_bytes_object = false;
  bool sizeof_simple_queue_counts_ring = false;
  std::uint32_t sizeof_old_instance = 72;  // 40 + 32

  friend constexpr bool operator==(const Traits&, const Traits&) = default;
};

}  // namespace coreheap::layouts
