// Telling the header of a hashtable from other memory.
#include "heapparse/python/hashtable.h"

#include <bit>

namespace coreheap::python {

namespace {

constexpr std::uint64_t kFewestBuckets = 16;  // it never shrinks below
constexpr std::uint64_t kMostInEntry = 64;    // keys and data in an entry are a few words

bool is_code(const image::Image& image, std::optional<std::uint64_t> word) {
  if (!word || *word == 0) return false;
  const auto* mapping = image.mapping_at(Address{*word});
  return mapping != nullptr && mapping->executable;
}

}  // namespace

std::optional<HashtableHead> read_hashtable(ObjectReader& reader, const image::Image& image,
                                            Address a) {
  const auto& l = reader.layout().hashtable;
  const bool in_entry = reader.traits().tracemalloc_form == layouts::TracemallocForm::kInlineTraces;
  const auto bucket_count = reader.word(a, l.bucket_count);
  if (!bucket_count || *bucket_count < kFewestBuckets || !std::has_single_bit(*bucket_count)) {
    return std::nullopt;
  }
  HashtableHead head{a, {}, *bucket_count};
  const auto entry_count = reader.word(a, l.entry_count);
  if (!entry_count || *entry_count > *bucket_count) return std::nullopt;
  head.entry_count = *entry_count;
  const auto buckets = reader.pointer(a, l.buckets);
  if (!buckets || !buckets->is_aligned(8) || *bucket_count > UINT64_MAX / 8 ||
      reader.memory().space().bytes(*buckets, *bucket_count * 8).empty()) {
    return std::nullopt;
  }
  head.buckets = *buckets;
  if (in_entry) {
    head.key_bytes = reader.word(a, l.key_size).value_or(0);
    head.data_bytes = reader.word(a, l.data_size).value_or(0);
    if (head.key_bytes == 0 || head.key_bytes > kMostInEntry || head.data_bytes > kMostInEntry) {
      return std::nullopt;
    }
  }
  if (!is_code(image, reader.word(a, l.hash_function)) ||
      !is_code(image, reader.word(a, l.compare_function))) {
    return std::nullopt;
  }
  return head;
}

std::uint64_t hashtable_bytes(const layouts::Layout& layout, const HashtableHead& head) {
  return layout.hashtable.struct_size + 8 * head.bucket_count +
         (layout.hashtable_entry.struct_size + head.key_bytes + head.data_bytes) * head.entry_count;
}

}  // namespace coreheap::python
