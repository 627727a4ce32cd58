#include "heapparse/python/gc_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/gc_statics.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::GcStateIn;

// Values of the state word in front of objects (up to 3.7).
constexpr std::int64_t kUntracked = -2;
// Bits of the backward link (3.8 on), and of object.gc_bits.
constexpr std::uint64_t kFinalized = 1;
constexpr std::uint64_t kBitTracked = 1;
constexpr std::uint64_t kBitFinalized = 2;
// Bit of the forward link: the object is in the second of two old spaces.
constexpr std::uint64_t kOldSpace = 1;

std::optional<std::int32_t> small_int(ObjectReader& reader, Address a) {
  return reader.memory().read<std::int32_t>(a);
}

std::optional<bool> truth_of(ObjectReader& reader, Address a) {
  const auto value = a ? small_int(reader, a) : std::nullopt;
  if (!value) return std::nullopt;
  return *value != 0;
}

std::optional<GcStatistics> statistics_at(ObjectReader& reader, Address a) {
  const auto& f = reader.layout().generation_stats;
  const auto collections = reader.word(a, f.collections);
  const auto collected = reader.word(a, f.collected);
  const auto uncollectable = reader.word(a, f.uncollectable);
  if (!collections || !collected || !uncollectable) return std::nullopt;
  return GcStatistics{*collections, *collected, *uncollectable};
}

// A list object, or 0.
Address list_at(ObjectReader& reader, Address a) {
  const auto list = a ? reader.memory().read_address(a) : std::nullopt;
  if (!list || !*list) return {};
  return is_instance_of(reader, *list, reader.traits().type_flags.list_subclass) ? *list
                                                                                 : Address{};
}

GcGeneration generation_at(ObjectReader& reader, const Runtime& runtime, Address head) {
  // Two ints behind a head, whose size builds of one version differ in.
  return {head, small_int(reader, head + runtime.gc_head_bytes),
          small_int(reader, head + runtime.gc_head_bytes + 4), std::nullopt};
}

// Where the members of the state that follow the generations lie: as the table says, unless the
// heads are smaller than where the table comes from (early 3.7: 24 bytes).
struct Placement {
  std::uint32_t generations = 0;
  std::uint32_t stride = 0;
  std::uint32_t permanent = 0;
  std::uint32_t statistics = 0;
  std::uint32_t shift = 0;  // of what follows the statistics
};

Placement placement_of(const layouts::Layout& layout, std::uint32_t generations,
                       std::uint32_t stride) {
  const auto& f = layout.gc_state;
  Placement out{generations, stride, f.permanent_generation.offset, f.generation_stats.offset, 0};
  if (stride >= layout.generation.struct_size) return out;
  out.permanent = generations + static_cast<std::uint32_t>(kGenerations) * stride + 8;
  out.statistics = out.permanent + stride;
  out.shift = f.generation_stats.offset - out.statistics;
  return out;
}

class Finder {
 public:
  Finder(const image::Image& image, const Runtime& runtime)
      : image_(image), runtime_(runtime), reader_(image.space, *runtime.layout) {}

  GcStates find() {
    const auto& layout = *runtime_.layout;
    switch (layout.traits.gc_state_in) {
      case GcStateIn::kStaticVariables:
        add_statics();
        break;
      case GcStateIn::kRuntime:
        if (runtime_.runtime && layout.runtime.gc.present()) {
          add(*runtime_.runtime + layout.runtime.gc.offset, nullptr);
        }
        break;
      case GcStateIn::kInterpreter:
        if (!layout.interpreter.gc.present()) break;
        for (const Interpreter& interpreter : runtime_.interpreters) {
          add(interpreter.address + layout.interpreter.gc.offset, &interpreter);
        }
        break;
    }
    return std::move(out_);
  }

