// Prints what find_heap says of a core as JSON, for interpreters_test.py to compare with what the
// interpreter itself said.
//   counts_of_core CORE [--no-files]
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string_view>

#include "heapparse/image/open.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace {

using namespace coreheap;

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void print(const pymalloc::PymallocHeap& heap, double seconds) {
  struct Class {
    std::uint64_t pools = 0;
    std::uint64_t live = 0;
  };
  std::map<std::uint32_t, Class> classes;
  std::uint64_t unsound = 0;
  for (const pymalloc::Pool& pool : heap.pools) {
    Class& own = classes[heap.geometry.block_bytes(pool.size_class)];
    ++own.pools;
    own.live += pool.live;
    if (!pool.sound) ++unsound;
  }
  fmt::print("{{\"alignment\": {}, \"pool_bytes\": {}, \"arena_bytes\": {}, ",
             heap.geometry.alignment, heap.geometry.pool_bytes, heap.geometry.arena_bytes);
  fmt::print("\"live_blocks\": {}, \"live_bytes\": {}, \"pools\": {}, \"unsound\": {}, ",
             heap.live_blocks, heap.live_bytes, heap.pools.size(), unsound);
  fmt::print("\"arenas\": [");
  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    const pymalloc::Arena& arena = heap.arenas[i];
    fmt::print("{}{{\"array\": {}, \"deduced\": {}, \"live\": {}, \"total\": {}, \"free\": {}}}",
               i == 0 ? "" : ", ", arena.array, arena.deduced, arena.live_blocks, arena.pools_total,
               arena.pools_free);
  }
  fmt::print("], \"arrays\": {}, \"classes\": {{", heap.arena_arrays.size());
  const char* comma = "";
  for (const auto& [bytes, own] : classes) {
    fmt::print("{}\"{}\": [{}, {}]", comma, bytes, own.pools, own.live);
    comma = ", ";
  }
  fmt::print("}}, \"findings\": [");
  comma = "";
  for (const Finding& f : heap.findings) {
    fmt::print("{}{}", comma,
               json_string(fmt::format("{:#x} {}: {}", f.address.value, f.what, f.evidence)));
    comma = ", ";
  }
  fmt::print("], \"evidence\": [");
  comma = "";
  for (const Evidence& e : heap.evidence) {
    fmt::print("{}{}", comma, json_string(e.subject + ": " + e.how));
    comma = ", ";
  }
  fmt::print("], \"seconds\": {}}}\n", seconds);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: counts_of_core CORE [--no-files]\n", stderr);
    return 2;
  }
  image::OpenOptions options;
  const bool files = argc < 3 || std::string_view(argv[2]) != "--no-files";
  options.use_backing_files = files;
  JobControl job;
  const auto image = image::open_core(argv[1], options, job);
  if (!image) {
    std::fprintf(stderr, "%s\n", to_text(image.error()).c_str());
    return 1;
  }
  const image::Symbols symbols = files ? image::load_symbols(*image) : image::Symbols{};
  const auto start = std::chrono::steady_clock::now();
  const auto heap = pymalloc::find_heap(*image, symbols, job);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!heap) {
    std::fprintf(stderr, "%s\n", to_text(heap.error()).c_str());
    return 1;
  }
  print(*heap, took.count());
  return 0;
}
