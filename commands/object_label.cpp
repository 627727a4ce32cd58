#include "commands/object_label.h"

#include <fmt/format.h>

#include "commands/figures.h"
#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/code.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/function.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::commands {

namespace {

using python::Shape;

constexpr std::size_t kMaxName = 60;

std::string code_label(python::Decoder& decoder, Address code) {
  const auto view = python::view_code(decoder.reader(), code);
  if (!view) return {};
  const Address name = view->qualname ? view->qualname : view->name;
  const auto text = python::name_text(decoder.reader(), name, kMaxName);
  const auto path = python::name_text(decoder.reader(), view->filename, 400).value_or("?");
  const std::size_t slash = path.rfind('/');
  return fmt::format("{}() at {}:{}", text.value_or("?"),
                     slash == std::string::npos ? path : path.substr(slash + 1), view->first_line);
}

}  // namespace

std::optional<std::uint64_t> length_of(python::Decoder& decoder, const python::Object& object) {
  python::ObjectReader& reader = decoder.reader();
  const auto size = [](const auto& view) -> std::optional<std::uint64_t> {
    return view ? std::optional(view->size) : std::nullopt;
  };
  switch (object.type->shape) {
    case Shape::list:
      return size(python::view_list(reader, object.address));
    case Shape::tuple:
      return size(python::view_tuple(reader, object.address));
    case Shape::bytes:
      return size(python::view_bytes(reader, object.address));
    case Shape::bytearray:
      return size(python::view_bytearray(reader, object.address));
    case Shape::deque:
      return size(python::view_deque(reader, object.address));
    case Shape::dict:
    case Shape::odict: {
      const auto view = python::view_dict(reader, object.address);
      return view ? std::optional(view->used) : std::nullopt;
    }
    case Shape::set: {
      const auto view = python::view_set(reader, object.address);
      return view ? std::optional(view->used) : std::nullopt;
    }
    case Shape::str: {
      const auto view = python::view_str(reader, object.address);
      return view ? std::optional(view->length) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::string object_label(python::Decoder& decoder, const python::Object& object) {
  if (const python::PythonType* self = decoder.type_at(object.address)) {
    return "class " + printable(self->name);
  }
  switch (object.type->shape) {
    case Shape::module: {
      const auto names = python::module_dict(decoder.reader(), object.address);
      const auto name =
          names ? python::dict_lookup(decoder.reader(), *names, "__name__") : std::nullopt;
      if (!name) return {};
      return "module " +
             printable(python::name_text(decoder.reader(), *name, kMaxName).value_or("?"));
    }
    case Shape::function: {
      const auto code = python::function_code(decoder.reader(), object.address);
      return code ? printable(code_label(decoder, *code)) : std::string();
    }
    case Shape::code:
      return printable(code_label(decoder, object.address));
    default:
      break;
  }
  const auto length = length_of(decoder, object);
  if (!length) return {};
  std::string_view unit = "item";
  if (object.type->shape == Shape::str) unit = "character";
  if (object.type->shape == Shape::bytes || object.type->shape == Shape::bytearray) unit = "byte";
  return fmt::format("{} {}{}", with_thousands(static_cast<std::int64_t>(*length)), unit,
                     *length == 1 ? "" : "s");
}

}  // namespace coreheap::commands
