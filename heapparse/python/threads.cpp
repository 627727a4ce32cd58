#include "heapparse/python/threads.h"

#include <unordered_map>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/references.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kMaxName = 400;
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxLocals = 1 << 16;  // of one frame: a class body's namespace may be big

// The attribute of an instance, wherever this version keeps attributes.
std::optional<Address> attribute(Decoder& decoder, Address a, std::string_view name) {
  const auto object = decoder.object(a);
  if (!object) return std::nullopt;
  if (const auto dict = instance_dict(decoder.reader(), *object->type, a)) {
    return dict_lookup(decoder.reader(), *dict, name);
  }
  std::optional<Address> found;
  for_each_reference(decoder, *object, [&](const Reference& reference) {
    if (found || reference.name.kind != EdgeKind::attribute || !reference.name.name) return;
    if (name_text(decoder.reader(), reference.name.name, kMaxName) == name) {
      found = reference.target;
    }
  });
  return found;
}

// threading._active: names by thread id.
std::unordered_map<std::uint64_t, std::string> thread_names(Decoder& decoder,
                                                            const Interpreter& interpreter) {
  ObjectReader& reader = decoder.reader();
  std::unordered_map<std::uint64_t, std::string> names;
  const auto module = dict_lookup(reader, interpreter.modules, "threading");
  const auto space = module ? module_dict(reader, *module) : std::nullopt;
  const auto active = space ? dict_lookup(reader, *space, "_active") : std::nullopt;
  const auto dict = active ? view_dict(reader, *active) : std::nullopt;
  if (!dict) return names;
  for_each_item(reader, *dict, [&](Address key, Address thread) {
    const auto id = int_value(reader, key);
    auto name = attribute(decoder, thread, "_name");
    if (!name) name = attribute(decoder, thread, "_Thread__name");  // 2.7
    const auto text = name ? name_text(reader, *name, kMaxName) : std::nullopt;
    if (id && text) names.emplace(static_cast<std::uint64_t>(*id), *text);
    return true;
  });
  return names;
}

std::optional<bool> holds_gil(Decoder& decoder, Address interpreter, Address thread) {
  ObjectReader& reader = decoder.reader();
  const auto& l = decoder.layout();
  if (l.thread_state.holds_gil.present()) {
    const auto word = reader.word(thread, l.thread_state.holds_gil);
    return word ? std::optional(*word != 0) : std::nullopt;
  }
  if (decoder.traits().current_thread_in_runtime && decoder.runtime().runtime) {
    const auto current = reader.word(*decoder.runtime().runtime, l.runtime.tstate_current);
    return current ? std::optional(Address{*current} == thread) : std::nullopt;
  }
  const auto gil = reader.pointer(interpreter, l.interpreter.gil);
  if (!gil || !l.gil.present()) return std::nullopt;
  const auto locked = reader.word(*gil, l.gil.locked);
  const auto holder = reader.word(*gil, l.gil.last_holder);
  if (!locked || !holder) return std::nullopt;
  return *locked == 1 && Address{*holder} == thread;
}

Address handled_exception(Decoder& decoder, Address thread) {
  ObjectReader& reader = decoder.reader();
  const auto& l = decoder.layout();
  const auto real = [&](std::optional<Address> value) {
    const auto object = value ? decoder.object(*value) : std::nullopt;
    return object && object->type->name != "NoneType";
  };
  if (!l.thread_state.exc_info.present()) {
    const auto value = reader.pointer(thread, l.thread_state.exc_value);
    return real(value) ? *value : Address{};
  }
  ChainGuard guard;
  auto item = reader.pointer(thread, l.thread_state.exc_info);
  while (item && !guard.repeats(*item)) {
    const auto value = reader.pointer(*item, l.exc_stack_item.value);
    if (real(value)) return *value;
    item = reader.pointer(*item, l.exc_stack_item.previous);
  }
  return {};
}

Address innermost_frame(Decoder& decoder, Address thread) {
  ObjectReader& reader = decoder.reader();
  const auto& l = decoder.layout();
  switch (decoder.traits().current_frame) {
    case layouts::CurrentFrame::kThreadFrame:
      return reader.pointer(thread, l.thread_state.frame).value_or(Address{});
    case layouts::CurrentFrame::kThroughCFrame: {
      const auto cframe = reader.pointer(thread, l.thread_state.cframe);
      if (!cframe) return {};
      return reader.pointer(*cframe, l.cframe.current_frame).value_or(Address{});
    }
    case layouts::CurrentFrame::kThreadCurrentFrame:
      return reader.pointer(thread, l.thread_state.current_frame).value_or(Address{});
  }
  return {};
}

