// Rules of the other C modules of the standard library: ssl, select, zoneinfo, symtable, ast, abc,
// codecs, profilers. Types that hold nothing have a row too, so that nobody guesses at their words.
#include <array>

#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/profiler.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/syntax_tree.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kSslContext[] = {
    {"sni_callback", [](const Layout& l) { return l.ssl_context.sni_callback; }},
    {"_msg_callback", [](const Layout& l) { return l.ssl_context.msg_callback; }},
};

struct SslField {
  std::string_view name;
  Field (*field)(const Layout& layout);
};
constexpr SslField kSslCallbacks[] = {
    {"keylog_filename", [](const Layout& l) { return l.ssl_context.keylog_filename; }},
    {"_psk_client_callback", [](const Layout& l) { return l.ssl_context.psk_client_callback; }},
    {"_psk_server_callback", [](const Layout& l) { return l.ssl_context.psk_server_callback; }},
};

constexpr FieldReference kSslSocket[] = {
    {"_socket", [](const Layout& l) { return l.ssl_socket.socket; }, SkipCause::not_traversed},
    {"_context", [](const Layout& l) { return l.ssl_socket.context; }, SkipCause::not_traversed},
    {"_owner", [](const Layout& l) { return l.ssl_socket.owner; }, SkipCause::not_traversed},
    {"server_hostname", [](const Layout& l) { return l.ssl_socket.server_hostname; },
     SkipCause::atom},
    {"_exc_type", [](const Layout& l) { return l.ssl_socket.exc_type; }},
    {"_exc_value", [](const Layout& l) { return l.ssl_socket.exc_value; }},
    {"_exc_traceback", [](const Layout& l) { return l.ssl_socket.exc_traceback; }},
    {"_exc", [](const Layout& l) { return l.ssl_socket.exc; }},
};

constexpr FieldReference kSslSession[] = {
    {"_context", [](const Layout& l) { return l.ssl_session.context; }},
};

constexpr FieldReference kPoll[] = {
    {"_dict", [](const Layout& l) { return l.poll.dict; }},
};

constexpr FieldReference kZone[] = {
    {"key", [](const Layout& l) { return l.zone_info.key; }},
    {"_file", [](const Layout& l) { return l.zone_info.file_repr; }, SkipCause::not_traversed},
    {"_source", [](const Layout& l) { return pointer_only(l.zone_info.source); },
     SkipCause::not_traversed},
};

constexpr FieldReference kSymbols[] = {
    {"id", [](const Layout& l) { return l.symtable_entry.id; }},
    {"symbols", [](const Layout& l) { return l.symtable_entry.symbols; }},
    {"name", [](const Layout& l) { return l.symtable_entry.name; }},
    {"_function_name", [](const Layout& l) { return l.symtable_entry.function_name; }},
    {"varnames", [](const Layout& l) { return l.symtable_entry.varnames; }},
    {"children", [](const Layout& l) { return l.symtable_entry.children; }},
    {"_directives", [](const Layout& l) { return l.symtable_entry.directives; }},
    {"_mangled_names", [](const Layout& l) { return l.symtable_entry.mangled_names; }},
    {"_annotation_block", [](const Layout& l) { return l.symtable_entry.annotation_block; }},
};

constexpr FieldReference kNode[] = {
    {"__dict__", [](const Layout& l) { return l.ast_node.dict; }},
};

constexpr FieldReference kAbcData[] = {
    {"_abc_registry", [](const Layout& l) { return l.abc_data.registry; }},
    {"_abc_cache", [](const Layout& l) { return l.abc_data.cache; }},
    {"_abc_negative_cache", [](const Layout& l) { return l.abc_data.negative_cache; }},
};

constexpr FieldReference kCodec[] = {
    {"_module", [](const Layout& l) { return l.codec.module; }},
};

constexpr FieldReference kCodecReader[] = {
    {"stream", [](const Layout& l) { return l.codec_reader.stream; }},
};

constexpr FieldReference kCodecWriter[] = {
    {"stream", [](const Layout& l) { return l.codec_writer.stream; }},
};

constexpr FieldReference kTokenizer[] = {
    {"_last_line", [](const Layout& l) { return l.tokenizer.last_line; }},
};

constexpr FieldReference kZipImporter[] = {
    {"archive", [](const Layout& l) { return l.zip_importer.archive; }, SkipCause::atom},
    {"prefix", [](const Layout& l) { return l.zip_importer.prefix; }, SkipCause::atom},
    {"_files", [](const Layout& l) { return l.zip_importer.files; }},
};

constexpr FieldReference kStringParts[] = {
    {"_string", [](const Layout& l) { return l.string_parts.string; }},
};

constexpr FieldReference kFormatParts[] = {
    {"_string", [](const Layout& l) { return l.format_parts.string; }},
};

constexpr FieldReference kInstructions[] = {
    {"_nested", [](const Layout& l) { return l.instruction_sequence.nested; }},
    {"_annotations_code", [](const Layout& l) { return l.instruction_sequence.annotations_code; },
     SkipCause::not_traversed},
};

