// Rules of picklers and unpicklers in C (_pickle, 2.7's cPickle), of JSON's scanner and encoder,
// and of csv.
#include <array>

#include "heapparse/python/types/pickle.h"
#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

bool lists_memo(const Layout& l) { return l.traits.pickler_traverses_memo; }

constexpr FieldReference kPickler[] = {
    {"write", [](const Layout& l) { return l.pickler.write; }},
    {"persistent_id", [](const Layout& l) { return l.pickler.persistent_id; }},
    {"_persistent_id", [](const Layout& l) { return l.pickler.persistent_id_attr; }},
    {"dispatch_table", [](const Layout& l) { return l.pickler.dispatch_table; }},
    {"_fast_memo", [](const Layout& l) { return l.pickler.fast_memo; }},
    {"reducer_override", [](const Layout& l) { return l.pickler.reducer_override; }},
    {"buffer_callback", [](const Layout& l) { return l.pickler.buffer_callback; }},
    {"_output", [](const Layout& l) { return l.pickler.output_buffer; }, SkipCause::atom},
};

constexpr FieldReference kOldPickler[] = {
    {"write", [](const Layout& l) { return l.pickler.write; }},
    {"memo", [](const Layout& l) { return l.pickler.memo; }},
    {"_fast_memo", [](const Layout& l) { return l.pickler.fast_memo; }},
    {"_argument", [](const Layout& l) { return l.pickler.argument; }},
    {"_file", [](const Layout& l) { return l.pickler.file; }},
    {"persistent_id", [](const Layout& l) { return l.pickler.persistent_id; }},
    {"inst_persistent_id", [](const Layout& l) { return l.pickler.instance_persistent_id; }},
    {"dispatch_table", [](const Layout& l) { return l.pickler.dispatch_table; }},
};

constexpr FieldReference kUnpickler[] = {
    {"_readline", [](const Layout& l) { return l.unpickler.readline; }},
    {"_readinto", [](const Layout& l) { return l.unpickler.readinto; }},
    {"_read", [](const Layout& l) { return l.unpickler.read; }},
    {"_peek", [](const Layout& l) { return l.unpickler.peek; }},
    {"_stack", [](const Layout& l) { return l.unpickler.stack; }},
    {"persistent_load", [](const Layout& l) { return l.unpickler.persistent_load; }},
    {"_persistent_load", [](const Layout& l) { return l.unpickler.persistent_load_attr; }},
    {"_buffers", [](const Layout& l) { return l.unpickler.buffers; }},
    {"_memo_dict", [](const Layout& l) { return l.unpickler.memo_dict; }},
    {"_input", [](const Layout& l) { return l.unpickler.buffer_object; }, SkipCause::not_traversed},
};

constexpr FieldReference kOldUnpickler[] = {
    {"_readline", [](const Layout& l) { return l.unpickler.readline; }},
    {"_read", [](const Layout& l) { return l.unpickler.read; }},
    {"_file", [](const Layout& l) { return l.unpickler.file; }},
    {"memo", [](const Layout& l) { return l.unpickler.memo; }},
    {"_stack", [](const Layout& l) { return l.unpickler.stack; }},
    {"persistent_load", [](const Layout& l) { return l.unpickler.persistent_load; }},
    {"_argument", [](const Layout& l) { return l.unpickler.argument; }},
    {"_last_string", [](const Layout& l) { return l.unpickler.last_string; }},
    {"find_global", [](const Layout& l) { return l.unpickler.find_class; }},
};

constexpr FieldReference kPicklerMemo[] = {
    {"_pickler", [](const Layout& l) { return l.pickler_memo_proxy.pickler; }},
};

constexpr FieldReference kUnpicklerMemo[] = {
    {"_unpickler", [](const Layout& l) { return l.unpickler_memo_proxy.unpickler; }},
};

constexpr FieldReference kPickleBuffer[] = {
    {"obj", [](const Layout& l) { return l.pickle_buffer.buffer_object; }},
};

