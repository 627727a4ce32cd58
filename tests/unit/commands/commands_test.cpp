// Commands on a small process made by hand.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "commands/completion.h"
#include "commands/figures.h"
#include "commands/manual.h"
#include "tests/unit/catch.h"
#include "tests/unit/commands/fake_target.h"

using namespace coreheap;
using namespace coreheap::commands;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// What each command needs as words.
std::string words_for(const Command& command) {
  if (command.name == "arena") return "arena 0";
  if (command.min_words > 0) return std::string(command.name) + " 0x10000";
  return std::string(command.name);
}

}  // namespace

TEST_CASE("export writes every row with the decided columns, as CSV, without being told") {
  const Ran ran = run_on(small_process(), "export");
  CHECK(ran.outcome.status == 0);
  CHECK(ran.text ==
        "address,size,state,allocator,domain,kind,detail,object,type,shallow,refcount,owner,"
        "notes\n"
        "0x10000,64,used,pymalloc,python,app.Node,,0x10010,app.Node,,,,\n"
        "0x10040,64,used,pymalloc,python,app.Node,,0x10050,app.Node,,,,\n"
        "0x10080,48,used,pymalloc,python,list,,0x10090,list,,,,\n"
        "0x10100,256,used,pymalloc,cpython,list items,,,,,,0x10090,\n"
        "0x10200,80,used,pymalloc,C,string data,\"a \"\"b\"\", c\",,,,,,\n"
        "0x10300,512,free,pymalloc,free,pymalloc block,,,,,,,\n"
        "0x10500,96,cached,pymalloc,cpython,free list,,0x10510,list,,,,\n");
}

TEST_CASE("export --ranges and the rows add up to the mapping") {
  const Ran ran = run_on(small_process(), "export --ranges --columns size");
  std::uint64_t bytes = 0;
  for (const std::string& line : lines_of(ran.text))
    bytes += std::strtoull(line.c_str(), nullptr, 10);
  CHECK(bytes + 64 + 64 + 48 + 256 + 80 + 512 + 96 == 0x4000);
}

TEST_CASE("types counts live objects and charges buffers to their owners") {
  const Ran ran = run_on(small_process(), "types --format csv");
  CHECK(ran.text ==
        "type,objects,shallow,own,buffers,total,notes\n"
        "list,1,,48,256,304,\n"
        "app.Node,2,,128,0,128,\n");
}

TEST_CASE("types with a text has the lines whose name has it, and their total") {
  CHECK(run_on(small_process(), "types app. --format csv --columns type,total").text ==
        "type,total\napp.Node,128\n");
  const std::string text = run_on(small_process(), "types Node").text;
  CHECK(contains(text, "TOTAL           2"));
  CHECK_FALSE(contains(text, "list"));
  CHECK(contains(run_on(small_process(), "types nothing").text, "(none)"));
}

TEST_CASE("used, free and all are parts of one whole") {
  CHECK(run_on(small_process(), "used --format csv").text ==
        "domain,kind,detail,count,size\n"
        "cpython,list items,,1,256\n"
        "python,app.Node,,2,128\n"
        "C,string data,\"a \"\"b\"\", c\",1,80\n"
        "python,list,,1,48\n");
  CHECK(run_on(small_process(), "free --format csv").text ==
        "domain,kind,detail,state,count,size\n"
        "free,pymalloc block,,free,1,512\n"
        "cpython,free list,,cached,1,96\n");
  CHECK(contains(run_on(small_process(), "all --format json").text,
                 "\"totals\": {\"count\": 7, \"size\": 1120}"));
}

TEST_CASE("used --rows lists the blocks") {
  const Ran ran = run_on(small_process(), "used --rows --columns address,kind --format csv");
  CHECK(lines_of(ran.text).size() == 6);
  CHECK(contains(ran.text, "0x10200,string data"));
  CHECK_FALSE(contains(ran.text, "0x10300"));
}

TEST_CASE("sizes counts blocks by allocator and size") {
  CHECK(run_on(small_process(), "sizes --format csv --limit 2").text ==
        "allocator,block_size,used,cached,free,used_bytes,total_bytes\n"
        "pymalloc,512,0,0,1,0,512\n"
        "pymalloc,256,1,0,0,256,256\n");
}

