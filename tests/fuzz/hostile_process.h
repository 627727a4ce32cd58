// A small sound process whose words an input changes, for the targets that read whole processes.
//
// Input: the first byte picks the version, the second what is missing; the rest are edits of eight
// bytes each (where, and what), so that a fuzzer starts from structures that hold and reaches deep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "tests/unit/python/heap_builder.h"

namespace coreheap::fuzz {

using pymalloc::synthetic::kArenas;
using pymalloc::synthetic::kArray;
using pymalloc::synthetic::kData;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::kBrk;
using python::synthetic::kBrkBytes;
using python::synthetic::kLoose;
using python::synthetic::kStatics;
using python::synthetic::kStaticsBytes;

constexpr std::uint64_t kPools = 16;  // that edits reach

inline void furnish(HeapBuilder& heap) {
  heap.boot();
  const auto& l = heap.layout;
  const auto node =
      heap.add_heap_type("Node", "app", {heap.flags().have_gc | heap.flags().managed_dict, 32});
  for (int i = 0; i < 6; ++i) {
    const Address text = heap.identifier("text " + std::to_string(i));
    heap.object(node, 32);
    heap.dict({{text, heap.list({text, heap.integer(i), heap.tuple({text, node})})}});
  }
  const Address deque = heap.object(heap.type("collections.deque"), l.deque.struct_size);
  const Address block = heap.allocate(l.deque_block.struct_size);
  heap.store(deque, l.deque.left_block, block.value);
  heap.store(deque, l.deque.right_block, block.value);
  const Address set = heap.object(heap.type("set"), l.set.struct_size);
  heap.store(set, l.set.mask, 31);
  heap.store(set, l.set.table, heap.allocate(512).value);
  heap.free_block(heap.allocate(64));
  heap.allocate(64);
  heap.chunk(5000);
  // Native memory that an object holds: blocks that lead to each other, and one held by its middle.
  const Address first = heap.chunk(96);
  const Address second = heap.chunk(96);
  const Address third = heap.chunk(480);
  heap.word(first, second.value);
  heap.word(second, first.value);
  heap.word(second + 8, third.value + 440);
  const Address owner = heap.object(heap.add_static_type("native.Owner", {0, 32}), 32);
  heap.word(owner + 16, first.value);
  if (l.traits.int_blocks) heap.header(heap.chunk(l.traits.int_block_size) + 8, heap.type("int"));
}

// A process, its allocators' words written, and the builder that knows where things are in it.
struct SoundProcess {
  explicit SoundProcess(const layouts::Layout& layout) : builder(layout), memory(furnished()) {}

  HeapBuilder builder;
  pymalloc::synthetic::SyntheticHeap memory;

 private:
  pymalloc::synthetic::SyntheticHeap furnished() {
    furnish(builder);
    return builder.finished();
  }
};

// Sound processes take a while to make: one a version, changed by each input and put right again.
inline SoundProcess& sound_process(std::size_t version) {
  static std::map<std::size_t, std::unique_ptr<SoundProcess>> made;
  auto& process = made[version];
  if (!process) process = std::make_unique<SoundProcess>(*gil_layouts()[version]);
  return *process;
}

inline Address place_of(std::uint32_t where, const HeapBuilder& heap) {
  const std::uint64_t word = where >> 4;
  const auto& l = heap.layout;
  switch (where & 15) {
    case 0:
      return kData + word % 0x700 * 8;
    case 1:
      return kArray + word % 96 * 8;
    case 2:
    case 3:
      return kStatics + word % (kStaticsBytes / 8) * 8;
    case 4:
      return heap.type_type + word % (l.type.struct_size / 8 * 18) * 8;
    case 5:
    case 6:
      return kBrk + word % 0x800 * 8;
    case 7:
      return heap.interpreter + word % 1100 * 8;
    case 8:
      return heap.thread + word % 32 * 8;
    case 9:
      return heap.sysdict - 32 + word % 32 * 8;
    case 10:
      return heap.interpreter + word % (l.interpreter.struct_size / 8) * 8;
    default: {
      const std::uint64_t pool_bytes = heap.memory.geometry().pool_bytes;
      return kArenas + word % kPools * pool_bytes + word / kPools % 128 * 8;
    }
  }
}

inline std::uint64_t value_of(std::uint32_t what, const HeapBuilder& heap) {
  const std::uint64_t n = what >> 4;
  switch (what & 15) {
    case 0:
      return n;
    case 1:
      return ~n;
    case 2:
      return std::uint64_t{1} << (n & 63);
    case 3:
      return kArenas.value + n % 0x20000 * 8;
    case 4:
      return kBrk.value + n % (kBrkBytes / 8) * 8;
    case 5:
      return kStatics.value + n % (kStaticsBytes / 8) * 8;
    case 6:
      return heap.type_type.value + n % 18 * ((heap.layout.type.struct_size + 15U) / 16 * 16);
    case 7:
      return heap.interpreter.value + n % 64 * 8;
    case 8:
      return kLoose.value + n % 0x800 * 8;
    case 9:
      return n << 32 | 1;
    case 10:
      return heap.modules.value + n % 256 * 8;
    default:
      return n * 0x9E3779B97F4A7C15ULL;
  }
}

// The changes that an input makes, for as long as this lives; its image must not live longer.
class HostileProcess {
 public:
  // Needs two bytes.
  HostileProcess(const std::uint8_t* data, std::size_t size)
      : HostileProcess(sound_process(data[0] % gil_layouts().size()), data, size) {}

  image::Image image() const { return changes_.heap().image_in_place(); }

 private:
  HostileProcess(SoundProcess& process, const std::uint8_t* data, std::size_t size)
      : changes_(process.memory) {
    const HeapBuilder& heap = process.builder;
    for (std::size_t at = 2; at + 8 <= size && at < 8 * 64; at += 8) {
      std::uint32_t where;
      std::uint32_t what;
      std::memcpy(&where, data + at, 4);
      std::memcpy(&what, data + at + 4, 4);
      const Address place = place_of(where >> 1, heap);
      const std::uint64_t value = value_of(what, heap);
      if ((where & 1) != 0) {
        changes_.write(place, value);
      } else {
        changes_.write(place, static_cast<std::uint16_t>(value));
      }
    }
    auto& memory = process.memory;
    if ((data[1] & 1) != 0) memory.forget_modules();
    if ((data[1] & 2) != 0) memory.lose({kBrk + (data[1] >> 4) * 4096, kBrk + kBrkBytes});
    const Address arena_end = kArenas + memory.geometry().arena_bytes;
    if ((data[1] & 4) != 0) {
      memory.lose({kArenas + (data[1] >> 4) * 4096, arena_end});
    } else if ((data[1] & 16) != 0) {
      // Behind the pools that edits reach nothing was ever written: less to search, more runs.
      memory.lose({kArenas + kPools * memory.geometry().pool_bytes, arena_end});
    }
  }

  pymalloc::synthetic::Changes changes_;
};

}  // namespace coreheap::fuzz
