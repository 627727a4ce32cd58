"""coreheap for GDB: `source` this file, from a build tree, a checkout or share/coreheap/gdb.

All it does is find the package that lies beside it and start it. The package is imported by its own
folder only for the moment of the import, and without writing bytecode: nothing of the user's GDB
changes, and no file appears beside the plugin. Sourcing the file again replaces what was loaded.
"""

import importlib
import os
import sys

_PACKAGE = "coreheap_plugin"


def _load():
    folder = os.path.dirname(os.path.realpath(__file__))
    loaded = sys.modules.get(_PACKAGE)
    owned = loaded.unload() if loaded is not None else ()
    for name in [n for n in sys.modules if n == _PACKAGE or n.startswith(_PACKAGE + ".")]:
        del sys.modules[name]
    write_bytecode = sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    try:
        package = importlib.import_module(_PACKAGE)
        package.load(folder, owned)
        # `import coreheap` works from now on, without the folder on the path.
        sys.modules.pop("coreheap", None)
        importlib.import_module("coreheap")._in_gdb = package.ask
    finally:
        sys.dont_write_bytecode = write_bytecode
        sys.path.remove(folder)


_load()
