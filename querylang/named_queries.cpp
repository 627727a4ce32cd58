// The files arrive as one table that CMake writes; the text is folded into one line.
#include "querylang/named_queries.h"

#include <vector>

namespace coreheap::query {

namespace {

struct File {
  std::string_view name;
  std::string_view content;
};

constexpr File kFiles[] = {
#include <named_queries.inc>
};

// "# title", then the query; line breaks are blanks.
NamedQuery read(const File& file) {
  NamedQuery query{std::string(file.name), {}, {}};
  std::string_view rest = file.content;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.starts_with("# ") && query.title.empty()) {
      query.title = line.substr(2);
      continue;
    }
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) continue;
    line.remove_prefix(begin);
    if (!query.text.empty()) query.text += ' ';
    query.text += line;
  }
  return query;
}

}  // namespace

std::span<const NamedQuery> named_queries() {
  static const std::vector<NamedQuery> queries = [] {
    std::vector<NamedQuery> all;
    for (const File& file : kFiles) all.push_back(read(file));
    return all;
  }();
  return queries;
}

const NamedQuery* find_named_query(std::string_view name) {
  for (const NamedQuery& one : named_queries()) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace coreheap::query
