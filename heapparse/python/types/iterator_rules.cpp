// Rules of the iterators over builtin types, of dict views, ranges, slices and the builtin
// functions that give iterators. Each is a handful of fields; many have changed their name.
#include <array>

#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using Layout = layouts::Layout;

constexpr FieldReference kListIterator[] = {
    {"__self__", [](const Layout& l) { return l.list_iterator.sequence; }},
};
constexpr FieldReference kListReverseIterator[] = {
    {"__self__", [](const Layout& l) { return l.list_reverse_iterator.sequence; }},
};
constexpr FieldReference kTupleIterator[] = {
    {"__self__", [](const Layout& l) { return l.tuple_iterator.sequence; }},
};
constexpr FieldReference kSequenceIterator[] = {
    {"__self__", [](const Layout& l) { return l.seq_iterator.sequence; }},
};
constexpr FieldReference kStrIterator[] = {
    {"__self__", [](const Layout& l) { return l.str_iterator.sequence; }},
};
constexpr FieldReference kBytesIterator[] = {
    {"__self__", [](const Layout& l) { return l.bytes_iterator.sequence; }},
};
constexpr FieldReference kBytearrayIterator[] = {
    {"__self__", [](const Layout& l) { return l.bytearray_iterator.sequence; }},
};
constexpr FieldReference kMemoryIterator[] = {
    {"__self__", [](const Layout& l) { return l.memory_iterator.sequence; }},
};
constexpr FieldReference kSetIterator[] = {
    {"__self__", [](const Layout& l) { return l.set_iterator.set; }},
};
constexpr FieldReference kDequeIterator[] = {
    {"__self__", [](const Layout& l) { return l.deque_iterator.deque; }},
};
constexpr FieldReference kArrayIterator[] = {
    {"__self__", [](const Layout& l) { return l.array_iterator.array; }},
};
constexpr FieldReference kDictIterator[] = {
    {"__self__", [](const Layout& l) { return l.dict_iterator.dict; }},
    {"di_result", [](const Layout& l) { return l.dict_iterator.result; }},
};
constexpr FieldReference kOdictIterator[] = {
    {"__self__", [](const Layout& l) { return l.odict_iterator.odict; }},
    {"di_current", [](const Layout& l) { return l.odict_iterator.current; }},
    {"di_result", [](const Layout& l) { return l.odict_iterator.result; }},
};
constexpr FieldReference kDictView[] = {
    {"mapping", [](const Layout& l) { return l.dict_view.dict; }},
};
constexpr FieldReference kCallableIterator[] = {
    {"it_callable", [](const Layout& l) { return l.callable_iterator.callable; }},
    {"it_sentinel", [](const Layout& l) { return l.callable_iterator.sentinel; }},
};
constexpr FieldReference kLongRangeIterator[] = {
    {"start", [](const Layout& l) { return l.long_range_iterator.start; }},
    {"step", [](const Layout& l) { return l.long_range_iterator.step; }},
    {"len", [](const Layout& l) { return l.long_range_iterator.len; }},
    {"index", [](const Layout& l) { return l.long_range_iterator.index; }},
};
constexpr FieldReference kReversed[] = {
    {"seq", [](const Layout& l) { return l.reversed.sequence; }},
};
constexpr FieldReference kEnumerate[] = {
    {"en_sit", [](const Layout& l) { return l.enumerate.iterator; }},
    {"en_result", [](const Layout& l) { return l.enumerate.result; }},
    {"en_longindex", [](const Layout& l) { return l.enumerate.long_index; }},
};
constexpr FieldReference kZip[] = {
    {"ittuple", [](const Layout& l) { return l.zip.iterators; }},
    {"result", [](const Layout& l) { return l.zip.result; }},
};
constexpr FieldReference kMap[] = {
    {"iters", [](const Layout& l) { return l.map.iterators; }},
    {"func", [](const Layout& l) { return l.map.func; }},
};
constexpr FieldReference kFilter[] = {
    {"func", [](const Layout& l) { return l.filter.func; }},
    {"it", [](const Layout& l) { return l.filter.iterator; }},
};
constexpr FieldReference kRange[] = {
    {"start", [](const Layout& l) { return l.range.start; }},
    {"stop", [](const Layout& l) { return l.range.stop; }},
    {"step", [](const Layout& l) { return l.range.step; }},
    {"length", [](const Layout& l) { return l.range.length; }},
};
constexpr FieldReference kSlice[] = {
    {"start", [](const Layout& l) { return l.slice.start; }},
    {"stop", [](const Layout& l) { return l.slice.stop; }},
    {"step", [](const Layout& l) { return l.slice.step; }},
};

}  // namespace

