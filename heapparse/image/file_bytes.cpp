// See file_bytes.h.
#include "heapparse/image/file_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "heapparse/image/os.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace coreheap::image {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{8} << 20;
// A hole of a sparse core is backed by the zero page instead of page cache when it is this long;
// each one costs a mapping of our own, so their number is bounded too.
constexpr std::uint64_t kHoleWorthMapping = std::uint64_t{1} << 20;
constexpr std::size_t kMostHolesMapped = 4096;

// Magic numbers of statfs(2) of file systems whose pages can vanish under us.
bool is_remote(long magic) {
  switch (static_cast<std::uint32_t>(magic)) {
    case 0x6969U:      // NFS
    case 0xFF534D42U:  // CIFS
    case 0xFE534D42U:  // SMB2
    case 0x517BU:      // SMB
    case 0x65735546U:  // FUSE (sshfs, gcsfuse, …)
    case 0x01021997U:  // 9P
    case 0x00C36400U:  // Ceph
    case 0x5346414FU:  // AFS
    case 0x0BD00BD0U:  // Lustre
    case 0x47504653U:  // GPFS
      return true;
    default:
      return false;
  }
}

Error open_error(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return {ErrorCode::no_such_target, path, "no such file", {}};
    case EACCES:
    case EPERM:
      return {ErrorCode::permission_denied, path, "may not be read by this user",
              "reading it as its owner or as root"};
    default:
      return {ErrorCode::io_error, path, text_of_errno(error), {}};
  }
}

// O_PATH first: opening a pipe would wait, opening a device may do something.
Result<FileDescriptor> open_regular(const std::string& path, struct stat& status) {
  const FileDescriptor handle(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!handle) return std::unexpected(open_error(path, errno));
  if (fstat(handle.get(), &status) != 0) return std::unexpected(open_error(path, errno));
  if (S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::not_an_elf_file, path, "is a directory, not a file");
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::not_an_elf_file, path, "is not a regular file");
  }
  const std::string again = "/proc/self/fd/" + std::to_string(handle.get());
  FileDescriptor file(open(again.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file && errno == ENOENT) {  // no /proc here
    file = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  }
  if (!file) return std::unexpected(open_error(path, errno));
  if (fstat(file.get(), &status) != 0) return std::unexpected(open_error(path, errno));
  return file;
}

void find_extents(int fd, std::uint64_t size, FileBytes& file) {
  std::uint64_t at = 0;
  while (at < size) {
    const off_t data = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0) {
      if (errno == ENXIO) break;  // a hole up to the end
      file.extents.clear();       // the file system cannot say
      break;
    }
    const off_t hole = lseek(fd, data, SEEK_HOLE);
    if (hole <= data) break;
    const auto end = std::min(static_cast<std::uint64_t>(hole), size);
    file.extents.emplace_back(static_cast<std::uint64_t>(data), end);
    at = end;
  }
  const bool whole =
      file.extents.size() == 1 && file.extents[0].first == 0 && file.extents[0].second == size;
  file.sparse = !file.extents.empty() && !whole;
  if (file.extents.empty()) file.extents.emplace_back(0, size);
}

Result<void> copy_file(int fd, const std::string& path, std::byte* to, std::uint64_t size,
                       JobControl& job) {
  job.begin_step("copying the file", size);
  std::uint64_t done = 0;
  while (done < size) {
    if (job.cancelled()) return fail(ErrorCode::cancelled, path, "cancelled");
    const std::size_t n = static_cast<std::size_t>(std::min(kPiece, size - done));
    const ssize_t got = pread(fd, to + done, n, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::io_error, path, text_of_errno(errno));
    if (got == 0)
      break;  // shrank meanwhile: the rest stays zero, which the ELF reader takes as data
    done += static_cast<std::uint64_t>(got);
    job.advance(static_cast<std::uint64_t>(got));
  }
  return {};
}