 private:
  void add_statics() {
    GcStatics found = find_gc_statics(image_, runtime_, reader_);
    out_.evidence = std::move(found.evidence);
    GcState state;
    state.enabled = truth_of(reader_, found.enabled);
    state.collecting = truth_of(reader_, found.collecting);
    if (found.debug) state.debug = reader_.memory().read<std::uint32_t>(found.debug);
    state.garbage = found.garbage;
    state.callbacks = found.callbacks;
    if (!found.generations) {
      out_.findings.push_back(
          {{}, "GC generations not found", "no three list heads in a row", Severity::warning});
    }
    for (std::size_t i = 0; found.generations && i < kGenerations; ++i) {
      state.generations[i] =
          generation_at(reader_, runtime_, found.generations + found.stride * std::uint64_t{i});
    }
    for (std::size_t i = 0; found.statistics && i < kGenerations; ++i) {
      state.generations[i].statistics = statistics_at(
          reader_,
          found.statistics + std::uint64_t{reader_.layout().generation_stats.struct_size} * i);
    }
    out_.states.push_back(state);
  }

  // The first place, of those that builds are known to have it at, where three heads stand.
  Placement place(Address at) {
    const auto& layout = *runtime_.layout;
    const auto& generation0 = layout.gc_state.generation0;
    std::vector<Placement> choices;
    for (const std::uint32_t offset : layout.traits.generations_offsets) {
      for (const std::uint32_t stride : layout.traits.generation_strides) {
        // A head has the size that the objects' heads have.
        if (stride < runtime_.gc_head_bytes + 8 || stride > runtime_.gc_head_bytes + 16) continue;
        choices.push_back(placement_of(layout, offset, stride));
      }
    }
    for (const Placement& choice : choices) {
      const Address first = at + choice.generations;
      // A pointer to the first one follows them; it holds during a collection too.
      const auto pointed = reader_.pointer(at, generation0);
      const bool said = pointed && *pointed == first;
      if (!said && !are_list_heads(reader_, first, choice.stride, kGenerations)) continue;
      out_.evidence.push_back(
          {"GC generations",
           fmt::format("{} at {:#x}, {} bytes into the state",
                       said ? "as its pointer to the first says" : "three list heads", first.value,
                       choice.generations),
           Evidence::Strength::certain});
      return choice;
    }
    out_.findings.push_back({at, "GC generations not found",
                             "no three list heads where this version has them", Severity::damage});
    return choices.empty() ? Placement{} : choices.front();
  }

  // Statistics in a ring a generation, in a buffer of their own (3.15).
  std::optional<GcStatistics> ring_statistics(Address buffer, std::size_t generation) {
    const auto& f = reader_.layout().generation_stats_buffer;
    const std::uint64_t entry = reader_.layout().generation_stats.struct_size;
    const std::uint64_t ring = (f.old_index.end() - f.old.offset + 7) / 8 * 8;
    const std::uint64_t skip = generation == 0 ? 0 : ring * (generation - 1);
    const Field& items = generation == 0 ? f.young : f.old;
    const Field& index_field = generation == 0 ? f.young_index : f.old_index;
    const auto index = reader_.word(buffer + skip, index_field);
    if (!index || entry == 0) return std::nullopt;
    if (*index >= (index_field.offset - items.offset) / entry) return std::nullopt;
    return statistics_at(reader_, buffer + skip + items.offset + *index * entry);
  }

  void read_generations(Address at, const Placement& where, GcState& state) {
    const auto& layout = *runtime_.layout;
    const auto& f = layout.gc_state;
    for (std::size_t i = 0; i < kGenerations; ++i) {
      state.generations[i] = generation_at(
          reader_, runtime_, at + where.generations + std::uint64_t{where.stride} * i);
    }
    if (f.permanent_generation.present()) {
      state.permanent = generation_at(reader_, runtime_, at + where.permanent);
      state.permanent->threshold = state.permanent->count = std::nullopt;
    }
    split_old(at, state);
    const auto buffer = layout.generation_stats_buffer.present()
                            ? reader_.pointer(at, f.generation_stats)
                            : std::nullopt;
    for (std::size_t i = 0; f.generation_stats.present() && i < kGenerations; ++i) {
      state.generations[i].statistics =
          buffer
              ? ring_statistics(*buffer, i)
              : statistics_at(reader_, at + where.statistics +
                                           layout.generation_stats.struct_size * std::uint64_t{i});
    }
  }

