// tracemalloc's tables written by hand, in each form that versions keep them in, and damaged.
#include "heapparse/python/tracemalloc.h"

#include <algorithm>
#include <optional>

#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::Layout;
using layouts::TracemallocForm;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::layout_of;
using Kind = TracemallocTable::Kind;
using State = Tracemalloc::State;

constexpr Address kCode{0x555500080000};  // in front of every region of the builder

struct Line {
  Address file;
  std::uint32_t line;
};
struct Traced {
  std::uint64_t address;
  std::uint64_t size;
  Address traceback;
  std::uint32_t domain = 0;
};

class Tracer {
 public:
  explicit Tracer(const Layout& l) : layout(l), heap(l) {
    heap.boot();
    if (layout.traits.tracemalloc_in_runtime) heap.static_memory(0x3000);  // the rest of _PyRuntime
  }

  Address file(std::string_view name) {
    return layout.traits.tracemalloc_filenames_are_c_strings ? heap.c_string(name) : heap.str(name);
  }
  Address traceback(const std::vector<Line>& lines, std::uint64_t total) {
    const Address at = heap.chunk(layout.trace_traceback.frames.offset +
                                  lines.size() * layout.trace_frame.struct_size);
    heap.store(at, layout.trace_traceback.frame_count, lines.size());
    heap.store(at, layout.trace_traceback.total_frame_count, total);
    Address frame = at + layout.trace_traceback.frames.offset;
    for (const Line& line : lines) {
      heap.store(frame, layout.trace_frame.filename, line.file.value);
      heap.store(frame, layout.trace_frame.line, line.line);
      frame += layout.trace_frame.struct_size;
    }
    return at;
  }
  bool in_entry() const { return layout.traits.tracemalloc_form == TracemallocForm::kInlineTraces; }

