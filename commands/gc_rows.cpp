#include "commands/gc_rows.h"

#include <utility>

namespace coreheap::commands {

namespace {

enum ObjectColumn : unsigned { kObject, kType, kTracked, kInterpreter, kGeneration, kFinalized };

class GcObjectRows final : public RowSource {
 public:
  GcObjectRows(const census::Census& census, const image::Image& image,
               const python::Runtime& runtime, const python::TypeTable& types,
               std::shared_ptr<const python::GcStates> states,
               std::shared_ptr<const python::GcMembers> members)
      : census_(census),
        runtime_(runtime),
        types_(types),
        states_(std::move(states)),
        members_(std::move(members)),
        reader_(image.space, *runtime.layout) {
    for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
      const census::RowId row{i};
      if (census.rows.state(row) != census::State::used || !census.rows.holds_object(row)) continue;
      const python::PythonType* type = exact_type(row);
      if (type != nullptr && type->is_gc) rows_.push_back(row);
    }
  }

  std::uint64_t size() const override { return rows_.size(); }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts&) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, rows_[rows[i]]);
  }

 private:
  // The census gives old-style instances their class, which is no type.
  const python::PythonType* exact_type(census::RowId row) const {
    const std::uint32_t index = census::index_of(census_.rows.type(row));
    if (index < types_.all().size()) return &types_[index];
    const auto type = reader_.type_of(census_.rows.object(row));
    const auto known = type ? types_.find(*type) : std::nullopt;
    return known ? &types_[*known] : nullptr;
  }

  Cell cell(unsigned column, census::RowId row) const {
    const Address object = census_.rows.object(row);
    const std::uint32_t type = census::index_of(census_.rows.type(row));
    if (column == kObject) return Cell::of_address(object);
    if (column == kType) return Cell::of_text(census_.types[type].name);
    if (column == kInterpreter || column == kGeneration) {
      const auto place = members_->find(object);
      if (!place) return Cell::absent();
      if (column == kGeneration) return Cell::of_text(generation_name(place->generation));
      return Cell::of_count(states_->states[place->state].interpreter_id);
    }
    const python::PythonType* exact = exact_type(row);
    if (exact == nullptr) return Cell::absent();
    const auto gc = python::object_gc(reader_, runtime_, *exact, object);
    if (!gc) return Cell::absent();
    if (column == kTracked) return Cell::of_boolean(gc->tracked);
    return gc->finalized ? Cell::of_boolean(*gc->finalized) : Cell::absent();
  }

  const census::Census& census_;
  const python::Runtime& runtime_;
  const python::TypeTable& types_;
  std::shared_ptr<const python::GcStates> states_;
  std::shared_ptr<const python::GcMembers> members_;
  std::vector<census::RowId> rows_;
  mutable python::ObjectReader reader_;
};

}  // namespace

std::vector<Column> gc_object_columns() {
  return {
      {"object", "", ColumnType::address, "an object of a type that the collector knows"},
      {"type", "", ColumnType::text, "module.qualname, bare for builtins"},
      {"tracked", "", ColumnType::boolean, "gc.is_tracked"},
      {"interpreter", "", ColumnType::identifier, "whose list it is in", false},
      {"generation", "", ColumnType::text, "0, 1, 2 or permanent; empty: in no list"},
      {"finalized", "", ColumnType::boolean, "gc.is_finalized; empty where versions have no mark"},
  };
}

std::shared_ptr<const RowSource> gc_object_rows(const census::Census& census,
                                                const image::Image& image,
                                                const python::Runtime& runtime,
                                                const python::TypeTable& types,
                                                std::shared_ptr<const python::GcStates> states,
                                                std::shared_ptr<const python::GcMembers> members) {
  return std::make_shared<GcObjectRows>(census, image, runtime, types, std::move(states),
                                        std::move(members));
}

std::string_view generation_name(std::size_t generation) {
  static constexpr std::string_view kNames[] = {"0", "1", "2", "permanent"};
  return generation < std::size(kNames) ? kNames[generation] : "";
}

}  // namespace coreheap::commands
