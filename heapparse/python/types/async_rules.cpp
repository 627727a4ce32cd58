// Rules of what asynchronous generators are awaited through, and of asyncio's tasks and futures.
#include <array>

#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

constexpr FieldReference kAsendFields[] = {
    {"generator", [](const Layout& l) { return l.async_gen_asend.generator; }},
    {"value", [](const Layout& l) { return l.async_gen_asend.value; }},
};
constexpr FieldReference kAthrowFields[] = {
    {"generator", [](const Layout& l) { return l.async_gen_athrow.generator; }},
    {"args", [](const Layout& l) { return l.async_gen_athrow.args; }},
    {"type", [](const Layout& l) { return l.async_gen_athrow.type; }},
    {"traceback", [](const Layout& l) { return l.async_gen_athrow.traceback; }},
    {"value", [](const Layout& l) { return l.async_gen_athrow.value; }},
};
constexpr FieldReference kWrappedValueFields[] = {
    {"value", [](const Layout& l) { return l.async_gen_wrapped_value.value; }},
};
constexpr FieldReference kAnextAwaitableFields[] = {
    {"wrapped", [](const Layout& l) { return l.anext_awaitable.wrapped; }},
    {"default", [](const Layout& l) { return l.anext_awaitable.default_value; }},
};
constexpr FieldReference kCoroutineWrapperFields[] = {
    {"coroutine", [](const Layout& l) { return l.coroutine_wrapper.coroutine; }},
};
constexpr FieldReference kAiterWrapperFields[] = {
    {"iterator", [](const Layout& l) { return l.aiter_wrapper.aiter; }},
};

constexpr FieldReference kFutureFields[] = {
    {"_loop", [](const Layout& l) { return l.future.loop; }},
    {"callback", [](const Layout& l) { return l.future.callback0; }},
    {"context", [](const Layout& l) { return l.future.context0; }},
    {"callbacks", [](const Layout& l) { return l.future.callbacks; }},
    {"_exception", [](const Layout& l) { return l.future.exception; }},
    {"_exception_tb", [](const Layout& l) { return l.future.exception_tb; }},
    {"_result", [](const Layout& l) { return l.future.result; }},
    {"_source_traceback", [](const Layout& l) { return l.future.source_tb; }},
    {"_cancel_message", [](const Layout& l) { return l.future.cancel_msg; }},
    {"_cancelled_exc", [](const Layout& l) { return l.future.cancelled_exc; }},
    {"awaited_by", [](const Layout& l) { return l.future.awaited_by; }},
    {"__dict__", [](const Layout& l) { return l.future.dict; }},
};
// 3.9 and 3.10 keep the cancelled exception as three parts.
void future_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& l = decoder.layout();
  if (!l.future.cancelled_exc_state.present()) return;
  const Address state = object.address + l.future.cancelled_exc_state.offset;
  for (const auto& field :
       {l.exc_stack_item.type, l.exc_stack_item.value, l.exc_stack_item.traceback}) {
    const auto target = decoder.reader().pointer(state, field);
    if (target) visit({*target, {.kind = EdgeKind::field, .text = "_cancelled_exc"}});
  }
}

// A task is a future with more.
constexpr FieldReference kTaskFields[] = {
    {"_fut_waiter", [](const Layout& l) { return l.task.fut_waiter; }},
    {"_coro", [](const Layout& l) { return l.task.coro; }},
    {"_name", [](const Layout& l) { return l.task.name; }},
    {"_context", [](const Layout& l) { return l.task.context; }},
};
constexpr FieldReference kFutureIteratorFields[] = {
    {"future", [](const Layout& l) { return l.future_iterator.future; }},
};
constexpr FieldReference kTaskStepFields[] = {
    {"task", [](const Layout& l) { return l.task_step.task; }},
    {"arg", [](const Layout& l) { return l.task_step.arg; }},
};
constexpr FieldReference kTaskWakeupFields[] = {
    {"task", [](const Layout& l) { return l.task_wakeup.task; }},
};
constexpr FieldReference kRunningLoopFields[] = {
    {"loop", [](const Layout& l) { return l.running_loop_holder.loop; }},
};

}  // namespace

std::span<const TypeRules> async_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "async_generator_asend", .fields = kAsendFields},
      TypeRules{.name = "async_generator_athrow", .fields = kAthrowFields},
      TypeRules{.name = "async_generator_wrapped_value", .fields = kWrappedValueFields},
      TypeRules{.name = "anext_awaitable", .fields = kAnextAwaitableFields},
      TypeRules{.name = "coroutine_wrapper", .fields = kCoroutineWrapperFields},
      TypeRules{.name = "aiter_wrapper", .fields = kAiterWrapperFields},
      TypeRules{
          .name = "_asyncio.Future", .fields = kFutureFields, .references = future_references},
      TypeRules{.name = "_asyncio.Task", .fields = kTaskFields},
      TypeRules{.name = "_asyncio.FutureIter", .fields = kFutureIteratorFields},
      TypeRules{.name = "TaskStepMethWrapper", .fields = kTaskStepFields},
      TypeRules{.name = "_asyncio.TaskStepMethWrapper", .fields = kTaskStepFields},
      TypeRules{.name = "TaskWakeupMethWrapper", .fields = kTaskWakeupFields},
      TypeRules{.name = "_asyncio.TaskWakeupMethWrapper", .fields = kTaskWakeupFields},
      TypeRules{.name = "_RunningLoopHolder", .fields = kRunningLoopFields},
      TypeRules{.name = "_asyncio._RunningLoopHolder", .fields = kRunningLoopFields},
  };
  return kRules;
}

}  // namespace coreheap::python
