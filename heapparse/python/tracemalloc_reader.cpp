// Decoding entries, traces and tracebacks.
#include "heapparse/python/tracemalloc_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "heapparse/python/types/str.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {

namespace {

constexpr std::uint64_t kDomainKey = 12;            // bytes of a key with a domain
constexpr std::uint64_t kMostFrames = 0xffff;       // of a traceback, in every version
constexpr std::size_t kLongestFile = 1 << 16;       // characters kept of a file name
constexpr std::uint32_t kMostLines = 1 << 30;       // no source file is that long
constexpr std::string_view kUnknown = "<unknown>";  // what CPython calls a frame without a file

}  // namespace

TracemallocReader::TracemallocReader(const image::Image& image, const Runtime& runtime)
    : image_(image), runtime_(runtime), reader_(image.space, *runtime.layout) {
  for (const auto& piece : image.space.pieces()) budget_ += piece.range.size();
}

bool TracemallocReader::spend(std::uint64_t bytes) {
  if (bytes > budget_) return false;
  budget_ -= bytes;
  return true;
}

std::optional<TracemallocReader::RawFrames> TracemallocReader::frames_at(Address a) {
  const auto& l = reader_.layout().trace_traceback;
  if (!a.is_aligned(8)) return std::nullopt;
  const auto count = reader_.word(a, l.frame_count);
  if (!count || *count == 0 || *count > kMostFrames) return std::nullopt;
  RawFrames raw{*count, 0};
  if (l.total_frame_count.present()) {
    const auto total = reader_.word(a, l.total_frame_count);
    if (!total || *total < *count) return std::nullopt;
    raw.total = *total;
  }
  const std::uint64_t bytes = raw.count * reader_.layout().trace_frame.struct_size;
  if (reader_.memory().bytes(a + l.frames.offset, bytes).empty()) return std::nullopt;
  return raw;
}

bool TracemallocReader::is_filename(Address a) {
  if (reader_.traits().tracemalloc_filenames_are_c_strings) {
    return image_.space.read_c_string(a, kLongestFile).has_value();
  }
  if (!a.is_aligned(8)) return false;
  const auto type = reader_.type_of(a);
  if (!type || reader_.type_of(*type) != runtime_.type_type) return false;
  return (type_flags(reader_, *type) & reader_.traits().type_flags.str_subclass) != 0 &&
         view_str(reader_, a).has_value();
}

bool TracemallocReader::is_traceback(Address a) {
  const auto raw = frames_at(a);
  if (!raw) return false;
  const auto& f = reader_.layout().trace_frame;
  const Address frame = a + reader_.layout().trace_traceback.frames.offset;
  const auto file = reader_.pointer(frame, f.filename);
  const auto line = reader_.word(frame, f.line);
  return file && line && *line < kMostLines && is_filename(*file);
}

std::optional<TracemallocReader::RawTrace> TracemallocReader::trace(const HashtableHead& head,
                                                                    Address entry) {
  const auto key = hashtable_key(reader_, head, entry);
  const auto data = hashtable_data(reader_, head, entry);
  if (!key || !data) return std::nullopt;
  RawTrace out{*key, 0, 0, {}};
  // Up to 3.8 the domain lies behind the pointer, packed, once another one than the default is
  // used.
  if (head.key_bytes >= kDomainKey) {
    const Address at = entry + reader_.layout().hashtable_entry.struct_size + 8;
    out.domain = reader_.memory().read<std::uint32_t>(at).value_or(0);
  }
  const auto size = reader_.word(*data, reader_.layout().trace.size);
  const auto traceback = reader_.pointer(*data, reader_.layout().trace.traceback);
  if (!size || !traceback) return std::nullopt;
  out.size = *size;
  out.traceback = *traceback;
  return out;
}

std::optional<std::string> TracemallocReader::file_text(Address a) {
  if (reader_.traits().tracemalloc_filenames_are_c_strings) {
    return image_.space.read_c_string(a, kLongestFile);
  }
  return is_filename(a) ? str_text(reader_, a, kLongestFile) : std::nullopt;
}

