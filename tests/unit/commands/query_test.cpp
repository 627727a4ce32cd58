// `select` and `query` on a small process: the text arrives as it was typed, the footer adds up,
// and what is wrong with a query is said to people and to machines.
#include <nlohmann/json.hpp>

#include "commands/completion.h"
#include "commands/query_rows.h"
#include "commands/words.h"
#include "querylang/named_queries.h"
#include "tests/unit/catch.h"
#include "tests/unit/commands/fake_target.h"

using namespace coreheap;
using namespace coreheap::commands;

namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a query is taken as it was typed, quotes and bars and all") {
  const Ran ran =
      run_on(small_process(), R"(select kind == "string data" and size > 64 | show size)");
  CHECK(ran.outcome.error.empty());
  CHECK(ran.outcome.status == 0);
  CHECK(ran.text.starts_with("size\n----\n80 B\n\n1 row matched; 80 B"));
}

TEST_CASE(
    "options stand in front of a query or behind it, and a shell's quotes around it fall off") {
  const auto stages = small_process();
  const std::string expected = run_on(stages, "select --format csv size > 60 | show size").text;
  CHECK(expected == "size\n64\n64\n256\n80\n");
  for (const char* line :
       {"select size > 60 | show size --format csv", "select --format=csv 'size > 60 | show size'",
        "select \"size > 60 | show size\" --format csv",
        "select --format csv -- size > 60 | show size"}) {
    INFO(line);
    CHECK(run_on(stages, line).text == expected);
  }
  CHECK(run_on(stages, "select --limit 1 size > 60 | show size --format csv").text == "size\n64\n");
}

TEST_CASE("words that a shell has split are one query") {
  Session session;
  session.open_with("pid 7", [](JobControl&) -> Result<std::unique_ptr<Target>> {
    return std::make_unique<FakeTarget>(small_process());
  });
  StringSink sink;
  JobControl job;
  const std::vector<std::string> words = {"select", "size",  ">",        "60",
                                          "|",      "count", "--format", "csv"};
  CHECK(run_words(session, words, {}, sink, job).status == 0);
  CHECK(sink.text() == "count()\n4\n");
}

TEST_CASE("one argument is as good as a line") {
  Session session;
  session.open_with("pid 7", [](JobControl&) -> Result<std::unique_ptr<Target>> {
    return std::make_unique<FakeTarget>(small_process());
  });
  StringSink sink;
  JobControl job;
  const std::vector<std::string> words = {"select",
                                          "--format csv kind == \"string data\" | show size"};
  CHECK(run_words(session, words, {}, sink, job).status == 0);
  CHECK(sink.text() == "size\n80\n");
}

TEST_CASE("without a query every block in use is a row, and the footer is their sum") {
  const Ran ran = run_on(small_process(), "select --format json");
  const auto json = nlohmann::json::parse(ran.text);
  CHECK(json["rows"].size() == 5);
  std::uint64_t sum = 0;
  for (const auto& row : json["rows"]) sum += row["size"].get<std::uint64_t>();
  const auto& summary = json["sections"][0];
  CHECK(summary["name"] == "summary");
  CHECK(summary["values"]["matched"] == 5);
  CHECK(summary["values"]["bytes"] == sum);
}

TEST_CASE(
    "text shows 20 rows and says how many there are, but a limit of the query's own is meant") {
  auto stages = small_process();
  const std::string many = run_on(stages, "select from rows | show addr").text;
  CHECK(holds(many, "7 rows matched; "));
  const std::string few = run_on(stages, "select --limit 2 from rows | show addr").text;
  CHECK(holds(few, "7 rows matched, 2 shown"));
  CHECK(holds(few, "(5 more rows: --limit all)"));
  const std::string own = run_on(stages, "select from rows | limit 3 | show addr").text;
  CHECK(holds(own, "7 rows matched, 3 shown"));
  CHECK_FALSE(holds(own, "more rows"));
}

TEST_CASE("a wrong query is shown with a caret, or as fields where a machine asked") {
  const Ran ran = run_on(small_process(), "select siez > 1K");
  CHECK(ran.outcome.status == 2);
  CHECK(ran.text.empty());
  CHECK(ran.outcome.error ==
        "error[unknown-attribute]: no attribute is called siez\n  siez > 1K\n  ^^^^\n"
        "  hint: did you mean \"size\"? (a field of the object: .siez)");
  const Ran machine = run_on(small_process(), "select --format json siez > 1K");
  CHECK(machine.outcome.status == 2);
  const auto json = nlohmann::json::parse(machine.text);
  const auto& values = json["sections"][0]["values"];
  CHECK(values["code"] == "unknown-attribute");
  CHECK(values["start"] == 0);
  CHECK(values["end"] == 4);
  CHECK(holds(values["hint"].get<std::string>(), "size"));
}

