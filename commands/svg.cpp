// Elements with their texts escaped.
#include "commands/svg.h"

#include <fmt/format.h>

namespace coreheap::commands {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters are not allowed in XML.
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

Svg::Svg(unsigned width, unsigned height)
    : body_(fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
                        "viewBox=\"0 0 {0} {1}\" font-family=\"monospace\" font-size=\"11\">\n"
                        "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
                        width, height)) {}

void Svg::rectangle(double x, double y, double width, double height, std::string_view fill,
                    std::string_view title) {
  body_ += fmt::format("<rect x=\"{:g}\" y=\"{:g}\" width=\"{:g}\" height=\"{:g}\" fill=\"{}\"", x,
                       y, width, height, fill);
  body_ += title.empty() ? "/>\n" : fmt::format("><title>{}</title></rect>\n", escaped(title));
}

void Svg::polygon(std::string_view points, std::string_view fill) {
  body_ += fmt::format("<polygon points=\"{}\" fill=\"{}\"/>\n", points, fill);
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view stroke) {
  body_ += fmt::format("<line x1=\"{:g}\" y1=\"{:g}\" x2=\"{:g}\" y2=\"{:g}\" stroke=\"{}\"/>\n",
                       x1, y1, x2, y2, stroke);
}

void Svg::text(double x, double y, std::string_view text, std::string_view anchor) {
  body_ += fmt::format("<text x=\"{:g}\" y=\"{:g}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                       escaped(text));
}

std::string Svg::finish() { return std::move(body_) + "</svg>\n"; }

}  // namespace coreheap::commands
