"""Runs inside any interpreter, 2.7 to the newest, and prints what it says about its own structs, as JSON.

For each type that the tables have a group for: basicsize, dictoffset, weakrefoffset, and the offsets of its member
descriptors. Nothing here knows an offset but the few of the member definitions themselves.
"""

import json
import struct
import sys

TYPES = {
    "object": "object", "type": "type", "long_int": "(2**80).__class__", "float_object": "float", "complex_object": "complex",
    "bytearray": "bytearray", "tuple": "tuple", "list": "list", "dict": "dict", "set": "set", "frozendict": "frozendict",
    "function": "(lambda: 0).__class__", "code": "(lambda: 0).__code__.__class__", "frame": "sys._getframe().__class__",
    "generator": "(i for i in ()).__class__", "coroutine": "types.CoroutineType", "async_generator": "types.AsyncGeneratorType",
    "cell": "(lambda x: lambda: x)(0).__closure__[0].__class__", "method": "Probe().method.__class__", "module": "sys.__class__",
    "weakref": "weakref.ref", "memoryview": "memoryview", "property": "property",
    "classmethod": "classmethod", "staticmethod": "staticmethod", "method_descriptor": "list.append.__class__",
    "member_descriptor": "Slots.x.__class__", "getset_descriptor": "type.__dict__['__dict__'].__class__",
    "wrapper_descriptor": "object.__str__.__class__ if sys.version_info[0] > 2 else int.__dict__['__add__'].__class__",
    "wrapper": "(1).__add__.__class__", "cfunction": "len.__class__", "mappingproxy": "type.__dict__['__dict__'].__get__(int).__class__",
    "super": "super", "capsule": "capsule()", "file_object": "file", "base_exception": "BaseException",
    "exception_group": "BaseExceptionGroup", "traceback": "tb.__class__", "namespace_object": "types.SimpleNamespace",
    "deque": "collections.deque", "odict": "collections.OrderedDict if sys.version_info[0] > 2 else None", "defaultdict": "collections.defaultdict",
    "lru_cache": "functools.lru_cache(None)(len).__class__", "partial": "functools.partial", "cmp_key": "functools.cmp_to_key(len).__class__ if sys.version_info[0] > 2 else None",
    "array": "array.array", "bytesio": "io.BytesIO", "stringio": "io.StringIO", "buffered": "io.BufferedReader",
    "textio": "io.TextIOWrapper", "fileio": "io.FileIO", "simple_queue": "_queue.SimpleQueue", "chain": "itertools.chain",
    "count": "itertools.count", "cycle": "itertools.cycle", "tee": "itertools.tee([])[0].__class__", "groupby": "itertools.groupby",
    "islice": "itertools.islice", "product": "itertools.product", "combinations": "itertools.combinations",
    "permutations": "itertools.permutations", "repeat": "itertools.repeat", "accumulate": "itertools.accumulate",
    "starmap": "itertools.starmap", "takewhile": "itertools.takewhile", "dropwhile": "itertools.dropwhile",
    "filterfalse": "getattr(itertools, 'filterfalse', None) or itertools.ifilterfalse", "compress": "itertools.compress",
    "zip_longest": "getattr(itertools, 'zip_longest', None) or itertools.izip_longest", "pairwise": "itertools.pairwise",
    "batched": "itertools.batched", "zip": "getattr(itertools, 'izip', zip)", "map": "getattr(itertools, 'imap', map)",
    "filter": "getattr(itertools, 'ifilter', filter)", "enumerate": "enumerate", "reversed": "reversed",
    "range": "globals()['__builtins__'].__dict__.get('xrange', range)", "slice": "slice",
    "range_iterator": "iter(globals()['__builtins__'].__dict__.get('xrange', range)(3)).__class__",
    "long_range_iterator": "iter(range(2**70, 2**70 + 3)).__class__ if sys.version_info[0] > 2 else None",
    "list_iterator": "iter([]).__class__", "list_reverse_iterator": "reversed([]).__class__", "tuple_iterator": "iter(()).__class__",
    "seq_iterator": "iter(Sequence()).__class__", "str_iterator": "iter('').__class__ if sys.version_info[0] > 2 else None",
    "bytes_iterator": "iter(b'').__class__ if sys.version_info[0] > 2 else None", "set_iterator": "iter(set()).__class__",
    "deque_iterator": "iter(collections.deque()).__class__", "array_iterator": "iter(array.array('b')).__class__",
    "callable_iterator": "iter(len, 1).__class__", "dict_view": "getattr({}, 'viewkeys', {}.keys)().__class__",
    "dict_iterator": "iter({}).__class__", "task": "_asyncio.Task", "future": "_asyncio.Future", "cdata": "_ctypes._SimpleCData",
    "decimal": "_decimal.Decimal", "struct_object": "struct.Struct", "pattern": "re.compile('').__class__",
    "match": "re.match('', '').__class__", "element": "_elementtree.Element('a').__class__", "date": "datetime.date",
    "time_delta": "datetime.timedelta", "time_zone": "datetime.timezone", "context": "_contextvars.Context",
    "context_var": "_contextvars.ContextVar", "context_token": "_contextvars.Token", "thread_locals": "_thread._local",
    "lock": "_thread.allocate_lock().__class__", "rlock": "_thread.RLock", "generic_alias": "types.GenericAlias",
    "union_type": "types.UnionType", "type_alias": "typing.TypeAliasType", "type_var": "_typing.TypeVar",
    "param_spec": "_typing.ParamSpec", "lazy_import": "types.LazyImportType", "template_string": "string.templatelib.Template",
    "interpolation": "string.templatelib.Interpolation", "pickler": "_pickle.Pickler", "unpickler": "_pickle.Unpickler", "mmap": "mmap.mmap",
    "ctypes_function": "_ctypes.CFuncPtr", "zlib_stream": "zlib.compressobj().__class__",
}


