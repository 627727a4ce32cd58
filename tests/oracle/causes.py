"""Why an object may be in coreheap's list although the process does not list it itself.

Every extra object must have one of these causes, and each cause is proven, not assumed: the object has
a reference count, its type word names a type that the process lists, and some live word of the parent's
memory holds its address. What kind of place that word is in gives the cause. The last clause is what
catches dead objects: free-listed and stale ones are held by nothing that is alive.

A place is live when it is (1) writable data of a file, (2) a stack or other memory that is no allocator's,
(3) a block in use that coreheap says holds an object, or is a buffer of one, and that object is itself in
the truth or already explained, (4) a block in use that is no object's.
"""

import bisect

# cause -> one line of explanation. The names are printed by the driver, with counts.
CAUSES = {
    "static-object": "an int, str or bytes inside a mapped file's data: a cell of the runtime's own arrays (small ints, "
                     "characters, names), which nothing need hold",
    "frozen-code": "code or tuple inside a mapped file's data, immortal from the start: a frozen module (3.11, 3.12) whose "
                   "only pointer is an instruction",
    "runtime-singleton": "an immortal singleton inside the runtime's or interpreter's state that nothing has asked for yet "
                         "(empty hamt, last resort MemoryError)",
    "static-type": "a static type object that nothing has readied or used: only instructions point at it",
    "static-utc": "datetime.timezone.utc as _datetime compiles it in (3.13 on); only instructions point at it",
    "c-static": "held by writable data of the program or of a library: a cache or a singleton in C",
    "running-frame": "held by a thread's stack or by the frame of a running function, which is no object from 3.11 on",
    "runtime-state": "held by the interpreter's or a thread's state",
    "module-state": "held by the C state of an extension module",
    "native-block": "held by a block that a C library or extension allocated and that is no object's",
    "holder-field": "held by a field of an object whose tp_traverse skips it (or whose type is not traversed at all)",
    "managed-dict": "the dict of an instance, held by the word in front of it; while it shares the values stored in the "
                    "instance, neither the collector nor tp_traverse knows it (3.13)",
    "holder-buffer": "held by a buffer of an object whose tp_traverse skips it",
    "zombie-frame": "the dead frame that a code object keeps for its next call (before 3.11)",
}

