// `value ADDR`: one object's value, alone, so that it can be piped on.
#include "heapparse/python/value.h"

#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

constexpr std::uint64_t kMostChars = 100'000;

Result<python::ValueOptions> value_options(const Arguments& arguments) {
  auto options = python::ValueOptions::of_chars(kMostChars);
  options.attributes = arguments.has("attributes");
  if (const auto most = arguments.value("max-value")) {
    if (*most == "all") {
      options.max_chars = UINT64_MAX;
    } else {
      const auto number = parse_number(*most, "--max-value");
      if (!number) return std::unexpected(number.error());
      options.max_chars = *number;
    }
  }
  return options;
}

Result<Report> run(Context& context) {
  const auto address = context.session.address_of(context, context.arguments.words[0]);
  if (!address) return std::unexpected(address.error());
  const auto options = value_options(context.arguments);
  if (!options) return std::unexpected(options.error());
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const image::Image& image = target.image();
  if (!image.space.is_mapped(*address)) {
    return fail(ErrorCode::not_mapped, hex_text(*address), "the target has nothing mapped there");
  }
  const auto runtime = target.runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto types = target.types(context.job);
  if (!types) return std::unexpected(types.error());
  if (*runtime == nullptr || *types == nullptr) {
    return fail(ErrorCode::no_python, image.source, "no CPython runtime is inside");
  }
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());
  python::Decoder decoder(image.space, **runtime, **types);
  const census::RowId row = (*census)->row_holding(*address);
  const bool in_object = row != census::RowId::none && (*census)->rows.holds_object(row);
  const Address object = in_object ? (*census)->rows.object(row) : *address;
  const auto known = decoder.object(object);
  if (!known) {
    return fail(ErrorCode::no_object, hex_text(*address), "no object is there",
                "show " + hex_text(*address));
  }
  Report report = report_on(target);
  report.result_address = object;
  KeyValues values;
  values.address("object", object);
  values.text("type", known->type->name);
  const std::string text = python::value_text(decoder, object, *options);
  values.text("value", text);
  report.add("value", "", std::move(values)).screen = printable(text) + "\n";
  return report;
}

}  // namespace

Command value_command() {
  return {.name = "value",
          .aliases = {"repr"},
          .summary = "the value of an object as text",
          .description =
              "What ascii() (repr of 2.7) says in the program, alone on the screen: for None, "
              "numbers,\n"
              "texts, ranges, slices and lists, tuples, sets and dicts of them. Other objects are "
              "shown by\n"
              "type and address, with --attributes also by what they hold. Ints of more than 4300 "
              "digits\n"
              "are written in hex. <unreadable> stands for what is damaged or not in the image.\n"
              "ADDR may be a row number of the last list (#3 or 3).",
          .usage = "ADDR",
          .min_words = 1,
          .max_words = 1,
          .options = {{"attributes", 0, "", "instances of classes with their attributes"},
                      {"max-value", 0, "N|all", "characters at which it is cut (100000)"}},
          .completer = Completer::address,
          .group = Group::alive,
          .run = run};
}

}  // namespace coreheap::commands
