// Rules of list, tuple, dict, set, deque, OrderedDict and array, and of what is derived from them
// in C.
#include <algorithm>
#include <array>

#include "heapparse/python/types/array.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/dict_contents.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/odict.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/struct_sequence.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

using Layout = layouts::Layout;

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

std::optional<std::uint64_t> list_size(Decoder& decoder, const Object& object) {
  // -1 while list.sort() works, and counted as that.
  const auto allocated = decoder.reader().word(object.address, decoder.layout().list.allocated);
  if (!allocated) return std::nullopt;
  return object.type->basicsize + *allocated * 8;
}

void list_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_list(decoder.reader(), object.address);
  if (v && v->items) visit({BufferKind::list_items, v->items});
}

// Fields of a struct sequence behind those that its length counts.
void hidden_fields(Decoder& decoder, const Object& object, Address items, std::uint64_t shown,
                   SkipCause cause, ReferenceSink visit) {
  for_each_sequence_field(decoder.reader(), object.type->address, [&](const SequenceField& field) {
    if (field.index < shown) return;
    const auto word = decoder.memory().read<std::uint64_t>(items + field.index * 8);
    if (!word || *word == 0) return;
    visit({Address{*word},
           {.kind = EdgeKind::slot, .name = field.name, .index = field.index},
           cause});
  });
}

void tuple_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto v = view_tuple(decoder.reader(), object.address);
  if (!v) return;
  items_at(decoder, v->items, v->size, visit);
  // A C type that adds nothing in front of a tuple's items has more of them behind.
  const PythonType& type = *object.type;
  if (type.is_class) return;
  const auto tuple_layer =
      std::find_if(type.layers.begin(), type.layers.end(), [](const TypeLayer& layer) {
        return layer.rules != nullptr && layer.rules->references == tuple_references;
      });
  if (tuple_layer == type.layers.end()) return;
  const PythonType& tuple = decoder.types()[tuple_layer->type];
  if (tuple.address == type.address) return;
  // Struct sequences had the tuple's traversal before they had their own (3.9).
  const bool own_traversal = type.traverse != tuple.traverse;
  hidden_fields(decoder, object, v->items, v->size,
                own_traversal ? SkipCause::none : SkipCause::not_traversed, visit);
}

// Where struct sequences are no tuples (2.7).
void sequence_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  if ((object.type->flags & decoder.traits().type_flags.tuple_subclass) != 0) return;
  const auto size = decoder.reader().word(object.address, decoder.layout().var_object.size);
  const Address items = object.address + decoder.layout().struct_sequence.items.offset;
  if (!size || *size > 1024) return;
  items_at(decoder, items, *size, visit);
  hidden_fields(decoder, object, items, *size, SkipCause::none, visit);
}

void odict_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto v = view_odict(decoder.reader(), object.address);
  if (!v) return;
  std::uint64_t index = 0;
  for_each_node(decoder.reader(), *v, [&](Address node) {
    const auto key = decoder.reader().pointer(node, decoder.layout().odict_node.key);
    if (key) visit({*key, {.kind = EdgeKind::key, .index = index}});
    ++index;
  });
}

std::optional<std::uint64_t> odict_size(Decoder& decoder, const Object& object) {
  const auto size = dict_size(decoder, object);
  const auto v = view_odict(decoder.reader(), object.address);
  if (!size || !v) return std::nullopt;
  const std::uint64_t nodes = v->first ? v->used * decoder.layout().odict_node.struct_size : 0;
  return *size + 8 * v->fast_nodes_size + nodes;
}

void odict_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_odict(decoder.reader(), object.address);
  if (!v) return;
  if (v->fast_nodes) visit({BufferKind::odict_nodes, v->fast_nodes});
  for_each_node(decoder.reader(), *v, [&](Address node) {
    visit({BufferKind::odict_nodes, node});
  });
}

void set_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto v = view_set(decoder.reader(), object.address);
  if (!v) return;
  for_each_member(decoder.reader(), *v, [&](Address key, bool deleted) {
    if (!deleted) {
      visit({key, {.kind = EdgeKind::member}});
    } else if (!decoder.traits().set_entry_key_first) {
      // Only the oldest form counts the references to what fills deleted entries.
      visit({key, {.kind = EdgeKind::member}, SkipCause::not_traversed});
    }
  });
}

