// `threads`: the Python frames of every thread, and on request their variables and the generators
// that wait.
//
// One reading of the target makes every table; what is not asked for is not computed.
#include "heapparse/python/threads.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "heapparse/python/types/generator.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/value.h"

namespace coreheap::commands {

namespace {

using python::PythonFrame;
using python::PythonLocal;
using python::PythonThread;

constexpr std::uint64_t kScreenChars = 60;
constexpr std::uint64_t kRowChars = 200;
constexpr std::size_t kMaxName = 400;

std::vector<Column> frame_columns() {
  return {
      {"thread", "", ColumnType::identifier, "number of the thread in this list"},
      {"name", "", ColumnType::text, "of its threading.Thread"},
      {"native_id", "tid", ColumnType::identifier, "the kernel's thread id"},
      {"thread_id", "", ColumnType::address, "threading.get_ident()", false},
      {"state", "", ColumnType::address, "its thread state", false},
      {"interpreter", "", ColumnType::identifier, "id of its interpreter", false},
      {"gil", "", ColumnType::boolean, "holds the GIL; absent: not told", false},
      {"exception", "", ColumnType::address, "the exception it handles, or that is on its way",
       false},
      {"frame", "", ColumnType::identifier, "0 is the innermost"},
      {"function", "", ColumnType::text, "qualname, or name up to 3.10"},
      {"file", "", ColumnType::text, "co_filename"},
      {"line", "", ColumnType::identifier, "line that runs; absent: the compiler gave none"},
      {"object", "", ColumnType::address, "the frame object, if there is one", false},
      {"code", "", ColumnType::address, "the code object", false},
  };
}

std::vector<Column> suspended_columns() {
  return {
      {"object", "", ColumnType::address, "the generator, coroutine or asynchronous generator"},
      {"type", "", ColumnType::text, "its type"},
      {"state", "", ColumnType::text, "created: not started; suspended"},
      {"name", "", ColumnType::text, "its __qualname__"},
      {"file", "", ColumnType::text, "co_filename"},
      {"line", "", ColumnType::identifier, "line where it waits"},
      {"function", "", ColumnType::text, "of the code: qualname, or name up to 3.10", false},
      {"frame_object", "", ColumnType::address, "its frame object, if there is one", false},
      {"code", "", ColumnType::address, "the code object", false},
  };
}

std::vector<Column> local_columns() {
  return {
      {"thread", "", ColumnType::identifier, "number of the thread; absent: of a waiting object"},
      {"frame", "", ColumnType::identifier, "0 is the innermost"},
      {"holder", "", ColumnType::address, "the waiting generator or coroutine", false},
      {"function", "", ColumnType::text, "of the frame"},
      {"variable", "", ColumnType::text, "its name"},
      {"kind", "", ColumnType::text, "local, cell, free, or name in a class body"},
      {"hidden", "", ColumnType::boolean, "of an inlined comprehension", false},
      {"value", "", ColumnType::address, "id() of the value"},
      {"type", "", ColumnType::text, "its type"},
      {"text", "", ColumnType::text, "the value as ascii() writes it, cut"},
  };
}

std::string_view name_of(python::FrameLocal::Kind kind) {
  using Kind = python::FrameLocal::Kind;
  switch (kind) {
    case Kind::local:
      return "local";
    case Kind::cell:
      return "cell";
    case Kind::free:
      return "free";
    case Kind::name:
      return "name";
  }
  return "";
}

Cell line_cell(const PythonFrame& frame) {
  return frame.line ? Cell::of_integer(*frame.line) : Cell::absent();
}
Cell address_cell(Address a) { return a ? Cell::of_address(a) : Cell::absent(); }
Cell text_cell(std::string_view text) {
  return text.empty() ? Cell::absent() : Cell::of_text(text);
}

std::string value_of(python::Decoder& decoder, Address value, std::uint64_t chars) {
  python::ValueOptions options;
  options.max_chars = chars;
  return python::value_text(decoder, value, options);
}

struct Suspended {
  Address object;
  const python::PythonType* type = nullptr;
  python::GeneratorState state = python::GeneratorState::suspended;
  std::string name;
  PythonFrame frame;
};

std::vector<Suspended> find_suspended(const census::Census& census, python::Decoder& decoder,
                                      bool locals) {
  std::vector<Suspended> out;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const census::RowId row{i};
    if (census.rows.state(row) != census::State::used || !census.rows.holds_object(row)) continue;
    const std::uint32_t type = census::index_of(census.rows.type(row));
    if (type >= decoder.types().all().size()) continue;
    if (decoder.types()[type].shape != python::Shape::generator) continue;
    const Address object = census.rows.object(row);
    const auto view = python::view_generator(decoder, object);
    if (!view || !view->frame) continue;
    if (view->state != python::GeneratorState::created &&
        view->state != python::GeneratorState::suspended) {
      continue;
    }
    Suspended one;
    one.object = object;
    one.type = &decoder.types()[type];
    one.state = view->state;
    one.frame = python::read_frame(decoder, *view->frame, locals);
    // 2.7's generators have no name but their code's.
    if (view->qualname) {
      one.name = python::name_text(decoder.reader(), view->qualname, kMaxName).value_or("?");
    } else {
      one.name = one.frame.function;
    }
    out.push_back(std::move(one));
  }
  return out;
}

// ---- rows ---------------------------------------------------------------------------------------

void add_locals(FixedRows& rows, python::Decoder& decoder, const PythonFrame& frame, Cell thread,
                Cell number, Cell holder) {
  for (const PythonLocal& local : frame.locals) {
    const auto object = decoder.object(local.value);
    const std::string text = value_of(decoder, local.value, kRowChars);
    rows.add({thread, number, holder, Cell::of_text(frame.function), Cell::of_text(local.name),
              Cell::of_text(name_of(local.kind)), Cell::of_boolean(local.hidden),
              Cell::of_address(local.value),
              object ? Cell::of_text(object->type->name) : Cell::absent(), Cell::of_text(text)});
  }
}

Table frame_table(const std::vector<PythonThread>& threads) {
  Table table;
  table.columns = frame_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (std::size_t t = 0; t < threads.size(); ++t) {
    const PythonThread& thread = threads[t];
    const std::vector<Cell> head = {
        Cell::of_count(t + 1),
        text_cell(thread.name),
        thread.native_id ? Cell::of_count(*thread.native_id) : Cell::absent(),
        thread.id != 0 ? Cell::of_address(Address{thread.id}) : Cell::absent(),
        Cell::of_address(thread.state),
        Cell::of_count(thread.interpreter),
        thread.holds_gil ? Cell::of_boolean(*thread.holds_gil) : Cell::absent(),
        address_cell(thread.raising ? thread.raising : thread.handling)};
    if (thread.frames.empty()) rows->add(head);  // it runs no Python code
    for (std::size_t i = 0; i < thread.frames.size(); ++i) {
      const PythonFrame& frame = thread.frames[i];
      std::vector<Cell> row = head;
      row.insert(row.end(), {Cell::of_count(i), Cell::of_text(frame.function),
                             Cell::of_text(frame.file), line_cell(frame),
                             address_cell(frame.object), Cell::of_address(frame.code_object)});
      rows->add(row);
    }
  }
  table.rows = rows;
  return table;
}

Table suspended_table(const std::vector<Suspended>& all) {
  Table table;
  table.columns = suspended_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const Suspended& one : all) {
    rows->add({Cell::of_address(one.object), Cell::of_text(one.type->name),
               Cell::of_text(python::name_of(one.state)), Cell::of_text(one.name),
               Cell::of_text(one.frame.file), line_cell(one.frame),
               Cell::of_text(one.frame.function), address_cell(one.frame.object),
               Cell::of_address(one.frame.code_object)});
  }
  table.rows = rows;
  return table;
}

