// See elf_view.h.
#include "heapparse/image/elf_view.h"

#include <algorithm>

namespace coreheap::image {
namespace {

std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text += kDigits[std::to_integer<unsigned>(b) >> 4];
    text += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_386:
      return "i386";
    case EM_ARM:
      return "32-bit ARM";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390";
    case EM_RISCV:
      return "RISC-V";
    case EM_MIPS:
      return "MIPS";
    case EM_LOONGARCH:
      return "LoongArch";
    default:
      return "ELF machine number " + std::to_string(machine);
  }
}

constexpr const char* kSupported = "x86-64 and aarch64 Linux targets are supported";

}  // namespace

Result<ElfView> read_elf(Bytes bytes, const std::string& subject) {
  const Bytes ident = part_of(bytes, 0, EI_NIDENT);
  if (ident.empty() || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) {
    return fail(ErrorCode::not_an_elf_file, subject,
                bytes.empty() ? "is empty" : "is not an ELF file");
  }
  if (std::to_integer<int>(ident[EI_CLASS]) != ELFCLASS64) {
    return fail(ErrorCode::unsupported_machine, subject, "is of a 32-bit process", kSupported);
  }
  if (std::to_integer<int>(ident[EI_DATA]) != ELFDATA2LSB) {
    return fail(ErrorCode::unsupported_machine, subject, "is big-endian", kSupported);
  }
  const auto header = load<Elf64_Ehdr>(bytes, 0);
  if (!header) return fail(ErrorCode::truncated, subject, "ends within its ELF header");
  if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64) {
    return fail(ErrorCode::unsupported_machine, subject,
                "is for " + machine_name(header->e_machine), kSupported);
  }
  ElfView view{bytes, *header, {}, 0};
  std::uint64_t count = header->e_phnum;
  if (count == PN_XNUM) {
    // More than 65534 segments: section header 0 holds the number (Linux binfmt_elf.c).
    if (const auto section = load<Elf64_Shdr>(bytes, header->e_shoff);
        section && header->e_shoff != 0) {
      count = section->sh_info;
    }
  }
  if (count != 0 && header->e_phentsize != sizeof(Elf64_Phdr)) {
    return fail(ErrorCode::not_an_elf_file, subject,
                "has program headers of " + std::to_string(header->e_phentsize) + " bytes, not 56");
  }
  const Bytes table = clipped(bytes, header->e_phoff, count * sizeof(Elf64_Phdr));
  const std::uint64_t here = table.size() / sizeof(Elf64_Phdr);
  view.programs.resize(static_cast<std::size_t>(here));
  if (here != 0) std::memcpy(view.programs.data(), table.data(), here * sizeof(Elf64_Phdr));
  view.programs_missing = count - here;
  return view;
}

std::optional<Note> NoteReader::next() {
  const auto header = load<Elf64_Nhdr>(bytes_, 0);
  if (!header) return std::nullopt;
  const auto padded = [this](std::uint64_t n) { return (n + alignment_ - 1) & ~(alignment_ - 1); };
  const std::uint64_t name_at = sizeof(Elf64_Nhdr);
  // With 8-byte alignment the description, not the name, is aligned (as in .note.gnu.property).
  const std::uint64_t description_at = padded(name_at + header->n_namesz);
  const Bytes name = part_of(bytes_, name_at, header->n_namesz);
  const Bytes description = part_of(bytes_, description_at, header->n_descsz);
  if ((name.empty() && header->n_namesz != 0) || (description.empty() && header->n_descsz != 0)) {
    return std::nullopt;
  }
  Note note{{reinterpret_cast<const char*>(name.data()), name.size()}, header->n_type, description};
  while (!note.name.empty() && note.name.back() == '\0') note.name.remove_suffix(1);
  const std::uint64_t next_at = padded(description_at + header->n_descsz);
  bytes_ =
      bytes_.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(next_at, bytes_.size())));
  return note;
}

std::string build_id_in_notes(Bytes notes, std::uint64_t alignment) {
  NoteReader reader(notes, alignment);
  while (const auto note = reader.next()) {
    if (note->type == NT_GNU_BUILD_ID && note->name == "GNU" && !note->description.empty() &&
        note->description.size() <= 64) {
      return to_hex(note->description);
    }
  }
  return {};
}

std::string build_id_of_file(const ElfView& file) {
  for (const Elf64_Phdr& program : file.programs) {
    if (program.p_type != PT_NOTE) continue;
    std::string id =
        build_id_in_notes(clipped(file.bytes, program.p_offset, program.p_filesz), program.p_align);
    if (!id.empty()) return id;
  }
  return {};
}

}  // namespace coreheap::image
