// What coreheap knows about one builtin type beyond what its type object declares: which fields
// hold references, what __sizeof__ counts, which raw memory is its own.
//
// The rules of a type are those of its whole base chain: a defaultdict holds what a dict holds and
// its factory. So a row of a table states only what its own C struct adds. Rules are found by the
// type's name among C types (a class written in Python never matches), or through the tp_traverse
// that two C types share. Every table lives in types/ beside the views it uses; a new type is a new
// row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cpython_layouts/layout.h"
#include "heapparse/base/function_ref.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/owned_buffers.h"
#include "heapparse/python/reference.h"

namespace coreheap::python {

using ReferenceSink = FunctionRef<void(const Reference&)>;
using BufferSink = FunctionRef<void(const OwnedBuffer&)>;

// A pointer field that owns the object it points to. NULL, and fields that a version does not have,
// are passed over.
struct FieldReference {
  std::string_view name;
  layouts::Field (*field)(const layouts::Layout& layout);
  SkipCause skipped = SkipCause::none;
  bool counted = true;  // in the target's refcount; false: borrowed
};

struct TypeRules {
  // "module.qualname", bare for builtins; every name a version gives it is a row of its own.
  std::string_view name;
  std::span<const FieldReference> fields = {};
  // False for the few C types made at run time whose tp_traverse leaves their own class out; of
  // some until a later version, where a trait says that it no longer does.
  bool shows_class = true;
  bool layouts::Traits::*shows_class_where = nullptr;
  // What fields alone cannot say; called after them.
  void (*references)(Decoder& decoder, const Object& object, ReferenceSink visit) = nullptr;
  // type.__sizeof__(object): without the words in front of the object. nullptr: that of the nearest
  // base that has a rule, else basicsize + itemsize * ob_size.
  std::optional<std::uint64_t> (*size)(Decoder& decoder, const Object& object) = nullptr;
  // Raw memory this type adds; the allocation's start as the program sees it.
  void (*buffers)(Decoder& decoder, const Object& object, BufferSink visit) = nullptr;
};

// One table a file of types/; all of them together.
std::span<const std::span<const TypeRules>> all_type_rules();
// By exact name; nullptr when nothing is known.
const TypeRules* find_type_rules(std::string_view name);

}  // namespace coreheap::python
