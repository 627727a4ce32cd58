// The tables up to some version: all of them, or as many as an older coreheap had. That is how it
// is tried what coreheap makes of a CPython that is newer than it knows.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "cpython_layouts/layout.h"

namespace coreheap::layouts {

class TableSet {
 public:
  explicit TableSet(std::optional<Version> newest = {}) : newest_(newest) {}

  // As layouts::find, layouts::newest and layouts::candidates_by_type_basicsize.
  const Layout* find(const Version& version, std::optional<std::uint64_t> runtime_size = {}) const {
    const Layout* table = layouts::find(version, runtime_size);
    return table != nullptr && has(*table) ? table : nullptr;
  }
  const Layout& newest() const {
    const Layout* last = all().front();
    for (const Layout* table : all()) {
      if (has(*table) && !table->version.free_threaded && !table->version.debug) last = table;
    }
    return *last;
  }
  std::vector<const Layout*> by_type_basicsize(std::uint64_t basicsize) const {
    std::vector<const Layout*> out;
    for (const Layout* table : candidates_by_type_basicsize(basicsize)) {
      if (has(*table)) out.push_back(table);
    }
    return out;
  }

 private:
  bool has(const Layout& table) const {
    return !newest_ || std::pair(table.version.major, table.version.minor) <=
                           std::pair(newest_->major, newest_->minor);
  }
  std::optional<Version> newest_;
};

}  // namespace coreheap::layouts
