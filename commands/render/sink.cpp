// Writing to descriptors.
#include "commands/render/sink.h"

#include <unistd.h>

#include <cerrno>

namespace coreheap::commands {

bool DescriptorSink::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void Writer::flush() {
  if (good_ && !buffer_.empty()) good_ = sink_.write(buffer_);
  buffer_.clear();
}

Result<void> Writer::finish() {
  if (job_.cancelled()) return fail(ErrorCode::cancelled, "", "cancelled");
  flush();
  if (!good_) return fail(ErrorCode::io_error, "output", "cannot be written");
  return {};
}

}  // namespace coreheap::commands
