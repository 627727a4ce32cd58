// By what a static type is known when the C string of its name is out of reach: the types of
// CPython and of its standard library, described by words that lie in the heap.
//
// Measured from every interpreter at hand, never written by hand. A description that two types of
// one version share is listed for both; who reads the table must then look for more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "cpython_layouts/layout.h"

namespace coreheap::layouts {

inline constexpr std::uint8_t kNoRank = 255;

struct StaticTypeName {
  // fnv1a_64 of lines: name of the base (empty for `object`), basicsize, itemsize, and the keys of
  // its dict, sorted.
  std::uint64_t signature = 0;
  std::uint32_t documentation = 0;  // fnv1a_32 of __doc__; 0 where there is none
  std::uint16_t versions = 0;       // bits of version_bit()
  // Place among the types of this description in the order they were made, where every process
  // makes them all before it runs anything; else kNoRank.
  std::uint8_t rank = 0;
  std::string_view name;  // module.qualname, bare for builtins
};

// A key of a module under which one of several types of the same description is found.
struct PublishedType {
  std::uint16_t versions = 0;
  std::string_view module;
  std::string_view key;
  std::string_view name;
};

// A type whose own type is one of several of the same description.
struct TypeOfType {
  std::uint16_t versions = 0;
  std::string_view type;
  std::string_view metatype;
};

// The bit of this minor version, of the newest for versions that are newer; 0 for others.
std::uint16_t version_bit(const Version& version);
// The rows of a signature, of all versions.
std::span<const StaticTypeName> static_types_of(std::uint64_t signature);
std::span<const PublishedType> published_types();
std::span<const TypeOfType> types_of_types();

template <class Word, Word kBasis, Word kPrime>
constexpr Word fnv1a(std::string_view text) {
  Word hash = kBasis;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}
constexpr std::uint64_t fnv1a_64(std::string_view text) {
  return fnv1a<std::uint64_t, 0xcbf29ce484222325, 0x100000001b3>(text);
}
constexpr std::uint32_t fnv1a_32(std::string_view text) {
  return fnv1a<std::uint32_t, 0x811c9dc5, 0x01000193>(text);
}

}  // namespace coreheap::layouts
