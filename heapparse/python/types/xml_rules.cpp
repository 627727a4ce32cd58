// Rules of ElementTree in C (2.7: cElementTree) and of expat's parser.
#include <array>

#include "heapparse/python/types/element.h"
#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kElement[] = {
    {"tag", [](const Layout& l) { return l.element.tag; }},
};

// Text and tail may be tagged: parts in a list that were not joined yet.
void element_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().element;
  for (const auto& [name, field] : {std::pair{"text", f.text}, std::pair{"tail", f.tail}}) {
    const auto word = decoder.reader().word(object.address, field);
    if (!word || *word <= 1) continue;
    visit({Address{*word & ~std::uint64_t{1}}, {.kind = EdgeKind::field, .text = name}});
  }
  const auto extra = view_element_extra(decoder.reader(), object.address);
  if (!extra) return;
  if (extra->attrib) visit({extra->attrib, {.kind = EdgeKind::field, .text = "attrib"}});
  hold_table(decoder, extra->children, extra->count, visit);
}

std::optional<std::uint64_t> element_size(Decoder& decoder, const Object& object) {
  const std::uint64_t own = object.type->basicsize;
  const auto extra = view_element_extra(decoder.reader(), object.address);
  // cElementTree of 2.7 has no __sizeof__ of its own.
  if (!extra || decoder.layout().unicode_buffer.present()) return own;
  return own + decoder.layout().element_extra.struct_size +
         (extra->embedded ? 0 : extra->allocated * 8);
}

void element_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto extra = view_element_extra(decoder.reader(), object.address);
  if (!extra) return;
  visit({BufferKind::element_children, extra->address});
  if (!extra->embedded) visit({BufferKind::element_children, extra->children});
}

constexpr FieldReference kElementIterator[] = {
    {"_root", [](const Layout& l) { return l.element_iterator.root_element; }},
    {"_tag", [](const Layout& l) { return l.element_iterator.sought_tag; }},
};

void iterator_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().element_iterator;
  const auto& parent = decoder.layout().element_parent;
  const auto stack = decoder.reader().pointer(object.address, f.parent_stack);
  const auto used = decoder.reader().word(object.address, f.parent_stack_used);
  if (!stack || !used) return;
  hold_table(decoder, *stack + parent.parent.offset, *used, visit, SkipCause::none,
             parent.struct_size);
}

void iterator_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().element_iterator.parent_stack, BufferKind::other,
             visit);
}

constexpr FieldReference kTreeBuilder[] = {
    {"_root", [](const Layout& l) { return l.tree_builder.root; }},
    {"_this", [](const Layout& l) { return l.tree_builder.current; }},
    {"_last", [](const Layout& l) { return l.tree_builder.last; }},
    {"_last_for_tail", [](const Layout& l) { return l.tree_builder.last_for_tail; }},
    {"_data", [](const Layout& l) { return l.tree_builder.data; }},
    {"_stack", [](const Layout& l) { return l.tree_builder.stack; }},
    {"_element_factory", [](const Layout& l) { return l.tree_builder.element_factory; }},
    {"_comment_factory", [](const Layout& l) { return l.tree_builder.comment_factory; }},
    {"_pi_factory", [](const Layout& l) { return l.tree_builder.pi_factory; }},
};

struct TreeBuilderField {
  std::string_view name;
  Field (*field)(const Layout& layout);
};
// What the builder reports to whoever asks for events.
constexpr TreeBuilderField kTreeBuilderEvents[] = {
    {"_events_append", [](const Layout& l) { return l.tree_builder.events_append; }},
    {"_start_event", [](const Layout& l) { return l.tree_builder.start_event; }},
    {"_end_event", [](const Layout& l) { return l.tree_builder.end_event; }},
    {"_start_ns_event", [](const Layout& l) { return l.tree_builder.start_ns_event; }},
    {"_end_ns_event", [](const Layout& l) { return l.tree_builder.end_ns_event; }},
    {"_comment_event", [](const Layout& l) { return l.tree_builder.comment_event; }},
    {"_pi_event", [](const Layout& l) { return l.tree_builder.pi_event; }},
};

void tree_builder_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const bool listed = decoder.traits().tree_builder_traverses_events;
  for (const TreeBuilderField& one : kTreeBuilderEvents) {
    const auto target = decoder.reader().pointer(object.address, one.field(decoder.layout()));
    if (!target) continue;
    visit({*target,
           {.kind = EdgeKind::field, .text = one.name},
           listed ? SkipCause::none : SkipCause::not_traversed});
  }
}

