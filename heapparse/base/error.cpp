// Texts and exit statuses of the error codes; the switch statements are exhaustive on purpose, so
// that a new code does not compile without its text.
#include "heapparse/base/error.h"

namespace coreheap {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::no_such_command:
      return "no_such_command";
    case ErrorCode::no_such_target:
      return "no_such_target";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::process_vanished:
      return "process_vanished";
    case ErrorCode::zombie_process:
      return "zombie_process";
    case ErrorCode::not_an_elf_file:
      return "not_an_elf_file";
    case ErrorCode::not_a_core_file:
      return "not_a_core_file";
    case ErrorCode::unsupported_machine:
      return "unsupported_machine";
    case ErrorCode::truncated:
      return "truncated";
    case ErrorCode::no_memory_access:
      return "no_memory_access";
    case ErrorCode::not_enough_room:
      return "not_enough_room";
    case ErrorCode::pause_too_long:
      return "pause_too_long";
    case ErrorCode::no_allocator:
      return "no_allocator";
    case ErrorCode::no_python:
      return "no_python";
    case ErrorCode::no_such_arena:
      return "no_such_arena";
    case ErrorCode::not_mapped:
      return "not_mapped";
    case ErrorCode::not_traced:
      return "not_traced";
    case ErrorCode::no_object:
      return "no_object";
    case ErrorCode::io_error:
      return "io_error";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

int exit_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
    case ErrorCode::no_such_command:
      return 2;
    case ErrorCode::cancelled:
      return 130;
    default:
      return 1;
  }
}

std::string to_text(const Error& error) {
  if (!error.shown.empty()) return error.shown;
  std::string text = "coreheap: ";
  if (!error.subject.empty()) {
    text += error.subject;
    text += ": ";
  }
  text += error.reason;
  if (!error.hint.empty()) {
    text += "\n  try: ";
    text += error.hint;
  }
  return text;
}

}  // namespace coreheap
