// Literals of the language: numbers with units, quoted texts; and the nearest known word.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "querylang/syntax.h"

namespace coreheap::query {

// Of the digits alone: "0x1f", "1_000", "1.5", "2e3".
Number read_number(std::string_view digits);

// K, M, G, T (and KiB, MiB, GiB, TiB; B): bytes of one unit. nullopt: no such unit.
std::optional<std::uint64_t> bytes_of_unit(std::string_view unit);

// The text between the quotes, escapes replaced: \n \t \r \\ \" \' \xNN; any other backslash stays.
std::string unquoted(std::string_view quoted);
// Where in the quoted text the content's character `offset` comes from.
std::size_t origin_of(std::string_view quoted, std::size_t offset);

// "did you mean A or B?", or "" when nothing is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace coreheap::query
