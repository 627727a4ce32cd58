// PY_VERSION_HEX, as `sys.hexversion` and _Py_DebugOffsets give it: 0xMMmmuuLS.
#pragma once

#include <cstdint>
#include <string>

#include "cpython_layouts/layout.h"

namespace coreheap::layouts {

constexpr Version version_from_hex(std::uint64_t hex, bool free_threaded) {
  return {static_cast<std::uint8_t>(hex >> 24), static_cast<std::uint8_t>(hex >> 16),
          static_cast<std::uint8_t>(hex >> 8), free_threaded, false};
}

// The same minor release: one table, apart from overrides of patch releases.
constexpr bool same_release(const Version& a, const Version& b) {
  return a.major == b.major && a.minor == b.minor && a.free_threaded == b.free_threaded;
}

// "3.14.0rc2"
inline std::string text_from_hex(std::uint64_t hex) {
  std::string text = std::to_string(hex >> 24 & 0xff) + '.' + std::to_string(hex >> 16 & 0xff) +
                     '.' + std::to_string(hex >> 8 & 0xff);
  switch (hex >> 4 & 0xf) {
    case 0xa:
      text += 'a';
      break;
    case 0xb:
      text += 'b';
      break;
    case 0xc:
      text += "rc";
      break;
    default:
      return text;
  }
  return text + std::to_string(hex & 0xf);
}

}  // namespace coreheap::layouts
