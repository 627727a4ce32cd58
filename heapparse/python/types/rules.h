// The tables of type rules, one a file of this folder.
#pragma once

#include <span>

#include "heapparse/python/type_rules.h"

namespace coreheap::python {

std::span<const TypeRules> text_rules();  // str, bytes, bytearray, memoryview
std::span<const TypeRules>
container_rules();  // list, tuple, dict, set, deque, OrderedDict, array and their kin
std::span<const TypeRules> iterator_rules();   // iterators, views, ranges, slices, zip, map
std::span<const TypeRules> itertools_rules();  // itertools
std::span<const TypeRules> functools_rules();  // partial, lru_cache, cmp_to_key, operator's getters
std::span<const TypeRules> number_rules();     // int, float, complex, Decimal, datetime, random
std::span<const TypeRules>
class_rules();  // type, property, descriptors, super, mappingproxy, weak references
std::span<const TypeRules> function_rules();   // function, method, builtin function, cell, capsule
std::span<const TypeRules> exception_rules();  // exceptions, tracebacks
std::span<const TypeRules> module_rules();     // module and its state, namespaces
std::span<const TypeRules> typing_rules();     // generic aliases, unions, type variables, templates
std::span<const TypeRules> frame_rules();      // code, frame, generator, coroutine, async generator
std::span<const TypeRules> async_rules();      // _asyncio
std::span<const TypeRules> context_rules();    // contextvars, hamt
std::span<const TypeRules> thread_rules();     // locks, thread-locals, queues
std::span<const TypeRules> io_rules();         // _io, files, mmap, sockets
std::span<const TypeRules> regex_rules();      // patterns, matches, scanners
std::span<const TypeRules> struct_rules();     // struct.Struct, struct sequences
std::span<const TypeRules> pickle_rules();     // picklers, JSON, csv
std::span<const TypeRules> xml_rules();        // ElementTree, expat
std::span<const TypeRules> sqlite_rules();     // sqlite3
std::span<const TypeRules> ctypes_rules();     // ctypes
std::span<const TypeRules> compression_rules();  // zlib, bz2, lzma, hashes
std::span<const TypeRules> extension_rules();    // everything else of the standard library
std::span<const TypeRules> numpy_rules();        // numpy: no part of it, but in most of what is big

}  // namespace coreheap::python
