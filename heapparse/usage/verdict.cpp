// Causes as data: which lines of the waterfall speak for each, and the words for it.
#include "heapparse/usage/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace coreheap::usage {

namespace {

constexpr double kLine = 0.20;         // a share that deserves a line
constexpr double kClear = 0.30;        // what the largest must reach for a verdict at all
constexpr double kStrong = 0.50;       // what it must reach to be called strong
constexpr double kLittleDoubt = 0.10;  // unread share that a strong verdict may have
constexpr double kMuchDoubt = 0.25;

struct Cause {
  std::string_view id;
  std::string_view headline;
  std::string_view sentence;  // {0} share, {1} what it is a share of, {2} the part spelled out
  std::array<Code, 4> codes;
  std::size_t count;
};

constexpr std::array<Cause, 5> kCauses = {{
    {"live",
     "live data, not fragmentation",
     "{0} of {1} is live Python objects and the buffers they own.",
     {Code::py_objects, Code::py_buffers},
     2},
    {"free",
     "memory freed by the program but kept by the allocators",
     "{0} of {1} is free space inside allocators ({2}).",
     {Code::free_glibc, Code::free_pymalloc},
     2},
    {"native",
     "native memory: C/C++ code, not Python objects",
     "{0} of {1} was allocated by native code ({2}).",
     {Code::native_other, Code::native_owned, Code::other_allocator, Code::anon_other},
     4},
    {"stacks",
     "thread stacks",
     "{0} of {1} is stacks of threads.",
     {Code::stacks_used, Code::stacks_unused},
     2},
    {"files",
     "mapped files and shared memory, not the heap",
     "{0} of {1} is libraries, mapped files and shared memory ({2}).",
     {Code::files_clean, Code::files_dirty, Code::shmem},
     3},
}};

std::string percent(double share) { return fmt::format("{:.0f} %", share * 100); }

double share_of(const Waterfall& w, const Cause& cause) {
  double share = 0;
  for (std::size_t i = 0; i < cause.count; ++i) share += w.share(cause.codes[i]);
  return share;
}

std::string parts_of(const Waterfall& w, const Cause& cause) {
  std::vector<Code> codes(cause.codes.begin(),
                          cause.codes.begin() + static_cast<std::ptrdiff_t>(cause.count));
  std::stable_sort(codes.begin(), codes.end(), [&](Code a, Code b) { return w.of(a) > w.of(b); });
  std::string text;
  for (const Code code : codes) {
    if (w.share(code) < 0.01) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", title_of(code), percent(w.share(code)));
  }
  return text;
}

// Where one line of the waterfall is nearly all of a cause, the headline names it: cures differ.
struct Variant {
  std::string_view cause;
  Code code;
  std::string_view headline;
};
constexpr std::array kVariants = {
    Variant{"free", Code::free_glibc, "memory freed by the program but kept by glibc"},
    Variant{"free", Code::free_pymalloc, "memory freed by the program but kept by pymalloc"},
    Variant{"native", Code::anon_other, "anonymous mappings that no known allocator owns"},
    Variant{"native", Code::other_allocator, "another allocator's memory, named and not walked"},
    Variant{"files", Code::shmem, "shared memory, not the heap"},
    Variant{"files", Code::files_clean, "mapped files, not the heap"},
};

std::string_view headline_of(const Waterfall& w, const Cause& cause) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < cause.count; ++i) all += w.of(cause.codes[i]);
  for (const Variant& variant : kVariants) {
    // More than three times the rest.
    if (variant.cause == cause.id && w.of(variant.code) > all / 4 * 3) return variant.headline;
  }
  return cause.headline;
}

// Share of the allocators' bytes that could not be read or made no sense.
double doubt_of(const census::Coverage& c) {
  if (c.allocator_bytes == 0) return 0;
  return static_cast<double>(c.unreadable_bytes + c.damaged_bytes) /
         static_cast<double>(c.allocator_bytes);
}

Strength strength_of(double share, const Waterfall& w, double doubt) {
  if (w.basis == Basis::mapped || doubt >= kMuchDoubt) return Strength::weak;
  return share >= kStrong && doubt < kLittleDoubt ? Strength::strong : Strength::likely;
}

}  // namespace

std::string_view name_of(Strength strength) {
  switch (strength) {
    case Strength::strong:
      return "strong";
    case Strength::likely:
      return "likely";
    case Strength::weak:
      return "weak";
  }
  return "weak";
}

std::vector<VerdictLine> verdict(const Waterfall& w, const census::Coverage& coverage) {
  struct Weighed {
    const Cause* cause;
    double share;
  };
  std::vector<Weighed> weighed;
  weighed.reserve(kCauses.size());
  for (const Cause& cause : kCauses) weighed.push_back({&cause, share_of(w, cause)});
  std::stable_sort(weighed.begin(), weighed.end(),
                   [](const Weighed& a, const Weighed& b) { return a.share > b.share; });

  const double doubt = doubt_of(coverage);
  const std::string whole(text_of(w.basis));
  std::vector<VerdictLine> lines;
  if (w.total == 0) {
    lines.push_back(
        {"not_clear", "not clear", "nothing of the target's memory is known.", 0, Strength::weak});
    return lines;
  }
  if (weighed.front().share <= kClear) {
    std::string why = "no cause explains a third: ";
    for (std::size_t i = 0; i < 3; ++i) {
      if (i) why += ", ";
      why += fmt::format("{} {}", weighed[i].cause->id, percent(weighed[i].share));
    }
    lines.push_back({"not_clear", "not clear", why + " of " + whole + ".", weighed.front().share,
                     Strength::weak});
    return lines;
  }
  for (const Weighed& x : weighed) {
    if (x.share <= kLine) break;
    lines.push_back({std::string(x.cause->id), std::string(headline_of(w, *x.cause)),
                     fmt::format(fmt::runtime(x.cause->sentence), percent(x.share), whole,
                                 parts_of(w, *x.cause)),
                     x.share, strength_of(x.share, w, doubt)});
  }
  return lines;
}

}  // namespace coreheap::usage
