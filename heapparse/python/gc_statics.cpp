#include "heapparse/python/gc_statics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "heapparse/image/scan_words.h"
#include "heapparse/python/types/builtin_function.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/module.h"

namespace coreheap::python {
namespace {

using Ranges = std::vector<AddressRange>;

// Longest piece of a function that is looked at: gc.collect of 3.6 parses its arguments first.
constexpr std::size_t kCodeBytes = 320;
// A statistic that CPython counts one by one never gets there.
constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 40;

bool inside(const Ranges& ranges, Address a) {
  return std::any_of(ranges.begin(), ranges.end(), [a](AddressRange r) { return r.contains(a); });
}

Ranges data_of(const image::Image& image, const Runtime& runtime) {
  if (runtime.module >= 0) return image.modules[static_cast<std::size_t>(runtime.module)].data;
  Ranges out;
  if (const auto* mapping = image.mapping_at(runtime.type_type)) out.push_back(mapping->range);
  return out;
}

// The three heads and the pointer to the first of them, which is exported for extensions.
void find_generations(const image::Image& image, const Ranges& data, const Runtime& runtime,
                      ObjectReader& reader, GcStatics& out) {
  std::vector<std::uint32_t> strides = {runtime.gc_head_bytes + 8};
  for (const std::uint32_t stride : reader.traits().generation_strides) strides.push_back(stride);
  for (const AddressRange& range : data) {
    image::scan_words(image.space, range, [&](Address at, std::uint64_t word) {
      const Address first{word};
      if (word == 0 || !first.is_aligned(8) || first == at || !inside(data, first)) return true;
      for (const std::uint32_t stride : strides) {
        if (stride < runtime.gc_head_bytes + 8 || !are_list_heads(reader, first, stride, 3)) {
          continue;
        }
        out.generations = first;
        out.stride = stride;
        out.evidence.push_back({"GC generations",
                                fmt::format("three list heads {} bytes apart at {:#x}, pointed to "
                                            "from {:#x}",
                                            stride, word, at.value),
                                Evidence::Strength::certain});
        return false;
      }
      return true;
    });
    if (out.generations) return;
  }
}

// What x86-64 code addresses relative to the next instruction, in order of appearance.
struct DataReference {
  Address target;
  std::uint32_t bytes = 0;  // of the operand; 0: its address is taken
};

std::vector<DataReference> data_references(const image::Image& image, Address code) {
  const auto bytes = image.space.bytes_up_to(code, kCodeBytes);
  const auto at = [&](std::size_t i) { return std::to_integer<std::uint8_t>(bytes[i]); };
  std::vector<DataReference> out;
  for (std::size_t i = 1; i + 5 <= bytes.size(); ++i) {
    // ModRM of an operand relative to the instruction pointer.
    if ((at(i) & 0xc7) != 0x05) continue;
    const std::uint8_t opcode = at(i - 1);
    const bool wide = i >= 2 && (at(i - 2) & 0xf8) == 0x48;
    std::uint32_t size = 0;
    std::uint64_t immediate = 0;
    if (opcode == 0x8b) {  // mov r, m
      size = wide ? 8 : 4;
    } else if (opcode == 0x63 && wide) {  // movslq
      size = 4;
    } else if (opcode == 0x83 && (at(i) & 0x38) == 0x38) {  // cmp m, imm8
      size = wide ? 8 : 4;
      immediate = 1;
    } else if (opcode == 0x8d && wide) {  // lea
      size = 0;
    } else if ((opcode == 0x6f || opcode == 0x28 || opcode == 0x10) && i >= 2 &&
               at(i - 2) == 0x0f) {  // movdqa, movaps, movups
      size = 16;
    } else {
      continue;
    }
    std::int32_t distance = 0;
    std::memcpy(&distance, bytes.data() + i + 1, 4);
    const auto reach = static_cast<std::uint64_t>(std::int64_t{distance});
    out.push_back({code + (i + 5 + immediate) + reach, size});
  }
  return out;
}

// Where the code of the function `name` of the module with this dict begins; 0 when unknown.
Address code_of(ObjectReader& reader, Address dict, std::string_view name) {
  const auto function = dict_lookup(reader, dict, name);
  if (!function) return {};
  return builtin_function_code(reader, *function).value_or(Address{});
}

bool are_statistics(ObjectReader& reader, Address a) {
  if (!a.is_aligned(8)) return false;
  const std::uint32_t words = 3 * reader.layout().generation_stats.struct_size / 8;
  for (std::uint32_t i = 0; i < words; ++i) {
    const auto word = reader.memory().read<std::uint64_t>(a + 8 * std::uint64_t{i});
    if (!word || *word >= kMostCounted) return false;
  }
  return words != 0;
}

// The first int of at most `most` in the module's data that the code reads.
Address int_read_by(const image::Image& image, const Ranges& data, ObjectReader& reader,
                    Address code, std::uint32_t most) {
  if (!code) return {};
  for (const DataReference& reference : data_references(image, code)) {
    if (reference.bytes != 4 || !reference.target.is_aligned(4)) continue;
    if (!inside(data, reference.target)) continue;
    const auto value = reader.memory().read<std::uint32_t>(reference.target);
    if (value && *value <= most) return reference.target;
  }
  return {};
}

}  // namespace

bool are_list_heads(ObjectReader& reader, Address first, std::uint32_t stride, std::size_t count) {
  const std::uint64_t mask = reader.traits().gc_link_mask;
  auto& memory = reader.memory();
  for (std::size_t i = 0; i < count; ++i) {
    const Address head = first + stride * std::uint64_t{i};
    const auto next = memory.read<std::uint64_t>(head);
    const auto prev = memory.read<std::uint64_t>(head + 8);
    if (!next || !prev || *next == 0 || *prev == 0) return false;
    const auto back = memory.read<std::uint64_t>(Address{*next & mask} + 8);
    const auto forth = memory.read<std::uint64_t>(Address{*prev & mask});
    if (!back || !forth) return false;
    if ((*back & mask) != head.value || (*forth & mask) != head.value) return false;
  }
  return true;
}

GcStatics find_gc_statics(const image::Image& image, const Runtime& runtime, ObjectReader& reader) {
  GcStatics out;
  const Ranges data = data_of(image, runtime);
  find_generations(image, data, runtime, reader, out);
  if (runtime.interpreters.empty()) return out;
  const auto module = dict_lookup(reader, runtime.interpreters.front().modules, "gc");
  const auto dict = module ? module_dict(reader, *module) : std::nullopt;
  if (!dict) {
    out.evidence.push_back({"GC settings", "module gc was never imported: no way to them",
                            Evidence::Strength::certain});
    return out;
  }
  out.garbage = dict_lookup(reader, *dict, "garbage").value_or(Address{});
  out.callbacks = dict_lookup(reader, *dict, "callbacks").value_or(Address{});
  constexpr std::uint32_t kAllDebugFlags = 63;
  out.enabled = int_read_by(image, data, reader, code_of(reader, *dict, "isenabled"), 1);
  out.debug = int_read_by(image, data, reader, code_of(reader, *dict, "get_debug"), kAllDebugFlags);
  out.collecting = int_read_by(image, data, reader, code_of(reader, *dict, "collect"), 1);
  if (const Address code = code_of(reader, *dict, "get_stats")) {
    for (const DataReference& reference : data_references(image, code)) {
      if (!inside(data, reference.target) || !are_statistics(reader, reference.target)) continue;
      out.statistics = reference.target;
      break;
    }
  }
  if (out.enabled || out.debug || out.statistics) {
    out.evidence.push_back({"GC settings",
                            fmt::format("as the code of module gc reads them: enabled at {:#x}, "
                                        "debug at {:#x}, statistics at {:#x}",
                                        out.enabled.value, out.debug.value, out.statistics.value),
                            Evidence::Strength::probable});
  } else {
    out.evidence.push_back({"GC settings",
                            "static variables that only the code of module gc names, and it is "
                            "not in the image",
                            Evidence::Strength::certain});
  }
  return out;
}

}  // namespace coreheap::python
