// Compressed cores: taken apart under a directory that is asked for, whole or as far as they go,
// and never beyond the room there is.
#include "heapparse/image/unpack.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <filesystem>

#include "heapparse/image/open.h"
#include "tests/unit/catch.h"
#include "tests/unit/image/core_builder.h"
#include "tests/unit/image/scratch.h"

namespace coreheap::image {
namespace {

using namespace test;

ByteVector a_core() {
  ByteVector memory(0x40000);
  const ByteVector words = addressed(0x50000, 0x1000);
  std::copy(words.begin(), words.end(), memory.begin() + 0x20000);  // zeros on both sides
  return CoreBuilder().segment(0x30000, memory).process(42, "python3", "python3 app.py ").build();
}

ByteVector zstd(const ByteVector& bytes) {
  ByteVector out(ZSTD_compressBound(bytes.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

ByteVector lz4(const ByteVector& bytes) {
  ByteVector out(LZ4F_compressFrameBound(bytes.size(), nullptr));
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), nullptr));
  return out;
}

ByteVector gzip(const ByteVector& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  ByteVector out(deflateBound(&stream, bytes.size()));
  ByteVector in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Method {
  const char* name;
  ByteVector (*pack)(const ByteVector&);
};
constexpr Method kMethods[] = {{"zstd", zstd}, {"lz4", lz4}, {"gzip", gzip}};

Result<Image> open_packed(const Scratch& folder, const ByteVector& packed) {
  JobControl job;
  OpenOptions options;
  options.spill_directory = folder.path();
  return open_core(folder.write("core.packed", packed), options, job);
}

bool has_finding(const Image& image, const std::string& what) {
  return std::any_of(image.findings.begin(), image.findings.end(),
                     [&](const Finding& f) { return f.what == what; });
}

std::size_t files_in(const Scratch& folder) {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(folder.path())) ++n;
  return n;
}

TEST_CASE("a compressed core is the core, and leaves no file") {
  for (const Method& method : kMethods) {
    INFO(method.name);
    const Scratch folder;
    const auto image = open_packed(folder, method.pack(a_core()));
    REQUIRE(image);
    CHECK(image->kind == TargetKind::kernel_core);
    CHECK(image->process.pid == 42);
    CHECK(image->space.read<std::uint64_t>({0x50ff8}) == 0x50ff8);
    CHECK(image->space.read<std::uint64_t>({0x30000}) == 0);
    CHECK(image->space.read<std::uint64_t>({0x6fff8}) == 0);
    // Its holes are zeros, not pages that were absent.
    CHECK_FALSE(image->residency.known);
    REQUIRE_FALSE(image->evidence.empty());
    CHECK(image->evidence.back().how.find(method.name) != std::string::npos);
    CHECK(image->evidence.back().how.find(folder.path()) != std::string::npos);
    CHECK(files_in(folder) == 1);  // the compressed core itself
  }
}

TEST_CASE("frames one behind the other are one core") {
  const ByteVector core = a_core();
  const auto middle = core.begin() + 0x12345;
  for (const Method& method : kMethods) {
    INFO(method.name);
    ByteVector packed = method.pack({core.begin(), middle});
    const ByteVector second = method.pack({middle, core.end()});
    packed.insert(packed.end(), second.begin(), second.end());
    const Scratch folder;
    const auto image = open_packed(folder, packed);
    REQUIRE(image);
    CHECK(image->space.read<std::uint64_t>({0x50ff8}) == 0x50ff8);
    CHECK_FALSE(has_finding(*image, "truncated"));
  }
}

TEST_CASE("a compressed core that was cut gives what is left") {
  ByteVector core = a_core();
  std::uint32_t noise = 1;  // what compresses to nothing cannot be cut in the middle
  for (std::size_t i = core.size() - 0x10000; i < core.size(); ++i) {
    noise = noise * 1664525 + 1013904223;
    core[i] = static_cast<std::byte>(noise >> 24);
  }
  for (const Method& method : kMethods) {
    INFO(method.name);
    ByteVector packed = method.pack(core);
    packed.resize(packed.size() - 0x4000);
    const Scratch folder;
    const auto image = open_packed(folder, packed);
    REQUIRE(image);
    CHECK(has_finding(*image, "truncated"));
    CHECK(image->space.presence({0x30000}) == Presence::present);
  }
}

TEST_CASE("damage in the middle of a compressed core ends it, not the reader") {
  for (const Method& method : kMethods) {
    INFO(method.name);
    ByteVector packed = method.pack(a_core());
    for (std::size_t i = packed.size() / 2; i < packed.size() / 2 + 16; ++i) {
      packed[i] = static_cast<std::byte>(0x5a);
    }
    const Scratch folder;
    const auto image = open_packed(folder, packed);
    if (image) CHECK_FALSE(image->findings.empty());
  }
}

TEST_CASE("content that declares more than the disk holds is refused before a byte is written") {
  // A zstd frame header: single segment, eight bytes of content size.
  ByteVector packed;
  for (const int byte : {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0}) {
    packed.push_back(static_cast<std::byte>(byte));
  }
  const Scratch folder;
  const auto image = open_packed(folder, packed);
  REQUIRE_FALSE(image);
  CHECK(image.error().code == ErrorCode::not_enough_room);
  CHECK(image.error().reason.find("its content of ") != std::string::npos);
  CHECK(image.error().reason.find(folder.path()) != std::string::npos);
  CHECK(image.error().hint.find("--spill") != std::string::npos);
}

TEST_CASE("a directory that takes no file is named") {
  const Scratch folder;
  JobControl job;
  OpenOptions options;
  options.spill_directory = folder.path() + "/none";
  const auto image = open_core(folder.write("core.packed", gzip(a_core())), options, job);
  REQUIRE_FALSE(image);
  CHECK(image.error().subject == options.spill_directory);
}

TEST_CASE("what is compressed otherwise is named with its cure") {
  for (const auto& [magic, name] : {std::pair{"\xfd\x37zXZ", "xz"}, std::pair{"BZh9", "bzip2"}}) {
    const Scratch folder;
    ByteVector packed(4096);
    std::memcpy(packed.data(), magic, std::strlen(magic));
    const auto image = open_packed(folder, packed);
    REQUIRE_FALSE(image);
    CHECK(image.error().reason == std::string("is compressed with ") + name);
  }
}

TEST_CASE("a cancelled decompression is an error") {
  const Scratch folder;
  JobControl job;
  job.cancel();
  OpenOptions options;
  options.spill_directory = folder.path();
  const auto image = open_core(folder.write("core.packed", zstd(a_core())), options, job);
  REQUIRE_FALSE(image);
  CHECK(image.error().code == ErrorCode::cancelled);
}

}  // namespace
}  // namespace coreheap::image
