// The same report in each format.
#include "commands/render/render.h"

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;

namespace {

Report sample() {
  Report report;
  report.command = "types";
  report.target = "pid 7";
  Table table;
  table.columns = {{"type", "", ColumnType::text, ""},     {"objects", "", ColumnType::integer, ""},
                   {"total", "", ColumnType::bytes, ""},   {"at", "", ColumnType::address, ""},
                   {"share", "", ColumnType::percent, ""}, {"static", "", ColumnType::boolean, ""}};
  auto rows = std::make_shared<FixedRows>(6);
  rows->add({Cell::of_text("a,\"b\"\n\xff"), Cell::of_count(1234), Cell::of_count(5000),
             Cell::of_address({0xabc}), Cell::of_number(12.345), Cell::of_boolean(true)});
  rows->add({Cell::of_text("caf\xc3\xa9"), Cell::of_integer(-1), Cell::absent()});
  table.rows = rows;
  table.totals = {{"objects", Cell::of_count(1233)}, {"total", Cell::of_count(5000)}};
  report.add("types", "", std::move(table));
  return report;
}

std::string rendered(const Report& report, Format format, RenderStyle style = {}) {
  style.tool = "coreheap 0";
  style.prefix = "heap ";
  StringSink sink;
  JobControl job;
  REQUIRE(render(report, format, style, sink, job));
  return sink.text();
}

}  // namespace

TEST_CASE("CSV quotes only what RFC 4180 says, ends lines with LF and is UTF-8") {
  CHECK(rendered(sample(), Format::csv) ==
        "type,objects,total,at,share,static\n"
        "\"a,\"\"b\"\"\n\xef\xbf\xbd\",1234,5000,0xabc,12.35,true\n"
        "caf\xc3\xa9,-1,,,,\n");
}

TEST_CASE("JSON lines are an object a row, absent is null, addresses are strings") {
  CHECK(rendered(sample(), Format::jsonl) ==
        "{\"type\":\"a,\\\"b\\\"\\n\xef\xbf\xbd\",\"objects\":1234,\"total\":5000,\"at\":\"0xabc\","
        "\"share\":12.35,\"static\":true}\n"
        "{\"type\":\"caf\xc3\xa9\",\"objects\":-1,\"total\":null,\"at\":null,\"share\":null,"
        "\"static\":null}\n");
}

TEST_CASE("JSON has the envelope of schema 1") {
  Report report = sample();
  report.add("more", "MORE", [] {
    KeyValues values;
    values.count("n", 5);
    values.text("t", "\x01");
    return values;
  }());
  report.coverage = census::Coverage{100, 2, 3, 4, 5};
  report.findings = {{Address{0x10}, "bad", "word 7", Severity::damage}};
  report.next = {{"show 0x10", "there"}};
  CHECK(rendered(report, Format::json) ==
        "{\"schema\": 1, \"tool\": \"coreheap 0\", \"target\": \"pid 7\", \"command\": \"types\",\n"
        " \"columns\": [{\"name\": \"type\", \"type\": \"text\", \"unit\": null}, "
        "{\"name\": \"objects\", \"type\": \"integer\", \"unit\": null}, "
        "{\"name\": \"total\", \"type\": \"bytes\", \"unit\": \"bytes\"}, "
        "{\"name\": \"at\", \"type\": \"address\", \"unit\": null}, "
        "{\"name\": \"share\", \"type\": \"percent\", \"unit\": \"percent\"}, "
        "{\"name\": \"static\", \"type\": \"boolean\", \"unit\": null}],\n"
        " \"rows\": [\n"
        "  {\"type\": \"a,\\\"b\\\"\\n\xef\xbf\xbd\", \"objects\": 1234, \"total\": 5000, \"at\": "
        "\"0xabc\", "
        "\"share\": 12.35, \"static\": true},\n"
        "  {\"type\": \"caf\xc3\xa9\", \"objects\": -1, \"total\": null, \"at\": null, \"share\": "
        "null, "
        "\"static\": null}],\n"
        " \"totals\": {\"objects\": 1233, \"total\": 5000},\n"
        " \"sections\": [\n"
        "  {\"name\": \"more\", \"values\": {\"n\": 5, \"t\": \"\\u0001\"}}],\n"
        " \"coverage\": {\"allocator_bytes\": 100, \"unreadable_bytes\": 2, \"damaged_bytes\": 3, "
        "\"uncategorized_bytes\": 4, \"uncategorized_count\": 5},\n"
        " \"findings\": [{\"address\": \"0x10\", \"what\": \"bad\", \"evidence\": \"word 7\", "
        "\"severity\": \"damage\"}],\n"
        " \"next\": [\"heap show 0x10\"]}\n");
}

