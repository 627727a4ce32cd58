// Rules of the streams of _io, of 2.7's file and cStringIO, and of what os.scandir gives.
//
// Up to 3.11 these types are static and their tp_traverse lists little more than the dict; since
// 3.12, when the structs got their module's state, it lists every object.
#include <array>

#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr bool lists_all(const Layout& l) { return l.stringio.module_state.present(); }

// Each struct keeps its dict at a place of its own; the type says where.
void iobase_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  if (const auto dict = instance_dict(decoder.reader(), *object.type, object.address)) {
    visit({*dict, {.kind = EdgeKind::attribute, .text = "__dict__"}});
  }
}

constexpr FieldReference kBuffered[] = {
    {"raw", [](const Layout& l) { return l.buffered.raw; }},
};

constexpr FieldReference kPair[] = {
    {"reader", [](const Layout& l) { return lists_all(l) ? l.rw_pair.reader : Field{}; }},
    {"writer", [](const Layout& l) { return lists_all(l) ? l.rw_pair.writer : Field{}; }},
    {"reader", [](const Layout& l) { return !lists_all(l) ? l.rw_pair.reader : Field{}; },
     SkipCause::not_traversed},
    {"writer", [](const Layout& l) { return !lists_all(l) ? l.rw_pair.writer : Field{}; },
     SkipCause::not_traversed},
};

constexpr FieldReference kTextWrapper[] = {
    {"buffer", [](const Layout& l) { return l.textio.buffer; }},
    {"encoding", [](const Layout& l) { return l.textio.encoding; }},
    {"_encoder", [](const Layout& l) { return l.textio.encoder; }},
    {"_decoder", [](const Layout& l) { return l.textio.decoder; }},
    {"_readnl", [](const Layout& l) { return l.textio.readnl; }},
    {"errors", [](const Layout& l) { return l.textio.errors; }},
    {"_decoded_chars", [](const Layout& l) { return l.textio.decoded_chars; }},
    {"_pending_bytes", [](const Layout& l) { return l.textio.pending_bytes; }},
    {"_snapshot", [](const Layout& l) { return l.textio.snapshot; }},
    {"_raw", [](const Layout& l) { return l.textio.raw; }},
};

constexpr FieldReference kStringIo[] = {
    {"_decoder", [](const Layout& l) { return lists_all(l) ? l.stringio.decoder : Field{}; }},
    {"_readnl", [](const Layout& l) { return lists_all(l) ? l.stringio.readnl : Field{}; }},
    {"_writenl", [](const Layout& l) { return lists_all(l) ? l.stringio.writenl : Field{}; }},
    {"_decoder", [](const Layout& l) { return !lists_all(l) ? l.stringio.decoder : Field{}; },
     SkipCause::not_traversed},
    {"_readnl", [](const Layout& l) { return !lists_all(l) ? l.stringio.readnl : Field{}; },
     SkipCause::atom},
    {"_writenl", [](const Layout& l) { return !lists_all(l) ? l.stringio.writenl : Field{}; },
     SkipCause::atom},
};

constexpr FieldReference kBytesIoBuffer[] = {
    {"obj", [](const Layout& l) { return l.bytesio_buffer.source; }},
};

constexpr FieldReference kNewlineDecoder[] = {
    {"decoder", [](const Layout& l) { return l.newline_decoder.decoder; }},
    {"errors", [](const Layout& l) { return l.newline_decoder.errors; }},
};

// 2.7 has a raw buffer here.
constexpr FieldReference kBytesIo[] = {
    {"_buffer", [](const Layout& l) { return lists_all(l) ? l.bytesio.buf : Field{}; }},
    {"_buffer",
     [](const Layout& l) {
       return !lists_all(l) && !l.bytesio.buf_size.present() ? l.bytesio.buf : Field{};
     },
     SkipCause::atom},
};

constexpr FieldReference kFile[] = {
    {"name", [](const Layout& l) { return l.file_object.name; }},
    {"mode", [](const Layout& l) { return l.file_object.mode; }},
    {"encoding", [](const Layout& l) { return l.file_object.encoding; }},
    {"errors", [](const Layout& l) { return l.file_object.errors; }},
};

constexpr FieldReference kInputString[] = {
    {"buffer", [](const Layout& l) { return l.input_string.buffer_object; }},
};

constexpr FieldReference kDirectoryEntry[] = {
    {"name", [](const Layout& l) { return l.directory_entry.name; }},
    {"path", [](const Layout& l) { return l.directory_entry.path; }},
    {"_stat", [](const Layout& l) { return l.directory_entry.stat; }},
    {"_lstat", [](const Layout& l) { return l.directory_entry.lstat; }},
};

constexpr FieldReference kDirectoryIterator[] = {
    {"path", [](const Layout& l) { return l.directory_iterator.path; }},
    {"_cleanup", [](const Layout& l) { return l.directory_iterator.cleanup; }},
};

