// WHY IT STAYS and WHAT WOULD GIVE IT BACK: on the first screen and in `fragmentation`.
#pragma once

#include <string>
#include <vector>

#include "commands/table.h"
#include "heapparse/usage/free_memory.h"

namespace coreheap::commands {

Table reason_table(const std::vector<usage::Reason>& reasons);
// At most `most` of them; no reasons, no text.
std::string reason_screen(const std::vector<usage::Reason>& reasons, std::size_t most);

Table cure_table(const std::vector<usage::Cure>& cures);
// `why`: a line below each that says where its figure comes from.
std::string cure_screen(const std::vector<usage::Cure>& cures, bool why);

}  // namespace coreheap::commands
