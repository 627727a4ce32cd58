// What reading a live process needs, tried one by one without stopping it or changing anything in
// it: who we are, what the kernel's security modules say, each door that the reader goes through,
// and whether the copy would fit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heapparse/image/open.h"

namespace coreheap::image {

struct AccessCheck {
  enum class State : std::uint8_t {
    ok,
    note,     // works, but not everything, or not as well as it could
    refused,  // the process cannot be read
  };
  std::string name;  // one word
  State state = State::ok;
  std::string detail;
  std::string cure;  // one line that would change it; empty where there is none
};

std::string_view name_of(AccessCheck::State state);  // "ok", "note", "refused"

// Never fails: a process that is not there is a refused check.
std::vector<AccessCheck> check_access(std::uint64_t pid, const OpenOptions& options);

}  // namespace coreheap::image