std::span<const TypeRules> iterator_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "list_iterator", .fields = kListIterator},
      TypeRules{.name = "list_reverseiterator", .fields = kListReverseIterator},
      TypeRules{.name = "tuple_iterator", .fields = kTupleIterator},
      TypeRules{.name = "iterator", .fields = kSequenceIterator},
      TypeRules{.name = "str_iterator", .fields = kStrIterator},
      TypeRules{.name = "str_ascii_iterator", .fields = kStrIterator},
      TypeRules{.name = "bytes_iterator", .fields = kBytesIterator},
      TypeRules{.name = "bytearray_iterator", .fields = kBytearrayIterator},
      TypeRules{.name = "memory_iterator", .fields = kMemoryIterator},
      TypeRules{.name = "set_iterator", .fields = kSetIterator},
      TypeRules{.name = "_collections._deque_iterator", .fields = kDequeIterator},
      TypeRules{.name = "_collections._deque_reverse_iterator", .fields = kDequeIterator},
      TypeRules{.name = "collections._deque_iterator", .fields = kDequeIterator},
      TypeRules{.name = "collections._deque_reverse_iterator", .fields = kDequeIterator},
      TypeRules{.name = "array.arrayiterator", .fields = kArrayIterator},
      TypeRules{.name = "dict_keyiterator", .fields = kDictIterator},
      TypeRules{.name = "dict_valueiterator", .fields = kDictIterator},
      TypeRules{.name = "dict_itemiterator", .fields = kDictIterator},
      TypeRules{.name = "dict_reversekeyiterator", .fields = kDictIterator},
      TypeRules{.name = "dict_reversevalueiterator", .fields = kDictIterator},
      TypeRules{.name = "dict_reverseitemiterator", .fields = kDictIterator},
      TypeRules{.name = "odict_iterator", .fields = kOdictIterator},
      TypeRules{.name = "dict_keys", .fields = kDictView},
      TypeRules{.name = "dict_values", .fields = kDictView},
      TypeRules{.name = "dict_items", .fields = kDictView},
      TypeRules{.name = "callable_iterator", .fields = kCallableIterator},
      TypeRules{.name = "range", .fields = kRange},
      TypeRules{.name = "range_iterator"},
      TypeRules{.name = "longrange_iterator", .fields = kLongRangeIterator},
      TypeRules{.name = "slice", .fields = kSlice},
      TypeRules{.name = "reversed", .fields = kReversed},
      TypeRules{.name = "enumerate", .fields = kEnumerate},
      TypeRules{.name = "zip", .fields = kZip},
      TypeRules{.name = "map", .fields = kMap},
      TypeRules{.name = "filter", .fields = kFilter},
      // 2.7
      TypeRules{.name = "listiterator", .fields = kListIterator},
      TypeRules{.name = "listreverseiterator", .fields = kListReverseIterator},
      TypeRules{.name = "tupleiterator", .fields = kTupleIterator},
      TypeRules{.name = "setiterator", .fields = kSetIterator},
      TypeRules{.name = "deque_iterator", .fields = kDequeIterator},
      TypeRules{.name = "deque_reverse_iterator", .fields = kDequeIterator},
      TypeRules{.name = "arrayiterator", .fields = kArrayIterator},
      TypeRules{.name = "dictionary-keyiterator", .fields = kDictIterator},
      TypeRules{.name = "dictionary-valueiterator", .fields = kDictIterator},
      TypeRules{.name = "dictionary-itemiterator", .fields = kDictIterator},
      TypeRules{.name = "callable-iterator", .fields = kCallableIterator},
      TypeRules{.name = "bytearrayiterator", .fields = kBytearrayIterator},
      TypeRules{.name = "xrange"},
      TypeRules{.name = "rangeiterator"},
  };
  return kRules;
}

}  // namespace coreheap::python
