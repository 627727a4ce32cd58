// Symbols as hints: names found in the ELF files at hand, in .dynsym pages of the image, or told by
// GDB. Every finder gives the same answer without them; --no-symbols makes this set empty, and
// tests run both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heapparse/image/image.h"

namespace coreheap::image {

struct Symbol {
  Address address;
  std::uint64_t size = 0;  // 0 when unknown
  std::int32_t module = -1;
};

class Symbols {
 public:
  Symbols() = default;
  // Every definition of `name`, in module order (several libpythons or libcs in one process).
  std::vector<Symbol> find(std::string_view name) const;
  // The nearest data or function symbol at or below `a` within its size; "PyType_Type", "vtable for
  // X".
  std::optional<std::pair<std::string, std::uint64_t>> at(Address a) const;
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

  void add(std::string name, Symbol symbol);
  void seal();  // sorts; call once after the last add

 private:
  struct Entry {
    std::string name;
    Symbol symbol;
  };
  std::vector<Entry> entries_;             // sealed: by name, then module, then address
  std::vector<std::uint32_t> by_address_;  // indices into entries_
  // Greatest size of any symbol, so that a search for what covers an address knows when to stop.
  std::uint64_t largest_ = 0;
};

// Reads .dynsym and .symtab of every module with a checked local file, else .dynsym through
// PT_DYNAMIC from the image where its pages are present.
Symbols load_symbols(const Image& image);

}  // namespace coreheap::image
