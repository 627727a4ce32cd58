// Walks of the interpreter's free lists; see freelists.h. Every walk is bounded by the list's own
// count and a cap that no CPython exceeds.
#include "heapparse/python/freelists.h"

#include <algorithm>

namespace coreheap::python {
namespace {

constexpr std::uint64_t kMaxEntries = 10000;  // the longest list of any version keeps 2000 a size
constexpr std::uint32_t kTupleLists = 20;
constexpr std::uint32_t kKeysListLength = 80;

struct NamedList {
  std::string_view name;
  layouts::Field layouts::Structs::Freelists::*field;
};

constexpr NamedList kLists[] = {
    {"float", &layouts::Structs::Freelists::floats},
    {"complex", &layouts::Structs::Freelists::complexes},
    {"int", &layouts::Structs::Freelists::ints},
    {"list", &layouts::Structs::Freelists::lists},
    {"list_iterator", &layouts::Structs::Freelists::list_iterators},
    {"tuple_iterator", &layouts::Structs::Freelists::tuple_iterators},
    {"dict", &layouts::Structs::Freelists::dicts},
    {"dict keys", &layouts::Structs::Freelists::dict_keys},
    {"slice", &layouts::Structs::Freelists::slices},
    {"range", &layouts::Structs::Freelists::ranges},
    {"range_iterator", &layouts::Structs::Freelists::range_iterators},
    {"Context", &layouts::Structs::Freelists::contexts},
    {"async generator value", &layouts::Structs::Freelists::async_gens},
    {"async_generator_asend", &layouts::Structs::Freelists::async_gen_asends},
    {"FutureIter", &layouts::Structs::Freelists::future_iterators},
    {"unicode writer", &layouts::Structs::Freelists::unicode_writers},
    {"bytes writer", &layouts::Structs::Freelists::bytes_writers},
    {"builtin_function_or_method", &layouts::Structs::Freelists::cfunctions},
    {"builtin_method", &layouts::Structs::Freelists::cmethods},
    {"method", &layouts::Structs::Freelists::methods},
};

class Walker {
 public:
  Walker(ObjectReader& reader, std::vector<FreeListEntry>& out) : reader_(reader), out_(out) {}

  // A chain linked through the word at `link` of each entry.
  void chain(std::string_view name, Address head, std::uint32_t link) {
    for (std::uint64_t i = 0; head && i < kMaxEntries; ++i) {
      const auto next = reader_.memory().read<std::uint64_t>(head + link);
      if (!next) return;
      out_.push_back({head, name});
      head = Address{*next};
    }
  }
  void array(std::string_view name, Address first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < std::min(count, kMaxEntries); ++i) {
      const auto entry = reader_.memory().read<std::uint64_t>(first + i * 8);
      if (entry && *entry != 0) out_.push_back({Address{*entry}, name});
    }
  }

 private:
  ObjectReader& reader_;
  std::vector<FreeListEntry>& out_;
};

}  // namespace

std::vector<FreeListEntry> free_list_entries(const image::AddressSpace& space,
                                             const Runtime& runtime) {
  const auto& layout = *runtime.layout;
  ObjectReader reader(space, layout);
  std::vector<FreeListEntry> out;
  Walker walk(reader, out);
  const std::uint32_t type_link = layout.object.type.offset;

  for (const auto& interpreter : runtime.interpreters) {
    const Address at = interpreter.address;
    switch (layout.traits.freelist_form) {
      case layouts::FreelistForm::kStaticVariables:
      case layouts::FreelistForm::kPerThread:
        break;
      case layouts::FreelistForm::kInterpreterStates: {
        const auto& floats = layout.interpreter.float_freelist;
        if (floats.present()) {
          const auto head = reader.pointer(at + floats.offset, layout.float_freelist.list);
          if (head) walk.chain("float", *head, type_link);
        }
        const auto& dicts = layout.interpreter.dict_freelist;
        if (dicts.present() && layout.dict_freelist.keys_list.present()) {
          const Address state = at + dicts.offset;
          const auto count = reader.word(state, layout.dict_freelist.keys_count);
          walk.array("dict keys", state + layout.dict_freelist.keys_list.offset,
                     std::min<std::uint64_t>(count.value_or(0) & 0xffffffff, kKeysListLength));
        }
        break;
      }
      case layouts::FreelistForm::kCountedLists: {
        const Address lists = at + layout.interpreter.freelists.offset;
        // {count, head}: floats link through their type word.
        const auto& floats = layout.freelists.floats;
        if (const auto head = reader.memory().read_address(lists + floats.offset + 8)) {
          if (floats.present()) walk.chain("float", *head, type_link);
        }
        const auto& keys = layout.freelists.dict_keys;
        if (keys.present()) {
          const Address first = lists + keys.offset;
          const auto count = reader.memory().read<std::uint32_t>(first + kKeysListLength * 8);
          walk.array("dict keys", first, std::min(count.value_or(0), kKeysListLength));
        }
        break;
      }
      case layouts::FreelistForm::kHeadSizePairs: {
        const Address lists = at + layout.interpreter.freelists.offset;
        for (const NamedList& list : kLists) {
          const layouts::Field& field = layout.freelists.*list.field;
          if (!field.present()) continue;
          if (const auto head = reader.memory().read_address(lists + field.offset)) {
            walk.chain(list.name, *head, 0);
          }
        }
        if (const auto& tuples = layout.freelists.tuples; tuples.present()) {
          for (std::uint32_t i = 0; i < kTupleLists; ++i) {
            if (const auto head = reader.memory().read_address(lists + tuples.offset + i * 16)) {
              walk.chain("tuple", *head, 0);
            }
          }
        }
        break;
      }
    }
  }
  std::sort(out.begin(), out.end(),
            [](const FreeListEntry& a, const FreeListEntry& b) { return a.address < b.address; });
  return out;
}

}  // namespace coreheap::python
