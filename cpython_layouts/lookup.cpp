// Chooses among the generated tables.
//
// A patch release may move fields of the runtime and the interpreter (never, so far, of an object's
// type that the census reads), so the size of _PyRuntime decides where it is known: it is the only
// fingerprint of a patch level that survives stripping. Without it the micro version decides.
#include "cpython_layouts/lookup.h"

#include <tuple>

#include "cpython_layouts/tables.h"

namespace coreheap::layouts {

namespace {

// How well a table of the same minor version fits, the strongest evidence first.
auto fitness(const Layout& layout, const Version& version, std::uint64_t runtime_size) {
  const bool micro_reached = layout.version.micro <= version.micro;
  return std::tuple(runtime_size != 0 && layout.runtime_size == runtime_size,
                    layout.version.debug == version.debug, micro_reached,
                    micro_reached ? layout.version.micro : -layout.version.micro);
}

template <typename Predicate>
Candidates candidates(Predicate fits) {
  Candidates found;
  for (const Layout* layout : kTables) {
    if (found.count < Candidates::kMax && fits(*layout)) found.layouts[found.count++] = layout;
  }
  return found;
}

}  // namespace

const Layout* find(const Version& version, std::optional<std::uint64_t> runtime_size) {
  const std::uint64_t size = runtime_size.value_or(0);
  const Layout* best = nullptr;
  for (const Layout* layout : kTables) {
    if (layout->version.major != version.major || layout->version.minor != version.minor ||
        layout->version.free_threaded != version.free_threaded) {
      continue;
    }
    if (!best || fitness(*layout, version, size) > fitness(*best, version, size)) {
      best = layout;
    }
  }
  return best;
}

const Layout& newest(bool free_threaded) {
  const Layout* last = kTables.back();
  for (const Layout* layout : kTables) {
    if (layout->version.free_threaded == free_threaded && !layout->version.debug) last = layout;
  }
  return *last;
}

Candidates candidates_by_type_basicsize(std::uint64_t basicsize) {
  return candidates(
      [&](const Layout& layout) { return layout.heap_type.struct_size == basicsize; });
}

Candidates candidates_by_runtime_size(std::uint64_t runtime_size) {
  return candidates([&](const Layout& layout) {
    return runtime_size != 0 && layout.runtime_size == runtime_size;
  });
}

std::span<const Layout* const> all() { return kTables; }

}  // namespace coreheap::layouts
