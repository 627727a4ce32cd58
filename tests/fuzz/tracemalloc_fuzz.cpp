// tracemalloc's tables: the input is the memory that a hashtable lies in, some of its words become
// pointers into it. Checked besides crashes: a walk visits no more entries than there are buckets,
// and traces come with a traceback and file names that exist.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "heapparse/python/hashtable.h"
#include "heapparse/python/tracemalloc_reader.h"

namespace {
using namespace coreheap;
using namespace coreheap::python;

constexpr Address kBase{0x7f0000001000};
constexpr Address kCode{0x400000};
constexpr std::size_t kMostBytes = 8192;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<const layouts::Layout*> tracing_layouts() {
  std::vector<const layouts::Layout*> out;
  for (const layouts::Layout* l : layouts::all()) {
    if (l->traits.tracemalloc_form != layouts::TracemallocForm::kNone) out.push_back(l);
  }
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kLayouts = tracing_layouts();
  if (size < 16) return 0;
  const layouts::Layout& layout = *kLayouts[data[0] % kLayouts.size()];
  std::vector<std::uint64_t> memory(std::min(size, kMostBytes) / 8);
  std::memcpy(memory.data(), data, memory.size() * 8);
  for (auto& word : memory) {
    if (word >> 56 == 'P') word = kBase.value + (word % (memory.size() * 8) & ~7ULL);
    if (word >> 56 == 'C') word = kCode.value + (word & 0xff0);
    if (word >> 56 == 'Q') word &= 0xff;
  }
  image::Image image;
  const AddressRange range{kBase, kBase + 8 * memory.size()};
  image.space =
      image::AddressSpace({{range, reinterpret_cast<const std::byte*>(memory.data())}}, {range});
  image::Mapping code;
  code.range = {kCode, kCode + 0x1000};
  code.readable = code.executable = true;
  image::Mapping heap;
  heap.range = range;
  heap.readable = heap.writable = true;
  image.mappings = {code, heap};
  Runtime runtime;
  runtime.layout = &layout;
  TracemallocReader reader(image, runtime);
  Tracemalloc out;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    const Address at = kBase + 8 * i;
    reader.is_traceback(at);
    reader.is_filename(at);
    const auto head = read_hashtable(reader.reader(), image, at);
    if (!head) continue;
    std::uint64_t visited = 0;
    const auto walk = walk_hashtable(reader.reader(), *head, [&](Address) {
      ++visited;
      return true;
    });
    require(walk.visited == visited && visited <= head->bucket_count);
    reader.read_traces(out, *head, static_cast<std::uint32_t>(i));
  }
  require(out.addresses.size() == out.sizes.size());
  require(out.tracebacks.size() == out.sizes.size());
  for (const std::uint32_t traceback : out.tracebacks) {
    require(traceback + 1 < out.first_frame.size());
    for (const TraceFrame& frame : out.frames_of(traceback)) require(frame.file < out.files.size());
  }
  TracemallocReader::sort(out);
  require(std::is_sorted(out.addresses.begin(), out.addresses.end()));
  return 0;
}
