// Manual pages made from the registry: of one command, of all of them, as Markdown.
#pragma once

#include <string>
#include <string_view>

#include "commands/registry.h"

namespace coreheap::commands {

// `prefix` is what is typed in front of a command: "heap ", "coreheap TARGET ".
std::string manual_page(const Command& command, std::string_view prefix);
std::string first_page(std::string_view prefix);
std::string all_words(std::string_view prefix);
std::string kinds_page();
std::string markdown();

}  // namespace coreheap::commands
