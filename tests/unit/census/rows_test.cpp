// Rows, their index and their builder against what a plain list of allocations says.
#include <map>
#include <random>
#include <set>

#include "heapparse/base/parallel.h"
#include "heapparse/census/kinds.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/row_index.h"
#include "heapparse/census/rows_builder.h"
#include "tests/unit/catch.h"

namespace {

using namespace coreheap;
using namespace coreheap::census;

RowId id(std::size_t i) { return RowId{static_cast<std::uint32_t>(i)}; }

// Disjoint allocations in a few regions, some of them page-sized, some a word.
std::map<Address, std::uint64_t> random_allocations(std::mt19937_64& random,
                                                    std::vector<AddressRange>& regions) {
  std::map<Address, std::uint64_t> out;
  Address at{0x10000 + random() % 0x4000 / 8 * 8};
  const std::size_t count = 1 + random() % 5;
  for (std::size_t r = 0; r < count; ++r) {
    const Address begin = at;
    const std::size_t n = 1 + random() % 60;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t size =
          random() % 20 == 0 ? 8 + random() % 20000 / 8 * 8 : 8 + random() % 64 / 8 * 8;
      out[at] = size;
      at += size + (random() % 3 == 0 ? random() % 9000 / 8 * 8 : 0);
    }
    regions.push_back({begin, at});
    at = at.aligned_up(4096) + random() % 8 * 4096;
    if (random() % 2 == 0) at += random() % 500 * 8;
  }
  return out;
}

TEST_CASE("the index finds exactly the rows there are") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<AddressRange> regions;
    const auto allocations = random_allocations(random, regions);
    std::vector<std::uint64_t> addresses;
    for (const auto& [a, size] : allocations) addresses.push_back(a.value);
    const RowIndex index(addresses, regions);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      REQUIRE(index.exact(Address{addresses[i]}) == id(i));
      for (const std::uint64_t step : {1ULL, 8ULL, 4096ULL, ~7ULL}) {
        const Address near = Address{addresses[i]} + step;
        const auto at = allocations.find(near);
        const RowId expected =
            at == allocations.end()
                ? RowId::none
                : id(static_cast<std::size_t>(std::distance(allocations.begin(), at)));
        REQUIRE(index.exact(near) == expected);
      }
    }
    for (const Address a :
         {Address{}, Address{~0ULL}, Address{8}, regions.back().end, regions.front().begin - 1}) {
      REQUIRE(index.exact(a) == RowId::none);
    }
  }
}

TEST_CASE("an index of nothing finds nothing") {
  const RowIndex index({}, {});
  CHECK(index.exact(Address{}) == RowId::none);
  const std::vector<AddressRange> empty{{Address{0x1000}, Address{0x1000}}};
  CHECK(RowIndex({}, empty).exact(Address{0x1000}) == RowId::none);
}

TEST_CASE("rows added in any order come out sorted, with owners following their rows") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100; ++round) {
    std::vector<AddressRange> regions;
    const auto allocations = random_allocations(random, regions);
    std::vector<std::pair<Address, std::uint64_t>> order(allocations.begin(), allocations.end());
    std::shuffle(order.begin(), order.end(), random);
    RowsBuilder builder;
    std::map<Address, Address> owner_of;
    for (std::size_t i = 0; i < order.size(); ++i) {
      RowValue v;
      v.address = order[i].first;
      v.size = order[i].second;
      v.state = static_cast<State>(order[i].second / 8 % 3);
      v.allocator = static_cast<Allocator>(order[i].second / 8 % 5);
      v.object_offset_words = static_cast<std::uint8_t>(i % 5);
      v.type = i % 2 == 0 ? TypeId{static_cast<std::uint32_t>(i)} : TypeId::none;
      v.label = LabelId{static_cast<std::uint32_t>(i % 7)};
      if (i % 3 == 1) {
        v.owner = id(i - 1);
        owner_of[v.address] = order[i - 1].first;
      }
      builder.add(v);
    }
    const Rows rows = builder.finish();
    REQUIRE(rows.size() == allocations.size());
    std::size_t row = 0;
    for (const auto& [address, size] : allocations) {
      const RowId r = id(row++);
      REQUIRE(rows.address(r) == address);
      REQUIRE(rows.size(r) == size);
      REQUIRE(rows.state(r) == static_cast<State>(size / 8 % 3));
      REQUIRE(rows.allocator(r) == static_cast<Allocator>(size / 8 % 5));
      const auto i = static_cast<std::uint32_t>(
          std::find_if(order.begin(), order.end(),
                       [&](const auto& o) { return o.first == address; }) -
          order.begin());
      REQUIRE(rows.type(r) == (i % 2 == 0 ? TypeId{i} : TypeId::none));
      REQUIRE(rows.label(r) == LabelId{i % 7});
      REQUIRE(rows.object(r) == address + i % 5 * 8);
      const auto owner = owner_of.find(address);
      if (owner == owner_of.end()) {
        REQUIRE(rows.owner(r) == RowId::none);
      } else {
        REQUIRE(rows.address(rows.owner(r)) == owner->second);
      }
    }
  }
}

