// What a command answers: a list of sections, before anything is turned into characters.
//
// A report is the same for text, JSON and CSV; renderers are pure functions of it. One of its
// tables, the first unless it names another, is the main table: what CSV and JSON lines print, and
// what JSON calls "rows".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "commands/table.h"
#include "heapparse/base/finding.h"
#include "heapparse/census/census.h"

namespace coreheap::commands {

enum class Format : std::uint8_t { text, json, jsonl, csv };
std::string_view name_of(Format format);
std::optional<Format> format_from(std::string_view name);

// One line of a list of facts.
class Value {
 public:
  Value(std::string key, ColumnType type, Cell cell, std::string label = {})
      : key_(std::move(key)), label_(std::move(label)), type_(type), cell_(cell) {
    if (cell.kind == Cell::Kind::text) text_ = cell.text;
  }
  const std::string& key() const { return key_; }  // of machine formats
  const std::string& label() const { return label_.empty() ? key_ : label_; }
  ColumnType type() const { return type_; }
  Cell cell() const {
    Cell cell = cell_;
    if (cell.kind == Cell::Kind::text) cell.text = text_;
    return cell;
  }

 private:
  std::string key_;
  std::string label_;
  ColumnType type_;
  Cell cell_;
  std::string text_;
};

struct KeyValues {
  std::vector<Value> values;

  void text(std::string key, std::string_view value, std::string label = {}) {
    // A text that is not there is absent, not empty.
    values.emplace_back(std::move(key), ColumnType::text,
                        value.empty() ? Cell::absent() : Cell::of_text(value), std::move(label));
  }
  void count(std::string key, std::uint64_t n, std::string label = {}) {
    values.emplace_back(std::move(key), ColumnType::integer, Cell::of_count(n), std::move(label));
  }
  void identifier(std::string key, std::uint64_t n, std::string label = {}) {
    values.emplace_back(std::move(key), ColumnType::identifier, Cell::of_count(n),
                        std::move(label));
  }
  void bytes(std::string key, std::uint64_t n, std::string label = {}) {
    values.emplace_back(std::move(key), ColumnType::bytes, Cell::of_count(n), std::move(label));
  }
  void address(std::string key, Address a, std::string label = {}) {
    values.emplace_back(std::move(key), ColumnType::address, Cell::of_address(a), std::move(label));
  }
  void boolean(std::string key, bool b, std::string label = {}) {
    values.emplace_back(std::move(key), ColumnType::boolean, Cell::of_boolean(b), std::move(label));
  }
};

struct TextBlock {
  std::string text;
};

struct Section {
  std::string name;   // of machine formats
  std::string title;  // of text; empty: none is printed
  std::variant<KeyValues, Table, TextBlock> body;
  // Lines that stand for the body as text, where columns are not the best picture of it.
  std::optional<std::string> screen;
};

// A line that can be pasted: the words after the program's name (and target), and what they show.
struct NextStep {
  std::string words;
  std::string comment;
};

struct Report {
  std::string command;  // as typed
  std::string target;   // "pid 7", "core.1234"; empty without one
  std::vector<Section> sections;
  std::optional<census::Coverage> coverage;
  std::string not_seen;  // the line of text that says what coverage does not
  Findings findings;
  bool list_findings = false;  // as text too: all of them, not only their number
  std::vector<NextStep> next;
  Address result_address;  // what the answer is about, for $_ in GDB
  int status = 0;          // 0, 3 or 4; 2 where `error` says what is wrong with the question
  std::string error;       // beside the report, for people

  // What the row numbers that this report prints stand for: `#1` is the first.
  std::vector<Address> numbered;

  std::string main_name;  // section whose table is the main one; empty: the first table

  std::optional<std::string> picture;   // an SVG document: what -o FILE.svg writes
  std::string picture_ending = ".svg";  // or another document, written where FILE ends so

  Table* main_table();
  const Table* main_table() const;

  Section& add(std::string name, std::string title, KeyValues values);
  Section& add(std::string name, std::string title, Table table);
  Section& add_text(std::string name, std::string text);
};

}  // namespace coreheap::commands
