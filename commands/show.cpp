// `show ADDR`: what is at an address, from the object in it out to the mapping around it.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "commands/show_object.h"
#include "commands/show_place.h"

namespace coreheap::commands {

namespace {

Result<Report> run(Context& context) {
  const auto address = context.session.address_of(context, context.arguments.words[0]);
  if (!address) return std::unexpected(address.error());
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const image::Image& image = target.image();
  const image::Mapping* mapping = image.mapping_at(*address);
  if (mapping == nullptr && !image.space.is_mapped(*address)) {
    return fail(ErrorCode::not_mapped, hex_text(*address), "the target has nothing mapped there");
  }
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto runtime = target.runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto heaps = target.heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = target.pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());

  const auto types = target.types(context.job);
  if (!types) return std::unexpected(types.error());

  Report report = report_on(target);
  report.result_address = *address;
  const census::Census& rows = **census;
  const census::RowId row = rows.row_holding(*address);
  if (row != census::RowId::none) {
    const bool object = rows.rows.holds_object(row);
    report.result_address = object ? rows.rows.object(row) : rows.rows.address(row);
    if (object) {
      const auto done =
          add_object(report, {image, rows, *runtime, *types, context.format}, row, context.job);
      if (!done) return std::unexpected(done.error());
    }
    report.add("block", object ? "BLOCK" : "", block_values(rows, row, *address));
  } else if (const census::Range* range = rows.range_holding(*address)) {
    report.add("range", "", range_values(*range, *address));
  }
  if (report.main_table() == nullptr || report.main_name.empty()) {
    // Machine formats have their columns whatever lies there.
    Table none;
    none.columns = member_columns();
    none.rows = std::make_shared<FixedRows>(none.columns.size());
    report.main_name = "items";
    report.add("items", "", std::move(none)).screen = "";
  }
  KeyValues around = allocator_values(**pymalloc, **heaps, *address);
  if (!around.values.empty()) report.add("allocator", "ALLOCATOR", std::move(around));
  report.add("place", "PLACE", place_values(image, mapping, *address));

  report.next.push_back({fmt::format("x {} 64", hex_text(report.result_address)), "its bytes"});
  if (row != census::RowId::none) {
    const census::RowId owner = rows.rows.owner(row);
    if (owner != census::RowId::none && rows.rows.holds_object(owner)) {
      report.next.push_back(
          {"show " + hex_text(rows.rows.object(owner)), "the object that owns it"});
    }
  }
  return report;
}

}  // namespace

Command show_command() {
  return {
      .name = "show",
      .aliases = {"at"},
      .summary = "an object, or what else is at an address",
      .description =
          "The page of the object that ADDR lies in: its value, attributes, items, sizes, the "
          "buffers\n"
          "it owns, its reference count and what the garbage collector knows of it. Of other "
          "blocks,\n"
          "what they are and whose. Then the chunk or pool, arena, mapping and module around "
          "it.\n"
          "The object (or the block) is the result address. Tables show 20 rows, --limit more.\n"
          "ADDR may be a row number of the last list (#3 or 3).",
      .usage = "ADDR",
      .min_words = 1,
      .max_words = 1,
      .columns = member_columns(),
      .completer = Completer::address,
      .group = Group::alive,
      .run = run};
}

}  // namespace coreheap::commands
