// Answers of the query language as reports: what `select` and `query` have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/registry.h"

namespace coreheap::commands {

// Runs the query and makes a report of its rows. What is wrong with a query is an Error that shows
// it, or, where a machine asked, a report of status 2 with the same facts.
Result<Report> query_report(Context& context, std::string_view text);

// Is this word no address, no row number and no name of a type?
bool is_query(std::string_view word);
// Is a line of words one query, typed as it is: type == "app.Node" and .closed == true?
bool reads_as_query(std::string_view line);

// What the allocators returned for the rows of a query; an error where it makes a table.
Result<std::vector<Address>> queried_addresses(Context& context, std::string_view text);

// Attributes, functions, aggregates, sources and stages, from the tables: `help query`.
std::string query_language_page();

}  // namespace coreheap::commands
