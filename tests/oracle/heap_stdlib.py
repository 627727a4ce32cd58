"""Builders of the objects that the standard library's C modules make, one a module or two; see heap.py.

Every type that a rule of heapparse/python/types names should have an instance here or there, in each state
that its rule tells apart. Nothing built here runs by itself, and nothing is left to the clock."""
from __future__ import print_function

import ast
import ctypes
import io
import os
import re
import struct
import sys
import tempfile
import time
import weakref

from heap_kinds import *  # noqa: F401,F403
from heap_kinds import CONFIG, NEW, NOTES, PY2, Plain, libc


def part(name):
    """Decorator: a builder of one module's objects; what an interpreter does not have is noted by name."""
    def wrap(function):
        def build(n, rng):
            keep = []
            for one in function(n, rng):
                keep.append(one)
            return keep
        build.feature = name
        CONFIG["features"].append(build)
        return build
    return wrap


def attempt(name, make):
    """What make() gives; nothing, and a note, where this interpreter has no such thing."""
    try:
        return make()
    except (ImportError, AttributeError, ValueError, TypeError, OSError, LookupError, NotImplementedError) as error:
        NOTES["skipped"][name] = str(error)
        return None


class Reader(io.RawIOBase):
    """A raw stream written in Python, with attributes of its own."""

    def __init__(self, data):
        self.data = data
        self.held = [data]

    def readable(self):
        return True

    def readinto(self, into):
        part, self.data = self.data[:len(into)], self.data[len(into):]
        into[:len(part)] = part
        return len(part)


class Writer(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        return len(data)


class BytesStream(io.BytesIO):
    pass


class TextStream(io.StringIO):
    pass


@part("streams")
def build_streams(n, rng):
    data = b"line of bytes\nanother\n" * 300
    yield [io.BufferedReader(Reader(data)), io.BufferedWriter(Writer()), io.BufferedRWPair(Reader(data), Writer())]
    buffered = io.BufferedReader(Reader(data), 700)
    buffered.read(10)
    writer = io.BufferedWriter(Writer(), 5000)
    writer.write(b"pending " * 10)
    yield [buffered, writer]
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    text.readline()
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="replace", newline="\r\n", line_buffering=False)
    out.write(u"pending text that nobody flushed, longer than one word")
    two = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    two.write(u"one pending ")
    two.write(u"two pending \u4e2d")
    yield [text, out, two]
    yield [io.IncrementalNewlineDecoder(None, True), io.IncrementalNewlineDecoder(text, False, "replace")]
    stream = BytesStream(b"subclass")
    stream.attribute = [1]
    other = TextStream(u"subclass \u4e2d")
    other.attribute = [2]
    yield [stream, other, io.BytesIO(), io.StringIO(), io.StringIO(newline=None), io.StringIO(u"a\r\nb", newline="")]
    plain = io.BytesIO(b"with attributes")
    yield [plain, weakref.ref(plain)]
    joined = io.StringIO()
    for _ in range(40):
        joined.write(u"part ")
    joined.read()
    read = io.StringIO(u"seek in text" * 30)
    read.seek(5)
    read.write(u"overwritten")
    yield [joined, read]
    shared = io.BytesIO(b"shared with the caller" * 10)
    yield [shared, shared.getvalue()]
    closed = io.BytesIO(b"closed")
    closed.close()
    gone = io.StringIO(u"closed")
    gone.close()
    yield [closed, gone]
    handle, name = tempfile.mkstemp()
    os.write(handle, data)
    yield [io.FileIO(name), io.open(name, "r+b"), io.open(name, "rb", buffering=0), io.open(name, encoding="ascii")]
    os.close(handle)
    os.unlink(name)
    if NEW:
        exported = io.BytesIO(b"exported " * 20)
        yield [exported, exported.getbuffer()]
        yield os.scandir("/")
        with os.scandir("/etc") as entries:
            kept = sorted(entries, key=lambda one: one.name)[:4]
        for one in kept[:2]:
            one.stat()
            one.stat(follow_symlinks=False)
        yield kept
    else:
        import cStringIO
        old = cStringIO.StringIO()
        old.write("written to memory " * 50)
        yield [old, cStringIO.StringIO("read from memory"), cStringIO.StringIO(bytearray(b"of an object"))]
        plain = os.tmpfile()
        plain.write("first line\nsecond line\n")
        plain.seek(0)
        plain.readline()
        next(plain)
        yield plain


