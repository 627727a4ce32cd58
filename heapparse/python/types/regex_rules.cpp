// Rules of regular expressions: patterns, matches, scanners and the templates of re.sub.
#include <array>

#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Layout;

constexpr FieldReference kPattern[] = {
    {"groupindex", [](const Layout& l) { return l.pattern.groupindex; }},
    {"_indexgroup", [](const Layout& l) { return l.pattern.indexgroup; }},
    {"pattern", [](const Layout& l) { return l.pattern.pattern; }},
};

constexpr FieldReference kMatch[] = {
    {"string", [](const Layout& l) { return l.match.string; }},
    {"regs", [](const Layout& l) { return l.match.regs; }},
    {"re", [](const Layout& l) { return l.match.pattern; }},
};

// What is searched is held twice: as the string, and by the view of its memory.
constexpr FieldReference kScanner[] = {
    {"pattern", [](const Layout& l) { return l.sre_scanner.pattern; }},
    {"_string", [](const Layout& l) { return l.sre_scanner.string; }, SkipCause::not_traversed},
    {"_buffer", [](const Layout& l) { return l.sre_scanner.buffer_object; },
     SkipCause::not_traversed},
};

constexpr FieldReference kTemplate[] = {
    {"literal", [](const Layout& l) { return l.sre_template.literal; }},
};

void template_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().sre_template;
  const auto count = decoder.reader().word(object.address, f.size);
  if (!count) return;
  // {group number, the literal behind the group}
  hold_table(decoder, object.address + f.items.offset + 8, *count, visit, SkipCause::none, 16);
}

void scanner_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().sre_scanner;
  own_buffer(decoder, object, f.mark, BufferKind::other, visit);
  own_buffer(decoder, object, f.data_stack, BufferKind::other, visit);
}

}  // namespace

std::span<const TypeRules> regex_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "re.Pattern", .fields = kPattern},
      TypeRules{.name = "re.Match", .fields = kMatch},
      TypeRules{.name = "_sre.SRE_Pattern", .fields = kPattern},
      TypeRules{.name = "_sre.SRE_Match", .fields = kMatch},
      TypeRules{.name = "_sre.SRE_Scanner", .fields = kScanner, .buffers = scanner_buffers},
      TypeRules{
          .name = "_sre.SRE_Template", .fields = kTemplate, .references = template_references},
  };
  return kRules;
}

}  // namespace coreheap::python
