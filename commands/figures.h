// How figures are written for people: one place, so that every screen says them alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/address.h"

namespace coreheap::commands {

std::string with_thousands(std::int64_t n);  // 1,234,567
std::string size_text(std::uint64_t bytes);  // 640 B, 12.3 KiB, 1,234.5 MiB
std::string percent_text(double percent);    // "12 %", "< 1 %" for what is there but rounds to 0
std::string seconds_text(double seconds);    // 0.09 s
std::string uptime_text(std::uint64_t seconds);  // 3d 04h, 5h 12m, 42m, 7s
std::string hex_text(Address a);                 // 0x7f00…, no padding

// `parts` in units of `unit`, rounded so that they add up to the rounded total (largest remainders
// first): a column that is printed must add up as printed.
std::vector<std::uint64_t> rounded_to_sum(const std::vector<std::uint64_t>& parts,
                                          std::uint64_t unit, std::uint64_t* total);

// Printable ASCII and valid UTF-8 stay; control characters and broken bytes become \xNN, so that no
// content of a target can steer a terminal.
std::string printable(std::string_view text);
// Columns of a terminal that printable text takes, one a code point.
std::size_t display_width(std::string_view text);
// Lines of at most `width` columns, each indented and ended; single line breaks are blanks, empty
// lines stay.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width);
// The first `width` columns; a cut one ends in "...".
std::string fitted(std::string_view text, std::size_t width);

}  // namespace coreheap::commands
