// Rules of functools and operator.
#include <array>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using Layout = layouts::Layout;

constexpr std::uint64_t kMostLinks = std::uint64_t{1} << 40;

// The results of a bounded cache hang on a ring of elements, each owned by the ring and by the dict
// of the cache. The traversal showed the elements once (3.6); since then it shows what they hold,
// in the name of the cache.
void lru_links(Decoder& decoder, const Object& object, ReferenceSink visit) {
  ObjectReader& reader = decoder.reader();
  const auto& f = decoder.layout().lru_cache;
  const auto& element = decoder.layout().lru_elem;
  const Address root = object.address + f.root.offset;
  auto link = reader.pointer(object.address, f.root_next);
  ChainGuard guard;
  for (std::uint64_t i = 0; link && *link != root && i < kMostLinks && !guard.repeats(*link); ++i) {
    if (decoder.traits().lru_links_owned) {
      visit({*link, {.kind = EdgeKind::item, .index = i}});
    } else {
      visit({*link, {.kind = EdgeKind::item, .index = i}, SkipCause::not_traversed});
      const auto borrowed = [&](const std::optional<Address>& target, EdgeKind kind) {
        if (target) visit({*target, {.kind = kind, .index = i}, SkipCause::none, false});
      };
      borrowed(reader.pointer(*link, element.key), EdgeKind::key);
      borrowed(reader.pointer(*link, element.result), EdgeKind::item);
      // Made at run time, the type of the elements is shown too, for each.
      if (f.elem_type.present()) borrowed(reader.type_of(*link), EdgeKind::type);
    }
    link = reader.pointer(*link, element.next);
  }
}

// The name came into the traversal together with the class, when the type became one made at run
// time (3.10).
void method_caller_name(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto name = decoder.reader().pointer(object.address, decoder.layout().method_caller.name);
  if (!name) return;
  visit({*name,
         {.kind = EdgeKind::field, .text = "name"},
         object.type->is_static ? SkipCause::not_traversed : SkipCause::none});
}

// The arguments of its last call, with names of keywords behind them; before the first call that
// word was never written.
void method_caller_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  method_caller_name(decoder, object, visit);
  const auto& f = decoder.layout().method_caller;
  if (!f.call_block.present() || !decoder.reader().pointer(object.address, f.call_block)) return;
  if (const auto names = decoder.reader().pointer(object.address, f.call_block_names)) {
    visit({*names, {.kind = EdgeKind::field, .text = "call names"}, SkipCause::not_traversed});
  }
}

void method_caller_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().method_caller;
  const auto arguments = decoder.reader().pointer(object.address, f.call_block);
  if (arguments) visit({BufferKind::other, *arguments});
}

constexpr FieldReference kPartial[] = {
    {"func", [](const Layout& l) { return l.partial.fn; }},
    {"args", [](const Layout& l) { return l.partial.args; }},
    {"keywords", [](const Layout& l) { return l.partial.kw; }},
    {"__dict__", [](const Layout& l) { return l.partial.dict; }},
};
constexpr FieldReference kCmpKey[] = {
    {"cmp", [](const Layout& l) { return l.cmp_key.cmp; }},
    {"obj", [](const Layout& l) { return l.cmp_key.object; }},
};
constexpr FieldReference kLruCache[] = {
    {"__wrapped__", [](const Layout& l) { return l.lru_cache.func; }},
    {"cache", [](const Layout& l) { return l.lru_cache.cache; }},
    {"maxsize", [](const Layout& l) { return l.lru_cache.maxsize_object; }},
    {"cache_info_type", [](const Layout& l) { return l.lru_cache.cache_info_type; }},
    {"kwd_mark", [](const Layout& l) { return l.lru_cache.kwd_mark; }},
    {"lru_list_elem_type", [](const Layout& l) { return l.lru_cache.elem_type; }},
    {"__dict__", [](const Layout& l) { return l.lru_cache.dict; }},
};
constexpr FieldReference kLruElement[] = {
    {"key", [](const Layout& l) { return l.lru_elem.key; }},
    {"result", [](const Layout& l) { return l.lru_elem.result; }},
};
constexpr FieldReference kItemGetter[] = {
    {"items", [](const Layout& l) { return l.item_getter.item; }},
};
constexpr FieldReference kAttributeGetter[] = {
    {"attrs", [](const Layout& l) { return l.attribute_getter.attribute; }},
};
constexpr FieldReference kMethodCaller[] = {
    {"args", [](const Layout& l) { return l.method_caller.args; }},
    {"keywords", [](const Layout& l) { return l.method_caller.keywords; }},
    {"call arguments", [](const Layout& l) { return l.method_caller.call_arguments; }},
    {"call names", [](const Layout& l) { return l.method_caller.call_names; }},
};

}  // namespace

std::span<const TypeRules> functools_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "functools.partial", .fields = kPartial},
      TypeRules{.name = "functools.KeyWrapper", .fields = kCmpKey},
      TypeRules{
          .name = "functools._lru_cache_wrapper", .fields = kLruCache, .references = lru_links},
      TypeRules{.name = "functools._lru_list_elem", .fields = kLruElement},
      TypeRules{.name = "operator.itemgetter", .fields = kItemGetter},
      TypeRules{.name = "operator.attrgetter", .fields = kAttributeGetter},
      TypeRules{.name = "operator.methodcaller",
                .fields = kMethodCaller,
                .references = method_caller_references,
                .buffers = method_caller_buffers},
      // 2.7
      TypeRules{.name = "functools.K", .fields = kCmpKey},
  };
  return kRules;
}

}  // namespace coreheap::python
