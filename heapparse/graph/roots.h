// The roots: what keeps objects alive without being an object itself.
//
// Decided before anything else, because dominators are only as good as the roots. In the order of
// the list a root is preferred as the beginning of a way: a module's name or a local variable says
// more than a word of C.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/address.h"

namespace coreheap::graph {

enum class RootKind : std::uint8_t {
  modules,        // sys.modules of an interpreter
  frame,          // a running Python frame: variables and value stack
  thread,         // a thread's state: its exceptions, its context, its frames
  interpreter,    // an interpreter's state: builtins, codecs, hooks
  static_object,  // objects in a file's data: types, singletons; never freed
  immortal,       // objects whose refcount says that they are never freed
  c_globals,      // words of a file's data (.data, .bss) and of threads' TLS
  other_memory,   // words of memory that no known allocator owns
  c_runtime,      // blocks of the C library and of allocators; never an object's
  c_stack,        // words of threads' C stacks and registers
  orphan_block,   // native blocks that nothing seen points to
  c_references,   // references that a refcount counts and nothing seen explains
  unreachable,    // cyclic garbage that waits for the collector
};
std::string_view name_of(RootKind kind);     // "modules", "frame"
std::string_view meaning_of(RootKind kind);  // one line

struct Root {
  RootKind kind = RootKind::modules;
  std::string name;  // as a path shows it: "sys.modules", "frame handle() at app.py:12"
  Address address;   // of the interpreter, thread state or frame; 0: none
  std::uint32_t thread = 0xffffffff;  // of frames, threads and stacks: index into Image::threads
};

// Keeps what it holds, whatever else goes.
constexpr bool is_anchored(RootKind kind) {
  return kind == RootKind::static_object || kind == RootKind::immortal ||
         kind == RootKind::c_runtime;
}

}  // namespace coreheap::graph
