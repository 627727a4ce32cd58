#include "commands/tool_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "commands/graph_view.h"
#include "heapparse/graph/bits.h"
#include "heapparse/graph/referrer_groups.h"
#include "heapparse/python/attribute_lookup.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/python/plain_value.h"
#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/types/dict.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;
using python::Object;
using python::SkipCause;

std::vector<Address> in_order(std::vector<Address> addresses) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

// Sums of one view, and what making it needs.
class View {
 public:
  static Result<View> open(Context& context) {
    auto opened = GraphView::open(context);
    if (!opened) return std::unexpected(opened.error());
    if (!(*opened)->has_python()) {
      return fail(ErrorCode::no_python, (*opened)->target().image().source,
                  "no CPython runtime is inside");
    }
    return View(*std::move(opened), context.job);
  }

  GraphView& graph_view() { return *view_; }
  const graph::Graph& graph() const { return view_->graph(); }
  python::Decoder& decoder() { return view_->decoder(); }
  JobControl& job() { return *job_; }

  // gc.get_objects(): of the first interpreter, without what gc.freeze() put away.
  Result<std::vector<Address>> tracked() {
    const auto& image = view_->target().image();
    const auto states = python::find_gc_states(image, *view_->runtime());
    const auto members = python::GcMembers::walk(image, *view_->runtime(), states, *job_);
    if (!members) return std::unexpected(members.error());
    std::vector<Address> found;
    members->for_each([&](Address object) {
      const auto place = members->find(object);
      if (place && place->state == 0 && place->generation != python::kPermanent) {
        found.push_back(object);
      }
    });
    return in_order(std::move(found));
  }

  bool is_tracked(const Object& object) {
    const auto gc =
        python::object_gc(decoder().reader(), *view_->runtime(), *object.type, object.address);
    return gc && gc->collectable && gc->tracked;
  }

  // sys.getsizeof; 0 where the bytes do not say.
  std::uint64_t size_of(const Object& object) {
    const auto size = python::shallow_size(decoder(), object);
    return size ? size->bytes : 0;
  }

  std::string function_name(const Object& function) {
    return text_at(name_.find(decoder(), function));
  }
  // What its namespace says, which a module may have changed.
  std::string module_name(const Object& module) {
    const auto names = namespace_.find(decoder(), module);
    return text_at(names ? python::dict_lookup(decoder().reader(), *names, "__name__")
                         : std::nullopt);
  }
  std::string text_at(std::optional<Address> found) {
    const auto held = found ? decoder().object(*found) : std::nullopt;
    std::string made;
    const auto plain = held ? python::plain_value(decoder(), *held, 200, made)
                            : std::optional<python::PlainValue>();
    if (!plain || plain->kind != python::PlainValue::Kind::text) return "?";
    return made.empty() ? std::string(plain->text) : made;
  }

  void add(std::string name, std::uint64_t bytes, bool unsure = false) {
    ToolRow& row = rows_[std::move(name)];
    ++row.objects;
    row.bytes += bytes;
    row.unsure += unsure ? 1 : 0;
  }

  // The largest first; of one size by name.
  std::vector<ToolRow> rows(bool by_bytes) {
    std::vector<ToolRow> sorted;
    for (auto& [name, row] : rows_) {
      row.name = name;
      sorted.push_back(std::move(row));
    }
    std::stable_sort(sorted.begin(), sorted.end(), [&](const ToolRow& a, const ToolRow& b) {
      return by_bytes ? a.bytes > b.bytes : a.objects > b.objects;
    });
    return sorted;
  }

 private:
  View(std::shared_ptr<GraphView> view, JobControl& job) : view_(std::move(view)), job_(&job) {}

  std::shared_ptr<GraphView> view_;
  JobControl* job_;
  python::AttributeLookup name_{"__name__"};
  python::AttributeLookup namespace_{"__dict__"};
  std::map<std::string, ToolRow> rows_;
};

