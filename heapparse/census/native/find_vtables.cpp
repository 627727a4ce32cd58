// One pass over the modules' data (a few megabytes, seldom a hundred): a zero word, a pointer to a
// typeinfo, a pointer to code. Classes of typeinfos and typeinfos themselves are judged once each.
#include "heapparse/census/native/find_vtables.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "heapparse/census/native/class_name.h"

namespace coreheap::census {
namespace {

using Ranges = std::vector<AddressRange>;

void sort_ranges(Ranges& ranges) { std::ranges::sort(ranges); }

bool holds(const Ranges& ranges, Address a) {
  const auto above = std::ranges::upper_bound(ranges, a, {}, &AddressRange::begin);
  return above != ranges.begin() && std::prev(above)->contains(a);
}

Ranges executable_ranges(const image::Image& image) {
  Ranges ranges;
  for (const image::Mapping& mapping : image.mappings) {
    if (mapping.executable) ranges.push_back(mapping.range);
  }
  sort_ranges(ranges);
  return ranges;
}

// Tables need relocation and lie in writable data or RELRO, except in programs linked to a fixed
// address, whose tables are complete in the file.
Ranges data_ranges(const image::Image& image) {
  Ranges ranges;
  for (const image::Module& module : image.modules) {
    ranges.insert(ranges.end(), module.data.begin(), module.data.end());
  }
  for (const image::Mapping& mapping : image.mappings) {
    if (mapping.module < 0 || mapping.writable || mapping.executable || !mapping.readable) continue;
    const auto index = static_cast<std::size_t>(mapping.module);
    if (index >= image.modules.size() || image.modules[index].bias != 0) continue;
    ranges.push_back(mapping.range);
  }
  sort_ranges(ranges);
  return ranges;
}

class Judge {
 public:
  explicit Judge(const image::Image& image)
      : reader_(image.space), code_(executable_ranges(image)) {}

  bool is_code(Address a) const { return holds(code_, a); }

  bool is_typeinfo(Address a) {
    if (!a.is_aligned(8)) return false;
    const auto [it, added] = typeinfos_.try_emplace(a, false);
    if (added) {
      const auto type = reader_.read_address(a);
      it->second = type && is_class_of_typeinfos(*type);
    }
    return it->second;
  }

  std::string mangled_name(Address typeinfo) const {
    const auto name = reader_.space().read_address(typeinfo + 8);
    if (!name) return {};
    auto text = reader_.space().read_c_string(*name, kLongestMangledName + 1);
    return text && is_type_name(*text) ? *std::move(text) : std::string();
  }

 private:
  // `vptr` is the address point of a class whose typeinfo is of __si_class_type_info, the class
  // that describes itself: *(P - 8) is its typeinfo, and that one's first word is P again.
  bool is_class_of_typeinfos(Address vptr) {
    if (!vptr.is_aligned(8)) return false;
    const auto [it, added] = classes_.try_emplace(vptr, false);
    if (!added) return it->second;
    const auto typeinfo = reader_.read_address(vptr - 8);
    if (!typeinfo || !typeinfo->is_aligned(8)) return false;
    const auto single = reader_.read_address(*typeinfo);
    if (!single || !single->is_aligned(8)) return false;
    const auto own = reader_.read_address(*single - 8);
    if (!own || reader_.read_address(*own) != *single) return false;
    // Both are virtual tables: code follows.
    const auto first = reader_.read_address(vptr);
    const auto second = reader_.read_address(*single);
    return it->second = first && second && is_code(*first) && is_code(*second);
  }

  image::Reader reader_;
  Ranges code_;
  std::unordered_map<Address, bool> typeinfos_;
  std::unordered_map<Address, bool> classes_;
};

// The class when a symbol says that a table starts here.
std::string class_by_symbol(const image::Symbols* symbols, Address table) {
  constexpr std::string_view kPrefix = "vtable for ";
  if (symbols == nullptr) return {};
  const auto symbol = symbols->at(table);
  if (!symbol || symbol->second != 0 || !symbol->first.starts_with(kPrefix)) return {};
  return symbol->first.substr(kPrefix.size());
}

}  // namespace

std::vector<Vtable> find_vtables(const image::Image& image, const image::Symbols* symbols) {
  Judge judge(image);
  std::vector<Vtable> tables;
  for (const AddressRange& range : data_ranges(image)) {
    for (Address at = range.begin.aligned_up(8); at < range.end;) {
      const auto bytes = image.space.bytes_up_to(at, range.end - at);
      std::uint64_t words[3] = {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
      for (std::uint64_t i = 0; i + 8 <= bytes.size(); i += 8) {
        words[0] = words[1];
        words[1] = words[2];
        std::memcpy(&words[2], bytes.data() + i, 8);
        if (words[0] != 0 || words[2] == 0) continue;
        const Address vptr = at + i;
        if (words[1] != 0) {
          if (!judge.is_code({words[2]}) || !judge.is_typeinfo({words[1]})) continue;
          Vtable table{vptr, {words[1]}, judge.mangled_name({words[1]}), {}};
          if (table.mangled.empty()) table.symbol = class_by_symbol(symbols, vptr - 16);
          tables.push_back(std::move(table));
        } else if (symbols != nullptr && judge.is_code({words[2]})) {
          // Without RTTI two zero words and code are all there is: a symbol has to say so.
          std::string name = class_by_symbol(symbols, vptr - 16);
          if (!name.empty()) tables.push_back({vptr, {}, {}, std::move(name)});
        }
      }
      at = image.space.next_present(at + std::max<std::uint64_t>(bytes.size(), 1), range.end)
               .aligned_up(8);
    }
  }
  return tables;
}

}  // namespace coreheap::census
