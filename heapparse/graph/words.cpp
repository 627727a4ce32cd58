#include "heapparse/graph/words.h"

#include <algorithm>
#include <mutex>

#include "heapparse/image/scan_words.h"

namespace coreheap::graph {
namespace {

using census::Kind;

constexpr std::size_t kRowsPerPiece = 1 << 15;
constexpr std::uint64_t kBytesPerPiece = 1 << 22;

// Buffers whose contents a view decodes, or that hold no pointers: all their words are known.
bool is_decoded(Kind kind) {
  switch (kind) {
    case Kind::list_items:
    case Kind::dict_keys:
    case Kind::dict_keys_shared:
    case Kind::dict_values:
    case Kind::dict_table:
    case Kind::set_table:
    case Kind::bytearray_bytes:
    case Kind::str_data:
    case Kind::str_utf8:
    case Kind::str_wstr:
    case Kind::deque_block:
    case Kind::array_items:
    case Kind::type_name:
    case Kind::code_data:
    case Kind::stringio_buffer:
    case Kind::io_buffer:
    case Kind::decimal_digits:
    case Kind::element_children:
    case Kind::format_codes:
    case Kind::python_lock:  // sem_t: 16 of 32 bytes are written; pthread_mutex_t and
                             // pthread_cond_t
      return true;
    default:
      return false;
  }
}

// Does an object of this type hold words that no decoder reads, and that may point to native
// blocks? Builtin containers and values have none.
bool has_native_words(const python::PythonType& type) {
  using python::Shape;
  switch (type.shape) {
    case Shape::plain:
    case Shape::array:
    case Shape::numpy_array:
    case Shape::numpy_descr:
    case Shape::open_ended:
      break;
    default:
      return false;
  }
  return std::any_of(type.layers.begin(), type.layers.end(), [](const python::TypeLayer& layer) {
    return layer.kind != python::TypeLayer::Kind::python && layer.end > layer.begin;
  });
}

// The size of a type's objects if all have the same; 0: they vary.
std::uint64_t fixed_size(const python::PythonType& type) {
  return type.shape == python::Shape::plain && type.itemsize == 0 ? type.basicsize : 0;
}

// What rounds a block up to its size class holds whatever was there before. More than that is part
// of an object that is larger than its type says (cffi's, with the C struct behind the object).
Address end_of_words(Address object, std::uint64_t size, Address extent_end) {
  constexpr std::uint64_t kMostRounding = 24;  // glibc's smallest chunk; pymalloc rounds to 16
  const std::uint64_t room = extent_end - object;
  return size != 0 && size < room && room - size <= kMostRounding ? object + size : extent_end;
}

void append(FoundWords& out, const FoundWords& more) {
  out.exact.insert(out.exact.end(), more.exact.begin(), more.exact.end());
  out.inside.insert(out.inside.end(), more.inside.begin(), more.inside.end());
}

FoundWords sorted(FoundWords words) {
  std::sort(words.exact.begin(), words.exact.end());
  std::sort(words.inside.begin(), words.inside.end());
  return words;
}

}  // namespace

bool is_of_c_runtime(Kind kind) {
  switch (kind) {
    case Kind::libc_tcache:
    case Kind::libc_dtv:
    case Kind::obmalloc_state:
    case Kind::tracemalloc_data:
      return true;
    default:
      return false;
  }
}

class WordScan::Scanner {
 public:
  explicit Scanner(const WordScan& scan) : scan_(scan), nodes_(scan.nodes_.span()) {
    if (scan.sources_.runtime != nullptr) {
      prefixes_[0] = scan.sources_.runtime->debug_prefix_bytes;
      prefixes_[1] = scan.sources_.runtime->debug_chunk_prefix_bytes;
    }
    nodes_.end += std::max(prefixes_[0], prefixes_[1]);
  }

  // `objects`: words may hold objects too, not only native blocks.
  void scan(AddressRange range, std::uint32_t holder, bool objects) {
    image::scan_words(scan_.sources_.image.space, range, [&](Address, std::uint64_t word) {
      if (!nodes_.contains(Address{word})) return true;
      const NodeId target = scan_.nodes_.find(Address{word}, hint_);
      if (target != NodeId::none) {
        take(target, holder, objects);
        return true;
      }
      // Under debug hooks the program's pointer lies a little behind the block's start.
      for (const std::uint32_t prefix : prefixes_) {
        if (prefix == 0) continue;
        const NodeId behind = scan_.nodes_.find(Address{word - prefix}, hint_);
        if (behind != NodeId::none && !scan_.nodes_.is_object(behind)) {
          take(behind, holder, objects);
          return true;
        }
      }
      take_inside(Address{word}, holder);
      return true;
    });
  }

