// Sums by type over rows made by hand. What an object's size is, is python/'s business.
#include "heapparse/usage/type_usage.h"

#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"
#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::usage;
using census::Allocator;
using census::Kind;
using census::label_of_kind;
using census::RowId;
using census::State;
using census::TypeId;

namespace {

struct Figures {
  std::uint64_t objects;
  std::uint64_t own;
  std::uint64_t buffers;
  bool operator==(const Figures&) const = default;
};

// Type 0 has two objects in a heap, a static one and a dead one; type 1 one object that owns two
// buffers. A third buffer is nobody's, a fourth was freed.
census::Census made() {
  census::Census census;
  census.types = {{Address{0x900}, "app.Node", false, false},
                  {Address{0xa00}, "list", true, false}};
  census::RowsBuilder rows;
  const auto add = [&](std::uint64_t a, std::uint64_t size, TypeId type, Kind kind,
                       RowId owner = RowId::none, State state = State::used,
                       Allocator allocator = Allocator::pymalloc) {
    return rows.add(Address{a}, size, type, label_of_kind(kind), owner, state, allocator, 0);
  };
  add(0x1000, 64, TypeId{0}, Kind::python_object);
  add(0x1040, 64, TypeId{0}, Kind::python_object);
  add(0x1080, 64, TypeId{0}, Kind::dead_object);
  const RowId list = add(0x2000, 48, TypeId{1}, Kind::python_object);
  add(0x3000, 256, TypeId::none, Kind::list_items, list);
  add(0x3100, 512, TypeId::none, Kind::object_buffer, list, State::used, Allocator::glibc);
  add(0x3300, 128, TypeId::none, Kind::list_items);
  add(0x3380, 96, TypeId::none, Kind::list_items, list, State::free);
  add(0x9000, 80, TypeId{0}, Kind::python_object, RowId::none, State::used,
      Allocator::static_object);
  census.rows = rows.finish();
  census.labels = census::LabelTable().take();
  return census;
}

std::vector<Figures> sums(bool with_static) {
  JobControl job;
  const auto usage = type_usage(made(), image::AddressSpace{}, nullptr, nullptr, with_static, job);
  REQUIRE(usage.has_value());
  std::vector<Figures> figures;
  for (const TypeUsage& one : *usage) figures.push_back({one.objects, one.own, one.buffers});
  return figures;
}

}  // namespace

TEST_CASE("An object counts under its type, a buffer under its owner's, each once") {
  CHECK(sums(false) == std::vector<Figures>{{2, 128, 0}, {1, 48, 768}});
}

TEST_CASE("Static objects count only when they are asked for") {
  CHECK(sums(true) == std::vector<Figures>{{3, 208, 0}, {1, 48, 768}});
}

TEST_CASE("Summing by type can be cancelled") {
  JobControl job;
  job.cancel();
  const auto usage = type_usage(made(), image::AddressSpace{}, nullptr, nullptr, false, job);
  REQUIRE_FALSE(usage.has_value());
  CHECK(usage.error().code == ErrorCode::cancelled);
}
