// Finds the CPython runtime of a target.
//
// The chain of evidence: (1) `type` is the object whose own type is itself; the size it declares
// for type objects names the versions that are possible. (2) An interpreter state is where
// `modules`, `sysdict` and `builtins` are dicts at the offsets of one of those versions, and a
// thread state points back to it. (3) `_PyRuntime` holds that interpreter as head and main of its
// list, and from 3.13 on begins with a cookie and its own offsets, whose word beats the table's.
// (4) sys.hexversion says the patch level. Invariant: what is returned passed 1 and 2; 3 and 4
// refine.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "cpython_layouts/hex_version.h"
#include "cpython_layouts/table_set.h"
#include "heapparse/image/scan_words.h"
#include "heapparse/python/allocation_lookup.h"
#include "heapparse/python/chain_guard.h"
#include "heapparse/python/debug_offsets.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

constexpr std::size_t kMaxInterpreters = 4096;
constexpr std::size_t kMaxThreads = 1 << 16;

struct TypeOfTypes {
  Address address;
  std::uint64_t basicsize = 0;
  std::int32_t module = -1;
};

// A type object's own size that no table has: of a version to come. 2.7's were 872 bytes.
bool may_be_of_a_newer_version(std::uint64_t basicsize) {
  return basicsize > 872 && basicsize <= 4096 && basicsize % 8 == 0;
}

// Every self-referencing type in the writable data of modules, module by module.
std::vector<TypeOfTypes> find_type_of_types(const image::Image& image,
                                            const layouts::TableSet& tables) {
  // ob_type, tp_flags and tp_basicsize have stood at these places in every GIL build since 2.7.
  const Layout& l = tables.newest();
  std::vector<TypeOfTypes> found;
  const auto look = [&](AddressRange range, std::int32_t module) {
    image::scan_words(image.space, range, [&](Address at, std::uint64_t word) {
      const Address object = at - l.object.type.offset;
      if (word != object.value) return true;
      const auto basicsize = type_of_types_size(image.space, l, object);
      if (!basicsize) return true;
      if (tables.by_type_basicsize(*basicsize).empty() && !may_be_of_a_newer_version(*basicsize)) {
        return true;
      }
      found.push_back({object, *basicsize, module});
      return true;
    });
  };
  for (std::size_t m = 0; m < image.modules.size(); ++m) {
    for (const AddressRange& range : image.modules[m].data) {
      look(range, static_cast<std::int32_t>(m));
    }
  }
  if (!found.empty()) return found;
  // No module lists it (headers missing): any writable private memory of modest size.
  for (const auto& mapping : image.mappings) {
    if (mapping.writable && !mapping.shared && mapping.range.size() <= (64U << 20)) {
      look(mapping.range, mapping.module);
    }
  }
  return found;
}

bool is_dict(ObjectReader& reader, Address object, Address type_type) {
  const auto type = reader.type_of(object);
  if (!type || !type->is_aligned(8)) return false;
  if ((type_flags(reader, *type) & reader.traits().type_flags.dict_subclass) == 0) return false;
  return reader.type_of(*type) == type_type;
}

bool three_dicts(ObjectReader& reader, Address a, Address type_type) {
  const auto& f = reader.layout().interpreter;
  for (const auto& field : {f.modules, f.sysdict, f.builtins}) {
    const auto dict = reader.pointer(a, field);
    if (!dict || !dict->is_aligned(8) || !is_dict(reader, *dict, type_type)) return false;
  }
  return true;
}

// Does an interpreter state lie at `a`?
bool is_interpreter(ObjectReader& reader, Address a, Address type_type) {
  if (!a.is_aligned(8) || !three_dicts(reader, a, type_type)) return false;
  const auto& f = reader.layout().interpreter;
  // A thread state that belongs to it, unless every thread is gone.
  const auto thread = reader.pointer(a, f.threads_head);
  if (thread && reader.pointer(*thread, reader.layout().thread_state.interp) != a) return false;
  // Three dicts at these distances occur elsewhere too (arrays of statically linked interpreters);
  // only the dict of `sys` knows the version.
  const auto sysdict = reader.pointer(a, f.sysdict);
  return sysdict && dict_lookup(reader, *sysdict, "hexversion").has_value();
}

