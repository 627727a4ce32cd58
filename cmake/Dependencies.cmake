# Third-party libraries, each as one target coreheap_<short name>, so that DEPS of a library reads
# like the rest of the house. Debian 12's and 13's own packages are enough for all of them.
#
# Inside GDB a library meets GDB's own copies of common libraries; C ABI libraries are linked
# dynamically, C++ ones are header-only or compiled by us.

include_guard(GLOBAL)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
add_library(coreheap_threads INTERFACE)
target_link_libraries(coreheap_threads INTERFACE Threads::Threads)

add_library(coreheap_dl INTERFACE)
target_link_libraries(coreheap_dl INTERFACE ${CMAKE_DL_LIBS})

# A dependency that is missing is an error with the package's name, not a failing compile later.
function(_coreheap_require name header library package)
  find_path(COREHEAP_${name}_INCLUDE "${header}")
  set(found "${COREHEAP_${name}_INCLUDE}")
  add_library(coreheap_${name} INTERFACE)
  if(library)
    find_library(COREHEAP_${name}_LIBRARY "${library}")
    if(NOT COREHEAP_${name}_LIBRARY)
      set(found "")
    endif()
    target_link_libraries(coreheap_${name} INTERFACE "${COREHEAP_${name}_LIBRARY}")
  endif()
  if(NOT found)
    message(FATAL_ERROR "coreheap: ${header} or lib${library} is missing: apt install ${package}")
  endif()
  mark_as_advanced(COREHEAP_${name}_INCLUDE COREHEAP_${name}_LIBRARY)
endfunction()

_coreheap_require(boost "boost/spirit/home/x3.hpp" "" libboost-dev)
_coreheap_require(cli11 "CLI/CLI.hpp" "" libcli11-dev)
_coreheap_require(json "nlohmann/json.hpp" "" nlohmann-json3-dev)
_coreheap_require(elf "libelf.h" elf libelf-dev)
_coreheap_require(zstd "zstd.h" zstd libzstd-dev)
_coreheap_require(lz4 "lz4frame.h" lz4 liblz4-dev)
_coreheap_require(zlib "zlib.h" z zlib1g-dev)
_coreheap_require(sqlite3 "sqlite3.h" sqlite3 libsqlite3-dev)
_coreheap_require(re2 "re2/re2.h" re2 libre2-dev)

target_compile_definitions(coreheap_boost INTERFACE BOOST_ALL_NO_LIB BOOST_SYSTEM_NO_LIB
                                                    BOOST_ERROR_CODE_HEADER_ONLY)

# fmt: Debian ships it only as libfmt.so, a C++ library that GDB may have in another version, so it
# may not go into a library that GDB loads. The sources include fmt's headers without
# FMT_HEADER_ONLY and the bodies are instantiated once, in cmake/fmt_instance.cpp.
find_path(COREHEAP_fmt_INCLUDE "fmt/format-inl.h")
if(NOT COREHEAP_fmt_INCLUDE)
  message(FATAL_ERROR "coreheap: fmt/format-inl.h is missing: apt install libfmt-dev")
endif()
mark_as_advanced(COREHEAP_fmt_INCLUDE)
add_library(coreheap_fmt STATIC "${PROJECT_SOURCE_DIR}/cmake/fmt_instance.cpp")

# Catch2 2.13 is headers only (Debian 12), 3.x a library (Debian 13).
if(BUILD_TESTING)
  add_library(coreheap_catch2 INTERFACE)
  find_path(COREHEAP_CATCH2_V3 "catch2/catch_all.hpp")
  find_path(COREHEAP_CATCH2_V2 "catch2/catch.hpp")
  mark_as_advanced(COREHEAP_CATCH2_V3 COREHEAP_CATCH2_V2)
  if(COREHEAP_CATCH2_V3)
    find_package(Catch2 3 REQUIRED)
    target_link_libraries(coreheap_catch2 INTERFACE Catch2::Catch2)
  elseif(NOT COREHEAP_CATCH2_V2)
    message(FATAL_ERROR "coreheap: Catch2 is missing: apt install catch2 (or -DBUILD_TESTING=OFF)")
  endif()
endif()
