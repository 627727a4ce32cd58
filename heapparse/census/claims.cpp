#include "heapparse/census/claims.h"

#include <algorithm>
#include <mutex>

#include "heapparse/python/freelists.h"
#include "heapparse/python/owned_buffers.h"

namespace coreheap::census {
namespace {

constexpr std::size_t kRowsPerPiece = 1 << 17;

Kind kind_of(python::BufferKind kind) {
  using python::BufferKind;
  switch (kind) {
    case BufferKind::list_items:
      return Kind::list_items;
    case BufferKind::dict_keys:
      return Kind::dict_keys;
    case BufferKind::dict_keys_shared:
      return Kind::dict_keys_shared;
    case BufferKind::dict_values:
      return Kind::dict_values;
    case BufferKind::dict_table:
      return Kind::dict_table;
    case BufferKind::set_table:
      return Kind::set_table;
    case BufferKind::bytearray_bytes:
      return Kind::bytearray_bytes;
    case BufferKind::str_data:
      return Kind::str_data;
    case BufferKind::str_utf8:
      return Kind::str_utf8;
    case BufferKind::str_wstr:
      return Kind::str_wstr;
    case BufferKind::deque_block:
      return Kind::deque_block;
    case BufferKind::odict_nodes:
      return Kind::odict_nodes;
    case BufferKind::array_items:
      return Kind::array_items;
    case BufferKind::type_name:
      return Kind::type_name;
    case BufferKind::type_data:
      return Kind::type_data;
    case BufferKind::code_data:
      return Kind::code_data;
    case BufferKind::stringio_buffer:
      return Kind::stringio_buffer;
    case BufferKind::io_buffer:
      return Kind::io_buffer;
    case BufferKind::iterator_state:
      return Kind::iterator_state;
    case BufferKind::memo_table:
      return Kind::memo_table;
    case BufferKind::digits:
      return Kind::decimal_digits;
    case BufferKind::element_children:
      return Kind::element_children;
    case BufferKind::stream_state:
      return Kind::stream_state;
    case BufferKind::format_codes:
      return Kind::format_codes;
    case BufferKind::ctypes_data:
      return Kind::ctypes_data;
    case BufferKind::module_state:
      return Kind::module_state;
    case BufferKind::lock:
      return Kind::python_lock;
    case BufferKind::other:
      return Kind::object_buffer;
  }
  return Kind::object_buffer;
}

struct Claim {
  RowId buffer;
  RowId owner;
  Kind kind;
};

class Claimer {
 public:
  Claimer(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
          const std::vector<bool>& owning)
      : index_(index),
        rows_(rows),
        owning_(owning),
        prefix_(sources.runtime->debug_prefix_bytes),
        chunk_prefix_(sources.runtime->debug_chunk_prefix_bytes),
        decoder_(sources.image.space, *sources.runtime, *sources.types) {}

  // Calls found(buffer row, kind) for each buffer of the object in `owner` that is a row.
  template <class Found>
  void for_each(RowId owner, Found&& found) {
    const Rows& rows = rows_.rows();
    if (rows_.owns_nothing(owner)) return;
    const TypeId type = rows.type(owner);
    if (type == TypeId::none || index_of(type) >= owning_.size() || !owning_[index_of(type)]) {
      return;
    }
    const python::Object object{rows.object(owner), &decoder_.types()[index_of(type)]};
    python::for_each_owned_buffer(decoder_, object, [&](const python::OwnedBuffer& b) {
      RowId row = index_.exact(b.start - prefix_);
      if (row == RowId::none && chunk_prefix_ != prefix_) {
        row = index_.exact(b.start - chunk_prefix_);
      }
      if (row == RowId::none || row == owner || rows.state(row) == State::free) return;
      // Raw memory that was compiled in (an empty table, a cached name) is everybody's.
      if (rows.allocator(row) == Allocator::static_object) return;
      found(row, kind_of(b.kind));
    });
  }

  void claim(RowId owner) {
    for_each(owner, [&](RowId buffer, Kind kind) {
      if (rows_.rows().holds_object(buffer) || rows_.rows().state(buffer) == State::cached) {
        contradictions.push_back({buffer, owner, kind});
      } else {
        rows_.claim(buffer, owner, label_of_kind(kind));
      }
    });
  }

