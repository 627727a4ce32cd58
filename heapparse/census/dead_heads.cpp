#include "heapparse/census/dead_heads.h"

#include <unordered_map>
#include <vector>

#include "heapparse/image/scan_words.h"

namespace coreheap::census {
namespace {

class Settler {
 public:
  Settler(const Sources& sources, RowsBuilder& rows, const LabelTable& labels)
      : sources_(sources), rows_(rows) {
    const Rows& all = rows.rows();
    const auto& runtime = *sources.runtime;
    const auto& traits = runtime.layout->traits;
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      const RowId row{i};
      if (all.state(row) != State::cached || all.allocator(row) == Allocator::pymalloc) continue;
      const Label& label = labels[all.label(row)];
      // A code object keeps a dead frame for its next call (up to 3.10).
      if (label.kind != Kind::free_list_object || label.detail == "frame") continue;
      dead_.push_back({row, false});
      // Where its object may begin; a list points there.
      for (const std::uint32_t head :
           {0U, runtime.gc_head_bytes, runtime.gc_head_bytes + traits.preheader_size}) {
        places_.emplace((all.address(row) + runtime.debug_chunk_prefix_bytes + head).value,
                        dead_.size() - 1);
      }
    }
  }

  void settle() {
    if (dead_.empty()) return;
    for (const image::Module& module : sources_.image.modules) {
      for (const AddressRange& range : module.data) look_at(range);
    }
    const auto& layout = *sources_.runtime->layout;
    for (const python::Interpreter& interpreter : sources_.runtime->interpreters) {
      look_at({interpreter.address, interpreter.address + layout.interpreter.struct_size});
      for (const Address thread : interpreter.thread_states) {
        look_at({thread, thread + layout.thread_state.struct_size});
      }
    }
    while (!work_.empty()) {
      const RowId row = dead_[work_.back()].row;
      work_.pop_back();
      const Address begin = rows_.rows().address(row);
      look_at({begin, begin + rows_.rows().size(row) - 8});
    }
    for (const Dead& dead : dead_) {
      if (dead.held) continue;
      rows_.set_state(dead.row, State::used);
      rows_.relabel(dead.row, label_of_kind(Kind::uncategorized));
    }
  }

 private:
  struct Dead {
    RowId row;
    bool held = false;
  };

  void look_at(AddressRange range) {
    image::scan_words(sources_.image.space, range, [&](Address, std::uint64_t word) {
      const auto it = places_.find(word);
      if (it != places_.end() && !dead_[it->second].held) {
        dead_[it->second].held = true;
        work_.push_back(it->second);
      }
      return true;
    });
  }

  const Sources& sources_;
  RowsBuilder& rows_;
  std::vector<Dead> dead_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
  std::vector<std::size_t> work_;
};

}  // namespace

void settle_dead_heads(const Sources& sources, RowsBuilder& rows, const LabelTable& labels) {
  if (sources.runtime == nullptr || sources.types == nullptr || !sources.pymalloc.arenas.empty()) {
    return;
  }
  Settler(sources, rows, labels).settle();
}

}  // namespace coreheap::census
