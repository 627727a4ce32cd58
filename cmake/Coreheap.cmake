# How everything of coreheap is compiled and linked, in one place.
#
#   coreheap_library(NAME image SOURCES a.cpp … [DEPS base …])     static library coreheap_image
#   coreheap_program(NAME cli OUTPUT coreheap SOURCES … DEPS …)    BUILD/bin/coreheap, installed
#   coreheap_plugin_library(NAME capi OUTPUT coreheap SOURCES … DEPS … HEADERS …)
#                                                                  BUILD/lib/libcoreheap.so, installed
#   coreheap_module(NAME regex OUTPUT coreheap_regex SOURCES … DEPS …)
#                                                                  BUILD/lib/coreheap_regex.so for dlopen
#   coreheap_gdb_plugin(FILES …)                                   BUILD/share/coreheap/gdb/, installed
#   coreheap_unit_tests(NAME image SOURCES x_test.cpp … DEPS …)    executable unit_image, a CTest test
#   coreheap_fuzz_target(NAME elf SOURCES … DEPS … [CORPUS dir])   executable fuzz_elf
#   coreheap_benchmark(NAME walk SOURCES … DEPS …)                 executable bench_walk
#
# A name in DEPS means target coreheap_<name>: a library of the house, or one of the third-party
# wrappers of Dependencies.cmake (fmt boost cli11 json elf zstd lz4 zlib sqlite3 re2 threads dl).
# Names with "::" are passed through. The build tree has the same shape as an installed tree (bin,
# lib, share/coreheap/gdb), so the plugin finds the library by one relative path in both.

include_guard(GLOBAL)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug" FORCE)
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

# Line tables only: stack traces of a crash stay readable, objects stay small.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

# The plugin looks for ../../../lib from its own folder, so lib is never lib64 or lib/<triplet>.
set(CMAKE_INSTALL_LIBDIR "lib" CACHE STRING "Library folder below the prefix")
include(GNUInstallDirs)
set(COREHEAP_GDB_DIR "${CMAKE_INSTALL_DATADIR}/coreheap/gdb")

