// Destinations and copying; see live_copy.h.
#include "heapparse/image/live_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace coreheap::image {
namespace {

constexpr std::uint64_t kSlack = std::uint64_t{64} << 20;
constexpr std::uint64_t kPrefaultPiece = std::uint64_t{8} << 20;
// One call moves at most this much: small enough that two threads share the work and a deadline is
// seen.
constexpr std::uint64_t kBatchBytes = std::uint64_t{4} << 20;
constexpr std::size_t kBatchRanges = 512;

std::uint64_t overcommit_mode() {
  const auto text = read_text_file("/proc/sys/vm/overcommit_memory", 16);
  return text && !text->empty() ? static_cast<std::uint64_t>((*text)[0] - '0') : 0;
}

struct Segment {
  Address from;
  std::byte* to = nullptr;
  std::uint64_t size = 0;
  bool forced = false;
};

}  // namespace

Result<CopyDestination> CopyDestination::create(const std::string& spill_directory) {
  CopyDestination destination;
  // With strict accounting even untouched address space counts.
  destination.slack_ = overcommit_mode() != 2;
  if (spill_directory.empty()) return destination;
  destination.spill_name_ = spill_directory;
  auto fd = unlinked_file(spill_directory);
  if (!fd) return std::unexpected(std::move(fd.error()));
  destination.spill_ = *std::move(fd);
  return destination;
}

CopyDestination::Reserve* CopyDestination::reserve_of(AddressRange range) {
  for (Generation& generation : generations_) {
    const auto it = std::upper_bound(generation.begin(), generation.end(), range.begin,
                                     [](Address a, const Reserve& r) { return a < r.range.end; });
    if (it != generation.end() && it->range.contains(range.begin, range.size())) return &*it;
  }
  return nullptr;
}

Result<std::shared_ptr<Memory>> CopyDestination::allocate(std::uint64_t size) {
  if (!spill_) return Memory::reserve(size);
  if (ftruncate(spill_.get(), static_cast<off_t>(spill_size_ + size)) != 0) {
    return fail(ErrorCode::not_enough_room, spill_name_, text_of_errno(errno));
  }
  auto memory = Memory::reserve_file(spill_.get(), spill_size_, size);
  if (memory) spill_size_ += size;
  return memory;
}

// Neighbours share a reserve. The heap grows at its end and anonymous mappings at their beginning:
// there is slack for both, so that what grows before the stop keeps its place and its prefaulted
// pages.
Result<void> CopyDestination::make_reserves(const std::vector<AddressRange>& ranges) {
  const std::uint64_t slack = slack_ ? kSlack : 0;
  Ranges roomy;
  for (const AddressRange& range : ranges) {
    AddressRange room{{range.begin.value > slack ? range.begin.value - slack : 0},
                      {range.end.value + slack}};
    if (room.end < range.end) room.end = range.end;
    roomy.push_back(room);
  }
  Generation generation;
  for (const AddressRange& range : normalised(std::move(roomy))) {
    auto memory = allocate(range.size());
    if (!memory) return std::unexpected(std::move(memory.error()));
    generation.push_back({range, *std::move(memory), false});
  }
  generations_.push_back(std::move(generation));
  return {};
}

Result<void> CopyDestination::place(CopyPlan& plan) {
  std::vector<AddressRange> homeless;
  for (const MappingPlan& part : plan.parts) {
    if (reserve_of(part.range) == nullptr) homeless.push_back(part.range);
  }
  if (!homeless.empty()) {
    if (auto made = make_reserves(homeless); !made) return made;
  }
  for (Generation& generation : generations_) {
    for (Reserve& reserve : generation) reserve.used = false;
  }
  for (MappingPlan& part : plan.parts) {
    Reserve* reserve = reserve_of(part.range);
    reserve->used = true;
    part.destination = reserve->memory->data() + (part.range.begin - reserve->range.begin);
  }
  return {};
}