// Everything that can be reached from `start` by references that `follow` lets pass.
Result<graph::Bits> closure(View& view, const std::vector<NodeId>& start,
                            bool (*follow)(const python::Reference&)) {
  graph::Bits seen(view.graph().objects());
  std::vector<NodeId> open;
  const auto enter = [&](NodeId node) {
    if (node == NodeId::none || view.graph().is_root(node) || seen[graph::index_of(node)]) return;
    seen.set(graph::index_of(node));
    open.push_back(node);
  };
  for (const NodeId node : start) enter(node);
  std::size_t steps = 0;
  while (!open.empty()) {
    const NodeId node = open.back();
    open.pop_back();
    if (++steps % 65536 == 0 && view.job().cancelled()) {
      return fail(ErrorCode::cancelled, "types", "cancelled");
    }
    const auto object = view.graph_view().object(node);
    if (!object) continue;
    python::for_each_reference(view.decoder(), *object, [&](const python::Reference& one) {
      if (follow(one)) enter(view.graph().table().find(one.target));
    });
  }
  return seen;
}

// What other tools call a type: its last part.
std::string last_part(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return std::string(dot == std::string_view::npos ? name : name.substr(dot + 1));
}

// objgraph.typestats(): type.__name__ of what gc.get_objects() lists.
Result<std::vector<ToolRow>> objgraph(Context& context) {
  auto view = View::open(context);
  if (!view) return std::unexpected(view.error());
  const auto tracked = view->tracked();
  if (!tracked) return std::unexpected(tracked.error());
  for (const Address a : *tracked) {
    const auto object = view->decoder().object(a);
    if (object) view->add(last_part(object->type->name), 0);
  }
  return view->rows(false);
}

// muppy.get_objects() and summary.summarize(): what gc.get_objects() lists but frames, and what of
// their referents is not tracked, one level deep; after a collection.
Result<std::vector<ToolRow>> muppy(Context& context) {
  auto view = View::open(context);
  if (!view) return std::unexpected(view.error());
  const auto tracked = view->tracked();
  if (!tracked) return std::unexpected(tracked.error());
  std::vector<Address> seen;
  std::vector<Address> guessed;
  for (const Address a : *tracked) {
    const auto object = view->decoder().object(a);
    if (!object || object->type->shape == python::Shape::frame) continue;
    const NodeId node = view->graph().table().find(a);
    if (node != NodeId::none && view->graph().is_garbage(node)) continue;
    seen.push_back(a);
    python::for_each_reference(view->decoder(), *object, [&](const python::Reference& one) {
      if (one.skipped != SkipCause::none) return;
      const auto target = view->decoder().object(one.target);
      if (target && !view->is_tracked(*target)) {
        (one.guess ? guessed : seen).push_back(one.target);
      }
    });
  }
  const std::vector<Address> sure = in_order(seen);
  seen.insert(seen.end(), guessed.begin(), guessed.end());
  for (const Address a : in_order(std::move(seen))) {
    const auto object = view->decoder().object(a);
    if (!object) continue;
    std::string name = object->type->name;
    if (name == "function") {
      name = fmt::format("function ({})", view->function_name(*object));
    } else if (name == "module") {
      name = fmt::format("module({})", view->module_name(*object));
    }
    view->add(std::move(name), view->size_of(*object),
              !std::binary_search(sure.begin(), sure.end(), a));
  }
  return view->rows(true);
}

// Objects that roots of Python's own hold: modules, frames, states of threads and interpreters.
// Heapy visits the members of a state that it knows, and the table of interned strings, which an
// interpreter's state holds since 3.12, is none of them.
std::vector<NodeId> held_by_python(const graph::Graph& graph) {
  std::vector<NodeId> start;
  const auto enter = [&](NodeId node) {
    if (!graph.is_interned_table(node)) start.push_back(node);
  };
  for (std::size_t i = 0; i < graph.roots().size(); ++i) {
    switch (graph.roots()[i].kind) {
      case graph::RootKind::modules:
      case graph::RootKind::frame:
      case graph::RootKind::thread:
      case graph::RootKind::interpreter:
        graph.for_each_referent(graph.root_id(i), enter);
        break;
      default:
        break;
    }
  }
  return start;
}

std::vector<NodeId> nodes_of(View& view, const std::vector<Address>& addresses) {
  std::vector<NodeId> nodes;
  nodes.reserve(addresses.size());
  for (const Address a : addresses) nodes.push_back(view.graph().table().find(a));
  return nodes;
}

