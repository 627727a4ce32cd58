// The view of generators, coroutines and asynchronous generators: what they run and whether they
// wait.
//
// All three begin alike. Up to 3.10 they point to a frame object, from 3.11 on the frame lies in
// them.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/python/types/frame.h"

namespace coreheap::python {

enum class GeneratorState : std::uint8_t { created, suspended, running, finished };
std::string_view name_of(GeneratorState state);

struct GeneratorView {
  Address name;      // 0 in 2.7: the code's
  Address qualname;  // 0 in 2.7
  Address code;      // of a finished one too, where it is kept
  GeneratorState state = GeneratorState::finished;
  // Absent once it is cleared. One that was closed before it started is finished and keeps it.
  std::optional<FrameView> frame;
};

std::optional<GeneratorView> view_generator(Decoder& decoder, Address generator);

}  // namespace coreheap::python