std::optional<std::uint64_t> set_size(Decoder& decoder, const Object& object) {
  const auto v = view_set(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  return object.type->basicsize + (v->embedded ? 0 : v->table_bytes());
}

void set_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_set(decoder.reader(), object.address);
  if (v && !v->embedded) visit({BufferKind::set_table, v->table});
}

void deque_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto v = view_deque(decoder.reader(), object.address);
  if (!v) return;
  for_each_item(decoder.reader(), *v, [&](std::uint64_t index, Address item) {
    visit({item, {.kind = EdgeKind::item, .index = index}});
  });
}

// Blocks from the first item to the last; spare ones are not counted.
std::optional<std::uint64_t> deque_size(Decoder& decoder, const Object& object) {
  const auto v = view_deque(decoder.reader(), object.address);
  const std::uint64_t room = items_per_block(decoder.layout());
  if (!v || room == 0) return std::nullopt;
  const std::uint64_t blocks = (v->left_index + v->size + room - 1) / room;
  return object.type->basicsize + blocks * decoder.layout().deque_block.struct_size;
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

std::optional<std::uint64_t> array_size(Decoder& decoder, const Object& object) {
  const auto v = view_array(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  if (v->allocated == 0) return object.type->basicsize;
  const auto bytes = item_bytes(decoder.reader(), *v);
  if (!bytes) return std::nullopt;
  return object.type->basicsize + v->allocated * *bytes;
}

void array_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_array(decoder.reader(), object.address);
  if (v && v->items) visit({BufferKind::array_items, v->items});
}

constexpr FieldReference kOdictFields[] = {
    {"__dict__", [](const Layout& l) { return l.odict.instance_dict; }},
};
constexpr FieldReference kDefaultdictFields[] = {
    {"default_factory", [](const Layout& l) { return l.defaultdict.default_factory; }},
};
constexpr FieldReference kTupleGetterFields[] = {
    {"__doc__", [](const Layout& l) { return l.tuple_getter.doc; }},
};

}  // namespace

std::span<const TypeRules> container_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "list",
                .references = list_references,
                .size = list_size,
                .buffers = list_buffers},
      TypeRules{.name = "tuple", .references = tuple_references},
      TypeRules{.name = "dict",
                .references = dict_references,
                .size = dict_size,
                .buffers = dict_buffers},
      TypeRules{.name = "frozendict",
                .references = dict_references,
                .size = dict_size,
                .buffers = dict_buffers},
      TypeRules{.name = "collections.OrderedDict",
                .fields = kOdictFields,
                .references = odict_references,
                .size = odict_size,
                .buffers = odict_buffers},
      TypeRules{.name = "collections.defaultdict", .fields = kDefaultdictFields},
      TypeRules{
          .name = "set", .references = set_references, .size = set_size, .buffers = set_buffers},
      TypeRules{.name = "frozenset",
                .references = set_references,
                .size = set_size,
                .buffers = set_buffers},
      TypeRules{.name = "collections.deque",
                .references = deque_references,
                .size = deque_size,
                .buffers = deque_buffers},
      TypeRules{.name = "collections._tuplegetter", .fields = kTupleGetterFields},
      TypeRules{.name = "_collections._tuplegetter", .fields = kTupleGetterFields},
      TypeRules{.name = "array.array", .size = array_size, .buffers = array_buffers},
      // Struct sequences count their hidden fields in front of the items since 3.12.
      TypeRules{.name = "os.stat_result"},
      TypeRules{.name = "os.statvfs_result"},
      // Struct sequences, some of which are no tuples (2.7).
      TypeRules{.name = "grp.struct_group", .references = sequence_references},
      TypeRules{.name = "posix.stat_result", .references = sequence_references},
      TypeRules{.name = "posix.statvfs_result", .references = sequence_references},
      TypeRules{.name = "pwd.struct_passwd", .references = sequence_references},
      TypeRules{.name = "resource.struct_rusage", .references = sequence_references},
      TypeRules{.name = "spwd.struct_spwd", .references = sequence_references},
      TypeRules{.name = "sys.flags", .references = sequence_references},
      TypeRules{.name = "sys.float_info", .references = sequence_references},
      TypeRules{.name = "sys.long_info", .references = sequence_references},
      TypeRules{.name = "sys.version_info", .references = sequence_references},
      TypeRules{.name = "time.struct_time", .references = sequence_references},
  };
  return kRules;
}

}  // namespace coreheap::python
