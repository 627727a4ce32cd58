// Live targets: children with known memory, copied and compared; and what must hold for the target
// afterwards, whatever happened to us.
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cstring>
#include <vector>

#include "heapparse/image/memory_room.h"
#include "heapparse/image/open.h"
#include "heapparse/image/page_scan.h"
#include "heapparse/image/proc_maps.h"
#include "tests/unit/catch.h"
#include "tests/unit/image/child.h"
#include "tests/unit/image/scratch.h"

namespace coreheap::image {
namespace {

using test::Child;
using test::Scratch;
using test::Shared;

constexpr std::uint64_t kPage = 4096;
constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, Linux 6.13

// A busy machine may take its time; nothing here is about speed.
OpenOptions patient() {
  OpenOptions options;
  options.max_pause_seconds = 60;
  return options;
}

Result<Image> open_pid(pid_t pid, const OpenOptions& options = patient()) {
  JobControl job;
  return open_process(static_cast<std::uint64_t>(pid), options, job);
}

std::byte* map_memory(std::size_t pages, int protection = PROT_READ | PROT_WRITE,
                      int flags = MAP_PRIVATE | MAP_ANONYMOUS) {
  void* at = mmap(nullptr, pages * kPage, protection, flags, -1, 0);
  madvise(at, pages * kPage, MADV_NOHUGEPAGE);
  return static_cast<std::byte*>(at);
}

void fill_words(std::byte* at, std::size_t size) {
  for (std::size_t i = 0; i < size; i += 8) {
    const auto word = reinterpret_cast<std::uintptr_t>(at + i);
    std::memcpy(at + i, &word, 8);
  }
}

bool holds_words(const Image& image, Address at, std::uint64_t size) {
  const auto bytes = image.space.bytes(at, size);
  if (bytes.size() != size) return false;
  for (std::uint64_t i = 0; i < size; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    if (word != at.value + i) return false;
  }
  return true;
}

// What a read of untouched memory was given: mostly the page of zeros that all share, but not by
// every kernel. Bit 56 of a pagemap entry: mapped by this process alone (Linux 4.2).
bool is_page_of_its_own(const std::byte* at) {
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  std::uint64_t entry = 0;
  const auto offset = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(at) / kPage * 8);
  if (pagemap < 0 || pread(pagemap, &entry, 8, offset) != 8) _exit(1);
  close(pagemap);
  return (entry >> 56 & 1) != 0;
}

TEST_CASE("a live child is copied as it is") {
  const Child child([](Shared& shared) {
    // 64 pages, 16 to 31 and 40 written, 50 only read.
    std::byte* memory = map_memory(64);
    fill_words(memory + 16 * kPage, 16 * kPage);
    fill_words(memory + 40 * kPage, kPage);
    volatile std::byte sink = memory[50 * kPage];
    (void)sink;
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
    shared.words[1] = reinterpret_cast<std::uintptr_t>(map_memory(16, PROT_NONE));
    shared.words[2] = reinterpret_cast<std::uintptr_t>(
        map_memory(4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS));
    // Written, then closed to all access: only /proc/PID/mem gets at it.
    std::byte* closed = map_memory(2);
    fill_words(closed, 2 * kPage);
    mprotect(closed, 2 * kPage, PROT_NONE);
    shared.words[3] = reinterpret_cast<std::uintptr_t>(closed);
    shared.words[4] = is_page_of_its_own(memory + 50 * kPage) ? 1 : 0;
  });
  const auto image = open_pid(child.pid());
  REQUIRE(image);
  CHECK(image->kind == TargetKind::live);
  const Address memory{child.word(0)};
  CHECK(holds_words(*image, memory + 16 * kPage, 16 * kPage));
  CHECK(holds_words(*image, memory + 40 * kPage, kPage));
  // Untouched memory is there and zero: so the target would read it.
  CHECK(image->space.bytes(memory, 64 * kPage).size() == 64 * kPage);
  CHECK(image->space.read<std::uint64_t>(memory) == 0);
  CHECK(image->space.read<std::uint64_t>(memory + 50 * kPage) == 0);
  REQUIRE(image->residency.known);
  CHECK(image->residency.bytes_in({memory, memory + 64 * kPage}) == (17 + child.word(4)) * kPage);
  CHECK(image->residency.bytes_in({memory + 50 * kPage, memory + 51 * kPage}) ==
        child.word(4) * kPage);
  CHECK(image->residency.bytes_in({memory + 16 * kPage, memory + 32 * kPage}) == 16 * kPage);
  CHECK(image->space.presence(Address{child.word(1)}) == Presence::missing);
  CHECK(image->space.presence(Address{child.word(2)}) == Presence::missing);
  CHECK(image->mapping_at(Address{child.word(2)})->shared);
  CHECK(image->mapping_at(Address{child.word(2)})->kind == MappingKind::shared_memory);
  CHECK(holds_words(*image, Address{child.word(3)}, 2 * kPage));
  CHECK(image->missing_bytes == 0);
  REQUIRE(image->mapping_at(memory)->rss);
  CHECK(image->process.pid == child.pid());
  CHECK_FALSE(image->process.executable.empty());
  CHECK(image->process.vm_rss.value_or(0) > 0);
  REQUIRE(image->pause);
  CHECK(image->pause->stopped);
  CHECK(image->pause->nanoseconds > 0);
  CHECK(image->pause->bytes_copied > 17 * kPage);
  CHECK(child.runs());
}

TEST_CASE("private resident bytes equal what smaps says of each anonymous mapping") {
  const Child child([](Shared&) {
    for (int i = 0; i < 40; ++i) {
      std::byte* memory = map_memory(32);
      for (int k = 0; k < i; ++k) memory[k * kPage] = std::byte{1};
    }
  });
  const auto image = open_pid(child.pid());
  REQUIRE(image);
  int compared = 0;
  for (const Mapping& m : image->mappings) {
    if (m.kind != MappingKind::anonymous || !m.rss) continue;
    INFO(std::hex << m.range.begin.value << " " << m.name);
    CHECK(image->residency.bytes_in(m.range) == *m.rss);
    ++compared;
  }
  CHECK(compared >= 2);
}

TEST_CASE("without pagemap the bytes are there, and residency is said to be unknown") {
  const Child child([](Shared& shared) {
    std::byte* memory = map_memory(32);
    for (int k = 0; k < 3; ++k) memory[k * kPage] = std::byte{7};
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
    map_memory(64);  // never touched: nothing to copy
  });
  OpenOptions options = patient();
  options.use_pagemap = false;
  const auto image = open_pid(child.pid(), options);
  REQUIRE(image);
  CHECK_FALSE(image->residency.known);
  CHECK(image->residency.resident.empty());
  const Address memory{child.word(0)};
  for (int k = 0; k < 3; ++k) {
    CHECK(image->space.read<std::uint8_t>(memory + k * kPage) == std::uint8_t{7});
  }
  CHECK(std::any_of(image->findings.begin(), image->findings.end(),
                    [](const Finding& f) { return f.what == "pagemap cannot be read"; }));
  CHECK(image->mapping_at(memory)->rss.value_or(0) >= 3 * kPage);
  CHECK(child.runs());
}

TEST_CASE("a guard page is missing and costs nothing but itself") {
  const Child child([](Shared& shared) {
    std::byte* memory = map_memory(16);
    fill_words(memory, 16 * kPage);
    shared.words[1] = madvise(memory + 5 * kPage, kPage, kGuardInstall) == 0;
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
  });
  if (child.word(1) == 0) {
    WARN("skipped: this kernel has no MADV_GUARD_INSTALL");
    return;
  }
  const auto image = open_pid(child.pid());
  REQUIRE(image);
  const Address memory{child.word(0)};
  CHECK(holds_words(*image, memory, 5 * kPage));
  CHECK(holds_words(*image, memory + 6 * kPage, 10 * kPage));
  CHECK(image->space.presence(memory + 5 * kPage) == Presence::missing);
  CHECK(image->missing_bytes == 0);
  CHECK(image->findings.empty());
}

TEST_CASE("threads are listed with their thread pointers, stacks and names") {
  Child child([](Shared& shared) {
    static std::atomic<int> started{0};
    for (int i = 0; i < 3; ++i) {
      std::thread([&shared, i] {
        pthread_setname_np(pthread_self(), ("worker" + std::to_string(i)).c_str());
        shared.words[1 + 3 * i] = static_cast<std::uint64_t>(syscall(SYS_gettid));
        shared.words[2 + 3 * i] = static_cast<std::uint64_t>(pthread_self());
        shared.words[3 + 3 * i] = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        started.fetch_add(1);
        for (;;) pause();
      }).detach();
    }
    while (started.load() < 3) usleep(100);
    shared.words[0] = static_cast<std::uint64_t>(pthread_self());
  });
  const auto image = open_pid(child.pid());
  REQUIRE(image);
  REQUIRE(image->threads.size() == 4);
  CHECK(image->threads[0].tid == static_cast<std::uint64_t>(child.pid()));
  for (int i = 0; i < 3; ++i) {
    const Thread* found = nullptr;
    for (const Thread& t : image->threads) {
      if (t.tid == child.word(1 + 3 * i)) found = &t;
    }
    REQUIRE(found != nullptr);
    CHECK(found->name == "worker" + std::to_string(i));
#if defined(__x86_64__)
    // pthread_t is the thread pointer there; it points to itself.
    CHECK(found->thread_pointer == child.word(2 + 3 * i));
    CHECK(image->space.read<std::uint64_t>(Address{*found->thread_pointer}) ==
          *found->thread_pointer);
#endif
    CHECK(found->stack_pointer <= Address{child.word(3 + 3 * i)});
    CHECK(image->mapping_at(found->stack_pointer) ==
          image->mapping_at(Address{child.word(3 + 3 * i)}));
    CHECK_FALSE(found->registers.empty());
  }
#if defined(__x86_64__)
  CHECK(image->threads[0].thread_pointer == child.word(0));
#endif
}

TEST_CASE("threads that come and go do not confuse the stop") {
  Child child([](Shared& shared) {
    for (int i = 0; i < 3; ++i) {
      std::thread([&shared] {
        for (;;) {
          std::thread([] {}).join();
          shared.words[0].fetch_add(1);
        }
      }).detach();
    }
  });
  for (int round = 0; round < 15; ++round) {
    const auto image = open_pid(child.pid());
    REQUIRE(image);
    CHECK(image->threads.size() >= 4);
    const std::uint64_t before = child.word(0);
    CHECK(child.runs());
    for (int i = 0; i < 5000 && child.word(0) == before; ++i) usleep(1000);
    CHECK(child.word(0) > before);
  }
}

TEST_CASE("a main thread that has ended leaves its process readable") {
  Child child([](Shared& shared) {
    std::thread([&shared] {
      std::byte* memory = map_memory(4);
      fill_words(memory, 4 * kPage);
      shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
      while (shared.words[1].load() == 0) usleep(100);
      shared.ready.store(1);
      for (;;) {
        shared.ticks.fetch_add(1);
        usleep(100);
      }
    }).detach();
    shared.words[1] = 1;
    syscall(SYS_exit, 0);  // this thread alone
  });
  REQUIRE(child.reaches_state('Z'));
  const auto image = open_pid(child.pid());
  REQUIRE(image);
  CHECK(image->threads.size() == 1);
  CHECK(holds_words(*image, Address{child.word(0)}, 4 * kPage));
  CHECK(child.runs());
}

TEST_CASE("a stopped target stays stopped, and goes on when told") {
  const Child child([](Shared&) {});
  REQUIRE(kill(child.pid(), SIGSTOP) == 0);
  REQUIRE(child.reaches_state('T'));
  const auto image = open_pid(child.pid());
  REQUIRE(image);
  CHECK_FALSE(image->threads.at(0).registers.empty());
  CHECK(child.reaches_state('T'));
  REQUIRE(kill(child.pid(), SIGCONT) == 0);
  CHECK(child.runs());
}

TEST_CASE("no signal is lost while we trace") {
  Child child([](Shared& shared) {
    static Shared* global = &shared;
    struct sigaction action {};
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
      global->words[0].fetch_add(1);
      global->words[1].fetch_add(static_cast<std::uint64_t>(info->si_value.sival_int));
    };
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGRTMIN, &action, nullptr);
  });
  constexpr std::uint64_t kSignals = 20000;
  std::uint64_t sum = 0;
  std::thread sender([&] {
    for (std::uint64_t i = 1; i <= kSignals; ++i) {
      sigval value{};
      value.sival_int = static_cast<int>(i);
      while (sigqueue(child.pid(), SIGRTMIN, value) != 0) usleep(100);
      sum += i;
      if (i % 8 == 0) usleep(50);
    }
  });
  int opened = 0;
  while (child.word(0) < kSignals / 2 && opened < 200) {
    const auto image = open_pid(child.pid());
    REQUIRE(image);
    ++opened;
  }
  sender.join();
  for (int i = 0; i < 5000 && child.word(0) < kSignals; ++i) usleep(1000);
  INFO(opened << " copies");
  CHECK(opened > 0);
  CHECK(child.word(0) == kSignals);
  CHECK(child.word(1) == sum);
}

