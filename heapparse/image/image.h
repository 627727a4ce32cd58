// One stop of one target: its bytes, mappings, modules, threads and residency. Everything above
// reads this and nothing else, so a core, a live process and what GDB hands over are the same thing
// from here on.
//
// Invariants: `mappings` is sorted and disjoint; `modules[mapping.module]` is the file a mapping
// belongs to; an Image is immutable once opened.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/finding.h"
#include "heapparse/image/address_space.h"

namespace coreheap::image {

enum class TargetKind : std::uint8_t { live, kernel_core, gcore, regions };

// What a mapping is made of, decided from its name, or from NT_FILE and the auxiliary vector in a
// core. Real huge pages appear as "/anon_hugepage (deleted)" and are anonymous.
enum class MappingKind : std::uint8_t {
  anonymous,      // includes [heap] and [anon:...]
  stack,          // main thread's stack
  file,           // private or shared mapping of a file
  shared_memory,  // /dev/shm, SYSV, memfd, /dev/zero
  kernel,         // [vdso], [vvar], [vsyscall]
};

// What smaps counts of a mapping beside its Rss, in bytes.
struct MappingCounters {
  std::uint64_t pss = 0;  // pages shared by n processes count as an nth
  std::uint64_t shared_clean = 0;
  std::uint64_t shared_dirty = 0;
  std::uint64_t private_clean = 0;
  std::uint64_t private_dirty = 0;
  std::uint64_t anonymous = 0;   // of Rss: belongs to no file
  std::uint64_t huge_pages = 0;  // of Rss: transparent huge pages
  std::uint64_t hugetlb = 0;     // pages of hugetlbfs, which Rss leaves out
};

struct Mapping {
  AddressRange range;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;  // false in cores, which do not say
  MappingKind kind = MappingKind::anonymous;
  std::uint64_t file_offset = 0;
  std::string name;          // path or [heap]; empty when anonymous
  std::int32_t module = -1;  // index into Image::modules, -1 for none
  // From smaps when live, in bytes; absent otherwise.
  std::optional<std::uint64_t> rss;
  std::optional<std::uint64_t> private_dirty;
  std::optional<std::uint64_t> swapped;
  MappingCounters counters;  // all zero where `rss` is absent

  bool is_anonymous_memory() const {
    return kind == MappingKind::anonymous || kind == MappingKind::stack;
  }
};

// An ELF file of the target. `bias` is what was added to its virtual addresses.
struct Module {
  std::string path;      // as the target names it
  std::string build_id;  // hex; empty when unknown
  AddressRange range;    // lowest to highest mapping of the file
  std::uint64_t bias = 0;
  std::uint64_t first_page = 0;  // address of the mapped ELF header
  std::string local_path;        // a file at hand with the same build-id; empty when none
  std::string debug_path;        // separate debug file of that build-id; for symbols only
  // Writable data of the file including what the loader maps behind it (.bss), sorted. RELRO pages,
  // read-only by now but private and written once, are included.
  std::vector<AddressRange> data;
};

struct Thread {
  std::uint64_t tid = 0;
  std::optional<std::uint64_t> thread_pointer;  // fs_base on x86-64, tpidr on aarch64
  Address stack_pointer;
  Address program_counter;
  std::string name;  // comm; may be empty
  // General registers as words, for conservative scans; may be empty.
  std::vector<std::uint64_t> registers;
};

// Which pages were in RAM. `known` is false when the source cannot say (gcore, piped or copied
// cores); then only virtual figures are exact.
struct Residency {
  bool known = false;
  // Private pages (anonymous, or file pages that were written) that were resident: sorted,
  // disjoint, page-granular. Live: from pagemap, shared zero page left out. Kernel core: the data
  // blocks of the sparse file.
  std::vector<AddressRange> resident;
  // Bytes of `range` that were resident. Whole pages counted only for the part inside the range.
  std::uint64_t bytes_in(AddressRange range) const;
};

struct Process {
  std::optional<std::uint64_t> pid;
  std::string name;          // comm
  std::string command_line;  // arguments joined by blanks; what a core keeps is 80 characters
  std::string executable;    // path as the target names it
  std::optional<std::uint64_t> vm_rss;       // bytes, live only
  std::optional<std::uint64_t> page_tables;  // bytes, live only
  std::optional<std::uint64_t> file_descriptors;
  std::optional<std::uint64_t> uptime_seconds;
  std::optional<int> signal;  // what killed it, cores only
};

// How a live target was stopped; figures in nanoseconds and bytes.
struct Pause {
  std::uint64_t nanoseconds = 0;
  std::uint64_t predicted_nanoseconds = 0;
  std::uint64_t bytes_copied = 0;
  bool stopped = true;  // false under --no-stop: the image may be torn
};

struct Image {
  TargetKind kind = TargetKind::kernel_core;
  std::string source;  // "core.1234" or "pid 1234", as a report names it
  Process process;
  std::uint64_t page_size = 4096;
  AddressSpace space;
  std::vector<Mapping> mappings;
  std::vector<Module> modules;
  std::vector<Thread> threads;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> auxv;
  Residency residency;
  std::optional<Pause> pause;
  Findings findings;  // truncated, filtered, unreadable parts
  std::vector<Evidence> evidence;
  // Bytes of dumpable (private, writable) mappings that the image does not hold.
  std::uint64_t missing_bytes = 0;

  std::vector<std::shared_ptr<void>> keep_alive;  // owns what `space` points to

  const Mapping* mapping_at(Address a) const;
  const Module* module_at(Address a) const;
};

}  // namespace coreheap::image
