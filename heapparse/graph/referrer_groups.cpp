#include "heapparse/graph/referrer_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "heapparse/graph/way_names.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/references.h"

namespace coreheap::graph {
namespace {

constexpr std::uint32_t kEvery = 1 << 16;

// Sets of small numbers, each kept once under a number of its own; 0 is the empty set, 1 any set of
// more than kMostMembers (None is referred to under every name there is, and each step would be
// another set).
class SetTable {
 public:
  static constexpr std::uint32_t kMany = 1;

  SetTable() { numbers_.emplace(std::vector<std::uint32_t>(), 0); }

  // The set with one more member.
  std::uint32_t with(std::uint32_t set, std::uint32_t member) {
    if (set == kMany) return set;
    const auto [known, is_new] = grown_.try_emplace(std::uint64_t{set} << 32 | member);
    if (!is_new) return known->second;
    std::vector<std::uint32_t> members = sets_[set];
    const auto place = std::lower_bound(members.begin(), members.end(), member);
    if (place == members.end() || *place != member) members.insert(place, member);
    if (members.size() > kMostMembers) return known->second = kMany;
    const auto [entry, is_first] =
        numbers_.try_emplace(members, static_cast<std::uint32_t>(sets_.size()));
    if (is_first) sets_.push_back(std::move(members));
    return known->second = entry->second;
  }

  std::vector<std::string> names(const std::vector<std::string>& members) const {
    std::vector<std::string> names;
    for (const auto& set : sets_) {
      std::vector<std::string_view> words;
      words.reserve(set.size());
      for (const std::uint32_t member : set) words.push_back(members[member]);
      std::sort(words.begin(), words.end());
      std::string text = words.empty() ? "<nothing>" : "";
      for (const std::string_view word : words) {
        if (!text.empty()) text += ", ";
        text += word;
      }
      names.push_back(std::move(text));
    }
    names[kMany] = fmt::format("<more than {}>", kMostMembers);
    return names;
  }

 private:
  std::vector<std::vector<std::uint32_t>> sets_{{}, {}};
  std::map<std::vector<std::uint32_t>, std::uint32_t> numbers_;
  std::unordered_map<std::uint64_t, std::uint32_t> grown_;
};

class Words {
 public:
  std::uint32_t number_of(std::string text) {
    const auto [entry, is_new] =
        numbers_.try_emplace(std::move(text), static_cast<std::uint32_t>(all.size()));
    if (is_new) all.push_back(entry->first);
    return entry->second;
  }
  std::vector<std::string> all;

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

// The kinds of all nodes as numbers: few labels and types make few texts.
class Kinds {
 public:
  explicit Kinds(const census::Census& census) : census_(census) {}

  std::uint32_t of(census::RowId row) {
    const auto type =
        census_.rows.holds_object(row) ? census::index_of(census_.rows.type(row)) : UINT32_MAX;
    const std::uint64_t key = std::uint64_t{type} << 32 | census::index_of(census_.rows.label(row));
    const auto [entry, is_new] = known_.try_emplace(key);
    if (is_new) entry->second = words.number_of(kind_with_owner(census_, row));
    return entry->second;
  }
  Words words;

 private:
  const census::Census& census_;
  std::unordered_map<std::uint64_t, std::uint32_t> known_;
};

// A name that is the same wherever in a big container the target lies.
std::string folded(const python::EdgeName& name, bool big, bool is_namespace,
                   python::Decoder& decoder) {
  using python::EdgeKind;
  switch (name.kind) {
    case EdgeKind::key:
      return "<key>";
    case EdgeKind::stack:
      return "<stack>";
    case EdgeKind::state:
      return "<word>";
    case EdgeKind::item:
    case EdgeKind::value:
      if (big && !is_namespace) return "[...]";
      break;
    default:
      break;
  }
  std::string text = python::edge_text(decoder, name);
  // A namespace's ['name'] is the instance's or the module's .name.
  if (is_namespace && text.starts_with("['") && text.ends_with("']")) {
    return "." + text.substr(2, text.size() - 4);
  }
  return text;
}

}  // namespace

std::string kind_with_owner(const census::Census& census, census::RowId row) {
  if (!census.rows.holds_object(row)) return std::string(census.kind_of(row));
  const std::string& type = census.types[census::index_of(census.rows.type(row))].name;
  constexpr std::string_view kAttributes = "attributes of ";
  const std::string_view detail = census.detail_of(row);
  if (detail.starts_with(kAttributes)) {
    return "dict of " + std::string(detail.substr(kAttributes.size()));
  }
  return type == "dict" ? "dict (no owner)" : type;
}

Result<NodeGroups> by_referrers(const Sources& sources, const Graph& graph, JobControl& job) {
  job.begin_step("grouping by referrers", graph.objects());
  Kinds kinds(sources.census);
  SetTable sets;
  NodeGroups groups;
  groups.of.assign(graph.objects(), 0);
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    std::uint32_t set = 0;
    for (const std::uint32_t referrer : graph.reverse().of(i)) {
      set = sets.with(set, kinds.of(graph.row(NodeId{referrer})));
    }
    groups.of[i] = set;
    if (i % kEvery != 0) continue;
    job.advance(std::min(kEvery, graph.objects() - i));
    if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
  }
  groups.names = sets.names(kinds.words.all);
  return groups;
}

Result<NodeGroups> by_reference_names(const Sources& sources, const Graph& graph, JobControl& job) {
  job.begin_step("grouping by names of references", graph.objects());
  Words words;
  SetTable sets;
  NodeGroups groups;
  groups.of.assign(graph.objects(), 0);
  if (sources.runtime == nullptr || sources.types == nullptr) {
    groups.names = sets.names(words.all);
    return groups;
  }
  python::Decoder decoder(sources.image.space, *sources.runtime, *sources.types);
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    if (i % kEvery == 0) {
      job.advance(std::min(kEvery, graph.objects() - i));
      if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    }
    const NodeId holder{i};
    const auto object =
        graph.is_object(holder) ? decoder.object(graph.address(holder)) : std::nullopt;
    if (!object) continue;
    const bool big = graph.out_refs(holder) > kMostPlaces;
    const bool is_namespace =
        sources.census.detail_of(graph.row(holder)).starts_with("attributes of ");
    python::for_each_reference(decoder, *object, [&](const python::Reference& one) {
      const NodeId target = graph.table().find(one.target);
      if (target == NodeId::none) return;
      const std::uint32_t name = words.number_of(folded(one.name, big, is_namespace, decoder));
      groups.of[index_of(target)] = sets.with(groups.of[index_of(target)], name);
    });
  }
  groups.names = sets.names(words.all);
  return groups;
}

}  // namespace coreheap::graph
