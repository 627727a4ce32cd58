// Walking a chain that damage may have bent into a circle: tells when an address comes round again,
// without remembering them all (Brent's algorithm; a circle is left after at most three times its
// length).
#pragma once

#include <cstdint>

#include "heapparse/base/address.h"

namespace coreheap::python {

class ChainGuard {
 public:
  // To be asked once of each address in turn.
  bool repeats(Address a) {
    if (started_ && a == mark_) return true;
    if (!started_ || ++steps_ == reach_) {
      started_ = true;
      mark_ = a;
      reach_ *= 2;
      steps_ = 0;
    }
    return false;
  }

 private:
  Address mark_;
  std::uint64_t reach_ = 1;
  std::uint64_t steps_ = 0;
  bool started_ = false;
};

}  // namespace coreheap::python
