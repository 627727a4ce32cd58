// See owned_buffers.h. Buffers are named by the views; nothing here knows an offset.
#include "heapparse/python/owned_buffers.h"

#include "heapparse/python/types/array.h"
#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/odict.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

using Visit = std::function<void(const OwnedBuffer&)>;

void dict_buffers(ObjectReader& reader, Address object, const Visit& visit) {
  const auto view = view_dict(reader, object);
  if (!view) return;
  if (reader.traits().dict_form == layouts::DictForm::kEmbeddedTable) {
    if (view->own_table) visit({BufferKind::dict_table, view->own_table});
    return;
  }
  // A split dict's keys belong to the class (cached_keys claims them); its values are its own.
  if (view->values) {
    if (const auto block = values_block(reader, view->values_object)) {
      visit({BufferKind::dict_values, *block});
    }
    if (view->keys.refcount == 1) visit({BufferKind::dict_keys, view->keys.address});
  } else {
    visit({BufferKind::dict_keys, view->keys.address});
  }
}

}  // namespace

bool may_own_buffers(const layouts::Layout& layout, const PythonType& type) {
  if ((type.flags & layout.traits.type_flags.managed_dict) != 0) return true;
  switch (type.shape) {
    case Shape::list:
    case Shape::dict:
    case Shape::odict:
    case Shape::set:
    case Shape::bytearray:
    case Shape::deque:
    case Shape::array:
    case Shape::str:
    case Shape::unicode_2:
    case Shape::type:
      return true;
    default:
      return false;
  }
}

void for_each_owned_buffer(ObjectReader& reader, const PythonType& type, Address object,
                           const Visit& visit) {
  if ((type.flags & reader.traits().type_flags.managed_dict) != 0) {
    const ManagedAttributes attributes = managed_attributes(reader, object);
    if (attributes.values_block) visit({BufferKind::dict_values, attributes.values_block});
  }
  switch (type.shape) {
    case Shape::list:
      if (const auto v = view_list(reader, object); v && v->items) {
        visit({BufferKind::list_items, v->items});
      }
      break;
    case Shape::dict:
      dict_buffers(reader, object, visit);
      break;
    case Shape::odict:
      dict_buffers(reader, object, visit);
      if (const auto v = view_odict(reader, object)) {
        if (v->fast_nodes) visit({BufferKind::odict_nodes, v->fast_nodes});
        for_each_node(reader, *v, [&](Address node) { visit({BufferKind::odict_nodes, node}); });
      }
      break;
    case Shape::set:
      if (const auto v = view_set(reader, object); v && !v->embedded) {
        visit({BufferKind::set_table, v->table});
      }
      break;
    case Shape::bytearray:
      if (const auto v = view_bytearray(reader, object); v && v->storage) {
        visit({BufferKind::bytearray_bytes, v->storage});
      }
      break;
    case Shape::deque:
      if (const auto v = view_deque(reader, object)) {
        for_each_block(reader, *v, [&](Address block) { visit({BufferKind::deque_block, block}); });
        for (std::uint64_t i = 0; i < v->spare_count; ++i) {
          const auto block = reader.memory().read_address(v->spare_blocks + i * 8);
          if (block) visit({BufferKind::deque_block, *block});
        }
      }
      break;
    case Shape::array:
      if (const auto v = view_array(reader, object); v && v->items) {
        visit({BufferKind::array_items, v->items});
      }
      break;
    case Shape::str:
    case Shape::unicode_2:
      if (const auto v = view_str(reader, object)) {
        if (v->own_data) visit({BufferKind::str_data, v->own_data});
        if (v->utf8) visit({BufferKind::str_utf8, v->utf8});
        if (v->wstr) visit({BufferKind::str_wstr, v->wstr});
      }
      break;
    case Shape::type:
      if (const auto view = view_type(reader, object); view && view->heap_type) {
        if (const auto keys = cached_keys(reader, object)) {
          visit({BufferKind::dict_keys_shared, *keys});
        }
        if (const auto name = owned_c_name(reader, object)) {
          visit({BufferKind::type_name, *name});
        }
      }
      break;
    default:
      break;
  }
}

}  // namespace coreheap::python
