"""The program whose heap the oracle tests know exactly; one source for CPython 2.7 and 3.6 to 3.15.

It builds a heap with a bit of everything, then forks by libc's fork(). The child has the same objects
at the same addresses: it asks its interpreter for all of them and writes that down (README.md has the
format). The parent never returns to Python: a handler registered with __register_atfork parks it in
pause() inside fork() itself, so that not a single byte of its heap differs from what the child saw.

Invariants: nothing between the fork and the last figure of the child allocates before the figure is
taken; the child's own objects are never reachable from what it lists; the same walk is rehearsed
before the fork, so that caches that CPython fills lazily exist in both processes.
"""
from __future__ import print_function

import array
import ctypes
import gc
import io
import json
import os
import random
import select
import socket
import sys
import threading
import time
import types

import heap  # noqa: F401  (registers the builders)
import truth_tracemalloc
import heap_iterators  # noqa: F401
import heap_sizeof  # noqa: F401
import heap_stdlib  # noqa: F401
import heap_system  # noqa: F401
import heap_values  # noqa: F401
import heap_collector  # noqa: F401
import heap_frames  # noqa: F401
from heap_kinds import *  # noqa: F401,F403


# ---------------------------------------------------------------- threads, each blocked for ever

def worker(kind, ready, parts):
    local_text = "thread local text of %s %d" % (kind, threading.current_thread().ident)
    local_list = [kind, local_text]
    if hasattr(threading.current_thread(), "name"):
        THREAD_LOCAL.value = {"kind": kind}
    native = [libc.malloc(size) for size in (100, 100, 3000, 200)]   # another arena, another tcache
    libc.free(native.pop(1))
    parts.append(array.array("Q" if NEW else "L", native))
    keep = [bytearray(700) for _ in range(50)]
    del keep[::2]
    NOTES["frame_only"].append(id(local_text))
    if kind == "lock":
        lock = threading.Lock()
        lock.acquire()
        ready.append(kind)
        lock.acquire()
    elif kind == "event":
        ready.append(kind)
        threading.Event().wait()
    elif kind == "read":
        reader, writer = os.pipe()
        ready.append(kind)
        os.read(reader, 10)
    elif kind == "accept":
        server = socket.socket(socket.AF_UNIX)
        server.bind("\0oracle-%d-%d" % (os.getpid(), id(local_list)))
        server.listen(1)
        ready.append(kind)
        server.accept()
    elif kind == "select":
        reader, writer = os.pipe()
        ready.append(kind)
        select.select([reader], [], [])
    elif kind == "sleep":
        ready.append(kind)
        time.sleep(10 ** 7)
    elif kind == "generator":
        def waits():
            held = ["in generator"]
            yield held
            ready.append(kind)
            threading.Event().wait()
        for _ in waits():
            pass
    elif kind == "class":
        class Body(object):              # names in a dict of its own, which is neither globals nor slots
            held = ["in a class body", local_list]
            ready.append(kind)
            threading.Event().wait()
    else:
        def down(level):
            here = [level]
            if level:
                return down(level - 1) or here
            ready.append(kind)
            libc.pause()
        down(20)


THREAD_LOCAL = threading.local()


def start_threads(count):
    kinds = ["lock", "event", "read", "accept", "select", "sleep", "generator", "class", "deep"]
    ready = []
    parts = []
    threads = []
    for i in range(count):
        thread = threading.Thread(target=worker, args=(kinds[i % len(kinds)], ready, parts), name="oracle-%d" % i)
        thread.daemon = True
        thread.start()
        threads.append(thread)
    while len(ready) < count:
        time.sleep(.01)
    time.sleep(.5)                       # they are in their call by now; where /proc is at hand, make sure
    for task in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else []:
        for _ in range(500):
            if int(task) == os.getpid() or open("/proc/self/task/%s/stat" % task).read().rsplit(")", 1)[1].split()[0] == "S":
                break
            time.sleep(.01)
    POINTERS.extend(parts)
    return [threads, ready]


# ---------------------------------------------------------------- the truth

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name, _ in Mallinfo2._fields_]


