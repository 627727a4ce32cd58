// See sampler.h.
#include "heapparse/usage/sampler.h"

#include <sys/uio.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "heapparse/image/os.h"
#include "heapparse/image/proc_process.h"

namespace coreheap::usage {

namespace {

// Bounds on what a bent list or table may cost.
constexpr std::size_t kMostArenas = 1 << 16;
constexpr std::size_t kMostSlots = 1 << 20;
// smaps_rollup walks all page tables (30 ms for a GiB of small pages) and holds a lock of the
// process meanwhile: it is read so seldom that this takes no more than a hundredth of the time.
constexpr int kPssRest = 100;

// "Key:   123 kB"
std::uint64_t kib(std::string_view text, std::string_view key) {
  return image::status_number(text, key).value_or(0) * 1024;
}

}  // namespace

Sampler::Sampler(std::uint64_t pid, const std::vector<glibc::MallocHeap>& heaps,
                 const pymalloc::PymallocHeap& pymalloc)
    : pid_(pid),
      anchors_(pymalloc.array_anchors),
      pool_bytes_(pymalloc.geometry.pool_bytes),
      arena_bytes_(pymalloc.geometry.arena_bytes) {
  for (const glibc::MallocHeap& heap : heaps) {
    if (heap.arenas.empty() || heap.layout.system_bytes_offset == 0) continue;
    rings_.push_back({heap.arenas.front().address, heap.layout.system_bytes_offset,
                      heap.layout.next_offset, heap.parameters.mmapped_bytes_at});
  }
}

bool Sampler::read(Address address, std::span<std::byte> out) const {
  iovec local{out.data(), out.size()};
  iovec remote{reinterpret_cast<void*>(address.value), out.size()};
  return process_vm_readv(static_cast<pid_t>(pid_), &local, 1, &remote, 1, 0) ==
         static_cast<ssize_t>(out.size());
}

std::optional<std::uint64_t> Sampler::word(Address address) const {
  std::uint64_t value = 0;
  if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
  return value;
}

void Sampler::add_glibc(Sample& sample) const {
  std::uint64_t& arenas = sample.values[static_cast<std::size_t>(Counter::glibc_arenas)];
  std::uint64_t& mmapped = sample.values[static_cast<std::size_t>(Counter::glibc_mmapped)];
  for (const Ring& ring : rings_) {
    Address arena = ring.main_arena;
    for (std::size_t i = 0; i < kMostArenas; ++i) {
      const auto bytes = word(arena + ring.system_bytes_offset);
      const auto next = word(arena + ring.next_offset);
      if (!bytes || !next) break;
      arenas += *bytes;
      if (*next == ring.main_arena.value) break;
      arena = Address{*next};
    }
    if (ring.mmapped_bytes) mmapped += word(ring.mmapped_bytes).value_or(0);
  }
}

void Sampler::add_pymalloc(Sample& sample) const {
  // arena_object: address, pool_address, nfreepools, ntotalpools (unsigned), two links more.
  struct Slot {
    std::uint64_t address;
    std::uint64_t pool_address;
    std::uint32_t free_pools;
    std::uint32_t total_pools;
    std::uint64_t links[3];
  };
  static_assert(sizeof(Slot) == 48);
  std::uint64_t& used = sample.values[static_cast<std::size_t>(Counter::pymalloc_used_pools)];
  std::uint64_t& free = sample.values[static_cast<std::size_t>(Counter::pymalloc_free_pools)];
  std::vector<Slot> slots;
  for (const Address anchor : anchors_) {
    const auto array = word(anchor);
    if (!array || *array < 16) continue;
    // The array is a chunk of malloc's: its size word says how many slots there are.
    const auto size = word(Address{*array} - 8);
    if (!size) continue;
    const std::size_t count = std::min<std::size_t>(
        static_cast<std::size_t>((*size & ~std::uint64_t{7}) / sizeof(Slot)), kMostSlots);
    slots.resize(count);
    if (!read(Address{*array}, std::as_writable_bytes(std::span(slots)))) continue;
    for (const Slot& slot : slots) {
      const bool sound = slot.address != 0 && slot.total_pools != 0 &&
                         slot.free_pools <= slot.total_pools &&
                         slot.total_pools <= arena_bytes_ / pool_bytes_;
      if (!sound) continue;
      used += (slot.total_pools - slot.free_pools) * pool_bytes_;
      free += slot.free_pools * pool_bytes_;
    }
  }
}

std::uint64_t Sampler::pss(const std::string& directory) {
  const auto before = std::chrono::steady_clock::now();
  if (before < next_pss_) return pss_;
  const auto text = image::read_text_file(directory + "/smaps_rollup", 1 << 16);
  if (text && !text->empty()) pss_ = kib(*text, "Pss:");
  const auto after = std::chrono::steady_clock::now();
  next_pss_ = after + (after - before) * kPssRest;
  return pss_;
}

Result<Sample> Sampler::take() {
  const std::string directory = "/proc/" + std::to_string(pid_);
  const auto now = std::chrono::steady_clock::now();
  if (!began_) began_ = now;
  Sample sample;
  sample.seconds = std::chrono::duration<double>(now - *began_).count();
  sample.unix_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  const auto status = image::read_text_file(directory + "/status", 1 << 16);
  // A zombie's files are there, without any memory.
  if (!status || !image::status_number(*status, "VmRSS:")) {
    return std::unexpected(image::gone(pid_));
  }
  const auto set = [&](Counter counter, std::uint64_t value) {
    sample.values[static_cast<std::size_t>(counter)] = value;
  };
  set(Counter::rss, kib(*status, "VmRSS:"));
  set(Counter::pss, pss(directory));
  set(Counter::anonymous, kib(*status, "RssAnon:"));
  set(Counter::file, kib(*status, "RssFile:"));
  set(Counter::shmem, kib(*status, "RssShmem:"));
  set(Counter::swapped, kib(*status, "VmSwap:"));
  set(Counter::page_tables, kib(*status, "VmPTE:"));
  set(Counter::threads, image::status_number(*status, "Threads:").value_or(0));
  const auto maps = image::read_text_file(directory + "/maps");
  set(Counter::mappings,
      maps ? static_cast<std::uint64_t>(std::count(maps->begin(), maps->end(), '\n')) : 0);
  add_glibc(sample);
  add_pymalloc(sample);
  return sample;
}

}  // namespace coreheap::usage
