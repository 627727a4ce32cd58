// See memory_room.h. Page cache counts as used in memory.current, though it would be given up:
// inactive file pages (memory.stat) are added back, as the kernel reclaims them before it refuses.
#include "heapparse/image/memory_room.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_in_file(const std::string& path) {
  const auto text = read_text_file(path, 4096);
  return text ? number_in(*text) : std::nullopt;
}

// The number after `key` at the beginning of a line.
std::optional<std::uint64_t> field(std::string_view text, std::string_view key) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.starts_with(key)) {
      line.remove_prefix(key.size());
      while (!line.empty() && (line.front() == ' ' || line.front() == ':')) line.remove_prefix(1);
      return number_in(line);
    }
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> available_below(const std::string& root) {
  const auto text = read_text_file(root + "/proc/meminfo");
  if (!text) return std::nullopt;
  const auto kib = field(*text, "MemAvailable:");
  return kib ? std::optional(*kib * 1024) : std::nullopt;
}

struct Files {
  const char* limit;
  const char* used;
  const char* reclaimable;  // in memory.stat
};
constexpr Files kV2{"memory.max", "memory.current", "inactive_file "};
constexpr Files kV1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};

void look_at_levels(const std::string& mount, std::string group, const Files& files, Room& room) {
  for (;;) {
    const std::string directory = mount + group + "/";
    const auto limit = number_in_file(directory + files.limit);  // "max" is no number
    const auto used = number_in_file(directory + files.used);
    if (limit && used) {
      std::uint64_t busy = *used;
      if (const auto stat = read_text_file(directory + "memory.stat")) {
        busy -= std::min(busy, field(*stat, files.reclaimable).value_or(0));
      }
      const std::uint64_t left = *limit > busy ? *limit - busy : 0;
      if (left < room.bytes) {
        room = {left, "cgroup " + (group.empty() ? std::string("/") : group) + " (" + files.limit +
                          " " + text_of_bytes(*limit) + ")"};
      }
    }
    if (group.empty() || group == "/") return;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

std::optional<std::uint64_t> memory_available() { return available_below({}); }

Room memory_room(const std::string& root) {
  Room room;
  if (const auto available = available_below(root)) room = {*available, "MemAvailable"};
  const auto groups = read_text_file(root + "/proc/self/cgroup");
  if (!groups) return room;
  for (std::size_t at = 0; at < groups->size();) {
    const std::size_t end = std::min(groups->find('\n', at), groups->size());
    const std::string_view line = std::string_view(*groups).substr(at, end - at);
    at = end + 1;
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string group(line.substr(second + 1));
    if (group == "/") group.clear();
    if (controllers.empty()) {
      look_at_levels(root + "/sys/fs/cgroup", group, kV2, room);
      look_at_levels(root + "/sys/fs/cgroup/unified", group, kV2, room);
    } else if (("," + std::string(controllers) + ",").find(",memory,") != std::string::npos) {
      look_at_levels(root + "/sys/fs/cgroup/memory", group, kV1, room);
    }
  }
  return room;
}

}  // namespace coreheap::image
