// Cells of the census, column by column.
#include "commands/census_rows.h"

#include "heapparse/python/object.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/value.h"

namespace coreheap::commands {

namespace {

enum RowColumn : unsigned {
  kAddress,
  kSize,
  kState,
  kAllocator,
  kDomain,
  kKind,
  kDetail,
  kObject,
  kType,
  kShallow,
  kRefcount,
  kOwner,
  kNotes,
  kValue,
};

class CensusRows final : public RowSource {
 public:
  CensusRows(const census::Census& census, const image::Image& image,
             const python::Runtime* runtime, const python::TypeTable* types,
             std::optional<std::vector<std::uint32_t>> selection, std::uint64_t max_value)
      : census_(census),
        image_(image),
        runtime_(runtime),
        types_(types),
        selection_(std::move(selection)),
        max_value_(max_value) {}

  std::uint64_t size() const override {
    return selection_ ? selection_->size() : census_.rows.size();
  }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    if (column == kValue) {
      fill_values(rows, out, texts);
      return;
    }
    if (column == kRefcount) {
      fill_refcounts(rows, out);
      return;
    }
    if (column == kShallow) {
      fill_shallow(rows, out);
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, id_of(rows[i]));
  }

 private:
  census::RowId id_of(std::uint64_t row) const {
    return census::RowId{selection_ ? (*selection_)[row] : static_cast<std::uint32_t>(row)};
  }

  static Cell text_or_absent(std::string_view text) {
    return text.empty() ? Cell::absent() : Cell::of_text(text);
  }

  Cell cell(unsigned column, census::RowId id) const {
    const census::Rows& rows = census_.rows;
    switch (column) {
      case kAddress:
        return Cell::of_address(rows.address(id));
      case kSize:
        return Cell::of_count(rows.size(id));
      case kState:
        return Cell::of_text(census::name_of(rows.state(id)));
      case kAllocator:
        return Cell::of_text(census::name_of(rows.allocator(id)));
      case kDomain:
        return Cell::of_text(census_.domain_of(id));
      case kKind:
        return text_or_absent(census_.kind_of(id));
      case kDetail:
        return text_or_absent(census_.detail_of(id));
      case kObject:
        return rows.holds_object(id) ? Cell::of_address(rows.object(id)) : Cell::absent();
      case kType:
        return rows.holds_object(id)
                   ? Cell::of_text(census_.types[census::index_of(rows.type(id))].name)
                   : Cell::absent();
      case kOwner: {
        const census::RowId owner = rows.owner(id);
        return owner != census::RowId::none && rows.holds_object(owner)
                   ? Cell::of_address(rows.object(owner))
                   : Cell::absent();
      }
      case kNotes:
        return is_overridden(id) ? Cell::of_text("sizeof overridden") : Cell::absent();
      default:
        return Cell::absent();
    }
  }

  // Is sys.getsizeof of this object the word of a method written in Python?
  bool is_overridden(census::RowId id) const {
    const std::uint32_t type = census::index_of(census_.rows.type(id));
    return types_ != nullptr && type < types_->all().size() && (*types_)[type].sizeof_overridden &&
           census_.rows.state(id) == census::State::used;
  }

  void fill_shallow(std::span<const std::uint64_t> rows, std::span<Cell> out) const {
    std::fill(out.begin(), out.end(), Cell::absent());
    if (runtime_ == nullptr || types_ == nullptr) return;
    python::Decoder decoder(image_.space, *runtime_, *types_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const census::RowId id = id_of(rows[i]);
      if (!census_.rows.holds_object(id) || census_.rows.state(id) != census::State::used) continue;
      const auto object = decoder.object(census_.rows.object(id));
      if (!object) continue;
      if (const auto size = python::shallow_size(decoder, *object)) {
        out[i] = Cell::of_count(size->bytes);
      }
    }
  }

  void fill_values(std::span<const std::uint64_t> rows, std::span<Cell> out, Texts& texts) const {
    std::fill(out.begin(), out.end(), Cell::absent());
    if (runtime_ == nullptr || types_ == nullptr) return;
    python::Decoder decoder(image_.space, *runtime_, *types_);
    const auto options = python::ValueOptions::of_chars(max_value_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const census::RowId id = id_of(rows[i]);
      if (!census_.rows.holds_object(id) || census_.rows.state(id) != census::State::used) continue;
      out[i] =
          Cell::of_text(texts.keep(python::value_text(decoder, census_.rows.object(id), options)));
    }
  }