std::optional<std::uint32_t> TracemallocReader::intern_file(Tracemalloc& out, Address a) {
  if (const auto known = files_.find(a); known != files_.end()) return known->second;
  auto text = file_text(a);
  if (!text || !spend(text->size())) return std::nullopt;
  const auto next = static_cast<std::uint32_t>(out.files.size());
  const auto [at, fresh] = file_of_text_.try_emplace(*text, next);
  if (fresh) out.files.push_back(std::move(*text));
  files_.emplace(a, at->second);
  return at->second;
}

std::optional<std::uint32_t> TracemallocReader::intern_traceback(Tracemalloc& out, Address a) {
  if (const auto known = tracebacks_.find(a); known != tracebacks_.end()) return known->second;
  const auto raw = frames_at(a);
  if (!raw) return std::nullopt;
  const auto& f = reader_.layout().trace_frame;
  if (!spend(raw->count * f.struct_size)) return std::nullopt;
  const std::size_t begin = out.frames.size();
  Address frame = a + reader_.layout().trace_traceback.frames.offset;
  for (std::uint64_t i = 0; i < raw->count; ++i, frame += f.struct_size) {
    const auto address = reader_.pointer(frame, f.filename);
    const auto line = reader_.word(frame, f.line);
    auto file = address ? intern_file(out, *address) : std::nullopt;
    // The traceback of no frames at all names a constant of the program, which a core leaves out.
    if (!file && address && raw->count == 1 && line == std::uint64_t{0}) {
      const auto next = static_cast<std::uint32_t>(out.files.size());
      const auto [at, fresh] = file_of_text_.try_emplace(std::string(kUnknown), next);
      if (fresh) out.files.emplace_back(kUnknown);
      file = at->second;
    }
    if (!file || !line) {
      out.frames.resize(begin);
      return std::nullopt;
    }
    out.frames.push_back({*file, static_cast<std::uint32_t>(*line)});
  }
  const auto index = static_cast<std::uint32_t>(out.total_frames.size());
  out.first_frame.push_back(static_cast<std::uint32_t>(out.frames.size()));
  out.total_frames.push_back(static_cast<std::uint32_t>(raw->total));
  tracebacks_.emplace(a, index);
  return index;
}

void TracemallocReader::read_traces(Tracemalloc& out, const HashtableHead& head,
                                    std::uint32_t domain) {
  std::uint64_t unreadable = 0;
  Address first_unreadable;
  const auto walk = walk_hashtable(reader_, head, [&](Address entry) {
    const auto one = trace(head, entry);
    const auto traceback = one ? intern_traceback(out, one->traceback) : std::nullopt;
    if (!traceback) {
      if (unreadable++ == 0) first_unreadable = entry;
      return true;
    }
    out.addresses.push_back(one->address);
    out.sizes.push_back(one->size);
    out.tracebacks.push_back(*traceback);
    out.domains.push_back(head.key_bytes >= kDomainKey ? one->domain : domain);
    return true;
  });
  if (unreadable != 0) {
    out.findings.push_back({first_unreadable, "traces without a readable traceback",
                            fmt::format("{} of {}", unreadable, head.entry_count),
                            Severity::damage});
  }
  if (walk.broken || walk.visited != head.entry_count) {
    out.findings.push_back(
        {walk.broken ? walk.broken : head.address,
         "table of traces does not end as its header says",
         fmt::format("{} entries met, {} counted", walk.visited, head.entry_count),
         Severity::damage});
  }
}

void TracemallocReader::sort(Tracemalloc& out) {
  std::vector<std::uint32_t> order(out.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return out.addresses[a] != out.addresses[b] ? out.addresses[a] < out.addresses[b]
                                                : out.domains[a] < out.domains[b];
  });
  const auto rearrange = [&](auto& column) {
    auto sorted = column;
    for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = column[order[i]];
    column = std::move(sorted);
  };
  rearrange(out.addresses);
  rearrange(out.sizes);
  rearrange(out.tracebacks);
  rearrange(out.domains);
}

std::optional<std::size_t> Tracemalloc::trace_in(AddressRange block) const {
  const auto first = std::lower_bound(addresses.begin(), addresses.end(), block.begin);
  std::optional<std::size_t> found;
  for (auto at = first; at != addresses.end() && *at < block.end; ++at) {
    const auto index = static_cast<std::size_t>(at - addresses.begin());
    if (domains[index] == 0) return index;
    if (!found) found = index;
  }
  return found;
}

}  // namespace coreheap::python