def prepare_figures():
    """Resolves all that the child calls, so that calling it allocates nothing in between."""
    try:
        mallinfo = libc_with_gil.mallinfo2
        mallinfo.restype = Mallinfo2
    except AttributeError:
        mallinfo = libc_with_gil.mallinfo
        mallinfo.restype = Mallinfo
    libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
    libc.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    path = CONFIG["out"] + ".malloc_info"
    stream = ctypes.c_void_p(libc.fopen(path.encode(), b"w"))
    buffer = ctypes.create_string_buffer(1 << 20)
    libc.setvbuf(stream, buffer, 0, 1 << 20)
    malloc_info = libc_with_gil.malloc_info
    malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
    fflush = libc_with_gil.fflush
    fflush.argtypes = [ctypes.c_void_p]
    usable = libc_with_gil.malloc_usable_size
    usable.restype, usable.argtypes = ctypes.c_size_t, [ctypes.c_void_p]
    return {"mallinfo": mallinfo, "malloc_info": malloc_info, "stream": stream, "buffer": buffer, "fflush": fflush,
            "usable": usable, "malloc_info_path": path}


def type_name(kind, get_module=type.__dict__["__module__"], get_name=type.__dict__["__qualname__" if NEW else "__name__"],
              builtin=("builtins",) if NEW else ("__builtin__", "exceptions")):
    """`module.qualname`, bare for builtins (2.7's exceptions are builtins too), whatever the metaclass says."""
    name = get_name.__get__(kind)
    try:
        module = get_module.__get__(kind)
    except AttributeError:
        return name
    if not isinstance(module, str) or module in builtin:
        return name
    return module + "." + name


CODE_FIELDS = ["co_consts", "co_names", "co_filename", "co_name"]
if sys.version_info >= (3, 11):
    CODE_FIELDS += ["co_qualname", "co_linetable", "co_exceptiontable"]
else:
    CODE_FIELDS += ["co_varnames", "co_freevars", "co_cellvars", "co_code"]
    CODE_FIELDS += ["co_linetable" if sys.version_info >= (3, 10) else "co_lnotab"]
DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType, type(list.append), type(list.__len__),
               type(dict.__dict__["fromkeys"]))
ALL_TYPES = type.__dict__["__subclasses__"]
TYPE_DICT = type.__dict__["__dict__"]
TYPE_MRO = type.__dict__["__mro__"]
TYPE_BASES = type.__dict__["__bases__"]
TYPE_NAME = type.__dict__["__name__"]
TYPE_QUALNAME = type.__dict__.get("__qualname__")
HEAP_TYPE = 1 << 9
TYPE_FLAGS = type.__dict__["__flags__"]
TRUTHS = []                                     # the truth_*.py modules
EARLY = []                                      # what of them is asked before the walk; makes no object that stays
LISTS_FRAMES = sys.version_info < (3, 11)     # newer frames become objects only when asked for: do not ask


def unvisited(o, kind):
    """Owned references that tp_traverse skips but that the language shows, without making new objects."""
    if kind is types.CodeType:
        return [getattr(o, name) for name in CODE_FIELDS]
    mro = TYPE_MRO.__get__(kind) or ()       # static types may not be ready yet
    if dict in mro:
        return list(dict.keys(o))
    if type in mro:
        if TYPE_MRO.__get__(o) is None:      # never readied: its fields are still NULL
            return ()
        more = list(TYPE_MRO.__get__(o) or ()) + list(TYPE_BASES.__get__(o) or ()) + [TYPE_MRO.__get__(o), TYPE_BASES.__get__(o)]
        more += gc.get_referents(TYPE_DICT.__get__(o))
        more += ALL_TYPES(o)
        if TYPE_FLAGS.__get__(o) & HEAP_TYPE and NEW:
            more += [TYPE_NAME.__get__(o), TYPE_QUALNAME.__get__(o)]
        return more
    if kind in DESCRIPTORS:
        return [o.__name__]
    if kind is FROZENDICT:
        return list(FROZENDICT.keys(o))
    return ()


FROZENDICT = getattr(__builtins__, "frozendict", None) if not isinstance(__builtins__, dict) else None


def fields_of(structure):
    return {name: getattr(structure, name) for name, _ in structure._fields_}