@part("json and csv")
def build_json(n, rng):
    import csv
    import json
    decoder = json.JSONDecoder(object_hook=dict, parse_int=str)
    yield [decoder, json.JSONDecoder(), decoder.scan_once]
    encoder = attempt("json", lambda: json.encoder.c_make_encoder)
    if encoder:
        if sys.version_info < (3,):
            yield encoder({}, repr, repr, None, ":", ",", True, False, True)
            yield encoder(None, repr, repr, None, ":", ",", False, False, True)
        else:
            yield encoder({}, repr, json.encoder.encode_basestring, None, ": ", ", ", True, False, True)
            yield encoder(None, repr, str, None, ":", ",", False, True, True)
    lines = ["a,b,c\n", "1,\"two\nlines\",3\n", "4,5,6\n"]
    reader = csv.reader(iter(lines), delimiter=";")
    next(reader)
    csv.register_dialect("oracle", delimiter="|", lineterminator="\n--\n")
    output = io.StringIO() if NEW else io.BytesIO()
    writer = csv.writer(output, "oracle")
    writer.writerow(["a", "long field " * 5])
    yield [reader, writer, csv.get_dialect("oracle"), csv.DictReader(iter(lines)), csv.writer(output)]


@part("patterns")
def build_patterns(n, rng):
    wide = re.compile(u"(\u4e2d+)|(?P<tail>x*)")
    yield [wide, wide.match(u"\u4e2d\u4e2d"), re.compile(b"bytes (?P<n>[0-9]+)"), re.compile("(a)(b)(c)").match("abc")]
    touched = re.compile("(?P<one>a)(?P<two>b)?").match("a")
    touched.regs
    touched.groupdict()
    yield [touched, re.match("m", "m")]
    scanner = re.compile("[a-z]+").scanner("words in a scanner")
    scanner.match()
    spent = re.compile("(a)|b").scanner("b")
    spent.search()
    spent.search()
    yield [scanner, spent, re.compile(b"x+").scanner(bytearray(b"xx")), re.finditer("(.)(.)", "pairs")]
    yield [re.sub("(a)(b)", r"<\2--\1>", "abab"), re.compile("x(y)z").sub(r"\1-\g<1>", "xyz")]
    if sys.version_info >= (3, 12):
        import _sre
        yield [_sre.template(re.compile("(a)(b)"), ["begin", 2, "middle", 1, ""]), _sre.template(wide, ["only literal"])]


@part("struct")
def build_struct(n, rng):
    yield [struct.Struct(one) for one in ("", "x", "<bbb", "@100s", "iiiiPPP", ">2h3x4q", "5i")]
    if NEW:
        data = b"\0" * 64
        yield [struct.iter_unpack("<I", data), struct.iter_unpack("hh", bytearray(data)), struct.Struct("q").iter_unpack(data)]
        half = struct.iter_unpack("<Q", bytes(bytearray(range(16))))
        next(half)
        ended = struct.iter_unpack("<Q", data)
        list(ended)
        yield [half, ended]
    yield [os.stat("/"), os.statvfs("/"), time.gmtime(10 ** 9), sys.version_info, sys.flags, sys.float_info]
    import grp
    import pwd
    import resource
    yield [pwd.getpwall()[:3], grp.getgrall()[:3], resource.getrusage(resource.RUSAGE_SELF)]


