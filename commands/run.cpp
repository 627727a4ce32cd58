// Words to command, report, rendered bytes and an exit status.
#include "commands/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>
#include <optional>

#include "commands/figures.h"
#include "commands/manual.h"
#include "commands/query_rows.h"
#include "commands/table_options.h"
#include "commands/words.h"

namespace coreheap::commands {

namespace {

constexpr int kPartial = 3;
constexpr double kEnough = 0.9;

Outcome failed(const Error& error) { return {exit_status_of(error.code), to_text(error), {}}; }

bool is_partial(const Report& report, const image::Image* image) {
  if (image != nullptr && image->pause && !image->pause->stopped) return true;
  if (!report.coverage || report.coverage->allocator_bytes == 0) return false;
  const auto all = static_cast<double>(report.coverage->allocator_bytes);
  const auto lost =
      static_cast<double>(report.coverage->unreadable_bytes + report.coverage->damaged_bytes);
  return (all - lost) / all < kEnough;
}

// What the usage calls the word at `index`.
std::string missing_word(const Command& command, std::size_t index) {
  const auto words = split_line(command.usage).words;
  return index < words.size() ? words[index] : std::string("a word");
}

class OutputFile {
 public:
  explicit OutputFile(const std::string& path)
      : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {}
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() { close(); }
  int descriptor() const { return descriptor_; }
  // Some file systems report a full disk only here.
  bool close() {
    const bool good = descriptor_ < 0 || ::close(descriptor_) == 0;
    descriptor_ = -1;
    return good;
  }

