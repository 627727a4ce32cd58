"""The plugin as one value: an engine, what GDB has open, and the commands over them.

`load` builds it once and hangs it on GDB's events; `unload` undoes that. Everything runs on GDB's main
thread, as its API demands; the engine's jobs run on threads of the engine's own.
"""

import atexit

_plugin = None


class Plugin:
    def __init__(self, folder, owned):
        # Here, because outside GDB the binding below is of use without the rest.
        import gdb

        from . import command, engine, functions, session

        self._gdb = gdb
        self.session = session.Session(engine.find(folder))
        self.session.watch.connect()
        self.words = command.register(self.session, owned)
        functions.register(self.session.query)
        if hasattr(gdb.events, "gdb_exiting"):
            gdb.events.gdb_exiting.connect(self._exiting)
        atexit.register(self.session.close)

    def _exiting(self, _event):
        self.session.close()

    def close(self):
        self.session.watch.disconnect()
        gdb = self._gdb
        if hasattr(gdb.events, "gdb_exiting"):
            gdb.events.gdb_exiting.disconnect(self._exiting)
        atexit.unregister(self.session.close)
        self.session.close()


def load(folder, owned=()):
    """Starts the plugin. `owned`: top-level words that a copy loaded before had registered."""
    global _plugin
    _plugin = Plugin(folder, owned)


def unload():
    """Ends what `load` started and tells which top-level words it owns: GDB cannot forget a command,
    so the next copy takes them over."""
    global _plugin
    if _plugin is None:
        return ()
    words = _plugin.words
    _plugin.close()
    _plugin = None
    return words


def ask(text):
    """The rows of a query about what GDB has open."""
    if _plugin is None:
        raise RuntimeError("the plugin is not loaded")
    return _plugin.session.query(text)