TEST_CASE("The first screen fits, is plain ASCII, and its table adds up to RSS") {
  const Ran ran = run_on(small_process(), "");
  CHECK(ran.outcome.status == 0);
  const auto lines = lines_of(ran.text);
  CHECK(lines.size() <= 40);
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  }
  CHECK(contains(ran.text, "coreheap  pid 7  python3 app.py\n"));
  CHECK(contains(ran.text, "(sum equals VmRSS to the page)"));
  CHECK(contains(ran.text, "NOT SEEN"));
  CHECK(contains(ran.text, "NEXT   heap "));

  std::uint64_t bytes = 0;
  for (const std::string& line :
       lines_of(run_on(small_process(), "heap --format csv --columns bytes").text)) {
    bytes += std::strtoull(line.c_str(), nullptr, 10);
  }
  CHECK(bytes == 0x3000);
}

TEST_CASE("VmRSS is printed beside the sum where it differs") {
  auto stages = small_process();
  stages->image.process.vm_rss = 0x4000;
  CHECK(contains(run_on(stages, "heap").text, "(VmRSS says 16.0 KiB)"));
}

TEST_CASE("show explains the block around an interior address, and its object is the result") {
  const Ran object = run_on(small_process(), "show 0x10085");
  CHECK(contains(object.text, "0x10080 + 5"));
  CHECK(contains(object.text, "list"));
  CHECK(object.outcome.result_address == Address{0x10090});
  const Ran buffer = run_on(small_process(), "at 65800");  // 0x10108
  CHECK(contains(buffer.text, "list items"));
  CHECK(contains(buffer.text, "heap show 0x10090"));
  const Ran gap = run_on(small_process(), "show 0x100b8");
  CHECK(contains(gap.text, "pool slack"));
  const Ran missing = run_on(small_process(), "show 0x13010");
  CHECK(contains(missing.text, "not in the image"));
}

TEST_CASE("Without a Python runtime show says what the census says, and value that there is none") {
  const Ran object = run_on(small_process(), "show 0x10010");
  CHECK(contains(object.text, "app.Node"));
  CHECK_FALSE(contains(object.text, "VALUE"));
  const Ran value = run_on(small_process(), "repr 0x10010");
  CHECK(value.outcome.status == 1);
  CHECK(contains(value.outcome.error, "no CPython runtime"));
  CHECK(run_on(small_process(), "value 0x10010 --max-value x").outcome.status == 2);
}

TEST_CASE("Values are exported only where a column asks for them") {
  CHECK_FALSE(contains(run_on(small_process(), "export").text, "value"));
  CHECK(
      run_on(small_process(), "export --columns object,value").text.starts_with("object,value\n"));
  CHECK(run_on(small_process(), "export --max-value x").outcome.status == 2);
}

TEST_CASE("An address that is not mapped is an error that names it") {
  for (const char* line : {"show 0x900000", "x 0x900000", "x 0xfffffffffffffff8"}) {
    const Ran ran = run_on(small_process(), line);
    CHECK(ran.outcome.status == 1);
    CHECK(ran.text.empty());
    CHECK(contains(ran.outcome.error, "0x"));
  }
}

TEST_CASE("x shows missing bytes as question marks, never as zeroes") {
  const Ran ran = run_on(small_process(), "x 0x12ff8 16");
  CHECK(contains(
      ran.text,
      "0000000000012ff8  41 41 41 41 41 41 41 41  ?? ?? ?? ?? ?? ?? ?? ??  AAAAAAAA........\n"));
  CHECK(run_on(small_process(), "hexdump 0x10000 18 --format csv").text ==
        "address,hex,text\n"
        "0x10000,41414141414141414141414141414141,AAAAAAAAAAAAAAAA\n"
        "0x10010,4141,AA\n");
  CHECK(run_on(small_process(), "x 0x10000 0").outcome.status == 2);
  CHECK(run_on(small_process(), "x 0x10000 1G").outcome.status == 2);
}

TEST_CASE("Text shows 20 rows, other formats all, --limit decides") {
  auto stages = small_process();
  census::RowsBuilder rows;
  for (std::uint64_t i = 0; i < 50; ++i) {
    rows.add(Address{0x10000 + i * 64}, 64 + i, census::TypeId::none,
             census::label_of_kind(census::Kind::string_data), census::RowId::none,
             census::State::used, census::Allocator::glibc, 0);
  }
  stages->census.rows = rows.finish();
  CHECK(contains(run_on(stages, "sizes").text, "(30 more rows: --limit all)"));
  CHECK_FALSE(contains(run_on(stages, "sizes --limit all").text, "more rows"));
  CHECK(lines_of(run_on(stages, "sizes --format csv").text).size() == 51);
  CHECK(lines_of(run_on(stages, "sizes --format csv --limit 3").text).size() == 4);
  CHECK(lines_of(run_on(stages, "sizes --format csv --limit 0").text).size() == 1);
}