@part("picklers")
def build_picklers(n, rng):
    if PY2:
        import cPickle
        memory = cPickle.Pickler(2)                      # a list pickler
        memory.dump([Plain(1), "text"])
        named = cPickle.Pickler(open("/dev/null", "wb"), 2)
        named.persistent_id = lambda o: None
        named.dump(["to a file", {1: 2}])
        named.fast = 1
        reader = cPickle.Unpickler(io.BytesIO(cPickle.dumps(["read", {1: [2]}], 2)))
        reader.load()
        import StringIO
        old = cPickle.Unpickler(StringIO.StringIO(cPickle.dumps(["read", {1: [2]}])))
        old.persistent_load = lambda key: key
        old.load()
        import cStringIO
        yield [memory, named, reader, old, cPickle.Unpickler(cStringIO.StringIO("")), cPickle.Unpickler(open("/dev/null"))]
        return
    import pickle

    class WithTable(pickle.Pickler):
        dispatch_table = {complex: lambda z: (complex, (z.real, z.imag))}

        def persistent_id(self, o):
            return None

    class Loading(pickle.Unpickler):
        def persistent_load(self, key):
            return key
    big = pickle.Pickler(io.BytesIO())
    big.dump([[str(i), [i]] for i in range(500)])
    fresh = pickle.Pickler(io.BytesIO(), 0)
    table = WithTable(io.BytesIO())
    table.dump([1j, [2]])
    fast = pickle.Pickler(io.BytesIO())
    fast.fast = True
    fast.dump([[1], [2]])
    yield [big, fresh, table, fast, big.memo]
    cleared = pickle.Pickler(io.BytesIO())
    cleared.dump([[1], "two"])
    cleared.clear_memo()
    yield cleared
    data = pickle.dumps([[str(i), [i]] for i in range(300)])
    loaded = pickle.Unpickler(io.BytesIO(data))
    loaded.load()
    named = Loading(io.BytesIO(data), encoding="latin-1", errors="replace")
    named.load()
    untouched = pickle.Unpickler(io.BytesIO(data))
    yield [loaded, named, untouched, loaded.memo, loaded.memo.copy()]
    if sys.version_info >= (3, 8):
        buffer = pickle.PickleBuffer(bytearray(100))
        released = pickle.PickleBuffer(b"released")
        released.release()
        outside = []
        out = pickle.Pickler(io.BytesIO(), 5, buffer_callback=outside.append)
        out.dump(pickle.PickleBuffer(b"outside" * 10))
        again = pickle.Unpickler(io.BytesIO(data), buffers=[b"one"])
        yield [buffer, released, out, outside, again]


@part("trees")
def build_trees(n, rng):
    import xml.etree.ElementTree as tree
    if PY2:
        import xml.etree.cElementTree as tree
    import xml.parsers.expat as expat
    root = tree.Element("root")
    for i in range(12):
        tree.SubElement(root, "child", {"n": str(i)} if i % 2 else {}).text = "text %d" % i
    bare, holder = tree.Element("bare"), tree.Element("holder", a="1")
    bare.tail = "tail"
    emptied = tree.Element("emptied")
    emptied.append(bare)
    emptied.remove(bare)
    yield [root, bare, holder, emptied, tree.Element("four")]
    if NEW:
        walk = root.iter("child")
        next(walk)
        yield [walk, root.itertext(), root.iter()]
        events = tree.XMLPullParser(["start", "end", "start-ns", "end-ns"])
        events.feed("<a xmlns='u'><b>text</b>")
        yield events
    builder = tree.TreeBuilder()
    builder.start("open", {})
    builder.data("one")
    builder.data("two")
    builder.start("inner", {})
    yield builder
    joined = tree.fromstring("<a>one&amp;two<b/>tail&lt;tail</a>")
    yield [joined, tree.ElementTree(root)]

    class Target(object):
        def start(self, tag, attributes):
            self.seen = tag

        def end(self, tag):
            pass

        def data(self, data):
            pass

        def close(self):
            return None
    parser = tree.XMLParser(target=Target())
    parser.feed("<doc><part>")
    yield parser
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: None
    parser.CharacterDataHandler = lambda text: None
    parser.Parse("<doc>text", False)
    inner = expat.ParserCreate()
    inner.ExternalEntityRefHandler = lambda *args: 1
    child = inner.ExternalEntityParserCreate("")
    yield [parser, inner, child]


@part("databases")
def build_databases(n, rng):
    import sqlite3

    class Total(object):
        def __init__(self):
            self.sum = 0

        def step(self, value):
            self.sum += value

        def finalize(self):
            return self.sum
    connection = sqlite3.connect(":memory:", isolation_level="DEFERRED")
    connection.execute("create table b (n integer, t text)")
    connection.executemany("insert into b values (?, ?)", [(i, "t%d" % i) for i in range(50)])
    connection.create_aggregate("total_of", 1, Total)
    connection.create_collation("backwards", lambda a, b: (a < b) - (a > b))
    connection.set_authorizer(lambda *args: sqlite3.SQLITE_OK)
    connection.set_progress_handler(lambda: 0, 100000)
    connection.text_factory = bytes
    if NEW:
        connection.set_trace_callback(lambda text: None)
    cursor = connection.execute("select n, t from b where n > ?", (10,))
    cursor.row_factory = sqlite3.Row
    rows = [cursor.fetchone(), cursor.fetchone()]
    done = connection.execute("select total_of(n) from b")
    done.fetchall()
    for i in range(5):
        connection.execute("select n + %d from b" % i).fetchone()
    plain = sqlite3.connect(":memory:", isolation_level=None)
    inserted = connection.execute("insert into b values (1, 'x')")
    yield [connection, cursor, rows, done, plain, inserted, plain.cursor()]
    if sys.version_info >= (3, 11):
        plain.execute("create table c (b blob)")
        plain.execute("insert into c values (zeroblob(100))")
        yield plain.blobopen("c", "b", 1)
    closed = sqlite3.connect(":memory:")
    used = closed.cursor()
    closed.close()
    yield [closed, used]


