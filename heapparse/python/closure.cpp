// A worklist over a set of what was seen: a bit an eighth byte of the image, so memory is bounded
// by the bytes present and cycles end. Nothing recurses.
#include "heapparse/python/closure.h"

#include <algorithm>
#include <unordered_map>

#include "heapparse/image/scan_words.h"
#include "heapparse/python/chain_guard.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/python/references.h"
#include "heapparse/python/threads.h"
#include "heapparse/python/types/frame.h"

namespace coreheap::python {
namespace {

constexpr std::size_t kReportEvery = 1 << 16;

// Addresses of the image, each seen or not.
class SeenSet {
 public:
  explicit SeenSet(const image::AddressSpace& space) {
    for (const image::Piece& piece : space.pieces()) {
      parts_.push_back({piece.range, std::vector<std::uint64_t>(piece.range.size() / 512 + 1)});
    }
  }
  // False when it was there already, or lies nowhere.
  bool add(Address a) {
    if (!find_part(a)) return false;
    std::uint64_t& word = word_of(a);
    if ((word & mask_of(a)) != 0) return false;
    word |= mask_of(a);
    return true;
  }
  bool contains(Address a) { return find_part(a) && (word_of(a) & mask_of(a)) != 0; }

 private:
  bool find_part(Address a) {
    if (last_ != nullptr && last_->range.contains(a)) return true;
    const auto it = std::upper_bound(parts_.begin(), parts_.end(), a,
                                     [](Address x, const Part& p) { return x < p.range.begin; });
    if (it == parts_.begin() || !(it - 1)->range.contains(a)) return false;
    last_ = &*(it - 1);
    return true;
  }
  std::uint64_t& word_of(Address a) { return last_->bits[(a - last_->range.begin) / 512]; }
  std::uint64_t mask_of(Address a) const {
    return std::uint64_t{1} << ((a - last_->range.begin) / 8 % 64);
  }

  struct Part {
    AddressRange range;
    std::vector<std::uint64_t> bits;
  };
  std::vector<Part> parts_;  // sorted, disjoint
  Part* last_ = nullptr;
};

class Walk {
 public:
  Walk(const image::Image& image, const Runtime& runtime, const TypeTable& types, JobControl& job)
      : image_(image),
        runtime_(runtime),
        job_(job),
        decoder_(image.space, runtime, types),
        seen_(image.space),
        words_(image.space.word_count()) {}

  Result<Closure> run() {
    job_.begin_step("following references", 0);
    const GcStates states = find_gc_states(image_, runtime_);
    auto lists = GcMembers::walk(image_, runtime_, states, job_);
    if (!lists) return std::unexpected(std::move(lists.error()));
    lists->for_each([&](Address object) { add(object); });
    count_from(&Closure::from_lists);
    add_states();
    count_from(&Closure::from_states);
    add_frames();
    count_from(&Closure::from_frames);
    // A class that is alive is on a list; what else looks like one was freed.
    for (const PythonType& type : decoder_.types().all()) {
      if (type.is_static) add(type.address);
    }
    for (const image::Module& module : image_.modules) {
      for (const AddressRange& range : module.data) add_words(range);
    }
    count_from(&Closure::from_modules);
    while (!work_.empty()) {
      if ((out_.objects.size() & (kReportEvery - 1)) == 0 && job_.cancelled()) {
        return fail(ErrorCode::cancelled, "job", "cancelled");
      }
      const ClosureObject at = work_.back();
      work_.pop_back();
      const Object object{at.address, &decoder_.types()[at.type]};
      if (object.type->shape == Shape::type) add_waiting(at.address);
      for_each_reference(decoder_, object, [&](const Reference& r) {
        r.guess ? add_word(r.target.value) : add(r.target);
      });
    }
    std::sort(out_.objects.begin(), out_.objects.end(),
              [](const auto& a, const auto& b) { return a.address < b.address; });
    return std::move(out_);
  }

 private:
  void count_from(std::size_t Closure::*figure) {
    out_.*figure = out_.objects.size() - counted_;
    counted_ = out_.objects.size();
  }

  // What somebody who knows what he holds refers to.
  void add(Address a) {
    if (!a || !a.is_aligned(8)) return;
    const auto header = decoder_.reader().header(a);
    if (!header || !header->refcount.plausible || header->refcount.dead()) return;
    const auto type = decoder_.types().find(header->type);
    if (!type) return;
    const PythonType& found = decoder_.types()[*type];
    // Types are known one by one.
    if (found.shape == Shape::type && !decoder_.types().find(a)) return;
    if (!seen_.add(a)) return;
    out_.objects.push_back({a, *type});
    work_.push_back(out_.objects.back());
  }

