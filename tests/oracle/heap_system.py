"""Builders of what talks to the system: compressors, hashes, contexts, locks, sockets, ssl. As heap_stdlib.py."""
from __future__ import print_function

import mmap
import os
import select
import socket
import sys
import tempfile
import threading
import weakref
import zlib

from heap_kinds import *  # noqa: F401,F403
from heap_kinds import NEW
from heap_stdlib import attempt, part


@part("compressors")
def build_compressors(n, rng):
    import bz2
    data = b"compressed data " * 500
    small, whole = zlib.compressobj(1, zlib.DEFLATED, -9), zlib.compressobj()
    ended = zlib.decompressobj()
    ended.decompress(zlib.compress(data) + b"unused tail")
    held = zlib.decompressobj()
    held.decompress(zlib.compress(data), 10)
    yield [small, whole, ended, held]
    with_dict = attempt("zlib dictionary", lambda: zlib.compressobj(zdict=b"dictionary"))
    yield [with_dict, attempt("zlib dictionary", lambda: zlib.decompressobj(zdict=b"dictionary"))]
    unzip = bz2.BZ2Decompressor()
    unzip.decompress(bz2.compress(data) + b"more")
    yield unzip
    if NEW:
        limited = bz2.BZ2Decompressor()
        limited.decompress(bz2.compress(data) , 20)
        import lzma
        packed = lzma.compress(data)
        unpack = lzma.LZMADecompressor()
        unpack.decompress(packed, 20)
        done = lzma.LZMADecompressor()
        done.decompress(packed + b"tail")
        yield [limited, lzma.LZMACompressor(preset=0), unpack, done]
    else:
        handle, name = tempfile.mkstemp()
        os.write(handle, bz2.compress(data))
        stream = bz2.BZ2File(name)
        stream.readline()
        yield stream
        os.close(handle)
        os.unlink(name)
    if sys.version_info >= (3, 12):
        quick = zlib._ZlibDecompressor(zdict=b"dictionary")
        plain = zlib._ZlibDecompressor()
        plain.decompress(zlib.compress(data), 10)
        yield [quick, plain]
    if sys.version_info >= (3, 14):
        def zstandard():
            from compression import zstd
            packed = zstd.compress(data)
            samples = [b"sample number %d of the dictionary" % i for i in range(500)]
            table = zstd.train_dict(samples, 1000)
            press, undo = zstd.ZstdCompressor(zstd_dict=table), zstd.ZstdDecompressor(zstd_dict=table)
            press.compress(data)
            part = zstd.ZstdDecompressor()
            part.decompress(packed, 20)
            done = zstd.ZstdDecompressor()
            done.decompress(packed + b"tail")
            return [table, press, undo, part, done, zstd.ZstdCompressor()]
        yield attempt("zstd", zstandard)


@part("hashes")
def build_hashes(n, rng):
    import hashlib
    import hmac
    made = []
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256", "shake_128"):
        made.append(attempt("hash " + name, lambda: hashlib.new(name, b"data " * 100)))
    yield made
    for module, names in (("_md5", ["md5"]), ("_sha1", ["sha1"]), ("_sha", ["new"]), ("_sha256", ["sha224", "sha256"]),
                          ("_sha512", ["sha384", "sha512"]), ("_sha2", ["sha224", "sha256", "sha384", "sha512"]),
                          ("_sha3", ["sha3_224", "sha3_512", "shake_256"]), ("_blake2", ["blake2b", "blake2s"])):
        for name in names:
            yield attempt(module, lambda: getattr(__import__(module), name)(b"data" * 50))
    yield hmac.new(b"key", b"message", "sha256" if NEW else hashlib.sha1)
    yield attempt("_hmac", lambda: __import__("_hmac").new(b"key", b"message", "sha256"))


