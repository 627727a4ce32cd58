// ELF files in the target: which mappings are one loaded file, where its writable data lies, and
// which file at hand is the same.
//
// A file counts as loaded when its header page is followed by its writable segments where its
// program headers say; a file that was only mapped to be read does not. Without a header page the
// mappings of the path decide.
#pragma once

#include <string>
#include <vector>

#include "heapparse/image/draft.h"
#include "heapparse/image/elf_view.h"

namespace coreheap::image {

struct ModuleSearch {
  const OpenOptions* options;
  std::string proc_directory;  // see Draft
  Address main_program;  // an address in the main program (AT_PHDR or AT_ENTRY), 0 when unknown
};

// Fills `modules`, sets Mapping::module, appends pieces for clean pages of mapped files.
void find_modules(std::vector<Mapping>& mappings, const AddressSpace& space,
                  const ModuleSearch& search, const Ranges& lost, std::vector<Module>& modules,
                  std::vector<Piece>& pieces, std::vector<std::shared_ptr<void>>& keep_alive,
                  Findings& findings, JobControl& job);

}  // namespace coreheap::image
