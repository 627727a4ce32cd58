// See proc_maps.h. A hand-written scanner: a process may have 65530 mappings of 25 lines each in
// smaps.
#include "heapparse/image/proc_maps.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "heapparse/image/draft.h"

namespace coreheap::image {
namespace {

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::optional<std::uint64_t> take_hex(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// The kernel writes a newline within a path as \012.
std::string unescaped(std::string_view path) {
  std::string result;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path.substr(i, 4) == "\\012") {
      result += '\n';
      i += 3;
    } else {
      result += path[i];
    }
  }
  return result;
}

// "7f0000000000-7f0000021000 rw-p 00001000 fe:00 131   /usr/lib/libc.so.6"
std::optional<Mapping> read_line(std::string_view line) {
  Mapping mapping;
  const auto begin = take_hex(line);
  if (!begin || !take(line, '-')) return std::nullopt;
  const auto end = take_hex(line);
  if (!end || !take(line, ' ') || line.size() < 5) return std::nullopt;
  mapping.range = {{*begin}, {*end}};
  mapping.readable = line[0] == 'r';
  mapping.writable = line[1] == 'w';
  mapping.executable = line[2] == 'x';
  mapping.shared = line[3] == 's' || line[3] == 'S';
  line.remove_prefix(4);
  if (!take(line, ' ')) return std::nullopt;
  const auto offset = take_hex(line);
  if (!offset || mapping.range.empty()) return std::nullopt;
  mapping.file_offset = *offset;
  for (int i = 0; i < 2; ++i) {  // device and inode
    while (take(line, ' ')) {
    }
    line.remove_prefix(std::min(line.find(' '), line.size()));
  }
  while (take(line, ' ')) {
  }
  mapping.name = unescaped(line);
  mapping.kind = kind_of_name(mapping.name);
  return mapping;
}

std::optional<std::uint64_t> kib_field(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return std::nullopt;
  line.remove_prefix(key.size());
  while (take(line, ' ')) {
  }
  std::uint64_t value = 0;
  const auto result = std::from_chars(line.data(), line.data() + line.size(), value);
  if (result.ec != std::errc{}) return std::nullopt;
  return value * 1024;
}

// Lines of smaps that add up into one counter.
constexpr std::pair<std::string_view, std::uint64_t MappingCounters::*> kCounters[] = {
    {"Pss:", &MappingCounters::pss},
    {"Shared_Clean:", &MappingCounters::shared_clean},
    {"Shared_Dirty:", &MappingCounters::shared_dirty},
    {"Private_Clean:", &MappingCounters::private_clean},
    {"Private_Dirty:", &MappingCounters::private_dirty},
    {"Anonymous:", &MappingCounters::anonymous},
    {"AnonHugePages:", &MappingCounters::huge_pages},
    {"ShmemPmdMapped:", &MappingCounters::huge_pages},
    {"FilePmdMapped:", &MappingCounters::huge_pages},
    {"Shared_Hugetlb:", &MappingCounters::hugetlb},
    {"Private_Hugetlb:", &MappingCounters::hugetlb},
};

}  // namespace

std::vector<Mapping> read_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    if (auto mapping = read_line(next_line(text))) mappings.push_back(*std::move(mapping));
  }
  make_disjoint(mappings);
  return mappings;
}

void add_smaps(std::string_view text, std::vector<Mapping>& mappings) {
  Mapping* current = nullptr;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.empty()) continue;
    // Keys begin with a capital, ranges with a lower-case hex digit.
    if (line.front() < 'A' || line.front() > 'Z') {
      current = nullptr;
      std::string_view rest = line;
      const auto begin = take_hex(rest);
      if (!begin || !take(rest, '-')) continue;
      const auto end = take_hex(rest);
      const auto it = std::lower_bound(
          mappings.begin(), mappings.end(), *begin,
          [](const Mapping& m, std::uint64_t a) { return m.range.begin.value < a; });
      if (end && it != mappings.end() && it->range == AddressRange{{*begin}, {*end}})
        current = &*it;
    } else if (current != nullptr) {
      if (const auto rss = kib_field(line, "Rss:")) current->rss = *rss;
      if (const auto dirty = kib_field(line, "Private_Dirty:")) current->private_dirty = *dirty;
      if (const auto swap = kib_field(line, "Swap:")) current->swapped = *swap;
      for (const auto& [key, counter] : kCounters) {
        if (const auto bytes = kib_field(line, key)) current->counters.*counter += *bytes;
      }
    }
  }
}

}  // namespace coreheap::image
