// The hashtable of CPython's runtime (_Py_hashtable_t), in its two forms: up to 3.8 key and data
// lie in the entry, behind it; later the entry points to both.
//
// Invariant: a walk visits no more entries than the table has buckets (it grows when it is half
// full), follows a chain that closes on itself at most three times round, and reads nothing outside
// the image.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/image/image.h"
#include "heapparse/python/chain_guard.h"
#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct HashtableHead {
  Address address;
  Address buckets;
  std::uint64_t bucket_count = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t key_bytes = 0;   // in the entry; 0: pointed to
  std::uint64_t data_bytes = 0;  // in the entry; 0: none, or pointed to
};

// What a header must look like: buckets a power of two, all in the image, less than half taken;
// functions in code.
std::optional<HashtableHead> read_hashtable(ObjectReader& reader, const image::Image& image,
                                            Address a);

// Bytes that CPython counts for it: header, buckets, entries.
std::uint64_t hashtable_bytes(const layouts::Layout& layout, const HashtableHead& head);

// Where key and data of an entry are: in it, or the words that it holds.
inline std::optional<Address> hashtable_key(ObjectReader& reader, const HashtableHead& head,
                                            Address entry) {
  const auto& l = reader.layout().hashtable_entry;
  if (head.key_bytes != 0) return reader.memory().read_address(entry + l.struct_size);
  return reader.memory().read_address(entry + l.key.offset);
}
// Address of the data: behind the key, or what the entry's value points to.
inline std::optional<Address> hashtable_data(ObjectReader& reader, const HashtableHead& head,
                                             Address entry) {
  const auto& l = reader.layout().hashtable_entry;
  if (head.key_bytes != 0) return entry + l.struct_size + head.key_bytes;
  return reader.pointer(entry, l.value);
}

struct HashtableWalk {
  std::uint64_t visited = 0;
  Address broken;  // the bucket or entry behind which a chain was given up
};

// Calls visit(entry) until it returns false.
template <class Visit>
HashtableWalk walk_hashtable(ObjectReader& reader, const HashtableHead& head, Visit&& visit) {
  HashtableWalk walk;
  for (std::uint64_t b = 0; b < head.bucket_count; ++b) {
    const Address bucket = head.buckets + b * 8;
    Address entry = reader.memory().read_address(bucket).value_or(Address{});
    Address from = bucket;
    ChainGuard guard;
    while (entry) {
      const auto next =
          entry.is_aligned(8)
              ? reader.memory().read_address(entry + reader.layout().hashtable_entry.next.offset)
              : std::nullopt;
      if (!next || guard.repeats(entry) || walk.visited == head.bucket_count) {
        if (!walk.broken) walk.broken = from;
        break;
      }
      ++walk.visited;
      if (!visit(entry)) return walk;
      from = entry;
      entry = *next;
    }
  }
  return walk;
}

}  // namespace coreheap::python
