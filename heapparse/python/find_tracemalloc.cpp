// Finds tracemalloc's tables and figures.
//
// In `_PyRuntime` (3.12 on) they stand at offsets of the layout. Before, each is a static variable
// of its own, in whatever order the linker chose: tables are recognised by many of their entries,
// the count of traced bytes by being the sum of all sizes, the peak by standing beside it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "heapparse/image/scan_words.h"
#include "heapparse/python/tracemalloc_reader.h"

namespace coreheap::python {

namespace {

using Kind = TracemallocTable::Kind;

constexpr std::uint64_t kSample = 512;  // entries looked at before a table is believed
constexpr std::uint32_t kMostFrames = 0xffff;

struct Table {
  HashtableHead head;
  Address variable;  // what points to it
};

struct Tables {
  std::optional<Table> traces, tracebacks, filenames, domains;
};

class Finder {
 public:
  Finder(const image::Image& image, const image::Symbols& symbols, const Runtime& runtime)
      : image_(image), symbols_(symbols), runtime_(runtime), reader_(image, runtime) {}

  Result<Tracemalloc> run(JobControl& job) {
    const auto& traits = runtime_.layout->traits;
    Tracemalloc out;
    if (traits.tracemalloc_form == layouts::TracemallocForm::kNone) {
      out.state = Tracemalloc::State::absent;
      return out;
    }
    job.begin_step("finding traces of tracemalloc", 0);
    Tables tables;
    if (traits.tracemalloc_in_runtime) {
      if (!tables_of_runtime(tables, out)) return out;
    } else {
      tables = tables_of_statics();
      if (!tables.traces) return out;
    }
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    out.state = Tracemalloc::State::tracing;
    read(tables, out);
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    TracemallocReader::sort(out);
    if (traits.tracemalloc_in_runtime) {
      figures_of_runtime(out);
    } else {
      figures_of_statics(tables, out);
    }
    return out;
  }

 private:
  // From 3.12 on. False: it is not tracing.
  bool tables_of_runtime(Tables& tables, Tracemalloc& out) {
    if (!runtime_.runtime) {
      out.findings.push_back(
          {{}, "tracemalloc out of reach", "_PyRuntime was not found", Severity::warning});
      return false;
    }
    const Address base = *runtime_.runtime;
    const auto& f = runtime_.layout->runtime;
    ObjectReader& reader = reader_.reader();
    if (reader.word(base, f.tracemalloc_tracing).value_or(0) != 1) return false;
    const auto table = [&](const layouts::Field& field) -> std::optional<Table> {
      const auto at = reader.pointer(base, field);
      const auto head = at ? read_hashtable(reader, image_, *at) : std::nullopt;
      if (!head) return std::nullopt;
      return Table{*head, base + field.offset};
    };
    tables = {table(f.tracemalloc_traces), table(f.tracemalloc_tracebacks),
              table(f.tracemalloc_filenames), table(f.tracemalloc_domains)};
    if (!tables.traces) {
      out.findings.push_back({base + f.tracemalloc_traces.offset, "table of traces damaged",
                              "tracing is on, but no hashtable is there", Severity::damage});
    }
    return true;
  }

  std::vector<AddressRange> statics() const {
    if (runtime_.module >= 0) {
      return image_.modules[static_cast<std::size_t>(runtime_.module)].data;
    }
    std::vector<AddressRange> out;
    if (const auto* mapping = image_.mapping_at(runtime_.type_type)) out.push_back(mapping->range);
    return out;
  }

  Tables tables_of_statics() {
    Tables found;
    std::set<Address> seen;
    for (const AddressRange& range : statics()) {
      image::scan_words(image_.space, range, [&](Address at, std::uint64_t word) {
        if (word < 4096 || (word & 7) != 0) return true;
        const auto head = read_hashtable(reader_.reader(), image_, Address{word});
        if (!head || head->entry_count == 0 || !seen.insert(head->address).second) return true;
        const auto kind = kind_of(*head);
        if (!kind) return true;
        auto& slot = *kind == Kind::traces       ? found.traces
                     : *kind == Kind::tracebacks ? found.tracebacks
                     : *kind == Kind::filenames  ? found.filenames
                                                 : found.domains;
        if (!slot || slot->head.entry_count < head->entry_count) slot = Table{*head, at};
        return true;
      });
    }
    return found;
  }

  // By what most of many entries are; one alone may be damaged, or look like anything.
  std::optional<Kind> kind_of(const HashtableHead& head) {
    std::uint64_t seen = 0;
    std::uint64_t count[4] = {};
    walk_hashtable(reader_.reader(), head, [&](Address entry) {
      if (is_trace(head, entry)) ++count[static_cast<std::size_t>(Kind::traces)];
      const auto key =
          head.data_bytes == 0 ? hashtable_key(reader_.reader(), head, entry) : std::nullopt;
      if (key && reader_.is_traceback(*key)) ++count[static_cast<std::size_t>(Kind::tracebacks)];
      if (key && reader_.is_filename(*key)) ++count[static_cast<std::size_t>(Kind::filenames)];
      if (domain_table(head, entry)) ++count[static_cast<std::size_t>(Kind::domains)];
      return ++seen < kSample;
    });
    for (const Kind kind : {Kind::traces, Kind::tracebacks, Kind::filenames, Kind::domains}) {
      const std::uint64_t n = count[static_cast<std::size_t>(kind)];
      if (n > 0 && n >= seen - seen / 8) return kind;
    }
    return std::nullopt;
  }

