// Contents of dicts. Traversal visits the keys of a table only where the table says that they may
// be other things than str; where tables do not say so (before kinds were stored) it compares the
// table's lookup function with the general one.
#include "heapparse/python/types/dict_contents.h"

#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"

namespace coreheap::python {
namespace {

constexpr std::uint64_t kSlotBytes = 8;

// The lookup function of tables whose keys need not be str. No symbol is needed: `object` keeps
// its subclasses by number, so that dict's table has it.
std::optional<Address> general_lookup(Decoder& decoder, const PythonType& type) {
  ObjectReader& reader = decoder.reader();
  const PythonType* root = &type;
  for (int i = 0; i < 256 && root->base; ++i) {
    root = decoder.type_at(root->base);
    if (root == nullptr) return std::nullopt;
  }
  const auto subclasses = reader.pointer(root->address, reader.layout().type.subclasses);
  if (!subclasses) return std::nullopt;
  const auto keys = reader.pointer(*subclasses, reader.layout().dict.keys);
  if (!keys) return std::nullopt;
  return reader.pointer(*keys, reader.layout().dict_keys.lookup);
}

bool shows_keys(Decoder& decoder, const Object& dict, const DictKeysView& keys) {
  if (!keys.lookup) return keys.general;
  return general_lookup(decoder, *dict.type) == keys.lookup;
}

}  // namespace

void dict_references(Decoder& decoder, const Object& dict, ReferenceSink visit) {
  const auto view = view_dict(decoder.reader(), dict.address);
  if (!view) return;
  // An instance that lends its values lists them itself (3.13), or leaves that to the dict.
  if (view->values_in_instance && !decoder.traits().dict_traverses_inline_values) return;
  const bool keys_shown = shows_keys(decoder, dict, view->keys);
  // A shared table owns its keys, and belongs to the class. Before kinds were stored a class could
  // let go of its table while instances still used it: then nobody but them leads to the keys.
  const bool own_keys = !view->values || view->keys.refcount == 1;
  const bool common_keys = !own_keys && view->keys.lookup;
  for_each_entry(decoder.reader(), *view, [&](std::uint64_t i, Address key, Address value) {
    if (key && (own_keys || common_keys)) {
      SkipCause cause = SkipCause::none;
      if (!own_keys) {
        cause = SkipCause::shared_keys;
      } else if (!value) {
        cause = SkipCause::not_traversed;  // what fills a deleted entry
      } else if (!keys_shown) {
        cause = SkipCause::str_keys;
      }
      visit({key, {.kind = EdgeKind::key, .index = i}, cause, own_keys});
    }
    if (value) visit({value, {.kind = EdgeKind::value, .name = key, .index = i}});
    return true;
  });
}

std::optional<std::uint64_t> dict_size(Decoder& decoder, const Object& dict) {
  const auto view = view_dict(decoder.reader(), dict.address);
  if (!view) return std::nullopt;
  std::uint64_t size = dict.type->basicsize;
  if (decoder.traits().dict_form == layouts::DictForm::kEmbeddedTable) {
    return size + (view->own_table ? view->keys.table_bytes : 0);
  }
  if (view->values) {
    const bool counts_kept = decoder.traits().dict_form == layouts::DictForm::kKeysObjectLog2;
    size += kSlotBytes *
            (counts_kept ? view->keys.entry_count + view->keys.usable : view->keys.capacity);
  }
  if (view->keys.refcount == 1) size += view->keys.table_bytes;
  return size;
}

void dict_buffers(Decoder& decoder, const Object& dict, BufferSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto view = view_dict(reader, dict.address);
  if (!view) return;
  if (decoder.traits().dict_form == layouts::DictForm::kEmbeddedTable) {
    if (view->own_table) visit({BufferKind::dict_table, view->own_table});
    return;
  }
  if (!view->values) {
    visit({BufferKind::dict_keys, view->keys.address});
    return;
  }
  // A split dict's keys belong to the class (cached_keys claims them); its values are its own.
  if (!view->values_in_instance) {
    if (const auto block = values_block(reader, view->values_object)) {
      visit({BufferKind::dict_values, *block});
    }
  }
  if (view->keys.refcount == 1) visit({BufferKind::dict_keys, view->keys.address});
}

}  // namespace coreheap::python
