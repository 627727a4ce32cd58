// An instance's dict is shown as what it holds: the program does not see the difference.
#include "heapparse/python/attributes.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "heapparse/python/references.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/members.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {

void for_each_attribute(Decoder& decoder, const Object& object,
                        FunctionRef<void(const Attribute&)> visit) {
  constexpr std::string_view kDict = "__dict__";
  // Values may be with the instance though a dict was made: then the dict says the same again.
  bool values_said = false;
  std::vector<Reference> fields;
  for_each_reference(decoder, object, [&](const Reference& edge) {
    const EdgeKind kind = edge.name.kind;
    if (kind != EdgeKind::attribute && kind != EdgeKind::slot && kind != EdgeKind::field) return;
    if (edge.name.text == kDict) return;
    values_said = values_said || kind == EdgeKind::attribute;
    if (kind == EdgeKind::field) fields.push_back(edge);
    visit({edge.name, edge.target});
  });
  if (values_said) return;
  const auto dict = instance_dict(decoder.reader(), *object.type, object.address);
  if (!dict) return;
  const auto known = decoder.object(*dict);
  if (!known || (known->type->flags & decoder.traits().type_flags.dict_subclass) == 0) return;
  const auto members = dict_members(decoder.reader(), *dict, UINT64_MAX);
  if (!members) return;
  // A field may be in the dict, too (a module's __name__).
  const auto said = [&](Address key, Address value) {
    return std::any_of(fields.begin(), fields.end(), [&](const Reference& field) {
      return field.target == value &&
             name_text(decoder.reader(), key, field.name.text.size() + 1) == field.name.text;
    });
  };
  for (std::size_t i = 0; i + 1 < members->items.size(); i += 2) {
    if (said(members->items[i], members->items[i + 1])) continue;
    visit({{.kind = EdgeKind::attribute, .name = members->items[i], .index = i / 2},
           members->items[i + 1]});
  }
}

}  // namespace coreheap::python
