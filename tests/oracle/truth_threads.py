"""Frames of every thread, innermost first, and of everything that waits, as Python shows them:

t IDENT JSON    a thread: [[function, file, line, [[name, id], ...] or null], ...]; null: a module's frame
w ADDR JSON     a suspended generator, coroutine or asynchronous generator: [state or null, qualname, function, file, line, [[name, id], ...]]

Asking for frames makes objects of them from 3.11 on, so this is done in the child alone, after everything
was listed: rehearsals have nothing to say."""
import json
import os
import sys
import types

STARTED_IN = os.getpid()
KINDS = [(types.GeneratorType, "gi")]
for name, prefix in (("CoroutineType", "cr"), ("AsyncGeneratorType", "ag")):
    if hasattr(types, name):
        KINDS.append((getattr(types, name), prefix))


def described(frame):
    code = frame.f_code
    inside = frame.f_locals
    if inside is frame.f_globals:
        pairs = None
    else:
        pairs = sorted([key, id(inside[key])] for key in inside if isinstance(key, str))
    return [getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno, pairs]


def lines(seen):
    out = []
    if os.getpid() == STARTED_IN:
        return out
    waiting = []
    for address in sorted(seen):
        one = seen[address]
        for kind, prefix in KINDS:
            if type(one) is not kind:
                continue
            # From 3.8 on ag_running only says that somebody awaits its next item; none runs in the target.
            if getattr(one, prefix + "_running") and (prefix != "ag" or sys.version_info < (3, 8)):
                continue
            frame = getattr(one, prefix + "_frame")
            if frame is None:
                continue
            state = "created" if frame.f_lasti == -1 else "suspended"
            if sys.version_info >= (3, 11):
                state = None                 # f_lasti no longer tells
            if hasattr(kind, prefix + "_suspended"):
                state = "suspended" if getattr(one, prefix + "_suspended") else "created"
            waiting.append((address, [state, getattr(one, "__qualname__", one.__name__)] + described(frame)))
            del frame
    for address, what in waiting:
        out.append("w %x %s\n" % (address, json.dumps(what)))
    for ident, frame in sorted(sys._current_frames().items()):
        # The thread that forked is inside this function: its frames count from the one that called fork.
        if frame.f_code is lines.__code__:
            while frame.f_code.co_name != "main":
                frame = frame.f_back
        stack = []
        while frame is not None:
            stack.append(described(frame))
            frame = frame.f_back
        out.append("t %x %s\n" % (ident, json.dumps(stack)))
    return out