std::vector<AddressRange> search_ranges(const image::Image& image, std::int32_t module,
                                        Address near) {
  if (module >= 0) return image.modules[static_cast<std::size_t>(module)].data;
  std::vector<AddressRange> out;
  if (const auto* mapping = image.mapping_at(near)) out.push_back(mapping->range);
  return out;
}

// A pointer to an interpreter state in the module's data, for one layout.
std::optional<Address> find_interpreter(const image::Image& image, const Layout& layout,
                                        const TypeOfTypes& type) {
  ObjectReader reader(image.space, layout);
  std::optional<Address> found;
  for (const AddressRange& range : search_ranges(image, type.module, type.address)) {
    image::scan_words(image.space, range, [&](Address, std::uint64_t word) {
      if (word < 4096 || (word & 7) != 0) return true;
      if (!is_interpreter(reader, Address{word}, type.address)) return true;
      found = Address{word};
      return false;
    });
    if (found) break;
  }
  return found;
}

// A version that no table is for: its interpreter state is looked for by the newest table, moved as
// a whole. `modules`, `sysdict` and `builtins` have stayed at the same distances from one another
// (3.13 to 3.15: moved by +32, then -96); the list of threads moves on its own. Gives that table.
std::shared_ptr<Layout> probe_interpreter(const image::Image& image, const Layout& table,
                                          const TypeOfTypes& type) {
  constexpr std::int64_t kFarthest = 1024;
  auto moved = std::make_shared<Layout>(table);
  auto& f = moved->interpreter;
  const auto known = table.interpreter;
  bool found = false;
  for (const AddressRange& range : search_ranges(image, type.module, type.address)) {
    image::scan_words(image.space, range, [&](Address, std::uint64_t word) {
      if (word < 4096 || (word & 7) != 0) return true;
      const Address state{word};
      if (image.space.bytes(state + known.builtins.offset, 8).empty()) return true;
      for (std::int64_t by = -kFarthest; by <= kFarthest && !found; by += 8) {
        f.modules.offset = static_cast<std::uint32_t>(known.modules.offset + by);
        f.sysdict.offset = static_cast<std::uint32_t>(known.sysdict.offset + by);
        f.builtins.offset = static_cast<std::uint32_t>(known.builtins.offset + by);
        ObjectReader reader(image.space, *moved);
        if (!three_dicts(reader, state, type.address)) continue;
        // The list of threads: a pointer to what points back.
        for (std::int64_t near = -kFarthest; near <= kFarthest && !found; near += 8) {
          f.threads_head.offset = static_cast<std::uint32_t>(known.threads_head.offset + near);
          const auto thread = reader.pointer(state, f.threads_head);
          found = thread && reader.pointer(*thread, table.thread_state.interp) == state &&
                  is_interpreter(reader, state, type.address);
        }
      }
      return !found;
    });
    if (found) break;
  }
  return found ? moved : nullptr;
}

// `_PyRuntime` by its cookie; the bytes are in the runtime's own first member since 3.13.
std::optional<Address> find_cookie(const image::Image& image, const TypeOfTypes& type) {
  static constexpr std::array<char, 8> kCookie = {'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'};
  std::uint64_t cookie = 0;
  std::memcpy(&cookie, kCookie.data(), 8);
  std::optional<Address> found;
  for (const AddressRange& range : search_ranges(image, type.module, type.address)) {
    image::scan_words(image.space, range, [&](Address at, std::uint64_t word) {
      if (word != cookie) return true;
      found = at;
      return false;
    });
    if (found) break;
  }
  return found;
}

// `_PyRuntime` by structure: two words at the table's distance that both name the interpreter.
std::optional<Address> find_runtime_struct(const image::Image& image, const Layout& layout,
                                           const TypeOfTypes& type, Address interpreter) {
  const auto& f = layout.runtime;
  if (!f.present() || !f.interpreters_head.present()) return std::nullopt;
  std::optional<Address> found;
  for (const AddressRange& range : search_ranges(image, type.module, type.address)) {
    image::scan_words(image.space, range, [&](Address at, std::uint64_t word) {
      if (word == 0) return true;
      const Address runtime = at - f.interpreters_head.offset;
      // Head is the newest interpreter, main the oldest: at least main must be ours or be reached.
      const auto main = image.space.read_address(runtime + f.interpreters_main.offset);
      if (!main || *main != interpreter) return true;
      Address walk{word};
      for (std::size_t i = 0; i < kMaxInterpreters && walk; ++i) {
        if (walk == *main) {
          found = runtime;
          return false;
        }
        walk = image.space.read_address(walk + layout.interpreter.next.offset).value_or(Address{});
      }
      return true;
    });
    if (found) break;
  }
  return found;
}

