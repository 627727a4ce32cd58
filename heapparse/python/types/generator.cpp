#include "heapparse/python/types/generator.h"

namespace coreheap::python {
namespace {

GeneratorState from_number(const layouts::GeneratorFrameStates& states, std::int8_t number) {
  if (number == states.created) return GeneratorState::created;
  if (number == states.suspended || number == states.suspended_yield_from ||
      number == states.suspended_yield_from_locked) {
    return GeneratorState::suspended;
  }
  return number == states.executing ? GeneratorState::running : GeneratorState::finished;
}

}  // namespace

std::string_view name_of(GeneratorState state) {
  switch (state) {
    case GeneratorState::created:
      return "created";
    case GeneratorState::suspended:
      return "suspended";
    case GeneratorState::running:
      return "running";
    case GeneratorState::finished:
      return "finished";
  }
  return "";
}

std::optional<GeneratorView> view_generator(Decoder& decoder, Address generator) {
  ObjectReader& reader = decoder.reader();
  const auto& layout = reader.layout();
  const auto& f = layout.generator;
  const auto& states = reader.traits().generator_states;
  GeneratorView v;
  v.name = reader.pointer(generator, f.name).value_or(Address{});
  v.qualname = reader.pointer(generator, f.qualname).value_or(Address{});
  v.code = reader.pointer(generator, f.code).value_or(Address{});
  if (reader.traits().generator_embeds_frame) {
    const auto number = reader.word(generator, f.frame_state);
    if (!number) return std::nullopt;
    v.state = from_number(states, static_cast<std::int8_t>(*number));
    const Address inner = generator + f.interpreter_frame.offset;
    const auto frame = view_interpreter_frame(decoder, inner);
    if (frame) {
      v.code = frame->executable.address;
      if (static_cast<std::int8_t>(*number) != states.cleared) v.frame = frame;
    } else if (!v.code) {
      // A finished one keeps its code, and little else of its frame is sound.
      const auto word = reader.word(inner, layout.interpreter_frame.executable);
      if (word) v.code = decode_stack_word(reader.traits(), *word).object;
    }
    return v;
  }
  const auto frame = reader.pointer(generator, f.frame);
  if (!frame) return v;
  v.frame = view_frame(decoder, *frame);
  if (!v.frame) return std::nullopt;
  if (const auto number = reader.word(*frame, layout.frame.state)) {
    v.state = from_number(states, static_cast<std::int8_t>(*number));
  } else if (reader.word(generator, f.running).value_or(0) != 0) {
    v.state = GeneratorState::running;
  } else {
    v.state = v.frame->instruction < 0 ? GeneratorState::created : GeneratorState::suspended;
  }
  return v;
}

}  // namespace coreheap::python
