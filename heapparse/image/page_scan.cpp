// See page_scan.h. The kernel's definitions are repeated here: they are newer than the headers of
// the distributions that we build on.
#include "heapparse/image/page_scan.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace coreheap::image {
namespace {

struct ScanArgument {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t vec;
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};
static_assert(sizeof(ScanArgument) == 96);

struct Region {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};

const unsigned long kPagemapScan = _IOWR('f', 16, ScanArgument);

constexpr std::uint64_t kFile = 1 << 2;
constexpr std::uint64_t kPresent = 1 << 3;
constexpr std::uint64_t kSwapped = 1 << 4;
constexpr std::uint64_t kZero = 1 << 5;
constexpr std::uint64_t kGuard = 1 << 8;

constexpr std::size_t kRegions = 8192;
constexpr std::size_t kWords = 65536;

}  // namespace

std::optional<PageScanner> PageScanner::open(const std::string& proc_directory, bool word_by_word) {
  FileDescriptor fd(::open((proc_directory + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  return PageScanner(std::move(fd), word_by_word);
}

bool PageScanner::scan(AddressRange range, std::vector<PageRun>& runs) {
  if (range.empty()) return true;
  if (!word_by_word_) {
    if (scan_by_ioctl(range, runs)) return true;
    if (errno != ENOTTY && errno != EINVAL && errno != ENOSYS) return false;
    word_by_word_ = true;
  }
  return scan_words(range, runs);
}

bool PageScanner::scan_by_ioctl(AddressRange range, std::vector<PageRun>& runs) {
  buffer_.resize(kRegions * sizeof(Region) / sizeof(std::uint64_t));
  auto* regions = reinterpret_cast<Region*>(buffer_.data());
  std::uint64_t at = range.begin.value;
  while (at < range.end.value) {
    ScanArgument argument{};
    argument.size = sizeof argument;
    argument.start = at;
    argument.end = range.end.value;
    argument.vec = reinterpret_cast<std::uintptr_t>(regions);
    argument.vec_len = kRegions;
    const std::uint64_t guard = knows_guards_ ? kGuard : 0;
    argument.category_anyof_mask = kPresent | kSwapped | guard;
    argument.return_mask = kPresent | kSwapped | kFile | kZero | guard;
    const int found = ioctl(fd_.get(), kPagemapScan, &argument);
    if (found < 0) {
      if (errno == EINTR) continue;
      if (errno == EINVAL && knows_guards_) {
        knows_guards_ = false;
        continue;
      }
      return false;
    }
    for (int i = 0; i < found; ++i) {
      const Region& r = regions[i];
      runs.push_back({{{r.start}, {r.end}},
                      (r.categories & kPresent) != 0,
                      (r.categories & kSwapped) != 0 && (r.categories & kGuard) == 0,
                      (r.categories & kFile) != 0,
                      (r.categories & kZero) != 0,
                      (r.categories & kGuard) != 0});
    }
    if (argument.walk_end <= at) break;
    at = argument.walk_end;
  }
  return true;
}

bool PageScanner::scan_words(AddressRange range, std::vector<PageRun>& runs) {
  const std::uint64_t page = page_size();
  buffer_.resize(kWords);
  Address at = range.begin;
  while (at < range.end) {
    const std::uint64_t pages = std::min<std::uint64_t>(kWords, (range.end - at) / page);
    const ssize_t got = pread(fd_.get(), buffer_.data(), static_cast<std::size_t>(pages * 8),
                              static_cast<off_t>(at.value / page * 8));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got < 8) break;  // beyond the last address, or the process is gone
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / 8; ++i, at += page) {
      const std::uint64_t word = buffer_[i];
      PageRun run{
          {at, at + page}, (word >> 63 & 1) != 0, (word >> 62 & 1) != 0, (word >> 61 & 1) != 0,
          false,           (word >> 58 & 1) != 0};
      if (run.guard) run.swapped = false;
      if (!run.present && !run.swapped && !run.guard) continue;
      if (!runs.empty()) {
        PageRun& last = runs.back();
        if (last.range.end == at && last.present == run.present && last.swapped == run.swapped &&
            last.file == run.file && last.guard == run.guard) {
          last.range.end += page;
          continue;
        }
      }
      runs.push_back(run);
    }
  }
  return true;
}

}  // namespace coreheap::image
