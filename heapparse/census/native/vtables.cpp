#include "heapparse/census/native/vtables.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "heapparse/census/native/class_name.h"
#include "heapparse/census/native/find_vtables.h"

namespace coreheap::census {

VtableIndex::VtableIndex(const image::Image& image) { build(image, nullptr); }

VtableIndex::VtableIndex(const image::Image& image, const image::Symbols& symbols) {
  build(image, &symbols);
}

void VtableIndex::build(const image::Image& image, const image::Symbols* symbols) {
  const std::vector<Vtable> tables = find_vtables(image, symbols);
  table_count_ = tables.size();
  slots_.resize(std::bit_ceil(tables.size() * 2 + 1));
  // One class may have a table in each module that uses it: its name makes it one. Mangled and
  // readable names are kept apart by a character that neither starts with.
  std::unordered_map<std::string, std::uint32_t> by_name;
  for (const Vtable& table : tables) {
    std::string key = table.mangled;
    if (key.empty() && !table.symbol.empty()) key = " " + table.symbol;
    if (key.empty()) key = fmt::format(" {:#x}", table.typeinfo.value);
    const auto next = static_cast<std::uint32_t>(classes_.size());
    const auto [at, added] = by_name.try_emplace(std::move(key), next);
    if (added) {
      classes_.push_back({table.mangled, table.vptr, nullptr});
      if (!table.symbol.empty()) {
        classes_.back().readable = std::make_unique<const std::string>(table.symbol);
      }
    }
    add(table.vptr, at->second);
  }
  for (const image::Module& module : image.modules) {
    const auto slash = module.path.rfind('/');
    modules_.emplace_back(module.range,
                          slash == std::string::npos ? module.path : module.path.substr(slash + 1));
  }
}

void VtableIndex::add(Address vptr, std::uint32_t id) {
  lowest_ = std::min(lowest_, vptr);
  highest_ = std::max(highest_, vptr);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = (std::hash<Address>{}(vptr) >> 20) & mask;
  while (slots_[at].vptr && slots_[at].vptr != vptr) at = (at + 1) & mask;
  slots_[at] = {vptr, id};
}

std::optional<std::uint32_t> VtableIndex::look_up(Address vptr) const {
  if (!vptr.is_aligned(8)) return std::nullopt;
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = (std::hash<Address>{}(vptr) >> 20) & mask;
  while (slots_[at].vptr) {
    if (slots_[at].vptr == vptr) return slots_[at].id;
    at = (at + 1) & mask;
  }
  return std::nullopt;
}

std::string_view VtableIndex::name(std::uint32_t id) const {
  if (id >= classes_.size()) return {};
  const Class& own = classes_[id];
  const std::lock_guard lock(mutex_);
  if (own.readable == nullptr) {
    std::string text;
    if (!own.mangled.empty()) {
      text = readable_class_name(own.mangled);
    } else {
      text = fmt::format("class with vtable at {:#x}", own.vptr.value);
      for (const auto& [range, file] : modules_) {
        if (!range.contains(own.vptr)) continue;
        text = fmt::format("class with vtable at {}+{:#x}", file, own.vptr - range.begin);
        break;
      }
    }
    own.readable = std::make_unique<const std::string>(std::move(text));
  }
  return *own.readable;
}

}  // namespace coreheap::census