void collect_interpreters(ObjectReader& reader, Runtime& out, Address head) {
  const auto& f = reader.layout().interpreter;
  Address at = head;
  // Damaged lists may lead back into themselves.
  std::unordered_set<Address> seen;
  for (std::size_t i = 0; at && i < kMaxInterpreters && seen.insert(at).second; ++i) {
    if (!is_interpreter(reader, at, out.type_type)) {
      out.findings.push_back(
          {at, "interpreter list broken", "no interpreter state there", Severity::warning});
      break;
    }
    Interpreter interpreter;
    interpreter.address = at;
    interpreter.id = reader.word(at, f.id).value_or(i);
    interpreter.modules = reader.pointer(at, f.modules).value_or(Address{});
    interpreter.sysdict = reader.pointer(at, f.sysdict).value_or(Address{});
    interpreter.builtins = reader.pointer(at, f.builtins).value_or(Address{});
    Address thread = reader.pointer(at, f.threads_head).value_or(Address{});
    for (std::size_t t = 0; thread && t < kMaxThreads && seen.insert(thread).second; ++t) {
      if (reader.pointer(thread, reader.layout().thread_state.interp) != at) break;
      interpreter.thread_states.push_back(thread);
      thread = reader.pointer(thread, reader.layout().thread_state.next).value_or(Address{});
    }
    for (const auto& [count, table] : {std::pair(f.static_type_count, f.static_types),
                                       std::pair(f.extension_type_count, f.extension_types)}) {
      if (!count.present() || !table.present()) continue;
      interpreter.type_table_counts.push_back({at + count.offset, at + table.offset});
    }
    out.interpreters.push_back(std::move(interpreter));
    at = reader.pointer(at, f.next).value_or(Address{});
  }
  // Newest first in the target; the main interpreter first in ours.
  std::reverse(out.interpreters.begin(), out.interpreters.end());
}

// Do the neighbours of a GC head point back to it?
bool is_list_member(ObjectReader& reader, Address head) {
  const std::uint64_t mask = reader.traits().gc_link_mask;
  const auto next = reader.memory().read<std::uint64_t>(head);
  const auto prev = reader.memory().read<std::uint64_t>(head + 8);
  if (!next || !prev) return false;
  const auto back = reader.memory().read<std::uint64_t>(Address{*next & mask} + 8);
  const auto forth = reader.memory().read<std::uint64_t>(Address{*prev & mask});
  return back && forth && (*back & mask) == head.value && (*forth & mask) == head.value;
}

// GC head and debug prefix: how far the modules dict lies behind the start of its allocation.
void measure_heads(ObjectReader& reader, Runtime& out, const std::vector<glibc::MallocHeap>& heaps,
                   const pymalloc::PymallocHeap& pymalloc) {
  const auto& choices = reader.traits().gc_head_sizes;
  out.gc_head_bytes = choices.empty() ? 0 : choices.front();
  for (const auto& interpreter : out.interpreters) {
    for (const Address dict : {interpreter.modules, interpreter.sysdict, interpreter.builtins}) {
      const auto allocation = allocation_holding(heaps, pymalloc, dict);
      if (!allocation) continue;
      const std::uint64_t offset = dict - allocation->start;
      for (const std::uint32_t head : choices) {
        for (const std::uint32_t prefix : {0U, 16U}) {
          if (offset != std::uint64_t{head} + prefix) continue;
          out.gc_head_bytes = head;
          out.debug_prefix_bytes = prefix;
          out.debug_chunk_prefix_bytes =
              prefix != 0 && !pymalloc.arenas.empty() ? 2 * prefix : prefix;
          out.evidence.push_back(
              {"object head",
               fmt::format("dict at {:#x} lies {} bytes into its allocation: GC head {}{}",
                           dict.value, offset, head, prefix != 0 ? ", debug hooks 16" : ""),
               Evidence::Strength::certain});
          return;
        }
      }
    }
  }
  // Nobody knows where its block begins: links of the collector's list that are answered tell.
  for (const auto& interpreter : out.interpreters) {
    for (const Address dict : {interpreter.modules, interpreter.sysdict, interpreter.builtins}) {
      for (const std::uint32_t head : choices) {
        if (!dict || !is_list_member(reader, dict - head)) continue;
        out.gc_head_bytes = head;
        out.evidence.push_back(
            {"object head",
             fmt::format("{} bytes in front of the dict at {:#x} is a member of a list", head,
                         dict.value),
             Evidence::Strength::certain});
        return;
      }
    }
  }
  out.evidence.push_back({"object head", "no dict lies in a known allocation: the table's size",
                          Evidence::Strength::guess});
}

