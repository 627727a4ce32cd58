// The waterfall's lines on processes made by hand, where every figure is known.
#include "heapparse/usage/waterfall.h"

#include <numeric>

#include "tests/unit/catch.h"
#include "tests/unit/usage/fixture.h"

using namespace coreheap;
using namespace coreheap::usage;
using census::Allocator;
using census::Kind;
using census::RangeKind;
using census::State;
using image::MappingKind;
using image::TargetKind;

namespace {

constexpr std::uint64_t kPage = Maker::kPage;

std::uint64_t sum(const std::array<std::uint64_t, kCodes>& amounts) {
  return std::accumulate(amounts.begin(), amounts.end(), std::uint64_t{0});
}

// One of everything; the numbers of resident pages are all different.
Maker everything(TargetKind kind) {
  Maker maker(kind);
  maker.mapping(MappingKind::anonymous)
      .range(RangeKind::pool_header, 1, 1)
      .row(Kind::python_object, 10, 2)
      .row(Kind::list_items, 10, 3, State::used, Allocator::pymalloc, true)
      .row(Kind::pymalloc_free, 10, 4, State::free)
      .row(Kind::free_list_object, 10, 5, State::cached);
  maker.mapping(MappingKind::anonymous)
      .row(Kind::string_data, 20, 6, State::used, Allocator::glibc_mmap)
      .row(Kind::object_buffer, 20, 7, State::used, Allocator::glibc_mmap, true)
      .row(Kind::glibc_top, 20, 8, State::free, Allocator::glibc_mmap)
      .row(Kind::glibc_tcache, 20, 9, State::cached, Allocator::glibc_mmap);
  maker.mapping(MappingKind::anonymous)
      .row(Kind::uncategorized, 20, 10, State::used, Allocator::other)
      .range(RangeKind::anonymous_other, 20, 11);
  maker.mapping(MappingKind::stack)
      .range(RangeKind::stack_unused, 20, 12)
      .range(RangeKind::stack_used, 20, 13);
  maker.mapping(MappingKind::file)
      .range(RangeKind::file_dirty, 20, 14)
      .row(Kind::python_object, 20, 15, State::used, Allocator::static_object)
      .range(RangeKind::file_clean, 40, 0)
      .shared_pages(16);
  maker.mapping(MappingKind::shared_memory).range(RangeKind::shared_memory, 40, 0).shared_pages(17);
  maker.mapping(MappingKind::anonymous, false).range(RangeKind::no_access, 1000, 0);
  return maker;
}

}  // namespace

TEST_CASE("Every line of a live process has its resident pages, and they add up to smaps' Rss") {
  Made made = everything(TargetKind::live).finish();
  made.image.process.vm_rss = 1;
  std::uint64_t rss = 0;
  for (const auto& mapping : made.image.mappings) rss += *mapping.rss;

  const Waterfall w = waterfall(made.census, made.image);
  CHECK(w.basis == Basis::rss);
  CHECK(w.total == rss);
  CHECK(sum(w.bytes) == rss);
  CHECK(w.estimated == 0);
  CHECK(w.vm_rss == 1);
  CHECK(w.of(Code::overhead) == 1 * kPage);
  CHECK(w.of(Code::py_objects) == 2 * kPage);
  CHECK(w.of(Code::py_buffers) == (3 + 7) * kPage);
  CHECK(w.of(Code::free_pymalloc) == (4 + 5) * kPage);
  CHECK(w.of(Code::native_other) == 6 * kPage);
  CHECK(w.of(Code::free_glibc) == (8 + 9) * kPage);
  CHECK(w.of(Code::other_allocator) == 10 * kPage);
  CHECK(w.of(Code::anon_other) == 11 * kPage);
  CHECK(w.of(Code::stacks_unused) == 12 * kPage);
  CHECK(w.of(Code::stacks_used) == 13 * kPage);
  CHECK(w.of(Code::files_dirty) == (14 + 15) * kPage);
  CHECK(w.of(Code::files_clean) == 16 * kPage);
  CHECK(w.of(Code::shmem) == 17 * kPage);
}

TEST_CASE(
    "Native blocks that an object is known to hold are a line of their own, and the sum stays") {
  const Made made = everything(TargetKind::live).finish();
  const Waterfall before = waterfall(made.census, made.image);
  // Only native blocks move: who else is said to be held has a line already.
  const std::vector<bool> all(made.census.rows.size(), true);
  const Waterfall w = waterfall_by_mapping(made.census, made.image, &all).sum;
  CHECK(w.of(Code::native_owned) == 6 * kPage);
  CHECK(w.of(Code::native_other) == 0);
  CHECK(w.of(Code::other_allocator) == before.of(Code::other_allocator));
  CHECK(w.of(Code::py_buffers) == before.of(Code::py_buffers));
  CHECK(w.total == before.total);
  const std::vector<bool> none(made.census.rows.size());
  CHECK(waterfall_by_mapping(made.census, made.image, &none).sum.bytes == before.bytes);
}

