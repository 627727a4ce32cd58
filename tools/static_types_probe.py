"""Every static type of this interpreter, as the line of JSON that measure_static_types.py reads (2.7 to 3.15).

Run in a folder with the oracle's heap, and with the names that tests/oracle/sizeof_types.py defines: they import every
module and list every type.
"""
import collections
import gc
import importlib
import json
import os
import random
import sys

HEAP_TYPE = 1 << 9
get_dict = type.__dict__["__dict__"].__get__


def full_name(one):
    module = one.__module__ if isinstance(one.__module__, str) else ""
    return one.__name__ if module in ("", "builtins", "__builtin__", "exceptions") else module + "." + one.__name__


def places(one):
    """(module, key) under which Python code can reach the type; those that are everywhere first."""
    found = [(name, key) for name, module in list(sys.modules.items())
             for key, value in list((getattr(module, "__dict__", None) or {}).items()) if value is one]
    first = ("builtins", "__builtin__", "types", "_types", "_collections_abc", one.__module__)
    return sorted(found, key=lambda place: (first.index(place[0]) if place[0] in first else len(first), place))


def descriptions(types):
    # sorted() is stable: types of one description stay in the order in which their base learnt of them.
    rows = collections.OrderedDict()
    order = dict((id(below), i) for one in types for i, below in enumerate(type.__subclasses__(one)))
    for one in sorted(types, key=lambda one: order.get(id(one), 0)):
        if one.__flags__ & HEAP_TYPE:
            continue
        contents = get_dict(one)
        doc = contents.get("__doc__")
        rows[id(one)] = {"name": full_name(one), "base": full_name(one.__base__) if one.__base__ else "",
                         "metatype": full_name(type(one)),
                         "basicsize": one.__basicsize__, "itemsize": one.__itemsize__,
                         "keys": sorted(key for key in contents if isinstance(key, str)),
                         "doc": doc if isinstance(doc, str) else "", "places": places(one)}
    return list(rows.values())


def subclasses_closure():
    seen, stack = [object], [object]
    while stack:
        below = type.__subclasses__(stack.pop())
        seen.extend(below)
        stack.extend(below)
    return seen


def main(names_of_modules, all_types):
    # Those that every process has, before anything was imported.
    first = [full_name(one) for one in subclasses_closure() if not one.__flags__ & HEAP_TYPE]
    for name in ["types"] + names_of_modules():
        try:
            importlib.import_module(name)
        except BaseException:                       # a module that this build lacks
            pass
    # 2.7 makes many of its types when somebody looks at an instance: the oracle's heap has one of each.
    sys.argv = ["target.py", "unused", "scale=20"]
    import target
    keep = []
    for build in target.CONFIG["features"]:
        try:
            keep.append(build(20, random.Random(1)))
        except BaseException:
            pass
    seen, work = {}, gc.get_objects()
    while work:
        one = work.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            dir(type(one))
            work.extend(gc.get_referents(one))
    sys.stdout.flush()
    os.write(1, (json.dumps({"first": first, "types": descriptions(all_types())}) + "\n").encode())
    os._exit(0)
