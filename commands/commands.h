// One function a command: what it is called, what it takes, what runs it. Listed by registry.cpp
// only.
#pragma once

#include "commands/registry.h"

namespace coreheap::commands {

Command heap_command();
Command info_command();
Command rss_command();
Command fragmentation_command();
Command map_command();
Command types_command();
Command used_command();
Command free_command();
Command all_command();
Command sizes_command();
Command arenas_command();
Command arena_command();
Command bins_command();
Command pymalloc_command();
Command gc_command();
Command threads_command();
Command query_command();
Command select_command();
Command show_command();
Command value_command();
Command tracemalloc_command();
Command origin_command();
Command hexdump_command();
Command leaks_command();
Command why_command();
Command referrers_command();
Command referents_command();
Command retained_command();
Command reach_command();
Command whatif_command();
Command dominators_command();
Command garbage_command();
Command orphans_command();
Command native_command();
Command graph_command();
Command pattern_command();
Command export_command();
Command doctor_command();
Command ps_command();
Command help_command();
Command verify_command();
Command version_command();

}  // namespace coreheap::commands
