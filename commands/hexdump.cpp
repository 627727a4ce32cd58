// `x ADDR [LEN]`: bytes of the target, sixteen a line. What the image does not hold is shown as ??,
// never as zeroes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

constexpr std::uint64_t kLine = 16;
constexpr std::uint64_t kDefault = 256;
constexpr std::uint64_t kMost = 1 << 20;

std::vector<Column> columns() {
  return {
      {"address", "", ColumnType::address, "of the first byte of the line"},
      {"hex", "", ColumnType::text, "two digits a byte, ?? where the image has none"},
      {"text", "", ColumnType::text, "printable ASCII, a dot for anything else"},
  };
}

// One line's bytes; -1 where there is none.
std::array<int, kLine> bytes_at(const image::AddressSpace& space, Address a, std::uint64_t n) {
  std::array<int, kLine> line;
  line.fill(-1);
  if (const auto whole = space.bytes(a, n); !whole.empty()) {
    for (std::size_t i = 0; i < whole.size(); ++i) line[i] = static_cast<int>(whole[i]);
    return line;
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    if (const auto byte = space.read<std::uint8_t>(a + i)) line[i] = *byte;
  }
  return line;
}

Result<Report> run(Context& context) {
  const std::vector<std::string>& words = context.arguments.words;
  const auto address = context.session.address_of(context, words[0]);
  if (!address) return std::unexpected(address.error());
  std::uint64_t length = kDefault;
  if (words.size() > 1) {
    const auto parsed = parse_size(words[1], "length");
    if (!parsed) return std::unexpected(parsed.error());
    length = *parsed;
  }
  if (length == 0 || length > kMost) {
    return fail(ErrorCode::usage, "length", "from 1 to 1 MiB at a time");
  }
  length = std::min(length, 0 - address->value == 0 ? length : 0 - address->value);
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const image::AddressSpace& space = (*target)->image().space;
  if (!space.is_mapped(*address)) {
    return fail(ErrorCode::not_mapped, hex_text(*address), "the target has nothing mapped there");
  }
  Table table;
  table.columns = columns();
  table.cut_as_text = false;
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::string screen;
  for (std::uint64_t offset = 0; offset < length; offset += kLine) {
    const std::uint64_t n = std::min(kLine, length - offset);
    const auto bytes = bytes_at(space, *address + offset, n);
    std::string hex;
    std::string spaced;
    std::string text;
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::string digits = bytes[i] < 0 ? "??" : fmt::format("{:02x}", bytes[i]);
      hex += digits;
      spaced += (i == 8 ? "  " : i ? " " : "") + digits;
      text += bytes[i] >= 0x20 && bytes[i] < 0x7f ? static_cast<char>(bytes[i]) : '.';
    }
    rows->add({Cell::of_address(*address + offset), Cell::of_text(hex), Cell::of_text(text)});
    screen += fmt::format("{:016x}  {:<48}  {}\n", (*address + offset).value, spaced, text);
  }
  table.rows = rows;
  Report report = report_on(**target);
  report.add("bytes", "", std::move(table)).screen = std::move(screen);
  report.result_address = *address;
  report.next = {{"show " + hex_text(*address), "what this is"},
                 {fmt::format("x {} {}", hex_text(*address + length), length), "the next bytes"}};
  return report;
}

}  // namespace

Command hexdump_command() {
  return {
      .name = "x",
      .aliases = {"hexdump"},
      .summary = "bytes at an address, hex and ASCII",
      .description =
          "LEN bytes from ADDR, 256 unless told. ?? is a byte that the target had mapped and the\n"
          "image does not hold. ADDR may be a row number of the last list (#3 or 3).",
      .usage = "ADDR [LEN]",
      .min_words = 1,
      .max_words = 2,
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::alive,
      .cost = Cost::image,
      .run = run};
}

}  // namespace coreheap::commands
