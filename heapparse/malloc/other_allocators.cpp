#include "heapparse/malloc/other_allocators.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "heapparse/malloc/anonymous_memory.h"
#include "heapparse/malloc/arenas.h"

namespace coreheap::glibc {
namespace {

struct Library {
  std::string_view prefix;  // of the file's name
  std::string_view name;
  bool whole = false;  // that is all of it
};
constexpr std::array kLibraries = {
    Library{"libjemalloc", "jemalloc"},      Library{"libtcmalloc", "tcmalloc"},
    Library{"libmimalloc", "mimalloc"},      Library{"libtbbmalloc", "tbbmalloc"},
    Library{"libsnmalloc", "snmalloc"},      Library{"libhoard", "hoard"},
    Library{"ld-musl-", "musl malloc"},      Library{"libc.musl-", "musl malloc"},
    Library{"libc.so", "musl malloc", true},
};
// mimalloc takes memory in pieces of this size, at multiples of it.
constexpr std::uint64_t kMimallocSegment = std::uint64_t{32} << 20;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Other files whose data holds addresses of the module's code: those that call it.
std::size_t callers_of(const image::Image& image, std::size_t module) {
  std::vector<AddressRange> code;
  for (const image::Mapping& mapping : image.mappings) {
    if (mapping.module == static_cast<std::int32_t>(module) && mapping.executable) {
      code.push_back(mapping.range);
    }
  }
  const auto is_code = [&](std::uint64_t word) {
    return std::any_of(code.begin(), code.end(),
                       [&](const AddressRange& range) { return range.contains(Address{word}); });
  };
  std::size_t callers = 0;
  for (std::size_t m = 0; m < image.modules.size(); ++m) {
    if (m == module) continue;
    bool calls = false;
    for (const AddressRange& range : image.modules[m].data) {
      for (const AddressRange& part : present_ranges(image.space, range)) {
        const auto bytes = image.space.bytes(part.begin, part.size());
        for (std::size_t i = 0; !calls && i + 8 <= bytes.size(); i += 8) {
          std::uint64_t word = 0;
          std::memcpy(&word, bytes.data() + i, 8);
          calls = is_code(word);
        }
      }
    }
    callers += calls ? 1 : 0;
  }
  return callers;
}

std::uint64_t total(const std::vector<AddressRange>& ranges) {
  std::uint64_t bytes = 0;
  for (const AddressRange& range : ranges) bytes += range.size();
  return bytes;
}

std::vector<AddressRange> memory_of_nobody(const image::Image& image,
                                           const std::vector<MallocHeap>& heaps,
                                           const std::vector<AddressRange>& known) {
  std::vector<AddressRange> taken = known;
  for (const MallocHeap& heap : heaps) {
    for (const Segment& segment : heap.segments) taken.push_back(segment.range);
    for (const Overhead& overhead : heap.overhead) taken.push_back(overhead.range);
    for (const Chunk& chunk : heap.chunks) {
      if (chunk.mmapped) taken.push_back({chunk.address, chunk.address + chunk.size});
    }
  }
  for (const image::Module& module : image.modules) {
    taken.insert(taken.end(), module.data.begin(), module.data.end());
  }
  const auto memory = without(without(anonymous_memory(image), normalised(thread_stacks(image))),
                              normalised(std::move(taken)));
  return written_memory(image, memory);
}

}  // namespace

std::optional<OtherAllocator> find_other_allocator(const image::Image& image,
                                                   const std::vector<MallocHeap>& heaps,
                                                   const std::vector<AddressRange>& known,
                                                   bool needed) {
  OtherAllocator found;
  for (std::size_t m = 0; m < image.modules.size() && found.name.empty(); ++m) {
    const std::string_view file = base_name(image.modules[m].path);
    const auto library =
        std::find_if(kLibraries.begin(), kLibraries.end(), [&](const Library& one) {
          return one.whole ? file == one.prefix : file.starts_with(one.prefix);
        });
    if (library == kLibraries.end()) continue;
    const std::size_t callers = callers_of(image, m);
    if (callers == 0) continue;
    found.name = std::string(library->name);
    found.module = static_cast<std::int32_t>(m);
    found.evidence.push_back(
        {found.name, fmt::format("{} is mapped, and the data of {} other files has addresses of "
                                 "its code",
                                 image.modules[m].path, callers)});
  }
  if (found.name.empty() && !needed) return std::nullopt;
  found.memory = memory_of_nobody(image, heaps, known);
  found.bytes = total(found.memory);
  found.anonymous_bytes = total(written_memory(image, anonymous_memory(image)));
  if (found.name.empty()) {
    const bool segments = std::any_of(
        found.memory.begin(), found.memory.end(),
        [](const AddressRange& range) { return range.begin.is_aligned(kMimallocSegment); });
    found.name = segments ? "mimalloc" : "unknown allocator";
    found.evidence.push_back(
        {found.name,
         segments ? "objects lie in memory that no known allocator owns, taken at multiples of 32 "
                    "MiB"
                  : "objects lie in memory that no known allocator owns",
         segments ? Evidence::Strength::probable : Evidence::Strength::guess});
  }
  found.evidence.push_back(
      {found.name + "'s share",
       fmt::format("{} of {} bytes of anonymous memory are no known allocator's", found.bytes,
                   found.anonymous_bytes),
       Evidence::Strength::probable});
  return found;
}

}  // namespace coreheap::glibc