// What the target says of its structures goes above the table that `out` has so far.
OffsetsSaid put_above_table(const image::Image& image, Address cookie, Runtime& out) {
  OffsetsSaid said = read_debug_offsets(image.space, cookie, *out.layout);
  out.corrected = said.corrected;
  if (out.corrected) out.layout = out.corrected.get();
  return said;
}

void note_offsets(const OffsetsSaid& said, Address cookie, Runtime& out) {
  if (!said.readable) {
    out.evidence.push_back(
        {"_Py_DebugOffsets",
         fmt::format("at {:#x}, damaged or of a form that no table has: not used", cookie.value),
         Evidence::Strength::probable});
    return;
  }
  std::string how =
      fmt::format("{} values at {:#x} agree with the table",
                  said.compared - said.differences.size() - said.implausible.size(), cookie.value);
  if (!said.differences.empty()) {
    how += fmt::format("; the target's word holds for {}", fmt::join(said.differences, "; "));
  }
  out.evidence.push_back({"_Py_DebugOffsets", std::move(how), Evidence::Strength::certain});
  for (const std::string& one : said.implausible) {
    out.findings.push_back(
        {cookie, "value of _Py_DebugOffsets that cannot be", one, Severity::warning});
  }
}

}  // namespace

Result<std::optional<Runtime>> find_runtime(const image::Image& image,
                                            const image::Symbols& symbols,
                                            const std::vector<glibc::MallocHeap>& heaps,
                                            const pymalloc::PymallocHeap& pymalloc, JobControl& job,
                                            const RuntimeOptions& options) {
  job.begin_step("finding Python", 0);
  const layouts::TableSet tables(options.newest_table);
  for (const TypeOfTypes& type : find_type_of_types(image, tables)) {
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    Runtime out;
    out.type_type = type.address;
    out.module = type.module;
    const std::string module_name =
        type.module >= 0 ? image.modules[static_cast<std::size_t>(type.module)].path : "memory";

    // Candidates in the order of likelihood; the cookie, where there is one, names the very
    // version.
    std::vector<const Layout*> candidates;
    std::optional<std::uint64_t> hexversion;
    const auto cookie = find_cookie(image, type);
    if (cookie) {
      const auto hex = image.space.read<std::uint64_t>(*cookie + 8);
      const auto free_threaded = image.space.read<std::uint64_t>(*cookie + 16);
      const auto size = image.space.read<std::uint64_t>(*cookie + 24);
      if (hex && free_threaded && size) {
        hexversion = *hex;
        const auto version = layouts::version_from_hex(*hex, *free_threaded != 0);
        if (const Layout* l = tables.find(version, *size)) candidates.push_back(l);
      }
    }
    for (const Layout* l : tables.by_type_basicsize(type.basicsize)) {
      if (std::find(candidates.begin(), candidates.end(), l) == candidates.end()) {
        candidates.push_back(l);
      }
    }
    // Of a version that no table is for the newest one is the best guess.
    const bool unknown = hexversion
                             ? tables.find(layouts::version_from_hex(*hexversion, false)) == nullptr
                             : candidates.empty();
    if (unknown) candidates.push_back(&tables.newest());

    std::optional<Address> interpreter;
    for (const Layout* l : candidates) {
      out.layout = l;
      OffsetsSaid said;
      if (cookie) said = put_above_table(image, *cookie, out);
      interpreter = find_interpreter(image, *out.layout, type);
      if (!interpreter && out.corrected) {
        // A damaged block must not hide what the table finds.
        said = {};
        out.corrected.reset();
        out.layout = l;
        interpreter = find_interpreter(image, *out.layout, type);
      }
      if (!interpreter && unknown && l == candidates.back()) {
        if (auto moved = probe_interpreter(image, *out.layout, type)) {
          interpreter = find_interpreter(image, *moved, type);
          out.corrected = std::move(moved);
          out.layout = out.corrected.get();
        }
      }
      if (!interpreter) continue;
      if (cookie) note_offsets(said, *cookie, out);
      break;
    }
    if (!interpreter) continue;  // a type object of something else, or not yet initialised
    out.best_effort = unknown;

    ObjectReader reader(image.space, *out.layout);
    out.evidence.push_back({"PyType_Type",
                            fmt::format("refers to itself at {:#x} in {}, types are {} bytes",
                                        type.address.value, module_name, type.basicsize),
                            Evidence::Strength::certain});

    Address head = *interpreter;
    if (out.layout->traits.has_pyruntime) {
      out.runtime = cookie;
      // The interpreter that was met first need not be the main one; a damaged list may be a
      // circle.
      ChainGuard guard;
      for (Address at = *interpreter;
           !out.runtime && at && !guard.repeats(at) && is_interpreter(reader, at, type.address);) {
        out.runtime = find_runtime_struct(image, *out.layout, type, at);
        at = reader.pointer(at, out.layout->interpreter.next).value_or(Address{});
      }
      if (out.runtime) {
        out.evidence.push_back(
            {"_PyRuntime",
             fmt::format("{} at {:#x}", cookie ? "cookie xdebugpy" : "interpreter list",
                         out.runtime->value),
             Evidence::Strength::certain});
        if (const auto h = reader.pointer(*out.runtime, out.layout->runtime.interpreters_head)) {
          if (is_interpreter(reader, *h, type.address)) head = *h;
        }
      }
    }
    collect_interpreters(reader, out, head);
    if (out.interpreters.empty()) continue;
    measure_heads(reader, out, heaps, pymalloc);

    // sys.hexversion, which every version has.
    if (!hexversion) {
      const auto object = dict_lookup(reader, out.interpreters.front().sysdict, "hexversion");
      if (object) {
        const auto value = int_value(reader, *object);
        if (value && *value > 0) hexversion = static_cast<std::uint64_t>(*value);
      }
    }
    if (hexversion) {
      out.version_text = layouts::text_from_hex(*hexversion);
      const auto version =
          layouts::version_from_hex(*hexversion, out.layout->version.free_threaded);
      if (const Layout* l = tables.find(version); l == nullptr) {
        out.best_effort = true;  // newer than every table
      } else if (!cookie || !layouts::same_release(version, out.layout->version)) {
        // The patch level's own variant, if it fits what lies there.
        ObjectReader check(image.space, *l);
        if (is_interpreter(check, head, type.address)) out.layout = l;
      }
      out.evidence.push_back(
          {"version",
           fmt::format("{} from {}, table {}", out.version_text,
                       cookie ? "_PyRuntime" : "sys.hexversion", out.layout->name),
           Evidence::Strength::certain});
    } else {
      out.version_text = std::string(out.layout->name);
      out.evidence.push_back({"version", "sys.hexversion out of reach: as the layout says",
                              Evidence::Strength::probable});
    }
    if (out.best_effort) {
      out.findings.push_back({out.type_type, "CPython newer than every table",
                              fmt::format("{} is read by the table of {}: what changed since is "
                                          "missing or wrong",
                                          out.version_text, out.layout->name),
                              Severity::warning});
    }
    // The symbol, where there is one, is compared with what was found without it; it decides
    // nothing.
    for (const auto& symbol : symbols.find("PyType_Type")) {
      out.evidence.push_back({"symbol PyType_Type",
                              symbol.address == out.type_type ? "agrees" : "is elsewhere",
                              Evidence::Strength::certain});
    }
    return std::optional<Runtime>(std::move(out));
  }
  return std::optional<Runtime>();
}

}  // namespace coreheap::python
