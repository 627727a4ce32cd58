#include "cpython_layouts/startup.h"

#include "cpython_layouts/startup_data.h"

namespace coreheap::layouts {

const StartupTable* startup_table(const Version& version) {
  if (version.free_threaded || version.debug) return nullptr;
  const StartupTable* newest = nullptr;
  for (const StartupTable& table : kStartupTables) {
    if (table.version.major == version.major && table.version.minor == version.minor) return &table;
    newest = &table;
  }
  const bool is_newer =
      newest != nullptr &&
      (version.major > newest->version.major ||
       (version.major == newest->version.major && version.minor > newest->version.minor));
  return is_newer ? newest : nullptr;
}

}  // namespace coreheap::layouts