def truth(out):
    """Takes all figures, then all objects, and writes them to the file descriptor `out`."""
    # Nothing may be allocated before its figure is taken: the order of the next lines is the point, and
    # this function has no variable that a nested one uses (its cell would be one object too many).
    if DEBUGMALLOC is not None:
        DEBUGMALLOC()
    blocks = ALLOCATED() if ALLOCATED is not None else None
    counts = gc.get_count()
    info = FIGURES["mallinfo"]()
    FIGURES["malloc_info"](0, FIGURES["stream"])
    for one in EARLY:
        one()
    if hasattr(gc, "unfreeze") and not NOTES["rehearsing"]:
        gc.unfreeze()                        # the list has no frozen ones; relinks only
    tracked = gc.get_objects()

    own = sys._getframe() if LISTS_FRAMES else None
    mine = (id(own) if own is not None else 0, id(counts), id(info))   # all that is tracked and not the parent's
    seen = {}
    stack = tracked
    how = {}                                 # address -> why listed
    for o in stack:
        if id(o) not in mine:
            seen[id(o)] = o
            how[id(o)] = "g"
    if LISTS_FRAMES:
        for frame in list(sys._current_frames().values()):
            if frame is own:
                frame = frame.f_back
            if id(frame) not in seen:
                seen[id(frame)] = frame
                how[id(frame)] = "f"
                stack.append(frame)
        frame = None
    for o in (object, None, NotImplemented, Ellipsis, True, False, sys.modules):
        if id(o) not in seen:
            seen[id(o)] = o
            how[id(o)] = "a"
            stack.append(o)
    referents = gc.get_referents
    while stack:
        o = stack.pop()
        if id(o) in mine:
            continue
        kind = type(o)
        for r in referents(o):
            if id(r) not in seen:
                seen[id(r)] = r
                how[id(r)] = "g"
                stack.append(r)
        for r in unvisited(o, kind):
            if id(r) not in seen:
                seen[id(r)] = r
                how[id(r)] = "a"
                stack.append(r)
        if id(kind) not in seen:
            seen[id(kind)] = kind
            how[id(kind)] = "a"
            stack.append(kind)
    for address in mine:
        seen.pop(address, None)

    names, bases = {}, {}
    old_instance = getattr(types, "InstanceType", None)
    getsizeof = sys.getsizeof
    is_tracked = gc.is_tracked
    # A BytesIO counts its bytes only while nobody else holds them: not even this walk may.
    alone, o, r = {}, None, None
    for address in sorted(seen):             # no comprehension that names `seen`: it would be a cell's
        o = seen[address]
        if not issubclass(type(o), io.BytesIO):
            continue
        buffers = [id(r) for r in referents(o) if type(r) is bytes]
        r = None
        for buffer in buffers:
            seen.pop(buffer, None)
        alone[address] = getsizeof(o)
        for r in referents(o):
            if id(r) in buffers:
                seen[id(r)] = r
        r = None
    lines = []
    for address in sorted(seen):
        o = seen[address]
        kind = type(o)
        name = names.get(id(kind))
        if name is None:
            name = names[id(kind)] = type_name(kind)
            bases.setdefault(name, [type_name(base) for base in TYPE_MRO.__get__(kind) or () if isinstance(base, type)])
        if kind is old_instance:
            name = o.__class__.__name__
            if o.__class__.__module__ != "__builtin__":
                name = "%s.%s" % (o.__class__.__module__, name)
        try:
            size = alone[address] if address in alone else getsizeof(o)
        except Exception as error:           # a __sizeof__ that fails is the type's word too
            size = -1
        lines.append("o %x %d %s%s %s\n" % (address, size, "t" if is_tracked(o) else "-", how[address], name))
    for pointers in POINTERS:
        for pointer in pointers:
            lines.append("p %x %d\n" % (pointer, FIGURES["usable"](pointer)))
    for address in NOTES["frame_only"]:
        lines.append("l %x\n" % address)
    for one in TRUTHS:
        lines.extend(one.lines(seen))

    FIGURES["fflush"](FIGURES["stream"])
    with open(FIGURES["malloc_info_path"]) as stream:
        text = stream.read()
    start = text.rindex("<malloc version")
    meta = {
        "version": sys.version, "pid": os.getppid(), "objects": len(seen), "blocks": blocks, "gc_count": counts,
        "gc_stats": gc.get_stats() if hasattr(gc, "get_stats") else None,
        "mallinfo": fields_of(info),
        "malloc_info": text[start:], "skipped": NOTES["skipped"], "threads": CONFIG["threads"],
        "bases": bases,
    }
    own = None           # a frame that holds itself would outlive the rehearsal, with all of its lists
    write_lines(out, ["m " + json.dumps(meta) + "\n"])
    write_lines(out, lines)
    write_lines(out, ["end\n"])