  // The incremental collector has two old spaces that change roles: `gc` calls the visited one
  // generation 1. Where there is but one order the word that says so is a filler, always 0.
  void split_old(Address at, GcState& state) {
    const auto space = reader_.word(at, reader_.layout().gc_state.visited_space);
    if (!space || *space > 1) return;
    auto& [young, first, second] = state.generations;
    const auto link = reader_.memory().read<std::uint64_t>(second.head);
    const std::uint64_t mask = reader_.traits().gc_link_mask;
    bool flagged = false;
    if (link && (*link & mask) != second.head.value) {
      const auto next = reader_.memory().read<std::uint64_t>(Address{*link & mask});
      flagged = next && (*next & kOldSpace) != 0;
    }
    state.incremental = *space == 1 || flagged;
    if (!state.incremental) return;
    // Only the first threshold of old objects counts, whichever space is which.
    const auto threshold = first.threshold;
    if (*space == 1) std::swap(first, second);
    first.threshold = threshold;
    second.threshold = 0;
  }

  void add(Address at, const Interpreter* interpreter) {
    const auto& layout = *runtime_.layout;
    const auto& f = layout.gc_state;
    GcState state;
    if (interpreter != nullptr) {
      state.interpreter = interpreter->address;
      state.interpreter_id = interpreter->id;
    }
    const auto field = [&](const Field& member) {
      return member.present() ? at + member.offset : Address{};
    };
    Placement where;
    if (layout.traits.gc_lists) {
      where = place(at);
      if (where.stride != 0) read_generations(at, where, state);
    }
    const auto shifted = [&](const Field& member) {
      return member.present() ? at + member.offset - where.shift : Address{};
    };
    state.enabled = truth_of(reader_, field(f.enabled));
    if (f.debug.present()) state.debug = reader_.memory().read<std::uint32_t>(field(f.debug));
    state.collecting = truth_of(reader_, shifted(f.collecting));
    state.garbage = list_at(reader_, shifted(f.garbage));
    state.callbacks = list_at(reader_, shifted(f.callbacks));
    if (f.long_lived_total.present()) {
      state.long_lived_total = reader_.memory().read<std::uint64_t>(shifted(f.long_lived_total));
    }
    if (f.long_lived_pending.present()) {
      state.long_lived_pending =
          reader_.memory().read<std::uint64_t>(shifted(f.long_lived_pending));
    }
    out_.states.push_back(state);
  }

  const image::Image& image_;
  const Runtime& runtime_;
  ObjectReader reader_;
  GcStates out_;
};

// One list, from its head round to its head again.
class ListWalk {
 public:
  ListWalk(const image::Image& image, const Runtime& runtime, Findings& findings)
      : reader_(image.space, *runtime.layout), runtime_(runtime), findings_(findings) {
    // No list is longer than the heads that fit into the bytes at hand.
    for (const image::Piece& piece : image.space.pieces()) most_ += piece.range.size() / 32;
  }

  // False: the job was cancelled.
  bool run(Address head, bool links_back, JobControl& job, std::vector<Address>& out) {
    const std::uint64_t mask = reader_.traits().gc_link_mask;
    ChainGuard guard;
    Address before = head;
    auto next = reader_.memory().read<std::uint64_t>(head);
    while (true) {
      if (!next || out.size() > most_) return ends(before, "the list leaves the image");
      const Address node{*next & mask};
      if (node == head) return true;
      if (!node.is_aligned(8) || guard.repeats(node)) {
        return ends(before, fmt::format("the next link is {:#x}", *next));
      }
      const auto prev = reader_.memory().read<std::uint64_t>(node + 8);
      if (!prev) return ends(before, fmt::format("the next link is {:#x}", *next));
      if (links_back && (*prev & mask) != before.value) {
        return ends(node,
                    fmt::format("its previous link is {:#x}, not {:#x}", *prev, before.value));
      }
      out.push_back(node + runtime_.gc_head_bytes);
      if ((out.size() & 0xffff) == 0 && job.cancelled()) return false;
      before = node;
      next = reader_.memory().read<std::uint64_t>(node);
    }
  }

 private:
  bool ends(Address at, std::string evidence) {
    findings_.push_back({at, "GC list broken", std::move(evidence), Severity::damage});
    return true;
  }

  ObjectReader reader_;
  const Runtime& runtime_;
  Findings& findings_;
  std::uint64_t most_ = 0;
};

}  // namespace