TEST_CASE("--sort orders figures downwards and words upwards unless told") {
  const auto first = [](std::string_view line) {
    return lines_of(run_on(small_process(), line).text).at(1);
  };
  CHECK(first("types --format csv --columns type,objects --sort objects") == "app.Node,2");
  CHECK(first("types --format csv --columns type,objects --sort objects:asc") == "list,1");
  CHECK(first("types --format csv --columns type --sort type") == "app.Node");
  CHECK(first("types --format csv --columns type --sort type:desc") == "list");
}

TEST_CASE("Wrong usage is status 2 and one or two lines with a way out") {
  for (const char* line :
       {"tpyes", "types --frmat json", "types --format xml", "types --sort siez",
        "types --columns objects,sizee", "types --limit x", "show", "show 1 2", "show zz",
        "types 'open", "types --sort total:down", "help nothing", "arena x"}) {
    CAPTURE(line);
    const Ran ran = run_on(small_process(), line);
    CHECK(ran.outcome.status == 2);
    CHECK(ran.text.empty());
    CHECK(lines_of(ran.outcome.error).size() <= 2);
    CHECK(ran.outcome.error.starts_with("coreheap: "));
  }
  CHECK(contains(run_on(nullptr, "tpyes").outcome.error, "try: types"));
  CHECK(contains(run_on(small_process(), "show").outcome.error, "ADDR is missing"));
}

TEST_CASE("Without a target there is no report, except from words that need none") {
  CHECK(run_on(nullptr, "types").outcome.status == 1);
  CHECK(run_on(nullptr, "help").outcome.status == 0);
  CHECK(run_on(nullptr, "help all").outcome.status == 0);
  CHECK(run_on(nullptr, "types --help").outcome.status == 0);
  CHECK(contains(run_on(nullptr, "version").text, "coreheap "));
}

TEST_CASE("Where an allocator is missing, its commands say so") {
  for (const char* line : {"arenas", "bins", "arena 0", "pymalloc"}) {
    const Ran ran = run_on(small_process(), line);
    CHECK(ran.outcome.status == 1);
    CHECK(contains(ran.outcome.error, "found"));
  }
}

TEST_CASE("Arenas are numbered over all libcs, and one that is not there is an error") {
  auto stages = small_process();
  for (int i = 0; i < 2; ++i) {
    glibc::MallocHeap heap;
    glibc::Arena arena;
    arena.is_main = true;
    arena.system_bytes = 1000;
    arena.top_bytes = 100;
    arena.bin_count = 2;
    arena.bin_bytes = 300;
    arena.fastbin_count = 1;
    arena.fastbin_bytes = 48;
    arena.fastbin_counts[1] = 1;
    arena.bins = {{1, 2, 300, 140, 160}};
    heap.arenas.push_back(arena);
    heap.mmapped_count = 1;
    heap.mmapped_bytes = 5;
    stages->heaps.push_back(heap);
  }
  const Ran arenas = run_on(stages, "arenas --format json");
  CHECK(contains(arenas.text, "\"system_bytes\": 2000"));
  CHECK(contains(arenas.text, "\"mmapped_count\": 2, \"mmapped_bytes\": 10"));
  // As malloc_info: one more for top, and one byte a chunk for the bit that is left in.
  const Ran arena = run_on(stages, "arena 1 --format json");
  CHECK(contains(arena.text, "\"rest_count\": 3, \"rest_size\": 402"));
  CHECK(run_on(stages, "arena 2").outcome.status == 1);
  CHECK(run_on(stages, "bins --format csv --columns arena,bin,count,bytes").text ==
        "arena,bin,count,bytes\n0,fastbin 1,1,48\n0,unsorted,2,300\n1,fastbin "
        "1,1,48\n1,unsorted,2,300\n");
}

TEST_CASE(
    "Status 3 says that less than 90 % of the allocators' bytes was covered, or the image is "
    "torn") {
  auto stages = small_process();
  stages->census.coverage = {1000, 60, 41, 0, 0};
  CHECK(run_on(stages, "types").outcome.status == 3);
  stages->census.coverage = {1000, 60, 40, 0, 0};
  CHECK(run_on(stages, "types").outcome.status == 0);
  stages->image.pause = image::Pause{0, 0, 0, false};
  CHECK(run_on(stages, "types").outcome.status == 3);
}

TEST_CASE("-o writes the answer to a file and says so") {
  const std::string path = "commands_test_output.csv";
  const Ran ran = run_on(small_process(), "types --format csv -o " + path);
  CHECK(ran.text == "wrote " + path + " (2 rows)\n");
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  CHECK(text.str() == run_on(small_process(), "types --format csv").text);
  std::remove(path.c_str());
  CHECK(run_on(small_process(), "types -o /nonexistent/folder/x").outcome.status == 1);
}