def write_lines(out, lines):
    """Part by part: 2.7 makes one text of four bytes a character of them."""
    for begin in range(0, len(lines), 5000):
        view = memoryview("".join(lines[begin:begin + 5000]).encode("utf-8"))
        while len(view):
            view = view[os.write(out, view):]


def find_interned():
    """The address of the table of interned strings, which 3.15 shows to the collector; else 0."""
    for o in gc.get_objects():
        if type(o) is dict and len(o) > 500 and all([key is value for key, value in o.items()]):
            return id(o)
    return 0


def hold_interned(table):
    """A name that nothing but the cache of attribute lookups holds dies as soon as a lookup in the child takes its
    place, and the truth would lack what the parent has."""
    if table:
        KEEP["interned"] = list(ctypes.cast(table, ctypes.py_object).value)


def load_truths():
    """What else is asked of the interpreter: every truth_NAME.py beside this file, by name. Its lines(seen)
    gives lines of the truth file; seen maps address to object. Loaded before the heap is built."""
    here = os.path.dirname(os.path.abspath(__file__))
    names = sorted(name[:-3] for name in os.listdir(here) if name.startswith("truth_") and name.endswith(".py"))
    return [__import__(name) for name in names]


def main():
    arguments = sys.argv[1:]
    CONFIG["out"] = arguments[0]
    for argument in arguments[1:]:
        name, _, value = argument.partition("=")
        CONFIG[name] = int(value)
    if CONFIG.get("extensions"):
        import heap_extensions  # noqa: F401
    libc.prctl(41, 1, 0, 0, 0)           # PR_SET_THP_DISABLE: the kernel would make small pages huge between two looks
    gc.disable()
    table = find_interned()
    TRUTHS.extend(load_truths())
    EARLY.extend([one.before for one in TRUTHS if hasattr(one, "before")])
    rng = random.Random(CONFIG["seed"])
    for build in CONFIG["features"]:
        try:
            KEEP[build.feature] = build(CONFIG["scale"], rng)
        except (ImportError, SyntaxError) as error:
            NOTES["skipped"][build.feature] = str(error)
        if build.feature == "code":
            gc.collect()                 # untracks what it can; cycles made later stay
    KEEP["threads"] = start_threads(CONFIG["threads"])
    global FIGURES, ALLOCATED, DEBUGMALLOC
    FIGURES = prepare_figures()
    ALLOCATED = getattr(sys, "getallocatedblocks", None)
    DEBUGMALLOC = getattr(sys, "_debugmallocstats", None)
    out = os.open(CONFIG["out"] + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    stats = os.open(CONFIG["out"] + ".stats", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(stats, 2)
    rehearsal = os.open(CONFIG["out"] + ".rehearsal", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    taking = truth_tracemalloc.functions() if CONFIG.get("tracemalloc") else None
    hold_interned(table)
    for _ in range(2 if taking is None else 0):  # fills every cache that the walk fills, and specialises it
        truth(rehearsal)
    NOTES["rehearsing"] = False
    for late in CONFIG["late"]:          # what no later object may disturb
        late()
    hold_interned(table)
    source = libc_with_gil if CONFIG["hold_gil"] else libc
    fork = source.fork
    fork.restype = ctypes.c_int
    register = libc.__getattr__("__register_atfork")
    register.argtypes = [ctypes.c_void_p] * 4
    park = ctypes.cast(libc.pause, ctypes.c_void_p)
    if CONFIG.get("twice"):              # for checking the oracle itself: a first truth of the same heap
        first = os.open(CONFIG["out"] + ".first", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        if fork() == 0:                  # its PID must not be an object that only the second child has
            truth(first)
            os._exit(0)
        os.waitpid(-1, 0)
    register(None, park, None, None)
    if taking is not None:
        KEEP["tracemalloc"] = truth_tracemalloc.prepare(CONFIG["tracemalloc"] % 2)
        own, traced, traces = taking
    if fork() == 0:                      # the parent does not come back from here
        if taking is not None:
            taking = own(), traced(), traces()  # the one line that takes the traces
        try:
            if taking is not None:
                truth_tracemalloc.write(out, taking, NOTES["skipped"])
            else:
                truth(out)
            os.rename(CONFIG["out"] + ".part", CONFIG["out"])
        except BaseException:
            import traceback
            os.write(2, traceback.format_exc().encode())
            os._exit(1)
        os._exit(0)
    os._exit(99)                         # pause() returned: a signal with a handler


if __name__ == "__main__":
    main()
