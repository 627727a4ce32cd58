// What an interpreter has that was started and has run nothing: objects and bytes by type, measured
// with the `site` module and without an environment's own additions.
//
// An estimate where it is used: builds of one version differ by a few per cent of it, and a program
// lets go of some of it, or makes it grow. It is small (1 to 3 MiB) and bounded: whatever is left
// out on its word cannot hide more than the table holds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "cpython_layouts/layout.h"

namespace coreheap::layouts {

struct StartupUsage {
  std::string_view type;  // module.qualname, bare for builtins
  std::uint32_t objects = 0;
  std::uint32_t shallow = 0;
  std::uint32_t own = 0;
  std::uint32_t buffers = 0;
};

struct StartupTable {
  Version version;
  std::span<const StartupUsage> types;  // by name
};

// The table of that minor version, else the newest; nullptr for builds nobody measured
// (free-threaded, debug).
const StartupTable* startup_table(const Version& version);

}  // namespace coreheap::layouts
