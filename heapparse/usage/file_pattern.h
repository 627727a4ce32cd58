// Shell patterns over file names as Python's fnmatch reads them: `*`, `?`, `[seq]`, `[!seq]`, where
// `*` crosses slashes and characters are code points. Time is bounded by text times pattern.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coreheap::usage {

class FilePattern {
 public:
  explicit FilePattern(std::string_view pattern);
  bool matches(std::string_view text) const;

 private:
  struct Item {
    enum class Kind : unsigned char { one, any, any_run, set } kind = Kind::one;
    bool negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;  // of a set; of `one` the character itself
  };
  static bool accepts(const Item& item, char32_t c);

  std::vector<Item> items_;
};

}  // namespace coreheap::usage
