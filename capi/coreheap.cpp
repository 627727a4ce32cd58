// The C interface. Every function catches everything; every text is kept by its handle.
//
// A session may be freed or opened anew while a job of it runs: the job is cancelled and joined
// first. A job's handle outlives its session as far as reading its result and releasing it go.
#include "capi/coreheap.h"

#include <climits>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "commands/completion.h"
#include "commands/job.h"
#include "commands/manual.h"
#include "commands/query_rows.h"
#include "commands/words.h"

using namespace coreheap;

namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;

// What a session and its jobs share.
struct Shared;

// Members go in reverse order: the thread of `job` ends before what it writes to does.
struct Running {
  std::shared_ptr<Shared> shared;
  std::shared_ptr<Running> before;  // cancelled, and waited for by this one
  commands::StringSink sink;
  std::shared_ptr<commands::Report> rows;  // of a query
  std::uint64_t generation = 0;            // of the target that it was asked of
  std::unique_ptr<commands::Job> job;
};

struct Shared {
  commands::Session session;
  std::weak_ptr<Running> active;
  std::uint64_t generation = 0;  // targets so far: what is left of an older one is stale

  // Ends what still runs.
  void settle() {
    ++generation;
    if (const auto running = active.lock()) {
      running->job->control().cancel();
      while (!running->job->wait_for(std::chrono::hours(1))) {
      }
    }
    active.reset();
  }
};

commands::Outcome outcome_of(const Error& error) {
  return {exit_status_of(error.code), to_text(error), {}};
}

}  // namespace

struct coreheap_session {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::string error;
  std::string text;
};

struct coreheap_job {
  std::shared_ptr<Running> running;
  std::string progress;
};

namespace {

// Runs `body`, which gives a status; an exception becomes a status and a text.
template <class Body>
int guarded(coreheap_session* session, Body body) noexcept {
  if (session == nullptr) return kFailed;
  try {
    session->error.clear();
    const Result<void> result = body();
    if (result) return kDone;
    session->error = to_text(result.error());
    return exit_status_of(result.error().code);
  } catch (const std::exception& e) {
    try {
      session->error = std::string("coreheap: ") + e.what();
    } catch (...) {
      session->error.clear();
    }
  } catch (...) {
    session->error.clear();
  }
  return kFailed;
}

// A text kept by the session; "" when it could not be made.
template <class Body>
const char* guarded_text(coreheap_session* session, Body body) noexcept {
  if (session == nullptr) return "";
  try {
    session->text = body();
    return session->text.c_str();
  } catch (...) {
    return "";
  }
}

Result<commands::Settings> settings_from(const char* options) {
  const auto words = commands::split_words(options == nullptr ? "" : options);
  if (!words) return std::unexpected(words.error());
  const auto arguments = commands::parse_arguments(commands::target_options(), *words,
                                                   commands::WordsAre::anywhere, "options");
  if (!arguments) return std::unexpected(arguments.error());
  if (!arguments->words.empty()) {
    return fail(ErrorCode::usage, arguments->words[0], "no option");
  }
  return commands::settings_from(*arguments);
}

std::vector<image::HeldThread> held_threads(const coreheap_thread* threads, size_t count) {
  std::vector<image::HeldThread> held;
  if (threads == nullptr) return held;
  held.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    held.push_back({threads[i].tid, threads[i].thread_pointer, threads[i].stack_pointer,
                    threads[i].program_counter});
  }
  return held;
}

}  // namespace