constexpr FieldReference kXmlParser[] = {
    {"target", [](const Layout& l) { return l.xml_parser.target; }},
    {"entity", [](const Layout& l) { return l.xml_parser.entity; }},
    {"_names", [](const Layout& l) { return l.xml_parser.names; }},
    {"_handle_xml", [](const Layout& l) { return l.xml_parser.handle_xml; }},
    {"_handle_start_ns", [](const Layout& l) { return l.xml_parser.handle_start_ns; }},
    {"_handle_end_ns", [](const Layout& l) { return l.xml_parser.handle_end_ns; }},
    {"_handle_start", [](const Layout& l) { return l.xml_parser.handle_start; }},
    {"_handle_data", [](const Layout& l) { return l.xml_parser.handle_data; }},
    {"_handle_end", [](const Layout& l) { return l.xml_parser.handle_end; }},
    {"_handle_comment", [](const Layout& l) { return l.xml_parser.handle_comment; }},
    {"_handle_pi", [](const Layout& l) { return l.xml_parser.handle_pi; }},
    {"_handle_doctype", [](const Layout& l) { return l.xml_parser.handle_doctype; }},
    {"_handle_close", [](const Layout& l) { return l.xml_parser.handle_close; }},
    {"_module", [](const Layout& l) { return l.xml_parser.module; }, SkipCause::not_traversed},
};

void xml_parser_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  own_buffer(decoder, object, decoder.layout().xml_parser.parser, BufferKind::stream_state, visit);
}

// In the order of the table of handlers, which all versions of expat since 1.95.4 share.
constexpr std::string_view kHandlers[] = {
    "StartElementHandler",
    "EndElementHandler",
    "ProcessingInstructionHandler",
    "CharacterDataHandler",
    "UnparsedEntityDeclHandler",
    "NotationDeclHandler",
    "StartNamespaceDeclHandler",
    "EndNamespaceDeclHandler",
    "CommentHandler",
    "StartCdataSectionHandler",
    "EndCdataSectionHandler",
    "DefaultHandler",
    "DefaultHandlerExpand",
    "NotStandaloneHandler",
    "ExternalEntityRefHandler",
    "StartDoctypeDeclHandler",
    "EndDoctypeDeclHandler",
    "EntityDeclHandler",
    "XmlDeclHandler",
    "ElementDeclHandler",
    "AttlistDeclHandler",
    "SkippedEntityHandler",
};

constexpr FieldReference kExpat[] = {
    {"_parent", [](const Layout& l) { return l.expat_parser.parent; }},
    {"intern", [](const Layout& l) { return l.expat_parser.intern; }, SkipCause::not_traversed},
};

void expat_references(Decoder& decoder, const Object& object, ReferenceSink visit) {
  const auto& f = decoder.layout().expat_parser;
  const auto handlers = decoder.reader().pointer(object.address, f.handlers);
  if (!handlers) return;
  for (std::size_t i = 0; i < std::size(kHandlers); ++i) {
    hold_word(decoder, *handlers + i * 8, {.kind = EdgeKind::field, .text = kHandlers[i]}, visit);
  }
}

void expat_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  const auto& f = decoder.layout().expat_parser;
  own_buffer(decoder, object, f.parser, BufferKind::stream_state, visit);
  own_buffer(decoder, object, f.buffer, BufferKind::io_buffer, visit);
  own_buffer(decoder, object, f.handlers, BufferKind::other, visit);
}

}  // namespace

std::span<const TypeRules> xml_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "xml.etree.ElementTree.Element",
                .fields = kElement,
                .references = element_references,
                .size = element_size,
                .buffers = element_buffers},
      TypeRules{.name = "Element",
                .fields = kElement,
                .references = element_references,
                .buffers = element_buffers},
      TypeRules{.name = "_elementtree._element_iterator",
                .fields = kElementIterator,
                .references = iterator_references,
                .buffers = iterator_buffers},
      TypeRules{.name = "xml.etree.ElementTree.TreeBuilder",
                .fields = kTreeBuilder,
                .references = tree_builder_references},
      TypeRules{
          .name = "TreeBuilder", .fields = kTreeBuilder, .references = tree_builder_references},
      TypeRules{.name = "xml.etree.ElementTree.XMLParser",
                .fields = kXmlParser,
                .buffers = xml_parser_buffers},
      TypeRules{.name = "XMLParser", .fields = kXmlParser, .buffers = xml_parser_buffers},
      TypeRules{.name = "pyexpat.xmlparser",
                .fields = kExpat,
                .references = expat_references,
                .buffers = expat_buffers},
  };
  return kRules;
}

}  // namespace coreheap::python
