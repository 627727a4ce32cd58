// Rules of locks, thread-locals, thread handles and queue.SimpleQueue.
#include <array>

#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/simple_queue.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

// Each thread's dict hangs on a dummy in that thread's own dict; `dummies` holds weak references.
constexpr FieldReference kLocal[] = {
    {"_args", [](const Layout& l) { return l.thread_locals.args; }},
    {"_kwargs", [](const Layout& l) { return l.thread_locals.kw; }},
    {"_dummies", [](const Layout& l) { return l.thread_locals.dummies; }},
    {"_localdicts", [](const Layout& l) { return l.thread_locals.local_dicts; }},
    {"_thread_watchdogs", [](const Layout& l) { return l.thread_locals.thread_watchdogs; }},
    {"_key", [](const Layout& l) { return l.thread_locals.key; }, SkipCause::atom},
    {"_callback", [](const Layout& l) { return l.thread_locals.callback; },
     SkipCause::not_traversed},
};

// Borrowed: the dict is held by the local's own table, under the dummy's weak reference.
constexpr FieldReference kLocalDummy[] = {
    {"_localdict", [](const Layout& l) { return l.local_dummy.dict; }, SkipCause::none, false},
};

constexpr FieldReference kSimpleQueue[] = {
    {"_list", [](const Layout& l) { return l.simple_queue.list; }},
};

void queue_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto ring = view_ring(decoder.reader(), object.address);
  if (!ring) return;
  for (std::uint64_t i = 0; i < ring->count; ++i) {
    const Address at = ring->items + (ring->first + i) % ring->capacity * 8;
    const auto target = decoder.memory().read_address(at);
    if (!target) return;  // a count beyond what there is
    if (*target) visit({*target, {.kind = EdgeKind::item, .index = i}});
  }
}

std::optional<std::uint64_t> queue_size(Decoder& decoder, const Object& object) {
  const std::uint64_t own = object.type->basicsize;
  if (!decoder.traits().sizeof_simple_queue_counts_ring) return own;
  const auto ring = view_ring(decoder.reader(), object.address);
  return ring ? std::optional(own + ring->capacity * 8) : std::nullopt;
}

void queue_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().simple_queue.lock, BufferKind::lock, visit);
  own_buffer(decoder, object, decoder.layout().simple_queue.ring_items, BufferKind::list_items,
             visit);
}

void lock_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().lock.pointer, BufferKind::lock, visit);
}

void rlock_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().rlock.lock, BufferKind::lock, visit);
}

void handle_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().thread_handle.handle, BufferKind::other, visit);
}

void semaphore_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().semaphore.name, BufferKind::other, visit);
}

}  // namespace

std::span<const TypeRules> thread_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "thread.lock", .buffers = lock_buffers},
      TypeRules{.name = "_thread.lock", .buffers = lock_buffers},
      TypeRules{.name = "_thread.RLock", .buffers = rlock_buffers},
      TypeRules{.name = "thread._local", .fields = kLocal},
      TypeRules{.name = "_thread._local", .fields = kLocal},
      TypeRules{.name = "_thread._localdummy", .fields = kLocalDummy},
      TypeRules{.name = "_thread._ThreadHandle", .buffers = handle_buffers},
      TypeRules{.name = "_queue.SimpleQueue",
                .fields = kSimpleQueue,
                .references = queue_references,
                .size = queue_size,
                .buffers = queue_buffers},
      TypeRules{.name = "_multiprocessing.SemLock", .buffers = semaphore_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