extern "C" {

int coreheap_abi_version(void) { return COREHEAP_ABI_VERSION; }

const char* coreheap_version(void) { return commands::tool_version().data(); }

coreheap_session* coreheap_session_new(void) {
  try {
    return new coreheap_session;
  } catch (...) {
    return nullptr;
  }
}

void coreheap_session_free(coreheap_session* session) {
  if (session == nullptr) return;
  // A handle of a job that is kept longer must not keep the target's memory too.
  coreheap_retire(session);
  delete session;
}

const char* coreheap_last_error(coreheap_session* session) {
  return session == nullptr ? "" : session->error.c_str();
}

int coreheap_open_core(coreheap_session* session, const char* path, const char* options) {
  return guarded(session, [&]() -> Result<void> {
    auto settings = settings_from(options);
    if (!settings) return std::unexpected(settings.error());
    if (path == nullptr || *path == 0) return fail(ErrorCode::usage, "core", "no path");
    session->shared->settle();
    session->shared->session.open_core(path, std::move(*settings));
    return {};
  });
}

int coreheap_open_pid(coreheap_session* session, uint64_t pid, const char* options) {
  return guarded(session, [&]() -> Result<void> {
    auto settings = settings_from(options);
    if (!settings) return std::unexpected(settings.error());
    session->shared->settle();
    session->shared->session.open_pid(pid, std::move(*settings));
    return {};
  });
}

int coreheap_open_held(coreheap_session* session, uint64_t pid, const coreheap_thread* threads,
                       size_t thread_count, const char* options) {
  return guarded(session, [&]() -> Result<void> {
    auto settings = settings_from(options);
    if (!settings) return std::unexpected(settings.error());
    session->shared->settle();
    session->shared->session.open_held(pid, held_threads(threads, thread_count),
                                       std::move(*settings));
    return {};
  });
}

int coreheap_open_regions(coreheap_session* session, const char* name, const char* maps,
                          const void* auxv, size_t auxv_size, const coreheap_thread* threads,
                          size_t thread_count, coreheap_read read, void* context,
                          const char* options) {
  return guarded(session, [&]() -> Result<void> {
    auto settings = settings_from(options);
    if (!settings) return std::unexpected(settings.error());
    if (maps == nullptr || read == nullptr) return fail(ErrorCode::usage, "regions", "no maps");
    session->shared->settle();
    image::RegionSource source;
    source.name = name == nullptr ? "regions" : name;
    source.maps = maps;
    if (auxv != nullptr) {
      const auto* bytes = static_cast<const std::byte*>(auxv);
      source.auxv.assign(bytes, bytes + auxv_size);
    }
    source.threads = held_threads(threads, thread_count);
    JobControl job;
    source.read = [&](Address a, std::span<std::byte> out) -> std::size_t {
      if (job.cancelled()) return 0;
      const size_t got = read(context, a.value, out.data(), out.size());
      if (got == static_cast<size_t>(-1)) {
        job.cancel();
        return 0;
      }
      return std::min(got, out.size());
    };
    auto image = image::open_regions(source, settings->open, job);
    if (!image) return std::unexpected(image.error());
    if (job.cancelled()) return fail(ErrorCode::cancelled, source.name, "cancelled");
    session->shared->session.hold(std::move(*image), std::move(*settings));
    return {};
  });
}

void coreheap_retire(coreheap_session* session) {
  guarded(session, [&]() -> Result<void> {
    session->shared->settle();
    session->shared->session.retire();
    return {};
  });
}

}  // extern "C"

namespace {

// Starts `answer(running, control)` on a thread of its own, behind a job that was cancelled.
template <class Answer>
coreheap_job* start(coreheap_session* session, Answer answer) noexcept {
  if (session == nullptr) return nullptr;
  try {
    auto running = std::make_shared<Running>();
    running->shared = session->shared;
    const std::shared_ptr<Running> before = session->shared->active.lock();
    const bool busy = before != nullptr && !before->job->finished();
    commands::Job::Work work;
    if (busy && !before->job->control().cancelled()) {
      work = [](JobControl&) {
        return outcome_of({ErrorCode::usage, "coreheap", "another command is still running", {}});
      };
    } else {
      if (busy) running->before = before;
      running->generation = session->shared->generation;
      work = [target = running.get(), answer = std::move(answer)](JobControl& control) {
        if (target->before != nullptr) {
          while (!target->before->job->wait_for(std::chrono::hours(1))) {
          }
        }
        return answer(*target, control);
      };
      session->shared->active = running;
    }
    running->job = std::make_unique<commands::Job>(std::move(work));
    return new coreheap_job{std::move(running), {}};
  } catch (...) {
    return nullptr;
  }
}

commands::Outcome answer_query(Running& running, const std::string& text, JobControl& control) {
  const commands::Arguments arguments;
  commands::Context context{running.shared->session, arguments, control, commands::Format::text};
  auto report = commands::query_report(context, text);
  if (!report) return outcome_of(report.error());
  running.rows = std::make_shared<commands::Report>(std::move(*report));
  return {running.rows->status, {}, {}};
}

int type_of(commands::ColumnType type) {
  switch (type) {
    case commands::ColumnType::text:
      return COREHEAP_TEXT;
    case commands::ColumnType::integer:
    case commands::ColumnType::identifier:
      return COREHEAP_INTEGER;
    case commands::ColumnType::bytes:
      return COREHEAP_BYTES;
    case commands::ColumnType::address:
      return COREHEAP_ADDRESS;
    case commands::ColumnType::percent:
    case commands::ColumnType::number:
      return COREHEAP_NUMBER;
    case commands::ColumnType::boolean:
      return COREHEAP_BOOLEAN;
  }
  return COREHEAP_TEXT;
}

}  // namespace

