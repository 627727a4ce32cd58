// malloc_info's XML is read line by line: every element stands on a line of its own.
#include "tests/glibc/heap_record.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace coreheap::glibc_oracle {
namespace {

std::string attribute(const std::string& line, const std::string& name) {
  const auto at = line.find(' ' + name + "=\"");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 3;
  return line.substr(begin, line.find('"', begin) - begin);
}

std::uint64_t number(const std::string& line, const std::string& name) {
  return std::strtoull(attribute(line, name).c_str(), nullptr, 10);
}

}  // namespace

std::optional<Record> read_record(const std::string& path) {
  std::ifstream in(path);
  Record record;
  bool inside = false, complete = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    HeapElement& element = inside ? record.heaps.back() : record.whole;
    const SizeLine size{number(line, "from"), number(line, "to"), number(line, "total"),
                        number(line, "count")};
    if (word == "glibc") {
      words >> record.glibc;
      record.minor = std::atoi(record.glibc.substr(record.glibc.find('.') + 1).c_str());
    } else if (word == "file") {
      words >> std::hex >> record.file;
    } else if (word == "mallinfo2" || word == "mallinfo") {
      record.wide = word == "mallinfo2";
      for (long long value; words >> value;) {
        record.mallinfo.push_back(static_cast<std::uint64_t>(value));
      }
    } else if (word == "live") {
      std::uint64_t pointer = 0, usable = 0;
      words >> std::hex >> pointer >> std::dec >> usable;
      record.live.emplace_back(pointer, usable);
    } else if (word == "<heap") {
      record.heaps.emplace_back();
      inside = true;
    } else if (word == "</heap>") {
      inside = false;
    } else if (word == "<size") {
      element.sizes.push_back(size);
    } else if (word == "<unsorted") {
      element.unsorted = size;
    } else if (word == "<total") {
      element.totals[attribute(line, "type")] = {number(line, "count"), number(line, "size")};
    } else if (word == "<system") {
      element.system[attribute(line, "type")] = number(line, "size");
    } else if (word == "<aspace") {
      element.aspace[attribute(line, "type")] = number(line, "size");
    } else if (word == "</malloc>") {
      complete = true;
    }
  }
  if (!complete) return std::nullopt;
  return record;
}

}  // namespace coreheap::glibc_oracle
