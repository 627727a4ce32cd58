// Rules of code, frame, generator, coroutine and asynchronous generator objects.
//
// tp_traverse of a running frame shows none of its variables, because the height of its stack is in
// a register then: they are owned all the same, and marked so. What is on such a stack is not
// known.
#include <array>

#include "heapparse/python/types/code.h"
#include "heapparse/python/types/frame.h"
#include "heapparse/python/types/generator.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

using layouts::CodeSizeof;
using layouts::Field;
using layouts::FrameForm;
using layouts::FrameSizeof;
using layouts::Layout;

constexpr std::uint64_t kMaxEntries = 1 << 16;

// ---- code ---------------------------------------------------------------------------------------

constexpr FieldReference kCodeFields[] = {
    {"co_consts", [](const Layout& l) { return l.code.consts; }},
    {"co_names", [](const Layout& l) { return l.code.names; }},
    {"co_varnames", [](const Layout& l) { return l.code.varnames; }},
    {"co_freevars", [](const Layout& l) { return l.code.freevars; }},
    {"co_cellvars", [](const Layout& l) { return l.code.cellvars; }},
    {"co_localsplusnames", [](const Layout& l) { return l.code.localsplusnames; }},
    {"co_localspluskinds", [](const Layout& l) { return l.code.localspluskinds; }},
    {"co_exceptiontable", [](const Layout& l) { return l.code.exceptiontable; }},
    {"co_filename", [](const Layout& l) { return l.code.filename; }},
    {"co_name", [](const Layout& l) { return l.code.name; }},
    {"co_qualname", [](const Layout& l) { return l.code.qualname; }},
    {"co_linetable", [](const Layout& l) { return l.code.linetable; }},
    {"co_lnotab", [](const Layout& l) { return l.code.lnotab; }},
    {"co_code", [](const Layout& l) { return l.code.code; }},
    {"co_code", [](const Layout& l) { return l.code.cached_code; }},
};

// What a code object made when it was asked for it, and the compiled traces that start in it.
void code_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const Layout& l = decoder.layout();
  if (const auto cached = reader.pointer(object.address, l.code.cached)) {
    const std::pair<std::string_view, Field> kFields[] = {
        {"co_code", l.code_cached.code},
        {"co_varnames", l.code_cached.varnames},
        {"co_cellvars", l.code_cached.cellvars},
        {"co_freevars", l.code_cached.freevars},
    };
    for (const auto& [name, field] : kFields) {
      if (const auto target = reader.pointer(*cached, field)) {
        visit({*target, {.kind = EdgeKind::field, .text = name}});
      }
    }
  }
  if (const auto executors = reader.pointer(object.address, l.code.executors)) {
    const auto size = reader.word(*executors, l.executor_array.size);
    for (std::uint64_t i = 0; size && i < *size && i < kMaxEntries; ++i) {
      const auto target =
          reader.memory().read_address(*executors + l.executor_array.executors.offset + i * 8);
      if (!target) break;
      if (*target) visit({*target, {.kind = EdgeKind::state, .index = i}});
    }
  }
}

std::uint64_t extra_size(ObjectReader& reader, Address code) {
  const auto& l = reader.layout();
  const auto extra = reader.pointer(code, l.code.extra);
  const auto count = extra ? reader.word(*extra, l.code_extra.size) : std::nullopt;
  if (!count || *count == 0 || *count > kMaxEntries) return 0;
  return l.code_extra.struct_size + 8 * (*count - 1);
}

std::optional<std::uint64_t> code_size(Decoder& decoder, const Object& object) {
  constexpr std::uint64_t kOpcacheEntry = 32;
  ObjectReader& reader = decoder.reader();
  const auto& l = decoder.layout();
  const Address code = object.address;
  std::uint64_t size = object.type->basicsize;
  const CodeSizeof rule = decoder.traits().sizeof_code;
  if (rule == CodeSizeof::kBasicsize) return size;
  if (rule == CodeSizeof::kVariableSized) {
    const auto count = reader.signed_word(code, l.var_object.size);
    if (!count) return std::nullopt;
    size += static_cast<std::uint64_t>(*count) * object.type->itemsize;
    return (size + 7) / 8 * 8 + extra_size(reader, code);
  }
  if (reader.pointer(code, l.code.cell2arg)) {
    const auto cells = reader.pointer(code, l.code.cellvars);
    const auto view = cells ? view_tuple(reader, *cells) : std::nullopt;
    if (view) size += 8 * view->size;
  }
  if (rule == CodeSizeof::kWithExtraAndOpcache && reader.pointer(code, l.code.opcache)) {
    const auto bytes = reader.pointer(code, l.code.code);
    const auto length = bytes ? reader.word(*bytes, l.bytes.size) : std::nullopt;
    size +=
        length.value_or(0) / 2 + kOpcacheEntry * reader.word(code, l.code.opcache_size).value_or(0);
  }
  return size + extra_size(reader, code);
}