// Reading a hole through a file mapping would fill the page cache with zeros; anonymous memory over
// it costs nothing and reads the same.
void map_zeros_over_holes(std::byte* base, const FileBytes& file) {
  const std::uint64_t page = page_size();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> holes;
  std::uint64_t at = 0;
  for (const auto& [begin, end] : file.extents) {
    const std::uint64_t from = (at + page - 1) & ~(page - 1);
    const std::uint64_t to = begin & ~(page - 1);
    if (to > from && to - from >= kHoleWorthMapping) holes.emplace_back(to - from, from);
    at = end;
  }
  std::sort(holes.rbegin(), holes.rend());
  if (holes.size() > kMostHolesMapped) holes.resize(kMostHolesMapped);
  for (const auto& [size, from] : holes) {
    // On failure the file mapping stays in place, unless the kernel is out of mappings altogether.
    mmap(base + from, static_cast<std::size_t>(size), PROT_READ,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
}

}  // namespace

Result<FileBytes> open_file_bytes(const std::string& path, FilePurpose purpose, JobControl& job) {
  struct stat status {};
  auto fd = open_regular(path, status);
  if (!fd) return std::unexpected(std::move(fd.error()));
  return map_file_bytes(fd->get(), path, purpose, job);
}

Result<FileBytes> map_file_bytes(int fd, const std::string& path, FilePurpose purpose,
                                 JobControl& job) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return std::unexpected(open_error(path, errno));
  FileBytes file;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (status.st_blksize > 0) file.block_size = static_cast<std::uint64_t>(status.st_blksize);
  if (size == 0) return file;

  struct statfs fs {};
  file.copied = fstatfs(fd, &fs) == 0 && is_remote(static_cast<long>(fs.f_type));
  if (file.copied) {
    auto memory = Memory::reserve(size);
    if (!memory) return std::unexpected(std::move(memory.error()));
    auto copied = copy_file(fd, path, (*memory)->data(), size, job);
    if (!copied) return std::unexpected(std::move(copied.error()));
    file.bytes = {(*memory)->data(), static_cast<std::size_t>(size)};
    file.owner = *std::move(memory);
    file.extents.emplace_back(0, size);
    return file;
  }
  void* at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) return fail(ErrorCode::io_error, path, text_of_errno(errno));
  auto memory = Memory::adopt(static_cast<std::byte*>(at), size);
  file.bytes = {memory->data(), static_cast<std::size_t>(size)};
  if (purpose == FilePurpose::core) {
    find_extents(fd, size, file);
    if (file.sparse) map_zeros_over_holes(memory->data(), file);
  } else {
    file.extents.emplace_back(0, size);
  }
  file.owner = std::move(memory);
  return file;
}

Result<void> populate(const std::vector<Bytes>& parts, const std::string& subject,
                      JobControl& job) {
  const std::uint64_t page = page_size();
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> pieces;
  std::uint64_t total = 0;
  for (const Bytes& part : parts) {
    if (part.empty()) continue;
    std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(part.data()) & ~(page - 1);
    const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(part.data()) + part.size();
    total += end - begin;
    for (; begin < end; begin += kPiece) {
      pieces.emplace_back(begin, std::min<std::uintptr_t>(end, begin + kPiece));
    }
  }
  job.begin_step("reading the file", total);
  std::atomic<int> error{0};
  const auto done = parallel_for(pieces.size(), job, [&](std::size_t i, unsigned) {
    const auto [begin, end] = pieces[i];
    if (error.load(std::memory_order_relaxed) == 0 &&
        madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ) != 0) {
      error.store(errno, std::memory_order_relaxed);
    }
    job.advance(end - begin);
  });
  if (!done) return done;
  if (error == EFAULT || error == EIO || error == EHWPOISON) {
    return fail(ErrorCode::io_error, subject, "part of it cannot be read from its disk",
                "copying it elsewhere with ddrescue");
  }
  return {};
}

}  // namespace coreheap::image
