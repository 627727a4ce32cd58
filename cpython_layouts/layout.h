// Layout: everything coreheap knows about the memory of one version of CPython.
//
// Offsets (structs.h) and traits (traits.h) side by side, as constants. The folder reads no target
// and includes nothing but the standard library; the version numbers of CPython appear only here.
// Numbers are for x86-64 and other LP64 little-endian machines.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cpython_layouts/field.h"
#include "cpython_layouts/structs.h"
#include "cpython_layouts/traits.h"

namespace coreheap::layouts {

struct Version {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint8_t micro = 0;
  bool free_threaded = false;
  bool debug = false;  // a pydebug build; its objects may carry two list pointers in front

  friend constexpr bool operator==(const Version&, const Version&) = default;
};

struct Layout : Structs {
  Version version;                  // the first version the table holds for
  std::uint8_t measured_micro = 0;  // the micro version it was extracted from
  std::uint32_t runtime_size = 0;   // ELF size of _PyRuntime in that build; 0: no such symbol
  std::string_view name;            // "3.13", "3.13.5", "3.13t": for reports, never for decisions
  Traits traits;

  // Added to every offset of an object, and to its size, in builds that keep all objects in a list
  // (Traits::trace_refs_possible); only the debug tables that say so already count it.
  static constexpr std::uint32_t kTraceRefsShift = 16;

  friend constexpr bool operator==(const Layout&, const Layout&) = default;
};

// The table for a version. Of its variants (patch releases, debug builds) the size of _PyRuntime
// chooses when that is known and tabled, else the debug flag and the micro version. nullptr for a
// version that has no table.
const Layout* find(const Version& version, std::optional<std::uint64_t> runtime_size = {});

// The newest table, for best effort on a version newer than all; `free_threaded` picks the flavour.
const Layout& newest(bool free_threaded = false);

// Tables that fit the tp_basicsize of `type` itself, oldest first. `type_field_offset` is the
// offset of ob_type in an object (8, or 24 in free-threaded builds).
struct Candidates {
  static constexpr std::size_t kMax = 12;
  const Layout* layouts[kMax] = {};
  std::size_t count = 0;

  const Layout* const* begin() const { return layouts; }
  const Layout* const* end() const { return layouts + count; }
};
Candidates candidates_by_type_basicsize(std::uint64_t basicsize);
Candidates candidates_by_runtime_size(std::uint64_t runtime_size);

// Every table, variants of patch releases included, oldest first.
std::span<const Layout* const> all();

}  // namespace coreheap::layouts
