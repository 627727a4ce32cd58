// Rules of ctypes: instances, their types (metatypes of C), and its helpers.
#include <array>

#include "heapparse/python/types/ctypes_info.h"
#include "heapparse/python/types/dict_contents.h"
#include "heapparse/python/types/pickle.h"
#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kData[] = {
    {"_objects", [](const Layout& l) { return l.cdata.objects; }},
    {"_b_base_", [](const Layout& l) { return l.cdata.base; }},
};

constexpr FieldReference kFunction[] = {
    {"_callable", [](const Layout& l) { return l.ctypes_function.callable; }},
    {"restype", [](const Layout& l) { return l.ctypes_function.restype; }},
    {"_checker", [](const Layout& l) { return l.ctypes_function.checker; }},
    {"errcheck", [](const Layout& l) { return l.ctypes_function.errcheck; }},
    {"argtypes", [](const Layout& l) { return l.ctypes_function.argtypes; }},
    {"_converters", [](const Layout& l) { return l.ctypes_function.converters; }},
    {"_paramflags", [](const Layout& l) { return l.ctypes_function.paramflags; }},
    {"_thunk", [](const Layout& l) { return l.ctypes_function.thunk; }},
};

constexpr FieldReference kThunk[] = {
    {"_converters", [](const Layout& l) { return l.ctypes_thunk.converters; }},
    {"_callable", [](const Layout& l) { return l.ctypes_thunk.callable; }},
    {"_restype", [](const Layout& l) { return l.ctypes_thunk.restype; }},
};

constexpr FieldReference kField[] = {
    {"_proto", [](const Layout& l) { return l.ctypes_field.proto; }},
    {"name", [](const Layout& l) { return l.ctypes_field.name; }, SkipCause::atom},
};

constexpr FieldReference kArgument[] = {
    {"_obj", [](const Layout& l) { return l.ctypes_argument.object; }},
};

constexpr FieldReference kStructArgument[] = {
    {"_keep", [](const Layout& l) { return l.ctypes_struct_argument.keep; },
     SkipCause::not_traversed},
};

constexpr FieldReference kDictRemover[] = {
    {"_key", [](const Layout& l) { return l.ctypes_dict_remover.key; }},
    {"_dict", [](const Layout& l) { return l.ctypes_dict_remover.dict; }},
};

// The dict of a ctypes type up to 3.12: it traverses what a dict does, no more.
constexpr bool is_dict(const Layout& l) { return !l.ctypes_info.initialized.present(); }

constexpr FieldReference kTypeDict[] = {
    {"_proto", [](const Layout& l) { return is_dict(l) ? l.ctypes_info.proto : Field{}; },
     SkipCause::not_traversed},
    {"_argtypes", [](const Layout& l) { return is_dict(l) ? l.ctypes_info.argtypes : Field{}; },
     SkipCause::not_traversed},
    {"_converters", [](const Layout& l) { return is_dict(l) ? l.ctypes_info.converters : Field{}; },
     SkipCause::not_traversed},
    {"_restype", [](const Layout& l) { return is_dict(l) ? l.ctypes_info.restype : Field{}; },
     SkipCause::not_traversed},
    {"_checker", [](const Layout& l) { return is_dict(l) ? l.ctypes_info.checker : Field{}; },
     SkipCause::not_traversed},
};

// Data of up to 16 bytes lies in the object, data of another object in that one.
void data_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().cdata;
  ObjectReader& reader = decoder.reader();
  const auto data = reader.pointer(object.address, f.ptr);
  const auto owned = reader.word(object.address, f.needs_free);
  if (!data || !owned || *owned == 0 || *data == object.address + f.value.offset) return;
  visit({BufferKind::ctypes_data, *data});
}

void struct_argument_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().ctypes_struct_argument.data, BufferKind::ctypes_data,
             visit);
}

// Bytes of the tables of a type that its __sizeof__ counts.
std::optional<std::uint64_t> table_bytes(Decoder& decoder, const CtypesTables& tables) {
  std::uint64_t bytes = tables.dimensions * 8;
  if (tables.elements) bytes += (tables.length + 1) * 8;
  if (tables.format) {
    const auto length = c_string_length(decoder, tables.format);
    if (!length) return std::nullopt;
    bytes += *length + 1;
  }
  return bytes;
}

void table_buffers(const CtypesTables& tables, BufferSink visit) {
  for (const Address start : {tables.format, tables.elements, tables.shape}) {
    if (start) visit({BufferKind::format_codes, start});
  }
}

// sizeof the struct without its dict is added to what a dict says, which has it already.
std::optional<std::uint64_t> type_dict_size(Decoder& decoder, const Object& object) {
  const auto bytes = dict_size(decoder, object);
  if (!bytes || !decoder.traits().ctypes_dict_counts_tables) return bytes;
  const auto tables = view_ctypes_tables(decoder.reader(), object.address);
  const auto more = tables ? table_bytes(decoder, *tables) : std::nullopt;
  if (!more) return std::nullopt;
  return *bytes + *more + decoder.layout().ctypes_info.struct_size -
         decoder.layout().dict.struct_size;
}

