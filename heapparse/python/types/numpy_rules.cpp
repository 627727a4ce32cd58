// Rules of numpy's arrays and dtypes, by the structs its C interface promises (cpython_layouts/
// numpy.h); other types of numpy are searched word by word like any C type nobody described.
//
// An array that owns its data owns the objects in it, too; a view of it owns neither.
#include <array>

#include "heapparse/python/types/numpy.h"
#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::kNumpyArray;
using layouts::Layout;

constexpr FieldReference kArray[] = {
    {"base", [](const Layout&) { return kNumpyArray.base; }},
    {"dtype", [](const Layout&) { return kNumpyArray.descr; }},
};

// basicsize of numpy.ndarray itself: it says which fields there are.
std::uint32_t root_size(Decoder& decoder, const PythonType& type) {
  return numpy_root(decoder, type).basicsize;
}

void array_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto view = view_numpy_array(decoder, object);
  if (!view || !view->owns_data) return;
  const Field& handler = kNumpyArray.memory_handler;
  if (root_size(decoder, *object.type) >= handler.end()) {
    hold_word(decoder, object.address + handler.offset,
              {.kind = EdgeKind::field, .text = "_mem_handler"}, visit);
  }
  if (!view->descr.holds_objects || !view->data) return;
  const auto places = numpy_object_places(decoder, view->descr);
  if (places.empty()) return;
  const std::string_view flat = view->shape.size() == 1 ? "" : "flat";
  for (std::uint64_t i = 0; i < view->items; ++i) {
    for (const std::uint64_t place : places) {
      const Address at = view->data + i * view->descr.item_bytes + place;
      const auto target = decoder.memory().read_address(at);
      if (!target) return;  // where the image ends, or the items are not what they say
      if (*target) visit({*target, {.kind = EdgeKind::item, .text = flat, .index = i}});
    }
  }
}

// ndarray.__sizeof__: the object, its dimensions and strides, and the data that are its own.
std::optional<std::uint64_t> array_size(Decoder& decoder, const Object& object) {
  const auto view = view_numpy_array(decoder, object);
  if (!view) return std::nullopt;
  const std::uint32_t root = root_size(decoder, *object.type);
  const std::uint32_t own = root == layouts::kNumpySizeofOfRoot ? root : object.type->basicsize;
  return own + view->shape.size() * 16 + (view->owns_data ? view->data_bytes : 0);
}

void array_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto view = view_numpy_array(decoder, object);
  if (!view) return;
  if (view->owns_data && view->data) visit({BufferKind::array_items, view->data});
  if (view->dimensions) visit({BufferKind::array_items, view->dimensions});
}

void descr_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto view = view_numpy_descr(decoder, object.address);
  if (!view) return;
  const layouts::NumpyDescr& layout = *view->layout;
  const auto hold = [&](const Field& field, std::string_view name) {
    const auto target = decoder.reader().pointer(object.address, field);
    if (target) visit({*target, {.kind = EdgeKind::field, .text = name}});
  };
  hold(layout.scalar_type, "type");
  hold(layout.metadata, "metadata");
  if (!view->has_fields) return;
  hold(layout.fields, "fields");
  hold(layout.names, "names");
  const auto subarray = decoder.reader().pointer(object.address, layout.subarray);
  if (!subarray) return;
  hold_word(decoder, *subarray + layouts::kNumpySubarray.base.offset,
            {.kind = EdgeKind::field, .text = "base"}, visit);
  hold_word(decoder, *subarray + layouts::kNumpySubarray.shape.offset,
            {.kind = EdgeKind::field, .text = "shape"}, visit);
}

void descr_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto view = view_numpy_descr(decoder, object.address);
  if (!view || !view->has_fields) return;
  own_buffer(decoder, object, view->layout->subarray, BufferKind::other, visit);
  own_buffer(decoder, object, view->layout->c_metadata, BufferKind::other, visit);
}

}  // namespace

std::span<const TypeRules> numpy_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "numpy.ndarray",
                .fields = kArray,
                .references = array_references,
                .size = array_size,
                .buffers = array_buffers},
      TypeRules{.name = "numpy.dtype", .references = descr_references, .buffers = descr_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
