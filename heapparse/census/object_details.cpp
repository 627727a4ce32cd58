// A dict is an object like any other, but who looks at ten thousand of them wants to know whose
// they are. The link goes from the instance to its dict and is exact; a dict that several instances
// share (the Borg pattern) is named after one of them.
#include "heapparse/census/object_details.h"

#include <algorithm>

#include "heapparse/python/types/instance.h"

namespace coreheap::census {
namespace {

constexpr std::size_t kRowsPerPiece = 1 << 17;

bool has_attributes(const layouts::Layout& layout, const python::PythonType& type) {
  return type.dictoffset != 0 || (type.flags & layout.traits.type_flags.managed_dict) != 0;
}

}  // namespace

Result<void> label_object_details(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                                  LabelTable& labels, JobControl& job) {
  if (sources.runtime == nullptr || sources.types == nullptr) return {};
  const auto& layout = *sources.runtime->layout;
  const auto& types = *sources.types;
  // A label a type, made before the workers start.
  std::vector<LabelId> attributes_of(types.all().size(), LabelId::none);
  for (std::size_t t = 0; t < attributes_of.size(); ++t) {
    const auto& type = types.all()[t];
    if (has_attributes(layout, type)) {
      attributes_of[t] = labels.intern(Kind::python_object, "attributes of " + type.name);
    }
  }
  const std::size_t n = rows.rows().size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  job.begin_step("naming dicts", n);
  return parallel_for(pieces, job, [&](std::size_t piece, unsigned) {
    python::ObjectReader reader(sources.image.space, layout);
    const Rows& table = rows.rows();
    const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
    for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
      const RowId row{static_cast<std::uint32_t>(i)};
      const std::uint32_t type_index = index_of(table.type(row));
      if (type_index >= attributes_of.size()) continue;
      if (attributes_of[type_index] == LabelId::none) continue;
      const auto& type = types[type_index];
      const auto dict = python::instance_dict(reader, type, table.object(row));
      if (!dict) continue;
      for (const std::uint32_t prefix :
           {sources.runtime->debug_prefix_bytes, sources.runtime->debug_chunk_prefix_bytes}) {
        const RowId held = index.exact(*dict - sources.runtime->gc_head_bytes - prefix);
        if (held == RowId::none || !table.holds_object(held)) continue;
        const std::uint32_t held_type = index_of(table.type(held));
        if (held_type < attributes_of.size() && types[held_type].shape == python::Shape::dict) {
          rows.relabel_shared(held, attributes_of[type_index]);
        }
        break;
      }
    }
    job.advance(end - piece * kRowsPerPiece);
  });
}

}  // namespace coreheap::census
