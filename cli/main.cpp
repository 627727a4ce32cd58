// The program. The command works on a thread of its own; this one shows progress and listens for
// Ctrl-C.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>

#include "cli/command_line.h"
#include "commands/job.h"
#include "commands/words.h"

namespace {

using namespace coreheap;

volatile std::sig_atomic_t interrupted = 0;

extern "C" void on_interrupt(int) { interrupted = 1; }

void listen_for_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  // A second Ctrl-C ends the program whatever it is doing; a stopped target runs again when it
  // does.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void print_error(const std::string& text) {
  const std::string line = text + "\n";
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

// One line on a terminal's stderr, gone before anything else is written.
class ProgressLine {
 public:
  ProgressLine() : terminal_(isatty(STDERR_FILENO) != 0) {}
  void show(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (!terminal_ || closed_ || text.empty()) return;
    print("\r\x1b[K" + text);
    shown_ = true;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (shown_) print("\r\x1b[K");
    shown_ = false;
  }

 private:
  static void print(const std::string& text) {
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
  }
  std::mutex mutex_;
  bool terminal_;
  bool shown_ = false;
  bool closed_ = false;
};

class Output final : public commands::Sink {
 public:
  explicit Output(ProgressLine& progress) : progress_(progress) {}
  bool write(std::string_view bytes) override {
    progress_.close();
    return standard_output_.write(bytes);
  }
  int error() const override { return standard_output_.error(); }

 private:
  ProgressLine& progress_;
  commands::DescriptorSink standard_output_{STDOUT_FILENO};
};

commands::RenderStyle style_of_terminal() {
  commands::RenderStyle style;
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  winsize size = {};
  if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = size.ws_col;
  } else if (const char* columns = std::getenv("COLUMNS")) {
    style.width = std::atoi(columns);
  }
  const char* term = std::getenv("TERM");
  const char* no_colour = std::getenv("NO_COLOR");
  style.colour = terminal && (no_colour == nullptr || *no_colour == 0) && term != nullptr &&
                 std::strcmp(term, "dumb") != 0;
  return style;
}

int run(const std::vector<std::string>& words) {
  auto line = cli::parse_command_line(words, cli::this_machine());
  if (!line) {
    print_error(to_text(line.error()));
    return exit_status_of(line.error().code);
  }
  commands::DescriptorSink out(STDOUT_FILENO);
  if (line->version) {
    out.write(std::string(commands::tool_version()) + "\n");
    return 0;
  }
  if (line->help) {
    out.write(cli::usage_text());
    // Asked for nothing at all, it is an answer to a wrong usage.
    return words.empty() ? 2 : 0;
  }
  if (!line->note.empty()) print_error(line->note);

  commands::Session session;
  session.prefix = line->prefix;
  if (line->pid) session.open_pid(*line->pid, line->settings);
  if (line->core) session.open_core(*line->core, line->settings);

  commands::RenderStyle style = style_of_terminal();
  style.prefix = line->prefix;
  ProgressLine progress;
  Output output(progress);
  commands::Job job([&](JobControl& control) {
    return commands::run_words(session, line->words, style, output, control);
  });
  int waited = 0;
  while (!job.wait_for(std::chrono::milliseconds(50))) {
    if (interrupted) job.control().cancel();
    if (++waited > 10) progress.show(commands::progress_text(job.control()));
  }
  progress.close();
  const commands::Outcome& outcome = job.outcome();
  if (!outcome.error.empty()) print_error(outcome.error);
  return outcome.status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    listen_for_interrupts();
    return run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    print_error(std::string("coreheap: ") + e.what());
    return 1;
  }
}
