"""A Flask app whose memory does not come back: `gunicorn --threads 16 threaded_flask:app`.

/report builds a table of rows in memory, as exports do, and answers with its size only. Each request also
leaves one line in the log of recent requests, a deque of bounded length: next to nothing, and yet it is what
holds on to the memory of the tables.
"""

import collections
import ctypes
import os
import random
import zlib

import flask

app = flask.Flask(__name__)
recent = collections.deque(maxlen=20000)


@app.route("/report")
def report():
    draw = random.Random(flask.request.args.get("seed", "1"))
    table = []
    for number in range(3000):
        row = bytes(draw.randrange(32, 127) for _ in range(16)) * draw.randrange(40, 300)
        table.append(row)
        if number % 60 == 0:            # who asked for what: a page of the audit trail
            recent.append(bytearray(row[:600]))
    return {"bytes": sum(map(len, table)), "check": zlib.crc32(table[-1]), "pid": os.getpid()}


@app.route("/trim")
def trim():
    ctypes.CDLL(None).malloc_trim(0)
    return {"pid": os.getpid()}


@app.route("/health")
def health():
    return {"pid": os.getpid()}