TEST_CASE("a killed coreheap leaves the target running") {
  const Child child([](Shared&) {
    std::byte* memory = map_memory(32768);  // 128 MiB
    fill_words(memory, 32768 * kPage);
  });
  for (const int microseconds : {0, 500, 2000, 10000, 20000, 40000, 60000, 80000, 120000, 200000}) {
    const pid_t tracer = fork();
    REQUIRE(tracer >= 0);
    if (tracer == 0) {
      for (;;) {
        if (!open_pid(child.pid())) _exit(1);
      }
    }
    usleep(static_cast<useconds_t>(microseconds));
    kill(tracer, SIGKILL);
    int status = 0;
    waitpid(tracer, &status, 0);
    INFO("killed after " << microseconds << " us");
    CHECK(WIFSIGNALED(status));
    CHECK(child.runs());
    CHECK(child.state() != 'T');
    CHECK(child.state() != 't');
  }
}

TEST_CASE("a cancelled or refused copy leaves the target running") {
  const Child child([](Shared&) {
    std::byte* memory = map_memory(4096);
    fill_words(memory, 4096 * kPage);
  });
  OpenOptions impatient;
  impatient.max_pause_seconds = 0.0001;
  const auto refused = open_pid(child.pid(), impatient);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::pause_too_long);
  CHECK(refused.error().hint.find("--no-stop") != std::string::npos);
  CHECK(child.runs());
  JobControl job;
  job.cancel();
  const auto cancelled = open_process(static_cast<std::uint64_t>(child.pid()), patient(), job);
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == ErrorCode::cancelled);
  CHECK(child.runs());
}

