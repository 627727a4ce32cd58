// One pass over the rows on every core.
#include "heapparse/usage/object_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include "heapparse/python/references.h"
#include "heapparse/usage/type_usage.h"

namespace coreheap::usage {

namespace {

using census::RowId;

constexpr std::size_t kRowsPerPiece = 1 << 15;

class Worker {
 public:
  Worker(const census::Census& census, const image::AddressSpace& space,
         const python::Runtime& runtime, const python::TypeTable& types)
      : census_(census), space_(space), decoder_(space, runtime, types) {}

  void look_at(RowId row) {
    if (!is_live_object(census_, row, false)) return;
    const auto object = decoder_.object(census_.rows.object(row));
    if (!object) return;  // 2.7's old-style instances have a class of their own for a type
    ++result.objects;
    python::for_each_reference(decoder_, *object, [&](const python::Reference& reference) {
      if (reference.guess) return;
      ++result.references;
      follow(*object, reference);
    });
  }

  ObjectCheck result;

 private:
  void add(Address at, const char* what, std::string evidence) {
    ++result.found;
    if (result.findings.size() < ObjectCheck::kMostListed) {
      result.findings.push_back({at, what, std::move(evidence), Severity::damage});
    }
  }

  void follow(const python::Object& holder, const python::Reference& reference) {
    const RowId row = census_.row_holding(reference.target);
    if (row != RowId::none && census_.rows.holds_object(row) &&
        census_.rows.state(row) == census::State::used &&
        census_.rows.object(row) == reference.target) {
      return;
    }
    const char* what = "reference to what is no object";
    if (row != RowId::none && census_.rows.state(row) != census::State::used) {
      what = "reference to a freed block";
    } else if (!space_.is_mapped(reference.target)) {
      what = "reference leads out of memory";
    } else if (row == RowId::none && decoder_.object(reference.target)) {
      return;  // a static object that no table of the target names
    }
    add(holder.address, what,
        fmt::format("{} of this {} is {:#x}", python::edge_text(decoder_, reference.name),
                    holder.type->name, reference.target.value));
  }

  const census::Census& census_;
  const image::AddressSpace& space_;
  python::Decoder decoder_;
};

}  // namespace

Result<ObjectCheck> check_objects(const census::Census& census, const image::Image& image,
                                  const python::Runtime& runtime, const python::TypeTable& types,
                                  JobControl& job) {
  const std::size_t n = census.rows.size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  std::vector<std::unique_ptr<Worker>> workers(worker_count(pieces));
  for (auto& worker : workers) {
    worker = std::make_unique<Worker>(census, image.space, runtime, types);
  }
  job.begin_step("following references", n);
  const auto done = parallel_for(pieces, job, [&](std::size_t piece, unsigned which) {
    const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
    for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
      workers[which]->look_at(RowId{static_cast<std::uint32_t>(i)});
    }
    job.advance(end - piece * kRowsPerPiece);
  });
  if (!done) return std::unexpected(done.error());
  ObjectCheck all;
  for (const auto& worker : workers) {
    all.found += worker->result.found;
    all.objects += worker->result.objects;
    all.references += worker->result.references;
    all.findings.insert(all.findings.end(), worker->result.findings.begin(),
                        worker->result.findings.end());
  }
  std::stable_sort(all.findings.begin(), all.findings.end(),
                   [](const Finding& a, const Finding& b) {
                     return std::tie(a.address, a.evidence) < std::tie(b.address, b.evidence);
                   });
  if (all.findings.size() > ObjectCheck::kMostListed) {
    all.findings.resize(ObjectCheck::kMostListed);
  }
  return all;
}

}  // namespace coreheap::usage
