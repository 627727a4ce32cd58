// Cells for machines.
#include "commands/render/cells.h"

#include <cmath>
#include <numeric>

#include "commands/utf8.h"

namespace coreheap::commands {

void append_number(std::string& out, double d) {
  if (!std::isfinite(d)) {
    out += "null";
    return;
  }
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::round(d * 100) / 100,
                                 std::chars_format::general)
                       .ptr;
  out.append(digits, end);
}

namespace {

// The shortest digits that read back as the same number.
void append_real(std::string& out, double d, std::string_view otherwise) {
  if (!std::isfinite(d)) {
    out += otherwise;
    return;
  }
  char digits[64];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, d).ptr);
}

// Text whose bytes can be copied as they are into a JSON string.
bool is_plain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') return false;
  }
  return true;
}

// UTF-8 whatever the target's bytes are.
void append_utf8(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_sequence(text.substr(i));
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++i;
    } else {
      out.append(text.substr(i, length));
      i += length;
    }
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  if (is_plain(text)) {
    out += text;
  } else {
    for (std::size_t i = 0; i < text.size();) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte == '"' || byte == '\\') {
        out += '\\';
        out += text[i++];
      } else if (byte == '\n') {
        out += "\\n";
        ++i;
      } else if (byte < 0x20 || byte == 0x7f) {
        constexpr std::string_view kHex = "0123456789abcdef";
        out += "\\u00";
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
        ++i;
      } else {
        const std::size_t length = std::max<std::size_t>(utf8_sequence(text.substr(i)), 1);
        append_utf8(out, text.substr(i, length));
        i += length;
      }
    }
  }
  out += '"';
}

void append_json(std::string& out, const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::absent:
      out += "null";
      return;
    case Cell::Kind::text:
      append_json_string(out, cell.text);
      return;
    case Cell::Kind::integer:
      append_integer(out, cell.integer());
      return;
    case Cell::Kind::number:
      append_number(out, cell.number());
      return;
    case Cell::Kind::real:
      append_real(out, cell.number(), "null");
      return;
    case Cell::Kind::address:
      out += '"';
      append_hex(out, cell.bits);
      out += '"';
      return;
    case Cell::Kind::boolean:
      out += cell.bits ? "true" : "false";
      return;
  }
}

void append_csv(std::string& out, const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::absent:
      return;
    case Cell::Kind::integer:
      append_integer(out, cell.integer());
      return;
    case Cell::Kind::number:
      append_number(out, cell.number());
      return;
    case Cell::Kind::real:
      append_real(out, cell.number(), "");
      return;
    case Cell::Kind::address:
      append_hex(out, cell.bits);
      return;
    case Cell::Kind::boolean:
      out += cell.bits ? "true" : "false";
      return;
    case Cell::Kind::text:
      break;
  }
  bool plain = true;
  bool quote = false;
  for (const char c : cell.text) {
    if (c == ',' || c == '"' || c == '\n' || c == '\r') quote = true;
    if (static_cast<unsigned char>(c) >= 0x80) plain = false;
  }
  if (plain && !quote) {
    out += cell.text;
    return;
  }
  std::string clean;
  append_utf8(clean, cell.text);
  if (!quote) {
    out += clean;
    return;
  }
  out += '"';
  for (const char c : clean) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::vector<unsigned> machine_columns(const Table& table) {
  if (!table.shown.empty()) return table.shown;
  std::vector<unsigned> shown;
  for (unsigned i = 0; i < table.columns.size(); ++i) {
    if (!table.columns[i].asked_only) shown.push_back(i);
  }
  return shown;
}

}  // namespace coreheap::commands