TEST_CASE("without a stop the image is marked torn") {
  const Child child([](Shared& shared) {
    std::byte* memory = map_memory(8);
    fill_words(memory, 8 * kPage);
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
  });
  OpenOptions options = patient();
  options.no_stop = true;
  const auto image = open_pid(child.pid(), options);
  REQUIRE(image);
  CHECK(holds_words(*image, Address{child.word(0)}, 8 * kPage));
  REQUIRE(image->pause);
  CHECK_FALSE(image->pause->stopped);
  REQUIRE_FALSE(image->findings.empty());
  CHECK(image->findings.back().what == "torn image");
}

TEST_CASE("the copy may lie in a file that nobody sees") {
  const Scratch scratch;
  const Child child([](Shared& shared) {
    std::byte* memory = map_memory(64);
    fill_words(memory, 64 * kPage);
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
  });
  OpenOptions options = patient();
  options.spill_directory = scratch.path();
  const auto image = open_pid(child.pid(), options);
  REQUIRE(image);
  CHECK(holds_words(*image, Address{child.word(0)}, 64 * kPage));
  CHECK(std::filesystem::is_empty(scratch.path()));
  options.spill_directory = scratch.path() + "/nothing";
  const auto refused = open_pid(child.pid(), options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().subject == options.spill_directory);
}

