// From a tree to a plan: names, types, and everything that can be wrong with a query before it
// runs.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "querylang/plan.h"
#include "querylang/syntax.h"

namespace coreheap::query {

// `saved`: the variables of the session. Errors: see tests/query/errors, where each has its text.
Checked<QueryPlan> check(const Script& script, std::string_view text,
                         const std::set<std::string, std::less<>>& saved);

// Parses and checks.
Checked<QueryPlan> plan(std::string_view text, const std::set<std::string, std::less<>>& saved);

}  // namespace coreheap::query
