// Reports to bytes: pure functions of the report, one file a format.
#pragma once

#include <string>

#include "commands/render/sink.h"
#include "commands/report.h"

namespace coreheap::commands {

struct RenderStyle {
  int width = 0;        // columns of the terminal, 0: none, nothing is cut
  bool colour = false;  // SGR sequences allowed
  std::string prefix;   // in front of the words of a next step: "heap ", "coreheap core.1 "
  std::string tool;     // "coreheap 0.1.0"
};

Result<void> render_text(const Report& report, const RenderStyle& style, Writer& out);
Result<void> render_json(const Report& report, const RenderStyle& style, Writer& out);
Result<void> render_jsonl(const Report& report, Writer& out);
Result<void> render_csv(const Report& report, Writer& out);
Result<void> render(const Report& report, Format format, const RenderStyle& style, Sink& sink,
                    JobControl& job);

}  // namespace coreheap::commands