TEST_CASE("a process that the caller holds is only read") {
  Child child([](Shared& shared) {
    std::byte* memory = map_memory(8);
    fill_words(memory, 8 * kPage);
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
  });
  REQUIRE(kill(child.pid(), SIGSTOP) == 0);
  REQUIRE(child.reaches_state('T'));
  const HeldThread threads[] = {{static_cast<std::uint64_t>(child.pid()), 0x1000, 0x2000, 0x3000}};
  JobControl job;
  const auto image = open_held_process(static_cast<std::uint64_t>(child.pid()), threads, {}, job);
  REQUIRE(image);
  CHECK(holds_words(*image, Address{child.word(0)}, 8 * kPage));
  REQUIRE(image->threads.size() == 1);
  CHECK(image->threads[0].thread_pointer == 0x1000);
  CHECK(image->threads[0].stack_pointer == Address{0x2000});
  CHECK(image->threads[0].program_counter == Address{0x3000});
  CHECK_FALSE(image->pause);
  CHECK(child.state() == 'T');
}

TEST_CASE("regions are pulled through a callback") {
  const Child child([](Shared& shared) {
    std::byte* memory = map_memory(600);
    fill_words(memory, 600 * kPage);
    mprotect(memory + 300 * kPage, kPage, PROT_NONE);
    shared.words[0] = reinterpret_cast<std::uintptr_t>(memory);
  });
  RegionSource source;
  source.name = "remote 1";
  std::ifstream maps("/proc/" + std::to_string(child.pid()) + "/maps");
  source.maps.assign(std::istreambuf_iterator<char>(maps), {});
  const Address closed{child.word(0) + 450 * kPage};  // mapped, and the callback refuses it
  source.read = [&](Address a, std::span<std::byte> out) -> std::size_t {
    if (a <= closed && closed < a + out.size()) return 0;
    const iovec local{out.data(), out.size()};
    const iovec remote{reinterpret_cast<void*>(a.value), out.size()};
    const ssize_t got = process_vm_readv(child.pid(), &local, 1, &remote, 1, 0);
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  };
  JobControl job;
  const auto image = open_regions(source, {}, job);
  REQUIRE(image);
  CHECK(image->kind == TargetKind::regions);
  const Address memory{child.word(0)};
  CHECK(holds_words(*image, memory, 300 * kPage));
  CHECK(holds_words(*image, memory + 301 * kPage, 149 * kPage));
  CHECK(holds_words(*image, memory + 451 * kPage, 149 * kPage));
  CHECK(image->space.presence(closed) == Presence::missing);
  CHECK(image->missing_bytes == kPage);
  CHECK_FALSE(image->modules.empty());
}

