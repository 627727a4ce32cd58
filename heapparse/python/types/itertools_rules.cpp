// Rules of itertools. Where combinatorial iterators stand is in tables of numbers of their own,
// which
// __sizeof__ counts since it exists.
#include <array>

#include "heapparse/python/types/rules.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

using Layout = layouts::Layout;

constexpr std::uint64_t kMost = std::uint64_t{1} << 40;

// Items that a tee has fetched and not all its readers have had.
void tee_values(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().tee_data;
  const std::uint64_t room = f.values.size / 8u;
  const auto count = decoder.reader().word(object.address, f.numread);
  if (!count || *count > room) return;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto item =
        decoder.memory().read<std::uint64_t>(object.address + f.values.offset + i * 8);
    if (item && *item != 0) {
      visit({Address{*item}, {.kind = EdgeKind::item, .index = i}});
    }
  }
}

// Length of the tuple in `field`.
std::optional<std::uint64_t> length_of(Decoder& decoder, const Object& object,
                                       const layouts::Field& field) {
  const auto tuple = decoder.reader().pointer(object.address, field);
  const auto view = tuple ? view_tuple(decoder.reader(), *tuple) : std::nullopt;
  if (!view) return std::nullopt;
  return view->size;
}

std::optional<std::uint64_t> with_numbers(Decoder& decoder, const Object& object,
                                          std::optional<std::uint64_t> numbers) {
  if (!decoder.traits().sizeof_itertools_counts_arrays) return object.type->basicsize;
  if (!numbers || *numbers >= kMost) return std::nullopt;
  return object.type->basicsize + *numbers * 8;
}

std::optional<std::uint64_t> product_size(Decoder& decoder, const Object& object) {
  return with_numbers(decoder, object, length_of(decoder, object, decoder.layout().product.pools));
}

std::optional<std::uint64_t> combinations_size(Decoder& decoder, const Object& object) {
  return with_numbers(decoder, object,
                      decoder.reader().word(object.address, decoder.layout().combinations.r));
}

std::optional<std::uint64_t> permutations_size(Decoder& decoder, const Object& object) {
  const auto& f = decoder.layout().permutations;
  const auto pool = length_of(decoder, object, f.pool);
  const auto r = decoder.reader().word(object.address, f.r);
  const bool sound = pool && r && *r < kMost;
  return with_numbers(decoder, object, sound ? std::optional(*pool + *r) : std::nullopt);
}

void numbers_at(Decoder& decoder, const Object& object, const layouts::Field& field,
                BufferSink visit) {
  const auto numbers = decoder.reader().pointer(object.address, field);
  if (numbers) visit({BufferKind::iterator_state, *numbers});
}

void product_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  numbers_at(decoder, object, decoder.layout().product.indices, visit);
}

void combinations_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  numbers_at(decoder, object, decoder.layout().combinations.indices, visit);
}

void permutations_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  numbers_at(decoder, object, decoder.layout().permutations.indices, visit);
  numbers_at(decoder, object, decoder.layout().permutations.cycles, visit);
}

