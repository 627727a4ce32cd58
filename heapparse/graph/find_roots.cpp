// In the order in which a way prefers them: roots of one kind are added together.
#include "heapparse/graph/find_roots.h"

#include <fmt/format.h>

#include <algorithm>

#include "heapparse/graph/edge_names.h"
#include "heapparse/python/threads.h"
#include "heapparse/python/types/frame.h"

namespace coreheap::graph {
namespace {

using census::Kind;
using census::RangeKind;

constexpr std::size_t kMaxFrames = 1 << 20;

class Finder {
 public:
  Finder(const Sources& sources, const NodeTable& nodes)
      : sources_(sources), nodes_(nodes), rows_(sources.census.rows) {
    out_.edges = RootEdges(nodes.size());
  }

  FoundRoots run() {
    if (sources_.runtime != nullptr && sources_.types != nullptr) python();
    statics();
    globals();
    other_memory();
    c_runtime();
    out_.immortal_root = add(RootKind::immortal, "immortal objects");
    stacks();
    out_.orphan_root = add(RootKind::orphan_block, "(native blocks nothing points to)");
    out_.reference_root = add(RootKind::c_references, "(C references)");
    out_.unreachable_root = add(RootKind::unreachable, "(unreachable)");
    return std::move(out_);
  }

 private:
  std::uint32_t add(RootKind kind, std::string name, Address address = {},
                    std::uint32_t thread = 0xffffffff) {
    out_.roots.push_back({kind, std::move(name), address, thread});
    return out_.edges.add_root(is_anchored(kind));
  }

  // Adds the edge when a node lies there.
  bool hold(std::uint32_t root, Address target) {
    const NodeId node = target ? nodes_.find(target) : NodeId::none;
    if (node == NodeId::none) return false;
    out_.edges.add(root, index_of(node));
    return true;
  }

  void python() {
    const auto& runtime = *sources_.runtime;
    python::Decoder decoder(sources_.image.space, runtime, *sources_.types);
    const bool several = runtime.interpreters.size() > 1;
    const auto of = [&](const python::Interpreter& one) {
      return several ? fmt::format(" of interpreter {}", one.id) : std::string();
    };
    for (const auto& one : runtime.interpreters) {
      hold(add(RootKind::modules, "sys.modules" + of(one), one.address), one.modules);
    }
    frames(decoder);
    for (const auto& one : runtime.interpreters) {
      const std::uint32_t root =
          add(RootKind::interpreter, "interpreter state" + of(one), one.address);
      for (const Address dict : {one.sysdict, one.builtins}) hold(root, dict);
      state(root, one.address, decoder.layout().interpreter.struct_size);
      if (first_interpreter_ == 0) first_interpreter_ = root;
    }
  }

  void frames(python::Decoder& decoder) {
    const auto& layout = decoder.layout();
    const bool objects = decoder.traits().frame_form == layouts::FrameForm::kFrameObjects;
    const auto threads = python::read_threads(sources_.image, decoder, {.max_frames = 0});
    std::vector<std::uint32_t> ids;
    std::size_t left = kMaxFrames;
    for (const auto& thread : threads) {
      const std::uint32_t index = image_thread(thread.native_id);
      const std::string who = name_of(thread);
      if (!objects) {
        python::for_each_frame(decoder, thread.state, [&](const python::FrameView& frame) {
          if (frame.owner != python::FrameView::Owner::thread || left == 0) return;
          --left;
          const auto shown = python::read_frame(decoder, frame, false);
          const std::uint32_t root =
              add(RootKind::frame, name_of_frame(shown) + " in " + who, frame.address, index);
          python::for_each_frame_reference(decoder, frame, [&](const python::Reference& one) {
            const NodeId node = nodes_.find(one.target);
            if (node == NodeId::none) return;
            out_.edges.add(root, index_of(node));
            if (one.counted) out_.counted.push_back(index_of(node));
          });
          if (frame.stack_height) return;
          // The interpreter keeps its height in a register: what lies there may be left over.
          const Address stack = frame.slots + frame.variables * 8;
          out_.states.push_back({{stack, stack + frame.executable.stack_slots * 8}, root});
        });
      }
      const std::uint32_t root = add(RootKind::thread, who, thread.state, index);
      if (objects) {
        // Whoever runs a frame owns it; the thread only knows the innermost.
        python::for_each_frame(decoder, thread.state, [&](const python::FrameView& frame) {
          if (left == 0) return;
          --left;
          const NodeId node = nodes_.find(frame.address);
          if (node == NodeId::none) return;
          out_.edges.add(root, index_of(node));
          out_.borrowed.emplace_back(root, index_of(node));
          if (frame.stack_height) return;
          const Address stack = frame.slots + frame.variables * 8;
          out_.states.push_back(
              {{stack, stack + frame.executable.stack_slots * 8}, index_of(node)});
        });
      }
      state(root, thread.state,
            std::max(layout.thread_state.struct_size, layout.thread_state_impl.struct_size));
    }
  }

