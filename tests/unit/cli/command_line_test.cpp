// Which word is the target and which the command, in a world where 7 is a process, `core` a file
// and 8 both.
#include "cli/command_line.h"

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::cli;
using Words = std::vector<std::string>;

namespace {

Result<CommandLine> parse(const Words& words) {
  const World world = {
      [](std::uint64_t pid) { return pid == 7 || pid == 8; },
      [](const std::string& path) { return path == "core" || path == "8" || path == "types"; }};
  return parse_command_line(words, world);
}

}  // namespace

TEST_CASE("A number that is a process is one, what exists as a file is a core") {
  const auto process = parse({"7", "types", "--limit", "5"});
  REQUIRE(process);
  CHECK(process->pid == 7U);
  CHECK_FALSE(process->core);
  CHECK(process->words == Words{"types", "--limit", "5"});
  CHECK(process->prefix == "coreheap 7 ");
  CHECK(process->note.empty());
  const auto core = parse({"core"});
  REQUIRE(core);
  CHECK(core->core == "core");
  CHECK(core->words.empty());
}

TEST_CASE("Where both exist it is the process, and that is said; -c and -p decide") {
  const auto both = parse({"8"});
  REQUIRE(both);
  CHECK(both->pid == 8U);
  CHECK(both->note.find("-c 8") != std::string::npos);
  CHECK(parse({"-c", "8"})->core == "8");
  CHECK(parse({"-p8", "types"})->pid == 8U);
  CHECK(parse({"-c", "/not/there"})->core == "/not/there");
  CHECK_FALSE(parse({"-c", "core", "-p", "7"}));
}

TEST_CASE("Options of the program stand before or behind the target, the command's stay with it") {
  for (const Words& words :
       {Words{"--no-symbols", "--sysroot", "/s", "core", "types", "--sort", "own"},
        Words{"core", "--no-symbols", "--sysroot=/s", "types", "--sort", "own"}}) {
    const auto line = parse(words);
    REQUIRE(line);
    CHECK_FALSE(line->settings.snapshot.use_symbols);
    CHECK(line->settings.open.sysroot == "/s");
    CHECK(line->words == Words{"types", "--sort", "own"});
  }
  // Without a command, options are the first screen's.
  CHECK(parse({"core", "--format", "json"})->words == Words{"--format", "json"});
}

TEST_CASE("What can be pasted holds everything that was typed before the command") {
  CHECK(parse({"--sysroot", "/a b", "core", "types"})->prefix == "coreheap --sysroot '/a b' core ");
  CHECK(parse({"-p", "7", "types"})->prefix == "coreheap -p 7 ");
}

TEST_CASE("Words that need no target need none") {
  CHECK(parse({"help", "types"})->words == Words{"help", "types"});
  CHECK_FALSE(parse({"help"})->pid);
  CHECK(parse({"--version"})->version);
  CHECK(parse({"--help"})->help);
  CHECK(parse({"7", "--help"})->help);
  CHECK(parse({})->help);
}

TEST_CASE("What is neither process nor file is an error with a way out") {
  const auto number = parse({"9"});
  REQUIRE_FALSE(number);
  CHECK(number.error().code == ErrorCode::no_such_target);
  CHECK_FALSE(number.error().hint.empty());
  const auto file = parse({"nothing"});
  REQUIRE_FALSE(file);
  CHECK(file.error().code == ErrorCode::no_such_target);
  const auto forgotten = parse({"used"});
  REQUIRE_FALSE(forgotten);
  CHECK(forgotten.error().code == ErrorCode::usage);
  CHECK(forgotten.error().hint == "coreheap PID|CORE used");
}

TEST_CASE("A file named like a command is a target in front of one and a command behind one") {
  CHECK(parse({"types", "types"})->core == "types");
  CHECK(parse({"core", "types"})->words == Words{"types"});
}

TEST_CASE("A second target is refused, not taken for a command") {
  const auto line = parse({"core", "7"});
  REQUIRE_FALSE(line);
  CHECK(line.error().code == ErrorCode::usage);
}

TEST_CASE("Options that cannot be understood are wrong usage") {
  for (const Words& words :
       {Words{"--bogus", "7"}, Words{"-p"}, Words{"-p", "x"}, Words{"--max-pause", "0", "7"},
        Words{"--max-pause", "soon", "7"}, Words{"--sysroot"}}) {
    const auto line = parse(words);
    REQUIRE_FALSE(line);
    CHECK(line.error().code == ErrorCode::usage);
  }
  CHECK(parse({"--max-pause", "0.5", "7"})->settings.open.max_pause_seconds == 0.5);
}

TEST_CASE("The usage fits a terminal and names every option") {
  const std::string text = usage_text();
  for (const auto& option : program_options()) {
    CHECK(text.find("--" + std::string(option.name)) != std::string::npos);
  }
}
