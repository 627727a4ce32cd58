#include "tests/corrupt/sound_core.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "heapparse/image/open.h"

namespace coreheap::corrupt {

std::vector<SoundRow> rows_of(const census::Census& census) {
  std::vector<SoundRow> out;
  out.reserve(census.rows.size());
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const census::RowId id{i};
    SoundRow row;
    row.address = census.rows.address(id);
    row.extent = census.extent_of(id);
    row.size = census.rows.size(id);
    row.kind = std::hash<std::string_view>{}(census.kind_of(id));
    row.flags = census.rows.flags()[i];
    const census::RowId owner = census.rows.owner(id);
    if (owner != census::RowId::none) row.owner = census.rows.address(owner);
    out.push_back(row);
  }
  return out;
}

std::optional<std::uint64_t> SoundCore::offset_of(Address a) const {
  auto it = std::upper_bound(loaded.begin(), loaded.end(), a,
                             [](Address x, const Loaded& l) { return x < l.range.begin; });
  if (it == loaded.begin() || !(--it)->range.contains(a)) return std::nullopt;
  return it->offset + (a - it->range.begin);
}

std::optional<std::uint64_t> SoundCore::word_at(Address a) const {
  const auto offset = offset_of(a);
  if (!offset || *offset + 8 > bytes.size()) return std::nullopt;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + *offset, sizeof word);
  return word;
}

Result<SoundCore> read_sound_core(const std::string& path) {
  SoundCore core;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  core.bytes.resize(text.size());
  std::memcpy(core.bytes.data(), text.data(), text.size());
  Elf64_Ehdr header;
  if (core.bytes.size() < sizeof header)
    return fail(ErrorCode::not_a_core_file, path, "is no core");
  std::memcpy(&header, core.bytes.data(), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const std::uint64_t at = header.e_phoff + i * sizeof segment;
    if (at + sizeof segment > core.bytes.size())
      return fail(ErrorCode::not_a_core_file, path, "is cut");
    std::memcpy(&segment, core.bytes.data() + at, sizeof segment);
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
    core.loaded.push_back({{Address{segment.p_vaddr}, Address{segment.p_vaddr + segment.p_filesz}},
                           segment.p_offset});
  }
  std::sort(core.loaded.begin(), core.loaded.end(),
            [](const Loaded& a, const Loaded& b) { return a.range.begin < b.range.begin; });
  JobControl job;
  auto image = image::open_core(path, {}, job);
  if (!image) return std::unexpected(image.error());
  core.snapshot = std::make_unique<Snapshot>(std::move(*image), SnapshotOptions{});
  const auto census = core.snapshot->census(job);
  if (!census) return std::unexpected(census.error());
  for (const Finding& finding : (*census)->findings) {
    if (finding.severity == Severity::damage) {
      return fail(ErrorCode::not_a_core_file, path,
                  fmt::format("is damaged: {} at {:#x}, {}", finding.what, finding.address.value,
                              finding.evidence));
    }
  }
  core.rows = rows_of(**census);
  return core;
}

}  // namespace coreheap::corrupt
