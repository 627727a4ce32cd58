// `gc`: the cyclic garbage collector, as the module `gc` would describe it.
#include <fmt/format.h>

#include <utility>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/gc_rows.h"
#include "commands/screens.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/value.h"

namespace coreheap::commands {

namespace {

using python::GcGeneration;
using python::GcState;
using python::GcStates;

// A list of callbacks or of garbage is shown up to here; its length is always whole.
constexpr std::uint64_t kMostShown = 100000;
// With address and type a line of 80 columns.
constexpr std::uint64_t kValueChars = 40;

std::vector<Column> columns() {
  return {
      {"interpreter", "", ColumnType::identifier, "whose collector", false},
      {"generation", "", ColumnType::text, "0 is the youngest; permanent: gc.freeze()"},
      {"objects", "", ColumnType::integer, "objects in its list"},
      {"count", "", ColumnType::integer, "0: allocations less frees; 1, 2: younger collections"},
      {"threshold", "", ColumnType::integer, "it is collected when count is above; 0: never"},
      {"collections", "", ColumnType::integer, "how often it was collected"},
      {"collected", "", ColumnType::integer, "objects that this freed"},
      {"uncollectable", "", ColumnType::integer, "objects that could not be freed"},
      {"list", "", ColumnType::address, "head of its list", false},
  };
}

Cell cell_of(const std::optional<std::int32_t>& value) {
  return value ? Cell::of_integer(*value) : Cell::absent();
}

Table generation_table(const GcStates& states, const python::GcMembers& members) {
  Table table;
  table.columns = columns();
  table.columns.front().in_text = states.states.size() > 1;
  table.cut_as_text = false;  // four lines an interpreter
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const auto add = [&](std::size_t s, std::size_t g, const GcGeneration& generation) {
    if (!generation.head && !generation.count && !generation.statistics) return;
    const auto& statistics = generation.statistics;
    const auto figure = [&](std::uint64_t python::GcStatistics::*member) {
      return statistics ? Cell::of_count((*statistics).*member) : Cell::absent();
    };
    rows->add({Cell::of_count(states.states[s].interpreter_id), Cell::of_text(generation_name(g)),
               generation.head ? Cell::of_count(members.count(s, g)) : Cell::absent(),
               cell_of(generation.count), cell_of(generation.threshold),
               figure(&python::GcStatistics::collections), figure(&python::GcStatistics::collected),
               figure(&python::GcStatistics::uncollectable),
               generation.head ? Cell::of_address(generation.head) : Cell::absent()});
  };
  for (std::size_t s = 0; s < states.states.size(); ++s) {
    const GcState& state = states.states[s];
    for (std::size_t g = 0; g < python::kGenerations; ++g) add(s, g, state.generations[g]);
    if (state.permanent) add(s, python::kPermanent, *state.permanent);
  }
  table.rows = rows;
  return table;
}

// When the youngest generation is collected next, in words.
std::string next_collection(const GcState& state) {
  const GcGeneration& young = state.generations[0];
  if (state.collecting.value_or(false)) return "it is running now";
  if (!state.enabled.value_or(true)) return "never by itself: gc.disable() was called";
  if (!young.threshold || !young.count) return "";
  if (*young.threshold == 0) return "never by itself: the threshold of generation 0 is 0";
  const std::int64_t left = std::int64_t{*young.threshold} - *young.count + 1;
  if (left <= 0) return "at the next chance";
  return fmt::format("after {} more tracked objects than are freed", with_thousands(left));
}

KeyValues state_values(const GcStates& states, std::size_t s, const python::GcMembers& members,
                       python::ObjectReader& reader) {
  const GcState& state = states.states[s];
  KeyValues values;
  const auto boolean = [&](const char* key, const std::optional<bool>& value) {
    if (value) values.boolean(key, *value);
  };
  const auto list = [&](const std::string& key, Address a) {
    const auto view = a ? python::view_list(reader, a) : std::nullopt;
    if (!view) return;
    values.count(key, view->size);
    values.address(key + "_list", a, key + " list");
  };
  if (state.interpreter) {
    values.identifier("interpreter", state.interpreter_id);
    values.address("interpreter_address", state.interpreter, "its state at");
  }
  boolean("enabled", state.enabled);
  boolean("collecting", state.collecting);
  if (state.debug) {
    values.text("debug", python::gc_debug_text(*state.debug));
    values.identifier("debug_flags", *state.debug, "debug flags");
  }
  if (state.permanent) values.count("frozen", members.count(s, python::kPermanent));
  list("garbage", state.garbage);
  list("callbacks", state.callbacks);
  if (state.long_lived_total) {
    values.count("long_lived_total", *state.long_lived_total, "long-lived");
  }
  if (state.long_lived_pending) {
    values.count("long_lived_pending", *state.long_lived_pending, "long-lived, new");
  }
  if (state.incremental) values.boolean("incremental", true);
  values.text("next_collection", next_collection(state), "next collection");
  return values;
}

// The items of a list that the collector keeps.
Table list_table(const GcStates& states, Address GcState::*which, bool values,
                 python::Decoder& decoder) {
  Table table;
  table.columns = {{"interpreter", "", ColumnType::identifier, "", states.states.size() > 1},
                   {"object", "", ColumnType::address, ""},
                   {"type", "", ColumnType::text, ""},
                   {"value", "", ColumnType::text, "", values}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const GcState& state : states.states) {
    const Address list = state.*which;
    const auto view = list ? python::view_list(decoder.reader(), list) : std::nullopt;
    for (std::uint64_t i = 0; view && i < view->size && i < kMostShown; ++i) {
      const auto item = decoder.memory().read_address(view->items + 8 * i);
      if (!item) break;
      const auto object = decoder.object(*item);
      std::string value;
      if (values && object) {
        value = printable(
            python::value_text(decoder, *item, python::ValueOptions::of_chars(kValueChars)));
      }
      rows->add({Cell::of_count(state.interpreter_id), Cell::of_address(*item),
                 object ? Cell::of_text(object->type->name) : Cell::absent(),
                 value.empty() ? Cell::absent() : Cell::of_text(value)});
    }
  }
  table.rows = rows;
  return table;
}

Result<Report> run(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const image::Image& image = (*target)->image();
  if (*runtime == nullptr || (*runtime)->layout == nullptr) {
    return fail(ErrorCode::no_python, image.source, "no CPython runtime is inside",
                "used  (what native blocks hold)");
  }
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());
  const auto states = std::make_shared<const GcStates>(python::find_gc_states(image, **runtime));
  auto walked = python::GcMembers::walk(image, **runtime, *states, context.job);
  if (!walked) return std::unexpected(walked.error());
  const auto members = std::make_shared<const python::GcMembers>(std::move(*walked));