TEST_CASE("what cannot be read is refused in one clear line") {
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(ended), &info, WEXITED | WNOWAIT) == 0);
  const auto zombie = open_pid(ended);
  REQUIRE_FALSE(zombie);
  CHECK(zombie.error().code == ErrorCode::zombie_process);
  waitpid(ended, nullptr, 0);
  const auto vanished = open_pid(ended);
  REQUIRE_FALSE(vanished);
  CHECK(vanished.error().code == ErrorCode::no_such_target);

  std::ifstream comm("/proc/2/comm");
  std::string name;
  if (comm >> name && name == "kthreadd") {
    const auto kernel = open_pid(2);
    REQUIRE_FALSE(kernel);
    CHECK(kernel.error().reason.find("kernel thread") != std::string::npos);
  } else {
    WARN("skipped: no kernel thread to be seen here");
  }
}

TEST_CASE("another user's process is refused with both uids") {
  if (geteuid() != 0) {
    WARN("skipped: only root can become somebody else");
    return;
  }
  const Child target([](Shared&) {});
  const int pid = target.pid();
  // The stranger tells through its exit status.
  const pid_t stranger = fork();
  if (stranger == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(10);
    const auto image = open_pid(pid);
    if (image) _exit(11);
    if (image.error().code != ErrorCode::permission_denied) _exit(12);
    if (image.error().reason != "belongs to uid 0, and this is uid 65534") _exit(13);
    _exit(0);
  }
  int status = 0;
  waitpid(stranger, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(target.runs());
}

TEST_CASE("both ways of reading pagemap agree") {
  std::byte* memory = map_memory(300);
  for (const int page : {0, 1, 2, 7, 100, 101, 255, 256, 299}) memory[page * kPage] = std::byte{1};
  const Address begin{reinterpret_cast<std::uintptr_t>(memory)};
  const AddressRange range{begin, begin + 300 * kPage};
  Ranges found[2];
  for (const bool word_by_word : {false, true}) {
    auto scanner = PageScanner::open("/proc/self", word_by_word);
    REQUIRE(scanner);
    std::vector<PageRun> runs;
    REQUIRE(scanner->scan(range, runs));
    for (const PageRun& run : runs) {
      CHECK(run.present);
      CHECK_FALSE(run.file);
      found[word_by_word].push_back(run.range);
    }
    found[word_by_word] = normalised(found[word_by_word]);
  }
  CHECK(found[0] == found[1]);
  CHECK(total_size(found[0]) == 9 * kPage);
  munmap(memory, 300 * kPage);
}

TEST_CASE("maps and smaps are read to the letter") {
  auto mappings = read_maps(
      "55d0c0000000-55d0c0001000 r--p 00002000 fe:00 131 /usr/bin/with blank (deleted)\n"
      "55d0c1000000-55d0c1021000 rw-p 00000000 00:00 0                          [heap]\n"
      "7f0000000000-7f0000200000 rw-p 00000000 00:0f 99 /anon_hugepage (deleted)\n"
      "7f0001000000-7f0001001000 rw-s 00000000 00:01 5 /dev/zero (deleted)\n"
      "7f0002000000-7f0002001000 r-xp 00000000 fe:00 7 /tmp/a\\012b\n"
      "nonsense\n"
      "7f0003000000-7f0002001000 r-xp 00000000 fe:00 7 /backwards\n"
      "7fff00000000-7fff00001000 rw-p 00000000 00:00 0 [stack]\n");
  REQUIRE(mappings.size() == 6);
  CHECK(mappings[0].name == "/usr/bin/with blank (deleted)");
  CHECK(mappings[0].file_offset == 0x2000);
  CHECK(mappings[0].kind == MappingKind::file);
  CHECK(mappings[1].kind == MappingKind::anonymous);
  CHECK(mappings[2].kind == MappingKind::anonymous);
  CHECK(mappings[3].kind == MappingKind::shared_memory);
  CHECK(mappings[3].shared);
  CHECK(mappings[4].name == "/tmp/a\nb");
  CHECK(mappings[4].executable);
  CHECK(mappings[5].kind == MappingKind::stack);
  add_smaps(
      "55d0c1000000-55d0c1021000 rw-p 00000000 00:00 0                          [heap]\n"
      "Size:                132 kB\nRss:                  64 kB\nPss:  64 kB\n"
      "Private_Dirty:        60 kB\nSwap:                  8 kB\nVmFlags: rd wr mr\n"
      "55d0c1000000-55d0c1022000 rw-p 00000000 00:00 0 [other]\nRss: 4 kB\n",
      mappings);
  CHECK(mappings[1].rss == 64 * 1024);
  CHECK(mappings[1].private_dirty == 60 * 1024);
  CHECK(mappings[1].swapped == 8 * 1024);
  CHECK_FALSE(mappings[0].rss);
}

TEST_CASE("room is the least of the machine's and every control group's") {
  const Scratch scratch;
  const auto put = [&](const std::string& path, const std::string& text) {
    const std::string full = scratch.path() + path;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::ofstream(full) << text;
  };
  put("/proc/meminfo", "MemTotal: 100 kB\nMemAvailable:    1000000 kB\n");
  CHECK(memory_room(scratch.path()).bytes == 1000000 * 1024ULL);
  CHECK(memory_room(scratch.path()).limit == "MemAvailable");
  put("/proc/self/cgroup", "0::/a/b\n");
  put("/sys/fs/cgroup/a/b/memory.max", "max\n");
  put("/sys/fs/cgroup/a/b/memory.current", "5000\n");
  put("/sys/fs/cgroup/a/memory.max", "100000000\n");
  put("/sys/fs/cgroup/a/memory.current", "60000000\n");
  CHECK(memory_room(scratch.path()).bytes == 40000000);
  CHECK(memory_room(scratch.path()).limit.find("cgroup /a ") == 0);
  put("/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 10000000\n");
  CHECK(memory_room(scratch.path()).bytes == 50000000);
  put("/proc/self/cgroup", "4:cpu,memory:/v1\n0::/\n");
  put("/sys/fs/cgroup/memory/v1/memory.limit_in_bytes", "9000\n");
  put("/sys/fs/cgroup/memory/v1/memory.usage_in_bytes", "10000\n");
  CHECK(memory_room(scratch.path()).bytes == 0);
}

}  // namespace
}  // namespace coreheap::image
