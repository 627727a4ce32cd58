// Rules of numbers, of points in time and of random generators.
#include <array>

#include "heapparse/python/types/date_time.h"
#include "heapparse/python/types/decimal.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using Layout = layouts::Layout;

std::optional<std::uint64_t> int_size(Decoder& decoder, const Object& object) {
  const auto& layout = decoder.layout();
  const PythonType& type = *object.type;
  // Machine words, where such ints are a type of their own (2.7).
  if ((type.flags & layout.traits.type_flags.small_int_subclass) != 0) return type.basicsize;
  const auto v = view_long(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  const std::uint64_t digit_bytes = layout.long_int.digits.size;
  const std::uint64_t at_least_one = std::max<std::uint64_t>(v->digit_count, 1);
  switch (layout.traits.sizeof_int) {
    case layouts::IntSizeof::kBasicsizePerDigit:
      return type.basicsize + digit_bytes * v->digit_count;
    case layouts::IntSizeof::kHeadPerDigit:
      return layout.long_int.digits.offset + digit_bytes * v->digit_count;
    case layouts::IntSizeof::kHeadPerDigitAtLeastOne:
      return layout.long_int.digits.offset + digit_bytes * at_least_one;
    case layouts::IntSizeof::kBasicsizePerItemAtLeastOne:
      return type.basicsize + type.itemsize * at_least_one;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> decimal_size(Decoder& decoder, const Object& object) {
  const auto v = view_decimal(decoder.reader(), object.address);
  if (!v) return std::nullopt;
  return object.type->basicsize + (v->own_data ? v->allocated * 8 : 0);
}

void decimal_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto v = view_decimal(decoder.reader(), object.address);
  if (v && v->own_data) visit({BufferKind::digits, v->own_data});
}

// No type of this module is traversed, and a subclass traverses only what it adds itself.
void zone_at(Decoder& decoder, const Object& object, const layouts::Field& has_zone,
             const layouts::Field& zone, ReferenceSink visit) {
  const auto target = aware_zone(decoder.reader(), object.address, has_zone, zone);
  if (target) {
    visit({*target, {.kind = EdgeKind::field, .text = "tzinfo"}, SkipCause::uncollected});
  }
}

void datetime_zone(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().date_time;
  zone_at(decoder, object, f.has_tzinfo, f.tzinfo, visit);
}

void time_zone(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().time;
  zone_at(decoder, object, f.has_tzinfo, f.tzinfo, visit);
}

constexpr FieldReference kDecimalContext[] = {
    {"traps", [](const Layout& l) { return l.decimal_context.traps; }},
    {"flags", [](const Layout& l) { return l.decimal_context.flags; }},
};
constexpr FieldReference kDecimalManager[] = {
    {"local", [](const Layout& l) { return l.decimal_context_manager.local; }},
    {"global", [](const Layout& l) { return l.decimal_context_manager.global; }},
};
constexpr FieldReference kTimeZone[] = {
    {"offset", [](const Layout& l) { return l.time_zone.offset; }, SkipCause::uncollected},
    {"name", [](const Layout& l) { return l.time_zone.name; }, SkipCause::uncollected},
};

}  // namespace

std::span<const TypeRules> number_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "int", .size = int_size},
      TypeRules{.name = "long", .size = int_size},
      TypeRules{.name = "bool"},
      TypeRules{.name = "float"},
      TypeRules{.name = "complex"},
      TypeRules{.name = "decimal.Decimal", .size = decimal_size, .buffers = decimal_buffers},
      TypeRules{.name = "decimal.Context", .fields = kDecimalContext},
      TypeRules{.name = "decimal.ContextManager", .fields = kDecimalManager},
      TypeRules{.name = "decimal.SignalDictMixin"},
      TypeRules{.name = "datetime.date"},
      TypeRules{.name = "datetime.datetime", .references = datetime_zone},
      TypeRules{.name = "datetime.time", .references = time_zone},
      TypeRules{.name = "datetime.timedelta"},
      TypeRules{.name = "datetime.tzinfo"},
      // Its struct ends behind the first item of the tuple that it is.
      TypeRules{.name = "datetime.IsoCalendarDate"},
      TypeRules{.name = "datetime.timezone", .fields = kTimeZone},
      TypeRules{.name = "_random.Random"},
  };
  return kRules;
}

}  // namespace coreheap::python
