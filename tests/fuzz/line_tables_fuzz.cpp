// Line tables of every form, as any bytes: the first byte is the form, the next eight the
// instruction's offset, the rest the table.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "cpython_layouts/layout.h"
#include "heapparse/python/types/line_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 9) return 0;
  const auto all = coreheap::layouts::all();
  const auto form = all[data[0] % all.size()]->traits.line_table_form;
  std::int64_t offset = 0;
  std::memcpy(&offset, data + 1, sizeof offset);
  const std::span table(reinterpret_cast<const std::byte*>(data) + 9, size - 9);
  coreheap::python::line_at(form, table, 1, offset);
  // Every place that the table itself can speak of, and those in front and behind.
  const auto end = static_cast<std::int64_t>(table.size()) * 16 + 16;
  for (std::int64_t at = -2; at < (end < 512 ? end : 512); ++at) {
    coreheap::python::line_at(form, table, INT64_MAX, at);
  }
  return 0;
}
