// The rows. Each names in its comment the glibc release whose change made it necessary.
#include "heapparse/malloc/layout.h"

namespace coreheap::glibc {
namespace {

constexpr std::array kArenaLayouts{
    // 2.17: mutex, flags, fastbinsY, top, last_remainder.
    ArenaLayout{"arena without attached_threads", 104, true, false, 2184},
    // 2.23: attached_threads counts the threads that use an arena (backported to some 2.17).
    ArenaLayout{"arena with attached_threads", 104, true, true, 2192},
    // 2.27: have_fastchunks leaves the flags and becomes an int of its own.
    ArenaLayout{"arena with have_fastchunks", 112, true, true, 2200},
    // 2.43: fastbins are gone.
    ArenaLayout{"arena without fastbins", 24, false, true, 2112},
};

constexpr std::array kParameterLayouts{
    // 2.17.
    ParameterLayout{"mp_ with max_total_mem", 0, 40, 56, 80, 0, 88, kSmallHeapInfo, true, false},
    // 2.24: max_total_mem is gone.
    ParameterLayout{"mp_ without max_total_mem", 0, 40, 56, 72, 0, 80, kSmallHeapInfo, true, true},
    // 2.26: tcache.
    ParameterLayout{"mp_ with tcache", 0, 40, 56, 72, 80, 104, kSmallHeapInfo, true, true},
    // 2.35: huge pages.
    ParameterLayout{"mp_ with huge pages", 48, 60, 80, 96, 104, 128, kLargeHeapInfo, true, true},
    // 2.43: thp_mode in front of them.
    ParameterLayout{"mp_ with thp_mode", 56, 68, 88, 104, 112, 136, kLargeHeapInfo, false, true},
};

constexpr std::array kTcacheLayouts{
    // 2.26: counts are chars (in 2.29 the struct's address marks a cached chunk).
    TcacheLayout{"tcache of 64 bins, byte counts", 1, 64, 64, 576, false},
    // 2.30: counts are 16 bits, so that tcache_count may be large.
    TcacheLayout{"tcache of 64 bins", 2, 64, 128, 640, false},
    // 2.42: num_slots counts down to zero, twelve bins more for large chunks.
    TcacheLayout{"counted-down tcache of 76 bins", 2, 76, 152, 760, true},
};

}  // namespace

std::span<const ArenaLayout> arena_layouts() { return kArenaLayouts; }
std::span<const ParameterLayout> parameter_layouts() { return kParameterLayouts; }
std::span<const TcacheLayout> tcache_layouts() { return kTcacheLayouts; }

}  // namespace coreheap::glibc