void code_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto& l = decoder.layout();
  for (const Field& field :
       {l.code.extra, l.code.cached, l.code.linearray, l.code.cell2arg, l.code.opcache_map,
        l.code.opcache, l.code.executors, l.code.monitoring}) {
    if (const auto block = reader.pointer(object.address, field)) {
      visit({BufferKind::code_data, *block});
    }
  }
  const auto monitoring = reader.pointer(object.address, l.code.monitoring);
  if (!monitoring) return;
  const auto& m = l.code_monitoring;
  for (const Field& field : {m.tools, m.tool_versions, m.lines, m.line_tools, m.instruction_opcodes,
                             m.instruction_tools}) {
    // Up to eight bytes of tool versions lie in the structure itself.
    if (field.size != 8) continue;
    if (const auto block = reader.pointer(*monitoring, field)) {
      visit({BufferKind::code_data, *block});
    }
  }
}

// ---- frames -------------------------------------------------------------------------------------

void slot_references(Decoder& decoder, const FrameView& frame, ReferenceSink visit) {
  // Up to 3.10 the variables are shown whether the frame runs or not.
  const bool hidden =
      decoder.traits().frame_form == FrameForm::kInterpreterFrames && !frame.stack_height;
  for_each_slot(decoder, frame, [&](const FrameSlot& slot) {
    Reference reference{slot.word.object,
                        {.kind = slot.on_stack ? EdgeKind::stack : EdgeKind::local,
                         .name = slot.name,
                         .index = slot.index}};
    if (!slot.on_stack && !slot.name) reference.name.text = "?";
    reference.counted = slot.word.counted;
    if (hidden) reference.skipped = SkipCause::busy;
    visit(reference);
  });
}

// What _PyFrame_Traverse shows of an interpreter frame.
void interpreter_frame_references(Decoder& decoder, const FrameView& frame, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto& f = decoder.layout().interpreter_frame;
  const auto emit = [&](const Field& field, std::string_view name, bool may_be_tagged) {
    const auto word = reader.word(frame.address, field);
    if (!word || *word == 0) return;
    const StackWord target = may_be_tagged && decoder.traits().executable_is_stackref
                                 ? decode_stack_word(decoder.traits(), *word)
                                 : StackWord{Address{*word}, true};
    if (!target.object) return;
    Reference reference{target.object, {.kind = EdgeKind::field, .text = name}};
    reference.counted = target.counted;
    visit(reference);
  };
  if (frame.owner != FrameView::Owner::frame_object) emit(f.frame_object, "frame", false);
  emit(f.locals, "f_locals", false);
  emit(f.func, "function", true);
  emit(f.executable, "f_code", true);
  slot_references(decoder, frame, visit);
}

constexpr FieldReference kFrameFields[] = {
    {"f_back", [](const Layout& l) { return l.frame.back; }},
    {"f_code", [](const Layout& l) { return l.frame.code; }},
    {"f_builtins", [](const Layout& l) { return l.frame.builtins; }},
    {"f_globals", [](const Layout& l) { return l.frame.globals; }},
    {"f_locals", [](const Layout& l) { return l.frame.locals; }},
    {"f_trace", [](const Layout& l) { return l.frame.trace; }},
    {"f_exc_type", [](const Layout& l) { return l.frame.exc_type; }},
    {"f_exc_value", [](const Layout& l) { return l.frame.exc_value; }},
    {"f_exc_traceback", [](const Layout& l) { return l.frame.exc_traceback; }},
    {"f_extra_locals", [](const Layout& l) { return l.frame.extra_locals; }},
    {"f_locals_cache", [](const Layout& l) { return l.frame.locals_cache; }},
    {"f_overwritten_fast_locals", [](const Layout& l) { return l.frame.overwritten_fast_locals; }},
};

void frame_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto frame = view_frame(decoder, object.address);
  if (!frame) return;
  if (decoder.traits().frame_form == FrameForm::kFrameObjects) {
    slot_references(decoder, *frame, visit);
  } else if (frame->owner == FrameView::Owner::frame_object) {
    interpreter_frame_references(decoder, *frame, visit);
  }
}

// Words of an interpreter frame with room for all that its code can put there.
std::uint64_t frame_bytes(Decoder& decoder, const CodeView& code) {
  if (decoder.traits().sizeof_frame == FrameSizeof::kShellPlusFramesize) {
    return 8 * code.frame_words;
  }
  return decoder.layout().interpreter_frame.localsplus.offset +
         8 * (code.variables + code.stack_slots);
}

