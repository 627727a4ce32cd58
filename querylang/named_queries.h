// Queries that have a name: the files of queries/, compiled in.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace coreheap::query {

struct NamedQuery {
  std::string name;   // of the file
  std::string title;  // its first line
  std::string text;   // one line
};

std::span<const NamedQuery> named_queries();
const NamedQuery* find_named_query(std::string_view name);

}  // namespace coreheap::query
