#include "tests/corrupt/damage.h"

#include <elf.h>
#include <fmt/format.h>

#include <array>

#include "heapparse/census/kinds.h"

namespace coreheap::corrupt {

namespace {

constexpr std::array<std::string_view, 8> kLeaves = {"float", "int",   "tuple", "list",
                                                     "set",   "bytes", "long",  "bytearray"};

std::uint64_t below(Random& random, std::uint64_t n) {
  return n == 0 ? 0 : std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
}

Address somewhere(const SoundCore& core, Random& random) {
  const Loaded& part = core.loaded[below(random, core.loaded.size())];
  return part.range.begin + below(random, part.range.size() / 8) * 8;
}

const SoundRow& some_row(const SoundCore& core, Random& random) {
  return core.rows[below(random, core.rows.size())];
}

// Words that a program which overran a buffer, or used one after it was freed, could leave.
std::uint64_t wild(const SoundCore& core, Address at, Random& random) {
  switch (below(random, 12)) {
    case 0:
      return 0;
    case 1:
      return ~std::uint64_t{0};
    case 2:
      return below(random, 4096);
    case 3:
      return std::uint64_t{1} << below(random, 64);
    case 4:
      return random();
    case 5:
      return at.value;  // itself
    case 6:
      return some_row(core, random).address.value;
    case 7:
      return some_row(core, random).address.value + below(random, 256);
    case 8:
      return somewhere(core, random).value;
    case 9:
      return core.word_at(at).value_or(0) ^ (std::uint64_t{1} << below(random, 64));
    case 10:
      return core.word_at(at).value_or(0) + 8 * below(random, 64);
    default:
      return 0x4141414141414141;
  }
}

bool smash(Damage& damage, const SoundCore& core, Address at, std::uint64_t word) {
  const auto offset = core.offset_of(at);
  if (!offset) return false;
  damage.edits.push_back({*offset, word, 8});
  damage.what +=
      fmt::format(" {:#x} = {:#x} (was {:#x})", at.value, word, core.word_at(at).value_or(0));
  return true;
}

std::optional<Damage> smash_wild(const SoundCore& core, Random& random, Address at) {
  Damage damage;
  if (!smash(damage, core, at, wild(core, at, random))) return std::nullopt;
  return damage;
}

// A row that holds an object whose contents name nothing else.
const SoundRow* leaf(const SoundCore& core, Random& random) {
  static const std::vector<std::uint64_t> kinds = [] {
    std::vector<std::uint64_t> out;
    for (const auto name : kLeaves) out.push_back(std::hash<std::string_view>{}(name));
    return out;
  }();
  for (int i = 0; i < 1000; ++i) {
    const SoundRow& row = some_row(core, random);
    const auto allocator = static_cast<census::Allocator>((row.flags >> 2) & 7);
    if (allocator != census::Allocator::pymalloc || (row.flags & 3) != 0) continue;
    if (std::find(kinds.begin(), kinds.end(), row.kind) != kinds.end()) return &row;
  }
  return nullptr;
}

std::optional<Damage> in_leaf(const SoundCore& core, Random& random, std::uint64_t first,
                              std::uint64_t words) {
  const SoundRow* row = leaf(core, random);
  if (row == nullptr) return std::nullopt;
  // The object's own head begins after what the collector keeps in front; either is fair game.
  const Address at = row->address + (first + below(random, words)) * 8;
  if (!row->extent.contains(at)) return std::nullopt;
  auto damage = smash_wild(core, random, at);
  if (!damage) return std::nullopt;
  damage->promises = true;
  damage->inside = row->extent;
  damage->owner = row->address;
  return damage;
}

std::optional<Damage> object_head(const SoundCore& core, Random& random) {
  return in_leaf(core, random, 0, 4);
}
std::optional<Damage> object_body(const SoundCore& core, Random& random) {
  return in_leaf(core, random, 2, 16);
}

std::optional<Damage> any_object(const SoundCore& core, Random& random) {
  const SoundRow& row = some_row(core, random);
  return smash_wild(core, random, row.address + below(random, row.size / 8 + 1) * 8);
}

const glibc::MallocHeap* heap_of(const SoundCore& core, Random& random) {
  JobControl job;
  const auto heaps = core.snapshot->heaps(job);
  if (!heaps || (*heaps)->empty()) return nullptr;
  const auto& heap = (**heaps)[below(random, (*heaps)->size())];
  return heap.chunks.empty() ? nullptr : &heap;
}

// The size word of a chunk. What lies in other arenas does not depend on it, nor does what lies in
// front of it in its own.
std::optional<Damage> chunk_size(const SoundCore& core, Random& random) {
  const auto* heap = heap_of(core, random);
  if (heap == nullptr) return std::nullopt;
  const auto& chunk = heap->chunks[below(random, heap->chunks.size())];
  return smash_wild(core, random, chunk.address + 8);
}

std::optional<Damage> chunk_link(const SoundCore& core, Random& random) {
  const auto* heap = heap_of(core, random);
  if (heap == nullptr) return std::nullopt;
  for (int i = 0; i < 1000; ++i) {
    const auto& chunk = heap->chunks[below(random, heap->chunks.size())];
    if (chunk.state == glibc::ChunkState::used || chunk.mmapped) continue;
    return smash_wild(core, random, chunk.user() + below(random, 4) * 8);
  }
  return std::nullopt;
}

std::optional<Damage> arena_state(const SoundCore& core, Random& random) {
  const auto* heap = heap_of(core, random);
  if (heap == nullptr || heap->arenas.empty()) return std::nullopt;
  const auto& arena = heap->arenas[below(random, heap->arenas.size())];
  constexpr std::uint64_t kWords = 2200 / 8;  // sizeof(struct malloc_state), 2.27 to 2.44
  return smash_wild(core, random, arena.address + below(random, kWords) * 8);
}

std::optional<Damage> segment_head(const SoundCore& core, Random& random) {
  const auto* heap = heap_of(core, random);
  if (heap == nullptr || heap->segments.empty()) return std::nullopt;
  const auto& segment = heap->segments[below(random, heap->segments.size())];
  return smash_wild(core, random, segment.range.begin + below(random, 8) * 8);
}

const pymalloc::PymallocHeap* pymalloc_of(const SoundCore& core) {
  JobControl job;
  const auto heap = core.snapshot->pymalloc(job);
  return heap && !(*heap)->pools.empty() ? *heap : nullptr;
}

// A pool's header decides about its own blocks and no others'.
std::optional<Damage> pool_head(const SoundCore& core, Random& random) {
  const auto* heap = pymalloc_of(core);
  if (heap == nullptr) return std::nullopt;
  const auto& pool = heap->pools[below(random, heap->pools.size())];
  auto damage = smash_wild(core, random, pool.address + below(random, 6) * 8);
  if (!damage) return std::nullopt;
  damage->promises = true;
  damage->wants_finding = true;
  damage->inside = {pool.address, pool.address + heap->geometry.pool_bytes};
  return damage;
}

std::optional<Damage> arena_array(const SoundCore& core, Random& random) {
  const auto* heap = pymalloc_of(core);
  if (heap == nullptr || heap->arena_arrays.empty()) return std::nullopt;
  const Address array = heap->arena_arrays[below(random, heap->arena_arrays.size())];
  return smash_wild(core, random, array + below(random, 6 * heap->arenas.size()) * 8);
}

const python::Runtime* runtime_of(const SoundCore& core) {
  JobControl job;
  const auto runtime = core.snapshot->runtime(job);
  return runtime ? *runtime : nullptr;
}

std::optional<Damage> a_type(const SoundCore& core, Random& random) {
  JobControl job;
  const auto types = core.snapshot->types(job);
  if (!types || (*types)->all().empty()) return std::nullopt;
  const auto& type = (*types)->all()[below(random, (*types)->all().size())];
  return smash_wild(core, random, type.address + below(random, 60) * 8);
}

std::optional<Damage> runtime_state(const SoundCore& core, Random& random) {
  const auto* runtime = runtime_of(core);
  if (runtime == nullptr || runtime->interpreters.empty()) return std::nullopt;
  const auto& l = *runtime->layout;
  const auto& interpreter = runtime->interpreters[below(random, runtime->interpreters.size())];
  switch (below(random, 4)) {
    case 0:
      if (!runtime->runtime) return std::nullopt;
      return smash_wild(core, random,
                        *runtime->runtime + below(random, l.runtime.struct_size / 8) * 8);
    case 1:
      if (interpreter.thread_states.empty()) return std::nullopt;
      return smash_wild(core, random,
                        interpreter.thread_states[below(random, interpreter.thread_states.size())] +
                            below(random, l.thread_state.struct_size / 8) * 8);
    case 2:
      return smash_wild(core, random, runtime->type_type + below(random, 60) * 8);
    default:
      return smash_wild(core, random,
                        interpreter.address + below(random, l.interpreter.struct_size / 8) * 8);
  }
}

std::optional<Damage> any_word(const SoundCore& core, Random& random) {
  return smash_wild(core, random, somewhere(core, random));
}

// Many at once: a write that ran away.
std::optional<Damage> a_page(const SoundCore& core, Random& random) {
  Damage damage;
  const Address at = somewhere(core, random);
  const std::uint64_t word = wild(core, at, random);
  for (unsigned i = 0; i < 512; ++i) {
    if (const auto offset = core.offset_of(at + i * 8)) damage.edits.push_back({*offset, word, 8});
  }
  damage.what = fmt::format(" 4096 bytes from {:#x} of {:#x}", at.value, word);
  return damage;
}

std::optional<Damage> cut_file(const SoundCore& core, Random& random) {
  Damage damage;
  damage.cut = below(random, 8) == 0 ? below(random, 8192) : below(random, core.bytes.size());
  damage.what = fmt::format(" after {} of {} bytes", *damage.cut, core.bytes.size());
  return damage;
}

// Program headers, notes and the file's own header lie.
std::optional<Damage> elf_headers(const SoundCore& core, Random& random) {
  Damage damage;
  Elf64_Ehdr header;
  std::memcpy(&header, core.bytes.data(), sizeof header);
  const std::uint64_t limit = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr) + 4096;
  const unsigned count = 1 + static_cast<unsigned>(below(random, 3));
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t at =
        below(random, std::min<std::uint64_t>(limit, core.bytes.size()) / 4) * 4;
    const unsigned bytes = below(random, 2) == 0 ? 4 : 8;
    if (at + bytes > core.bytes.size()) continue;
    std::uint64_t word = 0;
    std::memcpy(&word, core.bytes.data() + at, bytes);
    switch (below(random, 4)) {
      case 0:
        word ^= std::uint64_t{1} << below(random, bytes * 8);
        break;
      case 1:
        word += 4096 * below(random, 16);
        break;
      default:
        word = wild(core, core.loaded.front().range.begin, random);
    }
    damage.edits.push_back({at, word, bytes});
    damage.what += fmt::format(" file[{:#x}] = {:#x}", at, word);
  }
  return damage;
}

constexpr Kind kKinds[] = {
    {"object_head", object_head},
    {"object_body", object_body},
    {"any_object", any_object},
    {"chunk_size", chunk_size},
    {"chunk_link", chunk_link},
    {"arena_state", arena_state},
    {"segment_head", segment_head},
    {"pool_head", pool_head},
    {"arena_array", arena_array},
    {"type", a_type},
    {"runtime", runtime_state},
    {"any_word", any_word},
    {"page", a_page},
    {"cut", cut_file},
    {"elf", elf_headers},
};

}  // namespace

std::span<const Kind> all_kinds() { return kKinds; }

}  // namespace coreheap::corrupt
