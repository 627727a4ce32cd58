// What can be wrong with a core: one function a kind, each a few words written over a sound core,
// and what must hold of the census nevertheless.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/corrupt/sound_core.h"

namespace coreheap::corrupt {

struct Edit {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t word = 0;
  unsigned bytes = 8;
};

struct Damage {
  std::vector<Edit> edits;
  std::optional<std::uint64_t> cut;  // the file ends here
  std::string what;                  // for the report: addresses and values
  // Rows whose extents lie outside this range must be there as before, in size, state and kind,
  // buffers of `owner` excepted. Nothing is promised where `promises` is false.
  bool promises = false;
  AddressRange inside;
  Address owner;
  // Where a row is missing or another one, somebody must say so.
  bool wants_finding = false;
};

using Random = std::mt19937_64;

struct Kind {
  std::string_view name;
  // nullopt: this core has nothing of the kind.
  std::optional<Damage> (*make)(const SoundCore& core, Random& random);
};

std::span<const Kind> all_kinds();

}  // namespace coreheap::corrupt
