// The views of the memos of _pickle: a hash table by identity while writing, a plain table while
// reading.
#pragma once

#include <optional>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

struct MemoView {
  Address header;  // of its own, where it has one
  Address table;
  std::uint64_t slots = 0;
};

inline std::optional<MemoView> view_pickler_memo(ObjectReader& reader, Address pickler) {
  const auto& f = reader.layout().pickler_memo;
  if (!f.present()) return std::nullopt;
  const auto header = reader.pointer(pickler, reader.layout().pickler.memo);
  if (!header) return std::nullopt;
  const auto slots = reader.word(*header, f.allocated);
  const auto table = reader.word(*header, f.table);
  if (!slots || !table || *slots > (std::uint64_t{1} << 40)) return std::nullopt;
  return MemoView{*header, Address{*table}, *table != 0 ? *slots : 0};
}

inline std::optional<MemoView> view_unpickler_memo(ObjectReader& reader, Address unpickler) {
  const auto& f = reader.layout().unpickler;
  const auto table = reader.pointer(unpickler, f.memo);
  const auto slots = reader.word(unpickler, f.memo_size);
  if (!table || !slots || *slots > (std::uint64_t{1} << 40)) return std::nullopt;
  return MemoView{{}, *table, *slots};
}

// strlen; nullopt when the image ends first, or within a length that no such text has.
inline std::optional<std::uint64_t> c_string_length(Decoder& decoder, Address text) {
  constexpr std::uint64_t kLongest = std::uint64_t{1} << 30;
  for (std::uint64_t i = 0; i < kLongest; ++i) {
    const auto byte = decoder.memory().read<std::uint8_t>(text + i);
    if (!byte) return std::nullopt;
    if (*byte == 0) return i;
  }
  return std::nullopt;
}

}  // namespace coreheap::python
