// Sums by type over rows made by hand. What an object's size is, is python/'s business.
#include "heapparse/usage/type_usage.h"

#include "cpython_layouts/layout.h"
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

TEST_CASE("Objects of a type whose instances have one size are measured without being read") {
  python::Runtime runtime;
  runtime.layout = layouts::find({3, 13, 0, false, false});
  REQUIRE(runtime.layout != nullptr);
  // In the order of the census's types. No byte of an instance is in the (empty) image.
  python::PythonType node;
  node.address = Address{0x900};
  node.basicsize = 32;
  node.preheader = 16;
  node.sizeof_overridden = true;
  python::PythonType list;
  list.address = Address{0xa00};
  list.basicsize = 24;
  list.itemsize = 8;
  python::TypeTable types;
  types.build({node, list});
  JobControl job;
  const auto usage = type_usage(made(), image::AddressSpace{}, &runtime, &types, false, job);
  REQUIRE(usage.has_value());
  CHECK((*usage)[0].shallow == 2 * (32 + 16));
  CHECK((*usage)[0].unsized == 0);
  CHECK((*usage)[0].overridden == 2);
  CHECK((*usage)[1].shallow == 0);
  CHECK((*usage)[1].unsized == 1);
}

TEST_CASE("Summing by type can be cancelled") {
  JobControl job;
  job.cancel();
  const auto usage = type_usage(made(), image::AddressSpace{}, nullptr, nullptr, false, job);
  REQUIRE_FALSE(usage.has_value());
  CHECK(usage.error().code == ErrorCode::cancelled);
}