// The small process has no Python: commands that cannot do without say so, in these words.
bool needs_python(const Ran& ran) {
  return contains(ran.outcome.error, "no CPython runtime is inside") ||
         contains(ran.outcome.error, "no Python");
}

TEST_CASE("Every table prints in every format, and its columns are those of the manual") {
  for (const Command& command : all_commands()) {
    if (!command.is_table()) continue;
    CAPTURE(command.name);
    auto stages = small_process();
    stages->heaps.resize(1);
    stages->heaps[0].arenas.resize(1);
    stages->pymalloc.arenas.resize(1);
    if (needs_python(run_on(stages, words_for(command)))) continue;
    for (const char* format : {"text", "json", "jsonl", "csv"}) {
      const Ran ran = run_on(stages, words_for(command) + " --format " + format);
      CHECK(ran.outcome.error.empty());
    }
    std::string header;
    for (const Column& column : command.columns) {
      if (column.asked_only) continue;
      header += (header.empty() ? "" : ",") + std::string(column.name);
    }
    // Those of a query are what its words name.
    if (header.starts_with("(")) continue;
    const Ran csv = run_on(stages, words_for(command) + " --format csv");
    CHECK(lines_of(csv.text).at(0) == header);
  }
}

TEST_CASE("Every report as text ends with what to do next") {
  for (const Command& command : all_commands()) {
    if (!command.needs_target || command.default_format != Format::text) continue;
    CAPTURE(command.name);
    auto stages = small_process();
    stages->heaps.resize(1);
    stages->heaps[0].arenas.resize(1);
    stages->pymalloc.arenas.resize(1);
    const Ran ran = run_on(stages, words_for(command));
    if (needs_python(ran)) continue;
    CHECK(contains(ran.text, "\nNEXT   heap "));
  }
}

TEST_CASE("The table of commands is sound") {
  std::set<std::string_view> words;
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    CHECK(words.insert(command.name).second);
    for (const std::string_view alias : command.aliases) CHECK(words.insert(alias).second);
    CHECK(command.run != nullptr);
    CHECK_FALSE(command.summary.empty());
    CHECK(command.summary.size() <= 66);
    CHECK_FALSE(command.summary.ends_with('.'));
    CHECK(command.min_words <= command.max_words);
    CHECK(command.name.find('-') == std::string_view::npos);  // GDB's completion breaks words there
    for (const std::string& line : lines_of(manual_page(command, "heap ")))
      CHECK(line.size() <= 96);
    std::set<std::string_view> names;
    for (const Column& column : command.columns) CHECK(names.insert(column.name).second);
  }
  CHECK(first_words().size() <= 8);
  CHECK(first_words().front()->name == "heap");
}

TEST_CASE("help names only words that exist, and every word of the table") {
  const std::string first = run_on(nullptr, "help").text;
  CHECK(lines_of(first).size() <= 14);
  const std::string all = run_on(nullptr, "help all").text;
  for (const Command& command : all_commands()) {
    if (!command.hidden) CHECK(contains(all, "\n  " + std::string(command.name) + " "));
  }
  const std::string kinds = run_on(nullptr, "help kinds").text;
  for (const auto& kind : census::all_kinds()) CHECK(contains(kinds, kind.meaning));
  for (const auto& kind : census::all_range_kinds()) CHECK(contains(kinds, kind.meaning));
}

TEST_CASE("docs/commands.md is what the table of commands says") {
  std::ifstream file(COREHEAP_SOURCE_DIR "/docs/commands.md");
  std::stringstream text;
  text << file.rdbuf();
  INFO("make it with: coreheap help --markdown > docs/commands.md");
  CHECK(text.str() == markdown());
}

TEST_CASE("Completion knows commands, options, formats and columns") {
  using Words = std::vector<std::string>;
  CHECK(completions("ty") == Words{"types"});
  CHECK(completions("types --li") == Words{"--limit"});
  CHECK(completions("types --format js") == Words{"json", "jsonl"});
  CHECK(completions("types --format=c") == Words{"--format=csv"});
  CHECK(completions("types --sort o") == Words{"objects", "own"});
  CHECK(completions("types --columns type,o") == Words{"type,objects", "type,own"});
  CHECK(completions("help pym") == Words{"pymalloc"});
  CHECK(completions("show 0x").empty());
  CHECK(completions("bogus --f").empty());
  CHECK(completions("").size() >= all_commands().size() - 1);
}
