// The readable name of a C++ class, from the mangled type name that its typeinfo points to.
//
// The name comes out of the target and may be hostile: a hundred characters of substitutions can
// stand for gigabytes of text. So how long the text may become is bounded before the real demangler
// is asked; beyond that a short form without template arguments is made, which takes linear time.
#pragma once

#include <string>
#include <string_view>

namespace coreheap::census {

// "N3foo3BarE" -> "foo::Bar". What cannot be read at all is returned as it is, cut if need be.
std::string readable_class_name(std::string_view mangled);

// Could this be the name of a type as compilers write it? Bounds and character set only.
bool is_type_name(std::string_view mangled);

inline constexpr std::size_t kLongestMangledName = 1024;

}  // namespace coreheap::census
