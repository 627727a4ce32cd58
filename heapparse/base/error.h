// What can stop a job: one list of codes, each with its text and the exit status it leads to.
//
// An Error names the thing (`subject`), why it failed (`reason`) and what to try (`hint`).
// Corruption of the target is not an error but data: see finding.h.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace coreheap {

enum class ErrorCode : std::uint8_t {
  usage,              // the command line cannot be understood
  no_such_command,    // unknown word; hint holds the nearest known ones
  no_such_target,     // neither a process nor a file
  permission_denied,  // the kernel refuses access
  process_vanished,   // it was there a moment ago
  zombie_process,     // it has no memory any more
  not_an_elf_file,
  not_a_core_file,
  unsupported_machine,  // 32-bit, big-endian, or a foreign instruction set
  truncated,            // too little is left of the file to say anything
  no_memory_access,     // reading the target failed
  not_enough_room,      // the copy would not fit (MemAvailable, cgroup)
  pause_too_long,       // predicted stop exceeds --max-pause
  no_allocator,         // neither glibc's malloc nor pymalloc was found
  no_python,            // a command that needs Python, on a target without one
  no_such_arena,        // index beyond the list
  not_mapped,           // an address the target does not have
  not_traced,           // tracemalloc is off, or did not see the block
  no_object,            // an address at which no object lies
  io_error,
  out_of_memory,
  cancelled,
  internal,
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string subject;
  std::string reason;
  std::string hint;        // may be empty
  std::string shown = {};  // the whole text, where one that shows more than two lines was made
};

template <class T>
using Result = std::expected<T, Error>;

// Stable machine word: "no_such_target".
std::string_view name_of(ErrorCode code);

// INTERFACES: 1 no report, 2 wrong usage, 130 cancelled.
int exit_status_of(ErrorCode code);

// "coreheap: SUBJECT: REASON" and, when there is one, a second line "  try: HINT".
std::string to_text(const Error& error);

inline std::unexpected<Error> fail(ErrorCode code, std::string subject, std::string reason,
                                   std::string hint = {}) {
  return std::unexpected(Error{code, std::move(subject), std::move(reason), std::move(hint)});
}

}  // namespace coreheap