TEST_CASE("Text aligns columns, keeps control characters out, and puts totals below") {
  CHECK(rendered(sample(), Format::text) ==
        "type           objects    total  at     share  static\n"
        "-------------  -------  -------  -----  -----  ------\n"
        "a,\"b\"\\x0a\\xff    1,234  4.9 KiB  0xabc   12 %  yes\n"
        "caf\xc3\xa9                -1        -  -          -  -\n"
        "-------------  -------  -------  -----  -----  ------\n"
        "TOTAL            1,233  4.9 KiB\n");
}

TEST_CASE("Text says how many rows were left out, and what is next") {
  Report report = sample();
  report.main_table()->limit = 1;
  report.not_seen = "nothing";
  report.next = {{"used", "all of it"}, {"types --limit all", ""}};
  const std::string text = rendered(report, Format::text);
  CHECK(text.find("(1 more rows: --limit all)\n") != std::string::npos);
  CHECK(text.find("\nNOT SEEN  nothing\n") != std::string::npos);
  CHECK(text.ends_with(
      "\nNEXT   heap used               all of it\n       heap types --limit all\n"));
}

TEST_CASE("On a terminal the widest text gives way, figures never") {
  Report report;
  Table table;
  table.columns = {{"name", "", ColumnType::text, ""}, {"n", "", ColumnType::integer, ""}};
  auto rows = std::make_shared<FixedRows>(2);
  rows->add({Cell::of_text(std::string(60, 'x')), Cell::of_count(123456789)});
  table.rows = rows;
  report.add("t", "", std::move(table));
  RenderStyle style;
  style.width = 40;
  CHECK(rendered(report, Format::text, style) ==
        "name                                   n\n"
        "---------------------------  -----------\n"
        "xxxxxxxxxxxxxxxxxxxxxxxx...  123,456,789\n");
  // Without a terminal that is not cut.
  CHECK(rendered(report, Format::text).find(std::string(60, 'x')) != std::string::npos);
}

TEST_CASE(
    "A text of megabytes does not widen the column for all, and the other formats have it whole") {
  const std::string body(300'000, 'x');
  Report report;
  Table table;
  table.columns = {{"body", "", ColumnType::text, ""}, {"n", "", ColumnType::integer, ""}};
  auto rows = std::make_shared<FixedRows>(2);
  rows->add({Cell::of_text(body), Cell::of_count(1)});
  rows->add({Cell::of_text("short"), Cell::of_count(2)});
  table.rows = rows;
  report.add("t", "", std::move(table));
  CHECK(rendered(report, Format::text) ==
        "body" + std::string(196, ' ') + "  n\n" + std::string(200, '-') + "  -\n" +
            std::string(197, 'x') + "...  1\nshort" + std::string(195, ' ') + "  2\n");
  CHECK(rendered(report, Format::csv) == "body,n\n" + body + ",1\nshort,2\n");
}

TEST_CASE("Colour is there only when it is allowed") {
  RenderStyle style;
  CHECK(rendered(sample(), Format::text, style).find('\x1b') == std::string::npos);
  style.colour = true;
  CHECK(rendered(sample(), Format::text, style).find("\x1b[1m") != std::string::npos);
}

TEST_CASE("Rendering stops when it is cancelled, and when nobody reads any more") {
  class Closed final : public Sink {
   public:
    bool write(std::string_view) override { return false; }
  };
  Closed closed;
  JobControl job;
  const auto unread = render(sample(), Format::csv, {}, closed, job);
  REQUIRE_FALSE(unread);
  CHECK(unread.error().code == ErrorCode::io_error);
  job.cancel();
  StringSink sink;
  const auto cancelled = render(sample(), Format::json, {}, sink, job);
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == ErrorCode::cancelled);
}