  bool is_trace(const HashtableHead& head, Address entry) {
    if (head.key_bytes != 0 && head.data_bytes != runtime_.layout->trace.struct_size) return false;
    const auto trace = reader_.trace(head, entry);
    return trace && reader_.is_traceback(trace->traceback);
  }

  // The traces of another domain than the default one (3.9 on): a table in an entry's value.
  std::optional<HashtableHead> domain_table(const HashtableHead& head, Address entry) {
    if (!runtime_.layout->traits.tracemalloc_domains) return std::nullopt;
    const auto key = hashtable_key(reader_.reader(), head, entry);
    if (!key || key->value > UINT32_MAX) return std::nullopt;
    const auto table = hashtable_data(reader_.reader(), head, entry);
    return table ? read_hashtable(reader_.reader(), image_, *table) : std::nullopt;
  }

  void read(const Tables& tables, Tracemalloc& out) {
    const auto take = [&](Kind kind, const std::optional<Table>& table, const char* name) {
      if (!table) return;
      out.tables.push_back({kind, table->head.address});
      out.evidence.push_back(
          {name,
           fmt::format("{} entries at {:#x}, named at {:#x}", table->head.entry_count,
                       table->head.address.value, table->variable.value),
           Evidence::Strength::certain});
    };
    take(Kind::traces, tables.traces, "tracemalloc traces");
    take(Kind::tracebacks, tables.tracebacks, "tracemalloc tracebacks");
    take(Kind::filenames, tables.filenames, "tracemalloc file names");
    take(Kind::domains, tables.domains, "tracemalloc domains");
    std::uint64_t own = 0;
    if (tables.traces) {
      reader_.read_traces(out, tables.traces->head, 0);
      own += hashtable_bytes(*runtime_.layout, tables.traces->head);
    }
    if (tables.domains) {
      walk_hashtable(reader_.reader(), tables.domains->head, [&](Address entry) {
        const auto head = domain_table(tables.domains->head, entry);
        const auto key = hashtable_key(reader_.reader(), tables.domains->head, entry);
        if (!head || !key) return true;
        out.tables.push_back({Kind::traces, head->address});
        reader_.read_traces(out, *head, static_cast<std::uint32_t>(key->value));
        own += hashtable_bytes(*runtime_.layout, *head);
        return true;
      });
    }
    if (tables.traces && tables.tracebacks && tables.filenames) {
      out.own_bytes = own + hashtable_bytes(*runtime_.layout, tables.tracebacks->head) +
                      hashtable_bytes(*runtime_.layout, tables.filenames->head);
    }
  }

  static std::uint64_t sum_of(const Tracemalloc& out) {
    std::uint64_t sum = 0;
    for (const std::uint64_t size : out.sizes) sum += size;
    return sum;
  }

  void figures_of_runtime(Tracemalloc& out) {
    const Address base = *runtime_.runtime;
    const auto& f = runtime_.layout->runtime;
    ObjectReader& reader = reader_.reader();
    out.traced_bytes = reader.word(base, f.tracemalloc_traced_memory).value_or(sum_of(out));
    out.peak_bytes = reader.word(base, f.tracemalloc_peak);
    const auto limit = reader.word(base + f.tracemalloc_config.offset,
                                   runtime_.layout->tracemalloc_config.max_frames);
    if (limit && *limit != 0 && *limit <= kMostFrames) {
      out.max_frames = static_cast<std::uint32_t>(*limit);
    }
    if (const std::uint64_t sum = sum_of(out); sum != out.traced_bytes) note_sum(sum, out);
  }

  static void note_sum(std::uint64_t sum, Tracemalloc& out) {
    out.findings.push_back({{},
                            "traced bytes differ from the sum of traces",
                            fmt::format("{} counted, {} found", out.traced_bytes, sum),
                            Severity::warning});
  }

  // Up to 3.11: static variables, two of them beside each other.
  void figures_of_statics(const Tables& tables, Tracemalloc& out) {
    const Table& traces = *tables.traces;
    out.traced_bytes = sum_of(out);
    std::optional<Address> counter;
    const auto distance = [&](Address a) {
      return a < traces.variable ? traces.variable - a : a - traces.variable;
    };
    std::vector<std::uint64_t> limits;
    std::uint32_t most = 0;
    std::uint32_t cut = 0;
    for (std::size_t i = 0; i < out.total_frames.size(); ++i) {
      const std::uint32_t count = out.first_frame[i + 1] - out.first_frame[i];
      most = std::max(most, count);
      if (out.total_frames[i] > count) cut = count;
    }
    for (const AddressRange& range : statics()) {
      image::scan_words(image_.space, range, [&](Address at, std::uint64_t word) {
        if (word == out.traced_bytes && (!counter || distance(at) < distance(*counter))) {
          counter = at;
        }
        collect_limit(at, word, most, limits);
        return true;
      });
    }
    if (counter) out.peak_bytes = peak_beside(*counter, out.traced_bytes, tables);
    out.max_frames = limit_from(cut, limits);
  }

