// What the notes of a core say: threads, process, auxiliary vector, mapped files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heapparse/image/elf_view.h"
#include "heapparse/image/image.h"

namespace coreheap::image {

struct FileNote {
  AddressRange range;
  std::uint64_t offset = 0;  // bytes
  std::string path;
};

struct CoreNotes {
  std::vector<Thread> threads;  // the first is the one that died, or was selected in GDB
  Process process;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> auxv;
  std::vector<FileNote> files;  // sorted, disjoint
  std::optional<std::uint64_t> signal_address;
  // Differences between the kernel's writer and GDB's gcore.
  bool status_before_info = false;         // the kernel writes NT_PRSTATUS first, gcore NT_PRPSINFO
  std::optional<std::uint64_t> file_page;  // unit of NT_FILE's offsets: gcore writes 1
  Findings findings;

  std::optional<std::uint64_t> auxiliary(std::uint64_t type) const;
};

// Pairs up to AT_NULL, or to the end of what there is.
std::vector<std::pair<std::uint64_t, std::uint64_t>> read_auxiliary_vector(Bytes bytes);

// Reads every PT_NOTE segment that is within the file.
CoreNotes read_core_notes(const ElfView& core);

}  // namespace coreheap::image
