#include "cpython_layouts/static_types.h"

#include <algorithm>
#include <iterator>

#include "cpython_layouts/static_types_data.h"

namespace coreheap::layouts {

std::uint16_t version_bit(const Version& version) {
  std::size_t i = 0;
  for (const Version& known : kStaticTypeVersions) {
    if (version.major == known.major && version.minor == known.minor) {
      return static_cast<std::uint16_t>(1U << i);
    }
    ++i;
  }
  const Version& newest = *std::rbegin(kStaticTypeVersions);
  const bool newer = version.major > newest.major ||
                     (version.major == newest.major && version.minor > newest.minor);
  return newer ? static_cast<std::uint16_t>(1U << (i - 1)) : std::uint16_t{0};
}

std::span<const StaticTypeName> static_types_of(std::uint64_t signature) {
  const auto less = [](const StaticTypeName& row, std::uint64_t s) { return row.signature < s; };
  const auto* begin =
      std::lower_bound(std::begin(kStaticTypeNames), std::end(kStaticTypeNames), signature, less);
  const auto* end = begin;
  while (end != std::end(kStaticTypeNames) && end->signature == signature) ++end;
  return {begin, end};
}

std::span<const PublishedType> published_types() { return kPublishedTypes; }

std::span<const TypeOfType> types_of_types() { return kTypesOfTypes; }

}  // namespace coreheap::layouts