# holder type -> which fields tp_traverse leaves out. Only these may explain an extra object.
HOLDERS = {
    "code": "local variable names and kinds, line table, cached tuples; code is not traversed at all",
    "type": "slot names, cached keys (attribute names), subclasses table, documentation, weak references",
    "dict": "str keys of a dict with only str keys; and keys of a dict that is itself an extra",
    "unicode": "2.7's cached encoded form",
    "module": "its name",
    "set": "members of a set that is itself an extra",
    "frozenset": "members of a frozenset that is itself an extra",
    "tuple": "items of a tuple that is itself an extra",
    "list": "items of a list that is itself an extra",
    "range": "start, stop, step and length",
    "slice": "start, stop and step",
    "getset_descriptor": "its name, its qualified name",
    "method_descriptor": "its name, its qualified name",
    "classmethod_descriptor": "its name, its qualified name",
    "wrapper_descriptor": "its name, its qualified name",
    "member_descriptor": "its name, its qualified name",
    "builtin_function_or_method": "the module's name",
    "generator": "its name and qualified name",
    "coroutine": "its name and qualified name",
    "async_generator": "its name and qualified name",
    "function": "names; 3.14's annotate",
    "frame": "trace function; the frame's own fields",
    "property": "its name",
    "_json.Scanner": "its memo of keys",
    "bytearray": "3.15 keeps the bytes in a bytes object",
    "file": "2.7: name, mode, encoding",
    "enumerate": "a count beyond C's",
    "weakref": "its callback when it is an extra",
    "memoryview": "the managed buffer",
    "managedbuffer": "the exporter",
    "SyntaxError": "print_file_and_line, positions",
    "ImportError": "name, path",
    "_io.BytesIO": "its bytes",
    "_io.StringIO": "its parts while it is being written, the newline",
    "_io.TextIOWrapper": "encoding, errors, newline, pending bytes",
    "_io.IncrementalNewlineDecoder": "errors",
    "_io.BufferedReader": "its raw stream's name",
    "collections.OrderedDict": "the keys in its order list",
    "collections.deque": "state",
    "collections.defaultdict": "its str keys",
    "re.Pattern": "pattern, group index and names (not traversed before 3.10)",
    "_sre.SRE_Pattern": "pattern, group index and names (2.7, 3.6)",
    "re.Match": "string and pattern (not traversed before 3.10)",
    "_sre.SRE_Match": "string and pattern (2.7, 3.6)",
    "_sre.SRE_Scanner": "pattern and string",
    "_struct.Struct": "its format",
    "Struct": "its format",
    "datetime.datetime": "its time zone",
    "datetime.time": "its time zone",
    "datetime.timezone": "offset and name",
    "zlib.Compress": "unused and unconsumed data",
    "zlib.Decompress": "unused and unconsumed data",
    "_bz2.BZ2Decompressor": "unused data",
    "_lzma.LZMADecompressor": "unused data",
    "bz2.BZ2Decompressor": "unused data",
    "functools._lru_cache_wrapper": "its links",
    "functools._lru_list_elem": "its key",
    "_queue.SimpleQueue": "its ring",
    "_pickle.Pickler": "memo table and output buffer",
    "_pickle.Unpickler": "memo table, input buffer",
    "cPickle.Pickler": "memo",
    "sqlite3.Connection": "statements, functions, isolation level",
    "sqlite3.Cursor": "description, row cast map, statement",
    "sqlite3.Statement": "its SQL text",
    "sqlite3.Cache": "nodes",
    "sqlite3.Node": "key and data",
    "xml.etree.ElementTree.Element": "its extra: attributes and children",
    "xml.etree.ElementTree.XMLParser": "handlers, names",
    "xml.etree.ElementTree.TreeBuilder": "its events, stack",
    "pyexpat.xmlparser": "interned names, handlers",
    "_ctypes.CField": "its name",
    "_ctypes.PyCPointerType": "format string and prototype",
    "_ctypes.PyCFuncPtrType": "argument types",
    "CThunkObject": "argument converters",
    "_ctypes.CThunkObject": "argument converters",
    "StgDict": "keys of the type's storage dict",
    "ctypes.StgDict": "keys of the type's storage dict",
    "moduledef": "its dict copy",
    "PyCapsule": "its context",
    "_socket.socket": "its timeout's objects",
    "socket.socket": "its timeout's objects",
    "decimal.Context": "its traps",
    "_thread._localdummy": "its dict",
    "_thread._local": "key",
    "symtable entry": "names",
    "traceback": "frames",
    "operator.attrgetter": "attribute names",
    "operator.methodcaller": "names",
    "types.GenericAlias": "parameters",
    "types.UnionType": "parameters",
    "string.templatelib.Interpolation": "its parts",
    "string.templatelib.Template": "its parts",
    "_csv.Dialect": "its line terminator and delimiters",
    "buffer": "2.7: what it is a window of",
    "decimal.ContextManager": "the contexts it swaps; not traversed",
    "contextvars.ContextVar": "its name, cached value",
    "hamt": "keys", "hamt_bitmap_node": "keys", "hamt_array_node": "keys", "hamt_collision_node": "keys",
    "posix.stat_result": "its hidden fields",
    "posix.DirEntry": "its path, name and what stat gave",
    "select.poll": "its dict",
    "posix.statvfs_result": "its fields",
    "resource.struct_rusage": "2.7: its fields",
    "grp.struct_group": "2.7: its fields",
    "pwd.struct_passwd": "2.7: its fields",
    "cPickle.Pdata": "2.7: the stack of an unpickler",
    "_pickle.Pdata": "the stack of an unpickler",
    "cStringIO.StringI": "what it reads",
    "zipimport.zipimporter": "archive and prefix",
    "bz2.BZ2File": "its file",
    "zoneinfo.ZoneInfo": "its names and offsets",
    "_lsprof.Profiler": "what it counted",
    "_ssl._SSLContext": "the name of its key log",
    "_ssl._SSLSocket": "context, host name",
    "os.stat_result": "its hidden fields",
    "time.struct_time": "its hidden fields",
    "_asyncio.Future": "source traceback, exception", "_asyncio.Task": "its name",
    "asyncio.Future": "source traceback, exception", "asyncio.Task": "its name",
    "_hashlib.HASH": "its name",
    "_ast.AST": "its fields' dict",
    "symtable.entry": "names",
    "_curses": "names",
    "operator.itemgetter": "its item",
    "longrange_iterator": "its numbers",
    "cPickle.Unpickler": "memo",
    "XMLParser": "2.7: its names and handlers",
    "TreeBuilder": "2.7: its stack and events",
    "Element": "2.7: children and attributes",
    "sys.flags": "2.7: its fields",
    "sys.version_info": "2.7: its fields",
    "sys.long_info": "2.7: its fields",
    "sys.float_info": "2.7: its fields; struct sequences are not traversed there",
}
STACK_RANGES = {"stack in use", "stack unused", "thread block", "data stack", "anonymous"}
STATIC_RANGES = {"static data", "file data", "file"}
OVERHEAD_RANGES = {"pool header", "pool slack", "arena slack", "heap header", "chunk alignment", "fencepost",
                   "heap tail", "heap reserve", "mmap padding", "foreign sbrk"}
ROOT_KINDS = {"runtime state": "runtime-state", "obmalloc state": "runtime-state", "data stack chunk": "running-frame",
              "module state": "module-state", "thread": "running-frame", "dtv": "running-frame", "zombie frame": "zombie-frame"}
DEAD_KINDS = {"free list", "dead object", "int block"}


# Static objects that nothing need hold: cells of the runtime's own arrays.
RUNTIME_CELLS = {"int", "str", "bytes"}


