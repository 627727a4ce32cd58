// Cores built in memory: what the reader makes of mappings, notes, gaps, damage and files at hand.
#include "heapparse/image/core.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"
#include "tests/unit/image/core_builder.h"
#include "tests/unit/image/scratch.h"

namespace coreheap::image {
namespace {

using namespace test;

constexpr std::uint64_t kPage = 4096;

Result<Image> open_bytes(ByteVector bytes, const OpenOptions& options = {}) {
  JobControl job;
  const auto owner = std::make_shared<ByteVector>(std::move(bytes));
  auto image = open_core_bytes(*owner, "test.core", options, job);
  if (image) image->keep_alive.push_back(owner);
  return image;
}

bool has_finding(const Image& image, const std::string& what) {
  for (const Finding& f : image.findings) {
    if (f.what == what) return true;
  }
  return false;
}

TEST_CASE("a core's segments become mappings with their bytes") {
  const auto image = open_bytes(CoreBuilder()
                                    .segment(0x10000, addressed(0x10000, 0x2000))
                                    .segment(0x20000, {}, PF_R | PF_X, 0x1000)
                                    .thread(42, {0x10800, 0x20010, 0x10100}, 11)
                                    .process(42, "python3", "python3 app.py ")
                                    .build());
  REQUIRE(image);
  CHECK(image->kind == TargetKind::kernel_core);
  REQUIRE(image->mappings.size() == 2);
  CHECK(image->mappings[0].writable);
  CHECK(image->mappings[1].executable);
  CHECK(image->space.read<std::uint64_t>({0x11ff8}) == 0x11ff8);
  CHECK(image->space.presence({0x20000}) == Presence::missing);
  CHECK(image->missing_bytes == 0);
  REQUIRE(image->threads.size() == 1);
  CHECK(image->threads[0].tid == 42);
  CHECK(image->threads[0].thread_pointer == 0x10100);
  CHECK(image->threads[0].stack_pointer == Address{0x10800});
  CHECK(image->threads[0].program_counter == Address{0x20010});
  CHECK(image->threads[0].registers.size() == 27);
  CHECK(image->process.pid == 42);
  CHECK(image->process.name == "python3");
  CHECK(image->process.command_line == "python3 app.py");
  CHECK(image->process.signal == 11);
  // Without an auxiliary vector the main thread's stack pointer tells the stack.
  CHECK(image->mappings[0].kind == MappingKind::stack);
}

TEST_CASE("segments that the kernel split are separate mappings and one piece") {
  auto core = CoreBuilder();
  core.segment(0x10000, addressed(0x10000, 0x1000)).segment(0x11000, addressed(0x11000, 0x1000));
  const auto image = open_bytes(core.build());
  REQUIRE(image);
  CHECK(image->mappings.size() == 2);
  CHECK(image->space.pieces().size() == 1);
  CHECK(image->space.bytes({0x10000}, 0x2000).size() == 0x2000);
}

TEST_CASE("gcore's cores are told from the kernel's") {
  auto core = CoreBuilder();
  core.segment(0x10000, addressed(0x10000, 0x1000))
      .thread(1, {}, 5)
      .process(1, "x", "x")
      .file(0x10000, 0x11000, 0x3000, "/tmp/data");
  const auto kernel = open_bytes(core.build());
  const auto gcore = open_bytes(core.like_gcore().build());
  REQUIRE(kernel);
  REQUIRE(gcore);
  CHECK(kernel->kind == TargetKind::kernel_core);
  CHECK(gcore->kind == TargetKind::gcore);
  CHECK(kernel->process.signal == 5);
  CHECK_FALSE(gcore->process.signal);
  CHECK(kernel->mappings[0].file_offset == 0x3000);
  CHECK(gcore->mappings[0].file_offset == 0x3000);
  CHECK_FALSE(gcore->residency.known);
  CHECK(has_finding(*gcore, "resident pages unknown"));
}

TEST_CASE("aarch64 cores have their thread pointer in a note of its own") {
  const auto image = open_bytes(CoreBuilder()
                                    .machine(EM_AARCH64)
                                    .segment(0x10000, filled(0x1000, 1))
                                    .thread(7, {0x10f00, 0x10010, 0x10700})
                                    .thread(8, {0x10e00, 0x10020, 0x10800})
                                    .build());
  REQUIRE(image);
  REQUIRE(image->threads.size() == 2);
  CHECK(image->threads[0].thread_pointer == 0x10700);
  CHECK(image->threads[1].thread_pointer == 0x10800);
  CHECK(image->threads[1].stack_pointer == Address{0x10e00});
  CHECK(image->threads[1].program_counter == Address{0x10020});
}

TEST_CASE("names decide what a mapping is") {
  auto core = CoreBuilder();
  const char* names[] = {"/anon_hugepage (deleted)", "/dev/shm/x",
                         "/SYSV00000000 (deleted)",  "/memfd:x (deleted)",
                         "/dev/zero (deleted)",      "/usr/lib/data.bin"};
  for (std::uint64_t i = 0; i < 6; ++i) {
    core.segment(0x10000 + i * 0x2000, filled(0x1000, 1));
    core.file(0x10000 + i * 0x2000, 0x11000 + i * 0x2000, 0, names[i]);
  }
  core.segment(0x40000, filled(0x1000, 1)).auxiliary(AT_RANDOM, 0x40ff0);
  core.segment(0x50000, {}, PF_R, 0x2000);
  core.segment(0x52000, filled(0x1000, 1), PF_R | PF_X).auxiliary(AT_SYSINFO_EHDR, 0x52000);
  const auto image = open_bytes(core.build());
  REQUIRE(image);
  const MappingKind expected[] = {
      MappingKind::anonymous,     MappingKind::shared_memory, MappingKind::shared_memory,
      MappingKind::shared_memory, MappingKind::shared_memory, MappingKind::file,
      MappingKind::stack,         MappingKind::kernel,        MappingKind::kernel};
  REQUIRE(image->mappings.size() == 9);
  for (std::size_t i = 0; i < 9; ++i) {
    INFO(image->mappings[i].name);
    CHECK(image->mappings[i].kind == expected[i]);
  }
  CHECK(image->mappings[6].name == "[stack]");
  CHECK(image->mappings[7].name == "[vvar]");
  CHECK(image->mappings[8].name == "[vdso]");
}

TEST_CASE("file ranges without a segment are mapped and missing") {
  const auto image = open_bytes(CoreBuilder()
                                    .segment(0x10000, filled(0x1000, 1))
                                    .file(0x20000, 0x24000, 0, "/usr/share/locale-archive")
                                    .like_gcore()
                                    .build());
  REQUIRE(image);
  REQUIRE(image->mappings.size() == 2);
  CHECK(image->mappings[1].name == "/usr/share/locale-archive");
  CHECK(image->space.presence({0x23fff}) == Presence::missing);
  CHECK(image->missing_bytes == 0);
}

TEST_CASE("a truncated core says how many bytes are gone and keeps the rest") {
  auto bytes = CoreBuilder()
                   .segment(0x10000, addressed(0x10000, 0x4000))
                   .segment(0x20000, addressed(0x20000, 0x4000))
                   .build();
  bytes.resize(bytes.size() - 0x5000);
  const auto image = open_bytes(bytes);
  REQUIRE(image);
  CHECK(has_finding(*image, "truncated"));
  CHECK(image->missing_bytes == 0x5000);
  CHECK(image->space.presence({0x12fff}) == Presence::present);
  CHECK(image->space.presence({0x13000}) == Presence::missing);
  CHECK(image->space.presence({0x20000}) == Presence::missing);
  CHECK(image->findings[0].evidence.find("20480 bytes") != std::string::npos);
}

TEST_CASE("every length of a core opens or fails with a reason") {
  auto core = CoreBuilder();
  core.segment(0x10000, filled(0x1000, 1))
      .thread(1, {})
      .process(1, "x", "x")
      .auxiliary(AT_PAGESZ, 4096)
      .file(0x10000, 0x11000, 0, "/x");
  const auto whole = core.build();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // A copy of exactly this size, so that a sanitizer sees a read past its end.
    const ByteVector part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto image = open_bytes(part);
    if (image) {
      REQUIRE(has_finding(*image, "truncated"));
    } else {
      REQUIRE_FALSE(image.error().reason.empty());
    }
  }
}

TEST_CASE("segments may come unsorted and overlap") {
  const auto image = open_bytes(CoreBuilder()
                                    .segment(0x30000, filled(0x1000, 3))
                                    .segment(0x10000, filled(0x3000, 1))
                                    .segment(0x11000, filled(0x4000, 2))
                                    .build());
  REQUIRE(image);
  CHECK(image->space.read<std::uint8_t>({0x12fff}) == 1);
  CHECK(image->space.read<std::uint8_t>({0x13000}) == 2);
  CHECK(image->space.read<std::uint8_t>({0x30000}) == 3);
  for (std::size_t i = 1; i < image->mappings.size(); ++i) {
    CHECK(image->mappings[i - 1].range.end <= image->mappings[i].range.begin);
  }
}

TEST_CASE("anonymous memory that was never dumped is bare when other memory was") {
  const auto untouched = open_bytes(CoreBuilder()
                                        .segment(0x10000, filled(0x1000, 1))
                                        .segment(0x20000, {}, PF_R | PF_W, 0x100000)
                                        .segment(0x200000, {}, 0, 0x100000)
                                        .build());
  REQUIRE(untouched);
  CHECK(untouched->missing_bytes == 0);
  CHECK(untouched->space.presence({0x20000}) == Presence::missing);
  CHECK(has_finding(*untouched, "writable memory left out of the core"));
  const auto filtered = open_bytes(CoreBuilder()
                                       .segment(0x10000, filled(0x1000, 1), PF_R | PF_X)
                                       .segment(0x20000, {}, PF_R | PF_W, 0x100000)
                                       .build());
  REQUIRE(filtered);
  CHECK(filtered->missing_bytes == 0x100000);
  CHECK(has_finding(*filtered, "anonymous memory left out of the core"));
}

// A library mapped at 0x400000 as the loader does it: header page and writable page dumped.
CoreBuilder with_library(const ByteVector& library, const std::string& path, std::uint64_t base) {
  const std::span bytes(library);
  const auto page = [&](std::size_t i) {
    return ByteVector(bytes.begin() + static_cast<std::ptrdiff_t>(i * kPage),
                      bytes.begin() + static_cast<std::ptrdiff_t>((i + 1) * kPage));
  };
  CoreBuilder core;
  core.segment(base, page(0), PF_R)
      .segment(base + kPage, {}, PF_R | PF_X, kPage)
      .segment(base + 2 * kPage, {}, PF_R, kPage)
      .segment(base + 4 * kPage, filled(kPage, 0x99), PF_R | PF_W)
      .segment(base + 5 * kPage, filled(2 * kPage, 0x77), PF_R | PF_W)
      .file(base, base + kPage, 0, path)
      .file(base + kPage, base + 2 * kPage, kPage, path)
      .file(base + 2 * kPage, base + 3 * kPage, 2 * kPage, path)
      .file(base + 4 * kPage, base + 5 * kPage, 3 * kPage, path);
  return core;
}

TEST_CASE("clean pages are filled in from a file with the same build-id") {
  const Scratch scratch;
  const auto file = library("0123456789abcdef0123", 0x1800);
  const std::string path = scratch.write("libx.so", file);
  const auto image = open_bytes(with_library(file, path, 0x400000).build());
  REQUIRE(image);
  REQUIRE(image->modules.size() == 1);
  const Module& module = image->modules[0];
  CHECK(module.path == path);
  CHECK(module.local_path == path);
  CHECK(module.build_id == "3031323334353637383961626364656630313233");
  CHECK(module.bias == 0x400000);
  CHECK(module.first_page == 0x400000);
  CHECK(module.range == AddressRange{{0x400000}, {0x407000}});
  // One page of .data and 0x1800 bytes of .bss behind it.
  REQUIRE(module.data.size() == 1);
  CHECK(module.data[0] == AddressRange{{0x404000}, {0x407000}});
  CHECK(image->space.read<std::uint8_t>({0x401000}) == 0x10);
  CHECK(image->space.read<std::uint8_t>({0x402fff}) == 0x20);
  CHECK(image->space.piece_at({0x401000})->source == ByteSource::backing_file);
  // What the core holds wins over the file.
  CHECK(image->space.read<std::uint8_t>({0x404000}) == 0x99);
  CHECK(image->space.read<std::uint8_t>({0x405000}) == 0x77);
  CHECK(image->module_at({0x401234}) == &module);
  CHECK(image->module_at({0x406000}) == &module);
}

TEST_CASE("without files at hand modules and their data are the same") {
  const auto file = library("0123456789abcdef0123", 0x1800);
  const auto image = open_bytes(with_library(file, "/nowhere/libx.so", 0x400000).build());
  REQUIRE(image);
  REQUIRE(image->modules.size() == 1);
  CHECK(image->modules[0].local_path.empty());
  CHECK(image->modules[0].build_id == "3031323334353637383961626364656630313233");
  REQUIRE(image->modules[0].data.size() == 1);
  CHECK(image->modules[0].data[0] == AddressRange{{0x404000}, {0x407000}});
  CHECK(image->space.presence({0x401000}) == Presence::missing);
  CHECK(image->missing_bytes == 0);
}

TEST_CASE("a file with another build-id fills nothing") {
  const Scratch scratch;
  const auto ours = library("0123456789abcdef0123", 0);
  const std::string path = scratch.write("libx.so", library("another build-id ..!", 0));
  const auto image = open_bytes(with_library(ours, path, 0x400000).build());
  REQUIRE(image);
  REQUIRE(image->modules.size() == 1);
  CHECK(image->modules[0].local_path.empty());
  CHECK(image->space.presence({0x401000}) == Presence::missing);
}

TEST_CASE("without a build-id the first page must be equal byte for byte") {
  const Scratch scratch;
  const auto file = library("", 0);
  const std::string path = scratch.write("libx.so", file);
  const auto equal = open_bytes(with_library(file, path, 0x400000).build());
  REQUIRE(equal);
  CHECK(equal->modules.at(0).local_path == path);
  auto other = file;
  other[0x800] = std::byte{1};
  scratch.write("libx.so", other);
  const auto different = open_bytes(with_library(file, path, 0x400000).build());
  REQUIRE(different);
  CHECK(different->modules.at(0).local_path.empty());
}

TEST_CASE("files are searched below the sysroot, and not at all when told so") {
  const Scratch scratch;
  const auto file = library("0123456789abcdef0123", 0);
  std::filesystem::create_directories(scratch.path() + "/sysroot/opt");
  const std::string path = scratch.write("sysroot/opt/libx.so", file);
  const auto core = with_library(file, "/opt/libx.so", 0x400000).build();
  OpenOptions options;
  options.sysroot = scratch.path() + "/sysroot";
  const auto found = open_bytes(core, options);
  REQUIRE(found);
  CHECK(found->modules.at(0).local_path == path);
  options.use_backing_files = false;
  const auto refused = open_bytes(core, options);
  REQUIRE(refused);
  CHECK(refused->modules.at(0).local_path.empty());
}

TEST_CASE("a written page that a truncated core lost is not filled from the file") {
  const Scratch scratch;
  const auto file = library("0123456789abcdef0123", 0);
  const std::string path = scratch.write("libx.so", file);
  auto core = CoreBuilder();
  core.segment(0x400000, ByteVector(file.begin(), file.begin() + kPage), PF_R)
      .segment(0x401000, {}, PF_R | PF_X, kPage)
      .segment(0x402000, {}, PF_R, kPage)
      .segment(0x404000, filled(kPage, 0x99), PF_R | PF_W)
      .file(0x400000, 0x401000, 0, path)
      .file(0x401000, 0x402000, kPage, path)
      .file(0x402000, 0x403000, 2 * kPage, path)
      .file(0x404000, 0x405000, 3 * kPage, path);
  auto bytes = core.build();
  bytes.resize(bytes.size() - kPage);
  const auto image = open_bytes(bytes);
  REQUIRE(image);
  CHECK(image->modules.at(0).local_path == path);
  CHECK(image->space.presence({0x401000}) == Presence::present);
  CHECK(image->space.presence({0x404000}) == Presence::missing);
  CHECK(image->missing_bytes == kPage);
}

TEST_CASE("an ELF file mapped to be read is not a module") {
  const auto file = library("0123456789abcdef0123", 0);
  auto core = CoreBuilder();
  core.segment(0x400000, file, PF_R).file(0x400000, 0x404000, 0, "/nowhere/libx.so");
  const auto image = open_bytes(core.build());
  REQUIRE(image);
  CHECK(image->modules.empty());
  CHECK(image->mappings[0].module == -1);
}

TEST_CASE("two copies of one library are two modules") {
  const auto file = library("0123456789abcdef0123", 0);
  auto core = with_library(file, "/nowhere/libx.so", 0x400000);
  core.segment(0x800000, ByteVector(file.begin(), file.begin() + kPage), PF_R)
      .segment(0x804000, filled(kPage, 1), PF_R | PF_W)
      .file(0x800000, 0x801000, 0, "/nowhere/libx.so")
      .file(0x804000, 0x805000, 3 * kPage, "/nowhere/libx.so");
  const auto image = open_bytes(core.build());
  REQUIRE(image);
  REQUIRE(image->modules.size() == 2);
  CHECK(image->modules[0].bias == 0x400000);
  CHECK(image->modules[1].bias == 0x800000);
}

TEST_CASE("without header pages the mappings of a path are the module") {
  auto core = CoreBuilder();
  core.segment(0x400000, {}, PF_R, kPage)
      .segment(0x401000, {}, PF_R | PF_X, kPage)
      .segment(0x402000, filled(kPage, 1), PF_R | PF_W)
      .segment(0x403000, filled(kPage, 2), PF_R | PF_W)
      .file(0x400000, 0x401000, 0, "/nowhere/libx.so")
      .file(0x401000, 0x402000, kPage, "/nowhere/libx.so")
      .file(0x402000, 0x403000, 2 * kPage, "/nowhere/libx.so");
  const auto image = open_bytes(core.build());
  REQUIRE(image);
  REQUIRE(image->modules.size() == 1);
  REQUIRE(image->modules[0].data.size() == 1);
  CHECK(image->modules[0].data[0] == AddressRange{{0x402000}, {0x404000}});
}

TEST_CASE("what is no core is refused with its reason") {
  const auto refusal = [](const ByteVector& bytes) {
    const auto image = open_bytes(bytes);
    REQUIRE_FALSE(image);
    return image.error();
  };
  CHECK(refusal({}).code == ErrorCode::not_an_elf_file);
  CHECK(refusal(filled(5000, 'x')).code == ErrorCode::not_an_elf_file);
  CHECK(refusal(library("x", 0)).code == ErrorCode::not_a_core_file);
  auto core = CoreBuilder().segment(0x10000, filled(0x1000, 1)).build();
  auto narrow = core;
  narrow[EI_CLASS] = std::byte{ELFCLASS32};
  CHECK(refusal(narrow).code == ErrorCode::unsupported_machine);
  auto big = core;
  big[EI_DATA] = std::byte{ELFDATA2MSB};
  CHECK(refusal(big).code == ErrorCode::unsupported_machine);
  auto foreign = core;
  foreign[18] = std::byte{EM_S390};
  CHECK(refusal(foreign).code == ErrorCode::unsupported_machine);
  core.resize(100);
  CHECK(refusal(core).code == ErrorCode::truncated);
  auto xz = filled(100, 0);
  const unsigned char magic[] = {0xfd, 0x37, 0x7a, 0x58};
  std::memcpy(xz.data(), magic, 4);
  CHECK(refusal(xz).hint == "xz -dk test.core");
}

TEST_CASE("a core file's data blocks are its resident pages") {
  const Scratch scratch;
  auto core = CoreBuilder();
  ByteVector memory = filled(64 * kPage, 0);
  core.segment(0x100000, memory);
  const auto bytes = core.build();
  const std::string path = scratch.path() + "/core";
  // Pages 3, 4 and 60 were touched, page 60 with zeros.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  REQUIRE(fd >= 0);
  const std::uint64_t data = bytes.size() - memory.size();
  REQUIRE(pwrite(fd, bytes.data(), data, 0) == static_cast<ssize_t>(data));
  for (const std::uint64_t page : {3, 4, 60}) {
    REQUIRE(pwrite(fd, memory.data(), kPage, static_cast<off_t>(data + page * kPage)) ==
            static_cast<ssize_t>(kPage));
  }
  REQUIRE(ftruncate(fd, static_cast<off_t>(bytes.size())) == 0);
  close(fd);
  JobControl job;
  const auto image = open_core(path, {}, job);
  REQUIRE(image);
  REQUIRE(image->residency.known);
  CHECK(image->residency.resident ==
        std::vector<AddressRange>{{{0x103000}, {0x105000}}, {{0x13c000}, {0x13d000}}});
  CHECK(image->residency.bytes_in({{0x104800}, {0x13c010}}) == 0x800 + 0x10);
  CHECK(image->space.read<std::uint64_t>({0x120000}) == 0);

  scratch.write("copied", bytes);
  const auto copied = open_core(scratch.path() + "/copied", {}, job);
  REQUIRE(copied);
  CHECK_FALSE(copied->residency.known);
  CHECK(has_finding(*copied, "resident pages unknown"));
}

TEST_CASE("long holes of a sparse core read as zeros") {
  const Scratch scratch;
  auto core = CoreBuilder();
  const std::uint64_t size = std::uint64_t{16} << 20;
  core.segment(0x1000000, filled(size, 0));
  auto bytes = core.build();
  const std::string path = scratch.path() + "/core";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  const std::uint64_t data = bytes.size() - size;
  REQUIRE(pwrite(fd, bytes.data(), data, 0) == static_cast<ssize_t>(data));
  const auto page = addressed(0x1800000, kPage);
  REQUIRE(pwrite(fd, page.data(), kPage, static_cast<off_t>(data + 0x800000)) ==
          static_cast<ssize_t>(kPage));
  REQUIRE(ftruncate(fd, static_cast<off_t>(bytes.size())) == 0);
  close(fd);
  JobControl job;
  const auto image = open_core(path, {}, job);
  REQUIRE(image);
  const auto span = image->space.bytes({0x1000000}, size);
  REQUIRE(span.size() == size);
  for (std::uint64_t at = 0; at < size; at += 8) {
    std::uint64_t word = 1;
    std::memcpy(&word, span.data() + at, 8);
    const bool touched = at >= 0x800000 && at < 0x801000;
    if (word != (touched ? 0x1000000 + at : 0)) FAIL("at " << at);
  }
}

TEST_CASE("paths that a core names are opened only when they are regular files") {
  const Scratch scratch;
  const std::string fifo = scratch.path() + "/fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  JobControl job;
  const auto image = open_core(fifo, {}, job);  // would wait for a writer
  REQUIRE_FALSE(image);
  CHECK(image.error().reason == "is not a regular file");
  const auto directory = open_core(scratch.path(), {}, job);
  REQUIRE_FALSE(directory);
  CHECK(directory.error().reason == "is a directory, not a file");
  const auto nothing = open_core(scratch.path() + "/nothing", {}, job);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == ErrorCode::no_such_target);
}

}  // namespace
}  // namespace coreheap::image
