// Which pages of a live process exist, by /proc/PID/pagemap: with the PAGEMAP_SCAN ioctl
// (Linux 6.7), which skips what is not there and knows the zero page, or else word by word.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/image/os.h"
#include "heapparse/image/ranges.h"

namespace coreheap::image {

// Pages of one kind in a row.
struct PageRun {
  AddressRange range;
  bool present = false;
  bool swapped = false;
  bool file = false;   // still the page of a file or of shared memory, not a private copy
  bool zero = false;   // the shared zero page; never set when `knows_zero_page` is false
  bool guard = false;  // MADV_GUARD_INSTALL (Linux 6.13; told apart since 6.15)
};

class PageScanner {
 public:
  // Empty with errno when the file cannot be opened.
  static std::optional<PageScanner> open(const std::string& proc_directory,
                                         bool word_by_word = false);

  // Appends the runs of pages in `range` that are present, swapped or guards. False on an error of
  // the kernel, with errno.
  bool scan(AddressRange range, std::vector<PageRun>& runs);

  bool knows_zero_page() const { return !word_by_word_; }

 private:
  PageScanner(FileDescriptor fd, bool word_by_word)
      : fd_(std::move(fd)), word_by_word_(word_by_word) {}
  bool scan_by_ioctl(AddressRange range, std::vector<PageRun>& runs);
  bool scan_words(AddressRange range, std::vector<PageRun>& runs);

  FileDescriptor fd_;
  bool word_by_word_;
  bool knows_guards_ = true;
  std::vector<std::uint64_t> buffer_;
};

}  // namespace coreheap::image
