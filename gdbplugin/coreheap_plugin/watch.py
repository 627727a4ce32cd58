"""Notices when what was read stops being true, and how long a live process has been kept waiting.

GDB fires these events often (a breakpoint with a condition fires `stop` thousands of times), so the
handlers only compare and set; the engine is told to let go once, when it holds something.
"""

import time

import gdb

_RETIRING = ("stop", "cont", "exited", "new_objfile", "free_objfile", "clear_objfiles",
             "connection_removed", "memory_changed", "inferior_deleted", "executable_changed")
_RUNS_ON = ("cont", "exited")
_STANDS = ("stop", "new_objfile")


class Watch:
    def __init__(self, retire):
        self._retire = retire
        self._connected = []
        self._since = {}  # inferior number -> (time it was first seen stopped, exact?)
        self.generation = 0

    def connect(self):
        for name in _RETIRING:
            registry = getattr(gdb.events, name, None)
            if registry is not None:
                handler = self._handler(name)
                registry.connect(handler)
                self._connected.append((registry, handler))
        inferior = gdb.selected_inferior()
        if inferior.pid:
            self._since[inferior.num] = (time.monotonic(), False)

    def disconnect(self):
        for registry, handler in self._connected:
            registry.disconnect(handler)
        self._connected = []

    def _handler(self, name):
        def changed(_event):
            self.generation += 1
            number = gdb.selected_inferior().num
            if name in _RUNS_ON:
                self._since.pop(number, None)
            elif name in _STANDS and number not in self._since:
                self._since[number] = (time.monotonic(), True)
            self._retire()

        return changed

    def stopped_for(self):
        """How long the selected inferior has been stopped: (seconds, exact?)."""
        since, exact = self._since.get(gdb.selected_inferior().num, (None, False))
        return (0.0, False) if since is None else (time.monotonic() - since, exact)
