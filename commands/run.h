// From the words of a command line to the bytes of its answer: what GDB, the program and the C
// interface all call.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "commands/registry.h"
#include "commands/render/render.h"

namespace coreheap::commands {

struct Outcome {
  int status = 0;
  std::string error;  // one or two lines, without the final line break; empty: none
  Address result_address;
};

// "coreheap 0.1.0"
std::string_view tool_version();

// No words: the first screen. Never throws; an error is in the outcome, nothing of it goes to
// `sink`.
Outcome run_words(Session& session, std::span<const std::string> words, const RenderStyle& style,
                  Sink& sink, JobControl& job);
Outcome run_line(Session& session, std::string_view line, const RenderStyle& style, Sink& sink,
                 JobControl& job);

}  // namespace coreheap::commands
