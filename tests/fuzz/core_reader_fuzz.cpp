// open_core_bytes, module search and symbols on hostile cores. Checked besides crashes: that pieces
// are sorted, disjoint, inside what is mapped and readable to their last byte, and that mappings
// and modules refer to each other within bounds.
//
// No file that the core names is opened: results would depend on the machine.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "heapparse/image/core.h"
#include "heapparse/image/ranges.h"
#include "heapparse/image/symbols.h"

namespace {

using namespace coreheap;
using namespace coreheap::image;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_space(const Image& image) {
  const AddressSpace& space = image.space;
  Address end{0};
  unsigned sum = 0;
  for (const Piece& piece : space.pieces()) {
    require(!piece.range.empty() && end <= piece.range.begin);
    end = piece.range.end;
    require(bytes_in(space.mapped(), piece.range) == piece.range.size());
    // Where memory that is not ours would show under AddressSanitizer.
    sum += std::to_integer<unsigned>(piece.data[0]);
    sum += std::to_integer<unsigned>(piece.data[piece.range.size() - 1]);
    require(space.presence(piece.range.begin) == Presence::present);
    require(space.bytes(piece.range.begin, piece.range.size()).size() == piece.range.size());
  }
  volatile unsigned sink = sum;
  (void)sink;
}

void check_image(const Image& image) {
  check_space(image);
  Address end{0};
  for (const Mapping& m : image.mappings) {
    require(!m.range.empty() && end <= m.range.begin);
    end = m.range.end;
    require(m.module >= -1 && m.module < static_cast<std::int32_t>(image.modules.size()));
    require(image.mapping_at(m.range.begin) == &m);
  }
  for (const Module& module : image.modules) {
    require(normalised(module.data) == module.data);
    image.module_at(Address{module.first_page});
  }
  const Symbols symbols = load_symbols(image);
  for (const Thread& thread : image.threads) symbols.at(thread.program_counter);
  require(image.missing_bytes <= total_size(image.space.mapped()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  JobControl job;
  OpenOptions options;
  options.use_backing_files = false;
  const auto image =
      open_core_bytes(std::as_bytes(std::span(data, size)), "fuzz.core", options, job);
  if (image) {
    check_image(*image);
  } else {
    require(!image.error().reason.empty());
  }
  return 0;
}
