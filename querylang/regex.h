// Regular expressions in linear time: RE2, behind a small library of ours that is loaded when the
// first pattern is met.
//
// RE2 and what it needs stay out of the process until then, and out of everybody's symbols after.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace coreheap::query {

struct RegexError {
  bool missing = false;  // the library, not the pattern, is the trouble
  std::string message;
  std::string part;  // of the pattern that is wrong; may be empty
};

// Safe to use from several threads.
class Regex {
 public:
  static std::expected<std::shared_ptr<const Regex>, RegexError> compile(std::string_view pattern);

  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  ~Regex();

  // Does any part of the text match?
  bool matches(std::string_view text) const;

 private:
  explicit Regex(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace coreheap::query