// `left`: frames that may still be shown, over all threads.
void read_frames(Decoder& decoder, PythonThread& thread, bool locals, std::size_t& left) {
  const bool objects = decoder.traits().frame_form == layouts::FrameForm::kFrameObjects;
  ChainGuard guard;
  Address at = innermost_frame(decoder, thread.state);
  while (at) {
    if (guard.repeats(at) || left == 0) {
      thread.cut = true;
      return;
    }
    const auto frame = objects ? view_frame(decoder, at) : view_interpreter_frame(decoder, at);
    if (frame && frame->begun) {
      thread.frames.push_back(read_frame(decoder, *frame, locals));
      --left;
    }
    at = outer_frame(decoder.reader(), at);
  }
}

}  // namespace

void for_each_frame(Decoder& decoder, Address thread_state,
                    FunctionRef<void(const FrameView&)> visit) {
  const bool objects = decoder.traits().frame_form == layouts::FrameForm::kFrameObjects;
  ChainGuard guard;
  Address at = innermost_frame(decoder, thread_state);
  while (at && !guard.repeats(at)) {
    const auto frame = objects ? view_frame(decoder, at) : view_interpreter_frame(decoder, at);
    if (frame) visit(*frame);
    at = outer_frame(decoder.reader(), at);
  }
}

PythonFrame read_frame(Decoder& decoder, const FrameView& frame, bool locals) {
  ObjectReader& reader = decoder.reader();
  PythonFrame out;
  out.frame = frame.address;
  out.object = frame.object;
  out.code_object = frame.executable.address;
  const Address name =
      frame.executable.qualname ? frame.executable.qualname : frame.executable.name;
  out.function = name_text(reader, name, kMaxName).value_or("?");
  out.file = name_text(reader, frame.executable.filename, kMaxPath).value_or("?");
  out.line = line_of(reader, frame);
  if (!locals) return out;
  for_each_local(decoder, frame, [&](const FrameLocal& local) {
    if (out.locals.size() >= kMaxLocals) return;
    out.locals.push_back({name_text(reader, local.name, kMaxName).value_or("?"), local.value,
                          local.kind, local.hidden});
  });
  return out;
}

std::vector<PythonThread> read_threads(const image::Image& image, Decoder& decoder,
                                       const ThreadOptions& options) {
  ObjectReader& reader = decoder.reader();
  const auto& f = decoder.layout().thread_state;
  std::unordered_map<std::uint64_t, std::uint64_t> native;
  for (const image::Thread& thread : image.threads) {
    if (thread.thread_pointer) native.emplace(*thread.thread_pointer, thread.tid);
  }
  std::size_t left = options.max_frames;
  std::vector<PythonThread> out;
  for (const Interpreter& interpreter : decoder.runtime().interpreters) {
    const auto names = thread_names(decoder, interpreter);
    // The newest is first in the target's list.
    for (auto state = interpreter.thread_states.rbegin(); state != interpreter.thread_states.rend();
         ++state) {
      PythonThread thread;
      thread.state = *state;
      thread.interpreter = interpreter.id;
      thread.id = reader.word(*state, f.thread_id).value_or(0);
      if (const auto known = native.find(thread.id); known != native.end()) {
        thread.native_id = known->second;
      } else if (const auto told = reader.word(*state, f.native_thread_id); told && *told != 0) {
        thread.native_id = *told;
      }
      if (const auto name = names.find(thread.id); name != names.end()) thread.name = name->second;
      thread.holds_gil = holds_gil(decoder, interpreter.address, *state);
      thread.raising =
          reader
              .pointer(*state, f.current_exception.present() ? f.current_exception : f.curexc_value)
              .value_or(Address{});
      thread.handling = handled_exception(decoder, *state);
      read_frames(decoder, thread, options.locals, left);
      out.push_back(std::move(thread));
    }
  }
  return out;
}

}  // namespace coreheap::python
