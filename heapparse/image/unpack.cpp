// See unpack.h.
#include "heapparse/image/unpack.h"

#include <lz4frame.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "heapparse/image/memory_room.h"
#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 20;
constexpr std::size_t kBlock = 4096;  // zeros of this length become a hole
// Left to others on the disk.
constexpr std::uint64_t kMargin = std::uint64_t{256} << 20;
// Zeros cost no room, so a few bytes could stand for endless ones: longer than this and more than
// kMostTimes the packed size, it is no core.
constexpr std::uint64_t kPlausibleSize = std::uint64_t{64} << 30;
constexpr std::uint64_t kMostTimes = 1024;

struct Format {
  std::array<unsigned char, 4> magic;
  std::size_t length;
  Packing packing;
  std::string_view name;
};
constexpr Format kFormats[] = {
    {{0x28, 0xb5, 0x2f, 0xfd}, 4, Packing::zstd, "zstd"},
    {{0x04, 0x22, 0x4d, 0x18}, 4, Packing::lz4, "lz4"},
    {{0x1f, 0x8b, 0x08, 0}, 3, Packing::gzip, "gzip"},
};

struct Step {
  std::size_t taken = 0;
  std::size_t made = 0;
  const char* error = nullptr;  // what the library says
};

// One stream of frames or members, one behind the other.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Step step(Bytes in, std::span<std::byte> out) = 0;
  // Bytes behind the last whole frame are no part of it; false in the middle of one.
  virtual bool at_end() const = 0;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {}
  Step step(Bytes in, std::span<std::byte> out) override {
    if (stream_ == nullptr) return {0, 0, "memory ran out"};
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream_.get(), &to, &from);
    if (ZSTD_isError(left) != 0) return {from.pos, to.pos, ZSTD_getErrorName(left)};
    at_end_ = left == 0;
    return {from.pos, to.pos, nullptr};
  }
  bool at_end() const override { return at_end_; }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool at_end_ = false;
};

class Lz4Decoder final : public Decoder {
 public:
  Lz4Decoder() { LZ4F_createDecompressionContext(&context_, LZ4F_VERSION); }
  ~Lz4Decoder() override { LZ4F_freeDecompressionContext(context_); }
  Lz4Decoder(const Lz4Decoder&) = delete;
  Lz4Decoder& operator=(const Lz4Decoder&) = delete;
  Step step(Bytes in, std::span<std::byte> out) override {
    if (context_ == nullptr) return {0, 0, "memory ran out"};
    std::size_t taken = in.size();
    std::size_t made = out.size();
    const std::size_t left =
        LZ4F_decompress(context_, out.data(), &made, in.data(), &taken, nullptr);
    if (LZ4F_isError(left) != 0) return {taken, made, LZ4F_getErrorName(left)};
    at_end_ = left == 0;
    return {taken, made, nullptr};
  }
  bool at_end() const override { return at_end_; }

 private:
  LZ4F_dctx* context_ = nullptr;
  bool at_end_ = false;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { ready_ = inflateInit2(&stream_, MAX_WBITS + 16) == Z_OK; }  // +16: gzip's frame
  ~GzipDecoder() override { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;
  Step step(Bytes in, std::span<std::byte> out) override {
    if (!ready_) return {0, 0, "memory ran out"};
    if (at_end_) inflateReset(&stream_);  // another member
    const auto most = std::size_t{std::numeric_limits<uInt>::max()};
    const std::size_t given = std::min(in.size(), most);
    const std::size_t room = std::min(out.size(), most);
    // zlib's pointer is not const, but it only reads.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const Step step{given - stream_.avail_in, room - stream_.avail_out, nullptr};
    at_end_ = result == Z_STREAM_END;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) return step;
    return {step.taken, step.made, stream_.msg != nullptr ? stream_.msg : "damaged"};
  }
  bool at_end() const override { return at_end_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool at_end_ = false;
};

std::unique_ptr<Decoder> decoder_of(Packing packing) {
  switch (packing) {
    case Packing::zstd:
      return std::make_unique<ZstdDecoder>();
    case Packing::lz4:
      return std::make_unique<Lz4Decoder>();
    case Packing::gzip:
      return std::make_unique<GzipDecoder>();
    case Packing::none:
      break;
  }
  return nullptr;
}

// What the first frame says of its content, where it does. (gzip's length is one modulo 4 GiB.)
std::optional<std::uint64_t> declared_size(Bytes packed, Packing packing) {
  if (packing != Packing::zstd) return std::nullopt;
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
  return size;
}

// What may be written into the directory, and who sets the limit.
Room room_in(int fd, const std::string& directory) {
  constexpr long kTmpfs = 0x01021994;
  constexpr long kRamfs = static_cast<long>(0x858458f6);
  Room room{0, directory};
  struct statvfs disk {};
  if (fstatvfs(fd, &disk) != 0) return room;
  const std::uint64_t left = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t margin = std::min(kMargin, std::uint64_t{disk.f_blocks} * disk.f_frsize / 20);
  room.bytes = left > margin ? left - margin : 0;
  struct statfs kind {};
  if (fstatfs(fd, &kind) == 0 &&
      (static_cast<long>(kind.f_type) == kTmpfs || static_cast<long>(kind.f_type) == kRamfs)) {
    const Room memory = memory_room();
    if (memory.bytes < room.bytes) room = {memory.bytes, directory + " (memory), " + memory.limit};
  }
  return room;
}

std::string directory_for_temporaries() {
  const char* set = std::getenv("TMPDIR");
  return set != nullptr && *set != 0 ? set : "/tmp";
}

bool is_zero(std::span<const std::byte> block) {
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

class Writer {
 public:
  Writer(int fd, std::string directory) : fd_(fd), directory_(std::move(directory)) {
    room_ = room_in(fd_, directory_);
  }
  const Room& room() const { return room_; }
  std::uint64_t size() const { return size_; }

  // Bytes at the end; blocks of zeros are passed over. False: no room, or an I/O error in errno.
  bool append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      std::size_t zeros = 0;
      while (zeros < bytes.size() &&
             is_zero(bytes.subspan(zeros, std::min(kBlock, bytes.size() - zeros)))) {
        zeros += std::min(kBlock, bytes.size() - zeros);
      }
      size_ += zeros;
      bytes = bytes.subspan(zeros);
      std::size_t data = 0;
      while (data < bytes.size() &&
             !is_zero(bytes.subspan(data, std::min(kBlock, bytes.size() - data)))) {
        data += std::min(kBlock, bytes.size() - data);
      }
      if (!write(bytes.first(data))) return false;
      bytes = bytes.subspan(data);
    }
    return true;
  }