def documented(name, bases):
    """Whether a type or one of its bases is a documented holder; a metaclass's instance is a type."""
    return any(base in HOLDERS for base in [name, *bases.get(name, ())])


def immortal(refcount):
    return refcount == "immortal" or int(refcount) >= 900000000      # 3.11's statics start at 999999999


def is_address(memory, refcount):
    """A heap at the program break may well cover 999999999, where 3.11's compiled-in objects start."""
    if refcount == "immortal" or abs(int(refcount) - 999999999) < 1 << 24:
        return False
    return int(refcount) >= 0x10000 and memory.region_of(int(refcount)) is not None


def singleton(types, address, name):
    """The MemoryError of last resort stands right behind the empty hamt in the interpreter's state."""
    if name == "MemoryError":
        return any(types.get(address - distance) == "hamt" for distance in (40, 48, 56))
    return name in ("hamt", "hamt_bitmap_node", "Token.MISSING")


def static_type(memory, address):
    """A PyTypeObject in a file's data: a name in that file at +24, a small basicsize at +32."""
    name, size = memory.word(address + 24), memory.word(address + 32)
    return name is not None and memory.in_file(name) and size is not None and size < 1 << 20


def explain(extras, truth, bases, rows, kind_at, memory, tagged):
    """`kind_at` tells the kind of the range at an address. Returns ({address: cause}, {address: [what was found]} of the unexplained)."""
    wanted = set(extras)
    values = set(wanted)
    if tagged:                        # 3.14+ keeps flags in the low bits of references in frames
        values |= {a + 1 for a in wanted} | {a + 3 for a in wanted}
    held = {}
    for at, value in memory.words_equal_to(values):
        held.setdefault(value & ~7 if tagged else value, []).append(at)

    types = {row["object"]: row["type"] for row in rows if row["object"]}
    causes, remaining = {}, {}
    for address in wanted:
        row = extras[address]
        if row["refcount"] not in ("immortal",) and int(row["refcount"] or 0) < 1:
            remaining[address] = ["reference count " + repr(row["refcount"])]
        elif is_address(memory, row["refcount"]):
            remaining[address] = ["its reference count is an address"]
        elif row["allocator"] == "static" and not memory.in_file(address):
            remaining[address] = ["static, but in no file's mapping"]
        elif row["allocator"] == "static" and row["type"] in RUNTIME_CELLS:
            causes[address] = "static-object"
        elif row["allocator"] == "static" and row["type"] in ("code", "tuple") and immortal(row["refcount"]):
            causes[address] = "frozen-code"
        elif row["allocator"] == "static" and immortal(row["refcount"]) and singleton(types, address, row["type"]):
            causes[address] = "runtime-singleton"
        elif row["allocator"] == "static" and row["type"] == "datetime.timezone":
            causes[address] = "static-utc"
        elif row["allocator"] == "static" and row["type"] == "type" and static_type(memory, address):
            causes[address] = "static-type"
    open_ones = [a for a in wanted if a not in causes and a not in remaining]
    row_begins = [r["begin"] for r in rows]

    def place(at):
        """(cause, holder address or None) for a live place; (None, text) for a dead one."""
        i = bisect.bisect_right(row_begins, at) - 1
        if i >= 0 and at < rows[i]["end"]:
            row = rows[i]
            if row["state"] != "used":
                return None, "block that is " + row["state"]
            if row["kind"] in DEAD_KINDS:
                return None, row["kind"]
            if row["kind"] in ROOT_KINDS:
                return ROOT_KINDS[row["kind"]], None
            if row["object"]:
                return "holder-field", (row["object"], row["type"])
            if row["owner"]:
                return "holder-buffer", (row["owner"], None)
            return "native-block", None
        kind = kind_at(at)
        region = memory.region_of(at)
        if kind in OVERHEAD_RANGES:
            return None, kind
        if kind in STATIC_RANGES or region.name.startswith("/"):
            return "c-static", None
        return "running-frame", None

    seen = {}
    progress = True
    while progress and open_ones:
        progress, left = False, []
        for address in open_ones:
            found = []
            for at in held.get(address, ()):
                cause, holder = place(at)
                if cause is None:
                    found.append("%#x: %s" % (at, holder))
                    continue
                if holder is not None:
                    owner, name = holder
                    name = name or types.get(owner, "?")
                    if owner == address:
                        continue
                    if owner not in truth and owner not in causes:
                        found.append("%#x: field of %s %#x, itself not explained" % (at, name, owner))
                        continue
                    if cause == "holder-field" and at - owner in (-24, -32) and extras[address]["type"] == "dict":
                        cause = "managed-dict"
                    elif not documented(name, bases) and owner in truth:
                        found.append("%#x: field of a %s at +%d, not a documented holder" % (at, name, at - owner))
                        continue
                causes[address] = cause
                progress = True
                break
            else:
                seen[address] = found or ["no live word holds it"]
                left.append(address)
        open_ones = left
    for address in open_ones:
        remaining[address] = seen[address]
    return causes, remaining
