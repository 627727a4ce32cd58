#include "commands/trace_reports.h"

#include "commands/figures.h"

namespace coreheap::commands {

Result<const python::Tracemalloc*> traces_of(Context& context, Target& target) {
  const auto traces = target.tracemalloc(context.job);
  if (!traces) return std::unexpected(traces.error());
  const std::string& source = target.image().source;
  if (*traces == nullptr) {
    return fail(ErrorCode::no_python, source, "no CPython runtime is inside",
                "used  (what native blocks hold)");
  }
  switch ((*traces)->state) {
    case python::Tracemalloc::State::absent:
      return fail(ErrorCode::not_traced, source, "this Python has no tracemalloc: it came with 3.4",
                  "types  (what there is, without where it was made)");
    case python::Tracemalloc::State::off:
      return fail(
          ErrorCode::not_traced, source,
          "tracemalloc is off: it was never started, or stopped, which drops its traces",
          "PYTHONTRACEMALLOC=25 in its environment at the next start, `python -X tracemalloc=25`,\n"
          "       or tracemalloc.start(25) early in the program");
    case python::Tracemalloc::State::tracing:
      break;
  }
  return *traces;
}

std::string frame_text(const python::Tracemalloc& traces, const python::TraceFrame& frame) {
  return traces.files[frame.file] + ":" + std::to_string(frame.line);
}

std::string folded_text(const python::Tracemalloc& traces, std::uint32_t traceback) {
  std::string text;
  for (const python::TraceFrame& frame : traces.frames_of(traceback)) {
    if (!text.empty()) text += ';';
    text += frame_text(traces, frame);
  }
  return text;
}

std::string tail_fitted(const std::string& text, std::size_t width) {
  const std::size_t columns = display_width(text);
  if (columns <= width || width <= 3) return text;
  std::size_t drop = columns - (width - 3);
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && drop-- == 0) break;
  }
  return "..." + text.substr(i);
}

std::optional<std::size_t> trace_of_row(const python::Tracemalloc& traces, const census::Rows& rows,
                                        census::RowId row) {
  if (rows.state(row) != census::State::used) return std::nullopt;
  const Address begin = rows.address(row);
  return traces.trace_in({begin, begin + rows.size(row)});
}

}  // namespace coreheap::commands
