// From text to a tree.
#pragma once

#include <span>
#include <string_view>

#include "querylang/syntax.h"

namespace coreheap::query {

// Errors: too-long, too-deep, unterminated-string, unknown-stage, missing-bar, incomplete, syntax.
Checked<Script> parse(std::string_view text);

// Words of the grammar itself, which are no names.
std::span<const std::string_view> reserved_words();
// "where", "group by" ...
std::span<const std::string_view> stage_words();

}  // namespace coreheap::query
