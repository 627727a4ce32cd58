"""Builders of the target's heap, one a feature: each returns what keeps its objects alive."""
from __future__ import print_function

import array
import ast
import codecs
import collections
import ctypes
import datetime
import decimal
import fractions
import functools
import io
import itertools
import mmap
import operator
import os
import random
import re
import socket
import struct
import sys
import time
import types
import weakref
import zlib

from heap_kinds import *  # noqa: F401,F403


def skipping(name):
    """Decorator: a builder that an interpreter cannot run is noted by name, never silent."""
    def wrap(function):
        function.feature = name
        CONFIG["features"].append(function)
        return function
    return wrap


@skipping("atoms")
def build_atoms(n, rng):
    keep = [None, True, False, Ellipsis, NotImplemented, (), "", b"", u"", frozenset()]
    keep.append([i for i in range(-10, 300)])
    keep.append([rng.getrandbits(bits) for bits in range(1, 700, 7)])
    keep.append([-rng.getrandbits(bits) for bits in range(1, 700, 13)])
    keep.append([1 << shift for shift in (29, 30, 31, 59, 60, 61, 62, 63, 64, 90, 91, 5000, 500000)])
    keep.append([rng.random() * 10 ** rng.randrange(-300, 300) for _ in range(n // 20)])
    keep.append([float("inf"), float("-inf"), float("nan"), 0.0, -0.0, 5e-324])
    keep.append([complex(rng.random(), rng.random()) for _ in range(n // 100)])
    keep.append([rng.randrange(10 ** 12) for _ in range(n // 4)])
    keep.append([slice(i, i * 2, 3) for i in range(30)] + [slice(None), slice("a", [1], {})])
    keep.append([range(i, 10 ** 6 + i, 7) if NEW else xrange(i, 10 ** 6 + i, 7) for i in range(30)])
    if NEW:
        keep.append([range(10 ** 30, 10 ** 31, 10 ** 29)])
    return keep


@skipping("text")
def build_text(n, rng):
    keep = []
    keep.append(["ascii text %d" % i for i in range(n // 4)])
    keep.append([u"latin-1 \xe9\xe8 %d" % i for i in range(n // 50)])
    keep.append([u"two bytes \u0416\u4e2d %d" % i for i in range(n // 50)])
    keep.append([u"four bytes \U0001f600 %d" % i for i in range(n // 50)])
    keep.append([u"chr", u"\xff", u"\u0100", u"\U0010ffff", "a", "z"])
    keep.append(["x" * size for size in (1, 100, 463, 464, 465, 512, 513, 1000, 4096, 70000, 200000, 3000000)])
    keep.append([u"\u4e2d" * size for size in (1, 100, 300, 5000, 100000)])
    cached = [u"utf8 cached \xe9 \u4e2d %d" % i for i in range(200)]
    for text in cached:
        if NEW:
            UTF8(text)
        else:
            keep.append(codecs.getencoder("ascii")(u"defenc")[0])
    keep.append(cached)
    keep.append([b"bytes %03d" % i if sys.version_info >= (3, 5) or PY2 else b"bytes" for i in range(n // 20)])
    keep.append([b"\x00\xff" * size for size in (1, 10, 240, 250, 300, 70000, 150000)])
    keep.append([bytearray(b"q" * size) for size in (0, 1, 7, 100, 511, 512, 513, 5000, 140000, 1000000)])
    shrunk = bytearray(b"0123456789" * 400)
    del shrunk[:3000]
    keep.append(shrunk)
    keep.append([StrSub("sub %d" % i) for i in range(50)] + [StrSub(u"\u4e2d%d" % i) if NEW else StrSub("x") for i in range(20)])
    keep.append([LongText("no dict %d" % i) for i in range(50)] if NEW else [])
    keep.append([BytesSub(b"sub") for _ in range(50)])
    keep.append([ByteArraySub(b"sub" * k) for k in range(50)])
    interned = (sys.intern if NEW else intern)
    keep.append([interned("interned_by_hand_%d" % i) for i in range(300)])
    return keep


UTF8 = ctypes.pythonapi.PyUnicode_AsUTF8 if NEW else None
if UTF8 is not None:
    UTF8.restype = ctypes.c_void_p
    UTF8.argtypes = [ctypes.py_object]


@skipping("containers")
def build_containers(n, rng):
    keep = []
    keep.append([[i] * (i % 40) for i in range(n // 8)])
    keep.append([tuple(range(i % 30)) for i in range(n // 8)])
    keep.append([(i, "atom %d" % i) for i in range(n // 8)])
    growing = []
    for i in range(n // 2):
        growing.append(i)
    keep.append(growing)
    keep.append([{} for _ in range(40)])
    keep.append([{"k%d" % k: k for k in range(i % 20)} for i in range(n // 16)])
    keep.append([{k: str(k) for k in range(i % 20)} for i in range(n // 16)])
    keep.append({(i, str(i)): [i] for i in range(n // 8)})
    keep.append({"big %d" % i: i for i in range(n // 4)})
    mixed = {i: None for i in range(500)}
    for i in range(0, 500, 2):
        del mixed[i]
    mixed["text"] = mixed
    keep.append(mixed)
    keep.append([set(range(i % 50)) for i in range(n // 40)])
    keep.append([frozenset("f%d" % k for k in range(i % 12)) for i in range(n // 40)])
    holes = set(range(2000))
    for i in range(0, 2000, 3):
        holes.discard(i)
    keep.append(holes)
    keep.append([collections.deque(range(i), maxlen=None if i % 2 else i + 1) for i in range(0, 400, 7)])
    turned = collections.deque(range(300))
    turned.rotate(77)
    for _ in range(100):
        turned.popleft()
    keep.append(turned)
    keep.append([collections.OrderedDict(("o%d" % k, [k]) for k in range(i)) for i in range(40)])
    moved = collections.OrderedDict((k, k) for k in range(100))
    for k in range(0, 100, 2):
        del moved[k]
    keep.append(moved)
    keep.append([collections.defaultdict(list, {i: [i]}) for i in range(50)])
    keep.append(collections.Counter("the quick brown fox jumps over the lazy dog" * 10))
    if NEW:
        keep.append(collections.ChainMap({"a": 1}, {"b": 2}))
    keep.append([array.array(code, range(50)) for code in "bBhHiIlLfd"])
    keep.append([array.array("d", [0.5] * size) for size in (0, 1, 64, 65, 5000, 40000)])
    keep.append([memoryview(bytearray(100 + i))[5:50] for i in range(30)])
    keep.append([memoryview(b"of bytes %d" % i if NEW else b"of bytes") for i in range(30)])
    self_list = []
    self_list.append(self_list)
    keep.append(self_list)
    if sys.version_info >= (3, 15):
        keep.append([eval("frozendict(a=1, b=[2], c=%d)" % i) for i in range(50)])
    views = {"a": 1, "b": 2}
    keep.append([views.keys(), views.values(), views.items(), iter(views), iter([1, 2]), iter((1, 2)), iter("ab"),
                 iter({1, 2}), reversed([1, 2, 3]), enumerate("abc"), zip([1], [2]), map(str, [1]), filter(None, [1])])
    return keep


@skipping("instances")
def build_instances(n, rng):
    keep = [[Plain(i) for i in range(n // 2)]]
    plain = keep[0]
    for i in range(1, len(plain), 2):
        plain[i].others = plain[i - 1]
    for i in range(0, len(plain), 10):
        plain[i].__dict__                # materialised
    for i in range(0, len(plain), 25):
        plain[i].late_attribute = i      # splits from the shared keys
    for i in range(0, len(plain), 40):
        plain[i].__dict__[i] = "not a str key"
    keep.append([Many(i) for i in range(100)])
    odd = [Many(i) for i in range(20)]
    for i, one in enumerate(odd):
        for k in range(i):
            delattr(one, "field_%02d" % k)
    keep.append(odd)
    keep.append([Slotted(i, [i]) for i in range(n // 8)])
    dicted = [SlottedWithDict(i, i) for i in range(200)]
    for i, one in enumerate(dicted):
        if i % 2:
            one.anything = i
        one.extra = one
    keep.append(dicted)
    keep.append([EmptySlots() for _ in range(100)] + [WeakOnly() for _ in range(100)])
    keep.append([IntSub(i * 10 ** 10) for i in range(100)] + [FloatSub(i) for i in range(100)])
    for i, one in enumerate(keep[-1][:100]):
        one.tag = "tag %d" % i
    keep.append([TupleSub((i, i)) for i in range(100)] + [TupleSlots((i,)) for i in range(100)] + [TupleSub()])
    for i, one in enumerate(keep[-1][:50]):
        one.tag = [i]
    keep.append([ListSub([i]) for i in range(100)] + [ListSlots([i] * i) for i in range(100)])
    keep[-1][150].mark = "marked"
    keep.append([DictSub(a=i) for i in range(100)] + [SetSub([i]) for i in range(100)] + [FrozenSub([i]) for i in range(50)])
    keep[-1][3].attribute = 1
    keep.append([DequeSub([i]) for i in range(50)] + [OrderedSub([(i, i)]) for i in range(50)])
    keep.append([Point(i, -i) for i in range(500)])
    keep.append([Outer.Inner(), Outer.Inner.Innermost([1, 2])])
    keep.append([WithMeta() for _ in range(50)])
    made = [Meta("Made%d" % i, (WithMeta,), {"number": i, "method": lambda self: self}) for i in range(60)]
    keep.append(made)
    keep.append([one() for one in made])
    keep.append([Overridden() for _ in range(10)])
    keep.append([type(str("Local%d" % i), (object,), {}) for i in range(100)])
    if PY2:
        keep.append([OldStyle(i) for i in range(300)] + [OldStyleChild(i) for i in range(300)])
    return keep


@skipping("modern")
def build_modern(n, rng):
    if not NEW:
        raise ImportError("syntax of Python 3")
    space = {"__name__": "oracle_modern"}
    module = types.ModuleType("oracle_modern")
    sys.modules["oracle_modern"] = module
    space = module.__dict__
    exec(MODERN, space)
    keep = [module, list(space["Colour"]), list(space["Flags"]), space["Flags"].A | space["Flags"].B]
    keep.append([space["Square"](i) for i in range(100)] + [space["Typed"](i) for i in range(100)])
    running = [space["coroutine"](i) for i in range(60)]
    for one in running[:40]:
        one.send(None)
    keep.append(running)
    generators = [space["agen"](i) for i in range(30)]
    pending = []
    for one in generators[:20]:
        step = one.asend(None)
        try:
            step.send(None)
        except StopIteration as stop:
            pending.append(stop.value)
    keep.append([generators, pending])
    loop = space["asyncio"].new_event_loop()

    def task_body():
        return space["asyncio"].sleep(3600)
    futures = [loop.create_future() for _ in range(20)]
    futures[0].set_result([1, 2])
    tasks = [loop.create_task(space["coroutine"](i)) for i in range(20)]
    keep.append([loop, futures, tasks])
    if sys.version_info >= (3, 7):
        exec(DATACLASS, space)
        keep.append([space["Record"](i, str(i), [i]) for i in range(100)])
        keep.append([space["Frozen"](i, 1.0) for i in range(100)])
        import contextvars
        var = contextvars.ContextVar("oracle_var", default=[])
        context = contextvars.copy_context()
        context.run(var.set, {"in": "context"})
        keep.append([var, context])
    if sys.version_info >= (3, 10):
        exec(SLOTTED_DATACLASS, space)
        keep.append([space["SlottedRecord"](i, "s") for i in range(100)])
        keep.append(int | str | None)
    if sys.version_info >= (3, 9):
        keep.append([list[int], dict[str, list[int]], type(list[int])])
    if sys.version_info >= (3, 11):
        exec(GROUPS, space)
        keep.append(space["group"]())
    if sys.version_info >= (3, 12):
        exec(GENERICS, space)
        keep.append([space["Box"](i) for i in range(50)] + [space["Pair"]])
    if sys.version_info >= (3, 14):
        exec(TEMPLATE, space)
        keep.append([space["template"]("name", i) for i in range(20)])
    return keep


@skipping("code")
def build_code(n, rng):
    def make(i):
        held = ["closure %d" % i]

        def inner(a, b=i, *rest, **more):
            return held, a, b, rest, more, make
        inner.attribute = i
        return inner
    keep = [[make(i) for i in range(300)]]
    keep.append([lambda x, i=i: x + i for i in range(100)])
    keep.append([functools.partial(make, i) for i in range(50)])
    keep.append([functools.partial(make, i, key=i) for i in range(50)])
    keep.append([Plain(i).__init__ for i in range(50)])
    keep.append([[].append for _ in range(50)] + ["x".join, {}.get, len, os.getpid])

    def generator(i):
        local = {"generator": i, "text": "local of generator %d" % i}
        for item in [local, i, "x" * 20]:
            yield item
    started = [generator(i) for i in range(100)]
    for one in started[:60]:
        next(one)
    keep.append(started)
    keep.append([(x for x in [i]) for i in range(30)])
    if NEW:
        @functools.lru_cache(maxsize=64)
        def cached(i, kind="k"):
            return [i, kind]
        for i in range(100):
            cached(i)
        cached("text", kind="other")
        keep.append(cached)

        @functools.singledispatch
        def single(x):
            return x
        single.register(int)(lambda x: -x)
        keep.append(single)
    keep.append([compile("def f%d(a, b=%d):\n  '''doc'''\n  x = %d\n  return [x, a, %r]\n" % (i, i, i * 1000, "constant %d" % i),
                         "made-%d.py" % i, "exec") for i in range(100)])
    space = {}
    for code in keep[-1]:
        exec(code, space)
    for name in sorted(space)[:40]:
        if name.startswith("f"):
            for _ in range(60):
                space[name](1)     # warm: specialised, opcache
    keep.append(space)
    keep.append(ast.parse("def f(a):\n  return a + 1\nclass C: pass\n" * 20))
    keep.append([itertools.chain([1], [2]), itertools.product("ab", [1, 2]), itertools.permutations([1, 2, 3]),
                 itertools.combinations("abc", 2), itertools.count(10 ** 12), itertools.cycle([1, 2]), itertools.repeat(5),
                 itertools.islice([1, 2], 1), itertools.tee(iter([1, 2, 3])), itertools.groupby([1, 1, 2]),
                 itertools.combinations_with_replacement("abc", 2), itertools.starmap(max, [(1, 2)])])
    for one in (keep[-1][1], keep[-1][2], keep[-1][3], keep[-1][5]):
        next(one)
    keep.append([operator.itemgetter(1, "a"), operator.attrgetter("a.b", "c"), operator.methodcaller("m", 1, k=2)])
    keep.append([property(lambda s: s), classmethod(make), staticmethod(make), super(ListSub, ListSub())])
    return keep


@skipping("exceptions")
def build_exceptions(n, rng):
    keep = []

    def deep(level, local):
        if level == 0:
            raise ExcSub("raised at the bottom", local)
        deep(level - 1, [local])
    for i in range(20):
        try:
            deep(i, "frame local %d" % i)
        except ExcSub as error:
            keep.append((error, sys.exc_info()[2]))
    if NEW:
        try:
            try:
                {}["missing"]
            except KeyError as cause:
                raise ValueError("outer", cause)
        except ValueError as error:
            keep.append(error)
    for text in ("1 +", "f(", "'"):
        try:
            compile(text, "bad.py", "exec")
        except SyntaxError as error:
            keep.append(error)
    try:
        open("/nonexistent/file")
    except (IOError, OSError) as error:
        keep.append(error)
    try:
        u"\u4e2d".encode("ascii")
    except UnicodeError as error:
        keep.append(error)
    try:
        b"\xff".decode("utf-8")
    except UnicodeError as error:
        keep.append(error)
    keep.append([StopIteration([1]), SystemExit(3), KeyboardInterrupt(), MemoryError(), ImportError("x"), AttributeError("a")])
    if PY2:
        sys.exc_clear()
    return keep


@skipping("weak")
def build_weak(n, rng):
    targets = [Plain(i) for i in range(300)]
    calls = []
    keep = [targets, calls]
    keep.append([weakref.ref(one) for one in targets[:100]])
    keep.append([weakref.ref(one, calls.append) for one in targets[:200]])
    keep.append([weakref.proxy(one) for one in targets[100:150]])
    keep.append(weakref.WeakValueDictionary((i, one) for i, one in enumerate(targets)))
    keep.append(weakref.WeakKeyDictionary((one, i) for i, one in enumerate(targets[:50])))
    keep.append(weakref.WeakSet(targets[50:100]))
    gone = Plain(-1)
    keep.append([weakref.ref(gone), weakref.proxy(gone)])
    keep.append([weakref.ref(WeakOnly) for _ in range(2)])
    if NEW:
        keep.append([weakref.WeakMethod(one.__init__) for one in targets[:20]])
        keep.append([weakref.finalize(one, print, "x") for one in targets[:20]])
    return keep


@skipping("ctypes")
def build_ctypes(n, rng):
    class Pair(ctypes.Structure):
        _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double), ("next", ctypes.c_void_p)]

    class Both(ctypes.Union):
        _fields_ = [("pair", Pair), ("raw", ctypes.c_char * 64)]
    keep = [Pair, Both]
    keep.append([Pair(i, i / 2.0) for i in range(100)] + [Both() for _ in range(20)])
    keep.append([(Pair * 10)() for _ in range(20)] + [ctypes.create_string_buffer(size) for size in (1, 100, 600, 9000, 200000)])
    pairs = keep[-2][:20]
    keep.append([ctypes.pointer(one) for one in pairs] + [ctypes.byref(one) for one in pairs])
    keep.append([ctypes.c_long(i) for i in range(50)] + [ctypes.c_char_p(b"text"), ctypes.py_object([1, 2])])
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    keep.append([prototype(lambda x, i=i: x + i) for i in range(5)])
    keep.append([pairs[0].__class__, libc.strlen, libc.getpid])
    return keep


@skipping("numbers")
def build_numbers(n, rng):
    keep = [[decimal.Decimal("1.%d" % (i ** 3)) for i in range(200)], [decimal.Decimal(7) ** i for i in range(1, 200, 9)],
            [fractions.Fraction(i, 7) for i in range(100)], decimal.Context(prec=50), decimal.getcontext()]
    keep.append([datetime.date(2000 + i % 30, 1, 1) for i in range(50)])
    keep.append([datetime.datetime(2000, 1, 1, i % 24, microsecond=i) for i in range(50)])
    keep.append([datetime.timedelta(i, i) for i in range(50)] + [datetime.time(1, 2, 3)])
    if NEW:
        zone = datetime.timezone(datetime.timedelta(hours=2), "name")
        keep.append([datetime.datetime(2000, 1, 1, tzinfo=zone), datetime.time(1, tzinfo=zone), zone])
    keep.append([random.Random(i) for i in range(5)])
    keep.append([struct.Struct(fmt) for fmt in ("<IQ", "10s3d", ">hhhh", "P")])
    return keep


@skipping("sqlite")
def build_sqlite(n, rng):
    import sqlite3
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("create table t (a integer, b text, c blob)")
    connection.executemany("insert into t values (?, ?, ?)", [(i, "row %d" % i, b"blob" * (i % 9)) for i in range(n // 10)])
    connection.create_function("twice", 1, lambda x: 2 * x)
    cursor = connection.execute("select a, b, c, twice(a) from t order by a")
    rows = [cursor.fetchone() for _ in range(50)]
    other = connection.cursor()
    other.execute("select count(*) from t")
    return [connection, cursor, rows, other]


@skipping("re")
def build_re(n, rng):
    patterns = [re.compile(text) for text in (r"(?P<word>\w+)-(?P<number>\d+)", r"a|b|c", r"^x*$", u"\u4e2d+")]
    return [patterns, [patterns[0].match("word-123"), patterns[0].search("  ab-9 ")], patterns[0].scanner("a-1 b-2"),
            patterns[0].finditer("a-1 b-2")]


@skipping("xml")
def build_xml(n, rng):
    import xml.etree.ElementTree as tree
    if PY2:
        import xml.etree.cElementTree as tree
    root = tree.fromstring("<root a='1'>" + "".join(
        "<item id='%d'><name>n%d</name>tail<b/><c/><d/><e/><f/></item>" % (i, i) for i in range(200)) + "</root>")
    parser = tree.XMLParser()
    parser.feed("<unfinished><inner>text")
    import xml.parsers.expat
    expat = xml.parsers.expat.ParserCreate()
    expat.StartElementHandler = lambda *a: None
    return [root, parser, expat, tree.TreeBuilder(), list(root.iter())[:20]]


@skipping("io")
def build_io(n, rng):
    import tempfile
    keep = [io.BytesIO(b"bytes io" * 100), io.StringIO(u"string io" * 100)]
    grown = io.BytesIO()
    for i in range(500):
        grown.write(b"grown %d" % i if NEW or PY2 else b"")
    keep.append(grown)
    joined = io.StringIO()
    for i in range(500):
        joined.write(u"part %d" % i)     # still a list of parts inside
    keep.append(joined)
    keep.append(memoryview(io.BytesIO(b"exported").getvalue()))
    if NEW:
        keep.append(io.BytesIO(b"exported buffer").getbuffer())
    name = tempfile.mktemp()
    stream = open(name, "wb+")
    stream.write(b"line one\nline two\n" * 500)
    stream.flush()
    keep.append([stream, open(name), open(name, "rb", 0), io.open(name, encoding="utf-8"), io.open(name, "rb")])
    keep[-1][1].readline()
    keep[-1][3].readline()
    keep[-1][4].read(3)
    os.unlink(name)
    keep.append([zlib.compressobj(), zlib.decompressobj(), zlib.compressobj(9)])
    keep[-1][0].compress(b"some data" * 1000)
    keep[-1][1].decompress(zlib.compress(b"some data") + b"tail that stays unused")
    keep.append([socket.socketpair()])
    keep.append(mmap.mmap(-1, 65536))
    keep.append(mmap.mmap(-1, 3 * 65536))
    keep.append([os.stat("/"), time.localtime(0), os.times()])
    try:
        import hashlib
        keep.append([hashlib.md5(b"x"), hashlib.sha256(b"y")])
    except (ImportError, ValueError) as error:
        NOTES["skipped"]["hashlib"] = str(error)
    import bz2
    keep.append([bz2.BZ2Compressor(), bz2.BZ2Decompressor()])
    if NEW:
        import lzma
        keep.append(lzma.LZMADecompressor())
    return keep


@skipping("pickle")
def build_pickle(n, rng):
    if not NEW:
        import cPickle
        import cStringIO
        pickler = cPickle.Pickler(cStringIO.StringIO(), 2)
        pickler.dump([1, 2, {"a": Point(1, 2)}])
        return [pickler, cPickle.dumps([1, 2, {"a": 1}])]
    import pickle
    import queue
    out = io.BytesIO()
    pickler = pickle.Pickler(out)
    pickler.dump([Point(1, 2), {"a": [1]}])
    reader = pickle.Unpickler(io.BytesIO(out.getvalue()))
    loaded = reader.load()
    simple = queue.SimpleQueue() if hasattr(queue, "SimpleQueue") else queue.Queue()
    for i in range(20):
        simple.put(["queued", i])
    other = queue.PriorityQueue()
    other.put((1, "one"))
    return [pickler, reader, loaded, simple, other]


@skipping("cycles")
def build_cycles(n, rng):
    keep = []
    for i in range(200):
        a, b = Plain(i), Plain(-i)
        a.others, b.others = b, a
        keep.append(a)
    for i in range(100):            # garbage: unreachable, not collected because the collector is off
        a, b = Plain(i), [i]
        a.others = b
        b.append(a)
    return keep


@skipping("holes")
def build_holes(n, rng):
    """Freed blocks between live ones, in both allocators and of every size class."""
    keep, drop = [], []
    for i in range(n):
        size = rng.choice((8, 24, 40, 100, 200, 350, 470, 600, 1100, 3000))
        block = bytearray(size)
        (keep if rng.random() < .4 else drop).append(block)
        if rng.random() < .3:
            drop.append([None] * (size // 8))
        if rng.random() < .05:
            drop.append({str(i): float(i)})
    big = [bytearray(200000 + i * 10000) for i in range(12)]
    keep.append(big[::2])
    del big
    del drop
    return keep


@skipping("native")
def build_native(n, rng):
    """Blocks that the program gets from malloc itself; their list is part of the truth."""
    malloc, free = libc.malloc, libc.free
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    live = array.array("Q" if NEW else "L")
    dead = []
    for i in range(4000):
        size = rng.choice((0, 1, 8, 24, 25, 40, 100, 128, 500, 1000, 1032, 1040, 4000, 20000))
        if i % 500 == 499:
            size = rng.choice((140000, 300000, 1500000))
        pointer = malloc(size)
        ctypes.memset(pointer, 0xA5, size)
        if rng.random() < .35:
            dead.append(pointer)
        else:
            live.append(pointer)
    for pointer in dead:
        free(pointer)
    aligned = libc.memalign
    aligned.restype, aligned.argtypes = ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]
    for i in range(60):
        live.append(aligned(rng.choice((64, 256, 4096)), rng.choice((50, 500, 5000, 200000 if i % 20 == 0 else 300))))
    POINTERS.append(live)
    return [live]
