// Prints the heaps of a core or a process in the words of malloc_info, with the evidence. A tool
// for developers: dump_heap CORE|PID [--no-symbols] [--chunks]
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "heapparse/image/open.h"
#include "heapparse/malloc/malloc_heap.h"

namespace {

using namespace coreheap;

constexpr const char* kStates[] = {"used",   "bin", "fastbin",   "tcache",
                                   "orphan", "top", "fencepost", "unknown"};

void print(const glibc::MallocHeap& heap, bool chunks) {
  fmt::print("layout: {}\n", heap.layout.description);
  for (const auto& e : heap.evidence) fmt::print("  evidence {}: {}\n", e.subject, e.how);
  std::size_t shown = 0;
  for (const auto& f : heap.findings) {
    if (++shown > 20) break;
    fmt::print("  finding {:#x}: {} ({})\n", f.address.value, f.what, f.evidence);
  }
  if (shown > 20) fmt::print("  … {} findings in all\n", heap.findings.size());
  const auto& p = heap.parameters;
  fmt::print(
      "mp_ {:#x}: mmap_threshold {} trim_threshold {} n_mmaps {} mmapped {} sbrk_base {:#x} "
      "tcache {}/{}/{}\n",
      p.address.value, p.mmap_threshold, p.trim_threshold, p.n_mmaps, p.mmapped_bytes,
      p.sbrk_base.value, p.tcache_bins, p.tcache_max_bytes, p.tcache_count);
  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    const glibc::Arena& a = heap.arenas[i];
    fmt::print(
        "arena {} at {:#x}{}{}: system {} in {} segments, used {} / {}, bins {} / {}, fast {} / "
        "{}, tcache {} / {}, top {}, overhead {}\n",
        i, a.address.value, a.locked ? " locked" : "",
        a.non_contiguous && a.is_main ? " non-contiguous" : "", a.system_bytes, a.segments,
        a.used_count, a.used_bytes, a.bin_count, a.bin_bytes, a.fastbin_count, a.fastbin_bytes,
        a.tcache_count, a.tcache_bytes, a.top_bytes, a.overhead_bytes);
  }
  for (const auto& g : heap.segments) {
    if (g.arena == 0)
      fmt::print("segment {:#x}-{:#x} {}\n", g.range.begin.value, g.range.end.value,
                 g.range.size());
  }
  for (const auto& t : heap.tcaches) {
    fmt::print("tcache {:#x} of {}: {} chunks, {} bytes\n", t.address.value,
               t.tid ? std::to_string(*t.tid) : "a thread that is gone", t.count, t.bytes);
  }
  fmt::print("mmapped: {} chunks, {} bytes\n", heap.mmapped_count, heap.mmapped_bytes);
  if (!chunks) return;
  for (const glibc::Chunk& c : heap.chunks) {
    fmt::print("{:#x} {} {}{}\n", c.user().value, c.size, kStates[static_cast<int>(c.state)],
               c.mmapped ? " mmapped" : "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool chunks = false, no_symbols = false;
  std::string target;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--chunks") {
      chunks = true;
    } else if (word == "--no-symbols") {
      no_symbols = true;
    } else {
      target = word;
    }
  }
  if (target.empty()) {
    std::fputs("usage: dump_heap CORE|PID [--no-symbols] [--chunks]\n", stderr);
    return 2;
  }
  JobControl job;
  const bool is_pid = target.find_first_not_of("0123456789") == std::string::npos;
  auto image = is_pid ? image::open_process(std::strtoull(target.c_str(), nullptr, 10), {}, job)
                      : image::open_core(target, {}, job);
  if (!image) {
    std::fputs((to_text(image.error()) + "\n").c_str(), stderr);
    return 1;
  }
  const image::Symbols symbols = no_symbols ? image::Symbols{} : image::load_symbols(*image);
  const auto start = std::chrono::steady_clock::now();
  const auto heaps = glibc::find_heaps(*image, symbols, {}, job);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!heaps) {
    std::fputs((to_text(heaps.error()) + "\n").c_str(), stderr);
    return 1;
  }
  std::size_t count = 0;
  for (const auto& heap : *heaps) {
    print(heap, chunks);
    count += heap.chunks.size();
  }
  fmt::print("{} heaps, {} chunks in {:.4f} s: {:.1f} million chunks a second\n", heaps->size(),
             count, took.count(), static_cast<double>(count) / took.count() / 1e6);
  return 0;
}
