// A process made by hand: mappings, resident pages, and a census that tiles them.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"
#include "heapparse/image/image.h"

namespace coreheap::usage {

struct Made {
  image::Image image;
  census::Census census;
};

// Lays mappings one behind the other with gaps between, and fills each with rows and ranges.
class Maker {
 public:
  static constexpr std::uint64_t kPage = 4096;

  explicit Maker(image::TargetKind kind) {
    made_.image.kind = kind;
    made_.image.residency.known = kind != image::TargetKind::gcore;
    live_ = kind == image::TargetKind::live;
  }

  Maker& mapping(image::MappingKind kind, bool accessible = true) {
    close();
    next_ = next_ + 16 * kPage;
    image::Mapping mapping;
    mapping.kind = kind;
    mapping.readable = mapping.writable = accessible;
    mapping.range = {next_, next_};
    made_.image.mappings.push_back(mapping);
    return *this;
  }
  // A row of so many pages of which the first `resident` are in RAM.
  Maker& row(census::Kind kind, std::uint64_t pages, std::uint64_t resident,
             census::State state = census::State::used,
             census::Allocator allocator = census::Allocator::pymalloc, bool owned = false) {
    const auto id =
        rows_->add(next_, pages * kPage, census::TypeId::none, census::label_of_kind(kind),
                   owned ? census::RowId{0} : census::RowId::none, state, allocator, 0);
    (void)id;
    return pass(pages, resident);
  }
  Maker& range(census::RangeKind kind, std::uint64_t pages, std::uint64_t resident) {
    made_.census.ranges.push_back({{next_, next_ + pages * kPage},
                                   kind,
                                   static_cast<std::int32_t>(made_.image.mappings.size()) - 1,
                                   0});
    return pass(pages, resident);
  }
  // Bytes that the census forgot.
  Maker& hole(std::uint64_t pages, std::uint64_t resident) { return pass(pages, resident); }
  // Pages that smaps counts beside the private ones: clean file pages, shared memory.
  Maker& shared_pages(std::uint64_t pages) {
    extra_ = pages;
    return *this;
  }

  Made finish() {
    close();
    made_.census.rows = rows_->finish();
    made_.census.labels = census::LabelTable().take();
    return std::move(made_);
  }

 private:
  Maker& pass(std::uint64_t pages, std::uint64_t resident) {
    if (resident > 0 && made_.image.residency.known) {
      made_.image.residency.resident.push_back({next_, next_ + resident * kPage});
    }
    private_ += resident;
    next_ = next_ + pages * kPage;
    return *this;
  }
  void close() {
    if (made_.image.mappings.empty()) return;
    image::Mapping& mapping = made_.image.mappings.back();
    mapping.range.end = next_;
    if (live_) mapping.rss = (private_ + extra_) * kPage;
    private_ = extra_ = 0;
  }

  Made made_;
  std::unique_ptr<census::RowsBuilder> rows_ = std::make_unique<census::RowsBuilder>();
  Address next_{0x100000};
  bool live_ = false;
  std::uint64_t private_ = 0;
  std::uint64_t extra_ = 0;
};

}  // namespace coreheap::usage