  static std::string name_of(const python::PythonThread& thread) {
    std::string name = "thread";
    if (thread.native_id) name += fmt::format(" {}", *thread.native_id);
    if (!thread.name.empty()) name += fmt::format(" ({})", thread.name);
    return name;
  }

  std::uint32_t image_thread(std::optional<std::uint64_t> tid) const {
    const auto& threads = sources_.image.threads;
    for (std::size_t i = 0; tid && i < threads.size(); ++i) {
      if (threads[i].tid == *tid) return static_cast<std::uint32_t>(i);
    }
    return 0xffffffff;
  }

  // The state struct at `a`: in a block of its own, or in the data of a file.
  void state(std::uint32_t root, Address a, std::uint64_t bytes) {
    AddressRange range{a, a + bytes};
    const census::RowId row = sources_.census.row_holding(a);
    const NodeId node = row == census::RowId::none ? NodeId::none : nodes_.node(row);
    if (node != NodeId::none && !nodes_.is_object(node)) {
      out_.edges.add(root, index_of(node));
      range.begin = rows_.address(row);
      range.end = sources_.census.extent_of(row).end;
      states_in_blocks_.push_back(index_of(node));
    } else {
      states_in_data_.push_back(range);
    }
    out_.states.push_back({range, root});
  }

  void statics() {
    out_.static_root = add(RootKind::static_object, "static objects");
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (rows_.allocator(nodes_.row(NodeId{i})) == census::Allocator::static_object) {
        out_.edges.add(out_.static_root, i);
      }
    }
  }

  // Do the decoders know all that this static object holds? A module's definition keeps a copy of
  // the module's dict, which no object shows.
  bool is_decoded(census::RowId row) const {
    const std::uint32_t type = census::index_of(rows_.type(row));
    if (sources_.types == nullptr || type >= sources_.types->all().size()) return true;
    return (*sources_.types)[type].name != "moduledef";
  }

  // Calls visit for what is left of `range` when static objects and states are cut out.
  template <class Visit>
  void without_known(AddressRange range, Visit&& visit) const {
    std::vector<AddressRange> known;
    for (const AddressRange& one : states_in_data_) {
      if (one.begin < range.end && range.begin < one.end) known.push_back(one);
    }
    const auto addresses = rows_.addresses();
    auto it = std::lower_bound(addresses.begin(), addresses.end(), range.begin.value);
    if (it != addresses.begin()) --it;
    for (; it != addresses.end() && *it < range.end.value; ++it) {
      const census::RowId row{static_cast<std::uint32_t>(it - addresses.begin())};
      if (rows_.state(row) != census::State::used || !is_decoded(row)) continue;
      const AddressRange extent = sources_.census.extent_of(row);
      if (extent.end > range.begin) known.push_back(extent);
    }
    std::sort(known.begin(), known.end());
    Address at = range.begin;
    for (const AddressRange& one : known) {
      if (one.begin > at) visit(AddressRange{at, one.begin});
      at = std::max(at, one.end);
    }
    if (at < range.end) visit(AddressRange{at, range.end});
  }