@part("foreign")
def build_foreign(n, rng):
    class Node(ctypes.Structure):
        pass
    Node._fields_ = [("value", ctypes.c_int), ("next", ctypes.POINTER(Node)), ("name", ctypes.c_char_p), ("bits", ctypes.c_int, 3)]

    class Packed(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("a", ctypes.c_char), ("b", ctypes.c_longlong)]
        if sys.version_info >= (3, 14):
            _layout_ = "ms"

    class Big(ctypes.BigEndianStructure):
        _fields_ = [("n", ctypes.c_uint32)]

    class Outer(ctypes.Structure):
        _anonymous_ = ["inner"]
        _fields_ = [("inner", Node), ("array", ctypes.c_short * 5), ("any", ctypes.py_object)]

    class Child(Outer):
        _fields_ = [("more", ctypes.c_double * 4)]
    first, second = Node(1), Node(2)
    first.next = ctypes.pointer(second)
    first.name = b"kept alive"
    outer = Outer()
    outer.any = [1, 2]
    outer.next = ctypes.pointer(first)
    child = Child()
    child.more[1] = 2.0
    yield [Node, Packed, Big, Outer, Child, first, second, outer, outer.inner, outer.array, child, child.more, Packed(b"x", 2), Big(7)]
    matrix = ((ctypes.c_int * 3) * 4)()
    strings = (ctypes.c_char_p * 3)(b"one", b"two")
    objects = (ctypes.py_object * 3)([1], {}, "three")
    yield [matrix, matrix[2], strings, objects, (ctypes.c_wchar * 20)(), ctypes.create_unicode_buffer(30)]
    pointer = ctypes.cast(matrix, ctypes.POINTER(ctypes.c_int))
    yield [pointer, ctypes.cast(b"text of bytes", ctypes.c_void_p), ctypes.POINTER(Node)(), pointer.contents]
    backing = bytearray(100)
    yield [Node.from_buffer(backing), Packed.from_buffer_copy(bytes(backing)), ctypes.c_int.from_address(id(backing)), Node.value, Node.bits]
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    callback = compare(lambda a, b: a[0] - b[0])
    held = Outer()

    class WithCallback(ctypes.Structure):
        _fields_ = [("call", compare)]
    called = WithCallback(callback)
    yield [compare, callback, called, held, called.call]
    check = libc.abs
    check.argtypes = [ctypes.c_int]
    check.restype = ctypes.c_long
    check.errcheck = lambda result, function, arguments: result
    named = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(("abs", libc), ((1, "n", 3),))
    yield [check, named, ctypes.pythonapi.PyLong_AsLong if NEW else libc.labs]
    yield [ctypes.c_int.from_param(3), ctypes.c_char_p.from_param(b"text"), ctypes.byref(first, 4), ctypes.c_void_p.from_param(None)]
    if sys.version_info >= (3, 8):
        yield Outer.from_param(outer)
    yield [ctypes.c_bool(1), ctypes.c_wchar_p(u"wide"), ctypes.c_longdouble(1), ctypes.py_object(Node), ctypes.c_void_p()]


@part("syntax")
def build_syntax(n, rng):
    import symtable
    table = symtable.symtable("import a\ndef f(x, *y):\n  global z\n  def g():\n    return x\n  return [q for q in g]\nclass C:\n  __a = 1\n",
                              "made.py", "exec")
    yield [table, table.get_children()]
    yield ast.parse("x: int = [lambda a, *b: (a, 'text', 1.5, b'q', None)]\nfor i in x:\n  with i as j: raise j\n" if NEW else
                    "x = [lambda a, *b: (a, 'text', 1.5, None)]\nfor i in x:\n  with i as j: raise j\n")
    node = ast.Name("name", ast.Load())
    node.extra = [1]
    yield [node, ast.Pass()]
    if sys.version_info >= (3, 12):
        import tokenize
        yield tokenize._generate_tokens_from_c_tokenizer(iter(["x = 1\n", "y = [\n"]).__next__)
    if sys.version_info >= (3, 13):
        made = attempt("_testinternalcapi", lambda: __import__("_testinternalcapi").new_instruction_sequence())
        if made is not None:
            made.use_label(made.new_label())
            made.addop(1, 2, 3, 4, 5, 6)
        yield made