TEST_CASE("the row at or below an address, and the row that holds it, against brute force") {
  std::mt19937_64 random(13);
  for (int round = 0; round < 60; ++round) {
    std::vector<AddressRange> regions;
    const auto allocations = random_allocations(random, regions);
    RowsBuilder builder;
    for (const auto& [address, size] : allocations) {
      RowValue v;
      v.address = address;
      v.size = size;
      v.allocator = Allocator::pymalloc;
      builder.add(v);
    }
    Census census;
    census.rows = builder.finish();
    census.labels = LabelTable().take();
    for (int probe = 0; probe < 300; ++probe) {
      const Address a{0xff00 + random() % 0x40000};
      auto above = allocations.upper_bound(a);
      const std::size_t n = static_cast<std::size_t>(std::distance(allocations.begin(), above));
      REQUIRE(census.rows.at_or_below(a) == (n == 0 ? RowId::none : id(n - 1)));
      const bool held = n != 0 && a - std::prev(above)->first < std::prev(above)->second;
      REQUIRE(census.row_holding(a) == (held ? id(n - 1) : RowId::none));
    }
  }
}

TEST_CASE("of several owners the lowest row wins, with its label, in whatever order they claim") {
  std::vector<std::uint32_t> owners{5, 2, 9, 7};
  std::sort(owners.begin(), owners.end());
  do {
    RowsBuilder builder;
    builder.resize(10);
    for (const std::uint32_t o : owners) builder.claim(id(0), id(o), LabelId{100 + o});
    REQUIRE(builder.rows().owner(id(0)) == id(2));
    REQUIRE(builder.rows().label(id(0)) == LabelId{102});
  } while (std::next_permutation(owners.begin(), owners.end()));
}

TEST_CASE("of owners that claim at the same time the lowest wins, with its label") {
  constexpr std::size_t kBuffers = 4;
  constexpr std::size_t kOwners = 4096;
  for (int round = 0; round < 20; ++round) {
    RowsBuilder builder;
    builder.resize(kOwners);
    JobControl job;
    REQUIRE(parallel_for(kOwners, job, [&](std::size_t piece, unsigned) {
              const auto owner = static_cast<std::uint32_t>(kOwners - 1 - piece);
              for (std::size_t b = 0; b < kBuffers; ++b)
                builder.claim(id(b), id(owner), LabelId{owner});
            }).has_value());
    for (std::size_t b = 0; b < kBuffers; ++b) {
      REQUIRE(builder.rows().owner(id(b)) == id(0));
      REQUIRE(builder.rows().label(id(b)) == LabelId{0});
    }
  }
}

TEST_CASE("a row takes no more than 32 bytes") {
  RowsBuilder builder;
  builder.resize(3);
  const Rows& rows = builder.rows();
  const std::size_t bytes = rows.addresses().size_bytes() + rows.sizes().size_bytes() +
                            rows.types().size_bytes() + rows.labels().size_bytes() +
                            rows.owners().size_bytes() + rows.flags().size_bytes();
  CHECK(bytes == 3 * 29);  // beside a byte for the object's offset, which has no column to ask for
  CHECK(rows.size() == 3);
}

TEST_CASE("state and allocator share a byte without touching one another") {
  for (const State s : {State::used, State::free, State::cached}) {
    for (unsigned a = 0; a < 5; ++a) {
      RowsBuilder builder;
      RowValue v;
      v.state = s;
      v.allocator = static_cast<Allocator>(a);
      builder.add(v);
      CHECK(builder.rows().state(id(0)) == s);
      CHECK(builder.rows().allocator(id(0)) == v.allocator);
      builder.set_state(id(0), State::cached);
      CHECK(builder.rows().state(id(0)) == State::cached);
      CHECK(builder.rows().allocator(id(0)) == v.allocator);
    }
  }
}

TEST_CASE("every kind and every range has texts, and no two kinds the same") {
  std::set<std::string> seen;
  for (const KindInfo& k : all_kinds()) {
    INFO(k.id);
    CHECK_FALSE(k.domain.empty());
    CHECK_FALSE(k.meaning.empty());
    CHECK(k.kind.empty() == (k.id == "python_object"));
    CHECK(seen.insert(std::string(k.domain) + "/" + std::string(k.kind)).second);
  }
  seen.clear();
  for (const RangeKindInfo& k : all_range_kinds()) {
    INFO(k.id);
    CHECK_FALSE(k.waterfall.empty());
    CHECK_FALSE(k.meaning.empty());
    CHECK(seen.insert(std::string(k.name)).second);
  }
  CHECK(info_of(Kind::list_items).kind == "list items");
  CHECK(info_of(RangeKind::no_access).id == "no_access");
  CHECK(info_of(static_cast<Kind>(60000)).id == "uncategorized");
  CHECK(info_of(static_cast<RangeKind>(60000)).id == "unlabelled");
}

TEST_CASE("labels are interned, the bare kinds at fixed places") {
  LabelTable table;
  const LabelId a = table.intern(Kind::cpp_object, "std::string");
  CHECK(table.intern(Kind::cpp_object, "std::string") == a);
  CHECK(table.intern(Kind::free_list_object, "std::string") != a);
  CHECK(table.intern(Kind::dict_keys, "") == label_of_kind(Kind::dict_keys));
  const auto labels = table.take();
  REQUIRE(labels.size() == all_kinds().size() + 2);
  CHECK(labels[index_of(a)].kind == Kind::cpp_object);
  CHECK(labels[index_of(a)].detail == "std::string");
  CHECK(labels[index_of(label_of_kind(Kind::dict_keys))].kind == Kind::dict_keys);
}

}  // namespace
