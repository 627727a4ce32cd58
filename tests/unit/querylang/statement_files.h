// Files of statements and what each is to answer, as database projects keep them:
//
//     # a remark
//     query
//     type == "list" | count
//     ----
//     count()
//     7
//
//     error
//     siez > 1
//     ----
//     error[unknown-attribute]: ...
//
// A statement may have several lines; an empty line ends the answer. With COREHEAP_REWRITE=1 in the
// environment the answers are written anew, for a person to read.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace coreheap::query::testing {

struct Statement {
  std::string kind;  // "query" or "error"
  std::string text;
  std::string expected;
  int line = 0;
};

struct StatementFile {
  std::filesystem::path path;
  std::vector<std::string> lines;

  explicit StatementFile(std::filesystem::path at) : path(std::move(at)) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }

  // Calls answer(statement), which gives the answer there is; in the end rewrites the file if
  // asked.
  void run(const std::function<std::string(const Statement&)>& answer) {
    std::ostringstream out;
    for (std::size_t i = 0; i < lines.size();) {
      if (lines[i] != "query" && lines[i] != "error") {
        out << lines[i++] << '\n';
        continue;
      }
      Statement statement;
      statement.kind = lines[i++];
      statement.line = static_cast<int>(i);
      for (; i < lines.size() && lines[i] != "----"; ++i) {
        if (!statement.text.empty()) statement.text += '\n';
        statement.text += lines[i];
      }
      for (++i; i < lines.size() && !lines[i].empty(); ++i) statement.expected += lines[i] + '\n';
      const std::string said = answer(statement);
      out << statement.kind << '\n' << statement.text << "\n----\n" << said;
    }
    if (std::getenv("COREHEAP_REWRITE") != nullptr) std::ofstream(path) << out.str();
  }
};

inline std::vector<std::filesystem::path> statement_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace coreheap::query::testing