@part("zones")
def build_zones(n, rng):
    import zoneinfo
    import struct as packing
    import datetime

    def zone_file(footer):
        times = list(range(0, 10 ** 9, 10 ** 8))
        kinds = [(0, 0, 0), (3600, 0, 4), (7200, 1, 8)]
        names = b"UTC\0ONE\0TWO\0"
        head = b"TZif2" + b"\0" * 15
        block = b"".join(packing.pack(">l", t) for t in times)
        wide = b"".join(packing.pack(">q", t) for t in times)
        rest = bytes(bytearray([i % 3 for i in range(len(times))])) + b"".join(packing.pack(">lbb", *k) for k in kinds) + names
        counts = packing.pack(">6l", 0, 0, 0, len(times), len(kinds), len(names))
        return head + counts + block + rest + head + counts + wide + rest + b"\n" + footer + b"\n"
    rules = zoneinfo.ZoneInfo.from_file(io.BytesIO(zone_file(b"ONE-1TWO,M3.5.0,M10.5.0/3")), key="Made/Rules")
    fixed = zoneinfo.ZoneInfo.from_file(io.BytesIO(zone_file(b"UTC0")))
    bare = zoneinfo.ZoneInfo.from_file(io.BytesIO(zone_file(b"")), key="Made/Bare")
    moment = datetime.datetime(2030, 7, 1, tzinfo=rules)
    yield [rules, fixed, bare, moment, moment.utcoffset(), attempt("zoneinfo", lambda: zoneinfo.ZoneInfo("UTC"))]


@part("observers")
def build_observers(n, rng):
    import _lsprof
    profiler = _lsprof.Profiler()
    timed = _lsprof.Profiler(lambda: 0, 1.0)

    def leaf(i):
        return i

    def busy():
        return [leaf(i) for i in range(5)] + [len("a"), sorted([2, 1])]
    profiler.enable(True, True)
    busy()
    profiler.disable()
    yield [profiler, timed]
    import abc
    if sys.version_info >= (3, 7):
        class Base(metaclass_call(abc.ABCMeta)):
            pass

        class Registered(object):
            pass
        Base.register(Registered)
        isinstance(1, Base)
        isinstance(Registered(), Base)
        yield [Base, Base._abc_impl]


def metaclass_call(metaclass):
    """A base class made by `metaclass`, in the syntax of all versions."""
    return metaclass("MadeBase", (object,), {})


@part("codecs")
def build_codecs(n, rng):
    import codecs
    import unicodedata
    kept = []
    for name in ("shift_jis", "gb18030", "euc_kr"):
        codec = codecs.lookup(name)
        decoder = codec.incrementaldecoder("strict")
        decoder.decode(b"\x82")
        encoder = codec.incrementalencoder("xmlcharrefreplace")
        encoder.encode(u"\u4e2d")
        kept += [codec, decoder, encoder, codec.streamreader(io.BytesIO(b"abc"), "replace"), codec.streamwriter(io.BytesIO()),
                 codec.encode.__self__]
    yield [kept, unicodedata.ucd_3_2_0]
    formatter = u"a{0.b[c]!r:>{width}}d{{}}"
    if NEW:
        import _string
        pieces, fields = _string.formatter_parser(formatter), _string.formatter_field_name_split("a.b[c]")[1]
        yield [pieces, fields, codecs.charmap_build(u"".join(chr(i) for i in range(256)))]
    else:
        yield [formatter._formatter_parser(), u"a.b[c]"._formatter_field_name_split()[1],
               codecs.charmap_build(u"".join(unichr(i) for i in range(256)))]
    import zipimport
    handle, name = tempfile.mkstemp(suffix=".zip")
    os.close(handle)
    import zipfile
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("packed.py", "x = 1\n")
    yield zipimport.zipimporter(name)
    os.unlink(name)
