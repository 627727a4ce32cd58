// Any bytes as a query: parsed, checked, and, where they are one, run over a small census without
// Python. Errors point inside the text; whatever runs gives as many values as it has rows.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"
#include "querylang/checker.h"
#include "querylang/run.h"

namespace {

using namespace coreheap;

void insist(bool held) {
  if (!held) std::abort();
}

census::Census small_census() {
  using census::RowId;
  using census::State;
  using census::TypeId;
  census::Census made;
  census::LabelTable labels;
  made.types = {{Address{0x900}, "app.Node", false, false}, {Address{0xa00}, "list", true, false}};
  census::RowsBuilder rows;
  std::uint64_t at = 0x10000;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const std::uint64_t size = 16 * (1 + i % 7);
    const bool object = i % 3 != 0;
    rows.add(Address{at}, size, object ? TypeId{i % 2} : TypeId::none,
             object ? census::label_of_kind(census::Kind::python_object)
                    : labels.intern(census::Kind::string_data, i % 2 ? "a" : ""),
             i % 5 == 4 ? RowId{i - 1} : RowId::none, static_cast<State>(i % 9 == 8 ? 1 : 0),
             census::Allocator::pymalloc, object ? 2 : 0);
    at += size;
  }
  made.rows = rows.finish();
  made.labels = labels.take();
  made.coverage.allocator_bytes = at - 0x10000;
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const census::Census census = small_census();
  static const image::Image image;
  static const pymalloc::PymallocHeap pymalloc;
  static const std::vector<glibc::MallocHeap> heaps;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto plan = query::plan(text, {"saved"});
  if (!plan) {
    const query::QueryError& error = plan.error();
    insist(!error.code.empty() && !error.message.empty());
    insist(error.span.start <= error.span.end && error.span.end <= text.size());
    insist(!to_text(error, text).empty());
    return 0;
  }
  query::Variables variables;
  variables["saved"] = std::make_shared<const query::RowSet>(query::RowSet{1, 5, 7});
  JobControl job;
  const query::Heap heap{image, census, heaps, pymalloc, nullptr, nullptr};
  const auto result = query::run(std::move(*plan), heap, variables, job);
  if (!result) return 0;
  const std::size_t rows = std::min<std::uint64_t>((*result)->size(), 64);
  std::vector<std::uint64_t> numbers(rows);
  for (std::size_t i = 0; i < rows; ++i) numbers[i] = i;
  std::vector<query::Value> values(rows);
  query::TextStore texts;
  for (std::size_t c = 0; c < (*result)->columns().size(); ++c) {
    (*result)->fill(c, numbers, values, texts);
  }
  return 0;
}