// The value that stands for no argument; listed since 3.15, which has sentinels.
constexpr FieldReference kProfiler[] = {
    {"_missing",
     [](const Layout& l) { return l.sentinel.present() ? l.profiler.missing : Field{}; }},
    {"_missing",
     [](const Layout& l) { return l.sentinel.present() ? Field{} : l.profiler.missing; },
     SkipCause::not_traversed},
};

// Error handlers: the three common ones are small numbers, others a str.
void errors_reference(Decoder& decoder, const Object& object, const Field& field,
                      ReferenceSink visit) {
  constexpr std::uint64_t kBuiltinHandlers = 3;
  const auto word = decoder.reader().word(object.address, field);
  if (!word || *word <= kBuiltinHandlers) return;
  visit({Address{*word}, {.kind = EdgeKind::field, .text = "errors"}});
}

// Text that is not encoded yet: an object since there is one form of str; raw characters before.
void pending_reference(Decoder& decoder, const Object& object, const Field& field,
                       ReferenceSink visit) {
  if (decoder.layout().unicode_buffer.present()) return;
  const auto target = decoder.reader().pointer(object.address, pointer_only(field));
  if (target) {
    visit({*target, {.kind = EdgeKind::field, .text = "_pending"}, SkipCause::atom});
  }
}

void encoder_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().codec_encoder;
  errors_reference(decoder, object, f.errors, visit);
  pending_reference(decoder, object, f.pending, visit);
}

void decoder_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  errors_reference(decoder, object, decoder.layout().codec_decoder.errors, visit);
}

void reader_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  errors_reference(decoder, object, decoder.layout().codec_reader.errors, visit);
}

void writer_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().codec_writer;
  errors_reference(decoder, object, f.errors, visit);
  pending_reference(decoder, object, f.pending, visit);
}

// The kinds of local time that a zone knows, in a table of its own; and the rule for the time after
// the table, inside the object.
void zone_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  constexpr std::uint64_t kMost = 1 << 16;
  const auto& f = decoder.layout().zone_info;
  const auto& time = decoder.layout().zone_time;
  const auto hold_time = [&](Address at, std::uint64_t index) {
    for (const Field& field : {time.utcoff, time.dstoff, time.tzname}) {
      hold_word(decoder, at + field.offset, {.kind = EdgeKind::item, .index = index}, visit,
                SkipCause::not_traversed);
    }
  };
  const auto infos = decoder.reader().pointer(object.address, f.infos);
  const auto count = decoder.reader().word(object.address, f.info_count);
  if (infos && count && *count <= kMost) {
    for (std::uint64_t i = 0; i < *count; ++i) {
      const Address at = *infos + i * time.struct_size;
      if (!decoder.memory().read_address(at)) break;  // a count beyond what there is
      hold_time(at, i);
    }
  }
  if (!f.after_std.present()) return;
  hold_time(object.address + f.after_std.offset, count.value_or(0));
  hold_time(object.address + f.after_dst.offset, count.value_or(0) + 1);
}

void zone_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().zone_info;
  const Field tables[] = {f.utc_transitions, f.transition_infos, f.infos, f.after_start,
                          f.after_end};
  for (const Field& field : tables) own_buffer(decoder, object, field, BufferKind::other, visit);
  for (std::uint64_t i = 0; i < f.wall_transitions.size / 8; ++i) {
    const auto table =
        decoder.memory().read_address(object.address + f.wall_transitions.offset + i * 8);
    if (table && *table) visit({BufferKind::other, *table});
  }
}

void ssl_context_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const bool listed = decoder.traits().ssl_context_traverses_callbacks;
  for (const SslField& one : kSslCallbacks) {
    const auto target = decoder.reader().pointer(object.address, one.field(decoder.layout()));
    if (!target) continue;
    visit({*target,
           {.kind = EdgeKind::field, .text = one.name},
           listed ? SkipCause::none : SkipCause::not_traversed});
  }
}

void ssl_context_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().ssl_context;
  own_buffer(decoder, object, f.context, BufferKind::stream_state, visit);
  own_buffer(decoder, object, f.alpn_protocols, BufferKind::other, visit);
}

void ssl_socket_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().ssl_socket.ssl, BufferKind::stream_state, visit);
}

void ssl_session_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().ssl_session.session, BufferKind::stream_state,
             visit);
}

void ssl_bio_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().ssl_bio.bio, BufferKind::stream_state, visit);
}

void poll_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().poll.descriptors, BufferKind::other, visit);
}

void tokenizer_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().tokenizer.state, BufferKind::other, visit);
}

void instruction_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().instruction_sequence;
  own_buffer(decoder, object, f.instructions, BufferKind::other, visit);
  own_buffer(decoder, object, f.label_map, BufferKind::other, visit);
}