  void fill_refcounts(std::span<const std::uint64_t> rows, std::span<Cell> out) const {
    std::fill(out.begin(), out.end(), Cell::absent());
    if (runtime_ == nullptr || runtime_->layout == nullptr) return;
    python::ObjectReader reader(image_.space, *runtime_->layout);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const census::RowId id = id_of(rows[i]);
      if (!census_.rows.holds_object(id)) continue;
      const auto header = reader.header(census_.rows.object(id));
      if (!header) continue;
      out[i] = header->refcount.immortal ? Cell::of_text("immortal")
                                         : Cell::of_integer(header->refcount.count);
    }
  }

  const census::Census& census_;
  const image::Image& image_;
  const python::Runtime* runtime_;
  const python::TypeTable* types_;
  std::optional<std::vector<std::uint32_t>> selection_;
  std::uint64_t max_value_;
};

class CensusRanges final : public RowSource {
 public:
  CensusRanges(const census::Census& census, const image::Image& image)
      : census_(census), image_(image) {}

  std::uint64_t size() const override { return census_.ranges.size(); }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts&) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, census_.ranges[rows[i]]);
  }

 private:
  Cell cell(unsigned column, const census::Range& range) const {
    switch (column) {
      case 0:
        return Cell::of_address(range.range.begin);
      case 1:
        return Cell::of_address(range.range.end);
      case 2:
        return Cell::of_count(range.range.size());
      case 3:
        return Cell::of_text(census::info_of(range.kind).name);
      case 4:
        return Cell::of_text(census::info_of(range.kind).waterfall);
      default:
        break;
    }
    const auto index = static_cast<std::size_t>(range.mapping);
    if (range.mapping < 0 || index >= image_.mappings.size()) return Cell::absent();
    const std::string& name = image_.mappings[index].name;
    return name.empty() ? Cell::absent() : Cell::of_text(name);
  }

  const census::Census& census_;
  const image::Image& image_;
};

}  // namespace

std::vector<Column> row_columns() {
  return {
      {"address", "", ColumnType::address, "the pointer that the allocator returned"},
      {"size", "", ColumnType::bytes, "bytes taken, rounding and header included"},
      {"state", "", ColumnType::text,
       "used, free, or cached (tcache, fastbin, a CPython free list)"},
      {"allocator", "", ColumnType::text, "glibc, glibc-mmap, pymalloc, static, other", false},
      {"domain", "", ColumnType::text, "whose it is: python, cpython, C, free ..."},
      {"kind", "", ColumnType::text, "what it is; of an object its type"},
      {"detail", "", ColumnType::text, "more about it, where there is more"},
      {"object", "", ColumnType::address, "id() of the object in it", false},
      {"type", "", ColumnType::text, "the object's type: module.qualname, bare for builtins",
       false},
      {"shallow", "", ColumnType::bytes,
       "sys.getsizeof; where notes say overridden, what the nearest C base says", false},
      {"refcount", "", ColumnType::integer, "decimal, or immortal", false},
      {"owner", "", ColumnType::address, "the object that this buffer belongs to", false},
      {"notes", "", ColumnType::text,
       "sizeof overridden: its class has a __sizeof__ in Python or of an extension", false},
      {"value", "", ColumnType::text,
       "the object's value as ascii() writes it; only when asked for", false, true},
  };
}

std::vector<Column> range_columns() {
  return {
      {"begin", "", ColumnType::address, "first byte"},
      {"end", "", ColumnType::address, "behind the last byte"},
      {"size", "", ColumnType::bytes, "end - begin"},
      {"kind", "", ColumnType::text, "what it is: `help kinds` lists them"},
      {"cause", "", ColumnType::text, "line of the waterfall that it counts under"},
      {"mapping", "", ColumnType::text, "name of the mapping it lies in"},
  };
}

std::shared_ptr<const RowSource> census_rows(const census::Census& census,
                                             const image::Image& image,
                                             const python::Runtime* runtime,
                                             const python::TypeTable* types,
                                             std::optional<std::vector<std::uint32_t>> selection,
                                             std::uint64_t max_value) {
  return std::make_shared<CensusRows>(census, image, runtime, types, std::move(selection),
                                      max_value);
}

std::shared_ptr<const RowSource> census_ranges(const census::Census& census,
                                               const image::Image& image) {
  return std::make_shared<CensusRanges>(census, image);
}

}  // namespace coreheap::commands