  FoundWords found;

 private:
  void take_inside(Address word, std::uint32_t holder) {
    const NodeId around = scan_.nodes_.last_up_to(word, hint_);
    if (around == NodeId::none || index_of(around) == holder) return;
    const census::RowId row = scan_.nodes_.row(around);
    const census::Census& census = scan_.sources_.census;
    // A chunk's head begins with the last word that the block before it may use: such addresses are
    // malloc's own (main_arena's top and bins).
    if (census.rows.holds_object(row) || word + 8 >= census.extent_of(row).end) return;
    found.inside.emplace_back(holder, index_of(around));
  }

  void take(NodeId target, std::uint32_t holder, bool objects) {
    const std::uint32_t t = index_of(target);
    if (t == holder) return;
    if (scan_.nodes_.is_object(target) && !(objects && scan_.open_[t])) return;
    found.exact.emplace_back(holder, t);
  }

  const WordScan& scan_;
  NodeTable::Hint hint_;
  AddressRange nodes_;  // and a prefix more
  std::uint32_t prefixes_[2] = {0, 0};
};

Result<FoundWords> WordScan::ranges(const std::vector<WordRange>& ranges, JobControl& job) const {
  std::vector<WordRange> pieces;
  std::uint64_t bytes = 0;
  for (const WordRange& one : ranges) {
    bytes += one.range.size();
    for (Address at = one.range.begin; at < one.range.end; at += kBytesPerPiece) {
      const std::uint64_t length = std::min(kBytesPerPiece, one.range.end - at);
      pieces.push_back({{at, at + length}, one.holder});
    }
  }
  job.begin_step("looking for pointers", bytes);
  FoundWords out;
  std::mutex mutex;
  auto done = parallel_for(pieces.size(), job, [&](std::size_t i, unsigned) {
    Scanner scanner(*this);
    scanner.scan(pieces[i].range, pieces[i].holder, true);
    job.advance(pieces[i].range.size());
    const std::lock_guard lock(mutex);
    append(out, scanner.found);
  });
  if (!done) return std::unexpected(done.error());
  return sorted(std::move(out));
}

Result<FoundWords> WordScan::blocks(JobControl& job) const {
  const census::Census& census = sources_.census;
  const census::Rows& rows = census.rows;
  struct Words {
    bool native;
    std::uint64_t fixed_size;
  };
  std::vector<Words> of_type;
  if (sources_.types != nullptr) {
    for (const auto& type : sources_.types->all()) {
      of_type.push_back({has_native_words(type), fixed_size(type)});
    }
  }
  const std::uint64_t header =
      sources_.runtime != nullptr ? sources_.runtime->layout->object.struct_size : 0;
  const std::size_t n = rows.size();
  const std::size_t pieces = (n + kRowsPerPiece - 1) / kRowsPerPiece;
  job.begin_step("looking into native blocks", n);
  FoundWords out;
  std::mutex mutex;
  auto done = parallel_for(pieces, job, [&](std::size_t piece, unsigned) {
    Scanner scanner(*this);
    const std::size_t end = std::min(n, (piece + 1) * kRowsPerPiece);
    for (std::size_t i = piece * kRowsPerPiece; i < end; ++i) {
      const census::RowId row{static_cast<std::uint32_t>(i)};
      if (rows.state(row) != census::State::used) continue;
      const Address extent_end = census.extent_of(row).end;
      if (rows.holds_object(row)) {
        const std::uint32_t type = census::index_of(rows.type(row));
        if (type < of_type.size() && of_type[type].native) {
          const Address object = rows.object(row);
          const Address words_end = end_of_words(object, of_type[type].fixed_size, extent_end);
          scanner.scan({object + header, words_end}, index_of(nodes_.node(row)), false);
        }
        continue;
      }
      const Kind kind = census.label_of(row).kind;
      if (is_of_c_runtime(kind)) continue;
      const census::RowId owner = rows.owner(row);
      if (owner == census::RowId::none) {
        scanner.scan({rows.address(row), extent_end}, index_of(nodes_.node(row)), true);
      } else if (!is_decoded(kind)) {
        const NodeId holder = nodes_.node(owner);
        if (holder != NodeId::none) {
          scanner.scan({rows.address(row), extent_end}, index_of(holder), true);
        }
      }
    }
    job.advance(end - piece * kRowsPerPiece);
    const std::lock_guard lock(mutex);
    append(out, scanner.found);
  });
  if (!done) return std::unexpected(done.error());
  return sorted(std::move(out));
}

}  // namespace coreheap::graph
