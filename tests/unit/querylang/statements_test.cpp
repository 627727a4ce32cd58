// The statement files of tests/query: what each query answers over a synthesised heap, and what
// each wrong one is told.
#include "tests/unit/querylang/answers.h"
#include "tests/unit/querylang/statement_files.h"

namespace {

using namespace coreheap;
using namespace coreheap::query;
using namespace coreheap::query::testing;

std::filesystem::path files() {
  return std::filesystem::path(COREHEAP_SOURCE_DIR) / "tests" / "query";
}

TEST_CASE("each statement about the shop has its answer") {
  Shop shop(python::synthetic::layout_of(3, 11));
  int count = 0;
  for (const auto& path : statement_files(files() / "shop")) {
    Variables variables;
    StatementFile(path).run([&](const Statement& statement) {
      INFO(path.filename().string() << ":" << statement.line << ": " << statement.text);
      const std::string said = answer(statement.text, shop.view(), variables);
      CHECK((statement.kind == "error") == said.starts_with("error["));
      CHECK(said == statement.expected);
      ++count;
      return said;
    });
  }
  CHECK(count > 50);
}

TEST_CASE("each wrong query is told what is wrong, where, and what to write") {
  int count = 0;
  for (const auto& path : statement_files(files() / "errors")) {
    StatementFile(path).run([&](const Statement& statement) {
      INFO(path.filename().string() << ":" << statement.line << ": " << statement.text);
      const auto made = plan(statement.text, {"saved"});
      const std::string said = made ? "no error\n" : to_text(made.error(), statement.text) + '\n';
      CHECK(said == statement.expected);
      if (!made) {
        CHECK(made.error().span.start <= made.error().span.end);
        CHECK(made.error().span.end <= statement.text.size());
      }
      ++count;
      return said;
    });
  }
  CHECK(count > 50);
}

TEST_CASE("a statement about fields has the same answer in every version") {
  std::string first;
  for (const auto* layout : python::synthetic::gil_layouts()) {
    INFO(layout->name);
    Shop shop(*layout);
    Variables variables;
    std::string all;
    for (const char* text :
         {"type == \"shop.orders.Order\" and .status == \"open\" | show .total, len(.items), "
          ".items[-1]",
          "isa(\"Order\") | group by .status, .customer.name show count(), sum(.total) as total",
          "isa(\"shop.people.Customer\") | show .name, .age | order by .age",
          "type == \"Order\" and .total is none | count"}) {
      all += answer(text, shop.view(), variables);
    }
    if (first.empty()) first = all;
    CHECK(all == first);
    CHECK(all.find("ann") != std::string::npos);
  }
}

}  // namespace
