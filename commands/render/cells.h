// Cells as machines read them: exact, appended to a buffer without a detour. Addresses are 0x hex,
// sizes and counts plain decimal.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "commands/table.h"

namespace coreheap::commands {

inline void append_integer(std::string& out, std::int64_t n) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, end);
}

inline void append_hex(std::string& out, std::uint64_t n) {
  char digits[24] = {'0', 'x'};
  const auto end = std::to_chars(digits + 2, digits + sizeof digits, n, 16).ptr;
  out.append(digits, end);
}

// At most two decimals: percentages and rates.
void append_number(std::string& out, double d);

// As a quoted JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
void append_json(std::string& out, const Cell& cell);
// RFC 4180: quoted only where it must be; absent is empty.
void append_csv(std::string& out, const Cell& cell);

// Columns that a machine format prints.
std::vector<unsigned> machine_columns(const Table& table);

}  // namespace coreheap::commands
