// Reports as plain ASCII for people: aligned columns, thousands separators, sizes with their unit,
// and at the end what was not seen and what to type next.
//
// Column widths come from the first batch of rows, so that a table of any length streams; a wider
// cell further down pushes its line, nothing is lost.
#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"
#include "commands/render/cells.h"
#include "commands/render/render.h"

namespace coreheap::commands {

namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;
// Of a text, however wide the screen: a field may be a body of megabytes, and every other cell of
// its column would be padded to that. GDB prints as much of a string; CSV and JSON have all of it.
constexpr std::size_t kWidestText = 200;

std::string cell_text(const Cell& cell, ColumnType type) {
  switch (cell.kind) {
    case Cell::Kind::absent:
      return type == ColumnType::text ? "" : "-";
    case Cell::Kind::text:
      return printable(cell.text);
    case Cell::Kind::integer:
      if (type == ColumnType::identifier) return std::to_string(cell.integer());
      return type == ColumnType::bytes && cell.integer() >= 0 ? size_text(cell.bits)
                                                              : with_thousands(cell.integer());
    case Cell::Kind::number:
      return type == ColumnType::percent ? percent_text(cell.number())
                                         : fmt::format("{:.2f}", cell.number());
    case Cell::Kind::real:
      return fmt::format("{:.3g}", cell.number());
    case Cell::Kind::address:
      return hex_text(Address{cell.bits});
    case Cell::Kind::boolean:
      return cell.bits ? "yes" : "no";
  }
  return {};
}

bool flush_right(ColumnType type) {
  return type == ColumnType::integer || type == ColumnType::identifier ||
         type == ColumnType::bytes || type == ColumnType::percent || type == ColumnType::number;
}

std::vector<unsigned> text_columns(const Table& table) {
  if (!table.shown.empty()) return table.shown;
  std::vector<unsigned> shown;
  for (unsigned i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].in_text && !table.columns[i].asked_only) shown.push_back(i);
  }
  return shown;
}

class TableWriter {
 public:
  TableWriter(const Table& table, const RenderStyle& style, Writer& out)
      : table_(table), style_(style), out_(out), shown_(text_columns(table)) {}

  bool write() {
    BatchReader rows(table_, shown_);
    std::size_t count = rows.next();
    std::vector<std::vector<std::string>> lines;
    lines.reserve(count + 1);
    lines.push_back(headings());
    for (std::size_t r = 0; r < count; ++r) lines.push_back(line_of(rows, r));
    const std::vector<std::string> totals = totals_line();
    choose_widths(lines, totals);

    if (style_.colour) out_ << kBold;
    write_line(lines[0]);
    if (style_.colour) out_ << kPlain;
    write_rule();
    for (std::size_t r = 1; r < lines.size(); ++r) write_line(lines[r]);
    while (out_.keep_going() && (count = rows.next()) != 0) {
      for (std::size_t r = 0; r < count; ++r) write_line(line_of(rows, r));
    }
    if (!out_.keep_going()) return false;
    if (!totals.empty()) {
      write_rule();
      write_line(totals);
    }
    const std::uint64_t all = table_.rows->size();
    if (table_.shown_rows() < all) {
      out_ << fmt::format("({} more rows: --limit all)\n",
                          with_thousands(static_cast<std::int64_t>(all - table_.shown_rows())));
    } else if (all == 0) {
      out_ << "(none)\n";
    }
    return true;
  }

 private:
  std::vector<std::string> headings() const {
    std::vector<std::string> line;
    for (const unsigned c : shown_) {
      const Column& column = table_.columns[c];
      line.emplace_back(column.heading.empty() ? column.name : column.heading);
    }
    return line;
  }

  std::vector<std::string> line_of(const BatchReader& rows, std::size_t r) const {
    std::vector<std::string> line;
    line.reserve(shown_.size());
    for (std::size_t i = 0; i < shown_.size(); ++i) {
      const ColumnType type = table_.columns[shown_[i]].type;
      const std::string cell = cell_text(rows.at(i, r), type);
      line.push_back(type == ColumnType::text ? fitted(cell, kWidestText) : cell);
    }
    return line;
  }

  // The word TOTAL stands in the first column that has no total.
  std::vector<std::string> totals_line() const {
    std::vector<std::string> line;
    if (table_.totals.empty()) return line;
    bool said = false;
    bool any = false;
    for (const unsigned c : shown_) {
      const Column& column = table_.columns[c];
      const auto total = std::find_if(table_.totals.begin(), table_.totals.end(),
                                      [&](const auto& t) { return t.first == column.name; });
      if (total != table_.totals.end()) {
        line.push_back(cell_text(total->second, column.type));
        any = true;
      } else {
        line.emplace_back(said ? "" : "TOTAL");
        said = true;
      }
    }
    if (!any) line.clear();
    return line;
  }

