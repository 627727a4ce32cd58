// SVG documents, written by hand: rectangles, lines and texts, nothing that needs a script or a
// font.
#pragma once

#include <string>
#include <string_view>

namespace coreheap::commands {

class Svg {
 public:
  Svg(unsigned width, unsigned height);

  // `title` is shown when the pointer rests there; empty: none.
  void rectangle(double x, double y, double width, double height, std::string_view fill,
                 std::string_view title = {});
  // `points`: "x,y x,y ..."
  void polygon(std::string_view points, std::string_view fill);
  void line(double x1, double y1, double x2, double y2, std::string_view stroke);
  // `anchor`: start, middle or end.
  void text(double x, double y, std::string_view text, std::string_view anchor = "start");

  std::string finish();

 private:
  std::string body_;
};

}  // namespace coreheap::commands