std::optional<std::uint64_t> frame_size(Decoder& decoder, const Object& object) {
  const auto& layout = decoder.layout();
  ObjectReader& reader = decoder.reader();
  if (decoder.traits().sizeof_frame == FrameSizeof::kStackAndLocals) {
    const auto code = reader.pointer(object.address, layout.frame.code);
    const auto view = code ? view_code(reader, *code) : std::nullopt;
    if (!view) return std::nullopt;
    return layout.frame.struct_size + 8 * (view->stack_slots + view->variables) - 8;
  }
  const auto frame = view_frame(decoder, object.address);
  if (!frame) return std::nullopt;
  return layout.frame.frame_data.offset + frame_bytes(decoder, frame->executable);
}

// ---- generators ---------------------------------------------------------------------------------

constexpr FieldReference kGeneratorFields[] = {
    {"gi_frame", [](const Layout& l) { return l.generator.frame; }},
    {"gi_code", [](const Layout& l) { return l.generator.code; }},
    {"__name__", [](const Layout& l) { return l.generator.name; }},
    {"__qualname__", [](const Layout& l) { return l.generator.qualname; }},
};
constexpr FieldReference kCoroutineFields[] = {
    {"cr_frame", [](const Layout& l) { return l.coroutine.frame; }},
    {"cr_code", [](const Layout& l) { return l.coroutine.code; }},
    {"__name__", [](const Layout& l) { return l.coroutine.name; }},
    {"__qualname__", [](const Layout& l) { return l.coroutine.qualname; }},
    {"cr_origin", [](const Layout& l) { return l.coroutine.origin_or_finalizer; },
     SkipCause::not_traversed},
};
constexpr FieldReference kAsyncGeneratorFields[] = {
    {"ag_frame", [](const Layout& l) { return l.async_generator.frame; }},
    {"ag_code", [](const Layout& l) { return l.async_generator.code; }},
    {"__name__", [](const Layout& l) { return l.async_generator.name; }},
    {"__qualname__", [](const Layout& l) { return l.async_generator.qualname; }},
    {"finalizer", [](const Layout& l) { return l.async_generator.origin_or_finalizer; }},
};

void generator_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto& l = decoder.layout();
  if (decoder.traits().generator_embeds_frame) {
    const auto view = view_generator(decoder, object.address);
    if (view && view->frame) {
      interpreter_frame_references(decoder, *view->frame, visit);
    } else if (view && view->code && decoder.traits().executable_is_stackref) {
      // Of a cleared one too, where the collector may be what counts references to code.
      visit({view->code, {.kind = EdgeKind::field, .text = "f_code"}});
    }
  }
  // The exception it handles while it waits.
  if (!l.generator.exc_state.present()) return;
  const Address state = object.address + l.generator.exc_state.offset;
  const std::pair<std::string_view, Field> kFields[] = {
      {"exc_type", l.exc_stack_item.type},
      {"exc_value", l.exc_stack_item.value},
      {"exc_traceback", l.exc_stack_item.traceback},
  };
  for (const auto& [name, field] : kFields) {
    if (const auto target = reader.pointer(state, field)) {
      visit({*target, {.kind = EdgeKind::field, .text = name}});
    }
  }
}

std::optional<std::uint64_t> generator_size(Decoder& decoder, const Object& object) {
  if (!decoder.traits().sizeof_generator_counts_frame) return object.type->basicsize;
  ObjectReader& reader = decoder.reader();
  const auto generator = view_generator(decoder, object.address);
  const auto code =
      generator && generator->code ? view_code(reader, generator->code) : std::nullopt;
  if (!code) return std::nullopt;
  return decoder.layout().generator.interpreter_frame.offset + frame_bytes(decoder, *code);
}

}  // namespace

void for_each_frame_reference(Decoder& decoder, const FrameView& frame, ReferenceSink visit) {
  interpreter_frame_references(decoder, frame, visit);
}

std::span<const TypeRules> frame_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "code",
                .fields = kCodeFields,
                .references = code_references,
                .size = code_size,
                .buffers = code_buffers},
      TypeRules{.name = "frame",
                .fields = kFrameFields,
                .references = frame_references,
                .size = frame_size},
      TypeRules{.name = "generator",
                .fields = kGeneratorFields,
                .references = generator_references,
                .size = generator_size},
      TypeRules{.name = "coroutine",
                .fields = kCoroutineFields,
                .references = generator_references,
                .size = generator_size},
      TypeRules{.name = "async_generator",
                .fields = kAsyncGeneratorFields,
                .references = generator_references,
                .size = generator_size},
  };
  return kRules;
}

}  // namespace coreheap::python