struct coreheap_cursor {
  std::shared_ptr<Running> running;
  commands::Table table;
  std::unique_ptr<commands::BatchReader> reader;
  std::vector<std::string> names;
  std::vector<std::string> texts;  // of the row at hand, each ended by a NUL
  std::size_t batch = 0;           // rows of the batch at hand
  std::size_t row = 0;             // the next one in it

  bool stale() const { return running->shared->generation != running->generation; }
};

extern "C" {

coreheap_job* coreheap_run(coreheap_session* session, const char* command_line, int width,
                           int style) {
  if (session == nullptr) return nullptr;
  try {
    commands::RenderStyle render;
    render.width = width > 0 ? width : 0;
    render.colour = style != 0;
    render.prefix = session->shared->session.prefix;
    return start(session, [render, line = std::string(command_line ? command_line : "")](
                              Running& running, JobControl& control) {
      return commands::run_line(running.shared->session, line, render, running.sink, control);
    });
  } catch (...) {
    return nullptr;
  }
}

coreheap_job* coreheap_query(coreheap_session* session, const char* query) {
  try {
    return start(session,
                 [text = std::string(query ? query : "")](Running& running, JobControl& control) {
                   return answer_query(running, text, control);
                 });
  } catch (...) {
    return nullptr;
  }
}

coreheap_cursor* coreheap_rows(coreheap_job* job) {
  if (job == nullptr || !job->running->job->finished() || job->running->rows == nullptr) {
    return nullptr;
  }
  try {
    const commands::Table* table = job->running->rows->main_table();
    auto cursor = std::make_unique<coreheap_cursor>();
    cursor->running = job->running;
    if (table != nullptr) cursor->table = *table;
    if (cursor->table.rows == nullptr)
      cursor->table.rows = std::make_shared<commands::FixedRows>(0);
    std::vector<unsigned> all;
    for (unsigned i = 0; i < cursor->table.columns.size(); ++i) {
      all.push_back(i);
      cursor->names.emplace_back(cursor->table.columns[i].name);
    }
    cursor->texts.resize(all.size());
    cursor->reader = std::make_unique<commands::BatchReader>(cursor->table, std::move(all));
    return cursor.release();
  } catch (...) {
    return nullptr;
  }
}

uint64_t coreheap_cursor_size(coreheap_cursor* cursor) {
  return cursor == nullptr || cursor->stale() ? 0 : cursor->table.rows->size();
}

int coreheap_cursor_columns(coreheap_cursor* cursor) {
  return cursor == nullptr ? 0 : static_cast<int>(cursor->names.size());
}

const char* coreheap_cursor_name(coreheap_cursor* cursor, int column) {
  if (column < 0 || column >= coreheap_cursor_columns(cursor)) return "";
  return cursor->names[static_cast<std::size_t>(column)].c_str();
}

int coreheap_cursor_type(coreheap_cursor* cursor, int column) {
  if (column < 0 || column >= coreheap_cursor_columns(cursor)) return COREHEAP_NONE;
  return type_of(cursor->table.columns[static_cast<std::size_t>(column)].type);
}

int coreheap_cursor_next(coreheap_cursor* cursor) {
  if (cursor == nullptr || cursor->stale()) return -1;
  try {
    if (cursor->row >= cursor->batch) {
      cursor->batch = cursor->reader->next();
      cursor->row = 0;
      if (cursor->batch == 0) return 0;
    }
    ++cursor->row;
    return 1;
  } catch (...) {
    return -1;
  }
}

int coreheap_cursor_cell(coreheap_cursor* cursor, int column, coreheap_value* value) {
  if (value == nullptr) return kFailed;
  *value = {COREHEAP_NONE, 0, 0, 0, "", 0};
  if (column < 0 || column >= coreheap_cursor_columns(cursor)) return kFailed;
  if (cursor->stale() || cursor->row == 0 || cursor->row > cursor->batch) return kFailed;
  try {
    const auto index = static_cast<std::size_t>(column);
    const commands::Cell& cell = cursor->reader->at(index, cursor->row - 1);
    switch (cell.kind) {
      case commands::Cell::Kind::absent:
        break;
      case commands::Cell::Kind::text:
        cursor->texts[index] = cell.text;
        value->type = COREHEAP_TEXT;
        value->text = cursor->texts[index].c_str();
        value->length = cursor->texts[index].size();
        break;
      case commands::Cell::Kind::integer:
        value->type = cursor->table.columns[index].type == commands::ColumnType::bytes
                          ? COREHEAP_BYTES
                          : COREHEAP_INTEGER;
        value->integer = cell.integer();
        break;
      case commands::Cell::Kind::number:
      case commands::Cell::Kind::real:
        value->type = COREHEAP_NUMBER;
        value->number = cell.number();
        break;
      case commands::Cell::Kind::address:
        value->type = COREHEAP_ADDRESS;
        value->address = cell.bits;
        break;
      case commands::Cell::Kind::boolean:
        value->type = COREHEAP_BOOLEAN;
        value->integer = cell.bits != 0 ? 1 : 0;
        break;
    }
    return kDone;
  } catch (...) {
    return kFailed;
  }
}

void coreheap_cursor_free(coreheap_cursor* cursor) { delete cursor; }

int coreheap_poll(coreheap_job* job, int timeout_ms) {
  if (job == nullptr) return kFailed;
  try {
    const auto time = std::chrono::milliseconds(timeout_ms > 0 ? timeout_ms : 0);
    if (!job->running->job->wait_for(time)) return COREHEAP_RUNNING;
    return job->running->job->outcome().status;
  } catch (...) {
    return kFailed;
  }
}

const char* coreheap_progress(coreheap_job* job) {
  if (job == nullptr) return "";
  try {
    job->progress = commands::progress_text(job->running->job->control());
    return job->progress.c_str();
  } catch (...) {
    return "";
  }
}

void coreheap_cancel(coreheap_job* job) {
  if (job != nullptr) job->running->job->control().cancel();
}

const char* coreheap_output(coreheap_job* job, size_t* length) {
  if (length != nullptr) *length = 0;
  if (job == nullptr || !job->running->job->finished()) return "";
  const std::string& text = job->running->sink.text();
  if (length != nullptr) *length = text.size();
  return text.c_str();
}

const char* coreheap_job_error(coreheap_job* job) {
  if (job == nullptr || !job->running->job->finished()) return "";
  return job->running->job->outcome().error.c_str();
}

uint64_t coreheap_result_address(coreheap_job* job) {
  if (job == nullptr || !job->running->job->finished()) return 0;
  return job->running->job->outcome().result_address.value;
}

void coreheap_job_free(coreheap_job* job) {
  if (job == nullptr) return;
  coreheap_cancel(job);
  while (coreheap_poll(job, INT_MAX) == COREHEAP_RUNNING) {
  }
  delete job;
}

const char* coreheap_complete(coreheap_session* session, const char* command_line) {
  return guarded_text(session, [&] {
    std::string text;
    for (const std::string& word : commands::completions(command_line ? command_line : "")) {
      text += word + "\n";
    }
    return text;
  });
}

const char* coreheap_commands(coreheap_session* session) {
  return guarded_text(session, [] {
    std::string text;
    std::string aliases;
    for (const commands::Command& command : commands::all_commands()) {
      if (command.hidden) continue;
      text += std::string(command.name) + "\t" + std::string(command.summary) + "\n";
      for (const std::string_view alias : command.aliases) {
        aliases += std::string(alias) + "\t= " + std::string(command.name) + "\n";
      }
    }
    return text + aliases;
  });
}

const char* coreheap_help(coreheap_session* session, const char* command) {
  return guarded_text(session, [&] {
    const commands::Command* found = commands::find_command(command ? command : "");
    return found == nullptr ? std::string()
                            : commands::manual_page(*found, session->shared->session.prefix);
  });
}

}  // extern "C"