Table local_table(python::Decoder& decoder, const std::vector<PythonThread>& threads,
                  const std::vector<Suspended>& suspended) {
  Table table;
  table.columns = local_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (std::size_t t = 0; t < threads.size(); ++t) {
    for (std::size_t i = 0; i < threads[t].frames.size(); ++i) {
      add_locals(*rows, decoder, threads[t].frames[i], Cell::of_count(t + 1), Cell::of_count(i),
                 Cell::absent());
    }
  }
  for (const Suspended& one : suspended) {
    add_locals(*rows, decoder, one.frame, Cell::absent(), Cell::absent(),
               Cell::of_address(one.object));
  }
  table.rows = rows;
  return table;
}

// ---- text ---------------------------------------------------------------------------------------

std::string place(const PythonFrame& frame) {
  return frame.line ? fmt::format("{}:{}", frame.file, *frame.line) : frame.file;
}

void add_locals(std::string& text, python::Decoder& decoder, const PythonFrame& frame) {
  for (const PythonLocal& local : frame.locals) {
    text +=
        fmt::format("        {} = {}\n", local.name, value_of(decoder, local.value, kScreenChars));
  }
}

std::string exception_text(python::Decoder& decoder, const PythonThread& thread) {
  const Address exception = thread.raising ? thread.raising : thread.handling;
  if (!exception) return {};
  const auto object = decoder.object(exception);
  return fmt::format("  {} {} at {}", thread.raising ? "raises" : "handles",
                     object ? object->type->name : "an exception", hex_text(exception));
}

