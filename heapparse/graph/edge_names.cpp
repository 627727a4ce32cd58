#include "heapparse/graph/edge_names.h"

#include <fmt/format.h>

#include "heapparse/python/references.h"
#include "heapparse/python/types/frame.h"
#include "heapparse/python/value.h"

namespace coreheap::graph {

EdgeNames::EdgeNames(const Sources& sources, const Graph& graph)
    : sources_(sources), graph_(graph) {
  if (sources_.runtime != nullptr && sources_.types != nullptr) {
    decoder_.emplace(sources_.image.space, *sources_.runtime, *sources_.types);
  }
}

// Keys that are no str are shown by value.
std::string EdgeNames::text_of(const python::EdgeName& name) {
  constexpr std::uint64_t kMaxKey = 40;
  if (name.kind == python::EdgeKind::value && name.name) {
    const auto key = decoder_->object(name.name);
    if (key && key->type->shape != python::Shape::str && key->type->shape != python::Shape::bytes) {
      return fmt::format(
          "[{}]", python::value_text(*decoder_, name.name, {.max_chars = kMaxKey, .max_items = 3}));
    }
  }
  return python::edge_text(*decoder_, name);
}

std::string name_of_frame(const python::PythonFrame& frame) {
  const std::size_t slash = frame.file.rfind('/');
  const std::string file = slash == std::string::npos ? frame.file : frame.file.substr(slash + 1);
  return frame.line ? fmt::format("{}() at {}:{}", frame.function, file, *frame.line)
                    : fmt::format("{}() of {}", frame.function, file);
}

std::vector<NamedEdge> EdgeNames::of(NodeId holder, NodeId target, std::size_t limit) {
  std::vector<NamedEdge> names;
  if (graph_.is_root(holder)) return of_root(holder, target, limit);
  const auto take = [&](const python::Reference& reference) {
    if (names.size() >= limit || graph_.table().find(reference.target) != target) return;
    names.push_back(
        {python::edge_text(*decoder_, reference.name),
         reference.name.kind == python::EdgeKind::attribute && reference.name.text == "__dict__",
         reference.guess});
    if (names.back().text == ".__dict__") names.back().is_dict = true;
  };
  if (graph_.is_object(holder) && decoder_) {
    if (const auto object = decoder_->object(graph_.address(holder))) {
      python::for_each_reference(*decoder_, *object, take);
    }
  }
  if (names.empty())
    names.push_back({graph_.is_object(holder) ? "<memory>" : "<word>", false, true});
  return names;
}

std::vector<NamedEdge> EdgeNames::of_root(NodeId root, NodeId target, std::size_t limit) {
  std::vector<NamedEdge> names;
  if (root == graph_.super_root() || graph_.is_root(target)) return {{"", false, false}};
  const Root& held_by = graph_.root(root);
  if (held_by.kind == RootKind::frame && decoder_) {
    if (const auto frame = python::view_interpreter_frame(*decoder_, held_by.address)) {
      python::for_each_frame_reference(*decoder_, *frame, [&](const python::Reference& one) {
        if (names.size() >= limit || graph_.table().find(one.target) != target) return;
        names.push_back({python::edge_text(*decoder_, one.name), false, false});
      });
    }
  }
  // Up to 3.10 a running frame is an object, which its thread holds.
  if (held_by.kind == RootKind::thread && decoder_) {
    const auto object = decoder_->object(graph_.address(target));
    if (object && object->type->shape == python::Shape::frame) {
      if (const auto frame = python::view_frame(*decoder_, object->address)) {
        const auto shown = python::read_frame(*decoder_, *frame, false);
        if (!shown.function.empty()) names.push_back({name_of_frame(shown), false, false, true});
      }
    }
  }
  if (names.empty()) names.push_back({"", false, graph_.is_conservative(root, target)});
  return names;
}

}  // namespace coreheap::graph
