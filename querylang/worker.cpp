// Objects as values.
#include "querylang/worker.h"

#include <fmt/format.h>

#include "heapparse/graph/way_names.h"
#include "heapparse/python/plain_value.h"

namespace coreheap::query {

Value Worker::value_of(const python::Object& object) {
  std::string made;
  const auto plain = python::plain_value(*decoder_, object, kMaxCharacters, made);
  if (!plain) return Value::none();
  using Kind = python::PlainValue::Kind;
  switch (plain->kind) {
    case Kind::none:
      return Value::none();
    case Kind::boolean:
      return Value::of(plain->integer != 0);
    case Kind::integer:
      return Value::of_integer(plain->integer);
    case Kind::number:
      return Value::of_number(plain->number);
    case Kind::text:
      if (made.empty()) return Value::of_lasting_text(plain->text);
      return Value::of_text(texts.keep(std::move(made)));
    case Kind::other:
      break;
  }
  return Value::of_object(object.address);
}

Value Worker::value_at(Address object) {
  if (!decoder_) return Value::none();
  const auto known = decoder_->object(object);
  return known ? value_of(*known) : Value::none();
}

const std::string& Worker::holder_text(std::uint32_t holder) {
  const auto [entry, is_new] = holder_texts_.try_emplace(holder);
  if (is_new) {
    const graph::Holder& one = derived_->holders->holders[holder];
    entry->second = one.count > 1
                        ? fmt::format("{} {}", one.count,
                                      graph::node_text(*derived_->graph, heap_->census, one.place))
                        : graph::place_of(*derived_->graph, edge_names(), one.place);
  }
  return entry->second;
}

}  // namespace coreheap::query