  if (context.arguments.has("objects")) {
    const auto census = (*target)->census(context.job);
    if (!census) return std::unexpected(census.error());
    Report report = report_on(**target, **census);
    Table table;
    table.columns = gc_object_columns();
    table.rows = gc_object_rows(**census, image, **runtime, **types, states, members);
    report.add("objects", "", std::move(table));
    report.next = {{"gc", "generations, settings, garbage"}};
    return report;
  }

  Report report = report_on(**target);
  report.main_name = "generations";
  report.findings = states->findings;
  report.findings.insert(report.findings.end(), members->findings().begin(),
                         members->findings().end());
  python::Decoder decoder(image.space, **runtime, **types);
  report.add("generations", "GENERATIONS", generation_table(*states, *members));
  for (std::size_t s = 0; s < states->states.size(); ++s) {
    const bool several = states->states.size() > 1;
    const std::uint64_t id = states->states[s].interpreter_id;
    report.add(several ? fmt::format("collector_{}", id) : "collector",
               several ? fmt::format("COLLECTOR of interpreter {}", id) : "COLLECTOR",
               state_values(*states, s, *members, decoder.reader()));
  }
  for (const auto& [name, title, which] :
       {std::tuple("callbacks", "CALLBACKS, called before and after each collection",
                   &GcState::callbacks),
        std::tuple("garbage", "GARBAGE, what the collector kept in gc.garbage",
                   &GcState::garbage)}) {
    Table table = list_table(*states, which, context.arguments.has("values"), decoder);
    if (table.rows->size() == 0 && context.format == Format::text) continue;
    report.add(name, title, std::move(table));
  }
  report.next = {{"gc --objects", "each object: tracked, its generation, finalized"},
                 {"types", "live objects by type"}};
  return report;
}

}  // namespace

Command gc_command() {
  return {
      .name = "gc",
      .aliases = {},
      .summary = "the garbage collector: generations, settings, garbage",
      .description =
          "What the module gc says in the target: objects, counts, thresholds and statistics of\n"
          "each generation, whether the collector is on, its debug flags, how many objects are\n"
          "frozen, gc.garbage and gc.callbacks. With --objects one line an object of a type that\n"
          "the collector knows: whether it is tracked, and in which generation.",
      .usage = "",
      .options = {{"objects", 0, "", "the objects themselves, one a line, by address"},
                  {"values", 0, "", "write the values of garbage and callbacks too"}},
      .columns = columns(),
      .group = Group::alive,
      .run = run};
}

}  // namespace coreheap::commands
