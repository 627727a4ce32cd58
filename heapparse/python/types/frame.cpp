#include "heapparse/python/types/frame.h"

#include "heapparse/python/types/dict.h"

namespace coreheap::python {
namespace {

using layouts::FrameForm;

std::optional<CodeView> code_at(Decoder& decoder, Address code) {
  const auto object = decoder.object(code);
  if (!object || object->type->shape != Shape::code) return std::nullopt;
  return view_code(decoder.reader(), code);
}

bool is_cell(Decoder& decoder, Address a) {
  const auto object = decoder.object(a);
  return object && object->type->name == "cell";
}

// Frame objects that are frames themselves.
std::optional<FrameView> view_old_frame(Decoder& decoder, Address frame) {
  ObjectReader& reader = decoder.reader();
  const auto& f = reader.layout().frame;
  const auto code = reader.pointer(frame, f.code);
  const auto last = reader.signed_word(frame, f.lasti);
  if (!code || !last) return std::nullopt;
  auto view = code_at(decoder, *code);
  if (!view) return std::nullopt;
  FrameView v;
  v.address = frame;
  v.object = frame;
  v.executable = *view;
  v.variables = view->variables;
  v.globals = reader.pointer(frame, f.globals).value_or(Address{});
  if (!view->optimized) v.mapping = reader.pointer(frame, f.locals).value_or(Address{});
  v.back = reader.pointer(frame, f.back).value_or(Address{});
  v.instruction = *last * std::int64_t{reader.traits().lasti_unit};
  v.slots = frame + f.localsplus.offset;
  if (f.stackdepth.present()) {
    // 3.10: -1 while it runs. What a traced frame's f_lineno says is 0 while nobody traces.
    const auto depth = reader.signed_word(frame, f.stackdepth);
    if (depth && *depth >= 0) v.stack_height = static_cast<std::uint64_t>(*depth);
    const auto line = reader.signed_word(frame, f.lineno);
    if (line && *line != 0) v.line = *line;
  } else {
    const auto top = reader.pointer(frame, f.stacktop);
    const auto bottom = reader.pointer(frame, f.valuestack);
    if (top && bottom && *top >= *bottom) v.stack_height = (*top - *bottom) / 8;
    // f_lineno is kept only while the frame is traced.
    if (reader.pointer(frame, f.trace)) v.line = reader.signed_word(frame, f.lineno);
  }
  if (v.stack_height && *v.stack_height > v.executable.stack_slots) v.stack_height.reset();
  return v;
}

}  // namespace

StackWord decode_stack_word(const layouts::Traits& traits, std::uint64_t word) {
  if (!traits.stackref_tags) return {Address{word}, true};
  if (word == 0 || word == traits.stackref_null) return {};
  const std::uint64_t tag = word & traits.stackref_tag_mask;
  if (traits.stackref_tagged_int != 0 && tag == traits.stackref_tagged_int) return {};
  if (traits.stackref_wrapped != 0 && tag == traits.stackref_wrapped) return {};
  return {Address{word & ~traits.stackref_tag_mask}, tag == 0};
}

std::optional<FrameView> view_interpreter_frame(Decoder& decoder, Address frame) {
  ObjectReader& reader = decoder.reader();
  const auto& traits = reader.traits();
  const auto& f = reader.layout().interpreter_frame;
  const auto owner = reader.word(frame, f.owner);
  const auto executable = reader.word(frame, f.executable);
  if (!owner || !executable || *owner >= traits.frame_owners.first_artificial) return std::nullopt;
  const auto target = [&](const layouts::Field& field) {
    const auto word = reader.word(frame, field);
    if (!word) return Address{};
    return traits.executable_is_stackref ? decode_stack_word(traits, *word).object : Address{*word};
  };
  auto code = code_at(decoder, target(f.executable));
  if (!code) return std::nullopt;
  FrameView v;
  v.address = frame;
  v.executable = *code;
  v.variables = code->variables;
  v.object = reader.pointer(frame, f.frame_object).value_or(Address{});
  v.function = target(f.func);
  v.globals = reader.pointer(frame, f.globals).value_or(Address{});
  v.mapping = reader.pointer(frame, f.locals).value_or(Address{});
  v.back = reader.pointer(frame, f.previous).value_or(Address{});
  v.owner = *owner == traits.frame_owners.generator      ? FrameView::Owner::generator
            : *owner == traits.frame_owners.frame_object ? FrameView::Owner::frame_object
                                                         : FrameView::Owner::thread;
  v.slots = frame + f.localsplus.offset;
  const auto at = reader.word(frame, f.instr_ptr.present() ? f.instr_ptr : f.prev_instr);
  if (at) v.instruction = static_cast<std::int64_t>(*at - v.executable.instructions.value);
  v.begun = v.owner == FrameView::Owner::generator || v.instruction >= v.executable.first_traceable;
  std::optional<std::uint64_t> used;
  if (f.stackpointer.present()) {
    const auto top = reader.pointer(frame, f.stackpointer);
    if (top && *top >= v.slots) used = (*top - v.slots) / 8;
  } else {
    const auto top = reader.signed_word(frame, f.stacktop);
    if (top && *top >= 0) used = static_cast<std::uint64_t>(*top);
  }
  if (used && *used >= v.executable.variables &&
      *used <= v.executable.variables + v.executable.stack_slots) {
    v.stack_height = *used - v.executable.variables;
  } else if (used == std::uint64_t{0}) {
    // A generator that was closed (3.13 on marks it completed, not cleared): what its slots still
    // say was given up.
    v.stack_height = 0;
    v.variables = 0;
  }
  if (v.object) {
    const auto line = reader.signed_word(v.object, reader.layout().frame.lineno);
    if (line && *line > 0) v.line = *line;
  }
  return v;
}

std::optional<FrameView> view_frame(Decoder& decoder, Address frame) {
  if (decoder.traits().frame_form == FrameForm::kFrameObjects) {
    return view_old_frame(decoder, frame);
  }
  ObjectReader& reader = decoder.reader();
  const auto inner = reader.pointer(frame, reader.layout().frame.interpreter_frame);
  auto view = inner ? view_interpreter_frame(decoder, *inner) : std::nullopt;
  if (view && view->owner == FrameView::Owner::frame_object) {
    // A frame that outlived its call: the shell keeps it and the way out.
    view->object = frame;
    view->back = reader.pointer(frame, reader.layout().frame.back).value_or(Address{});
  }
  return view;
}

Address outer_frame(ObjectReader& reader, Address frame) {
  const bool objects = reader.traits().frame_form == FrameForm::kFrameObjects;
  return reader
      .pointer(frame,
               objects ? reader.layout().frame.back : reader.layout().interpreter_frame.previous)
      .value_or(Address{});
}

std::optional<std::int64_t> line_of(ObjectReader& reader, const FrameView& frame) {
  return frame.line ? frame.line : line_of(reader, frame.executable, frame.instruction);
}

void for_each_local(Decoder& decoder, const FrameView& frame,
                    FunctionRef<void(const FrameLocal&)> visit) {
  using Kind = FrameLocal::Kind;
  ObjectReader& reader = decoder.reader();
  if (frame.mapping && frame.mapping != frame.globals && !frame.executable.optimized) {
    if (const auto dict = view_dict(reader, frame.mapping)) {
      for_each_item(reader, *dict, [&](Address key, Address value) {
        visit({key, value, Kind::name, false});
        return true;
      });
    }
  }
  for (std::uint64_t i = 0; i < frame.variables; ++i) {
    const auto word = reader.memory().read<std::uint64_t>(frame.slots + i * 8);
    if (!word) return;
    Address value = decode_stack_word(reader.traits(), *word).object;
    if (!value) continue;
    const auto variable = variable_at(reader, frame.executable, i);
    if (!variable) continue;
    Kind kind = Kind::local;
    if (variable->role != CodeVariable::Role::local) {
      // Free variables of a class body are no names of its own.
      if (variable->role == CodeVariable::Role::free && !frame.executable.optimized) continue;
      kind = variable->role == CodeVariable::Role::cell ? Kind::cell : Kind::free;
      // An argument is put into its cell by the first instructions.
      if (is_cell(decoder, value)) {
        value = reader.pointer(value, reader.layout().cell.value).value_or(Address{});
        if (!value) continue;
      }
    }
    visit({variable->name, value, kind, variable->hidden});
  }
}

void for_each_slot(Decoder& decoder, const FrameView& frame,
                   FunctionRef<void(const FrameSlot&)> visit) {
  ObjectReader& reader = decoder.reader();
  const std::uint64_t variables = frame.variables;
  const std::uint64_t end = variables + frame.stack_height.value_or(0);
  for (std::uint64_t i = 0; i < end; ++i) {
    const auto word = reader.memory().read<std::uint64_t>(frame.slots + i * 8);
    if (!word) return;
    const StackWord decoded = decode_stack_word(reader.traits(), *word);
    if (!decoded.object) continue;
    FrameSlot slot{i, i >= variables, {}, decoded};
    if (slot.on_stack) {
      slot.index = i - variables;
    } else if (const auto variable = variable_at(reader, frame.executable, i)) {
      slot.name = variable->name;
    }
    visit(slot);
  }
}

}  // namespace coreheap::python