  // A pointer, or a pointer and a domain: packed.
  static std::uint64_t bytes_of_key(const std::vector<std::uint64_t>& words) {
    return words.size() == 1 ? 8 : 12;
  }
  // `keys`: words of the key, `data`: words of the data, of each entry. Eight chains.
  Address hashtable(const std::vector<std::vector<std::uint64_t>>& keys,
                    const std::vector<std::vector<std::uint64_t>>& data) {
    std::uint64_t buckets = 64;
    while (buckets < 2 * keys.size()) buckets *= 2;
    const Address table = heap.chunk(8 * buckets);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::uint64_t key_bytes = bytes_of_key(keys[i]);
      const std::uint64_t data_bytes = 8 * data[i].size();
      const Address entry = heap.chunk(32 + key_bytes + data_bytes);
      if (in_entry()) {
        Address at = entry + layout.hashtable_entry.struct_size;
        for (const std::uint64_t word : keys[i]) heap.word(at, word), at += 8;
        at = entry + layout.hashtable_entry.struct_size + key_bytes;
        for (const std::uint64_t word : data[i]) heap.word(at, word), at += 8;
      } else {
        heap.store(entry, layout.hashtable_entry.key, keys[i][0]);
        heap.store(entry, layout.hashtable_entry.value, data[i].empty() ? 0 : data[i][0]);
      }
      const Address bucket = table + 8 * (i % 8);
      heap.store(entry, layout.hashtable_entry.next, heap.memory.read<std::uint64_t>(bucket));
      heap.word(bucket, entry.value);
      entries.push_back(entry);
    }
    const Address head = heap.chunk(layout.hashtable.struct_size);
    heap.store(head, layout.hashtable.entry_count, keys.size());
    heap.store(head, layout.hashtable.bucket_count, buckets);
    heap.store(head, layout.hashtable.buckets, table.value);
    heap.store(head, layout.hashtable.key_size, keys.empty() ? 8 : bytes_of_key(keys[0]));
    heap.store(head, layout.hashtable.data_size, data.empty() ? 0 : 8 * data[0].size());
    heap.store(head, layout.hashtable.hash_function, kCode.value + 16);
    heap.store(head, layout.hashtable.compare_function, kCode.value + 32);
    own_bytes += layout.hashtable.struct_size + 8 * buckets;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      own_bytes += layout.hashtable_entry.struct_size;
      if (in_entry()) own_bytes += bytes_of_key(keys[i]) + 8 * data[i].size();
    }
    return head;
  }
  Address traces(const std::vector<Traced>& list, bool with_domain) {
    std::vector<std::vector<std::uint64_t>> keys, data;
    for (const Traced& one : list) {
      keys.push_back({one.address});
      if (in_entry() && with_domain) keys.back().push_back(one.domain);
      if (in_entry()) {
        data.push_back({one.size, one.traceback.value});
      } else {
        const Address trace = heap.chunk(layout.trace.struct_size);
        heap.store(trace, layout.trace.size, one.size);
        heap.store(trace, layout.trace.traceback, one.traceback.value);
        data.push_back({trace.value});
      }
    }
    entries.clear();
    const Address head = hashtable(keys, data);
    trace_entries = entries;
    return head;
  }
  Address set_of(const std::vector<Address>& members) {
    std::vector<std::vector<std::uint64_t>> keys;
    for (const Address a : members) keys.push_back({a.value});
    return hashtable(keys, std::vector<std::vector<std::uint64_t>>(keys.size()));
  }
  // The variable or field of the runtime that names a table.
  void name(Kind kind, Address head) {
    const auto& r = layout.runtime;
    const auto& field = kind == Kind::traces       ? r.tracemalloc_traces
                        : kind == Kind::tracebacks ? r.tracemalloc_tracebacks
                        : kind == Kind::filenames  ? r.tracemalloc_filenames
                                                   : r.tracemalloc_domains;
    if (layout.traits.tracemalloc_in_runtime) {
      heap.store(heap.runtime_struct, field, head.value);
    } else {
      heap.word(heap.static_memory(8), head.value);
    }
  }
  // Static variables are declared count, peak, file names, tracebacks, traces; `reversed`, which is
  // how GCC lays them out, has them the other way round. `beyond` is the word on the count's other
  // side.
  void figures(std::uint64_t now, std::uint64_t peak, std::uint32_t limit, bool reversed = true,
               std::uint64_t beyond = 0) {
    const auto& r = layout.runtime;
    if (layout.traits.tracemalloc_in_runtime) {
      heap.store(heap.runtime_struct, r.tracemalloc_tracing, 1);
      heap.store(heap.runtime_struct, r.tracemalloc_traced_memory, now);
      heap.store(heap.runtime_struct, r.tracemalloc_peak, peak);
      heap.store(heap.runtime_struct + r.tracemalloc_config.offset,
                 layout.tracemalloc_config.max_frames, limit);
      return;
    }
    const Address counters = heap.static_memory(24);
    heap.word(counters, reversed ? peak : beyond);
    heap.word(counters + 8, now);
    heap.word(counters + 16, reversed ? beyond : peak);
    const Address config = heap.static_memory(16);
    heap.word(config, 1ULL << 32 | 1);
    heap.word(config + 8, limit);
  }

  Tracemalloc find() {
    image::Image image = heap.image();
    image::Mapping code;
    code.range = {kCode, kCode + 0x1000};
    code.readable = code.executable = true;
    image.mappings.push_back(code);
    std::sort(image.mappings.begin(), image.mappings.end(),
              [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
    Runtime runtime = heap.runtime();
    runtime.module = -1;  // the mapping around `type` is searched
    if (layout.traits.has_pyruntime) runtime.runtime = heap.runtime_struct;
    JobControl job;
    const auto found = find_tracemalloc(image, {}, runtime, job);
    REQUIRE(found.has_value());
    visited.clear();
    visit_tracemalloc_blocks(image, runtime, *found, [&](Address a) { visited.push_back(a); });
    return *found;
  }

  const Layout& layout;
  HeapBuilder heap;
  std::vector<Address> entries;
  std::vector<Address> trace_entries;
  std::vector<Address> visited;
  std::uint64_t own_bytes = 0;
};

std::vector<const Layout*> tracing_layouts() {
  std::vector<const Layout*> out;
  for (const Layout* l : gil_layouts()) {
    if (l->traits.tracemalloc_form != TracemallocForm::kNone) out.push_back(l);
  }
  return out;
}

// Forty traces of two tracebacks: sizes 100, 101 …, addresses falling.
struct Scene {
  Address app, lib, deep, shallow;
  std::vector<Traced> list;
  std::uint64_t sum = 0;
};
Scene scene(Tracer& t) {
  Scene s;
  s.app = t.file("/srv/app.py");
  s.lib = t.file("/srv/lib.py");
  s.deep = t.traceback({{s.lib, 7}, {s.app, 12}}, 2);
  s.shallow = t.traceback({{s.app, 99}}, 1);
  for (std::uint64_t i = 0; i < 40; ++i) {
    s.list.push_back({0x9000 - 64 * i, 100 + i, i % 2 == 0 ? s.deep : s.shallow});
    s.sum += 100 + i;
  }
  return s;
}

std::string folded(const Tracemalloc& found, std::uint32_t traceback) {
  std::string text;
  for (const TraceFrame& f : found.frames_of(traceback)) {
    text += found.files[f.file] + ":" + std::to_string(f.line) + ";";
  }
  return text;
}

TEST_CASE("traces come with their size and traceback, sorted by address, in every version") {
  for (const Layout* layout : tracing_layouts()) {
    INFO(layout->name);
    Tracer t(*layout);
    const Scene s = scene(t);
    t.name(Kind::traces, t.traces(s.list, false));
    t.name(Kind::tracebacks, t.set_of({s.deep, s.shallow}));
    t.name(Kind::filenames, t.set_of({s.app, s.lib}));
    t.figures(s.sum, s.sum + 5000, 5);
    const Tracemalloc found = t.find();
    REQUIRE(found.state == State::tracing);
    REQUIRE(found.size() == 40);
    CHECK(std::is_sorted(found.addresses.begin(), found.addresses.end()));
    CHECK(found.addresses.back() == Address{0x9000});
    CHECK(found.sizes.back() == 100);
    CHECK(folded(found, found.tracebacks.back()) == "/srv/lib.py:7;/srv/app.py:12;");
    CHECK(folded(found, found.tracebacks.front()) == "/srv/app.py:99;");
    CHECK(found.total_frames.size() == 2);
    CHECK(found.files.size() == 2);
    CHECK(found.traced_bytes == s.sum);
    CHECK(found.peak_bytes == s.sum + 5000);
    CHECK(found.max_frames == 5);
    CHECK(found.own_bytes == t.own_bytes);
    CHECK(found.findings.empty());
    for (const Address a : {s.deep, s.shallow, t.trace_entries[0], t.trace_entries[39]}) {
      CHECK(std::count(t.visited.begin(), t.visited.end(), a) == 1);
    }
    CHECK(found.trace_in({Address{0x8ff0}, Address{0x9010}}) == 39);
    CHECK_FALSE(found.trace_in({Address{0x9001}, Address{0x9100}}).has_value());
  }
}

TEST_CASE(
    "memory of other domains is traced too: in the key up to 3.8, in a table of tables later") {
  for (const Layout* layout : tracing_layouts()) {
    INFO(layout->name);
    Tracer t(*layout);
    const Scene s = scene(t);
    std::vector<Traced> other;
    for (std::uint64_t i = 0; i < 5; ++i) other.push_back({0x9000 + 64 * i, 7, s.shallow, 389047});
    if (t.in_entry()) {
      auto all = s.list;
      all.insert(all.end(), other.begin(), other.end());
      t.name(Kind::traces, t.traces(all, true));
    } else {
      t.name(Kind::traces, t.traces(s.list, false));
      t.name(Kind::domains, t.hashtable({{389047}}, {{t.traces(other, false).value}}));
    }
    t.figures(s.sum + 35, s.sum + 35, 1);
    const Tracemalloc found = t.find();
    REQUIRE(found.size() == 45);
    CHECK(std::count(found.domains.begin(), found.domains.end(), 389047U) == 5);
    CHECK(found.traced_bytes == s.sum + 35);
    // Two traces at one address: the one of the default domain is first, and the block's.
    const auto both = found.trace_in({Address{0x9000}, Address{0x9010}});
    REQUIRE(both.has_value());
    CHECK(found.domains[*both] == 0);
    CHECK(found.domains[*both + 1] == 389047);
  }
}

TEST_CASE("the peak stands on the side of the count that the order of the tables tells") {
  for (const Layout* layout : tracing_layouts()) {
    for (const bool reversed : {false, true}) {
      INFO(layout->name << (reversed ? " reversed" : " as declared"));
      Tracer t(*layout);
      const Scene s = scene(t);
      const Address traces = t.traces(s.list, false);
      const Address files = t.set_of({s.app, s.lib});
      t.name(reversed ? Kind::traces : Kind::filenames, reversed ? traces : files);
      t.name(reversed ? Kind::filenames : Kind::traces, reversed ? files : traces);
      // Heaps near the start of the address space (executables at fixed addresses) hold addresses
      // that are no larger than figures: only the order tells them apart.
      const std::uint64_t peak = s.app.value;
      t.figures(s.sum, peak, 5, reversed, s.sum + 1);
      CHECK(t.find().peak_bytes == peak);
    }
  }
}

TEST_CASE("what names a traceback or a table is not the peak, whatever the order of the tables") {
  for (const Layout* layout : tracing_layouts()) {
    for (const bool reversed : {false, true}) {
      for (const bool table : {false, true}) {
        INFO(layout->name << (reversed ? " reversed" : " as declared") << (table ? " table" : ""));
        Tracer t(*layout);
        const Scene s = scene(t);
        const Address traces = t.traces(s.list, false);
        const Address files = t.set_of({s.app, s.lib});
        t.name(reversed ? Kind::filenames : Kind::traces, reversed ? files : traces);
        t.name(reversed ? Kind::traces : Kind::filenames, reversed ? traces : files);
        const std::uint64_t peak = s.app.value;  // an address too, of a str
        t.figures(s.sum, peak, 5, reversed, (table ? files : s.deep).value);
        CHECK(t.find().peak_bytes == peak);
      }
    }
  }
}

TEST_CASE("without tables it is off; 2.7 has none") {
  for (const Layout* layout : gil_layouts()) {
    INFO(layout->name);
    Tracer t(*layout);
    const Tracemalloc found = t.find();
    const bool has_it = layout->traits.tracemalloc_form != TracemallocForm::kNone;
    CHECK(found.state == (has_it ? State::off : State::absent));
    CHECK(found.findings.empty());
  }
}

TEST_CASE("a chain that leads back into itself ends, and the other chains are read") {
  for (const Layout* layout : tracing_layouts()) {
    INFO(layout->name);
    Tracer t(*layout);
    const Scene s = scene(t);
    t.name(Kind::traces, t.traces(s.list, false));
    t.figures(s.sum, s.sum, 5);
    // Entries 0, 8, 16, 24, 32 are one chain, the last of them its head: its end leads to its head.
    t.heap.store(t.trace_entries[0], layout->hashtable_entry.next, t.trace_entries[32].value);
    const Tracemalloc found = t.find();
    CHECK(found.state == State::tracing);
    CHECK(found.findings.size() >= 1);
    CHECK(found.size() >= 40);
    CHECK(found.size() <= 128);
  }
}

TEST_CASE("traces whose traceback is not there are left out and said") {
  for (const Layout* layout : tracing_layouts()) {
    INFO(layout->name);
    Tracer t(*layout);
    Scene s = scene(t);
    s.list[3].traceback = Address{0x7ff000000000};
    s.list[4].traceback = Address{0};
    t.name(Kind::traces, t.traces(s.list, false));
    t.figures(s.sum, s.sum, 5);
    const Tracemalloc found = t.find();
    CHECK(found.size() == 38);
    CHECK_FALSE(found.findings.empty());
  }
}

TEST_CASE(
    "a header that counts more entries than buckets, or whose functions are no code, is none") {
  for (const Layout* layout : tracing_layouts()) {
    for (const bool functions : {false, true}) {
      INFO(layout->name << functions);
      Tracer t(*layout);
      const Scene s = scene(t);
      const Address head = t.traces(s.list, false);
      t.name(Kind::traces, head);
      t.figures(s.sum, s.sum, 5);
      if (functions) {
        t.heap.store(head, layout->hashtable.hash_function, head.value);
      } else {
        t.heap.store(head, layout->hashtable.entry_count, 1ULL << 40);
      }
      const Tracemalloc found = t.find();
      CHECK(found.size() == 0);
      CHECK(found.findings.empty() != layout->traits.tracemalloc_in_runtime);
    }
  }
}

}  // namespace
