// The set of symbols, and filling it from a module's file or from its pages in the image.
//
// Which names are kept is decided here: defined data and functions with a name. Version suffixes
// stay off; the compiler's clones (".lto_priv.0", ".cold") keep theirs, since they are other
// symbols.
#include "heapparse/image/symbols.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <tuple>

#include "heapparse/image/backing_file.h"
#include "heapparse/image/elf_view.h"
#include "heapparse/image/file_bytes.h"

namespace coreheap::image {
namespace {

// A table of symbols with its strings, wherever it lies.
struct SymbolTable {
  Bytes symbols;
  Bytes strings;
};

std::optional<SymbolTable> section_table(const ElfView& elf, std::uint32_t wanted) {
  const Elf64_Ehdr& header = elf.header;
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
  std::uint64_t count = header.e_shnum;
  if (count == 0) {
    const auto first = load<Elf64_Shdr>(elf.bytes, header.e_shoff);
    count = first ? first->sh_size : 0;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto section = load<Elf64_Shdr>(elf.bytes, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (!section) return std::nullopt;
    if (section->sh_type != wanted) continue;
    const auto strings =
        load<Elf64_Shdr>(elf.bytes, header.e_shoff + section->sh_link * sizeof(Elf64_Shdr));
    if (!strings || strings->sh_type != SHT_STRTAB || section->sh_entsize != sizeof(Elf64_Sym)) {
      return std::nullopt;
    }
    return SymbolTable{clipped(elf.bytes, section->sh_offset, section->sh_size),
                       clipped(elf.bytes, strings->sh_offset, strings->sh_size)};
  }
  return std::nullopt;
}

// The dynamic section of a module in the image. The loader has relocated the addresses in it (glibc
// does not for the vdso; musl never does).
struct Dynamic {
  std::uint64_t symbols = 0;
  std::uint64_t strings = 0;
  std::uint64_t strings_size = 0;
  std::uint64_t hash = 0;
  std::uint64_t gnu_hash = 0;
};

std::optional<Dynamic> dynamic_of(const Image& image, const Module& module) {
  const Bytes page = image.space.bytes_up_to(Address{module.first_page}, 65536);
  const auto elf = read_elf(page, module.path);
  if (!elf) return std::nullopt;
  for (const Elf64_Phdr& program : elf->programs) {
    if (program.p_type != PT_DYNAMIC) continue;
    Dynamic dynamic;
    const Address begin{program.p_vaddr + module.bias};
    const std::uint64_t count = std::min<std::uint64_t>(program.p_memsz / 16, 1024);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto tag = image.space.read<std::uint64_t>(begin + i * 16);
      const auto value = image.space.read<std::uint64_t>(begin + i * 16 + 8);
      if (!tag || !value || *tag == DT_NULL) break;
      const std::uint64_t address =
          module.range.contains(Address{*value}) ? *value : *value + module.bias;
      if (*tag == DT_SYMTAB) dynamic.symbols = address;
      if (*tag == DT_STRTAB) dynamic.strings = address;
      if (*tag == DT_STRSZ) dynamic.strings_size = *value;
      if (*tag == DT_HASH) dynamic.hash = address;
      if (*tag == DT_GNU_HASH) dynamic.gnu_hash = address;
    }
    return dynamic;
  }
  return std::nullopt;
}

// More dynamic symbols than this no file has; a hostile image may pretend to.
constexpr std::uint32_t kMostSymbols = 1U << 20;

// Number of dynamic symbols by DT_GNU_HASH: the last index of the last non-empty chain.
std::uint64_t count_by_gnu_hash(const AddressSpace& space, Address table) {
  const auto buckets = space.read<std::uint32_t>(table);
  const auto offset = space.read<std::uint32_t>(table + 4);
  const auto bloom = space.read<std::uint32_t>(table + 8);
  if (!buckets || !offset || !bloom || *buckets > kMostSymbols || *bloom > kMostSymbols) return 0;
  const Address first_bucket = table + 16 + std::uint64_t{*bloom} * 8;
  const Address chains = first_bucket + std::uint64_t{*buckets} * 4;
  std::uint32_t last = 0;
  for (std::uint32_t b = 0; b < *buckets; ++b) {
    const auto head = space.read<std::uint32_t>(first_bucket + std::uint64_t{b} * 4);
    if (!head) return 0;
    last = std::max(last, *head);
  }
  if (last < *offset || last > kMostSymbols) return 0;
  for (std::uint64_t i = last; i < kMostSymbols; ++i) {
    const auto hash = space.read<std::uint32_t>(chains + (i - *offset) * 4);
    if (!hash) return 0;
    if ((*hash & 1) != 0) return i + 1;
  }
  return 0;
}

// Of the image's own pages, those that are present; stripped cores with no file at hand rarely have
// them.
std::optional<SymbolTable> image_table(const Image& image, const Module& module) {
  const auto dynamic = dynamic_of(image, module);
  if (!dynamic || dynamic->symbols == 0 || dynamic->strings == 0) return std::nullopt;
  std::uint64_t count = 0;
  if (dynamic->gnu_hash != 0) {
    count = count_by_gnu_hash(image.space, Address{dynamic->gnu_hash});
  }
  if (count == 0 && dynamic->hash != 0) {
    count = image.space.read<std::uint32_t>(Address{dynamic->hash + 4}).value_or(0);
  }
  // Linkers put the strings right behind the symbols.
  if (count == 0 && dynamic->strings > dynamic->symbols) {
    count = (dynamic->strings - dynamic->symbols) / sizeof(Elf64_Sym);
  }
  const Bytes symbols =
      image.space.bytes_up_to(Address{dynamic->symbols}, count * sizeof(Elf64_Sym));
  const Bytes strings = image.space.bytes_up_to(Address{dynamic->strings}, dynamic->strings_size);
  if (symbols.empty() || strings.empty()) return std::nullopt;
  return SymbolTable{symbols, strings};
}

std::string name_at(Bytes strings, std::uint64_t offset) {
  constexpr std::uint64_t kLongest = 4096;
  const Bytes rest = clipped(strings, offset, kLongest);
  const auto* begin = reinterpret_cast<const char*>(rest.data());
  const void* end = rest.empty() ? nullptr : std::memchr(begin, 0, rest.size());
  return end ? std::string(begin, static_cast<const char*>(end)) : std::string();
}

bool is_kept(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  const bool kind =
      type == STT_OBJECT || type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
  return kind && symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS &&
         symbol.st_value != 0 && symbol.st_name != 0;
}

void add_table(const SymbolTable& table, const Module& module, std::int32_t index,
               Symbols& symbols) {
  const std::uint64_t count = table.symbols.size() / sizeof(Elf64_Sym);
  // Names share suffixes, but not that many: what is kept stays in proportion to the table.
  std::uint64_t budget = table.strings.size() * 4 + (1 << 20);
  for (std::uint64_t i = 1; i < count; ++i) {
    const auto symbol = *load<Elf64_Sym>(table.symbols, i * sizeof(Elf64_Sym));
    if (!is_kept(symbol)) continue;
    const Address address{symbol.st_value + module.bias};
    if (!module.range.contains(address)) continue;
    std::string name = name_at(table.strings, symbol.st_name);
    if (name.size() > budget) return;
    budget -= name.size();
    if (!name.empty()) symbols.add(std::move(name), {address, symbol.st_size, index});
  }
}

// Whether a file's tables were read.
bool add_file(const std::string& path, const Module& module, std::int32_t index, Symbols& symbols) {
  JobControl job;
  const auto file = open_file_bytes(path, FilePurpose::module, job);
  if (!file) return false;
  const auto elf = read_elf(file->bytes, path);
  if (!elf) return false;
  bool read = false;
  for (const std::uint32_t type : {SHT_DYNSYM, SHT_SYMTAB}) {
    if (const auto table = section_table(*elf, type)) {
      add_table(*table, module, index, symbols);
      read = true;
    }
  }
  return read;
}

std::string demangled(const std::string& name) {
  if (!name.starts_with("_Z")) return name;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? std::string(text.get()) : name;
}

}  // namespace

std::vector<Symbol> Symbols::find(std::string_view name) const {
  std::vector<Symbol> found;
  const auto [begin, end] =
      std::equal_range(entries_.begin(), entries_.end(), name, [](const auto& a, const auto& b) {
        const auto key = [](const auto& x) -> std::string_view {
          if constexpr (requires { x.symbol; }) {
            return x.name;
          } else {
            return x;
          }
        };
        return key(a) < key(b);
      });
  for (auto it = begin; it != end; ++it) found.push_back(it->symbol);
  return found;
}

std::optional<std::pair<std::string, std::uint64_t>> Symbols::at(Address a) const {
  auto it = std::upper_bound(
      by_address_.begin(), by_address_.end(), a,
      [this](Address x, std::uint32_t i) { return x < entries_[i].symbol.address; });
  // Nested symbols are few: the innermost that covers `a` is among the next ones below.
  for (int tries = 0; it != by_address_.begin() && tries < 64; ++tries) {
    const Entry& entry = entries_[*--it];
    const std::uint64_t offset = a - entry.symbol.address;
    if (offset > largest_) break;
    if (offset < entry.symbol.size || offset == 0) return {{demangled(entry.name), offset}};
  }
  return std::nullopt;
}

void Symbols::add(std::string name, Symbol symbol) {
  largest_ = std::max(largest_, symbol.size);
  entries_.push_back({std::move(name), symbol});
}

void Symbols::seal() {
  const auto key = [](const Entry& e) {
    return std::tuple<std::string_view, std::int32_t, Address>(e.name, e.symbol.module,
                                                               e.symbol.address);
  };
  std::sort(entries_.begin(), entries_.end(),
            [&](const Entry& a, const Entry& b) { return key(a) < key(b); });
  // .dynsym and .symtab tell the same names twice; the one with a size is kept.
  const auto same = [&](const Entry& a, const Entry& b) { return key(a) == key(b); };
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (kept > 0 && same(entries_[kept - 1], entries_[i])) {
      entries_[kept - 1].symbol.size =
          std::max(entries_[kept - 1].symbol.size, entries_[i].symbol.size);
    } else {
      if (kept != i) entries_[kept] = std::move(entries_[i]);
      ++kept;
    }
  }
  entries_.resize(kept);
  entries_.shrink_to_fit();
  by_address_.resize(entries_.size());
  for (std::uint32_t i = 0; i < by_address_.size(); ++i) by_address_[i] = i;
  std::sort(by_address_.begin(), by_address_.end(), [this](std::uint32_t x, std::uint32_t y) {
    const Symbol& a = entries_[x].symbol;
    const Symbol& b = entries_[y].symbol;
    // Of two at one address the one with the greater size comes last, and is found first.
    return std::tuple(a.address, a.size, y) < std::tuple(b.address, b.size, x);
  });
}

Symbols load_symbols(const Image& image) {
  Symbols symbols;
  for (std::size_t m = 0; m < image.modules.size(); ++m) {
    const Module& module = image.modules[m];
    const auto index = static_cast<std::int32_t>(m);
    bool read = false;
    if (!module.local_path.empty()) read = add_file(module.local_path, module, index, symbols);
    if (!module.debug_path.empty()) add_file(module.debug_path, module, index, symbols);
    if (read) continue;
    if (const auto table = image_table(image, module)) add_table(*table, module, index, symbols);
  }
  symbols.seal();
  return symbols;
}

}  // namespace coreheap::image
