// Rules of sqlite3's objects. What the SQLite library allocates behind its own pointers is not
// followed. The exceptions that a connection names are borrowed from its module and no edges.
#include <array>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

// A C string since 3.11.
constexpr bool level_is_object(const Layout& l) { return !l.sqlite_connection.state.present(); }

constexpr FieldReference kConnection[] = {
    {"isolation_level",
     [](const Layout& l) {
       return level_is_object(l) ? l.sqlite_connection.isolation_level : Field{};
     }},
    {"_statement_cache", [](const Layout& l) { return l.sqlite_connection.statement_cache; }},
    {"_statements", [](const Layout& l) { return l.sqlite_connection.statements; }},
    {"_cursors", [](const Layout& l) { return l.sqlite_connection.cursors; }},
    {"_blobs", [](const Layout& l) { return l.sqlite_connection.blobs; }},
    {"row_factory", [](const Layout& l) { return l.sqlite_connection.row_factory; }},
    {"text_factory", [](const Layout& l) { return l.sqlite_connection.text_factory; }},
    {"_functions", [](const Layout& l) { return l.sqlite_connection.function_pinboard; }},
    {"_trace_callback", [](const Layout& l) { return l.sqlite_connection.trace_callback; }},
    {"_progress_handler", [](const Layout& l) { return l.sqlite_connection.progress_handler; }},
    {"_authorizer", [](const Layout& l) { return l.sqlite_connection.authorizer; }},
    {"_collations", [](const Layout& l) { return l.sqlite_connection.collations; }},
    {"_apsw_connection", [](const Layout& l) { return l.sqlite_connection.apsw_connection; }},
};

constexpr FieldReference kCursor[] = {
    {"connection", [](const Layout& l) { return l.sqlite_cursor.connection; }},
    {"description", [](const Layout& l) { return l.sqlite_cursor.description; }},
    {"_row_cast_map", [](const Layout& l) { return l.sqlite_cursor.row_cast_map; }},
    {"lastrowid", [](const Layout& l) { return l.sqlite_cursor.lastrowid; }},
    {"row_factory", [](const Layout& l) { return l.sqlite_cursor.row_factory; }},
    {"_statement", [](const Layout& l) { return l.sqlite_cursor.statement; }},
    {"_next_row", [](const Layout& l) { return l.sqlite_cursor.next_row; }},
};

constexpr FieldReference kStatement[] = {
    {"_sql", [](const Layout& l) { return l.sqlite_statement.sql; }},
};

constexpr FieldReference kRow[] = {
    {"_data", [](const Layout& l) { return l.sqlite_row.data; }},
    {"_description", [](const Layout& l) { return l.sqlite_row.description; }},
};

constexpr FieldReference kBlob[] = {
    {"_connection", [](const Layout& l) { return l.sqlite_blob.connection; }},
};

constexpr FieldReference kCache[] = {
    {"_mapping", [](const Layout& l) { return l.sqlite_cache.mapping; }},
};

constexpr FieldReference kNode[] = {
    {"_key", [](const Layout& l) { return l.sqlite_cache_node.key; }},
    {"_data", [](const Layout& l) { return l.sqlite_cache_node.data; }},
};

// Callbacks, each in a block with what it needs.
struct Callback {
  std::string_view name;
  Field (*field)(const Layout& layout);
};
constexpr Callback kCallbacks[] = {
    {"_trace_callback", [](const Layout& l) { return l.sqlite_connection.trace_context; }},
    {"_progress_handler", [](const Layout& l) { return l.sqlite_connection.progress_context; }},
    {"_authorizer", [](const Layout& l) { return l.sqlite_connection.authorizer_context; }},
};

void connection_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().sqlite_callback;
  ObjectReader& reader = decoder.reader();
  for (const Callback& one : kCallbacks) {
    const auto context = reader.pointer(object.address, one.field(decoder.layout()));
    if (!context) continue;
    for (const Field& field : {f.callable, f.module}) {
      const auto target = reader.pointer(*context, field);
      if (target) visit({*target, {.kind = EdgeKind::field, .text = one.name}});
    }
  }
}

void connection_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  for (const Callback& one : kCallbacks) {
    own_buffer(decoder, object, one.field(decoder.layout()), BufferKind::other, visit);
  }
}

// The chain of nodes, which the cache owns one by one (each is in its mapping as well);
// traversed in the one version whose cache is known to the collector (3.10).
void cache_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  constexpr std::uint64_t kMost = 1 << 20;
  ObjectReader& reader = decoder.reader();
  auto node = reader.pointer(object.address, decoder.layout().sqlite_cache.first);
  ChainGuard guard;
  for (std::uint64_t i = 0; node && i < kMost && !guard.repeats(*node); ++i) {
    visit({*node, {.kind = EdgeKind::item, .index = i}});
    node = reader.pointer(*node, decoder.layout().sqlite_cache_node.next);
  }
}

}  // namespace

std::span<const TypeRules> sqlite_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "sqlite3.Connection",
                .fields = kConnection,
                .references = connection_references,
                .buffers = connection_buffers},
      TypeRules{.name = "sqlite3.Cursor", .fields = kCursor},
      TypeRules{.name = "sqlite3.Statement", .fields = kStatement},
      TypeRules{.name = "sqlite3.Row", .fields = kRow},
      TypeRules{.name = "sqlite3.Blob", .fields = kBlob},
      TypeRules{.name = "sqlite3.Cache", .fields = kCache, .references = cache_references},
      TypeRules{.name = "sqlite3.Node", .fields = kNode},
      TypeRules{.name = "sqlite3Node", .fields = kNode},
      TypeRules{.name = "sqlite3.PrepareProtocol"},
  };
  return kRules;
}

}  // namespace coreheap::python