// Types that heapy spells as the module types does.
constexpr auto kTypesModule = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"async_generator", "types.AsyncGeneratorType"},
    {"builtin_function_or_method", "types.BuiltinFunctionType"},
    {"cell", "types.CellType"},
    {"classmethod_descriptor", "types.ClassMethodDescriptorType"},
    {"code", "types.CodeType"},
    {"coroutine", "types.CoroutineType"},
    {"frame", "types.FrameType"},
    {"generator", "types.GeneratorType"},
    {"getset_descriptor", "types.GetSetDescriptorType"},
    {"mappingproxy", "types.MappingProxyType"},
    {"member_descriptor", "types.MemberDescriptorType"},
    {"method", "types.MethodType"},
    {"method-wrapper", "types.MethodWrapperType"},
    {"method_descriptor", "types.MethodDescriptorType"},
    {"traceback", "types.TracebackType"},
    {"types.SimpleNamespace", "types.SimpleNamespace"},
    {"wrapper_descriptor", "types.WrapperDescriptorType"},
});

// hpy().heap(): what Python's roots reach, keys of dicts with only str keys left out; by class, or
// dict of class.
Result<std::vector<ToolRow>> guppy(Context& context) {
  auto view = View::open(context);
  if (!view) return std::unexpected(view.error());
  const auto seen = closure(*view, held_by_python(view->graph()), [](const python::Reference& one) {
    return one.skipped != SkipCause::str_keys && one.skipped != SkipCause::shared_keys &&
           !one.guess;
  });
  if (!seen) return std::unexpected(seen.error());
  for (std::uint32_t i = 0; i < view->graph().objects(); ++i) {
    const auto object = (*seen)[i] ? view->graph_view().object(NodeId{i}) : std::nullopt;
    if (!object) continue;
    std::string name =
        graph::kind_with_owner(view->graph_view().census(), view->graph().row(NodeId{i}));
    const auto* spelled = std::find_if(kTypesModule.begin(), kTypesModule.end(),
                                       [&](const auto& one) { return one.first == name; });
    if (spelled != kTypesModule.end()) name = spelled->second;
    view->add(std::move(name), view->size_of(*object));
  }
  return view->rows(true);
}

// scanner.dump_all_objects() and om.summarize(): what tp_traverse leads to from gc.get_objects().
Result<std::vector<ToolRow>> meliae(Context& context) {
  auto view = View::open(context);
  if (!view) return std::unexpected(view.error());
  const auto tracked = view->tracked();
  if (!tracked) return std::unexpected(tracked.error());
  const auto seen = closure(*view, nodes_of(*view, *tracked), [](const python::Reference& one) {
    return one.skipped == SkipCause::none;
  });
  if (!seen) return std::unexpected(seen.error());
  for (std::uint32_t i = 0; i < view->graph().objects(); ++i) {
    const auto object = (*seen)[i] ? view->graph_view().object(NodeId{i}) : std::nullopt;
    if (!object) continue;
    // tp_name: the whole of it of types compiled in, the class's own name of others.
    view->add(object->type->is_static ? object->type->name : last_part(object->type->name),
              view->size_of(*object));
  }
  return view->rows(true);
}

// pyheap_dump: what gc.get_objects() leads to, keys and attributes included.
Result<std::vector<ToolRow>> pyheap(Context& context) {
  auto view = View::open(context);
  if (!view) return std::unexpected(view.error());
  const auto tracked = view->tracked();
  if (!tracked) return std::unexpected(tracked.error());
  const auto seen = closure(*view, nodes_of(*view, *tracked),
                            [](const python::Reference& one) { return !one.guess; });
  if (!seen) return std::unexpected(seen.error());
  for (std::uint32_t i = 0; i < view->graph().objects(); ++i) {
    const auto object = (*seen)[i] ? view->graph_view().object(NodeId{i}) : std::nullopt;
    if (object) view->add(object->type->name, view->size_of(*object));
  }
  return view->rows(true);
}

constexpr auto kViews = std::to_array<ToolView>({
    {"guppy", "heapy's hpy().heap(): what Python's own roots reach, dicts by their owner", true,
     guppy},
    {"muppy", "Pympler's muppy: gc.get_objects() and their untracked referents", true, muppy},
    {"objgraph", "objgraph.typestats(): gc.get_objects() by type.__name__", false, objgraph},
    {"meliae", "Meliae's dump_all_objects(): what tp_traverse reaches", true, meliae},
    {"pyheap", "PyHeap: what gc.get_objects() reach, keys and attributes too", true, pyheap},
});

}  // namespace

std::span<const ToolView> tool_views() { return kViews; }

const ToolView* find_tool_view(std::string_view name) {
  for (const ToolView& one : kViews) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace coreheap::commands