std::optional<std::uint64_t> bytesio_size(Decoder& decoder, const Object& object) {
  const auto& f = decoder.layout().bytesio;
  ObjectReader& reader = decoder.reader();
  const std::uint64_t own = object.type->basicsize;
  const auto buffer = reader.word(object.address, f.buf);
  if (!buffer) return std::nullopt;
  if (*buffer == 0) return own;
  if (f.buf_size.present()) {
    const auto bytes = reader.word(object.address, f.buf_size);
    return bytes ? std::optional(own + *bytes) : std::nullopt;
  }
  // A bytes object that others hold too is not counted.
  const auto header = reader.header(Address{*buffer});
  if (!header) return std::nullopt;
  if (header->refcount.immortal || header->refcount.count > 1) return own;
  const auto length = reader.word(Address{*buffer}, decoder.layout().bytes.size);
  if (!length) return std::nullopt;
  return own + decoder.layout().bytes.data.offset + 1 + *length;
}

void bytesio_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  if (!decoder.layout().bytesio.buf_size.present()) return;
  own_buffer(decoder, object, decoder.layout().bytesio.buf, BufferKind::io_buffer, visit);
}

std::optional<std::uint64_t> buffered_size(Decoder& decoder, const Object& object) {
  const auto& f = decoder.layout().buffered;
  const auto buffer = decoder.reader().word(object.address, f.buffer);
  const auto bytes = decoder.reader().word(object.address, f.buffer_size);
  if (!buffer || !bytes) return std::nullopt;
  return object.type->basicsize + (*buffer != 0 ? *bytes : 0);
}

void buffered_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().buffered;
  own_buffer(decoder, object, f.buffer, BufferKind::io_buffer, visit);
  own_buffer(decoder, object, f.lock, BufferKind::lock, visit);
}

// What is written piece by piece waits in lists (up to 3.11), in a writer inside the object (3.12,
// 3.13) or in one beside it.
void stringio_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().stringio;
  const auto hold = [&](Address word, std::string_view name) {
    const auto target = decoder.memory().read_address(word);
    if (target && *target) {
      visit({*target, {.kind = EdgeKind::field, .text = name}, SkipCause::not_traversed});
    }
  };
  if (f.accu.present()) {
    hold(object.address + f.accu.offset, "_large");
    hold(object.address + f.accu.offset + 8, "_small");
  } else if (f.writer.present()) {
    const auto beside = pointer_only(f.writer).present()
                            ? decoder.reader().pointer(object.address, f.writer)
                            : std::optional(object.address + f.writer.offset);
    if (beside) hold(*beside, "_writer");  // its first word
  }
}

void stringio_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().stringio;
  own_buffer(decoder, object, f.buf, BufferKind::stringio_buffer, visit);
  own_buffer(decoder, object, pointer_only(f.writer), BufferKind::stringio_buffer, visit);
}

void fileio_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().fileio.stat_atopen, BufferKind::other, visit);
}

void file_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().file_object;
  own_buffer(decoder, object, f.fp, BufferKind::other, visit);
  own_buffer(decoder, object, f.buf, BufferKind::io_buffer, visit);
  own_buffer(decoder, object, f.setbuf, BufferKind::io_buffer, visit);
}

void output_string_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().output_string.buffer, BufferKind::io_buffer, visit);
}

void directory_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().directory_iterator.stream, BufferKind::other, visit);
}

}  // namespace

std::span<const TypeRules> io_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "_io._IOBase", .references = iobase_references},
      TypeRules{.name = "_io._RawIOBase"},
      TypeRules{.name = "_io._BufferedIOBase"},
      TypeRules{.name = "_io._TextIOBase"},
      TypeRules{.name = "_io.FileIO", .buffers = fileio_buffers},
      TypeRules{.name = "_io.BytesIO",
                .fields = kBytesIo,
                .size = bytesio_size,
                .buffers = bytesio_buffers},
      TypeRules{.name = "_io._BytesIOBuffer", .fields = kBytesIoBuffer},
      TypeRules{.name = "_io.BufferedReader",
                .fields = kBuffered,
                .size = buffered_size,
                .buffers = buffered_buffers},
      TypeRules{.name = "_io.BufferedWriter",
                .fields = kBuffered,
                .size = buffered_size,
                .buffers = buffered_buffers},
      TypeRules{.name = "_io.BufferedRandom",
                .fields = kBuffered,
                .size = buffered_size,
                .buffers = buffered_buffers},
      TypeRules{.name = "_io.BufferedRWPair", .fields = kPair},
      TypeRules{.name = "_io.TextIOWrapper", .fields = kTextWrapper},
      TypeRules{.name = "_io.StringIO",
                .fields = kStringIo,
                .references = stringio_references,
                .buffers = stringio_buffers},
      TypeRules{.name = "_io.IncrementalNewlineDecoder", .fields = kNewlineDecoder},
      TypeRules{.name = "file", .fields = kFile, .buffers = file_buffers},
      TypeRules{.name = "cStringIO.StringI", .fields = kInputString},
      TypeRules{.name = "cStringIO.StringO", .buffers = output_string_buffers},
      TypeRules{.name = "posix.DirEntry", .fields = kDirectoryEntry},
      TypeRules{.name = "posix.ScandirIterator",
                .fields = kDirectoryIterator,
                .buffers = directory_buffers},
      TypeRules{.name = "stderrprinter"},
      TypeRules{.name = "mmap.mmap"},
  };
  return kRules;
}

}  // namespace coreheap::python
