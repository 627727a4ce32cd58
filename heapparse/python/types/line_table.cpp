#include "heapparse/python/types/line_table.h"

#include <limits>

namespace coreheap::python {
namespace {

using layouts::LineTableForm;

// Lines are C ints. A table that leads beyond them is damaged; no delta is so large that adding it
// to one overflows.
constexpr std::int64_t kMostLine = std::numeric_limits<std::int32_t>::max();

bool is_line(std::int64_t line) { return line <= kMostLine && line >= -kMostLine - 1; }

std::uint8_t byte_at(std::span<const std::byte> table, std::size_t i) {
  return std::to_integer<std::uint8_t>(table[i]);
}

// Pairs (bytes, lines) up to 3.9: each says how far on the next line begins.
std::optional<std::int64_t> line_in_pairs(std::span<const std::byte> table, std::int64_t line,
                                          std::int64_t offset, bool is_signed) {
  std::int64_t at = 0;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    at += byte_at(table, i);
    if (at > offset) break;
    const std::uint8_t delta = byte_at(table, i + 1);
    line += is_signed ? static_cast<std::int8_t>(delta) : delta;
    if (!is_line(line)) return std::nullopt;
  }
  return line;
}

// Pairs of 3.10: each is a range of its own, and may have no line.
std::optional<std::int64_t> line_in_ranges(std::span<const std::byte> table, std::int64_t line,
                                           std::int64_t offset) {
  constexpr std::int8_t kNoLine = -128;
  std::int64_t end = 0;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    end += byte_at(table, i);
    const auto delta = static_cast<std::int8_t>(byte_at(table, i + 1));
    if (delta != kNoLine) line += delta;
    if (!is_line(line)) return std::nullopt;
    if (offset < end) return delta == kNoLine ? std::nullopt : std::optional(line);
  }
  return std::nullopt;
}

// The location table of 3.11 on: entries of a first byte with bit 7, a code of four bits and a
// length; what follows depends on the code. Columns are passed over.
std::optional<std::int64_t> line_in_locations(std::span<const std::byte> table, std::int64_t line,
                                              std::int64_t offset) {
  constexpr unsigned kOneLine0 = 10;
  constexpr unsigned kOneLine2 = 12;
  constexpr unsigned kNoColumns = 13;
  constexpr unsigned kLong = 14;
  constexpr unsigned kNoLocation = 15;
  constexpr std::int64_t kUnit = 2;
  std::int64_t end = 0;
  std::size_t i = 0;
  while (i < table.size()) {
    const std::uint8_t first = byte_at(table, i++);
    if ((first & 0x80) == 0) return std::nullopt;  // not the begin of an entry: damaged
    const unsigned code = (first >> 3) & 15U;
    end += ((first & 7) + 1) * kUnit;
    if (code == kNoColumns || code == kLong) {
      std::uint64_t value = 0;
      unsigned shift = 0;
      while (i < table.size()) {
        const std::uint8_t piece = byte_at(table, i++);
        if (shift < 60) value |= std::uint64_t{piece & 63U} << shift;
        shift += 6;
        if ((piece & 64) == 0) break;
      }
      const auto magnitude = static_cast<std::int64_t>(value >> 1);
      line += (value & 1) != 0 ? -magnitude : magnitude;
    } else if (code >= kOneLine0 && code <= kOneLine2) {
      line += static_cast<std::int64_t>(code - kOneLine0);
    }
    if (!is_line(line)) return std::nullopt;
    if (offset < end) return code == kNoLocation ? std::nullopt : std::optional(line);
    while (i < table.size() && (byte_at(table, i) & 0x80) == 0) ++i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> line_at(LineTableForm form, std::span<const std::byte> table,
                                    std::int64_t first_line, std::int64_t offset) {
  if (!is_line(first_line)) return std::nullopt;
  if (offset < 0) return first_line;
  switch (form) {
    case LineTableForm::kUnsignedPairs:
      return line_in_pairs(table, first_line, offset, false);
    case LineTableForm::kSignedPairs:
      return line_in_pairs(table, first_line, offset, true);
    case LineTableForm::kRangePairs:
      return line_in_ranges(table, first_line, offset);
    case LineTableForm::kLocations:
      return line_in_locations(table, first_line, offset);
  }
  return std::nullopt;
}

}  // namespace coreheap::python
