// The structs of numpy that the public C interface promises (numpy/core/include/numpy/
// ndarraytypes.h, in 2.x numpy/_core): arrays and the descriptions of their items.
//
// What an array begins with has not moved since 1.7; newer releases added fields at its end, which
// are there where the type's basicsize has room for them. Descriptions changed once, with 2.0:
// sizes became 64 bits wide, and what only the kinds of before have went behind what all have.
// Which of the two it is, the basicsize of numpy.dtype says. Compared with numpy 1.19, 1.24 and 2.2
// by tests/extensions.
#pragma once

#include <array>

#include "cpython_layouts/field.h"

namespace coreheap::layouts {

struct NumpyArray {
  Field data{16, 8};
  Field dimension_count{24, 4};
  Field dimensions{32, 8};  // with the strides, one allocation
  Field strides{40, 8};
  Field base{48, 8};
  Field descr{56, 8};
  Field flags{64, 4};
  Field memory_handler{88, 8};  // a capsule, counted by arrays that own their data
};
inline constexpr NumpyArray kNumpyArray{};
// Of this basicsize (1.19; newer releases have more fields) ndarray.__sizeof__ counts that of
// ndarray for instances of subclasses, too.
inline constexpr std::uint32_t kNumpySizeofOfRoot = 80;

inline constexpr std::uint32_t kNumpyOwnsData = 0x4;       // NPY_ARRAY_OWNDATA
inline constexpr std::uint32_t kNumpyCOrder = 0x1;         // NPY_ARRAY_C_CONTIGUOUS
inline constexpr std::uint32_t kNumpyFOrder = 0x2;         // NPY_ARRAY_F_CONTIGUOUS
inline constexpr std::uint32_t kNumpyMostDimensions = 64;  // NPY_MAXDIMS; 32 before 2.0

struct NumpyDescr {
  std::uint32_t base_size = 0;    // basicsize of numpy.dtype
  std::uint32_t legacy_size = 0;  // and of the descriptions that have the last four fields
  Field scalar_type{16, 8};
  Field kind{24, 1};
  Field byte_order{26, 1};
  Field type_number{28, 4};
  Field flags;
  Field item_bytes;
  Field metadata;
  Field subarray;  // {descr, shape}, a block of its own
  Field fields;    // dict: name to (descr, offset)
  Field names;     // tuple
  Field c_metadata;
};

inline constexpr std::array kNumpyDescrs = {
    NumpyDescr{.base_size = 96,
               .legacy_size = 96,
               .flags = {27, 1},
               .item_bytes = {32, 4},
               .metadata = {72, 8},
               .subarray = {40, 8},
               .fields = {48, 8},
               .names = {56, 8},
               .c_metadata = {80, 8}},
    NumpyDescr{.base_size = 88,
               .legacy_size = 120,
               .flags = {32, 8},
               .item_bytes = {40, 8},
               .metadata = {56, 8},
               .subarray = {88, 8},
               .fields = {96, 8},
               .names = {104, 8},
               .c_metadata = {112, 8}},
};
inline constexpr std::uint64_t kNumpyHoldsObjects = 0x1;   // NPY_ITEM_REFCOUNT
inline constexpr std::uint32_t kNumpyObject = 17;          // NPY_OBJECT
inline constexpr std::uint32_t kNumpyFirstNewKind = 2056;  // NPY_VSTRING

struct NumpySubarray {
  Field base{0, 8};
  Field shape{8, 8};
};
inline constexpr NumpySubarray kNumpySubarray{};

// Behind NpyAuxData, what dates count in: a unit of kNumpyTimeUnits, and how many of it.
inline constexpr Field kNumpyTimeUnit{32, 4};
inline constexpr Field kNumpyTimeCount{36, 4};
inline constexpr std::array<const char*, 14> kNumpyTimeUnits = {
    "Y", "M", "W", "", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"};

}  // namespace coreheap::layouts