  void globals() {
    for (const auto& module : sources_.image.modules) {
      if (module.data.empty()) continue;
      const std::size_t slash = module.path.rfind('/');
      const std::string file =
          slash == std::string::npos ? module.path : module.path.substr(slash + 1);
      const std::uint32_t root =
          add(RootKind::c_globals, "C globals of " + file, module.data.front().begin);
      for (const AddressRange& range : module.data) {
        without_known(range, [&](AddressRange rest) { out_.globals.push_back({rest, root}); });
      }
    }
    const std::uint32_t root = add(RootKind::c_globals, "thread-local storage");
    for (const auto& range : sources_.census.ranges) {
      if (range.kind == RangeKind::thread_control) out_.globals.push_back({range.range, root});
    }
    for_each_block(Kind::thread_state, [&](std::uint32_t node) { out_.edges.add(root, node); });
  }

  template <class Visit>
  void for_each_block(Kind kind, Visit&& visit) const {
    const auto labels = rows_.labels();
    for (std::uint32_t i = 0; i < labels.size(); ++i) {
      const census::RowId row{i};
      if (sources_.census.labels[labels[i]].kind != kind) continue;
      const NodeId node = nodes_.node(row);
      if (node != NodeId::none && !nodes_.is_object(node)) visit(index_of(node));
    }
  }

  void other_memory() {
    const std::uint32_t root = add(RootKind::other_memory, "memory of no known allocator");
    for (const auto& range : sources_.census.ranges) {
      switch (range.kind) {
        case RangeKind::anonymous_other:
        case RangeKind::foreign_sbrk:
        case RangeKind::data_stack:
          out_.other.push_back({range.range, root});
          break;
        default:
          break;
      }
    }
    for_each_block(Kind::datastack, [&](std::uint32_t node) { out_.edges.add(root, node); });
  }

  void c_runtime() {
    out_.runtime_root = add(RootKind::c_runtime, "the C library and allocators");
    const auto labels = rows_.labels();
    for (std::uint32_t i = 0; i < labels.size(); ++i) {
      const Kind kind = sources_.census.labels[labels[i]].kind;
      if (!is_of_c_runtime(kind) && kind != Kind::runtime_state) continue;
      const NodeId node = nodes_.node(census::RowId{i});
      if (node == NodeId::none || nodes_.is_object(node)) continue;
      const std::uint32_t id = index_of(node);
      if (kind != Kind::runtime_state) {
        out_.edges.add(out_.runtime_root, id);
      } else if (std::find(states_in_blocks_.begin(), states_in_blocks_.end(), id) ==
                     states_in_blocks_.end() &&
                 first_interpreter_ != 0) {
        out_.edges.add(first_interpreter_, id);
        out_.states.push_back(
            {{rows_.address(census::RowId{i}), sources_.census.extent_of(census::RowId{i}).end},
             first_interpreter_});
      }
    }
  }

  void stacks() {
    const auto& threads = sources_.image.threads;
    std::vector<std::uint32_t> roots;
    for (std::size_t i = 0; i < threads.size(); ++i) {
      const auto& thread = threads[i];
      const std::uint32_t root =
          add(RootKind::c_stack, fmt::format("C stack of thread {}", thread.tid),
              thread.stack_pointer, static_cast<std::uint32_t>(i));
      roots.push_back(root);
      NodeTable::Hint hint;
      for (const std::uint64_t word : thread.registers) {
        const NodeId node = nodes_.find(Address{word}, hint);
        if (node != NodeId::none) out_.registers.emplace_back(root, index_of(node));
      }
    }
    for (const auto& range : sources_.census.ranges) {
      if (range.kind != RangeKind::stack_used) continue;
      std::uint32_t root = roots.empty() ? out_.immortal_root : roots.front();
      for (std::size_t i = 0; i < threads.size(); ++i) {
        // A little below the pointer lies the red zone.
        const Address top = threads[i].stack_pointer;
        if (top + 4096 > range.range.begin && top < range.range.end) {
          root = roots[i];
        }
      }
      if (!roots.empty()) out_.stacks.push_back({range.range, root});
    }
  }

  const Sources& sources_;
  const NodeTable& nodes_;
  const census::Rows& rows_;
  FoundRoots out_;
  std::vector<AddressRange> states_in_data_;
  std::vector<std::uint32_t> states_in_blocks_;
  std::uint32_t first_interpreter_ = 0;
};

}  // namespace

FoundRoots find_roots(const Sources& sources, const NodeTable& nodes) {
  return Finder(sources, nodes).run();
}

}  // namespace coreheap::graph
