// Any bytes as the block in which CPython describes itself, by every table: what is taken from it
// lies within the structures that it declares.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cpython_layouts/structs_visit.h"
#include "heapparse/python/debug_offsets.h"

namespace {
using namespace coreheap;

// More than any block has: 3.15's is of 888 bytes.
constexpr std::size_t kMostBytes = 16 << 10;

void require(bool condition) {
  if (!condition) std::abort();
}

// Where a table has the fields that its block speaks of, in bytes from the table's beginning, with
// the structure of each: worked out once, there are thousands of fields.
struct Described {
  std::ptrdiff_t structure;
  std::ptrdiff_t field;
};

std::ptrdiff_t distance(const void* from, const void* to) {
  return static_cast<const char*>(to) - static_cast<const char*>(from);
}

std::map<const layouts::Layout*, std::vector<Described>> describe_all() {
  std::map<const layouts::Layout*, std::vector<Described>> out;
  for (const layouts::Layout* table : layouts::all()) {
    std::set<std::string> names;
    layouts::visit_fields(*table, [&](std::string_view block, std::string_view name,
                                      const layouts::Struct&, const layouts::Field& member) {
      if (block == "debug_offsets" && member.present()) names.insert(python::table_name_of(name));
    });
    layouts::visit_fields(*table, [&](std::string_view group, std::string_view field,
                                      const layouts::Struct& of, const layouts::Field& member) {
      if (member.present() && names.contains(std::string(group) + "." + std::string(field))) {
        out[table].push_back({distance(table, &of), distance(table, &member)});
      }
    });
  }
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  size = std::min(size, kMostBytes);
  const auto all = layouts::all();
  const layouts::Layout& table = *all[data[0] % all.size()];
  std::vector<std::uint64_t> memory((size + 7) / 8);
  std::memcpy(memory.data(), data, size);
  if (data[1] % 4 != 0 && table.debug_offsets.present()) {
    // Past the anchors, which the fuzzer would have to guess.
    const std::size_t needed = table.debug_offsets.object_type.offset / 8 + 1;
    if (memory.size() < needed) memory.resize(needed);
    memory[table.debug_offsets.object_size.offset / 8] = table.object.struct_size;
    memory[table.debug_offsets.object_type.offset / 8] = table.object.type.offset;
  }
  for (auto& word : memory) {
    if (word >> 56 == 'Q') word &= 0xffff;
  }
  constexpr Address kBase{0x7f0000001000};
  const image::AddressSpace space(
      {{{kBase, kBase + 8 * memory.size()}, reinterpret_cast<const std::byte*>(memory.data())}},
      {{kBase, kBase + 8 * memory.size()}});
  const auto said = python::read_debug_offsets(space, kBase, table);
  require(said.readable || (said.compared == 0 && !said.corrected));
  require(said.differences.size() + said.implausible.size() <= said.compared);
  require(said.differences.empty() == (said.corrected == nullptr));
  if (!said.corrected) return 0;
  static const auto kDescribed = describe_all();
  const auto described = kDescribed.find(&table);
  require(described != kDescribed.end());
  const char* corrected = reinterpret_cast<const char*>(said.corrected.get());
  for (const Described& one : described->second) {
    const auto& of = *reinterpret_cast<const layouts::Struct*>(corrected + one.structure);
    const auto& at = *reinterpret_cast<const layouts::Field*>(corrected + one.field);
    require(at.offset < (64U << 20) && of.struct_size <= (16U << 20));
  }
  return 0;
}
