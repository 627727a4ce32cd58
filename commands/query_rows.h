// Answers of the query language as reports: what `select` and `query` have in common.
#pragma once

#include <string>
#include <string_view>

#include "commands/registry.h"

namespace coreheap::commands {

// Runs the query and makes a report of its rows. What is wrong with a query is an Error that shows
// it, or, where a machine asked, a report of status 2 with the same facts.
Result<Report> query_report(Context& context, std::string_view query);

// Attributes, functions, aggregates, sources and stages, from the tables: `help query`.
std::string query_language_page();

}  // namespace coreheap::commands
