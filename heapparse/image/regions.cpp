// Targets that only the caller can read, such as GDB's gdbserver: the bytes are pulled once, on the
// calling thread, and then analysed like a copy.
//
// At some 25 MB/s only what matters is asked for: private writable memory, what was made read-only
// after relocation, the first page of each file, the vdso. All-zero pages are not stored.
#include <algorithm>
#include <cstring>
#include <utility>

#include "heapparse/image/core_notes.h"
#include "heapparse/image/draft.h"
#include "heapparse/image/memory_room.h"
#include "heapparse/image/open.h"
#include "heapparse/image/os.h"
#include "heapparse/image/proc_maps.h"

namespace coreheap::image {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
constexpr std::uint64_t kPage = 4096;
// Larger ones are sparse by design (sanitizers, JIT cages) and would take hours to pull.
constexpr std::uint64_t kLargestMapping = std::uint64_t{64} << 30;
// Read-only parts of files up to this size are pulled as well when they touch writable ones: RELRO.
constexpr std::uint64_t kLargestRelro = std::uint64_t{16} << 20;

bool is_relro(const std::vector<Mapping>& mappings, std::size_t i) {
  const Mapping& m = mappings[i];
  return m.kind == MappingKind::file && !m.writable && !m.executable && m.file_offset != 0 &&
         m.range.size() <= kLargestRelro && i + 1 < mappings.size() && mappings[i + 1].writable &&
         mappings[i + 1].range.begin == m.range.end && mappings[i + 1].name == m.name;
}

Ranges wanted_ranges(std::vector<Mapping>& mappings, Ranges& bare) {
  Ranges wanted;
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const Mapping& m = mappings[i];
    const bool memory = m.is_anonymous_memory() || m.kind == MappingKind::file ||
                        m.kind == MappingKind::shared_memory;
    if (m.shared || !m.readable || m.kind == MappingKind::kernel ||
        m.range.size() > kLargestMapping) {
      if (m.name == "[vdso]") {
        wanted.push_back(m.range);
      } else {
        bare.push_back(m.range);
      }
    } else if (memory && (m.writable || m.is_anonymous_memory() || is_relro(mappings, i))) {
      wanted.push_back(m.range);
    } else if (m.kind == MappingKind::file && m.file_offset == 0) {
      wanted.push_back({m.range.begin, std::min(m.range.end, m.range.begin + kPage)});
    }
  }
  return normalised(std::move(wanted));
}

bool is_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

class Puller {
 public:
  Puller(const RegionSource& source, JobControl& job)
      : source_(source), job_(job), buffer_(static_cast<std::size_t>(kPiece)) {}

  // Fills `to` with `range`; what could not be read is added to `lost`. False when cancelled.
  bool pull(AddressRange range, std::byte* to, Ranges& lost) {
    Address at = range.begin;
    while (at < range.end) {
      if (job_.cancelled()) return false;
      const std::uint64_t n = std::min(kPiece, range.end - at);
      std::uint64_t got = read(at, n);
      store(at, got, to + (at - range.begin));
      at += got;
      if (got < n) {
        // Perhaps one page of many: page by page up to the end of this piece.
        const Address end = at + (n - got);
        while (at < end) {
          const std::uint64_t page = std::min((at + 1).aligned_up(kPage), end) - at;
          got = read(at, page);
          if (got == page) {
            store(at, page, to + (at - range.begin));
          } else {
            lost.push_back({at, at + page});
          }
          at += page;
        }
      }
    }
    return true;
  }

  // Bytes of pages that were not zero.
  std::uint64_t stored() const { return stored_; }

 private:
  std::uint64_t read(Address at, std::uint64_t n) {
    const std::uint64_t got =
        source_.read(at, std::span(buffer_).first(static_cast<std::size_t>(n)));
    job_.advance(std::min(got, n));
    return std::min(got, n);
  }

  void store(Address at, std::uint64_t n, std::byte* to) {
    std::uint64_t done = 0;
    while (done < n) {
      const std::uint64_t page =
          std::min((at + done + 1).aligned_up(kPage) - (at + done), n - done);
      const Bytes bytes(buffer_.data() + done, static_cast<std::size_t>(page));
      if (!is_zero(bytes)) {
        std::memcpy(to + done, bytes.data(), bytes.size());
        stored_ += page;
      }
      done += page;
    }
  }

  const RegionSource& source_;
  JobControl& job_;
  std::vector<std::byte> buffer_;
  std::uint64_t stored_ = 0;
};

}  // namespace

Result<Image> open_regions(const RegionSource& source, const OpenOptions& options,
                           JobControl& job) {
  Draft draft;
  Image& image = draft.image;
  image.kind = TargetKind::regions;
  image.source = source.name;
  image.mappings = read_maps(source.maps);
  image.auxv = read_auxiliary_vector(source.auxv);
  if (image.mappings.empty() || !source.read) {
    return fail(ErrorCode::no_memory_access, source.name, "its list of mappings is empty");
  }
  for (const HeldThread& h : source.threads) {
    Thread thread;
    thread.tid = h.tid;
    if (h.thread_pointer != 0) thread.thread_pointer = h.thread_pointer;
    thread.stack_pointer = {h.stack_pointer};
    thread.program_counter = {h.program_counter};
    image.threads.push_back(std::move(thread));
  }
  const Ranges wanted = wanted_ranges(image.mappings, draft.bare);
  const std::uint64_t total = total_size(wanted);
  job.begin_step("reading the target", total);
  Puller puller(source, job);
  const Room room = memory_room();
  for (const AddressRange& range : wanted) {
    auto memory = Memory::reserve(range.size());
    if (!memory) return std::unexpected(std::move(memory.error()));
    if (!puller.pull(range, (*memory)->data(), draft.lost)) {
      return fail(ErrorCode::cancelled, source.name, "cancelled");
    }
    if (puller.stored() > room.bytes) {
      return fail(ErrorCode::not_enough_room, source.name,
                  text_of_bytes(puller.stored()) + " read of up to " + text_of_bytes(total) +
                      ", and " + text_of_bytes(room.bytes) + " were left by " + room.limit,
                  "gcore on the target's machine");
    }
    const AddressRange whole[] = {range};
    draft.lost = normalised(std::move(draft.lost));
    for (const AddressRange& part : subtract(whole, draft.lost)) {
      draft.pieces.push_back(
          {part, (*memory)->data() + (part.begin - range.begin), ByteSource::copy});
    }
    image.keep_alive.push_back(*std::move(memory));
  }
  if (!draft.lost.empty()) {
    image.findings.push_back({draft.lost.front().begin, "unreadable pages",
                              text_of_bytes(total_size(draft.lost)) + " could not be read",
                              Severity::note});
  }
  image.findings.push_back(
      {{}, "resident pages unknown", "only the target's own machine can tell", Severity::note});
  return finish(std::move(draft), options, job);
}

}  // namespace coreheap::image
