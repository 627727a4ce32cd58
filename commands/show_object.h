// The page of one object: what it is, its value, what it holds and what it takes.
#pragma once

#include "commands/report.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::commands {

// Columns of what an object holds.
std::vector<Column> member_columns();

struct ObjectSources {
  const image::Image& image;
  const census::Census& census;
  const python::Runtime* runtime = nullptr;  // without it only the census speaks
  const python::TypeTable* types = nullptr;
  Format format = Format::text;
};

// Adds the sections of the object in `row`. Its main table is `items`, or `attributes` where there
// are none. What `sources` refers to outlives the report.
Result<void> add_object(Report& report, const ObjectSources& sources, census::RowId row,
                        JobControl& job);

}  // namespace coreheap::commands
