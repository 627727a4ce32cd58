// One pass over the rows on every core, each worker with sums and a decoder of its own.
#include "heapparse/usage/type_usage.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "heapparse/python/shallow_size.h"

namespace coreheap::usage {

namespace {

constexpr std::size_t kRowsPerPiece = 1 << 16;

class Worker {
 public:
  Worker(const census::Census& census, const image::AddressSpace& space,
         const python::Runtime* runtime, const python::TypeTable* types, bool with_static,
         std::size_t groups, FunctionRef<std::uint32_t(census::RowId)> group_of)
      : census_(census), with_static_(with_static), group_of_(group_of), sums_(groups) {
    if (runtime == nullptr || runtime->layout == nullptr || types == nullptr) return;
    decoder_.emplace(space, *runtime, *types);
    fixed_.reserve(types->all().size());
    for (const python::PythonType& type : types->all()) {
      fixed_.push_back(python::fixed_shallow_size(type));
    }
  }

  void add(census::RowId row) {
    const census::Rows& rows = census_.rows;
    if (is_live_object(census_, row, with_static_)) {
      TypeUsage& sum = sums_[group_of_(row)];
      ++sum.objects;
      sum.own += rows.size(row);
      if (decoder_) measure(row, sum);
      return;
    }
    const census::RowId owner = rows.owner(row);
    if (owner == census::RowId::none || rows.state(row) != census::State::used ||
        !rows.holds_object(owner)) {
      return;
    }
    sums_[group_of_(owner)].buffers += rows.size(row);
  }

  const std::vector<TypeUsage>& sums() const { return sums_; }

 private:
  void measure(census::RowId row, TypeUsage& sum) {
    const std::uint32_t type = census::index_of(census_.rows.type(row));
    // Types behind the table's end are 2.7's old-style classes: their instances are of one C type.
    if (type < fixed_.size() && fixed_[type]) {
      sum.shallow += fixed_[type]->bytes;
      sum.overridden += fixed_[type]->overridden ? 1 : 0;
      return;
    }
    const auto object = decoder_->object(census_.rows.object(row));
    const auto size = object ? python::shallow_size(*decoder_, *object) : std::nullopt;
    if (!size) {
      ++sum.unsized;
      return;
    }
    sum.shallow += size->bytes;
    sum.overridden += size->overridden ? 1 : 0;
  }

  const census::Census& census_;
  bool with_static_;
  FunctionRef<std::uint32_t(census::RowId)> group_of_;
  std::vector<TypeUsage> sums_;
  std::optional<python::Decoder> decoder_;
  std::vector<std::optional<python::ShallowSize>> fixed_;  // by index of the TypeTable
};

}  // namespace

TypeUsage& TypeUsage::operator+=(const TypeUsage& other) {
  objects += other.objects;
  shallow += other.shallow;
  own += other.own;
  buffers += other.buffers;
  unsized += other.unsized;
  overridden += other.overridden;
  return *this;
}

bool is_live_object(const census::Census& census, census::RowId row, bool with_static) {
  return census.rows.holds_object(row) && census.rows.state(row) == census::State::used &&
         census.label_of(row).kind == census::Kind::python_object &&
         (with_static || census.rows.allocator(row) != census::Allocator::static_object);
}

Result<std::vector<TypeUsage>> type_usage(const census::Census& census,
                                          const image::AddressSpace& space,
                                          const python::Runtime* runtime,
                                          const python::TypeTable* types, bool with_static,
                                          JobControl& job) {
  const auto type_of = [&](census::RowId row) { return census::index_of(census.rows.type(row)); };
  return group_usage(census, space, runtime, types, with_static, census.types.size(), type_of, job);
}

Result<std::vector<TypeUsage>> group_usage(
    const census::Census& census, const image::AddressSpace& space, const python::Runtime* runtime,
    const python::TypeTable* types, bool with_static, std::size_t groups,
    FunctionRef<std::uint32_t(census::RowId)> group_of, JobControl& job) {
  const std::size_t n = census.rows.size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  job.begin_step("summing up objects", n);
  std::vector<std::unique_ptr<Worker>> workers(worker_count(pieces));
  for (auto& worker : workers) {
    worker = std::make_unique<Worker>(census, space, runtime, types, with_static, groups, group_of);
  }
  const auto done = parallel_for(pieces, job, [&](std::size_t piece, unsigned which) {
    const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
    for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
      workers[which]->add(census::RowId{static_cast<std::uint32_t>(i)});
    }
    job.advance(end - piece * kRowsPerPiece);
  });
  if (!done) return std::unexpected(done.error());
  std::vector<TypeUsage> sums(groups);
  for (const auto& worker : workers) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += worker->sums()[i];
  }
  return sums;
}

}  // namespace coreheap::usage