  std::vector<Claim> contradictions;

 private:
  const RowIndex& index_;
  RowsBuilder& rows_;
  const std::vector<bool>& owning_;
  std::uint32_t prefix_;
  std::uint32_t chunk_prefix_;
  python::Decoder decoder_;
};

}  // namespace

Result<void> claim_buffers(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                           const std::vector<RowId>& doubtful, JobControl& job) {
  if (sources.runtime == nullptr || sources.types == nullptr) return {};
  std::vector<bool> owning;
  for (const auto& type : sources.types->all()) {
    owning.push_back(python::may_own_buffers(*sources.runtime->layout, type));
  }
  const std::size_t n = rows.rows().size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  job.begin_step("tying buffers to owners", n);
  std::vector<std::unique_ptr<Claimer>> claimers(worker_count(pieces));
  for (auto& c : claimers) c = std::make_unique<Claimer>(sources, index, rows, owning);

  const auto claim_all = [&] {
    return parallel_for(pieces, job, [&](std::size_t piece, unsigned worker) {
      const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
      auto doubt = std::lower_bound(doubtful.begin(), doubtful.end(),
                                    RowId{static_cast<std::uint32_t>(piece * kRowsPerPiece)});
      for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
        const RowId row{static_cast<std::uint32_t>(i)};
        while (doubt != doubtful.end() && *doubt < row) ++doubt;
        if (doubt != doubtful.end() && *doubt == row) continue;
        claimers[worker]->claim(row);
      }
      job.advance(end - piece * kRowsPerPiece);
    });
  };
  if (auto done = claim_all(); !done) return done;

  // Blocks that looked like objects (or dead ones) and are claimed: they are buffers, and what they
  // themselves claimed is void. In row order, so that the outcome does not depend on the workers.
  std::vector<Claim> contradictions;
  for (const auto& c : claimers) {
    contradictions.insert(contradictions.end(), c->contradictions.begin(), c->contradictions.end());
  }
  std::sort(contradictions.begin(), contradictions.end(), [](const Claim& a, const Claim& b) {
    return std::pair(index_of(a.buffer), index_of(a.owner)) <
           std::pair(index_of(b.buffer), index_of(b.owner));
  });
  Claimer& claimer = *claimers.front();
  bool voided = false;
  for (const Claim& c : contradictions) {
    if (!rows.rows().holds_object(c.owner)) continue;  // the owner was a buffer itself
    if (rows.rows().holds_object(c.buffer)) {
      claimer.for_each(c.buffer, [&](RowId buffer, Kind) {
        if (rows.rows().owner(buffer) != c.buffer) return;
        voided = true;
        rows.set_owner(buffer, RowId::none);
        rows.relabel(buffer, label_of_kind(Kind::uncategorized));
      });
      rows.clear_object(c.buffer);
    }
    rows.set_state(c.buffer, State::used);
    rows.claim(c.buffer, c.owner, label_of_kind(c.kind));
  }
  // What an impostor had taken may be another's, who came second.
  if (voided) {
    if (auto done = claim_all(); !done) return done;
  }
  for (const RowId row : doubtful) {
    if (rows.rows().holds_object(row)) claimer.claim(row);
  }
  return {};
}

void mark_free_lists(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                     LabelTable& labels) {
  if (sources.runtime == nullptr || sources.types == nullptr) return;
  const auto& runtime = *sources.runtime;
  for (const auto& entry : python::free_list_entries(sources.image.space, runtime)) {
    for (const std::uint32_t head : {0U, runtime.gc_head_bytes}) {
      const RowId row = index.exact(entry.address - head - runtime.debug_prefix_bytes);
      if (row == RowId::none || rows.rows().state(row) == State::free) continue;
      rows.clear_object(row);
      rows.set_state(row, State::cached);
      rows.relabel(row, labels.intern(Kind::free_list_object, std::string(entry.list)));
      break;
    }
  }
}

}  // namespace coreheap::census
