// The end of the classifier chain: what is left when objects and their buffers are known.
//
// Order decides: what an allocator itself allocated (tcache structs) is certain; a vtable pointer
// is nearly so; text is a judgement by looks and comes last. Free lists of old interpreters without
// an address to start from (static variables) are told by shape before anything else may take their
// members for data.
#include "heapparse/census/native_blocks.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "heapparse/census/native/strings.h"
#include "heapparse/census/native/vtables.h"

namespace coreheap::census {
namespace {

constexpr std::size_t kRowsPerPiece = 1 << 16;

bool is_open(const Rows& rows, RowId row) {
  return rows.state(row) == State::used && rows.label(row) == label_of_kind(Kind::uncategorized);
}

// Dead floats of interpreters whose list head is a static variable: refcount 0, and the type word
// links to another such block or ends the list (up to 3.9; at most 100 floats).
void label_dead_floats(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                       LabelTable& labels) {
  if (sources.runtime == nullptr) return;
  const auto& layout = *sources.runtime->layout;
  if (layout.traits.freelist_form != layouts::FreelistForm::kStaticVariables ||
      layout.traits.int_blocks) {
    return;
  }
  const std::uint32_t prefix = sources.runtime->debug_prefix_bytes;
  // Behind the bytes that debug hooks guard stand 8 more, and in old versions a serial number.
  const std::uint64_t hooks =
      prefix == 0 ? 0 : prefix + (layout.traits.debug_serial_after ? 16U : 8U);
  const std::uint64_t alignment = sources.pymalloc.geometry.alignment;
  const std::uint64_t size =
      (layout.float_object.struct_size + hooks + alignment - 1) / alignment * alignment;
  image::Reader reader(sources.image.space);
  std::vector<std::pair<RowId, RowId>> links;  // member, and the one it links to
  const auto count = static_cast<std::uint32_t>(rows.rows().size());
  for (std::uint32_t i = 0; i < count; ++i) {
    const RowId row{i};
    if (rows.rows().allocator(row) != Allocator::pymalloc || rows.rows().size(row) != size ||
        !is_open(rows.rows(), row)) {
      continue;
    }
    const Address at = rows.rows().address(row) + prefix;
    if (reader.read<std::uint64_t>(at) != 0) continue;
    const auto link = reader.read<std::uint64_t>(at + layout.object.type.offset);
    if (!link) continue;
    links.emplace_back(row, *link == 0 ? RowId::none : index.exact(Address{*link} - prefix));
    if (*link != 0 && links.back().second == RowId::none) links.pop_back();
  }
  // Keep members whose link is the end or another member, until nothing more falls.
  std::vector<bool> member(links.size(), true);
  const auto find = [&](RowId row) {
    const auto it = std::lower_bound(links.begin(), links.end(), row,
                                     [](const auto& l, RowId r) { return l.first < r; });
    return it != links.end() && it->first == row ? static_cast<std::size_t>(it - links.begin())
                                                 : links.size();
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < links.size(); ++i) {
      if (!member[i] || links[i].second == RowId::none) continue;
      const std::size_t target = find(links[i].second);
      if (target == links.size() || !member[target]) {
        member[i] = false;
        changed = true;
      }
    }
  }
  const LabelId label = labels.intern(Kind::free_list_object, "float");
  for (std::size_t i = 0; i < links.size(); ++i) {
    // A lone block of two zero words is nobody's list: something must link to it, or it must link
    // on.
    const bool linked = links[i].second != RowId::none ||
                        std::any_of(links.begin(), links.end(),
                                    [&](const auto& l) { return l.second == links[i].first; });
    if (!member[i] || !linked) continue;
    rows.set_state(links[i].first, State::cached);
    rows.relabel(links[i].first, label);
  }
}

Kind kind_of(TextEncoding encoding) {
  return encoding == TextEncoding::ascii || encoding == TextEncoding::utf8 ? Kind::string_data
                                                                           : Kind::wide_string_data;
}

}  // namespace

Result<void> label_native_blocks(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                                 LabelTable& labels, JobControl& job) {
  for (const auto& heap : sources.heaps) {
    for (const auto& tcache : heap.tcaches) {
      if (const RowId row = index.exact(tcache.address); row != RowId::none) {
        rows.relabel(row, label_of_kind(Kind::libc_tcache));
      }
    }
  }
  label_dead_floats(sources, index, rows, labels);

  const VtableIndex vtables(sources.image, sources.symbols);
  const std::size_t n = rows.rows().size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  job.begin_step("naming native blocks", n);
  return parallel_for(pieces, job, [&](std::size_t piece, unsigned) {
    const Rows& table = rows.rows();
    const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
    for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
      const RowId row{static_cast<std::uint32_t>(i)};
      if (!is_open(table, row)) continue;
      // Chunk headers take 8 bytes of the size (16 of a mmapped one): what is behind is not the
      // block's.
      const std::uint64_t overhead = table.allocator(row) == Allocator::glibc        ? 8
                                     : table.allocator(row) == Allocator::glibc_mmap ? 16
                                                                                     : 0;
      const std::uint64_t size = table.size(row) > overhead ? table.size(row) - overhead : 0;
      const auto block = sources.image.space.bytes_up_to(table.address(row), size);
      if (block.size() < 8) continue;
      std::uint64_t first = 0;
      std::memcpy(&first, block.data(), 8);
      if (const auto id = vtables.class_of(Address{first})) {
        rows.relabel(row, labels.intern(Kind::cpp_object, std::string(vtables.name(*id))));
      } else if (const auto text = text_in(block, sources.image.space)) {
        rows.relabel(row, label_of_kind(kind_of(text->encoding)));
      }
    }
    job.advance(end - piece * kRowsPerPiece);
  });
}

}  // namespace coreheap::census
