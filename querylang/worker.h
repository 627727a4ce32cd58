// What one thread needs to look at rows: a decoder of its own, a place for texts it makes, and the
// lookups of the attributes that the query names.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "heapparse/graph/edge_names.h"
#include "heapparse/python/attribute_lookup.h"
#include "heapparse/python/decoder.h"
#include "querylang/heap.h"
#include "querylang/value.h"

namespace coreheap::query {

class Worker {
 public:
  Worker(const Heap& heap, const Derived& derived) : heap_(&heap), derived_(&derived) {
    if (heap.runtime != nullptr && heap.types != nullptr) {
      decoder_.emplace(heap.image.space, *heap.runtime, *heap.types);
    }
  }

  const Heap& heap() const { return *heap_; }
  const Derived& derived() const { return *derived_; }
  // nullptr: no Python inside.
  python::Decoder* decoder() { return decoder_ ? &*decoder_ : nullptr; }

  // The live object in a row; nullopt for buffers, for what is free, and without Python.
  std::optional<python::Object> object(census::RowId row) {
    if (!decoder_ || !heap_->census.rows.holds_object(row)) return std::nullopt;
    if (heap_->census.rows.state(row) != census::State::used) return std::nullopt;
    const Address at = heap_->census.rows.object(row);
    const std::uint32_t type = census::index_of(heap_->census.rows.type(row));
    // Classes of old-style instances have ids behind the table's.
    if (type >= heap_->types->all().size()) return decoder_->object(at);
    return python::Object{at, &(*heap_->types)[type]};
  }

  // An object as a value: plain where it is one.
  Value value_of(const python::Object& object);
  Value value_at(Address object);

  python::AttributeLookup& lookup(const std::string& name) {
    return lookups_.try_emplace(name, name).first->second;
  }

  // Only where the graph is there.
  graph::EdgeNames& edge_names() {
    if (!edge_names_) {
      edge_names_.emplace(graph::Sources{heap_->image, heap_->census, heap_->runtime, heap_->types},
                          *derived_->graph);
    }
    return *edge_names_;
  }

  // Where a holder hangs; only where the holders are there. Lasts as long as the worker.
  const std::string& holder_text(std::uint32_t holder);

  TextStore texts;

 private:
  std::optional<graph::EdgeNames> edge_names_;
  const Heap* heap_;
  const Derived* derived_;
  std::optional<python::Decoder> decoder_;
  std::map<std::string, python::AttributeLookup> lookups_;
  std::unordered_map<std::uint32_t, std::string> holder_texts_;
};

// Characters of a text that take part in a comparison, a group, a cell.
inline constexpr std::size_t kMaxCharacters = std::size_t{1} << 20;
// Characters of a repr.
inline constexpr std::uint64_t kMaxRepr = 200;

}  // namespace coreheap::query
