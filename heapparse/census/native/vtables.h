// C++ objects by their first word: the Itanium ABI's virtual tables, found by their shape.
//
// A table's address point P (what objects hold) has the functions' addresses from P on, the
// typeinfo at P-8 and the offset to the top of the object at P-16, which is 0 in the table that a
// whole object starts with. A typeinfo is told from other data by what it is itself: an object of
// one of the classes
// __class_type_info, __si_class_type_info and __vmi_class_type_info, whose own typeinfos are all of
// __si_class_type_info, which describes itself. That circle needs no names and no symbols; it holds
// for libstdc++ and libc++, linked in or shared. All of it lies in RELRO pages, which cores have;
// only the name needs .rodata, that is the file.
//
// The index is built once and constant afterwards but for names, which are made readable when asked
// for.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"

namespace coreheap::census {

class VtableIndex {
 public:
  explicit VtableIndex(const image::Image& image);
  // Classes compiled without RTTI are in the index only when a symbol names their table; a class
  // whose type name is not in the image takes its name from the symbol.
  VtableIndex(const image::Image& image, const image::Symbols& symbols);

  // The class of an object that starts with `vptr`. Fast for words that are no table's address.
  std::optional<std::uint32_t> class_of(Address vptr) const {
    if (vptr < lowest_ || vptr > highest_) return std::nullopt;
    return look_up(vptr);
  }
  // Demangled; "class with vtable at libfoo.so+0x1234" when its name is nowhere. Safe from any
  // thread, and valid as long as the index.
  std::string_view name(std::uint32_t id) const;

  std::size_t classes() const { return classes_.size(); }
  std::size_t tables() const { return table_count_; }

 private:
  struct Class {
    std::string mangled;  // empty: not in the image
    Address vptr;         // of one of its tables
    mutable std::unique_ptr<const std::string> readable;
  };
  struct Slot {
    Address vptr;  // 0: free
    std::uint32_t id = 0;
  };

  void build(const image::Image& image, const image::Symbols* symbols);
  void add(Address vptr, std::uint32_t id);
  std::optional<std::uint32_t> look_up(Address vptr) const;

  std::vector<Class> classes_;
  std::vector<Slot> slots_;  // open addressing, a power of two
  std::size_t table_count_ = 0;
  Address lowest_{~std::uint64_t{0}};
  Address highest_;
  std::vector<std::pair<AddressRange, std::string>> modules_;  // file names, for unnamed classes
  mutable std::mutex mutex_;                                   // guards Class::readable
};

}  // namespace coreheap::census