TEST_CASE("A kernel core's total is its resident private pages") {
  const Made made = everything(TargetKind::kernel_core).finish();
  const Waterfall w = waterfall(made.census, made.image);
  CHECK(w.basis == Basis::resident_private);
  CHECK(w.total == made.image.residency.bytes_in({Address{0}, Address{~0ULL}}));
  CHECK(sum(w.bytes) == w.total);
  CHECK(w.of(Code::files_clean) == 0);
  CHECK(w.of(Code::py_objects) == 2 * kPage);
}

TEST_CASE("Without residency the figures are address space, inaccessible parts left out") {
  const Made made = everything(TargetKind::gcore).finish();
  const Waterfall w = waterfall(made.census, made.image);
  std::uint64_t mapped = 0;
  for (const auto& mapping : made.image.mappings) {
    if (mapping.readable) mapped += mapping.range.size();
  }
  CHECK(w.basis == Basis::mapped);
  CHECK(w.total == mapped);
  CHECK(w.mapped_total == mapped);
  CHECK(w.inaccessible == 1000 * kPage);
  CHECK(w.of(Code::py_objects) == 10 * kPage);
}

TEST_CASE("Bytes that a census forgot count under their mapping, and the sum stays exact") {
  Maker maker(TargetKind::live);
  maker.mapping(MappingKind::anonymous).hole(3, 1).row(Kind::python_object, 5, 5).hole(7, 4);
  maker.mapping(MappingKind::stack).hole(9, 9);
  const Made made = maker.finish();
  const Waterfall w = waterfall(made.census, made.image);
  CHECK(w.total == 19 * kPage);
  CHECK(sum(w.bytes) == w.total);
  CHECK(w.of(Code::anon_other) == 5 * kPage);
  CHECK(w.of(Code::stacks_used) == 9 * kPage);
}

TEST_CASE("A glibc chunk is counted from its size word, eight bytes before the pointer") {
  Made made;
  made.image.residency.known = true;
  image::Mapping mapping;
  mapping.range = {Address{0x10000}, Address{0x12000}};
  mapping.readable = mapping.writable = true;
  made.image.mappings.push_back(mapping);
  made.image.residency.resident = {{Address{0x10000}, Address{0x11000}}};
  census::RowsBuilder rows;
  // Takes [0x10808, 0x11808): 0x7f8 of it on the resident page.
  rows.add(Address{0x10810}, 0x1000, census::TypeId::none, census::label_of_kind(Kind::string_data),
           census::RowId::none, State::used, Allocator::glibc, 0);
  made.census.rows = rows.finish();
  made.census.labels = census::LabelTable().take();
  const Waterfall w = waterfall(made.census, made.image);
  CHECK(w.of(Code::native_other) == 0x7f8);
  CHECK(w.of(Code::anon_other) == 0x808);
  CHECK(w.total == 0x1000);
}

TEST_CASE("When smaps counts less than the pages that were seen, its sum still holds") {
  Made made = everything(TargetKind::live).finish();
  *made.image.mappings[0].rss -= 5 * kPage;
  std::uint64_t rss = 0;
  for (const auto& mapping : made.image.mappings) rss += *mapping.rss;
  const Waterfall w = waterfall(made.census, made.image);
  CHECK(w.total == rss);
  CHECK(w.estimated == 5 * kPage);
}

TEST_CASE("A live process whose pages cannot be told apart is split in proportion, and says so") {
  Maker maker(TargetKind::live);
  maker.mapping(MappingKind::anonymous)
      .row(Kind::python_object, 30, 10)
      .row(Kind::pymalloc_free, 10, 0, State::free);
  Made made = maker.finish();
  made.image.residency = {};
  const Waterfall w = waterfall(made.census, made.image);
  CHECK(w.total == 10 * kPage);
  CHECK(w.of(Code::py_objects) + w.of(Code::free_pymalloc) == w.total);
  CHECK(w.of(Code::py_objects) == 30 * kPage / 4);
  CHECK(w.estimated == w.total);
}

TEST_CASE("Pages that were written are counted, in a mapping of terabytes without any others") {
  constexpr Address kBegin{0x100000000000};
  const std::vector<std::byte> zeroes(8192);
  std::vector<std::byte> ones(8192, std::byte{1});
  image::Image image;
  image::Mapping mapping;
  mapping.kind = image::MappingKind::anonymous;
  mapping.range = {kBegin, kBegin + (std::uint64_t{1} << 45)};
  mapping.readable = mapping.writable = true;
  image.mappings.push_back(mapping);
  const Address middle = kBegin + (std::uint64_t{1} << 44);
  image.space = image::AddressSpace({{{kBegin, kBegin + 8192}, zeroes.data()},
                                     {{middle, middle + 8192}, ones.data()},
                                     // The page of which only a part is there does not count.
                                     {{middle + 8192 + 100, middle + 12288}, ones.data()}},
                                    {mapping.range});
  JobControl job;
  const Waterfall w = written_pages(census::Census(), image, job, nullptr);
  CHECK(w.total == 8192);
}

TEST_CASE("Every range kind counts under a line that exists") {
  for (const census::RangeKindInfo& info : census::all_range_kinds()) {
    CAPTURE(info.id);
    CHECK(code_from(info.waterfall).has_value());
  }
}

TEST_CASE("An empty image has an empty waterfall") {
  const Waterfall w = waterfall(census::Census{}, image::Image{});
  CHECK(w.total == 0);
  CHECK(w.share(Code::py_objects) == 0);
}
