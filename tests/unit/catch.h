// Catch2 of either generation: 3.x (Debian 13) when it is there, else the 2.13 single header
// (Debian 12). The macros we use are the same in both.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
