"""Every type of this interpreter that brings its own __sizeof__: one `module.qualname` a line.

Run by the interpreter under test (2.7 to 3.15), in a process of its own: it imports every module that is
compiled in or is a shared library beside the standard one, and every package of Python code that gives
those their types, so that the oracle's target need not. Modules that cannot be imported are lines `! NAME: REASON`.
"""
from __future__ import print_function

import importlib
import os
import sys
import sysconfig

# Importing these opens windows, or does nothing but fail or print.
LEFT_OUT = {"antigravity", "this", "tkinter", "_tkinter", "turtle", "idlelib", "__phello__", "__main__", "xxlimited", "xxlimited_35",
            "xxsubtype"}
EXTRA = ["asyncio", "collections", "ctypes", "datetime", "decimal", "functools", "io", "json", "multiprocessing.connection", "pickle",
         "queue", "random", "re", "socket", "sqlite3", "ssl", "threading", "types", "weakref", "xml.etree.ElementTree", "zoneinfo",
         "bz2", "lzma", "zlib", "hashlib", "curses", "contextvars", "string.templatelib", "mmap", "select", "interpreters",
         "concurrent.interpreters", "compression.zstd"]


def names_of_modules():
    names = set(sys.builtin_module_names) | set(EXTRA)
    folder = sysconfig.get_config_var("DESTSHARED") or os.path.join(os.path.dirname(os.__file__), "lib-dynload")
    for folder in {folder, os.path.join(os.path.dirname(os.__file__), "lib-dynload")}:
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if ".so" in name:
                names.add(name.split(".")[0])
    return sorted(name for name in names if name.split(".")[0] not in LEFT_OUT and not name.startswith("_test")
                  and not name.startswith("_ctypes_test"))


def all_types():
    # 2.7 does not ready every static type when its module is imported: only then it has its methods.
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if isinstance(value, type):
                dir(value)
    subclasses = type.__dict__["__subclasses__"]
    seen, stack = {id(object): object}, [object]
    while stack:
        one = stack.pop()
        for below in subclasses(one):
            if id(below) not in seen:
                seen[id(below)] = below
                stack.append(below)
    return list(seen.values())


def main():
    import target
    for name in names_of_modules():
        try:
            importlib.import_module(name)
        except BaseException as error:
            print("! %s: %s: %s" % (name, type(error).__name__, str(error).split("\n")[0]))
    for name in sorted(target.type_name(one) for one in all_types() if "__sizeof__" in type.__dict__["__dict__"].__get__(one)):
        if not name.startswith("heap_kinds."):
            print(name)


if __name__ == "__main__":
    main()
