// The structures are the kernel's (linux/elfcore.h, asm/user_64.h) for x86-64 and aarch64, named by
// offset: both have struct elf_prstatus with the registers at 112, and the same struct
// elf_prpsinfo.
#include "heapparse/image/core_notes.h"

#include <algorithm>

#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

constexpr std::uint64_t kStatusSignal = 12;
constexpr std::uint64_t kStatusTid = 32;
constexpr std::uint64_t kStatusRegisters = 112;
constexpr std::uint64_t kInfoPid = 24;
constexpr std::uint64_t kInfoName = 40;
constexpr std::uint64_t kInfoNameSize = 16;
constexpr std::uint64_t kInfoArguments = 56;
constexpr std::uint64_t kInfoArgumentsSize = 80;

// Indices into user_regs_struct of x86-64.
constexpr std::size_t kX86Words = 27;
constexpr std::size_t kX86Rip = 16;
constexpr std::size_t kX86Rsp = 19;
constexpr std::size_t kX86FsBase = 21;
// user_pt_regs of aarch64: x0…x30, sp, pc, pstate.
constexpr std::size_t kArmWords = 34;
constexpr std::size_t kArmSp = 31;
constexpr std::size_t kArmPc = 32;

constexpr std::uint32_t kArmTls = 0x401;           // NT_ARM_TLS
constexpr std::uint32_t kSignalInfo = 0x53494749;  // NT_SIGINFO
constexpr std::uint32_t kFiles = 0x46494c45;       // NT_FILE

std::string text_until_nul(Bytes bytes) {
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  const void* nul = bytes.empty() ? nullptr : std::memchr(begin, 0, bytes.size());
  return {begin,
          nul ? static_cast<std::size_t>(static_cast<const char*>(nul) - begin) : bytes.size()};
}

void read_status(Bytes d, unsigned machine, CoreNotes& notes) {
  const auto tid = load<std::uint32_t>(d, kStatusTid);
  if (!tid) return;
  Thread thread;
  thread.tid = *tid;
  const std::size_t words = machine == EM_AARCH64 ? kArmWords : kX86Words;
  const Bytes registers = part_of(d, kStatusRegisters, words * 8);
  if (!registers.empty()) {
    thread.registers.resize(words);
    std::memcpy(thread.registers.data(), registers.data(), registers.size());
    if (machine == EM_AARCH64) {
      thread.stack_pointer = {thread.registers[kArmSp]};
      thread.program_counter = {thread.registers[kArmPc]};
    } else {
      thread.stack_pointer = {thread.registers[kX86Rsp]};
      thread.program_counter = {thread.registers[kX86Rip]};
      thread.thread_pointer = thread.registers[kX86FsBase];
    }
  }
  if (const auto signal = load<std::uint16_t>(d, kStatusSignal);
      signal && *signal != 0 && notes.threads.empty()) {
    notes.process.signal = *signal;
  }
  notes.threads.push_back(std::move(thread));
}

void read_info(Bytes d, CoreNotes& notes) {
  if (const auto pid = load<std::uint32_t>(d, kInfoPid)) notes.process.pid = *pid;
  notes.process.name = text_until_nul(clipped(d, kInfoName, kInfoNameSize));
  std::string arguments = text_until_nul(clipped(d, kInfoArguments, kInfoArgumentsSize));
  while (!arguments.empty() && arguments.back() == ' ') arguments.pop_back();
  notes.process.command_line = std::move(arguments);
}

void read_auxv(Bytes d, CoreNotes& notes) { notes.auxv = read_auxiliary_vector(d); }

void read_files(Bytes d, CoreNotes& notes) {
  const auto count = load<std::uint64_t>(d, 0);
  const auto unit = load<std::uint64_t>(d, 8);
  if (!count || !unit) return;
  notes.file_page = *unit;
  const std::uint64_t most = (d.size() - 16) / 24;
  const std::uint64_t entries = std::min(*count, most);
  Bytes names = clipped(d, 16 + entries * 24, d.size());
  if (entries != *count) {
    names = {};
    notes.findings.push_back({{},
                              "mapped-file note damaged",
                              "NT_FILE claims " + std::to_string(*count) + " files in " +
                                  std::to_string(d.size()) + " bytes",
                              Severity::damage});
  }
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t at = 16 + i * 24;
    FileNote file{{{*load<std::uint64_t>(d, at)}, {*load<std::uint64_t>(d, at + 8)}},
                  *load<std::uint64_t>(d, at + 16) * *unit,
                  text_until_nul(names)};
    names = clipped(names, file.path.size() + 1, names.size());
    if (!file.range.empty()) notes.files.push_back(std::move(file));
  }
}

void make_disjoint(std::vector<FileNote>& files) {
  std::stable_sort(files.begin(), files.end(), [](const FileNote& a, const FileNote& b) {
    return a.range.begin < b.range.begin;
  });
  std::vector<FileNote> kept;
  for (FileNote& file : files) {
    if (!kept.empty() && file.range.begin < kept.back().range.end) continue;
    kept.push_back(std::move(file));
  }
  files = std::move(kept);
}

}  // namespace

std::vector<std::pair<std::uint64_t, std::uint64_t>> read_auxiliary_vector(Bytes bytes) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
  for (std::uint64_t at = 0; at + 16 <= bytes.size(); at += 16) {
    const auto type = *load<std::uint64_t>(bytes, at);
    if (type == AT_NULL) break;
    pairs.emplace_back(type, *load<std::uint64_t>(bytes, at + 8));
  }
  return pairs;
}

std::optional<std::uint64_t> CoreNotes::auxiliary(std::uint64_t type) const {
  for (const auto& [key, value] : auxv) {
    if (key == type) return value;
  }
  return std::nullopt;
}

CoreNotes read_core_notes(const ElfView& core) {
  CoreNotes notes;
  bool seen_info = false;
  for (const Elf64_Phdr& program : core.programs) {
    if (program.p_type != PT_NOTE || program.p_filesz == 0) continue;
    const Bytes bytes = clipped(core.bytes, program.p_offset, program.p_filesz);
    NoteReader reader(bytes, program.p_align);
    while (const auto note = reader.next()) {
      if (note->name == "CORE") {
        switch (note->type) {
          case NT_PRSTATUS:
            if (!seen_info) notes.status_before_info = true;
            read_status(note->description, core.header.e_machine, notes);
            break;
          case NT_PRPSINFO:
            seen_info = true;
            read_info(note->description, notes);
            break;
          case NT_AUXV:
            read_auxv(note->description, notes);
            break;
          case kSignalInfo:
            if (!notes.process.signal) {
              if (const auto signal = load<std::int32_t>(note->description, 0); signal && *signal) {
                notes.process.signal = *signal;
              }
            }
            if (!notes.signal_address) {
              notes.signal_address = load<std::uint64_t>(note->description, 16);
            }
            break;
          case kFiles:
            read_files(note->description, notes);
            break;
          default:
            break;
        }
      } else if (note->name == "LINUX" && note->type == kArmTls && !notes.threads.empty()) {
        notes.threads.back().thread_pointer = load<std::uint64_t>(note->description, 0);
      }
    }
    if (bytes.size() < program.p_filesz || reader.rest() >= sizeof(Elf64_Nhdr)) {
      notes.findings.push_back({{},
                                "notes incomplete",
                                std::to_string(reader.rest()) + " bytes of notes unreadable, " +
                                    std::to_string(program.p_filesz - bytes.size()) +
                                    " beyond the end of the file",
                                Severity::damage});
    }
  }
  make_disjoint(notes.files);
  return notes;
}

}  // namespace coreheap::image