  // The peak is declared right behind the count, and never below it (3.6 to 3.11). On the count's
  // other side linkers put what they like: with link-time optimisation (Debian's 3.11) the pointer
  // to the buffer for new tracebacks, or a table. Where the other word is neither, compilers have
  // kept the order of declarations or turned it round, as file names in front of traces tell.
  std::optional<std::uint64_t> peak_beside(Address counter, std::uint64_t traced,
                                           const Tables& tables) {
    const auto at = [&](Address a) -> std::optional<std::uint64_t> {
      const auto word = image_.space.read<std::uint64_t>(a);
      return word && *word >= traced ? word : std::nullopt;
    };
    const auto names_something = [&](std::uint64_t word) {
      const auto is_head = [&](const std::optional<Table>& table) {
        return table && table->head.address.value == word;
      };
      return is_head(tables.traces) || is_head(tables.tracebacks) || is_head(tables.filenames) ||
             is_head(tables.domains) || reader_.is_traceback(Address{word});
    };
    const auto behind = at(counter + 8);
    const auto before = at(counter - 8);
    if (!behind || !before) return behind ? behind : before;
    const bool behind_is_pointer = names_something(*behind);
    if (behind_is_pointer != names_something(*before)) return behind_is_pointer ? before : behind;
    const auto& earlier = tables.filenames ? tables.filenames : tables.tracebacks;
    if (!earlier) return std::min(*behind, *before);
    return earlier->variable < tables.traces->variable ? behind : before;
  }

  // {initialized = 1, tracing = 1, max_nframe}, three ints in a row; no traceback has more frames.
  void collect_limit(Address at, std::uint64_t word, std::uint32_t most,
                     std::vector<std::uint64_t>& limits) const {
    const auto take = [&](std::uint64_t n) {
      if (n >= std::max(most, 1U) && n <= kMostFrames) limits.push_back(n);
    };
    const auto next = image_.space.read<std::uint64_t>(at + 8);
    if (!next) return;
    if (word == ((std::uint64_t{1} << 32) | 1)) take(*next & UINT32_MAX);
    if (word >> 32 == 1 && (*next & UINT32_MAX) == 1) take(*next >> 32);
  }

  std::optional<std::uint32_t> limit_from(std::uint32_t cut, std::vector<std::uint64_t>& limits) {
    if (cut != 0) return cut;
    const auto& f = layouts::newest().tracemalloc_config;
    // Symbols tell the limit where no traceback was cut by it; without them the one triple of ints
    // that can be the settings does, or nobody.
    for (const char* name : {"_Py_tracemalloc_config", "tracemalloc_config"}) {
      for (const auto& symbol : symbols_.find(name)) {
        const auto limit = reader_.reader().word(symbol.address, f.max_frames);
        if (reader_.reader().word(symbol.address, f.tracing) == std::uint64_t{1} && limit &&
            *limit != 0 && *limit <= kMostFrames) {
          return static_cast<std::uint32_t>(*limit);
        }
      }
    }
    std::sort(limits.begin(), limits.end());
    limits.erase(std::unique(limits.begin(), limits.end()), limits.end());
    if (limits.size() == 1) return static_cast<std::uint32_t>(limits.front());
    return std::nullopt;
  }

  const image::Image& image_;
  const image::Symbols& symbols_;
  const Runtime& runtime_;
  TracemallocReader reader_;
};

}  // namespace

Result<Tracemalloc> find_tracemalloc(const image::Image& image, const image::Symbols& symbols,
                                     const Runtime& runtime, JobControl& job) {
  return Finder(image, symbols, runtime).run(job);
}

void visit_tracemalloc_blocks(const image::Image& image, const Runtime& runtime,
                              const Tracemalloc& tracemalloc,
                              const std::function<void(Address)>& visit) {
  ObjectReader reader(image.space, *runtime.layout);
  const bool pointed =
      runtime.layout->traits.tracemalloc_form == layouts::TracemallocForm::kPointedTraces;
  for (const TracemallocTable& table : tracemalloc.tables) {
    const auto head = read_hashtable(reader, image, table.header);
    if (!head) continue;
    visit(head->address);
    visit(head->buckets);
    walk_hashtable(reader, *head, [&](Address entry) {
      visit(entry);
      if (table.kind == Kind::traces && pointed) {
        if (const auto trace = hashtable_data(reader, *head, entry)) visit(*trace);
      }
      if (table.kind == Kind::tracebacks) {
        if (const auto traceback = hashtable_key(reader, *head, entry)) visit(*traceback);
      }
      return true;
    });
  }
}

}  // namespace coreheap::python
