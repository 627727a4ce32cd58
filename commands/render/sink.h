// Where rendered bytes go. A renderer fills a big buffer and hands it over in pieces; it never asks
// where they end up, and stops when the other side has gone.
#pragma once

#include <string>
#include <string_view>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"

namespace coreheap::commands {

class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;
  // False when nothing more is wanted or can be written.
  virtual bool write(std::string_view bytes) = 0;
  // errno of the write that failed; EPIPE: the reader left.
  virtual int error() const { return 0; }
};

class StringSink final : public Sink {
 public:
  bool write(std::string_view bytes) override {
    text_ += bytes;
    return true;
  }
  std::string& text() { return text_; }

 private:
  std::string text_;
};

// A file descriptor that somebody else opened and closes.
class DescriptorSink final : public Sink {
 public:
  explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}
  bool write(std::string_view bytes) override;
  int error() const override { return error_; }

 private:
  int descriptor_;
  int error_ = 0;
};

// Collects small writes.
class Writer {
 public:
  Writer(Sink& sink, JobControl& job) : sink_(sink), job_(job) { buffer_.reserve(kFlush + 4096); }

  std::string& buffer() { return buffer_; }
  Writer& operator<<(std::string_view text) {
    buffer_ += text;
    return *this;
  }
  Writer& operator<<(char c) {
    buffer_ += c;
    return *this;
  }
  // Hands over what is collected when it is much; false when there is no point in going on.
  bool keep_going() {
    if (buffer_.size() >= kFlush) flush();
    return good_ && !job_.cancelled();
  }
  Result<void> finish();

 private:
  static constexpr std::size_t kFlush = 256 * 1024;
  void flush();

  Sink& sink_;
  JobControl& job_;
  std::string buffer_;
  bool good_ = true;
};

}  // namespace coreheap::commands