  // A word of raw memory, which may be anything: its object's head must agree as well.
  void add_word(std::uint64_t word) {
    const Address a{word};
    if (word < 4096 || !a.is_aligned(8)) return;
    const auto header = decoder_.reader().header(a);
    if (!header || !header->refcount.plausible || header->refcount.dead()) return;
    const PythonType* type = decoder_.type_at(header->type);
    if (type == nullptr) return;
    const auto gc = object_gc(decoder_.reader(), runtime_, *type, a);
    if (type->is_gc && !gc) return;
    // Whatever the collector tracks is on a list, and the lists were walked first. A number before
    // a pointer to a class (the length of a tuple of classes) is what else looks like this.
    if (type->is_gc && gc->collectable && gc->tracked && !seen_.contains(a)) return;
    // A refcount that is an address, the hash of one (tables have it in front of their keys; small
    // where the program is not relocated), or more than there are words, is the first word of
    // something else.
    if (!header->refcount.immortal && header->refcount.count >= 0x10000) {
      const auto count = static_cast<std::uint64_t>(header->refcount.count);
      if (image_.space.is_mapped(Address{count}) || image_.space.is_mapped(Address{count << 4}) ||
          exceeds_all_words(header->refcount.count)) {
        return;
      }
    }
    // Neighbouring variables of a module, a number and a class, look like an object's head. What
    // the collector may track is compiled in only where it never dies (types are known one by one).
    constexpr std::int64_t kNeverDies = 900'000'000;
    if (type->is_gc && !header->refcount.immortal && header->refcount.count < kNeverDies &&
        !decoder_.type_at(a) && in_module_data(a)) {
      return;
    }
    // Memory that was never cleared may name a class that is gone, and whose bytes are intact.
    if (!type->is_static && !seen_.contains(type->address)) {
      waiting_[type->address].push_back(a);
      return;
    }
    add(a);
  }

  void add_waiting(Address type) {
    const auto waiting = waiting_.extract(type);
    if (!waiting) return;
    for (const Address a : waiting.mapped()) add(a);
  }

  bool exceeds_all_words(std::int64_t refcount) const {
    const std::int64_t compiled_in = runtime_.layout->traits.compiled_in_refcount;
    const std::int64_t counted = refcount >= compiled_in ? refcount - compiled_in : refcount;
    return static_cast<std::uint64_t>(counted) > words_;
  }

  bool in_module_data(Address a) const {
    return std::any_of(image_.modules.begin(), image_.modules.end(), [&](const auto& module) {
      return std::any_of(module.data.begin(), module.data.end(),
                         [&](const AddressRange& range) { return range.contains(a); });
    });
  }

  void add_words(AddressRange range) {
    image::scan_words(image_.space, range, [&](Address, std::uint64_t word) {
      add_word(word);
      return true;
    });
  }

  void add_states() {
    const auto& l = decoder_.layout();
    for (const Interpreter& interpreter : runtime_.interpreters) {
      for (const Address dict : {interpreter.modules, interpreter.sysdict, interpreter.builtins}) {
        add(dict);
      }
      add_words({interpreter.address, interpreter.address + l.interpreter.struct_size});
      for (const Address thread : interpreter.thread_states) {
        add_words({thread, thread + l.thread_state.struct_size});
      }
    }
  }

  void add_frames() {
    const bool objects = decoder_.traits().frame_form == layouts::FrameForm::kFrameObjects;
    for (const PythonThread& thread : read_threads(image_, decoder_, {})) {
      for (const PythonFrame& shown : thread.frames) {
        add(shown.object);
        add(shown.code_object);
        const auto frame = objects ? view_frame(decoder_, shown.frame)
                                   : view_interpreter_frame(decoder_, shown.frame);
        if (!frame) continue;
        for (const Address a : {frame->function, frame->globals, frame->mapping}) add(a);
        for_each_slot(decoder_, *frame, [&](const FrameSlot& slot) { add(slot.word.object); });
      }
      add(thread.raising);
      add(thread.handling);
    }
  }

  const image::Image& image_;
  const Runtime& runtime_;
  JobControl& job_;
  Decoder decoder_;
  SeenSet seen_;
  std::uint64_t words_;  // of the image: no object has more references to it
  std::vector<ClosureObject> work_;
  std::unordered_map<Address, std::vector<Address>> waiting_;  // by the class that was not reached
  Closure out_;
  std::size_t counted_ = 0;
};

}  // namespace

Result<Closure> objects_by_closure(const image::Image& image, const Runtime& runtime,
                                   const TypeTable& types, JobControl& job) {
  return Walk(image, runtime, types, job).run();
}

}  // namespace coreheap::python
