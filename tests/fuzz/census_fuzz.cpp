// The whole chain, image to census, over a hostile process. Checked besides crashes and endless
// walks: that rows stay sorted and ids within their tables, and, when check() has nothing to say,
// that homes add up to every mapping.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "heapparse/census/build.h"
#include "heapparse/snapshot/snapshot.h"
#include "tests/fuzz/hostile_process.h"

namespace {

using namespace coreheap;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_census(const census::Census& census, const image::Image& image) {
  const auto& rows = census.rows;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const census::RowId row{i};
    require(i == 0 || rows.addresses()[i - 1] <= rows.addresses()[i]);
    require(census::index_of(rows.label(row)) < census.labels.size());
    if (rows.holds_object(row)) require(census::index_of(rows.type(row)) < census.types.size());
    if (rows.owner(row) != census::RowId::none) {
      require(census::index_of(rows.owner(row)) < rows.size());
    }
    census.kind_of(row);
  }
  if (!census::check(census, image).empty()) return;
  std::uint64_t homes = 0;
  std::uint64_t mapped = 0;
  for (std::uint32_t i = 0; i < rows.size(); ++i)
    homes += census.extent_of(census::RowId{i}).size();
  for (const auto& r : census.ranges) homes += r.range.size();
  for (const auto& m : image.mappings) mapped += m.range.size();
  require(homes == mapped);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const fuzz::HostileProcess process(data, size);
  Snapshot snapshot(process.image(), {(data[1] & 8) == 0});
  JobControl job;
  const auto census = snapshot.census(job);
  require(census.has_value());
  check_census(**census, snapshot.image());
  return 0;
}
