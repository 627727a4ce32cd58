"""Rows of a query as Python objects: a ctypes binding of the cursor of capi/coreheap.h."""

import ctypes

from .engine import OK, PARTIAL, Failure, Unavailable, _bytes, _text

_NONE, _TEXT, _INTEGER, _BYTES, _NUMBER, _ADDRESS, _BOOLEAN = range(7)
_POLL_MS = 20


class _Value(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("integer", ctypes.c_int64),
        ("address", ctypes.c_uint64),
        ("number", ctypes.c_double),
        ("text", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
    ]


_POINTER = ctypes.c_void_p
_FUNCTIONS = {
    "coreheap_query": (_POINTER, [_POINTER, ctypes.c_char_p]),
    "coreheap_rows": (_POINTER, [_POINTER]),
    "coreheap_cursor_size": (ctypes.c_uint64, [_POINTER]),
    "coreheap_cursor_columns": (ctypes.c_int, [_POINTER]),
    "coreheap_cursor_name": (ctypes.c_char_p, [_POINTER, ctypes.c_int]),
    "coreheap_cursor_type": (ctypes.c_int, [_POINTER, ctypes.c_int]),
    "coreheap_cursor_next": (ctypes.c_int, [_POINTER]),
    "coreheap_cursor_cell": (ctypes.c_int, [_POINTER, ctypes.c_int, ctypes.POINTER(_Value)]),
    "coreheap_cursor_free": (None, [_POINTER]),
}


class Row:
    """One row: cells by column name (`row["count()"]`), by number, or as attributes (`row.size`)."""

    __slots__ = ("_names", "_cells")

    def __init__(self, names, cells):
        self._names = names
        self._cells = cells

    def __getattr__(self, name):
        try:
            return self._cells[self._names[name]]
        except KeyError:
            raise AttributeError("no column is called %s: there is %s" % (name, ", ".join(self._names)))

    def __getitem__(self, key):
        return self._cells[self._names[key] if isinstance(key, str) else key]

    def __len__(self):
        return len(self._cells)

    def __iter__(self):
        return iter(self._cells)

    def keys(self):
        return list(self._names)

    def __repr__(self):
        return "Row(%s)" % ", ".join("%s=%r" % (name, self._cells[at]) for name, at in self._names.items())


class Rows:
    """The rows of a query, in their order; len() is how many there are."""

    def __init__(self, library, cursor):
        self._library = library
        self._cursor = cursor
        self.columns = [_text(library.coreheap_cursor_name(cursor, i))
                        for i in range(library.coreheap_cursor_columns(cursor))]
        self._names = {name: at for at, name in enumerate(self.columns)}
        self._size = library.coreheap_cursor_size(cursor)

    def __len__(self):
        return self._size

    def __iter__(self):
        return self

    def __next__(self):
        if self._cursor is None:
            raise StopIteration
        state = self._library.coreheap_cursor_next(self._cursor)
        if state == 0:
            self.close()
            raise StopIteration
        if state < 0:
            self.close()
            raise Failure("the target has changed: its rows went with it")
        return Row(self._names, [self._cell(at) for at in range(len(self.columns))])

    def _cell(self, at):
        value = _Value()
        self._library.coreheap_cursor_cell(self._cursor, at, ctypes.byref(value))
        if value.type == _TEXT:
            return ctypes.string_at(value.text, value.length).decode("utf-8", "replace")
        if value.type in (_INTEGER, _BYTES):
            return value.integer
        if value.type == _NUMBER:
            return value.number
        if value.type == _ADDRESS:
            return value.address
        return value.integer != 0 if value.type == _BOOLEAN else None

    def close(self):
        cursor, self._cursor = self._cursor, None
        if cursor:
            self._library.coreheap_cursor_free(cursor)

    def __del__(self):
        self.close()


def _typed(library):
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise Unavailable("this libcoreheap.so knows no queries: it is older than the plugin")
        function.restype = result
        function.argtypes = arguments
    return library


def run(engine, text, wait):
    """The Rows of a query. `wait(job)` polls a job until its end and gives its status."""
    library = getattr(engine, "_library", None)
    if library is None:
        raise Failure("queries from Python need libcoreheap.so, which cannot be loaded here")
    library = _typed(library)
    handle = library.coreheap_query(engine._session, _bytes(text))
    if not handle:
        raise Failure("no memory left to start the query")
    try:
        status = wait(handle)
        if status not in (OK, PARTIAL):
            raise Failure(_text(library.coreheap_job_error(handle)) or "no rows (status %d)" % status)
        cursor = library.coreheap_rows(handle)
        if not cursor:
            raise Failure("the query has no rows to give")
        return Rows(library, cursor)
    finally:
        library.coreheap_job_free(handle)


def wait_for(library, handle):
    """Polls a job until its end; an interrupt cancels and joins it."""
    try:
        while True:
            status = library.coreheap_poll(handle, _POLL_MS)
            if status >= 0:
                return status
    except BaseException:
        library.coreheap_cancel(handle)
        while library.coreheap_poll(handle, _POLL_MS) < 0:
            pass
        raise
