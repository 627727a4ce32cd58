// A core as the simulator starts from: its bytes, where addresses lie in the file, and what the
// engine says of it while it is sound.
//
// Invariant: nothing in here changes; damage is written into a copy and taken back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/snapshot/snapshot.h"

namespace coreheap::corrupt {

// A row by what must stay as it is. Kinds are compared as texts, by their hash.
struct SoundRow {
  Address address;
  AddressRange extent;
  std::uint64_t size = 0;
  std::uint64_t kind = 0;
  std::uint8_t flags = 0;
  Address owner;  // of a buffer: the owner's row
};

std::vector<SoundRow> rows_of(const census::Census& census);

// A stretch of the file that is memory.
struct Loaded {
  AddressRange range;
  std::uint64_t offset = 0;
};

struct SoundCore {
  std::vector<std::byte> bytes;
  std::vector<Loaded> loaded;  // sorted by address
  std::unique_ptr<Snapshot> snapshot;
  std::vector<SoundRow> rows;

  std::optional<std::uint64_t> offset_of(Address a) const;
  std::optional<std::uint64_t> word_at(Address a) const;
};

// An ELF core of x86-64, 64 bit, whose heap the engine reads without a finding of damage.
Result<SoundCore> read_sound_core(const std::string& path);

}  // namespace coreheap::corrupt
