// A target whose stages are made by hand, and running commands on it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/run.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::commands {

// Stages without a Python runtime: reading objects is python/'s business and tested there.
struct Stages {
  image::Image image;
  census::Census census;
  std::vector<glibc::MallocHeap> heaps;
  pymalloc::PymallocHeap pymalloc;
  std::shared_ptr<std::vector<std::byte>> bytes;
  std::optional<python::Tracemalloc> tracemalloc;
};

class FakeTarget final : public Target {
 public:
  explicit FakeTarget(std::shared_ptr<Stages> stages) : stages_(std::move(stages)) {}
  const image::Image& image() const override { return stages_->image; }
  Result<const pymalloc::PymallocHeap*> pymalloc(JobControl&) override {
    return &stages_->pymalloc;
  }
  Result<const std::vector<glibc::MallocHeap>*> heaps(JobControl&) override {
    return &stages_->heaps;
  }
  Result<const python::Runtime*> runtime(JobControl&) override {
    return static_cast<const python::Runtime*>(nullptr);
  }
  Result<const python::TypeTable*> types(JobControl&) override {
    return static_cast<const python::TypeTable*>(nullptr);
  }
  Result<const python::Tracemalloc*> tracemalloc(JobControl&) override {
    return stages_->tracemalloc ? &*stages_->tracemalloc : nullptr;
  }
  Result<const census::Census*> census(JobControl&) override { return &stages_->census; }
  Result<const graph::Graph*> graph(JobControl& job) override {
    if (!graph_) {
      auto built = graph::build({stages_->image, stages_->census}, job);
      if (!built) return std::unexpected(built.error());
      graph_ = std::move(*built);
    }
    return &*graph_;
  }
  Result<const graph::Dominators*> dominators(JobControl& job) override {
    auto edges = graph(job);
    if (!edges) return std::unexpected(edges.error());
    if (!dominators_) {
      auto found = graph::find_dominators(**edges, job);
      if (!found) return std::unexpected(found.error());
      dominators_ = std::move(*found);
    }
    return &*dominators_;
  }

 private:
  std::optional<graph::Graph> graph_;
  std::optional<graph::Dominators> dominators_;
  std::shared_ptr<Stages> stages_;
};

// A small process: 16 KiB at 0x10000 of which the last page is missing from the image.
//   0x10000  Node object, GC head of 16        64 bytes  (two of them)
//   0x10080  list object                       48 bytes
//   0x10100  its items                        256 bytes
//   0x10200  text that nothing owns            80 bytes  (detail with a comma and a quote)
//   0x10300  free block                       512 bytes
//   0x10500  cached block                      96 bytes
//   rest     ranges
inline std::shared_ptr<Stages> small_process() {
  using census::Allocator;
  using census::Kind;
  using census::LabelId;
  using census::RowId;
  using census::State;
  using census::TypeId;
  auto stages = std::make_shared<Stages>();
  stages->image.kind = image::TargetKind::live;
  stages->image.source = "pid 7";
  stages->image.process.pid = 7;
  stages->image.process.command_line = "/usr/bin/python3 app.py";
  image::Mapping mapping;
  mapping.range = {Address{0x10000}, Address{0x14000}};
  mapping.readable = mapping.writable = true;
  mapping.rss = 0x3000;
  stages->image.mappings.push_back(mapping);
  stages->image.process.vm_rss = 0x3000;
  stages->image.residency = {true, {{Address{0x10000}, Address{0x13000}}}};
  stages->bytes = std::make_shared<std::vector<std::byte>>(0x3000, std::byte{0x41});
  stages->image.space = image::AddressSpace(
      {{{Address{0x10000}, Address{0x13000}}, stages->bytes->data(), image::ByteSource::copy}},
      {mapping.range});

  census::Census& census = stages->census;
  census::LabelTable labels;
  const LabelId object = census::label_of_kind(Kind::python_object);
  const LabelId text = labels.intern(Kind::string_data, "a \"b\", c");
  census.types = {{Address{0x900}, "app.Node", false, false},
                  {Address{0xa00}, "list", true, false}};
  census::RowsBuilder rows;
  const auto add = [&](std::uint64_t a, std::uint64_t size, TypeId type, LabelId label, RowId owner,
                       State state, std::uint8_t offset) {
    return rows.add(Address{a}, size, type, label, owner, state, Allocator::pymalloc, offset);
  };
  add(0x10000, 64, TypeId{0}, object, RowId::none, State::used, 2);
  add(0x10040, 64, TypeId{0}, object, RowId::none, State::used, 2);
  const RowId list = add(0x10080, 48, TypeId{1}, object, RowId::none, State::used, 2);
  add(0x10100, 256, TypeId::none, census::label_of_kind(Kind::list_items), list, State::used, 0);
  add(0x10200, 80, TypeId::none, text, RowId::none, State::used, 0);
  add(0x10300, 512, TypeId::none, census::label_of_kind(Kind::pymalloc_free), RowId::none,
      State::free, 0);
  add(0x10500, 96, TypeId{1}, census::label_of_kind(Kind::free_list_object), RowId::none,
      State::cached, 2);
  census.rows = rows.finish();
  census.labels = labels.take();
  std::uint64_t end = 0x10000;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const std::uint64_t begin = census.rows.address(RowId{i}).value;
    if (end < begin) {
      census.ranges.push_back(
          {{Address{end}, Address{begin}}, census::RangeKind::pool_slack, 0, 0});
    }
    end = begin + census.rows.size(RowId{i});
  }
  census.ranges.push_back({{Address{end}, Address{0x13000}}, census::RangeKind::arena_slack, 0, 0});
  census.ranges.push_back(
      {{Address{0x13000}, Address{0x14000}}, census::RangeKind::not_in_image, 0, 0});
  census.coverage.allocator_bytes = 0x4000;
  census.coverage.unreadable_bytes = 0x100;
  census.coverage.uncategorized_bytes = 0;
  return stages;
}

struct Ran {
  Outcome outcome;
  std::string text;
};

inline Ran run_on(const std::shared_ptr<Stages>& stages, std::string_view line, int width = 80) {
  Session session;
  session.prefix = "heap ";
  if (stages != nullptr) {
    session.open_with("pid 7", [stages](JobControl&) -> Result<std::unique_ptr<Target>> {
      return std::make_unique<FakeTarget>(stages);
    });
  }
  RenderStyle style;
  style.width = width;
  style.prefix = session.prefix;
  StringSink sink;
  JobControl job;
  Ran ran;
  ran.outcome = run_line(session, line, style, sink, job);
  ran.text = sink.text();
  return ran;
}

}  // namespace coreheap::commands
