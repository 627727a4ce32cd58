// Core files and ELF files built in memory, for what real programs rarely show.
//
//   CoreBuilder core;
//   core.segment(0x10000, bytes, PF_R | PF_W);
//   core.thread(1, {.stack_pointer = 0x10800, .thread_pointer = 0x10100});
//   const std::vector<std::byte> file = core.build();
//
// Layout as the kernel writes it: headers, notes (NT_PRSTATUS first), page-aligned segments.
#pragma once

#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace coreheap::image::test {

using ByteVector = std::vector<std::byte>;

inline ByteVector filled(std::size_t size, int value) {
  return ByteVector(size, static_cast<std::byte>(value));
}

// Every 8-byte word holds its own address, so that a byte read from a wrong place is seen.
inline ByteVector addressed(std::uint64_t begin, std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = begin + i;
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

inline void append(ByteVector& to, const void* from, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(from);
  to.insert(to.end(), bytes, bytes + size);
}
inline void append_word(ByteVector& to, std::uint64_t word) { append(to, &word, sizeof word); }
inline void pad_to(ByteVector& to, std::size_t alignment) {
  to.resize((to.size() + alignment - 1) / alignment * alignment);
}

inline void append_note(ByteVector& to, const std::string& name, std::uint32_t type,
                        const ByteVector& description) {
  const Elf64_Nhdr header{static_cast<std::uint32_t>(name.size() + 1),
                          static_cast<std::uint32_t>(description.size()), type};
  append(to, &header, sizeof header);
  append(to, name.c_str(), name.size() + 1);
  pad_to(to, 4);
  append(to, description.data(), description.size());
  pad_to(to, 4);
}

struct TestRegisters {
  std::uint64_t stack_pointer = 0;
  std::uint64_t program_counter = 0;
  std::uint64_t thread_pointer = 0;
};

class CoreBuilder {
 public:
  struct Segment {
    std::uint64_t address = 0;
    ByteVector bytes;               // what is in the file
    std::uint64_t memory_size = 0;  // at least bytes.size()
    std::uint32_t flags = PF_R | PF_W;
  };
  struct File {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;  // bytes
    std::string path;
  };

  CoreBuilder& segment(std::uint64_t address, ByteVector bytes, std::uint32_t flags = PF_R | PF_W,
                       std::uint64_t memory_size = 0) {
    memory_size = memory_size != 0 ? memory_size : bytes.size();
    segments_.push_back({address, std::move(bytes), memory_size, flags});
    return *this;
  }
  CoreBuilder& file(std::uint64_t begin, std::uint64_t end, std::uint64_t offset,
                    std::string path) {
    files_.push_back({begin, end, offset, std::move(path)});
    return *this;
  }
  CoreBuilder& thread(std::uint32_t tid, TestRegisters registers, int signal = 0) {
    ByteVector status(336);
    const auto put = [&](std::size_t at, auto value) {
      std::memcpy(status.data() + at, &value, sizeof value);
    };
    put(12, static_cast<std::uint16_t>(signal));
    put(32, tid);
    if (machine_ == EM_AARCH64) {
      status.resize(392);
      put(112 + 31 * 8, registers.stack_pointer);
      put(112 + 32 * 8, registers.program_counter);
    } else {
      put(112 + 19 * 8, registers.stack_pointer);
      put(112 + 16 * 8, registers.program_counter);
      put(112 + 21 * 8, registers.thread_pointer);
    }
    append_note(threads_, "CORE", NT_PRSTATUS, status);
    if (machine_ == EM_AARCH64) {
      ByteVector tls;
      append_word(tls, registers.thread_pointer);
      append_note(threads_, "LINUX", 0x401, tls);
    }
    return *this;
  }
  CoreBuilder& process(std::uint32_t pid, const std::string& name, const std::string& arguments) {
    process_.assign(136, std::byte{0});
    std::memcpy(process_.data() + 24, &pid, sizeof pid);
    std::memcpy(process_.data() + 40, name.data(), std::min<std::size_t>(name.size(), 15));
    std::memcpy(process_.data() + 56, arguments.data(),
                std::min<std::size_t>(arguments.size(), 79));
    return *this;
  }
  CoreBuilder& auxiliary(std::uint64_t type, std::uint64_t value) {
    auxv_.emplace_back(type, value);
    return *this;
  }
  CoreBuilder& machine(std::uint16_t machine) {
    machine_ = machine;
    return *this;
  }
  // As GDB's gcore does: NT_PRPSINFO first, NT_FILE in bytes, section headers, no alignment.
  CoreBuilder& like_gcore() {
    gcore_ = true;
    return *this;
  }

  ByteVector notes() const {
    ByteVector notes;
    ByteVector info;
    if (!process_.empty()) append_note(info, "CORE", NT_PRPSINFO, process_);
    if (gcore_) append(notes, info.data(), info.size());
    append(notes, threads_.data(), threads_.size());
    if (!gcore_) append(notes, info.data(), info.size());
    if (!auxv_.empty()) {
      ByteVector pairs;
      for (const auto& [type, value] : auxv_) {
        append_word(pairs, type);
        append_word(pairs, value);
      }
      append_word(pairs, AT_NULL);
      append_word(pairs, 0);
      append_note(notes, "CORE", NT_AUXV, pairs);
    }
    if (!files_.empty()) {
      const std::uint64_t unit = gcore_ ? 1 : 4096;
      ByteVector files;
      append_word(files, files_.size());
      append_word(files, unit);
      for (const File& f : files_) {
        append_word(files, f.begin);
        append_word(files, f.end);
        append_word(files, f.offset / unit);
      }
      for (const File& f : files_) append(files, f.path.c_str(), f.path.size() + 1);
      append_note(notes, "CORE", 0x46494c45, files);
    }
    return notes;
  }

  ByteVector build() const {
    const ByteVector notes = this->notes();
    const std::size_t headers = sizeof(Elf64_Ehdr) + (segments_.size() + 1) * sizeof(Elf64_Phdr);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = machine_;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<std::uint16_t>(segments_.size() + 1);
    header.e_shnum = gcore_ ? 1 : 0;

    std::vector<Elf64_Phdr> programs(segments_.size() + 1);
    programs[0].p_type = PT_NOTE;
    programs[0].p_offset = headers;
    programs[0].p_filesz = notes.size();
    programs[0].p_align = 4;
    std::size_t at = headers + notes.size();
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (!gcore_) at = (at + 4095) / 4096 * 4096;
      Elf64_Phdr& program = programs[i + 1];
      program.p_type = PT_LOAD;
      program.p_flags = segments_[i].flags;
      program.p_offset = at;
      program.p_vaddr = segments_[i].address;
      program.p_filesz = segments_[i].bytes.size();
      program.p_memsz = segments_[i].memory_size;
      program.p_align = gcore_ ? 1 : 4096;
      at += segments_[i].bytes.size();
    }
    ByteVector file;
    file.reserve(at);
    append(file, &header, sizeof header);
    append(file, programs.data(), programs.size() * sizeof(Elf64_Phdr));
    append(file, notes.data(), notes.size());
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      file.resize(programs[i + 1].p_offset);
      append(file, segments_[i].bytes.data(), segments_[i].bytes.size());
    }
    return file;
  }

 private:
  std::vector<Segment> segments_;
  std::vector<File> files_;
  ByteVector threads_;
  ByteVector process_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> auxv_;
  std::uint16_t machine_ = EM_X86_64;
  bool gcore_ = false;
};