Result<void> CopyDestination::prefault(const CopyPlan& plan, JobControl& job) {
  std::vector<std::pair<std::byte*, std::uint64_t>> pieces;
  for (const MappingPlan& part : plan.parts) {
    for (const AddressRange& range : part.copy) {
      std::byte* at = part.destination + (range.begin - part.range.begin);
      std::uint64_t size = range.size();
      while (size > 0) {
        const std::uint64_t n = std::min(size, kPrefaultPiece);
        pieces.emplace_back(at, n);
        at += n;
        size -= n;
      }
    }
  }
  job.begin_step("preparing memory for the copy", plan.bytes);
  std::atomic<int> error{0};
  auto done = parallel_for(pieces.size(), job, [&](std::size_t i, unsigned) {
    const auto [at, size] = pieces[i];
    if (madvise(at, static_cast<std::size_t>(size), MADV_POPULATE_WRITE) != 0 && errno != EINVAL) {
      error.store(errno, std::memory_order_relaxed);
    }
    job.advance(size);
  });
  if (!done) return done;
  if (const int e = error.load(); e == ENOMEM || e == ENOSPC || e == EFAULT) {
    return fail(ErrorCode::not_enough_room, "the copy of " + text_of_bytes(plan.bytes),
                spill_ ? "does not fit into " + spill_name_ : text_of_errno(e),
                spill_ ? "--spill with a directory on a larger disk" : "--spill DIRECTORY");
  }
  return {};
}

std::vector<std::shared_ptr<void>> CopyDestination::owners() const {
  std::vector<std::shared_ptr<void>> owners;
  for (const Generation& generation : generations_) {
    for (const Reserve& reserve : generation) {
      if (reserve.used) owners.push_back(reserve.memory);
    }
  }
  return owners;
}

// Helpers are started before the target is stopped and wait on `go`.
struct Copier::State {
  std::uint64_t pid = 0;
  FileDescriptor memory_file;
  std::atomic<int> go{0};  // 1: copy, 2: end without copying
  std::vector<std::vector<Segment>> batches;
  std::atomic<std::size_t> next{0};
  JobControl* job = nullptr;
  std::chrono::steady_clock::time_point deadline;
  std::mutex mutex;
  CopyResult result;
  std::vector<std::thread> helpers;