class Probe(object):
    def method(self):
        pass


class Slots(object):
    __slots__ = ("x",)


class Sequence(object):
    def __getitem__(self, index):
        raise IndexError(index)


def capsule():
    import datetime

    return type(datetime.datetime_CAPI)


def members_of(kind, ctypes, head):
    """name -> offset of the member descriptors, from the definitions they point to."""

    def word(address):
        return ctypes.c_size_t.from_address(address).value

    found = {}
    for name, descriptor in vars(kind).items():
        if type(descriptor) is not type(Slots.__dict__["x"]):
            continue
        definition = word(id(descriptor) + head + 24)  # behind type, name and (3.x) qualname
        if sys.version_info[0] == 2:
            definition = word(id(descriptor) + head + 16)
        found[name] = word(definition + 16)
    return found


def main():
    scope = dict(globals())
    for name in (
        "sys weakref types collections functools array io _queue itertools _asyncio _ctypes _decimal struct re _elementtree "
        "datetime _contextvars _thread typing _typing _pickle mmap zlib string.templatelib string"
    ).split():
        try:
            __import__(name)
            scope[name.split(".")[0]] = sys.modules[name.split(".")[0]]
        except ImportError:
            pass
    scope["_thread"] = scope.get("_thread") or __import__("thread")
    try:
        import ctypes
    except ImportError:
        ctypes = None
    try:
        raise ValueError
    except ValueError:
        scope["tb"] = sys.exc_info()[2]
    scope["__builtins__"] = sys.modules.get("builtins") or sys.modules["__builtin__"]
    head = object.__basicsize__
    result = {}
    for group, expression in TYPES.items():
        try:
            kind = eval(expression, scope)
        except Exception:
            continue
        if not isinstance(kind, type):
            continue
        entry = {
            "name": kind.__name__,
            "basicsize": kind.__basicsize__,
            "dictoffset": kind.__dictoffset__,
            "weakrefoffset": kind.__weakrefoffset__,
            "flags": kind.__flags__,
            "members": members_of(kind, ctypes, head) if ctypes else {},
        }
        result[group] = entry
    hexversion = sys.hexversion
    print(json.dumps({"hexversion": hexversion, "pointer": struct.calcsize("P"), "types": result}))


main()