@part("contexts")
def build_contexts(n, rng):
    import contextvars
    names = [contextvars.ContextVar("var %d" % i) for i in range(60)]
    with_default = contextvars.ContextVar("default", default={"a": 1})
    context, small = contextvars.Context(), contextvars.Context()
    tokens = []

    def fill():
        for i, one in enumerate(names):
            tokens.append(one.set([i]))
        with_default.set("value")
        names[3].reset(tokens[3])
        tokens.append(names[4].set("second"))
    context.run(fill)
    small.run(names[0].set, "alone")
    deeper = context.copy()
    deeper.run(names[1].set, (1, 2))
    walk, keys, values = iter(context.items()), iter(context.keys()), iter(context.values())
    next(walk)
    yield [names, with_default, context, small, tokens, deeper, walk, keys, values, contextvars.Context()]


class Local(threading.local):
    def __init__(self, *args, **more):
        self.args = args


@part("locks")
def build_locks(n, rng):
    free, taken, nested = threading.Lock(), threading.Lock(), threading.RLock()
    taken.acquire()
    nested.acquire()
    nested.acquire()
    yield [free, taken, nested, threading.RLock(), threading.Condition(), threading.Event(), threading.Semaphore(3),
           threading.Condition(taken) if NEW else None, weakref.ref(free)]
    local, other, with_args = threading.local(), threading.local(), Local([1], key={"k": 1})
    local.value = {"in": "main"}
    with_args.more = "attribute"
    yield [local, other, with_args, weakref.ref(local)]
    if sys.version_info >= (3, 7):
        import queue
        empty, single, drained = queue.SimpleQueue(), queue.SimpleQueue(), queue.SimpleQueue()
        single.put([1])
        for i in range(50):
            drained.put({"item": i})
        for i in range(45):
            drained.get()
        turned = queue.SimpleQueue()
        for i in range(30):
            turned.put([i])
        for i in range(20):
            turned.get()
            turned.put(str(i) * 3)
        yield [empty, single, drained, turned]
    semaphore = attempt("_multiprocessing", lambda: __import__("_multiprocessing").SemLock(
        1, 1, 1, *(["/oracle-%d" % os.getpid(), True] if NEW else [])))
    yield semaphore
    if sys.version_info >= (3, 13):
        thread = threading.current_thread()
        yield getattr(thread, "_handle", None) or getattr(thread, "_os_thread_handle", None)


@part("sockets")
def build_sockets(n, rng):
    left, right = socket.socketpair()
    left.settimeout(5.0)
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    yield [left, right, datagram, left.makefile("rb"), weakref.ref(left)]
    poll, epoll = select.poll(), select.epoll()
    poll.register(left, select.POLLIN)
    poll.register(right)
    poll.poll(0)
    epoll.register(left.fileno())
    yield [poll, epoll, select.poll()]
    yield attempt("selectors", lambda: __import__("selectors").DefaultSelector())
    yield mmap.mmap(-1, 8192)
    closed = mmap.mmap(-1, 4096)
    closed.close()
    yield [closed, memoryview(mmap.mmap(-1, 4096)) if NEW else None]


@part("ssl")
def build_ssl(n, rng):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if hasattr(ssl, "PROTOCOL_TLS_CLIENT") else ssl.PROTOCOL_SSLv23)
    attempt("alpn", lambda: context.set_alpn_protocols(["h2", "http/1.1"]))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    other = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
    attempt("sni", lambda: other.set_servername_callback(lambda *args: None))
    if sys.version_info >= (3, 8):
        context._msg_callback = lambda *args: None
        handle, name = tempfile.mkstemp()
        os.close(handle)
        attempt("keylog", lambda: setattr(other, "keylog_filename", name))
        os.unlink(name)
    if sys.version_info >= (3, 13):
        attempt("psk", lambda: context.set_psk_client_callback(lambda hint: (None, b"x")))
    yield [context, other]
    left, right = socket.socketpair()
    yield [context.wrap_socket(left if NEW else socket.socket(_sock=left), do_handshake_on_connect=False), right]
    if NEW:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(b"handshake bytes")
        yield [incoming, outgoing, context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.org")]
