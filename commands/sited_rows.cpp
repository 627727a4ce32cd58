#include "commands/sited_rows.h"

#include "commands/trace_reports.h"

namespace coreheap::commands {

namespace {

class SitedRows final : public RowSource {
 public:
  SitedRows(std::shared_ptr<const RowSource> rows, unsigned columns, const census::Census& census,
            const python::Tracemalloc& traces)
      : rows_(std::move(rows)), columns_(columns), census_(census), traces_(traces) {}

  std::uint64_t size() const override { return rows_->size(); }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    if (column < columns_) {
      rows_->fill(column, rows, out, texts);
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const census::RowId row{static_cast<std::uint32_t>(rows[i])};
      const auto trace = trace_of_row(traces_, census_.rows, row);
      out[i] = Cell::absent();
      if (!trace) continue;
      const auto frames = traces_.frames_of(traces_.tracebacks[*trace]);
      out[i] = Cell::of_text(texts.keep(frame_text(traces_, frames.front())));
    }
  }

 private:
  std::shared_ptr<const RowSource> rows_;
  unsigned columns_;
  const census::Census& census_;
  const python::Tracemalloc& traces_;
};

}  // namespace

Column site_column() {
  return {"site", "", ColumnType::text, "file:line that allocated it, where tracemalloc saw it"};
}

std::shared_ptr<const RowSource> with_sites(std::shared_ptr<const RowSource> rows, unsigned columns,
                                            const census::Census& census,
                                            const python::Tracemalloc& traces) {
  return std::make_shared<SitedRows>(std::move(rows), columns, census, traces);
}

}  // namespace coreheap::commands
