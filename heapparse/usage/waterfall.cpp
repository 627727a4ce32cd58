// One sweep in address order over rows, ranges, mappings and resident pages; each is sorted, so
// each is touched once.
#include "heapparse/usage/waterfall.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

namespace coreheap::usage {

namespace {

using Amounts = std::array<std::uint64_t, kCodes>;

struct CodeInfo {
  Code code;
  std::string_view name;
  std::string_view title;
  std::string_view meaning;
};

constexpr std::array<CodeInfo, kCodes> kInfo = {{
    {Code::py_objects, "py.objects", "Python objects", "allocations that hold a live object"},
    {Code::py_buffers, "py.buffers", "buffers they own",
     "list items, dict tables, bytes of a bytearray ..."},
    {Code::native_owned, "native.owned", "native, owner known",
     "C and C++ allocations that a Python object holds"},
    {Code::native_other, "native.other", "native, owner unknown",
     "allocations in use that are no Python object's"},
    {Code::overhead, "overhead", "allocator overhead",
     "headers, slack and tables of the allocators themselves"},
    {Code::free_pymalloc, "free.pymalloc", "free in pymalloc",
     "free blocks and pools that pymalloc keeps"},
    {Code::free_glibc, "free.glibc", "free in glibc",
     "free chunks, tops and caches that glibc keeps"},
    {Code::other_allocator, "other.allocator", "other allocators",
     "regions of an allocator that is named, not walked"},
    {Code::anon_other, "anon.other", "other anonymous memory",
     "anonymous memory that no known allocator owns"},
    {Code::stacks_used, "stacks.used", "stacks in use", "from the stack pointers up"},
    {Code::stacks_unused, "stacks.unused", "stacks, touched once",
     "pages below the stack pointers that stay resident"},
    {Code::shmem, "shmem", "shared memory", "memory shared with other processes"},
    {Code::files_dirty, "files.dirty", "libraries' data",
     "private pages of mapped files that were written, static objects included"},
    {Code::files_clean, "files.clean", "mapped files",
     "pages of mapped files as they are on disk: shared, reclaimable"},
}};

constexpr const CodeInfo& info_of(Code code) { return kInfo[static_cast<std::size_t>(code)]; }

void add(Amounts& amounts, Code code, std::uint64_t n) {
  amounts[static_cast<std::size_t>(code)] += n;
}

std::uint64_t sum(const Amounts& amounts) {
  return std::accumulate(amounts.begin(), amounts.end(), std::uint64_t{0});
}

// Where the bytes of a mapping go that nothing finer claims.
Code code_of_mapping(const image::Mapping& mapping) {
  switch (mapping.kind) {
    case image::MappingKind::anonymous:
      return Code::anon_other;
    case image::MappingKind::stack:
      return Code::stacks_used;
    case image::MappingKind::file:
    case image::MappingKind::kernel:
      return Code::files_clean;
    case image::MappingKind::shared_memory:
      return Code::shmem;
  }
  return Code::anon_other;
}

__extension__ using Wide = unsigned __int128;

// Splits `n` in proportion to `weights`; the parts add up to n.
void spread(std::uint64_t n, const Amounts& weights, Amounts& out) {
  const std::uint64_t whole = sum(weights);
  if (whole == 0) return;
  std::uint64_t given = 0;
  std::size_t largest = 0;
  for (std::size_t i = 0; i < kCodes; ++i) {
    const auto part = static_cast<std::uint64_t>(static_cast<Wide>(n) * weights[i] / whole);
    out[i] += part;
    given += part;
    if (weights[i] > weights[largest]) largest = i;
  }
  out[largest] += n - given;
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Goes through a sorted list of ranges once: bytes of ever higher ranges inside it.
class RangeSweep {
 public:
  explicit RangeSweep(const std::vector<AddressRange>& ranges) : ranges_(ranges) {}
  std::uint64_t bytes_in(AddressRange part) {
    while (next_ < ranges_.size() && ranges_[next_].end <= part.begin) ++next_;
    std::uint64_t bytes = 0;
    for (std::size_t i = next_; i < ranges_.size() && ranges_[i].begin < part.end; ++i) {
      bytes += std::min(ranges_[i].end, part.end) - std::max(ranges_[i].begin, part.begin);
    }
    return bytes;
  }

 private:
  const std::vector<AddressRange>& ranges_;
  std::size_t next_ = 0;
};

// Codes of used rows without an owner, by label: the chain of ifs once a label, not once a row.
Code code_of_label(const census::Label& label) {
  using census::Kind;
  const census::KindInfo& info = census::info_of(label.kind);
  if (label.kind == Kind::python_object) return Code::py_objects;
  // What allocators keep for themselves lies in their own heaps.
  if (label.kind == Kind::obmalloc_state || label.kind == Kind::libc_tcache) return Code::overhead;
  if (info.domain == "cpython") return Code::py_buffers;
  if (info.domain == "damaged") return Code::anon_other;
  return Code::native_other;
}

Code code_of_labelled(const census::Census& census, census::RowId row, Code by_label) {
  const census::Allocator allocator = census.rows.allocator(row);
  if (allocator == census::Allocator::static_object) return Code::files_dirty;
  // What was reached there is known; the rest is not.
  if (allocator == census::Allocator::other && by_label == Code::native_other) {
    return Code::other_allocator;
  }
  if (census.rows.state(row) != census::State::used) {
    return allocator == census::Allocator::pymalloc ? Code::free_pymalloc : Code::free_glibc;
  }
  const bool owned = census.rows.owner(row) != census::RowId::none;
  return by_label == Code::native_other && owned ? Code::py_buffers : by_label;
}

class Sweep {
 public:
  // `parts`: where the share of each mapping goes, unless null; `owned` as in the header.
  Sweep(const census::Census& census, const image::Image& image, const image::Residency& residency,
        std::vector<MappingShare>* parts, const std::vector<bool>* owned)
      : census_(census),
        image_(image),
        residency_(residency),
        resident_(residency.resident),
        parts_(parts),
        owned_(owned) {
    codes_.reserve(census.labels.size());
    for (const census::Label& label : census.labels) codes_.push_back(code_of_label(label));
    const bool smaps = std::any_of(image.mappings.begin(), image.mappings.end(),
                                   [](const image::Mapping& m) { return m.rss.has_value(); });
    result_.basis = smaps ? Basis::rss : residency.known ? Basis::resident_private : Basis::mapped;
    result_.vm_rss = image.process.vm_rss;
  }

  Waterfall run() {
    std::size_t row = 0;
    std::size_t range = 0;
    const std::size_t rows = census_.rows.size();
    AddressRange row_extent = row < rows ? extent(row) : AddressRange{};
    while (row < rows || range < census_.ranges.size()) {
      const bool take_row = row < rows && (range == census_.ranges.size() ||
                                           row_extent.begin < census_.ranges[range].range.begin);
      if (take_row) {
        place(row_extent, code_of_row(row));
        if (++row < rows) row_extent = extent(row);
      } else {
        const census::Range& r = census_.ranges[range++];
        place(r.range, code_from(census::info_of(r.kind).waterfall).value_or(Code::anon_other));
      }
    }
    while (mapping_ < image_.mappings.size()) close_mapping();
    result_.total = sum(result_.bytes);
    result_.mapped_total = sum(result_.mapped_bytes);
    return result_;
  }

 private:
  AddressRange extent(std::size_t row) const {
    return census_.extent_of(census::RowId{static_cast<std::uint32_t>(row)});
  }

  Code code_of_row(std::size_t row) const {
    const census::RowId id{static_cast<std::uint32_t>(row)};
    const Code code =
        code_of_labelled(census_, id, codes_[census::index_of(census_.rows.label(id))]);
    const bool owned = code == Code::native_other && owned_ != nullptr && (*owned_)[row];
    return owned ? Code::native_owned : code;
  }

  // The bytes of [extent] that were not counted yet, mapping by mapping.
  void place(AddressRange extent, Code code) {
    while (mapping_ < image_.mappings.size()) {
      const image::Mapping& mapping = image_.mappings[mapping_];
      if (mapping.range.end <= extent.begin) {
        close_mapping();
        continue;
      }
      const Address begin = std::max({extent.begin, mapping.range.begin, counted_to_});
      const Address end = std::min(extent.end, mapping.range.end);
      if (begin < end) {
        fill_gap(begin);
        count({begin, end}, code);
      }
      if (extent.end < mapping.range.end) return;
      close_mapping();
      if (extent.end == mapping.range.end) return;
    }
  }

  // A census tiles its mappings; if it ever did not, the sums must still be right.
  void fill_gap(Address to) {
    const image::Mapping& mapping = image_.mappings[mapping_];
    const Address from = std::max(counted_to_, mapping.range.begin);
    if (from < to) count({from, to}, code_of_mapping(mapping));
  }

  void count(AddressRange part, Code code) {
    const image::Mapping& mapping = image_.mappings[mapping_];
    if (mapping.readable || mapping.writable || mapping.executable) {
      add(mapped_, code, part.size());
    } else {
      result_.inaccessible += part.size();
    }
    if (residency_.known) {
      // A page of a file's mapping that became private was written, whatever its permissions say.
      add(private_, code == Code::files_clean ? Code::files_dirty : code, resident_.bytes_in(part));
    }
    counted_to_ = part.end;
  }

  // Moves what was counted in the current mapping to the result.
  void close_mapping() {
    const image::Mapping& mapping = image_.mappings[mapping_];
    fill_gap(mapping.range.end);
    result_.swapped += mapping.swapped.value_or(0);
    result_.hugetlb += mapping.counters.hugetlb;
    Amounts bytes{};
    switch (result_.basis) {
      case Basis::mapped:
        bytes = mapped_;
        break;
      case Basis::resident_private:
        bytes = private_;
        break;
      case Basis::rss:
        bytes = fit_to_rss(mapping, mapping.rss.value_or(0));
        break;
    }
    for (std::size_t i = 0; i < kCodes; ++i) {
      result_.bytes[i] += bytes[i];
      result_.mapped_bytes[i] += mapped_[i];
    }
    if (parts_ != nullptr) parts_->push_back({bytes, mapped_, sum(bytes)});
    mapped_ = {};
    private_ = {};
    ++mapping_;
  }

  Amounts fit_to_rss(const image::Mapping& mapping, std::uint64_t rss) {
    Amounts bytes = private_;
    // Huge pages of hugetlbfs are in the page tables and in no Rss: a mapping has only such or
    // none.
    if (mapping.counters.hugetlb != 0) bytes = {};
    const std::uint64_t known = sum(bytes);
    if (known == rss) return bytes;
    if (known < rss) {
      if (mapping.is_anonymous_memory() && !residency_.known) {
        // Nothing says which pages: in proportion.
        Amounts spread_out{};
        spread(rss, sum(mapped_) ? mapped_ : private_, spread_out);
        if (sum(spread_out) == rss) {
          if (rss < mapping.range.size()) result_.estimated += rss;
          return spread_out;
        }
      }
      add(bytes, code_of_mapping(mapping), rss - known);
      return bytes;
    }
    // More private pages than smaps counted (it was read at another moment): in proportion.
    Amounts shrunk{};
    spread(rss, private_, shrunk);
    result_.estimated += known - rss;
    return shrunk;
  }

  const census::Census& census_;
  const image::Image& image_;
  const image::Residency& residency_;
  RangeSweep resident_;
  std::vector<MappingShare>* parts_;
  const std::vector<bool>* owned_;
  std::vector<Code> codes_;
  Waterfall result_;
  std::size_t mapping_ = 0;
  Address counted_to_;
  Amounts mapped_{};
  Amounts private_{};
};

}  // namespace

std::string_view name_of(Code code) { return info_of(code).name; }
std::string_view title_of(Code code) { return info_of(code).title; }
std::string_view meaning_of(Code code) { return info_of(code).meaning; }

std::optional<Code> code_from(std::string_view name) {
  for (const CodeInfo& info : kInfo) {
    if (info.name == name) return info.code;
  }
  return std::nullopt;
}

std::string_view name_of(Basis basis) {
  switch (basis) {
    case Basis::rss:
      return "rss";
    case Basis::resident_private:
      return "resident_private";
    case Basis::mapped:
      return "mapped";
  }
  return "mapped";
}

std::string_view text_of(Basis basis) {
  switch (basis) {
    case Basis::rss:
      return "RSS";
    case Basis::resident_private:
      return "resident private memory";
    case Basis::mapped:
      return "mapped memory";
  }
  return "mapped memory";
}

Code code_of(const census::Census& census, census::RowId row) {
  return code_of_labelled(census, row, code_of_label(census.label_of(row)));
}

Waterfall waterfall(const census::Census& census, const image::Image& image) {
  return Sweep(census, image, image.residency, nullptr, nullptr).run();
}

WaterfallByMapping waterfall_by_mapping(const census::Census& census, const image::Image& image,
                                        const std::vector<bool>* owned) {
  WaterfallByMapping result;
  result.mappings.reserve(image.mappings.size());
  result.sum = Sweep(census, image, image.residency, &result.mappings, owned).run();
  return result;
}

Waterfall written_pages(const census::Census& census, const image::Image& image, JobControl& job,
                        const std::vector<bool>* owned) {
  image::Residency written;
  written.known = true;
  for (const image::Mapping& mapping : image.mappings) {
    if (job.cancelled()) break;
    // Clean pages of files are not told from written ones here; their data part is.
    const bool data =
        mapping.kind == image::MappingKind::file && mapping.writable && !mapping.shared;
    if (!mapping.is_anonymous_memory() && !data) continue;
    for (Address page = mapping.range.begin; page < mapping.range.end;) {
      const auto bytes = image.space.bytes(page, image.page_size);
      if (bytes.empty()) {
        // A damaged core's mappings may be terabytes without a byte.
        const Address next = image.space.next_present(page + image.page_size, mapping.range.end);
        page += std::max<std::uint64_t>((next - page) / image.page_size, 1) * image.page_size;
        continue;
      }
      if (!is_zero(bytes)) {
        if (!written.resident.empty() && written.resident.back().end == page) {
          written.resident.back().end += image.page_size;
        } else {
          written.resident.push_back({page, page + image.page_size});
        }
      }
      page += image.page_size;
    }
  }
  return Sweep(census, image, written, nullptr, owned).run();
}

}  // namespace coreheap::usage
