// The waterfall: every resident byte of the target under one of a fixed list of causes.
//
// The census labels each byte of each mapping once; residency says which of them are in RAM. What
// smaps counts beyond private pages (clean pages of files, shared memory) has no finer home than
// its mapping. Invariant: the lines add up to `total`, to the byte, whatever the target looks like.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"

namespace coreheap::usage {

enum class Code : std::uint8_t {
  py_objects,
  py_buffers,
  native_owned,  // native memory whose Python owner is known: appears once references are followed
  native_other,
  overhead,
  free_pymalloc,
  free_glibc,
  other_allocator,
  anon_other,
  stacks_used,
  stacks_unused,
  shmem,
  files_dirty,
  files_clean,
};
inline constexpr std::size_t kCodes = 14;

std::string_view name_of(Code code);     // "py.objects"
std::string_view title_of(Code code);    // "Python objects"
std::string_view meaning_of(Code code);  // one line
std::optional<Code> code_from(std::string_view name);

// What the total is, which depends on what the source can say.
enum class Basis : std::uint8_t {
  rss,               // live: the sum of Rss over smaps
  resident_private,  // kernel core: the pages that were dumped
  mapped,            // residency unknown (gcore, copied core): accessible address space
};
std::string_view name_of(Basis basis);  // "rss", "resident_private", "mapped"
std::string_view text_of(Basis basis);  // "RSS", "resident private memory", "mapped memory"

struct Waterfall {
  Basis basis = Basis::mapped;
  std::array<std::uint64_t, kCodes> bytes{};         // by Basis
  std::array<std::uint64_t, kCodes> mapped_bytes{};  // address space, inaccessible parts left out
  std::uint64_t total = 0;                           // sum of `bytes`
  std::uint64_t mapped_total = 0;                    // sum of `mapped_bytes`

  // Memo lines, outside the sums.
  std::uint64_t inaccessible = 0;  // reserved address space without permissions
  std::uint64_t swapped = 0;
  std::uint64_t hugetlb = 0;            // resident, and no part of any Rss
  std::optional<std::uint64_t> vm_rss;  // what the kernel's own estimate says
  // Bytes of `bytes` that were placed by proportion because residency was not known page by page.
  std::uint64_t estimated = 0;

  std::uint64_t of(Code code) const { return bytes[static_cast<std::size_t>(code)]; }
  double share(Code code) const {
    return total == 0 ? 0 : static_cast<double>(of(code)) / static_cast<double>(total);
  }
};

Waterfall waterfall(const census::Census& census, const image::Image& image);

// What one mapping adds to the sums.
struct MappingShare {
  std::array<std::uint64_t, kCodes> bytes{};  // by Basis
  std::array<std::uint64_t, kCodes> mapped_bytes{};
  std::uint64_t total = 0;
};
struct WaterfallByMapping {
  Waterfall sum;
  std::vector<MappingShare> mappings;  // as Image::mappings
};
// `owned`, by row: native blocks that a Python object holds; null where references were not
// followed.
WaterfallByMapping waterfall_by_mapping(const census::Census& census, const image::Image& image,
                                        const std::vector<bool>* owned = nullptr);

// The same where residency is lost (gcore, copied cores), bounded from below: the private pages
// that are not all zero were written at some time, and unless they were swapped out they were
// resident. Pages of zeros are the range between the two: hardly ever resident among objects, often
// in buffers.
Waterfall written_pages(const census::Census& census, const image::Image& image, JobControl& job,
                        const std::vector<bool>* owned = nullptr);

// The line that a row's bytes count under.
Code code_of(const census::Census& census, census::RowId row);

}  // namespace coreheap::usage
