// ELF64 little-endian read from bytes that may be hostile: headers, program headers and notes, each
// checked against the bytes at hand. Own code rather than libelf: GDB brings its own libelf into
// the process, and what a core names must not decide how much we allocate.
//
// Invariant: nothing returned reaches outside the span that was given.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "heapparse/base/error.h"

namespace coreheap::image {

using Bytes = std::span<const std::byte>;

// The part [offset, offset + size) when all of it is there, else empty.
inline Bytes part_of(Bytes bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return {};
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// What there is of [offset, offset + size).
inline Bytes clipped(Bytes bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset >= bytes.size()) return {};
  const std::uint64_t left = bytes.size() - offset;
  return bytes.subspan(static_cast<std::size_t>(offset),
                       static_cast<std::size_t>(size < left ? size : left));
}

template <class T>
requires std::is_trivially_copyable_v<T> std::optional<T> load(Bytes bytes, std::uint64_t offset) {
  const Bytes part = part_of(bytes, offset, sizeof(T));
  if (part.empty()) return std::nullopt;
  T value;
  std::memcpy(&value, part.data(), sizeof(T));
  return value;
}

struct ElfView {
  Bytes bytes;
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> programs;  // those that are within the bytes
  std::uint64_t programs_missing = 0;
};

// Reads the ELF header and whatever program headers are within `bytes`. Errors: not_an_elf_file,
// unsupported_machine (32-bit, big-endian, neither x86-64 nor aarch64), truncated.
Result<ElfView> read_elf(Bytes bytes, const std::string& subject);

struct Note {
  std::string_view name;  // without its NUL
  std::uint32_t type = 0;
  Bytes description;
};

// One note after the other; stops at the first that does not fit.
class NoteReader {
 public:
  NoteReader(Bytes bytes, std::uint64_t alignment)
      : bytes_(bytes), alignment_(alignment == 8 ? 8 : 4) {}
  std::optional<Note> next();
  // Bytes that could not be read as notes.
  std::size_t rest() const { return bytes_.size(); }

 private:
  Bytes bytes_;
  std::uint64_t alignment_;
};

// NT_GNU_BUILD_ID among these notes, in hex; empty when there is none.
std::string build_id_in_notes(Bytes notes, std::uint64_t alignment);

// The build-id of a whole ELF file.
std::string build_id_of_file(const ElfView& file);

}  // namespace coreheap::image