  void choose_widths(const std::vector<std::vector<std::string>>& lines,
                     const std::vector<std::string>& totals) {
    widths_.assign(shown_.size(), 0);
    const auto measure = [&](const std::vector<std::string>& line) {
      for (std::size_t i = 0; i < line.size(); ++i) {
        widths_[i] = std::max(widths_[i], display_width(line[i]));
      }
    };
    for (const auto& line : lines) measure(line);
    measure(totals);
    cut_.assign(shown_.size(), false);
    if (style_.width <= 0) return;
    // Texts give way, the widest first.
    for (;;) {
      std::size_t sum = shown_.empty() ? 0 : kGap * (shown_.size() - 1);
      for (const std::size_t w : widths_) sum += w;
      if (sum <= static_cast<std::size_t>(style_.width)) return;
      std::size_t widest = shown_.size();
      for (std::size_t i = 0; i < shown_.size(); ++i) {
        if (table_.columns[shown_[i]].type != ColumnType::text || widths_[i] <= kNarrowest)
          continue;
        if (widest == shown_.size() || widths_[i] > widths_[widest]) widest = i;
      }
      if (widest == shown_.size()) return;
      --widths_[widest];
      cut_[widest] = true;
    }
  }

  void write_line(const std::vector<std::string>& line) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string cell = cut_[i] ? fitted(line[i], widths_[i]) : line[i];
      const std::size_t width = display_width(cell);
      const std::string padding(width < widths_[i] ? widths_[i] - width : 0, ' ');
      if (i) text.append(kGap, ' ');
      text += flush_right(table_.columns[shown_[i]].type) ? padding + cell : cell + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out_ << text << '\n';
  }

  void write_rule() {
    std::string text;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
      if (i) text.append(kGap, ' ');
      text.append(widths_[i], '-');
    }
    out_ << text << '\n';
  }

  const Table& table_;
  const RenderStyle& style_;
  Writer& out_;
  std::vector<unsigned> shown_;
  std::vector<std::size_t> widths_;
  std::vector<bool> cut_;
};

void write_values(const KeyValues& values, Writer& out) {
  std::size_t width = 0;
  for (const Value& value : values.values) width = std::max(width, display_width(value.label()));
  for (const Value& value : values.values) {
    const std::string text = cell_text(value.cell(), value.type());
    if (text.empty()) continue;
    out << fmt::format("  {:<{}}  {}\n", value.label(), width, text);
  }
}

void write_findings(const Report& report, Writer& out) {
  if (report.findings.empty()) return;
  if (!report.list_findings) {
    out << fmt::format("\nFINDINGS  {} ({}); `info` lists them\n", report.findings.size(),
                       printable(report.findings.front().what));
    return;
  }
  out << "\nFINDINGS\n";
  for (const Finding& finding : report.findings) {
    out << "  " << (finding.address ? hex_text(finding.address) + "  " : std::string())
        << printable(finding.what);
    if (!finding.evidence.empty()) out << ": " << printable(finding.evidence);
    out << '\n';
  }
}

void write_next(const Report& report, const RenderStyle& style, Writer& out) {
  if (report.next.empty()) return;
  std::size_t width = 0;
  for (const NextStep& step : report.next) {
    width = std::max(width, style.prefix.size() + step.words.size());
  }
  out << '\n';
  for (std::size_t i = 0; i < report.next.size(); ++i) {
    const NextStep& step = report.next[i];
    const std::string line = style.prefix + step.words;
    out << (i ? "       " : "NEXT   ");
    // Long targets (paths) push the remark to a line of its own rather than over the edge.
    if (step.comment.empty()) {
      out << line << '\n';
    } else if (width + 9 + step.comment.size() <= 80) {
      out << fmt::format("{:<{}}  {}\n", line, width, step.comment);
    } else {
      out << line << "\n         # " << step.comment << '\n';
    }
  }
}

}  // namespace

Result<void> render_text(const Report& report, const RenderStyle& style, Writer& out) {
  bool first = true;
  for (const Section& section : report.sections) {
    // For machines only.
    if (section.title.empty() && section.screen && section.screen->empty()) continue;
    if (!first) out << '\n';
    first = false;
    if (!section.title.empty()) {
      if (style.colour) out << kBold;
      out << section.title;
      if (style.colour) out << kPlain;
      out << '\n';
    }
    if (section.screen) {
      out << *section.screen;
    } else if (const auto* values = std::get_if<KeyValues>(&section.body)) {
      write_values(*values, out);
    } else if (const auto* table = std::get_if<Table>(&section.body)) {
      if (!TableWriter(*table, style, out).write()) return out.finish();
    } else {
      out << std::get<TextBlock>(section.body).text;
    }
  }
  write_findings(report, out);
  if (!report.not_seen.empty()) out << "\nNOT SEEN  " << report.not_seen << '\n';
  write_next(report, style, out);
  return out.finish();
}

Result<void> render(const Report& report, Format format, const RenderStyle& style, Sink& sink,
                    JobControl& job) {
  Writer out(sink, job);
  switch (format) {
    case Format::text:
      return render_text(report, style, out);
    case Format::json:
      return render_json(report, style, out);
    case Format::jsonl:
      return render_jsonl(report, out);
    case Format::csv:
      return render_csv(report, out);
  }
  return fail(ErrorCode::internal, "format", "unknown");
}

}  // namespace coreheap::commands
