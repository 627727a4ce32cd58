// The views of numpy's arrays and of what describes their items (dtype).
//
// Invariant of an ArrayView that was made: as many dimensions and strides as it says are in the
// image, none is negative, and the bytes of all items are fewer than an address space has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cpython_layouts/numpy.h"
#include "heapparse/python/decoder.h"

namespace coreheap::python {

// The farthest base of the same shape: numpy.ndarray or numpy.dtype itself, whose size says what
// fields this release has.
const PythonType& numpy_root(const Decoder& decoder, const PythonType& type);

struct NumpyDescrView {
  Address address;
  const layouts::NumpyDescr* layout = nullptr;
  bool has_fields = false;  // subarray, fields, names, c_metadata are there
  char kind = '?';          // b i u f c O S U V M m, as numpy's dtype.kind
  char byte_order = '=';
  std::uint32_t type_number = 0;
  std::uint64_t item_bytes = 0;
  bool holds_objects = false;
};

// nullopt for what is no dtype, or one of a release that changed them again.
std::optional<NumpyDescrView> view_numpy_descr(Decoder& decoder, Address descr);
// "float64", ">f8" where the order of bytes is not the machine's, "S10", "datetime64[ns]".
std::string numpy_descr_text(Decoder& decoder, const NumpyDescrView& descr);

struct NumpyArrayView {
  Address data;
  std::vector<std::uint64_t> shape;
  Address dimensions;  // the block that holds shape and strides
  Address base;        // whose data it is, if it is another's
  NumpyDescrView descr;
  std::uint64_t items = 0;
  std::uint64_t data_bytes = 0;
  bool owns_data = false;
  bool c_order = false;
  bool f_order = false;
};

std::optional<NumpyArrayView> view_numpy_array(Decoder& decoder, const Object& array);
// "float64 1200x1310"; "float64 scalar" without dimensions.
std::string numpy_array_text(Decoder& decoder, const NumpyArrayView& array);

// Bytes into an item at which it holds an object, sorted: {0} for dtype('O'), those of the fields
// of a struct, subarrays taken apart.
std::vector<std::uint64_t> numpy_object_places(Decoder& decoder, const NumpyDescrView& descr);

}  // namespace coreheap::python