void type_dict_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto tables = view_ctypes_tables(decoder.reader(), object.address);
  if (tables) table_buffers(*tables, visit);
}

// The layer of the type that declares the data behind its instances, which are types.
std::optional<Address> type_data(Decoder& decoder, const Object& object) {
  for (const TypeLayer& layer : object.type->layers) {
    if (layer.rules == nullptr || layer.rules->name != "_ctypes.CType_Type") continue;
    return ctypes_type_data(decoder.reader(), object.address, layer.begin);
  }
  return std::nullopt;
}

constexpr FieldReference kTypeInfo[] = {
    {"_proto", [](const Layout& l) { return l.ctypes_info.proto; }},
    {"_argtypes", [](const Layout& l) { return l.ctypes_info.argtypes; }},
    {"_converters", [](const Layout& l) { return l.ctypes_info.converters; }},
    {"_restype", [](const Layout& l) { return l.ctypes_info.restype; }},
    {"_checker", [](const Layout& l) { return l.ctypes_info.checker; }},
    {"_module", [](const Layout& l) { return l.ctypes_info.module; }},
    {"_pointer_type", [](const Layout& l) { return l.ctypes_info.pointer_type; }},
};

void type_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto info = type_data(decoder, object);
  if (!info) return;
  for (const FieldReference& one : kTypeInfo) {
    const auto target = decoder.reader().pointer(*info, one.field(decoder.layout()));
    if (target) visit({*target, {.kind = EdgeKind::field, .text = one.name}});
  }
}

std::optional<std::uint64_t> type_size(Decoder& decoder, const Object& object) {
  const auto members =
      decoder.reader().signed_word(object.address, decoder.layout().var_object.size);
  if (!members || *members < 0) return std::nullopt;
  const std::uint64_t own =
      object.type->basicsize + static_cast<std::uint64_t>(*members) * object.type->itemsize;
  const auto info = type_data(decoder, object);
  if (!info) return own;
  const auto tables = view_ctypes_tables(decoder.reader(), *info);
  const auto more = tables ? table_bytes(decoder, *tables) : std::nullopt;
  return more ? std::optional(own + *more) : std::nullopt;
}

void type_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto info = type_data(decoder, object);
  const auto tables = info ? view_ctypes_tables(decoder.reader(), *info) : std::nullopt;
  if (tables) table_buffers(*tables, visit);
}

// Up to 3.12 a type lists the `proto` that its dict owns; those of arrays and simple types have no
// traversal of their own.
void old_type_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto dict = decoder.reader().pointer(object.address, decoder.layout().type.dict);
  const auto holder = dict ? decoder.object(*dict) : std::nullopt;
  if (!holder || holder->type->name != "StgDict") return;
  const auto proto = decoder.reader().pointer(*dict, decoder.layout().ctypes_info.proto);
  if (!proto) return;
  Reference shown{*proto, {.kind = EdgeKind::field, .text = "_proto"}};
  shown.counted = false;
  visit(shown);
}

constexpr TypeRules metatype(std::string_view name) {
  return {.name = name, .references = old_type_references};
}

}  // namespace

std::span<const TypeRules> ctypes_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "_ctypes._CData", .fields = kData, .buffers = data_buffers},
      TypeRules{.name = "_ctypes._SimpleCData"},
      TypeRules{.name = "_ctypes.Structure"},
      TypeRules{.name = "_ctypes.Union"},
      TypeRules{.name = "_ctypes.Array"},
      TypeRules{.name = "_ctypes._Pointer"},
      TypeRules{.name = "_ctypes.PyCFuncPtr", .fields = kFunction},
      TypeRules{.name = "_ctypes.CFuncPtr", .fields = kFunction},
      TypeRules{.name = "_ctypes.CThunkObject", .fields = kThunk},
      TypeRules{.name = "_ctypes.CField", .fields = kField},
      TypeRules{.name = "ctypes.CField", .fields = kField},
      TypeRules{.name = "CArgObject", .fields = kArgument},
      TypeRules{.name = "_ctypes.CArgObject", .fields = kArgument},
      TypeRules{.name = "_ctypes.StructParam_Type",
                .fields = kStructArgument,
                .buffers = struct_argument_buffers},
      TypeRules{.name = "_ctypes.DictRemover", .fields = kDictRemover},
      TypeRules{.name = "StgDict",
                .fields = kTypeDict,
                .size = type_dict_size,
                .buffers = type_dict_buffers},
      TypeRules{.name = "_ctypes.CType_Type",
                .references = type_references,
                .size = type_size,
                .buffers = type_buffers},
      metatype("_ctypes.PyCStructType"),
      metatype("_ctypes.UnionType"),
      metatype("_ctypes.PyCPointerType"),
      metatype("_ctypes.PyCFuncPtrType"),
      TypeRules{.name = "_ctypes.PyCArrayType"},
      TypeRules{.name = "_ctypes.PyCSimpleType"},
  };
  return kRules;
}

}  // namespace coreheap::python
