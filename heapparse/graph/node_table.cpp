// Objects take at least 16 bytes, so two of them never begin in one granule of 16; old pymallocs
// hand out native blocks of 8, and where two of those do, granules are halved.
#include "heapparse/graph/node_table.h"

#include <algorithm>
#include <bit>

namespace coreheap::graph {
namespace {

// Regions further apart than this are indexed apart; the gap costs a 64th of its size else.
constexpr std::uint64_t kGap = 1 << 20;
constexpr std::uint32_t kMostNodes = 0xffff0000;  // the rest are roots

}  // namespace

Result<NodeTable> NodeTable::build(const census::Census& census, JobControl& job) {
  NodeTable table;
  const census::Rows& rows = census.rows;
  table.rows_ = &rows;
  const std::size_t n = rows.size();
  job.begin_step("numbering objects", n);
  const auto is_node = [&](std::uint32_t i) {
    const census::RowId row{i};
    if (rows.state(row) != census::State::used) return false;
    return rows.holds_object(row) || rows.owner(row) == census::RowId::none;
  };
  table.row_bits_.resize((n + 63) / 64);
  table.row_ranks_.resize((n + 63) / 64);
  std::uint64_t nodes = 0;
  for (std::size_t word = 0; word < table.row_bits_.size(); ++word) {
    std::uint64_t bits = 0;
    const std::size_t end = std::min(n, (word + 1) * 64);
    for (std::size_t i = word * 64; i < end; ++i) {
      if (is_node(static_cast<std::uint32_t>(i))) bits |= std::uint64_t{1} << (i % 64);
    }
    table.row_bits_[word] = bits;
    table.row_ranks_[word] = static_cast<std::uint32_t>(nodes);
    nodes += static_cast<std::uint64_t>(std::popcount(bits));
    if (nodes >= kMostNodes) {
      return fail(ErrorCode::out_of_memory, "graph", "more than four thousand million objects");
    }
    if (word % 4096 == 0 && job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
  }
  table.row_.resize(nodes);
  std::size_t next = 0;
  for (std::size_t word = 0; word < table.row_bits_.size(); ++word) {
    for (std::uint64_t bits = table.row_bits_[word]; bits != 0; bits &= bits - 1) {
      table.row_[next++] =
          static_cast<std::uint32_t>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
  }
  table.index_addresses();
  table.weigh(job);
  return table;
}

NodeId NodeTable::node(census::RowId row) const {
  const std::uint32_t i = census::index_of(row);
  if (i >= rows_->size()) return NodeId::none;
  const std::uint64_t bits = row_bits_[i / 64];
  if (((bits >> (i % 64)) & 1) == 0) return NodeId::none;
  const std::uint64_t below = bits & ((std::uint64_t{1} << (i % 64)) - 1);
  return NodeId{row_ranks_[i / 64] + static_cast<std::uint32_t>(std::popcount(below))};
}

void NodeTable::index_addresses() {
  const std::uint32_t n = size();
  const auto at = [&](std::uint32_t i) { return address_of_row(census::RowId{row_[i]}).value; };
  shift_ = 4;
  for (std::uint32_t i = 1; i < n; ++i) {
    if (at(i - 1) >> 4 == at(i) >> 4) {
      shift_ = 3;
      break;
    }
  }
  const std::uint64_t granule = std::uint64_t{1} << shift_;
  const std::uint64_t block = granule * 64;  // of one word
  std::uint64_t words = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint64_t a = at(i);
    const auto residue = static_cast<std::uint8_t>(a % granule);
    if (regions_.empty() || a > regions_.back().end + kGap) {
      if (!regions_.empty()) words += (regions_.back().end - regions_.back().begin) / block;
      regions_.push_back({.begin = a / block * block, .first = words, .residue = residue});
    }
    Region& region = regions_.back();
    region.end = a / block * block + block;
    region.last = i;
    if (region.residue != residue) region.residue = kMixed;
  }
  if (!regions_.empty()) words += (regions_.back().end - regions_.back().begin) / block;
  for (std::size_t r = 0; r < regions_.size(); ++r) {
    Region& region = regions_[r];
    const std::uint64_t size = rows_->size(census::RowId{row_[region.last]});
    region.reach = std::max(region.end, at(region.last) + size);
    if (r + 1 < regions_.size()) region.reach = std::min(region.reach, regions_[r + 1].begin);
  }
  words_.resize(words);
  std::fill(words_.begin(), words_.end(), Word{});
  std::size_t r = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint64_t a = at(i);
    while (a >= regions_[r].end) ++r;
    const std::uint64_t g = (a - regions_[r].begin) >> shift_;
    words_[regions_[r].first + g / 64].bits |= std::uint64_t{1} << (g % 64);
  }
  std::uint32_t rank = 0;
  for (Word& word : words_) {
    word.rank = rank;
    rank += static_cast<std::uint32_t>(std::popcount(word.bits));
  }
}

const NodeTable::Region* NodeTable::region_of(Address a, Hint& hint) const {
  if (hint.region >= regions_.size() ||
      a.value - regions_[hint.region].begin >=
          regions_[hint.region].reach - regions_[hint.region].begin) {
    if (!span().contains(a)) return nullptr;
    const auto it = std::upper_bound(regions_.begin(), regions_.end(), a.value,
                                     [](std::uint64_t x, const Region& r) { return x < r.begin; });
    if (a.value >= (it - 1)->reach) return nullptr;
    hint.region = static_cast<std::uint32_t>(it - 1 - regions_.begin());
  }
  return &regions_[hint.region];
}

NodeId NodeTable::find(Address a, Hint& hint) const {
  const Region* region = region_of(a, hint);
  if (region == nullptr || a.value >= region->end) return NodeId::none;
  const std::uint64_t g = (a.value - region->begin) >> shift_;
  const Word& word = words_[region->first + g / 64];
  const std::uint64_t bit = std::uint64_t{1} << (g % 64);
  if ((word.bits & bit) == 0) return NodeId::none;
  const NodeId id{word.rank + static_cast<std::uint32_t>(std::popcount(word.bits & (bit - 1)))};
  const std::uint64_t residue = a.value & ((std::uint64_t{1} << shift_) - 1);
  if (region->residue != kMixed) return residue == region->residue ? id : NodeId::none;
  return address(id) == a ? id : NodeId::none;
}

NodeId NodeTable::last_up_to(Address a, Hint& hint) const {
  const Region* region = region_of(a, hint);
  if (region == nullptr) return NodeId::none;
  if (a.value >= region->end) return NodeId{region->last};
  const std::uint64_t g = (a.value - region->begin) >> shift_;
  const Word& word = words_[region->first + g / 64];
  const std::uint64_t below = (std::uint64_t{1} << (g % 64)) - 1;
  std::uint32_t count = word.rank + static_cast<std::uint32_t>(std::popcount(word.bits & below));
  // The node of this very granule may begin behind `a`.
  if (((word.bits >> (g % 64)) & 1) != 0 && address(NodeId{count}) <= a) ++count;
  return count == 0 ? NodeId::none : NodeId{count - 1};
}

void NodeTable::weigh(JobControl& job) {
  weight_.resize(size());
  constexpr std::uint64_t kMost = 0xffffffff;  // 32 GiB
  const auto units = [](std::uint64_t bytes) { return (bytes + kUnit - 1) / kUnit; };
  for (std::uint32_t i = 0; i < size(); ++i) {
    const census::RowId r{row_[i]};
    const bool is_static = rows_->allocator(r) == census::Allocator::static_object;
    weight_[i] = is_static ? 0 : static_cast<std::uint32_t>(std::min(kMost, units(rows_->size(r))));
  }
  const auto owners = rows_->owners();
  for (std::uint32_t i = 0; i < owners.size(); ++i) {
    if (owners[i] == census::index_of(census::RowId::none)) continue;
    const census::RowId buffer{i};
    if (rows_->state(buffer) != census::State::used || rows_->holds_object(buffer)) continue;
    const NodeId owner = node(rows_->owner(buffer));
    if (owner == NodeId::none) continue;
    std::uint32_t& weight = weight_[index_of(owner)];
    weight = static_cast<std::uint32_t>(std::min(kMost, weight + units(rows_->size(buffer))));
    if (i % (1 << 20) == 0 && job.cancelled()) return;
  }
}

std::uint64_t NodeTable::bytes() const {
  return row_.size() * 8 + row_bits_.size() * 8 + row_ranks_.size() * 4 +
         words_.size() * sizeof(Word);
}

}  // namespace coreheap::graph
