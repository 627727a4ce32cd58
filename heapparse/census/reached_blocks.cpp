#include "heapparse/census/reached_blocks.h"

#include <algorithm>

#include "heapparse/census/object_classifier.h"
#include "heapparse/python/owned_buffers.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/types/str.h"

namespace coreheap::census {
namespace {

constexpr std::size_t kPollEvery = 1 << 14;
constexpr std::uint64_t kSmallest = 16;

class Reacher {
 public:
  explicit Reacher(const Sources& sources)
      : sources_(sources),
        decoder_(sources.image.space, *sources.runtime, *sources.types),
        classifier_(sources.image.space, *sources.runtime, *sources.types,
                    sources.pymalloc.geometry.alignment) {
    for (const auto& type : sources.types->all()) {
      owning_.push_back(python::may_own_buffers(*sources.runtime->layout, type));
    }
  }

  void add(const python::ClosureObject& reached) {
    const python::PythonType& type = (*sources_.types)[reached.type];
    const std::uint32_t offset = type.preheader + sources_.runtime->debug_prefix_bytes;
    const AddressRange* memory = memory_of(reached.address);
    if (memory == nullptr || reached.address - memory->begin < offset) return;
    const std::uint64_t room = memory->end - reached.address;
    const auto bytes = sources_.image.space.bytes_up_to(reached.address, room);
    std::uint64_t size = classifier_.object_bytes(bytes, type, reached.address);
    if (size > room) size = type.basicsize;  // its own count makes no sense
    if (size > room) return;
    ReachedBlock block{reached.address - offset, offset + std::max(size, kSmallest), reached.type,
                       offset, false};
    if (type.shape == python::Shape::str) {
      const auto view = python::view_str(decoder_.reader(), reached.address);
      block.interned = view && view->interned != 0;
    }
    blocks_.push_back(block);
    if (owning_[reached.type]) add_buffers({reached.address, &type}, size);
  }

  std::vector<ReachedBlock> take() {
    // Objects before buffers that claim the same place.
    std::sort(blocks_.begin(), blocks_.end(), [](const ReachedBlock& a, const ReachedBlock& b) {
      return std::pair(a.address, !a.is_object()) < std::pair(b.address, !b.is_object());
    });
    std::vector<ReachedBlock> out;
    for (ReachedBlock& block : blocks_) {
      if (!out.empty()) {
        ReachedBlock& last = out.back();
        if (block.address == last.address) continue;
        if (block.address < last.address + last.size) {
          // Sizes are what objects claim; the next object's place is a fact.
          if (!block.is_object()) continue;
          last.size = block.address - last.address;
        }
      }
      out.push_back(block);
    }
    return out;
  }

 private:
  const AddressRange* memory_of(Address a) {
    if (last_ != nullptr && last_->contains(a)) return last_;
    const auto& memory = sources_.other->memory;
    const auto it = std::upper_bound(memory.begin(), memory.end(), a,
                                     [](Address x, const AddressRange& m) { return x < m.end; });
    if (it == memory.end() || !it->contains(a)) return nullptr;
    return last_ = &*it;
  }

  // What an owner's __sizeof__ counts beyond the object is its buffers: of one it is the size, of
  // several of a kind it is shared out evenly (blocks of a deque).
  void add_buffers(const python::Object& object, std::uint64_t own_size) {
    starts_.clear();
    bool one_kind = true;
    python::for_each_owned_buffer(decoder_, object, [&](const python::OwnedBuffer& buffer) {
      one_kind = one_kind && (starts_.empty() || starts_.front().kind == buffer.kind);
      starts_.push_back(buffer);
    });
    if (starts_.empty() || !one_kind) return;
    const auto shallow = python::shallow_size(decoder_, object);
    const std::uint64_t counted = own_size + object.type->preheader;
    if (!shallow || shallow->bytes <= counted) return;
    const std::uint64_t each = (shallow->bytes - counted) / starts_.size();
    for (const python::OwnedBuffer& buffer : starts_) {
      const Address start = buffer.start - sources_.runtime->debug_prefix_bytes;
      const AddressRange* memory = memory_of(start);
      if (memory == nullptr || each == 0 || memory->end - start < each) continue;
      blocks_.push_back({start, each, ReachedBlock::kBuffer, 0, false});
    }
  }

  const Sources& sources_;
  python::Decoder decoder_;
  ObjectClassifier classifier_;
  std::vector<bool> owning_;
  std::vector<ReachedBlock> blocks_;
  std::vector<python::OwnedBuffer> starts_;
  const AddressRange* last_ = nullptr;
};

}  // namespace

std::vector<ReachedBlock> find_reached_blocks(const Sources& sources, JobControl& job) {
  if (sources.other == nullptr || sources.closure == nullptr || sources.runtime == nullptr ||
      sources.types == nullptr) {
    return {};
  }
  Reacher reacher(sources);
  std::size_t n = 0;
  for (const python::ClosureObject& object : sources.closure->objects) {
    if ((++n & (kPollEvery - 1)) == 0 && job.cancelled()) break;
    reacher.add(object);
  }
  return reacher.take();
}

}  // namespace coreheap::census