void profiler_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto timer =
      decoder.reader().pointer(object.address, decoder.layout().profiler.external_timer);
  if (timer) {
    visit({*timer,
           {.kind = EdgeKind::field, .text = "_external_timer"},
           decoder.traits().profiler_lists_timer ? SkipCause::none : SkipCause::not_traversed});
  }
  for_each_profiler_node(decoder.reader(), object.address, [&](const ProfilerNode& node) {
    if (!node.object) return;
    visit({node.object, {.kind = EdgeKind::item, .index = node.index}, SkipCause::not_traversed});
  });
}

void profiler_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  for_each_profiler_node(decoder.reader(), object.address, [&](const ProfilerNode& node) {
    visit({BufferKind::other, node.block});
  });
}

std::optional<std::uint64_t> syntax_tree_size(Decoder& decoder, const Object& object) {
  std::uint64_t size = object.type->basicsize;
  const bool whole = for_each_syntax_block(decoder.reader(), object.address,
                                           [&](const SyntaxBlock& block) { size += block.size; });
  return whole ? std::optional(size) : std::nullopt;
}

void syntax_tree_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  for_each_syntax_block(decoder.reader(), object.address, [&](const SyntaxBlock& block) {
    visit({BufferKind::other, block.start});
  });
}

}  // namespace

std::span<const TypeRules> extension_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "_ssl._SSLContext",
                .fields = kSslContext,
                .references = ssl_context_references,
                .buffers = ssl_context_buffers},
      TypeRules{.name = "_ssl._SSLSocket", .fields = kSslSocket, .buffers = ssl_socket_buffers},
      TypeRules{.name = "_ssl.SSLSession", .fields = kSslSession, .buffers = ssl_session_buffers},
      TypeRules{.name = "_ssl.Session", .fields = kSslSession, .buffers = ssl_session_buffers},
      TypeRules{.name = "_ssl.MemoryBIO", .buffers = ssl_bio_buffers},
      TypeRules{.name = "_ssl.Certificate"},
      TypeRules{.name = "_socket.socket"},
      TypeRules{.name = "select.epoll"},
      TypeRules{.name = "select.poll", .fields = kPoll, .buffers = poll_buffers},
      TypeRules{.name = "zoneinfo.ZoneInfo",
                .fields = kZone,
                .references = zone_references,
                .buffers = zone_buffers},
      TypeRules{.name = "symtable entry", .fields = kSymbols},
      TypeRules{.name = "ast.AST", .fields = kNode},
      TypeRules{.name = "_ast.AST", .fields = kNode},
      TypeRules{.name = "_abc_data", .fields = kAbcData},
      TypeRules{.name = "_abc._abc_data", .fields = kAbcData},
      TypeRules{.name = "MultibyteCodec", .fields = kCodec},
      TypeRules{.name = "_multibytecodec.MultibyteCodec", .fields = kCodec},
      TypeRules{.name = "MultibyteIncrementalEncoder", .references = encoder_references},
      TypeRules{.name = "_multibytecodec.MultibyteIncrementalEncoder",
                .shows_class = false,
                .references = encoder_references},
      TypeRules{.name = "MultibyteIncrementalDecoder", .references = decoder_references},
      TypeRules{.name = "_multibytecodec.MultibyteIncrementalDecoder",
                .shows_class = false,
                .references = decoder_references},
      TypeRules{
          .name = "MultibyteStreamReader", .fields = kCodecReader, .references = reader_references},
      TypeRules{.name = "_multibytecodec.MultibyteStreamReader",
                .fields = kCodecReader,
                .shows_class = false,
                .references = reader_references},
      TypeRules{
          .name = "MultibyteStreamWriter", .fields = kCodecWriter, .references = writer_references},
      TypeRules{.name = "_multibytecodec.MultibyteStreamWriter",
                .fields = kCodecWriter,
                .shows_class = false,
                .references = writer_references},
      TypeRules{
          .name = "_tokenize.TokenizerIter", .fields = kTokenizer, .buffers = tokenizer_buffers},
      TypeRules{.name = "zipimport.zipimporter", .fields = kZipImporter},
      TypeRules{.name = "fieldnameiterator", .fields = kStringParts},
      TypeRules{.name = "formatteriterator", .fields = kFormatParts},
      TypeRules{
          .name = "InstructionSequence", .fields = kInstructions, .buffers = instruction_buffers},
      TypeRules{.name = "_lsprof.Profiler",
                .fields = kProfiler,
                .references = profiler_references,
                .buffers = profiler_buffers},
      TypeRules{.name = "parser.st", .size = syntax_tree_size, .buffers = syntax_tree_buffers},
      TypeRules{.name = "_random.Random"},
      TypeRules{.name = "EncodingMap"},
      TypeRules{.name = "unicodedata.UCD"},
      TypeRules{.name = "_interpchannels.ChannelID"},
      TypeRules{.name = "_xxinterpchannels.ChannelID"},
      TypeRules{.name = "_xxsubinterpreters.ChannelID"},
      TypeRules{.name = "InterpreterID"},
      TypeRules{.name = "moduledef"},
      TypeRules{.name = "imp.NullImporter"},
  };
  return kRules;
}

}  // namespace coreheap::python