if(COREHEAP_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

find_program(COREHEAP_CCACHE ccache)
if(COREHEAP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # One cache for every build folder and clone: paths are hashed relative to the checkout.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" "${COREHEAP_CCACHE}")
endif()

include(Dependencies)

# Flags of our own code; third-party headers are system headers and stay out of the warnings.
add_library(coreheap_flags INTERFACE)
target_include_directories(coreheap_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(
  coreheap_flags
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
            -Wcast-qual -Wformat=2 -Wimplicit-fallthrough -Wundef
            "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/="
            # GCC 12 warns about overlapping copies inside std::string that cannot happen (PR105651).
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
            $<$<BOOL:${COREHEAP_WERROR}>:-Werror>
            $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
target_link_libraries(coreheap_flags INTERFACE coreheap_threads)

if(COREHEAP_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With sanitizers GCC takes members of libstdc++'s own types for uninitialised.
    target_compile_options(coreheap_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  set(coreheap_sanitize_flags "-fsanitize=${COREHEAP_SANITIZE}" -fno-sanitize-recover=all)
  add_compile_options(${coreheap_sanitize_flags})
  add_link_options(${coreheap_sanitize_flags})
endif()
if(COREHEAP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  if(NOT COREHEAP_FUZZ_COMPARISONS)
    add_compile_options(-fno-sanitize-coverage=trace-cmp,trace-div)
  endif()
endif()

# Turns the short names of DEPS into targets.
function(_coreheap_link target)
  foreach(dep IN LISTS ARGN)
    if(dep MATCHES "::|^coreheap_|^[-/$]")
      target_link_libraries(${target} PUBLIC "${dep}")
    else()
      target_link_libraries(${target} PUBLIC "coreheap_${dep}")
    endif()
  endforeach()
endfunction()

macro(_coreheap_arguments)
  cmake_parse_arguments(ARG "" "NAME;OUTPUT;CORPUS" "SOURCES;DEPS;HEADERS;FILES;DEFINES" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}: unknown words: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

function(coreheap_library)
  _coreheap_arguments(${ARGN})
  set(target "coreheap_${ARG_NAME}")
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_link_libraries(${target} PUBLIC coreheap_flags)
    target_compile_definitions(${target} PRIVATE ${ARG_DEFINES})
    _coreheap_link(${target} ${ARG_DEPS})
  else()
    # Headers only.
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE coreheap_flags)
    foreach(dep IN LISTS ARG_DEPS)
      target_link_libraries(${target} INTERFACE "coreheap_${dep}")
    endforeach()
  endif()
  add_library(coreheap::${ARG_NAME} ALIAS ${target})
endfunction()

function(coreheap_program)
  _coreheap_arguments(${ARGN})
  set(target "coreheap_${ARG_NAME}")
  add_executable(${target} ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME "${ARG_OUTPUT}")
  target_link_libraries(${target} PRIVATE coreheap_flags)
  target_compile_definitions(${target} PRIVATE ${ARG_DEFINES})
  _coreheap_link(${target} ${ARG_DEPS})
  _coreheap_own_runtime(${target})
  install(TARGETS ${target} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

# GDB brings its own libstdc++ and exports its own operator new into the process: a library loaded
# there carries its C++ runtime inside and shows nothing but the C ABI. The program does the same,
# so that one copied to another machine needs the C libraries only.
function(_coreheap_own_runtime target)
  if(NOT COREHEAP_SANITIZE)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
  target_link_options(${target} PRIVATE -Wl,--as-needed -Wl,--gc-sections)
endfunction()

# --exclude-libs hides what comes out of archives; the version script also hides the template
# instances of namespace std in our own objects, which libstdc++'s headers mark as visible and which
# would otherwise be bound to GDB's, or GDB's to ours.
function(_coreheap_hidden target)
  _coreheap_own_runtime(${target})
  target_link_options(
    ${target} PRIVATE -Wl,--exclude-libs,ALL
    "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map")
  set_target_properties(${target} PROPERTIES LINK_DEPENDS
                                             "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  if(NOT COREHEAP_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
endfunction()

function(coreheap_plugin_library)
  _coreheap_arguments(${ARGN})
  set(target "coreheap_${ARG_NAME}")
  add_library(${target} SHARED ${ARG_SOURCES})
  set_target_properties(
    ${target} PROPERTIES OUTPUT_NAME "${ARG_OUTPUT}" VERSION "${PROJECT_VERSION}"
                         SOVERSION "${PROJECT_VERSION_MAJOR}")
  target_link_libraries(${target} PRIVATE coreheap_flags)
  target_compile_definitions(${target} PRIVATE ${ARG_DEFINES})
  _coreheap_link(${target} ${ARG_DEPS})
  _coreheap_hidden(${target})
  add_library(coreheap::${ARG_NAME} ALIAS ${target})
  install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  if(ARG_HEADERS)
    install(FILES ${ARG_HEADERS} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  endif()
endfunction()

# A small library of ours that is loaded on first use, from beside libcoreheap.so.
function(coreheap_module)
  _coreheap_arguments(${ARGN})
  set(target "coreheap_${ARG_NAME}")
  add_library(${target} MODULE ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME "${ARG_OUTPUT}" PREFIX "")
  target_link_libraries(${target} PRIVATE coreheap_flags)
  target_compile_definitions(${target} PRIVATE ${ARG_DEFINES})
  _coreheap_link(${target} ${ARG_DEPS})
  _coreheap_hidden(${target})
  install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endfunction()

# Python files of the plugin, copied so that the build tree looks like an installed one.
function(coreheap_gdb_plugin)
  _coreheap_arguments(${ARGN})
  set(copies "")
  foreach(file IN LISTS ARG_FILES)
    set(copy "${PROJECT_BINARY_DIR}/share/coreheap/gdb/${file}")
    add_custom_command(
      OUTPUT "${copy}"
      COMMAND "${CMAKE_COMMAND}" -E copy "${CMAKE_CURRENT_SOURCE_DIR}/${file}" "${copy}"
      DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
      VERBATIM)
    list(APPEND copies "${copy}")
    get_filename_component(folder "${file}" DIRECTORY)
    install(FILES "${file}" DESTINATION "${COREHEAP_GDB_DIR}/${folder}")
  endforeach()
  add_custom_target(coreheap_gdbplugin ALL DEPENDS ${copies})
endfunction()

# Tests may be listed from the folder they test or from their own: a source is looked for beside
# the caller, then in tests/unit/<name>/, then from the root.
function(_coreheap_find_sources result name)
  set(found "")
  foreach(source IN LISTS ARGN)
    set(choice "")
    foreach(base "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests/unit/${name}"
                 "${PROJECT_SOURCE_DIR}")
      if(NOT choice AND EXISTS "${base}/${source}")
        set(choice "${base}/${source}")
      endif()
    endforeach()
    if(NOT choice)
      set(choice "${source}") # absolute, or generated
    endif()
    list(APPEND found "${choice}")
  endforeach()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

function(coreheap_unit_tests)
  _coreheap_arguments(${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT TARGET coreheap_catch_main)
    add_library(coreheap_catch_main STATIC "${PROJECT_SOURCE_DIR}/tests/unit/catch_main.cpp")
    target_link_libraries(coreheap_catch_main PUBLIC coreheap_flags coreheap_catch2)
  endif()
  set(target "unit_${ARG_NAME}")
  _coreheap_find_sources(sources "${ARG_NAME}" ${ARG_SOURCES})
  add_executable(${target} ${sources})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                             "${PROJECT_BINARY_DIR}/tests")
  target_compile_definitions(${target} PRIVATE ${ARG_DEFINES})
  target_link_libraries(${target} PRIVATE coreheap_catch_main)
  _coreheap_link(${target} ${ARG_DEPS})
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS unit TIMEOUT 600)
endfunction()

# With preset fuzz a libFuzzer program; otherwise one that replays the files and folders it is
# given, and replays the committed corpus as a test.
function(coreheap_fuzz_target)
  _coreheap_arguments(${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  set(target "fuzz_${ARG_NAME}")
  set_property(GLOBAL APPEND PROPERTY COREHEAP_FUZZ_TARGETS "${target}")
  add_executable(${target} ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                             "${PROJECT_BINARY_DIR}/fuzz")
  target_link_libraries(${target} PRIVATE coreheap_flags)
  _coreheap_link(${target} ${ARG_DEPS})
  if(COREHEAP_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    target_compile_definitions(${target} PRIVATE COREHEAP_FUZZ)
  else()
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp")
  endif()
  if(ARG_CORPUS)
    get_filename_component(corpus "${ARG_CORPUS}" ABSOLUTE)
    set(once "")
    if(COREHEAP_FUZZ)
      set(once -runs=0)
    endif()
    add_test(NAME ${target}_corpus COMMAND ${target} ${once} "${corpus}")
    set_tests_properties(${target}_corpus PROPERTIES LABELS fuzz TIMEOUT 600)
  endif()
endfunction()

function(coreheap_benchmark)
  _coreheap_arguments(${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    message(STATUS "coreheap: Google Benchmark not found, bench_${ARG_NAME} is left out")
    return()
  endif()
  set(target "bench_${ARG_NAME}")
  add_executable(${target} ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                             "${PROJECT_BINARY_DIR}/bench")
  target_link_libraries(${target} PRIVATE coreheap_flags benchmark::benchmark)
  _coreheap_link(${target} ${ARG_DEPS})
endfunction()