constexpr FieldReference kChain[] = {
    {"source", [](const Layout& l) { return l.chain.source; }},
    {"active", [](const Layout& l) { return l.chain.active; }},
};
constexpr FieldReference kCount[] = {
    {"cnt", [](const Layout& l) { return l.count.long_cnt; }},
    {"step", [](const Layout& l) { return l.count.long_step; }},
};
constexpr FieldReference kCycle[] = {
    {"it", [](const Layout& l) { return l.cycle.iterator; }},
    {"saved", [](const Layout& l) { return l.cycle.saved; }},
};
constexpr FieldReference kTee[] = {
    {"dataobj", [](const Layout& l) { return l.tee.data; }},
};
constexpr FieldReference kTeeData[] = {
    {"it", [](const Layout& l) { return l.tee_data.iterator; }},
    {"nextlink", [](const Layout& l) { return l.tee_data.next; }},
};
constexpr FieldReference kGroupby[] = {
    {"it", [](const Layout& l) { return l.groupby.iterator; }},
    {"keyfunc", [](const Layout& l) { return l.groupby.keyfunc; }},
    {"tgtkey", [](const Layout& l) { return l.groupby.target_key; }},
    {"currkey", [](const Layout& l) { return l.groupby.current_key; }},
    {"currvalue", [](const Layout& l) { return l.groupby.current_value; }},
};
constexpr FieldReference kGrouper[] = {
    {"parent", [](const Layout& l) { return l.grouper.parent; }},
    {"tgtkey", [](const Layout& l) { return l.grouper.target_key; }},
};
constexpr FieldReference kIslice[] = {
    {"it", [](const Layout& l) { return l.islice.iterator; }},
};
constexpr FieldReference kProduct[] = {
    {"pools", [](const Layout& l) { return l.product.pools; }},
    {"result", [](const Layout& l) { return l.product.result; }},
};
constexpr FieldReference kCombinations[] = {
    {"pool", [](const Layout& l) { return l.combinations.pool; }},
    {"result", [](const Layout& l) { return l.combinations.result; }},
};
constexpr FieldReference kPermutations[] = {
    {"pool", [](const Layout& l) { return l.permutations.pool; }},
    {"result", [](const Layout& l) { return l.permutations.result; }},
};
constexpr FieldReference kRepeat[] = {
    {"object", [](const Layout& l) { return l.repeat.element; }},
};
constexpr FieldReference kAccumulate[] = {
    {"total", [](const Layout& l) { return l.accumulate.total; }},
    {"it", [](const Layout& l) { return l.accumulate.iterator; }},
    {"func", [](const Layout& l) { return l.accumulate.binop; }},
    {"initial", [](const Layout& l) { return l.accumulate.initial; }},
};
constexpr FieldReference kStarmap[] = {
    {"func", [](const Layout& l) { return l.starmap.func; }},
    {"it", [](const Layout& l) { return l.starmap.iterator; }},
};
constexpr FieldReference kTakewhile[] = {
    {"func", [](const Layout& l) { return l.takewhile.func; }},
    {"it", [](const Layout& l) { return l.takewhile.iterator; }},
};
constexpr FieldReference kDropwhile[] = {
    {"func", [](const Layout& l) { return l.dropwhile.func; }},
    {"it", [](const Layout& l) { return l.dropwhile.iterator; }},
};
constexpr FieldReference kFilterfalse[] = {
    {"func", [](const Layout& l) { return l.filterfalse.func; }},
    {"it", [](const Layout& l) { return l.filterfalse.iterator; }},
};
constexpr FieldReference kCompress[] = {
    {"data", [](const Layout& l) { return l.compress.data; }},
    {"selectors", [](const Layout& l) { return l.compress.selectors; }},
};
constexpr FieldReference kZipLongest[] = {
    {"ittuple", [](const Layout& l) { return l.zip_longest.iterators; }},
    {"result", [](const Layout& l) { return l.zip_longest.result; }},
    {"fillvalue", [](const Layout& l) { return l.zip_longest.fillvalue; }},
};
constexpr FieldReference kPairwise[] = {
    {"it", [](const Layout& l) { return l.pairwise.iterator; }},
    {"old", [](const Layout& l) { return l.pairwise.old; }},
    {"result", [](const Layout& l) { return l.pairwise.result; }},
};
constexpr FieldReference kBatched[] = {
    {"it", [](const Layout& l) { return l.batched.iterator; }},
};
constexpr FieldReference kZip[] = {
    {"ittuple", [](const Layout& l) { return l.zip.iterators; }},
    {"result", [](const Layout& l) { return l.zip.result; }},
};
constexpr FieldReference kMap[] = {
    {"iters", [](const Layout& l) { return l.map.iterators; }},
    {"func", [](const Layout& l) { return l.map.func; }},
};
constexpr FieldReference kFilter[] = {
    {"func", [](const Layout& l) { return l.filter.func; }},
    {"it", [](const Layout& l) { return l.filter.iterator; }},
};

}  // namespace

std::span<const TypeRules> itertools_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "itertools.chain", .fields = kChain},
      TypeRules{.name = "itertools.count", .fields = kCount},
      TypeRules{.name = "itertools.cycle", .fields = kCycle},
      TypeRules{.name = "itertools._tee", .fields = kTee},
      TypeRules{.name = "itertools._tee_dataobject", .fields = kTeeData, .references = tee_values},
      TypeRules{.name = "itertools.groupby", .fields = kGroupby},
      TypeRules{.name = "itertools._grouper", .fields = kGrouper},
      TypeRules{.name = "itertools.islice", .fields = kIslice},
      TypeRules{.name = "itertools.product",
                .fields = kProduct,
                .size = product_size,
                .buffers = product_buffers},
      TypeRules{.name = "itertools.combinations",
                .fields = kCombinations,
                .size = combinations_size,
                .buffers = combinations_buffers},
      TypeRules{.name = "itertools.combinations_with_replacement",
                .fields = kCombinations,
                .size = combinations_size,
                .buffers = combinations_buffers},
      TypeRules{.name = "itertools.permutations",
                .fields = kPermutations,
                .size = permutations_size,
                .buffers = permutations_buffers},
      TypeRules{.name = "itertools.repeat", .fields = kRepeat},
      TypeRules{.name = "itertools.accumulate", .fields = kAccumulate},
      TypeRules{.name = "itertools.starmap", .fields = kStarmap},
      TypeRules{.name = "itertools.takewhile", .fields = kTakewhile},
      TypeRules{.name = "itertools.dropwhile", .fields = kDropwhile},
      TypeRules{.name = "itertools.filterfalse", .fields = kFilterfalse},
      TypeRules{.name = "itertools.compress", .fields = kCompress},
      TypeRules{.name = "itertools.zip_longest", .fields = kZipLongest},
      TypeRules{.name = "itertools.pairwise", .fields = kPairwise},
      TypeRules{.name = "itertools.batched", .fields = kBatched},
      // 2.7
      TypeRules{.name = "itertools.tee", .fields = kTee},
      TypeRules{.name = "itertools.tee_dataobject", .fields = kTeeData, .references = tee_values},
      TypeRules{.name = "itertools.ifilterfalse", .fields = kFilterfalse},
      TypeRules{.name = "itertools.izip_longest", .fields = kZipLongest},
      TypeRules{.name = "itertools.izip", .fields = kZip},
      TypeRules{.name = "itertools.imap", .fields = kMap},
      TypeRules{.name = "itertools.ifilter", .fields = kFilter},
  };
  return kRules;
}

}  // namespace coreheap::python