  void run() {
    CopyResult mine;
    try {
      for (;;) {
        const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= batches.size() || job->cancelled()) break;
        if (std::chrono::steady_clock::now() > deadline) {
          mine.out_of_time = true;
          break;
        }
        copy(batches[i], mine);
      }
    } catch (...) {
      mine.error = ENOMEM;
    }
    const std::lock_guard lock(mutex);
    for (const AddressRange& r : mine.unreadable) result.unreadable.push_back(r);
    result.bytes += mine.bytes;
    result.out_of_time = result.out_of_time || mine.out_of_time;
    if (mine.error != 0) result.error = mine.error;
  }

  void copy(const std::vector<Segment>& batch, CopyResult& mine) {
    std::array<iovec, kBatchRanges> local;
    std::array<iovec, kBatchRanges> remote;
    std::size_t first = 0;
    std::uint64_t into_first = 0;
    while (first < batch.size()) {
      std::size_t n = 0;
      std::uint64_t wanted = 0;
      const bool forced = batch[first].forced;
      for (std::size_t i = first; i < batch.size() && batch[i].forced == forced; ++i, ++n) {
        const std::uint64_t skip = i == first ? into_first : 0;
        const auto size = static_cast<std::size_t>(batch[i].size - skip);
        local[n] = {batch[i].to + skip, size};
        remote[n] = {reinterpret_cast<void*>(batch[i].from.value + skip), size};
        wanted += size;
        if (forced) {
          ++n;
          break;
        }
      }
      std::uint64_t got = read_once(local.data(), remote.data(), n, forced, mine);
      mine.bytes += got;
      job->advance(got);
      const bool stuck = got < wanted;
      while (first < batch.size() && got > 0) {
        const std::uint64_t step = std::min(got, batch[first].size - into_first);
        got -= step;
        advance(batch, first, into_first, step);
      }
      if (stuck && first < batch.size()) try_a_page(batch, first, into_first, mine);
    }
  }

  static void advance(const std::vector<Segment>& batch, std::size_t& first,
                      std::uint64_t& into_first, std::uint64_t step) {
    into_first += step;
    if (into_first == batch[first].size) {
      into_first = 0;
      ++first;
    }
  }

  std::uint64_t read_once(const iovec* local, const iovec* remote, std::size_t n, bool forced,
                          CopyResult& mine) {
    for (;;) {
      const ssize_t got =
          forced ? pread(memory_file.get(), local[0].iov_base, local[0].iov_len,
                         static_cast<off_t>(reinterpret_cast<std::uintptr_t>(remote[0].iov_base)))
                 : process_vm_readv(static_cast<pid_t>(pid), local, n, remote, n, 0);
      if (got >= 0) return static_cast<std::uint64_t>(got);
      if (errno == EINTR) continue;
      if (errno == ESRCH || errno == EPERM || errno == ENOSYS) mine.error = errno;
      return 0;
    }
  }

  // The read stopped at a page that cannot be read: a guard page, a hardware error, or a mapping
  // that went away under --no-stop. Alone it is tried once more.
  void try_a_page(const std::vector<Segment>& batch, std::size_t& first, std::uint64_t& into_first,
                  CopyResult& mine) {
    const Segment& s = batch[first];
    const Address at = s.from + into_first;
    const std::uint64_t size = std::min((at + 1).aligned_up(page_size()) - at, s.size - into_first);
    const iovec local{s.to + into_first, static_cast<std::size_t>(size)};
    const iovec remote{reinterpret_cast<void*>(at.value), static_cast<std::size_t>(size)};
    if (read_once(&local, &remote, 1, s.forced, mine) == size) {
      mine.bytes += size;
    } else if (!mine.unreadable.empty() && mine.unreadable.back().end == at) {
      mine.unreadable.back().end += size;
    } else {
      mine.unreadable.push_back({at, at + size});
    }
    advance(batch, first, into_first, size);
  }

  void make_batches(const CopyPlan& plan) {
    std::uint64_t bytes = kBatchBytes;
    for (const MappingPlan& part : plan.parts) {
      for (AddressRange range : part.copy) {
        while (!range.empty()) {
          if (bytes >= kBatchBytes || batches.back().size() >= kBatchRanges) {
            batches.emplace_back();
            bytes = 0;
          }
          const std::uint64_t n = std::min(range.size(), kBatchBytes - bytes);
          batches.back().push_back(
              {range.begin, part.destination + (range.begin - part.range.begin), n, part.forced});
          range.begin += n;
          bytes += n;
        }
      }
    }
  }
};

Copier::Copier(const LiveProcess& process, unsigned helpers) : state_(std::make_unique<State>()) {
  state_->pid = process.memory_tid;
  state_->memory_file =
      FileDescriptor(open((process.memory_directory + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  const SignalsBlocked blocked;
  for (unsigned i = 0; i < helpers; ++i) {
    try {
      state_->helpers.emplace_back([state = state_.get()] {
        state->go.wait(0);
        if (state->go.load() == 1) state->run();
      });
    } catch (const std::exception&) {
      break;  // no more threads to be had: finish() copies on the calling one
    }
  }
}

Copier::~Copier() {
  int waiting = 0;
  state_->go.compare_exchange_strong(waiting, 2);
  state_->go.notify_all();
  for (std::thread& helper : state_->helpers) {
    if (helper.joinable()) helper.join();
  }
}

void Copier::start(const CopyPlan& plan, JobControl& job,
                   std::chrono::steady_clock::time_point deadline) {
  state_->make_batches(plan);
  state_->job = &job;
  state_->deadline = deadline;
  state_->go.store(1);
  state_->go.notify_all();
}

CopyResult Copier::finish() {
  // The calling thread helps with what is left, and does it all when there are no helpers.
  state_->run();
  for (std::thread& helper : state_->helpers) helper.join();
  state_->helpers.clear();
  state_->result.unreadable = normalised(std::move(state_->result.unreadable));
  return std::move(state_->result);
}

}  // namespace coreheap::image