 private:
  int descriptor_;
};

bool wants_picture(const TableRequest& request) {
  return request.output.ends_with(".svg") || request.output.ends_with(".dot") ||
         request.output.ends_with(".heapsnapshot");
}

Result<void> write_picture(const Report& report, const std::string& path) {
  if (!report.picture || !path.ends_with(report.picture_ending)) {
    return fail(
        ErrorCode::usage, path,
        report.picture ? "this command does not write that" : "this command draws no picture",
        report.picture ? "a name that ends in " + report.picture_ending
                       : "a name that does not end in " + path.substr(path.rfind('.')));
  }
  OutputFile file(path);
  if (file.descriptor() < 0) return fail(ErrorCode::io_error, path, std::strerror(errno));
  DescriptorSink sink(file.descriptor());
  if (!sink.write(*report.picture)) {
    return fail(ErrorCode::io_error, path, std::strerror(sink.error()));
  }
  if (!file.close()) return fail(ErrorCode::io_error, path, std::strerror(errno));
  return {};
}

Result<void> write_file(const Report& report, const TableRequest& request, RenderStyle style,
                        JobControl& job) {
  if (wants_picture(request)) return write_picture(report, request.output);
  OutputFile file(request.output);
  if (file.descriptor() < 0) {
    return fail(ErrorCode::io_error, request.output, std::strerror(errno));
  }
  style.width = 0;
  style.colour = false;
  DescriptorSink sink(file.descriptor());
  if (auto done = render(report, request.format, style, sink, job); !done) {
    if (done.error().code != ErrorCode::io_error) return done;
    return fail(ErrorCode::io_error, request.output, std::strerror(sink.error()));
  }
  if (!file.close()) return fail(ErrorCode::io_error, request.output, std::strerror(errno));
  return {};
}

Outcome run_checked(Session& session, std::span<const std::string> words, RenderStyle style,
                    Sink& sink, JobControl& job) {
  static const std::vector<std::string> kFirstScreen = {"heap"};
  if (words.empty()) words = kFirstScreen;
  // Options alone are the first screen's.
  const bool only_options = words[0].size() > 1 && words[0][0] == '-';
  const Command* command = find_command(only_options ? kFirstScreen[0] : words[0]);
  if (command == nullptr) return failed(no_such_command(words[0]));
  if (!only_options) words = words.subspan(1);

  const std::string name(command->name);
  const std::vector<OptionSpec> options = options_of(*command);
  auto arguments = parse_arguments(options, words, WordsAre::anywhere, name);
  if (!arguments) return failed(arguments.error());
  style.tool = tool_version();
  if (arguments->has("help")) {
    Writer out(sink, job);
    out << manual_page(*command, style.prefix);
    // Nobody to write to is nobody to tell.
    [[maybe_unused]] const auto told = out.finish();
    return {};
  }
  if (command->takes_text && arguments->words.size() > command->max_words) {
    // Several words of a shell: it took the quotes off, what is left is one text.
    std::string text;
    for (const std::string& word : arguments->words) text += (text.empty() ? "" : " ") + word;
    arguments->words = {std::move(text)};
  }
  const std::size_t count = arguments->words.size();
  if (count < command->min_words || count > command->max_words) {
    const std::string usage =
        name + (command->usage.empty() ? "" : " ") + std::string(command->usage);
    const std::string reason = count < command->min_words
                                   ? missing_word(*command, count) + " is missing"
                                   : "takes no word '" + arguments->words[command->max_words] + "'";
    return failed({ErrorCode::usage, name, reason, style.prefix + usage});
  }
  const auto request = table_request(*command, *arguments);
  if (!request) return failed(request.error());

  Context context{session, *arguments, job, request->format};
  auto report = command->run(context);
  if (!report) return failed(report.error());
  report->command = name;
  for (const std::string& word : words) report->command += " " + quoted(word);
  if (command->needs_target && report->target.empty()) report->target = session.target_name();
  if (auto done = apply(*request, *report); !done) return failed(done.error());

  const image::Image* image = nullptr;
  if (command->needs_target) {
    // A command that needed no reading of it (a recording) has none.
    if (const Target* target = session.opened()) image = &target->image();
  }
  if (report->status == 0 && is_partial(*report, image)) report->status = kPartial;

  if (!report->numbered.empty()) session.remember_rows(report->numbered);
  Outcome outcome{report->status, report->error, report->result_address};
  if (!request->output.empty()) {
    if (auto done = write_file(*report, *request, style, job); !done) return failed(done.error());
    const Table* table = report->main_table();
    std::string line = "wrote " + printable(request->output);
    if (table != nullptr && !wants_picture(*request)) {
      line += " (" + with_thousands(static_cast<std::int64_t>(table->shown_rows())) + " rows)";
    }
    sink.write(line + "\n");
    return outcome;
  }
  if (auto done = render(*report, request->format, style, sink, job); !done) {
    // Whoever reads may leave early (`| head`): that is no failure.
    if (done.error().code == ErrorCode::cancelled) return failed(done.error());
    if (sink.error() != EPIPE) {
      return failed({ErrorCode::io_error, "output", std::strerror(sink.error()), {}});
    }
  }
  return outcome;
}

// The words of a line whose command takes a text, or whose set is a query; nullopt for any other.
std::optional<std::vector<std::string>> words_of_text(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
  const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
  const Command* command = find_command(line.substr(begin, end - begin));
  if (command == nullptr || !(command->takes_text || command->takes_sets)) return std::nullopt;
  const std::vector<OptionSpec> options = options_of(*command);
  TextLine split = split_text(line.substr(end), [&](std::string_view word) {
    for (const OptionSpec& option : options) {
      const bool named = word.starts_with("--") && word.substr(2) == option.name;
      const bool lettered = option.letter != 0 && word.size() == 2 && word[1] == option.letter;
      if (named || lettered) return option.value.empty() ? 1 : 2;
    }
    // A mistyped option in front of the text is one, too.
    return word.starts_with("--") && word.size() > 2 ? 1 : 0;
  });
  if (!command->takes_text && !reads_as_query(split.text)) return std::nullopt;
  std::vector<std::string> words = {std::string(command->name)};
  std::move(split.options.begin(), split.options.end(), std::back_inserter(words));
  if (!split.text.empty()) {
    words.emplace_back("--");
    words.push_back(std::move(split.text));
  }
  return words;
}

}  // namespace

std::string_view tool_version() { return "coreheap " COREHEAP_VERSION; }

Outcome run_words(Session& session, std::span<const std::string> words, const RenderStyle& style,
                  Sink& sink, JobControl& job) {
  try {
    // One argument for a command that takes a text is as good as its line: options may be in it.
    if (words.size() == 2) {
      if (const auto split = words_of_text(words[0] + " " + words[1])) {
        return run_checked(session, *split, style, sink, job);
      }
    }
    return run_checked(session, words, style, sink, job);
  } catch (const std::bad_alloc&) {
    return failed({ErrorCode::out_of_memory, "coreheap", "not enough memory for this", {}});
  } catch (const std::exception& e) {
    return failed({ErrorCode::internal, "coreheap", e.what(), "please report this"});
  }
}

Outcome run_line(Session& session, std::string_view line, const RenderStyle& style, Sink& sink,
                 JobControl& job) {
  if (const auto words = words_of_text(line)) return run_words(session, *words, style, sink, job);
  const auto words = split_words(line);
  if (!words) return failed(words.error());
  return run_words(session, *words, style, sink, job);
}

}  // namespace coreheap::commands
