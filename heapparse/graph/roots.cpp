#include "heapparse/graph/roots.h"

namespace coreheap::graph {

std::string_view name_of(RootKind kind) {
  switch (kind) {
    case RootKind::modules:
      return "modules";
    case RootKind::frame:
      return "frame";
    case RootKind::thread:
      return "thread";
    case RootKind::interpreter:
      return "interpreter";
    case RootKind::static_object:
      return "static";
    case RootKind::immortal:
      return "immortal";
    case RootKind::c_globals:
      return "C globals";
    case RootKind::other_memory:
      return "other memory";
    case RootKind::c_runtime:
      return "C runtime";
    case RootKind::c_stack:
      return "C stack";
    case RootKind::orphan_block:
      return "orphan block";
    case RootKind::c_references:
      return "C references";
    case RootKind::unreachable:
      return "unreachable";
  }
  return "";
}

std::string_view meaning_of(RootKind kind) {
  switch (kind) {
    case RootKind::modules:
      return "sys.modules of an interpreter";
    case RootKind::frame:
      return "a running Python frame: its variables and its value stack";
    case RootKind::thread:
      return "a thread's state: exceptions, context, frames";
    case RootKind::interpreter:
      return "an interpreter's state: builtins, codecs, hooks";
    case RootKind::static_object:
      return "objects in a file's data; never freed";
    case RootKind::immortal:
      return "objects whose refcount says that they are never freed";
    case RootKind::c_globals:
      return "words of a file's data and of threads' local storage";
    case RootKind::other_memory:
      return "words of memory that no known allocator owns";
    case RootKind::c_runtime:
      return "blocks of the C library and of allocators";
    case RootKind::c_stack:
      return "words of threads' C stacks and registers";
    case RootKind::orphan_block:
      return "native blocks that nothing seen points to";
    case RootKind::c_references:
      return "references that a refcount counts and nothing seen explains";
    case RootKind::unreachable:
      return "cyclic garbage that waits for the collector";
  }
  return "";
}

}  // namespace coreheap::graph