GcStates find_gc_states(const image::Image& image, const Runtime& runtime) {
  return Finder(image, runtime).find();
}

std::string gc_debug_text(std::uint32_t flags) {
  static constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
      {1, "DEBUG_STATS"},     {2, "DEBUG_COLLECTABLE"}, {4, "DEBUG_UNCOLLECTABLE"},
      {8, "DEBUG_INSTANCES"}, {16, "DEBUG_OBJECTS"},    {32, "DEBUG_SAVEALL"}};
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if ((flags & bit) == 0) continue;
    if (!text.empty()) text += " | ";
    text += name;
    flags &= ~bit;
  }
  if (flags != 0) text += fmt::format("{}{:#x}", text.empty() ? "" : " | ", flags);
  return text.empty() ? "0" : text;
}

Result<GcMembers> GcMembers::walk(const image::Image& image, const Runtime& runtime,
                                  const GcStates& states, JobControl& job) {
  GcMembers out;
  out.lists_.resize(states.states.size() * (kGenerations + 1));
  job.begin_step("walking the collector's lists", out.lists_.size());
  ListWalk walk(image, runtime, out.findings_);
  for (std::size_t s = 0; s < states.states.size(); ++s) {
    const GcState& state = states.states[s];
    // A collection keeps reference counts in the backward links, where the head has no other word.
    const bool links_back =
        runtime.layout->traits.gc_refs_in_head || !state.collecting.value_or(false);
    for (std::size_t g = 0; g <= kGenerations; ++g) {
      const Address head = g < kGenerations  ? state.generations[g].head
                           : state.permanent ? state.permanent->head
                                             : Address{};
      std::vector<Address>& list = out.lists_[s * (kGenerations + 1) + g];
      if (head && !walk.run(head, links_back, job, list)) {
        return fail(ErrorCode::cancelled, "job", "cancelled");
      }
      std::sort(list.begin(), list.end());
      job.advance(1);
    }
  }
  return out;
}

std::optional<GcMembers::Place> GcMembers::find(Address object) const {
  for (std::size_t i = 0; i < lists_.size(); ++i) {
    if (!std::binary_search(lists_[i].begin(), lists_[i].end(), object)) continue;
    return Place{static_cast<std::uint32_t>(i / (kGenerations + 1)),
                 static_cast<std::uint32_t>(i % (kGenerations + 1))};
  }
  return std::nullopt;
}

std::optional<ObjectGc> object_gc(ObjectReader& reader, const Runtime& runtime,
                                  const PythonType& type, Address object) {
  const auto& traits = reader.traits();
  ObjectGc out;
  out.collectable = type.is_gc;
  if (out.collectable && type.shape == Shape::type) {
    // Types compiled into a program have no head in front.
    out.collectable = (type_flags(reader, object) & traits.type_flags.heap_type) != 0;
  }
  // Before 3.4 objects have no such mark.
  const bool marks = !traits.gc_refs_in_head || traits.gc_refs_shifted || traits.gc_bits_in_object;
  if (marks) out.finalized = false;
  if (!out.collectable) return out;
  if (traits.gc_bits_in_object) {
    const auto bits = reader.word(object, reader.layout().object.gc_bits);
    if (!bits) return std::nullopt;
    out.tracked = (*bits & kBitTracked) != 0;
    out.finalized = (*bits & kBitFinalized) != 0;
    return out;
  }
  const Address head = object - runtime.gc_head_bytes;
  if (traits.gc_refs_in_head) {
    const auto refs = reader.signed_word(head, reader.layout().gc_head.refs);
    if (!refs) return std::nullopt;
    out.tracked = (traits.gc_refs_shifted ? *refs >> 1 : *refs) != kUntracked;
    if (marks) out.finalized = (*refs & 1) != 0;
    return out;
  }
  const auto next = reader.memory().read<std::uint64_t>(head);
  const auto prev = reader.memory().read<std::uint64_t>(head + 8);
  if (!next || !prev) return std::nullopt;
  out.tracked = *next != 0;
  out.finalized = (*prev & kFinalized) != 0;
  return out;
}

}  // namespace coreheap::python