constexpr FieldReference kJsonScanner[] = {
    {"encoding", [](const Layout& l) { return l.json_scanner.encoding; }},
    {"strict", [](const Layout& l) { return pointer_only(l.json_scanner.strict); }},
    {"object_hook", [](const Layout& l) { return l.json_scanner.object_hook; }},
    {"object_pairs_hook", [](const Layout& l) { return l.json_scanner.object_pairs_hook; }},
    {"array_hook", [](const Layout& l) { return l.json_scanner.array_hook; }},
    {"parse_float", [](const Layout& l) { return l.json_scanner.parse_float; }},
    {"parse_int", [](const Layout& l) { return l.json_scanner.parse_int; }},
    {"parse_constant", [](const Layout& l) { return l.json_scanner.parse_constant; }},
    {"memo",
     [](const Layout& l) {
       return l.traits.json_scanner_traverses_memo ? l.json_scanner.memo : Field{};
     }},
    {"memo",
     [](const Layout& l) {
       return l.traits.json_scanner_traverses_memo ? Field{} : l.json_scanner.memo;
     },
     SkipCause::not_traversed},
};

constexpr FieldReference kJsonEncoder[] = {
    {"markers", [](const Layout& l) { return l.json_encoder.markers; }},
    {"default", [](const Layout& l) { return l.json_encoder.default_function; }},
    {"encoder", [](const Layout& l) { return l.json_encoder.encoder; }},
    {"indent", [](const Layout& l) { return l.json_encoder.indent; }},
    {"key_separator", [](const Layout& l) { return l.json_encoder.key_separator; }},
    {"item_separator", [](const Layout& l) { return l.json_encoder.item_separator; }},
    {"sort_keys", [](const Layout& l) { return pointer_only(l.json_encoder.sort_keys); }},
    {"skipkeys", [](const Layout& l) { return pointer_only(l.json_encoder.skipkeys); }},
};

constexpr FieldReference kDialect[] = {
    {"lineterminator", [](const Layout& l) { return l.csv_dialect.lineterminator; }},
};

constexpr FieldReference kReader[] = {
    {"_input", [](const Layout& l) { return l.csv_reader.input_iter; }},
    {"dialect", [](const Layout& l) { return l.csv_reader.dialect; }},
    {"_fields", [](const Layout& l) { return l.csv_reader.fields; }},
};

constexpr FieldReference kWriter[] = {
    {"_write", [](const Layout& l) { return l.csv_writer.write; }},
    {"dialect", [](const Layout& l) { return l.csv_writer.dialect; }},
    {"_error", [](const Layout& l) { return l.csv_writer.error; }},
};

void pickler_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto memo = view_pickler_memo(decoder.reader(), object.address);
  if (!memo) return;
  const auto& f = decoder.layout().pickle_memo_entry;
  const auto skipped = lists_memo(decoder.layout()) ? SkipCause::none : SkipCause::not_traversed;
  for (std::uint64_t i = 0; i < memo->slots; ++i) {
    const auto key = decoder.reader().word(memo->table + i * f.struct_size, f.key);
    if (!key) return;
    if (*key != 0) visit({Address{*key}, {.kind = EdgeKind::member, .index = i}, skipped});
  }
}

std::optional<std::uint64_t> pickler_size(Decoder& decoder, const Object& object) {
  std::uint64_t bytes = object.type->basicsize;
  const auto& layout = decoder.layout();
  if (const auto memo = view_pickler_memo(decoder.reader(), object.address)) {
    bytes += layout.pickler_memo.struct_size + memo->slots * layout.pickle_memo_entry.struct_size;
  }
  const auto output = decoder.reader().word(object.address, layout.pickler.output_buffer);
  if (!output) return std::nullopt;
  if (*output != 0) {
    const auto length = decoder.reader().word(Address{*output}, layout.bytes.size);
    if (!length) return std::nullopt;
    bytes += layout.bytes.data.offset + 1 + *length;
  }
  return bytes;
}

void pickler_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto memo = view_pickler_memo(decoder.reader(), object.address);
  if (!memo) return;
  visit({BufferKind::memo_table, memo->header});
  if (memo->table) visit({BufferKind::memo_table, memo->table});
}

