#include "heapparse/graph/components.h"

#include <algorithm>

#include "heapparse/base/big_column.h"

namespace coreheap::graph {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;
constexpr std::uint32_t kPoll = 1 << 16;

}  // namespace

Result<Components> find_components(const Csr& forward, std::span<const std::uint32_t> members,
                                   JobControl& job) {
  Components out;
  const auto count = static_cast<std::uint32_t>(members.size());
  if (count == 0) return out;
  BigColumn<std::uint32_t> place;  // by node: its place among the members
  place.resize(forward.size());
  std::fill(place.begin(), place.end(), kNone);
  for (std::uint32_t i = 0; i < count; ++i) place[members[i]] = i;

  std::vector<std::uint32_t> number(count, kNone);
  std::vector<std::uint32_t> low(count);
  out.of.assign(count, kNone);
  struct Visit {
    std::uint32_t member;
    std::uint32_t next;  // edge to look at
  };
  std::vector<Visit> visits;
  std::vector<std::uint32_t> open;  // numbered, and in no component yet
  std::uint32_t numbered = 0;
  std::uint32_t components = 0;
  const auto enter = [&](std::uint32_t m) {
    number[m] = low[m] = numbered++;
    open.push_back(m);
    visits.push_back({m, 0});
  };
  for (std::uint32_t first = 0; first < count; ++first) {
    if (number[first] != kNone) continue;
    enter(first);
    while (!visits.empty()) {
      const std::uint32_t m = visits.back().member;
      const auto edges = forward.of(members[m]);
      std::uint32_t to = kNone;
      while (visits.back().next < edges.size()) {
        const std::uint32_t t = place[edges[visits.back().next++]];
        if (t == kNone) continue;
        if (number[t] == kNone) {
          to = t;
          break;
        }
        if (out.of[t] == kNone) low[m] = std::min(low[m], number[t]);
      }
      if (to != kNone) {
        enter(to);
        if ((numbered & (kPoll - 1)) == 0 && job.cancelled()) {
          return fail(ErrorCode::cancelled, "job", "cancelled");
        }
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) {
        const std::uint32_t parent = visits.back().member;
        low[parent] = std::min(low[parent], low[m]);
      }
      if (low[m] != number[m]) continue;
      for (;;) {
        const std::uint32_t one = open.back();
        open.pop_back();
        out.of[one] = components;
        if (one == m) break;
      }
      ++components;
    }
  }

  out.is_source.assign(components, true);
  out.is_cycle.assign(components, false);
  std::vector<std::uint32_t> sizes(components, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (++sizes[out.of[i]] == 2) out.is_cycle[out.of[i]] = true;
    for (const std::uint32_t node : forward.of(members[i])) {
      const std::uint32_t t = place[node];
      if (t == kNone) continue;
      if (t == i) out.is_cycle[out.of[i]] = true;
      if (out.of[t] != out.of[i]) out.is_source[out.of[t]] = false;
    }
  }
  return out;
}

}  // namespace coreheap::graph