std::string thread_text(python::Decoder& decoder, const PythonThread& thread, std::size_t number) {
  std::string text = fmt::format("thread {}", number);
  if (!thread.name.empty()) text += "  " + thread.name;
  if (thread.native_id) text += fmt::format("  tid {}", *thread.native_id);
  if (thread.interpreter != 0) text += fmt::format("  interpreter {}", thread.interpreter);
  if (thread.holds_gil == true) text += "  holds the GIL";
  text += exception_text(decoder, thread) + "\n";
  if (thread.frames.empty()) text += "    no Python frames\n";
  for (std::size_t i = 0; i < thread.frames.size(); ++i) {
    const PythonFrame& frame = thread.frames[i];
    text += fmt::format("    {}  {}\n", place(frame), frame.function);
    add_locals(text, decoder, frame);
    // A recursion is a line, unless its variables were asked for.
    std::size_t same = i + 1;
    while (frame.locals.empty() && same < thread.frames.size() &&
           thread.frames[same].locals.empty() &&
           thread.frames[same].code_object == frame.code_object &&
           thread.frames[same].line == frame.line) {
      ++same;
    }
    if (same > i + 3) {
      text += fmt::format("    ... the same {} times more\n", same - i - 1);
      i = same - 1;
    }
  }
  if (thread.cut) text += "    ... more frames are not shown, or the chain is damaged\n";
  return text;
}

std::string suspended_text(python::Decoder& decoder, const std::vector<Suspended>& all,
                           std::size_t most) {
  std::string text = fmt::format("{} that wait, or have not started\n", all.size());
  for (std::size_t i = 0; i < all.size() && i < most; ++i) {
    const Suspended& one = all[i];
    text += fmt::format("    {}  {} {}  {}{}\n", hex_text(one.object), one.type->name, one.name,
                        place(one.frame),
                        one.state == python::GeneratorState::created ? "  not started" : "");
    add_locals(text, decoder, one.frame);
  }
  if (all.size() > most) {
    text += fmt::format("    ... {} more (--limit {})\n", all.size() - most, all.size());
  }
  return text;
}

Result<Report> run(Context& context) {
  const bool locals = context.arguments.has("locals");
  const bool with_suspended = context.arguments.has("suspended");
  std::size_t most = 20;
  if (const auto limit = context.arguments.value("limit")) {
    const auto number = parse_number(*limit, "threads --limit");
    if (number) most = *number;
  }
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  if (*runtime == nullptr) {
    return fail(ErrorCode::no_python, (*target)->image().source, "no CPython runtime is inside",
                "info  (the threads and where they stand)");
  }
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());
  const image::Image& image = (*target)->image();
  python::Decoder decoder(image.space, **runtime, **types);
  const auto threads = python::read_threads(image, decoder, {.locals = locals});
  std::vector<Suspended> suspended;
  Report report = report_on(**target);
  if (with_suspended) {
    const auto census = (*target)->census(context.job);
    if (!census) return std::unexpected(census.error());
    suspended = find_suspended(**census, decoder, locals);
    report = report_on(**target, **census);
  }
  const bool as_text = context.format == Format::text;

  Section& frames = report.add("threads", "", frame_table(threads));
  if (as_text) {
    std::string screen;
    for (std::size_t t = 0; t < threads.size(); ++t) {
      screen += (t == 0 ? "" : "\n") + thread_text(decoder, threads[t], t + 1);
    }
    frames.screen = std::move(screen);
  }
  if (with_suspended) {
    Section& section = report.add("suspended", "SUSPENDED", suspended_table(suspended));
    if (as_text) section.screen = suspended_text(decoder, suspended, most);
    report.main_name = "suspended";
  }
  if (locals && !as_text) {
    report.add("locals", "", local_table(decoder, threads, suspended));
    report.main_name = "locals";
  }
  if (!locals) report.next.push_back({"threads --locals", "with the variables of each frame"});
  if (!with_suspended) {
    report.next.push_back({"threads --suspended", "generators and coroutines that wait"});
  }
  return report;
}

}  // namespace

Command threads_command() {
  return {
      .name = "threads",
      .aliases = {"bt"},
      .summary = "Python frames of every thread, with file and line",
      .description =
          "Each thread with its frames, the innermost first. --locals adds the variables and "
          "their\n"
          "values; as CSV and JSON lines it gives a row a variable. --suspended adds generators,\n"
          "coroutines and asynchronous generators that wait, or have not started, with the line\n"
          "where they wait; as CSV and JSON lines it gives a row for each. Nothing of the target\n"
          "runs, and no symbols are needed.",
      .usage = "",
      .options = {{"locals", 0, "", "the variables of each frame"},
                  {"suspended", 0, "", "generators and coroutines that are on no thread"}},
      .columns = frame_columns(),
      .group = Group::alive,
      .cost = Cost::allocators,
      .run = run};
}

}  // namespace coreheap::commands