void old_pickler_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().pickler.write_buffer, BufferKind::io_buffer, visit);
}

void unpickler_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto memo = view_unpickler_memo(decoder.reader(), object.address);
  if (!memo) return;
  hold_table(decoder, memo->table, memo->slots, visit,
             lists_memo(decoder.layout()) ? SkipCause::none : SkipCause::not_traversed);
}

std::optional<std::uint64_t> unpickler_size(Decoder& decoder, const Object& object) {
  const auto& f = decoder.layout().unpickler;
  ObjectReader& reader = decoder.reader();
  std::uint64_t bytes = object.type->basicsize;
  if (const auto memo = view_unpickler_memo(reader, object.address)) bytes += memo->slots * 8;
  if (reader.pointer(object.address, f.marks)) {
    bytes += reader.word(object.address, f.marks_size).value_or(0) * 8;
  }
  for (const Field& text : {f.input_line, f.encoding, f.errors}) {
    const auto start = reader.pointer(object.address, text);
    if (!start) continue;
    const auto length = c_string_length(decoder, *start);
    if (!length) return std::nullopt;
    bytes += *length + 1;
  }
  return bytes;
}

void unpickler_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().unpickler;
  own_buffer(decoder, object, f.memo, BufferKind::memo_table, visit);
  own_buffer(decoder, object, f.marks, BufferKind::memo_table, visit);
  own_buffer(decoder, object, f.input_line, BufferKind::io_buffer, visit);
  own_buffer(decoder, object, f.encoding, BufferKind::other, visit);
  own_buffer(decoder, object, f.errors, BufferKind::other, visit);
}

void old_unpickler_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().unpickler;
  own_buffer(decoder, object, f.marks, BufferKind::memo_table, visit);
  // Its line buffer is only set once it has read a line of a file: elsewhere the word is garbage.
}

// The stack of an unpickler: its traversal, where it has one, lists none of it.
void stack_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().pickle_data;
  ObjectReader& reader = decoder.reader();
  const auto count = reader.word(object.address, f.length.present() ? f.length : f.size);
  const auto data = reader.pointer(object.address, f.data);
  if (!data || !count || *count > (std::uint64_t{1} << 40)) return;
  hold_table(decoder, *data, *count, visit, SkipCause::not_traversed);
}

void stack_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().pickle_data.data, BufferKind::list_items, visit);
}

void reader_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().csv_reader.field, BufferKind::io_buffer, visit);
}

void writer_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().csv_writer.record, BufferKind::io_buffer, visit);
}

}  // namespace

std::span<const TypeRules> pickle_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "_pickle.Pickler",
                .fields = kPickler,
                .references = pickler_references,
                .size = pickler_size,
                .buffers = pickler_buffers},
      TypeRules{.name = "_pickle.Unpickler",
                .fields = kUnpickler,
                .references = unpickler_references,
                .size = unpickler_size,
                .buffers = unpickler_buffers},
      TypeRules{.name = "_pickle.PicklerMemoProxy", .fields = kPicklerMemo},
      TypeRules{.name = "_pickle.UnpicklerMemoProxy", .fields = kUnpicklerMemo},
      TypeRules{.name = "_pickle.Pdata", .references = stack_references, .buffers = stack_buffers},
      TypeRules{.name = "cPickle.Pickler", .fields = kOldPickler, .buffers = old_pickler_buffers},
      TypeRules{
          .name = "cPickle.Unpickler", .fields = kOldUnpickler, .buffers = old_unpickler_buffers},
      TypeRules{.name = "cPickle.Pdata", .references = stack_references, .buffers = stack_buffers},
      TypeRules{.name = "pickle.PickleBuffer", .fields = kPickleBuffer},
      TypeRules{.name = "_json.Scanner", .fields = kJsonScanner},
      TypeRules{.name = "_json.Encoder", .fields = kJsonEncoder},
      TypeRules{.name = "_csv.Dialect", .fields = kDialect},
      TypeRules{.name = "_csv.reader", .fields = kReader, .buffers = reader_buffers},
      TypeRules{.name = "_csv.writer", .fields = kWriter, .buffers = writer_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
