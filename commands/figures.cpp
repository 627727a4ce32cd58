// Figures and texts as people read them.
#include "commands/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "commands/utf8.h"

namespace coreheap::commands {

std::string with_thousands(std::int64_t n) {
  std::string digits = fmt::format("{}", n);
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kKi = 1024;
  constexpr std::uint64_t kMi = 1024 * kKi;
  if (bytes < kKi) return fmt::format("{} B", bytes);
  // Tenths, rounded half up in integers: the same everywhere.
  const bool mebi = bytes >= kMi;
  const std::uint64_t unit = mebi ? kMi : kKi;
  const std::uint64_t whole = bytes / unit;
  std::uint64_t tenths = whole * 10 + ((bytes % unit) * 10 + unit / 2) / unit;
  if (!mebi && tenths >= 10240) return "1.0 MiB";
  return fmt::format("{}.{} {}", with_thousands(static_cast<std::int64_t>(tenths / 10)),
                     tenths % 10, mebi ? "MiB" : "KiB");
}

std::string percent_text(double percent) {
  if (percent > 0 && percent < 1) return "< 1 %";
  return fmt::format("{:.0f} %", percent);
}

std::string seconds_text(double seconds) {
  return fmt::format("{:.{}f} s", seconds, seconds < 0.1 ? 3 : seconds < 10 ? 2 : 1);
}

std::string uptime_text(std::uint64_t seconds) {
  const std::uint64_t minutes = seconds / 60;
  const std::uint64_t hours = minutes / 60;
  const std::uint64_t days = hours / 24;
  if (days) return fmt::format("{}d {:02}h", days, hours % 24);
  if (hours) return fmt::format("{}h {:02}m", hours, minutes % 60);
  if (minutes) return fmt::format("{}m", minutes);
  return fmt::format("{}s", seconds);
}

std::string hex_text(Address a) { return fmt::format("{:#x}", a.value); }

std::vector<std::uint64_t> rounded_to_sum(const std::vector<std::uint64_t>& parts,
                                          std::uint64_t unit, std::uint64_t* total) {
  const std::uint64_t sum = std::accumulate(parts.begin(), parts.end(), std::uint64_t{0});
  const std::uint64_t wanted = sum / unit + (sum % unit >= (unit + 1) / 2 ? 1 : 0);
  if (total) *total = wanted;
  std::vector<std::uint64_t> rounded;
  rounded.reserve(parts.size());
  for (const std::uint64_t part : parts) rounded.push_back(part / unit);
  std::uint64_t given = std::accumulate(rounded.begin(), rounded.end(), std::uint64_t{0});
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return parts[a] % unit > parts[b] % unit; });
  for (std::size_t i = 0; given < wanted && i < order.size(); ++i, ++given) ++rounded[order[i]];
  return rounded;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_sequence(text.substr(i));
    // C1 controls (U+0080..U+009F) steer some terminals too.
    const bool control =
        c < 0x20 || c == 0x7f ||
        (c == 0xc2 && length == 2 && static_cast<unsigned char>(text[i + 1]) < 0xa0);
    if (length == 0 || control) {
      out += fmt::format("\\x{:02x}", c);
      if (length == 2) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + 1]));
      i += std::max<std::size_t>(length, 1);
    } else {
      out.append(text.substr(i, length));
      i += length;
    }
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::string line;
  std::size_t used = 0;
  const auto end_line = [&] {
    if (used > 0) out += line + '\n';
    line.assign(indent, ' ');
    used = 0;
  };
  end_line();
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i, 2) == "\n\n") {
      end_line();
      out += '\n';
      i += 2;
      continue;
    }
    if (text[i] == ' ' || text[i] == '\n') {
      ++i;
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \n", i), text.size());
    const std::string_view word = text.substr(i, end - i);
    const std::size_t columns = display_width(word);
    if (used > 0 && indent + used + 1 + columns > width) end_line();
    if (used > 0) {
      line += ' ';
      ++used;
    }
    line += word;
    used += columns;
    i = end;
  }
  end_line();
  return out;
}

std::string fitted(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t keep = width > 3 ? width - 3 : width;
  std::size_t columns = 0;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && columns++ == keep) break;
  }
  std::string out(text.substr(0, i));
  if (width > 3) out += "...";
  return out;
}

}  // namespace coreheap::commands