// A shared library of four pages: header with a build-id note, code, read-only data, writable data
// at an address one page above its file offset, and .bss of `bss` bytes behind it.
inline ByteVector library(const std::string& build_id, std::uint64_t bss = 0) {
  constexpr std::size_t kPage = 4096;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 5;
  const auto load_segment = [](std::uint64_t offset, std::uint64_t address, std::uint64_t size,
                               std::uint64_t memory, std::uint32_t flags) {
    Elf64_Phdr p{};
    p.p_type = PT_LOAD;
    p.p_flags = flags;
    p.p_offset = offset;
    p.p_vaddr = address;
    p.p_filesz = size;
    p.p_memsz = memory;
    p.p_align = kPage;
    return p;
  };
  Elf64_Phdr note{};
  ByteVector notes;
  if (!build_id.empty()) {
    ByteVector id;
    append(id, build_id.data(), build_id.size());
    notes.clear();
    const Elf64_Nhdr note_header{4, static_cast<std::uint32_t>(id.size()), NT_GNU_BUILD_ID};
    append(notes, &note_header, sizeof note_header);
    append(notes, "GNU", 4);
    append(notes, id.data(), id.size());
    pad_to(notes, 4);
  }
  note.p_type = PT_NOTE;
  note.p_offset = note.p_vaddr = 0x200;
  note.p_filesz = note.p_memsz = notes.size();
  note.p_align = 4;
  const Elf64_Phdr programs[] = {
      load_segment(0, 0, kPage, kPage, PF_R), load_segment(kPage, kPage, kPage, kPage, PF_R | PF_X),
      load_segment(2 * kPage, 2 * kPage, kPage, kPage, PF_R),
      load_segment(3 * kPage, 4 * kPage, kPage, kPage + bss, PF_R | PF_W), note};
  ByteVector file(4 * kPage);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, programs, sizeof programs);
  std::copy(notes.begin(), notes.end(), file.begin() + 0x200);
  for (std::size_t page = 1; page < 4; ++page) {
    std::memset(file.data() + page * kPage, static_cast<int>(0x10 * page), kPage);
  }
  return file;
}

}  // namespace coreheap::image::test