 private:
  bool write(std::span<const std::byte> bytes) {
    if (written_ + bytes.size() > room_.bytes) {
      errno = ENOSPC;
      return false;
    }
    while (!bytes.empty()) {
      const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      size_ += static_cast<std::uint64_t>(n);
      written_ += static_cast<std::uint64_t>(n);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
  }

  int fd_;
  std::string directory_;
  Room room_;
  std::uint64_t size_ = 0;
  std::uint64_t written_ = 0;
};

Error no_room(const std::string& name, const std::string& needed, const Room& room) {
  return {ErrorCode::not_enough_room, name,
          needed + " does not fit into the " + text_of_bytes(room.bytes) + " left in " + room.limit,
          "--spill with a directory on a larger disk"};
}

}  // namespace

Packing packing_of(Bytes bytes) {
  for (const Format& format : kFormats) {
    if (bytes.size() >= format.length &&
        std::memcmp(bytes.data(), format.magic.data(), format.length) == 0) {
      return format.packing;
    }
  }
  return Packing::none;
}

std::string_view name_of(Packing packing) {
  for (const Format& format : kFormats) {
    if (format.packing == packing) return format.name;
  }
  return "not compressed";
}

Result<Unpacked> unpack(Bytes packed, Packing packing, const std::string& name,
                        std::string directory, JobControl& job) {
  if (directory.empty()) directory = directory_for_temporaries();
  auto file = unlinked_file(directory);
  if (!file) return std::unexpected(std::move(file.error()));
  Writer writer(file->get(), directory);
  if (const auto size = declared_size(packed, packing); size && *size > writer.room().bytes) {
    return std::unexpected(no_room(name, "its content of " + text_of_bytes(*size), writer.room()));
  }
  const auto decoder = decoder_of(packing);
  if (decoder == nullptr) return fail(ErrorCode::internal, name, "is not compressed");
  const std::uint64_t longest = std::max(kPlausibleSize, packed.size() * kMostTimes);
  std::vector<std::byte> buffer(kBuffer);
  std::size_t filled = 0;
  Unpacked result;
  result.where = directory;
  job.begin_step("decompressing the core", packed.size());
  Bytes rest = packed;
  for (;;) {
    if (job.cancelled()) return fail(ErrorCode::cancelled, name, "cancelled");
    const Bytes piece = rest.first(std::min(rest.size(), kBuffer));
    const Step step = decoder->step(piece, std::span(buffer).subspan(filled));
    rest = rest.subspan(step.taken);
    filled += step.made;
    job.advance(step.taken);
    const bool stuck = step.taken == 0 && step.made == 0 && filled < kBuffer;
    const bool over = step.error != nullptr || stuck || (rest.empty() && decoder->at_end());
    if (filled == kBuffer || over) {
      if (!writer.append(std::span(buffer).first(filled))) {
        if (errno != ENOSPC) return fail(ErrorCode::io_error, directory, text_of_errno(errno));
        return std::unexpected(no_room(name,
                                       "its content (" + text_of_bytes(writer.size()) +
                                           " so far, of " +
                                           text_of_bytes(packed.size() - rest.size()) + " in " +
                                           text_of_bytes(packed.size()) + " read)",
                                       writer.room()));
      }
      filled = 0;
    }
    if (writer.size() > longest) {
      return fail(ErrorCode::not_a_core_file, name,
                  "takes more than " + text_of_bytes(longest) + " when decompressed");
    }
    if (!over) continue;
    if (step.error != nullptr) {
      result.damage = step.error;
    } else if (!decoder->at_end()) {
      result.damage = "it ends in the middle of a frame";
    }
    break;
  }
  if (ftruncate(file->get(), static_cast<off_t>(writer.size())) != 0) {
    return fail(ErrorCode::io_error, directory, text_of_errno(errno));
  }
  auto mapped = map_file_bytes(file->get(), name, FilePurpose::core, job);
  if (!mapped) return std::unexpected(std::move(mapped.error()));
  result.file = *std::move(mapped);
  result.file.unpacked = true;
  return result;
}

}  // namespace coreheap::image
