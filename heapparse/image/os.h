// Small owners of what the operating system hands out: descriptors, memory, error texts.
#pragma once

#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "heapparse/base/error.h"

namespace coreheap::image {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A mapping of our own process, unmapped with its owner.
class Memory {
 public:
  // Zeroed address space without commitment: pages cost only when they are written.
  static Result<std::shared_ptr<Memory>> reserve(std::uint64_t size);
  // Shared mapping of an unlinked file in `directory`, sparse until written.
  static Result<std::shared_ptr<Memory>> reserve_file(int fd, std::uint64_t offset,
                                                      std::uint64_t size);
  static std::shared_ptr<Memory> adopt(std::byte* data, std::uint64_t size);

  Memory(std::byte* data, std::uint64_t size) : data_(data), size_(size) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }

 private:
  std::byte* data_;
  std::uint64_t size_;
};

// An open file in `directory` that no name leads to: it goes away with its last descriptor.
Result<FileDescriptor> unlinked_file(const std::string& directory);

// Threads inherit the mask of their creator: while this lives, new ones never receive a signal (GDB
// needs its signals on its main thread).
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t previous_{};
};

// Of this machine; a target's own is Image::page_size.
std::uint64_t page_size();

std::string text_of_errno(int error);

// "1.5 GiB"; for texts of errors and findings.
std::string text_of_bytes(std::uint64_t bytes);
// "0x7f00…"
std::string text_of_address(std::uint64_t address);

// The whole of a small file such as those of /proc; nullopt and errno when it cannot be read.
std::optional<std::string> read_text_file(const std::string& path,
                                          std::size_t limit = std::size_t{256} << 20);

}  // namespace coreheap::image
