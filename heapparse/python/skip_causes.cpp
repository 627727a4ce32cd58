// The table behind SkipCause, made from the one list.
#include <array>

#include "heapparse/python/reference.h"

namespace coreheap::python {
namespace {

struct CauseText {
  std::string_view name;
  std::string_view meaning;
};

constexpr std::array kCauses = {
    CauseText{"none", "gc.get_referents lists it"},
#define COREHEAP_SKIP_CAUSE(id, meaning) CauseText{#id, meaning},
#include "heapparse/python/skip_causes"
#undef COREHEAP_SKIP_CAUSE
};

}  // namespace

std::string_view name_of(SkipCause cause) {
  const auto i = static_cast<std::size_t>(cause);
  return i < kCauses.size() ? kCauses[i].name : kCauses[0].name;
}

std::string_view meaning_of(SkipCause cause) {
  const auto i = static_cast<std::size_t>(cause);
  return i < kCauses.size() ? kCauses[i].meaning : kCauses[0].meaning;
}

}  // namespace coreheap::python
