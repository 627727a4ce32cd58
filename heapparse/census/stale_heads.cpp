#include "heapparse/census/stale_heads.h"

#include <algorithm>
#include <memory>

#include "heapparse/census/labels.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/python/references.h"

namespace coreheap::census {
namespace {

constexpr std::size_t kRowsPerPiece = 1 << 17;

// Dicts and tuples (struct sequences among them) stay unlisted while they hold nothing but atoms,
// and may be constants that many refer to. What else is not listed (context variables, capsules,
// frames that run) has few holders.
constexpr std::int64_t kMostHolders = 1 << 16;

class Settler {
 public:
  Settler(const Sources& sources, RowsBuilder& rows, const std::vector<RowId>& doubtful)
      : rows_(rows),
        doubtful_(doubtful),
        decoder_(sources.image.space, *sources.runtime, *sources.types) {}

  void look_at(RowId row) {
    const Rows& all = rows_.rows();
    if (all.allocator(row) != Allocator::glibc || all.state(row) != State::used ||
        !all.holds_object(row)) {
      return;
    }
    const std::uint32_t type = index_of(all.type(row));
    if (type >= decoder_.types().all().size()) return;  // 2.7's old-style instances
    const python::Object object{all.object(row), &decoder_.types()[type]};
    const bool in_doubt = std::binary_search(doubtful_.begin(), doubtful_.end(), row);
    const Voucher voucher = object.type->is_gc ? voucher_of(object) : Voucher::listed;
    if (voucher == Voucher::listed && !in_doubt) return;
    if (refers_to_objects(object) && !(voucher == Voucher::untracked && is_overcounted(object))) {
      return;
    }
    rows_.clear_object(row);
    rows_.relabel(row, label_of_kind(Kind::uncategorized));
  }

 private:
  // What the words in front say of the collector: that it has the object in a list, in which the
  // next one points back, or does not, or never knew of the object. During a collection links back
  // are counts (from 3.8 on): then its references alone decide.
  enum class Voucher { listed, unlinked, untracked };

  Voucher voucher_of(const python::Object& object) {
    const auto gc =
        python::object_gc(decoder_.reader(), decoder_.runtime(), *object.type, object.address);
    if (!gc || !gc->collectable) return Voucher::listed;
    if (!gc->tracked) return Voucher::untracked;
    if (decoder_.traits().gc_bits_in_object) return Voucher::listed;
    const Address head = object.address - decoder_.runtime().gc_head_bytes;
    const std::uint64_t mask = decoder_.traits().gc_link_mask;
    const auto next = decoder_.memory().read<std::uint64_t>(head);
    if (!next) return Voucher::listed;
    const auto back = decoder_.memory().read<std::uint64_t>(Address{*next & mask} + 8);
    return back && (*back & mask) == head.value ? Voucher::listed : Voucher::unlinked;
  }

  // Whether more of what it refers to are objects than are none: damage elsewhere may have taken
  // one of many. What the image does not hold may be an object.
  bool refers_to_objects(const python::Object& object) {
    const auto& space = decoder_.memory().space();
    std::uint64_t sound = 0;
    std::uint64_t broken = 0;
    python::for_each_reference(decoder_, object, [&](const python::Reference& reference) {
      if (reference.guess) return;
      const bool is_object = decoder_.object(reference.target).has_value() ||
                             space.presence(reference.target) == image::Presence::missing;
      ++(is_object ? sound : broken);
    });
    return broken == 0 || sound > broken;
  }

  bool is_overcounted(const python::Object& object) {
    if (object.type->shape == python::Shape::tuple || object.type->shape == python::Shape::dict) {
      return false;
    }
    const auto header = decoder_.reader().header(object.address);
    return header && !header->refcount.immortal && header->refcount.count > kMostHolders;
  }

  RowsBuilder& rows_;
  const std::vector<RowId>& doubtful_;
  python::Decoder decoder_;
};

}  // namespace

Result<void> settle_stale_heads(const Sources& sources, RowsBuilder& rows,
                                const std::vector<RowId>& doubtful, JobControl& job) {
  if (sources.runtime == nullptr || sources.types == nullptr) return {};
  const std::size_t n = rows.rows().size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  job.begin_step("telling objects from what they left", n);
  std::vector<std::unique_ptr<Settler>> settlers(worker_count(pieces));
  for (auto& s : settlers) s = std::make_unique<Settler>(sources, rows, doubtful);
  return parallel_for(pieces, job, [&](std::size_t piece, unsigned worker) {
    const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
    for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
      settlers[worker]->look_at(RowId{static_cast<std::uint32_t>(i)});
    }
    job.advance(end - piece * kRowsPerPiece);
  });
}

}  // namespace coreheap::census