TEST_CASE(
    "a line of sets that reads as one query is one, quotes and names of local classes are not") {
  for (const std::string_view line :
       {"type == \"str\" and size > 2K", "module in (\"a\", \"b\")", "size>2K", "not .closed",
        "  .closed is none", "type ~ \"a b\""}) {
    INFO(line);
    CHECK(reads_as_query(line));
  }
  for (const std::string_view line : {"", "app.Node", "0x7f00 #3 app.Node", "app.f.<locals>.Node",
                                      "'size > 2K' app.Node", "\"size > 2K\" 'refcnt == 1'"}) {
    INFO(line);
    CHECK_FALSE(reads_as_query(line));
  }
  CHECK(is_query("a.<locals>.b.<lambda> > 1"));
  CHECK_FALSE(is_query("a.<locals>.b.<lambda>"));
}

TEST_CASE("a query is checked before the target is opened") {
  Session session;
  StringSink sink;
  JobControl job;
  const Outcome outcome = run_line(session, "select siez > 1", {}, sink, job);
  CHECK(outcome.status == 2);
  CHECK(outcome.error.starts_with("error[unknown-attribute]"));
}

TEST_CASE("saved rows last for the session and go with the target") {
  Session session;
  session.prefix = "heap ";
  const auto open = [&] {
    session.open_with("pid 7", [](JobControl&) -> Result<std::unique_ptr<Target>> {
      return std::make_unique<FakeTarget>(small_process());
    });
  };
  open();
  const auto run = [&](std::string_view line) {
    StringSink sink;
    JobControl job;
    const Outcome outcome = run_line(session, line, {}, sink, job);
    return outcome.error.empty() ? sink.text() : outcome.error;
  };
  run("select size == 64 | as $nodes");
  CHECK(run("select --format csv from $nodes | count") == "count()\n2\n");
  open();
  CHECK(holds(run("select from $nodes | count"), "error[unknown-variable]"));
}

TEST_CASE("each named query has a title and runs") {
  const auto all = query::named_queries();
  CHECK(all.size() >= 25);
  for (const query::NamedQuery& one : all) {
    INFO(one.name << ": " << one.text);
    CHECK_FALSE(one.title.empty());
    CHECK(one.title.size() < 78);
    const Ran ran = run_on(small_process(), "query " + one.name);
    CHECK(ran.outcome.error.empty());
    CHECK(ran.outcome.status == 0);
    CHECK(holds(ran.text, one.title));
    // The line that repeats it can be pasted.
    CHECK(run_on(small_process(), "select " + commands::quoted(one.text)).outcome.status == 0);
  }
  CHECK(holds(run_on(nullptr, "query").text, "by-type"));
  CHECK(run_on(small_process(), "query by-tpye").outcome.error.find("try: by-type") !=
        std::string::npos);
}

TEST_CASE("explain prints the plan in place of rows") {
  const Ran ran = run_on(small_process(), "select size > 60 and kind like \"a*\" | explain");
  CHECK(ran.outcome.status == 0);
  CHECK(holds(ran.text, "where kind like \"a*\""));
  CHECK(holds(ran.text, "table lookup"));
}

TEST_CASE("words of a query are completed from its tables") {
  const auto all = completions("select size > 1K and own");
  CHECK(std::find(all.begin(), all.end(), "owner_type") != all.end());
  CHECK(completions("select --fo") == std::vector<std::string>{"--format"});
  const auto names = completions("query by-");
  CHECK(std::find(names.begin(), names.end(), "by-owner") != names.end());
}

TEST_CASE("every word of the language has its line in the help") {
  const std::string page = run_on(nullptr, "help query").text;
  for (const char* word : {"refcnt", "retained", "isa(", "p99(", "from ...", "group by",
                           "histogram", "cycles", "needs two snapshots", "$NAME"}) {
    INFO(word);
    CHECK(holds(page, word));
  }
  std::size_t begin = 0;
  while (begin < page.size()) {
    const std::size_t end = page.find('\n', begin);
    CHECK(end - begin <= 80);
    begin = end + 1;
  }
}

}  // namespace
