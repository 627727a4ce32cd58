// See os.h.
#include "heapparse/image/os.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace coreheap::image {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

Result<std::shared_ptr<Memory>> Memory::reserve(std::uint64_t size) {
  void* at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    return fail(ErrorCode::out_of_memory, text_of_bytes(size) + " of address space",
                text_of_errno(errno));
  }
  return adopt(static_cast<std::byte*>(at), size);
}

Result<std::shared_ptr<Memory>> Memory::reserve_file(int fd, std::uint64_t offset,
                                                     std::uint64_t size) {
  void* at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                  static_cast<off_t>(offset));
  if (at == MAP_FAILED) {
    return fail(ErrorCode::out_of_memory, text_of_bytes(size) + " of address space",
                text_of_errno(errno));
  }
  return adopt(static_cast<std::byte*>(at), size);
}

std::shared_ptr<Memory> Memory::adopt(std::byte* data, std::uint64_t size) {
  return std::make_shared<Memory>(data, size);
}

Memory::~Memory() {
  if (data_ != nullptr) munmap(data_, static_cast<std::size_t>(size_));
}

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

std::uint64_t page_size() { return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)); }

std::string text_of_errno(int error) { return std::generic_category().message(error); }

std::string text_of_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes);
  int unit = -1;
  while (value >= 1024 && unit < 5) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string text_of_address(std::uint64_t address) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

std::optional<std::string> read_text_file(const std::string& path, std::size_t limit) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return std::nullopt;
  std::string text;
  std::size_t length = 0;
  while (length < limit) {
    // Large reads: /proc/PID/maps is consistent within one read only.
    if (text.size() - length < 65536) text.resize(text.size() * 2 + 131072);
    const ssize_t got = read(fd.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

Result<FileDescriptor> unlinked_file(const std::string& directory) {
  FileDescriptor fd(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  std::string name = directory + "/coreheap.XXXXXX";
  fd = FileDescriptor(mkostemp(name.data(), O_CLOEXEC));
  if (!fd) {
    return fail(ErrorCode::io_error, directory, text_of_errno(errno),
                "--spill with a directory that can be written to");
  }
  unlink(name.c_str());
  return fd;
}

}  // namespace coreheap::image
