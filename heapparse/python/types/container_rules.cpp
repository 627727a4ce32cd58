// Rules of list, tuple, dict, set, deque, OrderedDict and array.
#include <array>

#include "heapparse/python/types/array.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/odict.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

// Items of a pointer table, [0, count).
void items_at(Decoder& decoder, Address items, std::uint64_t count, ReferenceSink visit) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto word = decoder.memory().read<std::uint64_t>(items + i * 8);
    if (!word) return;  // a size beyond what there is
    if (*word != 0) visit({Address{*word}, {.kind = EdgeKind::item, .index = i}});
  }
}

void list_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  if (const auto v = view_list(decoder.reader(), object.address)) {
    items_at(decoder, v->items, v->size, visit);
  }
}

void list_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_list(decoder.reader(), object.address);
  if (v && v->items) visit({BufferKind::list_items, v->items});
}

void dict_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto view = view_dict(reader, object.address);
  if (!view) return;
  if (decoder.traits().dict_form == layouts::DictForm::kEmbeddedTable) {
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

void odict_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_odict(decoder.reader(), object.address);
  if (!v) return;
  if (v->fast_nodes) visit({BufferKind::odict_nodes, v->fast_nodes});
  for_each_node(decoder.reader(), *v, [&](Address node) {
    visit({BufferKind::odict_nodes, node});
  });
}

void set_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_set(decoder.reader(), object.address);
  if (v && !v->embedded) visit({BufferKind::set_table, v->table});
}

void deque_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_deque(decoder.reader(), object.address);
  if (!v) return;
  for_each_block(decoder.reader(), *v, [&](Address block) {
    visit({BufferKind::deque_block, block});
  });
  for (std::uint64_t i = 0; i < v->spare_count; ++i) {
    const auto block = decoder.memory().read_address(v->spare_blocks + i * 8);
    if (block) visit({BufferKind::deque_block, *block});
  }
}

void array_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_array(decoder.reader(), object.address);
  if (v && v->items) visit({BufferKind::array_items, v->items});
}

}  // namespace

std::span<const TypeRules> container_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "list", .references = list_references, .buffers = list_buffers},
      TypeRules{.name = "dict", .buffers = dict_buffers},
      TypeRules{.name = "frozendict", .buffers = dict_buffers},
      TypeRules{.name = "collections.OrderedDict", .buffers = odict_buffers},
      TypeRules{.name = "set", .buffers = set_buffers},
      TypeRules{.name = "frozenset", .buffers = set_buffers},
      TypeRules{.name = "collections.deque", .buffers = deque_buffers},
      TypeRules{.name = "array.array", .buffers = array_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
