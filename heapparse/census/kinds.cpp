// The tables behind kinds.h, made from the one list.
#include "heapparse/census/kinds.h"

#include <array>

namespace coreheap::census {
namespace {

constexpr auto kKinds = std::to_array<KindInfo>({
#define COREHEAP_KIND(id, domain, kind, meaning) {#id, domain, kind, meaning},
#define COREHEAP_RANGE(id, name, waterfall, meaning)
#include "heapparse/census/kinds"
#undef COREHEAP_KIND
#undef COREHEAP_RANGE
});

constexpr auto kRangeKinds = std::to_array<RangeKindInfo>({
#define COREHEAP_KIND(id, domain, kind, meaning)
#define COREHEAP_RANGE(id, name, waterfall, meaning) {#id, name, waterfall, meaning},
#include "heapparse/census/kinds"
#undef COREHEAP_KIND
#undef COREHEAP_RANGE
});

}  // namespace

const KindInfo& info_of(Kind kind) {
  const auto i = static_cast<std::size_t>(kind);
  return kKinds[i < kKinds.size() ? i : 0];
}

const RangeKindInfo& info_of(RangeKind kind) {
  const auto i = static_cast<std::size_t>(kind);
  return kRangeKinds[i < kRangeKinds.size() ? i : 0];
}

std::span<const KindInfo> all_kinds() { return kKinds; }
std::span<const RangeKindInfo> all_range_kinds() { return kRangeKinds; }

}  // namespace coreheap::census
