// Allocators in glibc's place: named by who calls them, never because their file is mapped.
#include "heapparse/malloc/other_allocators.h"

#include <array>
#include <cstring>

#include "tests/unit/catch.h"

namespace {

using namespace coreheap;
using namespace coreheap::glibc;

constexpr Address kCode{0x7f0000000000};
constexpr Address kProgramData{0x555500000000};
constexpr Address kHeap{0x7f1000001000};
constexpr std::uint64_t kBytes = 0x4000;

// A program whose data holds `word`, a library with code, and anonymous memory at `heap`.
struct World {
  explicit World(const std::string& library, std::uint64_t word, Address heap = kHeap) {
    image.modules.resize(2);
    image.modules[0].path = "/opt/program";
    image.modules[0].data = {{kProgramData, kProgramData + kBytes}};
    image.modules[1].path = library;
    std::memcpy(program.data() + 64, &word, 8);
    const auto map = [&](Address begin, image::MappingKind kind, std::int32_t module,
                         bool executable) {
      image::Mapping mapping;
      mapping.range = {begin, begin + kBytes};
      mapping.readable = true;
      mapping.writable = !executable;
      mapping.executable = executable;
      mapping.kind = kind;
      mapping.module = module;
      image.mappings.push_back(mapping);
    };
    map(kProgramData, image::MappingKind::file, 0, false);
    map(kCode, image::MappingKind::file, 1, true);
    map(heap, image::MappingKind::anonymous, -1, false);
    std::sort(image.mappings.begin(), image.mappings.end(),
              [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
    std::vector<AddressRange> mapped;
    for (const auto& mapping : image.mappings) mapped.push_back(mapping.range);
    image.space = image::AddressSpace(
        {{{kProgramData, kProgramData + kBytes}, program.data(), image::ByteSource::copy},
         {{heap, heap + kBytes}, memory.data(), image::ByteSource::copy}},
        mapped);
  }
  std::optional<OtherAllocator> find(bool needed, const std::vector<AddressRange>& known = {}) {
    return find_other_allocator(image, {}, known, needed);
  }

  std::array<std::byte, kBytes> program{};
  std::array<std::byte, kBytes> memory{};
  image::Image image;
};

TEST_CASE("an allocator's library that others call is named, with the memory that is nobody's") {
  const std::pair<const char*, const char*> libraries[] = {
      {"/usr/lib/libjemalloc.so.2", "jemalloc"},
      {"/usr/lib/libtcmalloc_minimal.so.4", "tcmalloc"},
      {"/usr/lib/libmimalloc.so.2.0", "mimalloc"},
      {"/lib/ld-musl-x86_64.so.1", "musl malloc"},
      {"/usr/lib/x86_64-linux-musl/libc.so", "musl malloc"},
  };
  for (const auto& [path, name] : libraries) {
    World world(path, kCode.value + 0x1234);
    const auto found = world.find(false);
    REQUIRE(found);
    CHECK(found->name == name);
    CHECK(found->module == 1);
    CHECK(found->bytes == kBytes);
    CHECK(found->anonymous_bytes == kBytes);
    CHECK(found->memory == std::vector<AddressRange>{{kHeap, kHeap + kBytes}});
  }
}

TEST_CASE("a library that is mapped and not called is not in charge") {
  CHECK_FALSE(World("/usr/lib/libjemalloc.so.2", kHeap.value).find(false));
  CHECK_FALSE(World("/usr/lib/libother.so.2", kCode.value + 8).find(false));
  CHECK_FALSE(World("/usr/lib/libc.so.6", kCode.value + 8).find(false));
}

TEST_CASE("memory that is needed and nobody's has an allocator, known or not") {
  const auto unknown = World("/usr/lib/libother.so", 0).find(true);
  REQUIRE(unknown);
  CHECK(unknown->name == "unknown allocator");
  CHECK(unknown->module == -1);
  const auto segments = World("/usr/lib/libother.so", 0, Address{0x7f1002000000}).find(true);
  REQUIRE(segments);
  CHECK(segments->name == "mimalloc");
}

TEST_CASE("memory of known allocators is not the other's") {
  World world("/usr/lib/libjemalloc.so.2", kCode.value);
  const auto found = world.find(false, {{kHeap, kHeap + 0x1000}});
  REQUIRE(found);
  CHECK(found->memory == std::vector<AddressRange>{{kHeap + 0x1000, kHeap + kBytes}});
  CHECK(found->bytes == kBytes - 0x1000);
}

}  // namespace
