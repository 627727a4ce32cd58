// What stands above the first screen.
#include "commands/title_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kWidth = 80;

}  // namespace

std::string first_line(const image::Image& image, const python::Runtime* runtime) {
  std::string line = "coreheap  " + printable(image.source);
  std::string tail;
  if (runtime != nullptr) {
    tail += "  CPython " + (runtime->version_text.empty() ? "(version unknown)"
                                                          : printable(runtime->version_text));
    if (runtime->best_effort) tail += " (newer than known: best effort)";
  }
  if (image.process.uptime_seconds) tail += "  up " + uptime_text(*image.process.uptime_seconds);
  if (image.pause) {
    tail += image.pause->stopped
                ? "  paused " + seconds_text(static_cast<double>(image.pause->nanoseconds) / 1e9)
                : "  NOT STOPPED: torn";
  }
  const std::string& what =
      image.process.command_line.empty() ? image.process.name : image.process.command_line;
  // The program's name, not its path: what tells processes apart stands behind it.
  const std::size_t blank = std::min(what.find(' '), what.size());
  const std::size_t slash = what.rfind('/', blank);
  const std::string command =
      printable(slash == std::string::npos || slash > blank ? what : what.substr(slash + 1));
  line = fitted(line, 44);
  const std::size_t used = line.size() + 2 + tail.size();
  if (!command.empty() && used + 10 < kWidth) line += "  " + fitted(command, kWidth - used);
  return line + tail + '\n';
}

Allocators allocators_of(const std::vector<glibc::MallocHeap>& heaps,
                         const pymalloc::PymallocHeap& pymalloc,
                         const glibc::OtherAllocator* other) {
  Allocators found;
  if (!pymalloc.arenas.empty()) found.text = "pymalloc";
  for (const glibc::MallocHeap& heap : heaps) found.arenas += heap.arenas.size();
  if (found.arenas > 0) {
    if (!found.text.empty()) found.text += " + ";
    found.text +=
        heaps.size() > 1 ? fmt::format("{} x glibc malloc", heaps.size()) : "glibc malloc";
  }
  if (other != nullptr) {
    if (!found.text.empty()) found.text += " + ";
    found.text += other->name + " (objects by closure)";
  }
  if (found.text.empty()) found.text = "none found";
  return found;
}

std::string second_line(const image::Image& image, const Allocators& allocators) {
  std::string line = "allocators  " + allocators.text;
  line += fmt::format("      threads {}", image.threads.size());
  if (allocators.arenas > 1) line += fmt::format(" ({} arenas)", allocators.arenas);
  if (image.process.file_descriptors) {
    line += fmt::format("   fds {}", *image.process.file_descriptors);
  }
  return line + '\n';
}

}  // namespace coreheap::commands
