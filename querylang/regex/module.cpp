// RE2 behind C functions. Nothing is logged, nothing thrown, nothing of C++ crosses.
#include "querylang/regex/module.h"

#include <re2/re2.h>

#include <cstring>
#include <new>

namespace {

void put(const char* text, std::size_t length, char* out, std::size_t size) {
  if (size == 0) return;
  const std::size_t n = length < size - 1 ? length : size - 1;
  std::memcpy(out, text, n);
  out[n] = 0;
}

}  // namespace

struct coreheap_regex {
  RE2 pattern;
};

extern "C" {

coreheap_regex* coreheap_regex_compile(const char* pattern, size_t length, char* message,
                                       size_t message_size, char* part, size_t part_size) {
  try {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(16 << 20);
    auto* made = new coreheap_regex{{re2::StringPiece(pattern, length), options}};
    if (made->pattern.ok()) return made;
    put(made->pattern.error().data(), made->pattern.error().size(), message, message_size);
    put(made->pattern.error_arg().data(), made->pattern.error_arg().size(), part, part_size);
    delete made;
  } catch (...) {
    put("no memory", 9, message, message_size);
    put("", 0, part, part_size);
  }
  return nullptr;
}

int coreheap_regex_matches(const coreheap_regex* regex, const char* text, size_t length) {
  try {
    return RE2::PartialMatch(re2::StringPiece(text, length), regex->pattern) ? 1 : 0;
  } catch (...) {
    return 0;
  }
}

void coreheap_regex_free(coreheap_regex* regex) { delete regex; }

}  // extern "C"
