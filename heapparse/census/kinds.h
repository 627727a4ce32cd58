// The list of kinds: every value that `domain` and `kind` of a row, or a range's label, can take,
// with one line each, in one file (`kinds`). `heap help kinds` and the docs are generated from it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace coreheap::census {

enum class Kind : std::uint16_t {
#define COREHEAP_KIND(id, domain, kind, meaning) id,
#define COREHEAP_RANGE(id, name, waterfall, meaning)
#include "heapparse/census/kinds"
#undef COREHEAP_KIND
#undef COREHEAP_RANGE
};

enum class RangeKind : std::uint16_t {
#define COREHEAP_KIND(id, domain, kind, meaning)
#define COREHEAP_RANGE(id, name, waterfall, meaning) id,
#include "heapparse/census/kinds"
#undef COREHEAP_KIND
#undef COREHEAP_RANGE
};

struct KindInfo {
  std::string_view id;
  std::string_view domain;
  std::string_view kind;  // empty for python_object: the type's name stands there
  std::string_view meaning;
};

struct RangeKindInfo {
  std::string_view id;
  std::string_view name;
  std::string_view waterfall;  // code of the waterfall the bytes count under
  std::string_view meaning;
};

const KindInfo& info_of(Kind kind);
const RangeKindInfo& info_of(RangeKind kind);
std::span<const KindInfo> all_kinds();
std::span<const RangeKindInfo> all_range_kinds();

}  // namespace coreheap::census
