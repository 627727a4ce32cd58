#!/usr/bin/env python3
"""A small service that leaks, to try coreheap on: `coreheap PID`.

It answers made-up requests from a few worker threads and keeps too much: a cache without eviction
(`ResponseCache`), sessions that nobody ends and that refer to each other, a zlib object a connection,
and a job buffer of which every other block was given back, so that its memory is free and yet not
the system's. Prints its PID and "ready", then idles until it is killed. Python 3.6 and later.
"""

import argparse
import collections
import os
import queue
import random
import threading
import time
import zlib


class Response:
    """What a request is answered with; the cache keeps every one for ever."""

    def __init__(self, path, status, body):
        self.path = path
        self.status = status
        self.body = body
        self.headers = {"content-type": "text/html", "content-length": str(len(body)), "etag": "%08x" % hash(body)}
        self.created = time.time()


class ResponseCache:
    """The leak: keyed by the whole URL, query string and all, and nothing is ever evicted."""

    def __init__(self):
        self.responses = {}
        self.hits = collections.Counter()
        self.lock = threading.Lock()

    def fetch(self, url):
        with self.lock:
            response = self.responses.get(url)
            if response is None:
                path = url.split("?", 1)[0]
                body = ("<html>" + path * random.randrange(2, 40) + "</html>").encode()
                response = self.responses[url] = Response(path, 200, body)
            self.hits[response.path] += 1
        return response


class Session:
    """A visitor; `previous` chains all of one user's visits, so none of them ever goes."""

    __slots__ = ("user", "token", "previous", "visited")

    def __init__(self, user, previous):
        self.user = user
        self.token = "%032x" % random.getrandbits(128)
        self.previous = previous
        self.visited = []


class Connection:
    """A client; it compresses, and its zlib state is 256 KiB of native memory that Python does not count."""

    def __init__(self, peer):
        self.peer = peer
        self.compressor = zlib.compressobj(6)
        self.inbox = bytearray(16 * 1024)
        self.compressor.compress(peer.encode() * 200)


class Service:
    def __init__(self):
        self.cache = ResponseCache()
        self.sessions = {}
        self.connections = []
        self.jobs = queue.Queue()
        self.spool = []

    def handle(self, number):
        user = "user-%d" % (number % 500)
        session = self.sessions[user] = Session(user, self.sessions.get(user))
        response = self.cache.fetch("/shop/item/%d?session=%s" % (number % 1000, session.token))
        session.visited.append(response)

    def work(self):
        while True:
            number = self.jobs.get()
            self.handle(number)
            self.jobs.task_done()


def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def spool_and_release(service, amount):
    """Fills a spool with blocks of 0.3 to 8 KiB, then lets every other one go: holes that nothing fits."""
    sizes = [random.randrange(300, 8000) for _ in range(amount // 4000)]
    blocks = [bytearray(size) for size in sizes]
    service.spool = blocks[::2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=200, metavar="MIB", help="resident memory to grow to (default: 200)")
    parser.add_argument("--threads", type=int, default=4, help="worker threads (default: 4)")
    options = parser.parse_args()
    goal = options.size << 20

    random.seed(1)
    service = Service()
    for i in range(options.threads):
        threading.Thread(target=service.work, name="worker-%d" % i, daemon=True).start()

    service.connections = [Connection("10.0.%d.%d" % (i // 256, i % 256)) for i in range(goal // 4 // (280 << 10))]
    spool_and_release(service, goal // 4)
    number = 0
    while resident_bytes() < goal:
        for _ in range(2000):
            service.jobs.put(number)
            number += 1
        service.jobs.join()

    print("PID %d" % os.getpid())
    print("ready", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
