// The invariants of census.h, looked at one by one. Nothing here trusts another check: ids first
// (extents need labels), then rows and ranges each for themselves, then both against every mapping.
#include <algorithm>

#include "heapparse/census/build.h"

namespace coreheap::census {
namespace {

class Checker {
 public:
  Checker(const Census& census, const image::Image& image) : census_(census), image_(image) {}

  Findings run() {
    check_ids();
    if (!out_.empty()) return std::move(out_);
    check_order();
    check_tiling();
    return std::move(out_);
  }

 private:
  void complain(Address a, const char* what) { out_.push_back({a, what, {}, Severity::damage}); }

  AddressRange extent(std::size_t row) const {
    return census_.extent_of(RowId{static_cast<std::uint32_t>(row)});
  }

  void check_ids() {
    const Rows& rows = census_.rows;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      const RowId row{i};
      const TypeId type = rows.type(row);
      const RowId owner = rows.owner(row);
      if (index_of(rows.label(row)) >= census_.labels.size())
        complain(rows.address(row), "row without a label");
      if (type != TypeId::none && index_of(type) >= census_.types.size()) {
        complain(rows.address(row), "row of a type that is not listed");
      }
      if (owner != RowId::none && index_of(owner) >= rows.size()) {
        complain(rows.address(row), "owner that is no row");
      }
    }
    for (const Range& r : census_.ranges) {
      if (r.kind == RangeKind::unlabelled) complain(r.range.begin, "range without a label");
      const auto m = static_cast<std::size_t>(r.mapping);
      if (r.mapping < 0 || m >= image_.mappings.size() || r.range.empty() ||
          !image_.mappings[m].range.contains(r.range.begin, r.range.size())) {
        complain(r.range.begin, "range outside its mapping");
      }
    }
  }

  void check_order() {
    Address end;
    std::size_t mapping = 0;
    for (std::size_t i = 0; i < census_.rows.size(); ++i) {
      const AddressRange e = extent(i);
      if (e.begin < end) complain(e.begin, "row overlaps the one before it");
      end = std::max(end, e.end);
      // Mappings may touch, and a row may lie across the border.
      while (mapping < image_.mappings.size() && image_.mappings[mapping].range.end <= e.begin)
        ++mapping;
      Address covered = e.begin;
      for (std::size_t m = mapping; m < image_.mappings.size() && covered < e.end &&
                                    image_.mappings[m].range.contains(covered);
           ++m) {
        covered = image_.mappings[m].range.end;
      }
      if (covered < e.end) complain(e.begin, "row outside every mapping");
    }
    end = Address{};
    for (const Range& r : census_.ranges) {
      if (r.range.begin < end) complain(r.range.begin, "range overlaps the one before it");
      end = std::max(end, r.range.end);
    }
  }

  // Merges rows and ranges over every mapping: no gap, no overlap.
  void check_tiling() {
    std::size_t row = 0;
    std::size_t range = 0;
    for (const auto& mapping : image_.mappings) {
      Address at = mapping.range.begin;
      while (at < mapping.range.end) {
        while (row < census_.rows.size() && extent(row).end <= at) ++row;
        while (range < census_.ranges.size() && census_.ranges[range].range.end <= at) ++range;
        const AddressRange in_row = row < census_.rows.size() ? extent(row) : AddressRange{};
        const AddressRange in_range =
            range < census_.ranges.size() ? census_.ranges[range].range : AddressRange{};
        const bool has_row = in_row.contains(at);
        if (has_row == in_range.contains(at)) {
          complain(at, has_row ? "byte has two homes" : "byte has no home");
          break;
        }
        // To the end of this home, or to where another begins inside it.
        const AddressRange& home = has_row ? in_row : in_range;
        const AddressRange& other = has_row ? in_range : in_row;
        at = other.begin > at ? std::min(home.end, other.begin) : home.end;
      }
    }
  }

  const Census& census_;
  const image::Image& image_;
  Findings out_;
};

}  // namespace

Findings check(const Census& census, const image::Image& image) {
  return Checker(census, image).run();
}

}  // namespace coreheap::census
