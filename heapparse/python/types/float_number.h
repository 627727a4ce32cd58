// The views of float and complex.
#pragma once

#include <bit>
#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

inline std::optional<double> float_value(ObjectReader& reader, Address object) {
  const auto bits = reader.word(object, reader.layout().float_object.value);
  return bits ? std::optional(std::bit_cast<double>(*bits)) : std::nullopt;
}

struct ComplexView {
  double real = 0;
  double imaginary = 0;
};

inline std::optional<ComplexView> view_complex(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().complex_object;
  const auto real = reader.word(object, f.real);
  const auto imaginary = reader.word(object, f.imag);
  if (!real || !imaginary) return std::nullopt;
  return ComplexView{std::bit_cast<double>(*real), std::bit_cast<double>(*imaginary)};
}

}  // namespace coreheap::python
