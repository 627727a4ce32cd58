// Rules of exceptions and tracebacks. Each row states what its own struct adds to BaseException's.
#include <array>

#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kBaseException[] = {
    {"__dict__", [](const Layout& l) { return l.base_exception.dict; }},
    {"args", [](const Layout& l) { return l.base_exception.args; }},
    {"__notes__", [](const Layout& l) { return l.base_exception.notes; }},
    {"message", [](const Layout& l) { return l.base_exception.message; }},
    {"__traceback__", [](const Layout& l) { return l.base_exception.traceback; }},
    {"__context__", [](const Layout& l) { return l.base_exception.context; }},
    {"__cause__", [](const Layout& l) { return l.base_exception.cause; }},
};
constexpr FieldReference kEnvironmentError[] = {
    {"errno", [](const Layout& l) { return l.os_error.errno_; }},
    {"strerror", [](const Layout& l) { return l.os_error.strerror; }},
    {"filename", [](const Layout& l) { return l.os_error.filename; }},
};
// 2.7's OSError adds nothing to EnvironmentError; later there is only OSError.
constexpr Field if_os_error(const Layout& l, const Field& field) {
  return l.os_error.filename2.present() ? field : Field{};
}
constexpr FieldReference kOsError[] = {
    {"errno", [](const Layout& l) { return if_os_error(l, l.os_error.errno_); }},
    {"strerror", [](const Layout& l) { return if_os_error(l, l.os_error.strerror); }},
    {"filename", [](const Layout& l) { return if_os_error(l, l.os_error.filename); }},
    {"filename2", [](const Layout& l) { return l.os_error.filename2; }},
};
constexpr FieldReference kSyntaxError[] = {
    {"msg", [](const Layout& l) { return l.syntax_error.msg; }},
    {"filename", [](const Layout& l) { return l.syntax_error.filename; }},
    {"lineno", [](const Layout& l) { return l.syntax_error.lineno; }},
    {"offset", [](const Layout& l) { return l.syntax_error.offset; }},
    {"end_lineno", [](const Layout& l) { return l.syntax_error.end_lineno; }},
    {"end_offset", [](const Layout& l) { return l.syntax_error.end_offset; }},
    {"text", [](const Layout& l) { return l.syntax_error.text; }},
    {"print_file_and_line", [](const Layout& l) { return l.syntax_error.print_file_and_line; }},
    {"_metadata", [](const Layout& l) { return l.syntax_error.metadata; }},
};
constexpr FieldReference kImportError[] = {
    {"msg", [](const Layout& l) { return l.import_error.msg; }},
    {"name", [](const Layout& l) { return l.import_error.name; }},
    {"path", [](const Layout& l) { return l.import_error.path; }},
    {"name_from", [](const Layout& l) { return l.import_error.name_from; }},
};
constexpr FieldReference kUnicodeError[] = {
    {"encoding", [](const Layout& l) { return l.unicode_error.encoding; }},
    {"object", [](const Layout& l) { return l.unicode_error.object; }},
    {"reason", [](const Layout& l) { return l.unicode_error.reason; }},
};
constexpr FieldReference kStopIteration[] = {
    {"value", [](const Layout& l) { return l.stop_iteration.value; }},
};
constexpr FieldReference kSystemExit[] = {
    {"code", [](const Layout& l) { return l.system_exit.code; }},
};
constexpr FieldReference kNameError[] = {
    {"name", [](const Layout& l) { return l.name_error.name; }},
};
constexpr FieldReference kAttributeError[] = {
    {"obj", [](const Layout& l) { return l.attribute_error.object; }},
    {"name", [](const Layout& l) { return l.attribute_error.name; }},
};
constexpr FieldReference kExceptionGroup[] = {
    {"message", [](const Layout& l) { return l.exception_group.msg; }},
    {"exceptions", [](const Layout& l) { return l.exception_group.excs; }},
    {"exceptions_text", [](const Layout& l) { return l.exception_group.excs_text; }},
};
constexpr FieldReference kTraceback[] = {
    {"tb_next", [](const Layout& l) { return l.traceback.next; }},
    {"tb_frame", [](const Layout& l) { return l.traceback.frame; }},
};

}  // namespace

std::span<const TypeRules> exception_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "BaseException", .fields = kBaseException},
      TypeRules{.name = "EnvironmentError", .fields = kEnvironmentError},
      TypeRules{.name = "OSError", .fields = kOsError},
      TypeRules{.name = "SyntaxError", .fields = kSyntaxError},
      TypeRules{.name = "ImportError", .fields = kImportError},
      TypeRules{.name = "UnicodeEncodeError", .fields = kUnicodeError},
      TypeRules{.name = "UnicodeDecodeError", .fields = kUnicodeError},
      TypeRules{.name = "UnicodeTranslateError", .fields = kUnicodeError},
      TypeRules{.name = "StopIteration", .fields = kStopIteration},
      TypeRules{.name = "SystemExit", .fields = kSystemExit},
      TypeRules{.name = "NameError", .fields = kNameError},
      TypeRules{.name = "AttributeError", .fields = kAttributeError},
      TypeRules{.name = "BaseExceptionGroup", .fields = kExceptionGroup},
      TypeRules{.name = "traceback", .fields = kTraceback},
  };
  return kRules;
}

}  // namespace coreheap::python
