"""The schema of the layout tables and the compact data files, shared by the extractor, the generator and the test.

Kept apart so that what is extracted and what is generated cannot disagree about a name. Standard library only.
"""

import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "layout_schema.txt")
TRAITS = os.path.join(HERE, "layout_traits.txt")
DATA = os.path.join(HERE, "layout_data")

# Heads that CPython's structs embed in front of their own members (or wrap them in, for anonymous unions).
HEADS = {"ob_base", "_base", "d_common", "d_base", "func", "super", "base"}


class Source:
    """One alternative of a field: a member path of a C type, bytes to add, and the size of one element."""

    def __init__(self, text, ctypes):
        text, _, needs = text.strip().partition(" if ")
        self.needs = needs.strip() or None
        match = re.fullmatch(r"(?:(\w+):)?([\w.\[\]]+)(?:\+(\d+))?(?:\*(\d+))?", text)
        if not match:
            raise ValueError("bad path in the schema: %r" % text)
        self.ctypes = [match.group(1)] if match.group(1) else ctypes
        self.path = match.group(2)
        self.add = int(match.group(3) or 0)
        self.element = int(match.group(4)) if match.group(4) else None


class Group:
    def __init__(self, name, ctypes, needs):
        self.name = name
        self.ctypes = ctypes
        self.needs = needs  # member path without which the C type is another struct of the same name; or None
        self.comments = []
        self.fields = {}  # name -> [Source]


def read_schema(path=SCHEMA):
    groups = []
    with open(path) as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if line.startswith("group "):
                name, _, ctypes = line[6:].partition(":")
                ctypes, _, needs = ctypes.partition(" with ")
                groups.append(Group(name.strip(), ctypes.split(), needs.strip() or None))
            elif line.startswith("  ") and "=" in line:
                name, _, sources = line.partition("=")
                name = name.strip()
                if name in groups[-1].fields:
                    raise ValueError("%s:%d: %s twice" % (path, number, name))
                groups[-1].fields[name] = [Source(s, groups[-1].ctypes) for s in sources.split("|")]
            elif line.startswith("# ") and groups and not groups[-1].fields and not line.startswith("# --"):
                groups[-1].comments.append(line[2:])
            elif line.strip() and not line.startswith("#"):
                raise ValueError("%s:%d: cannot read %r" % (path, number, line))
    return groups


def wanted(groups):
    """C type -> set of member paths that the schema names."""
    result = {}
    for group in groups:
        for ctype in group.ctypes:
            result.setdefault(ctype, set()).update([group.needs] if group.needs else [])
        for sources in group.fields.values():
            for source in sources:
                for ctype in source.ctypes:
                    result.setdefault(ctype, set()).update(filter(None, (source.path, source.needs)))
    return result


# ---- compact data files ---------------------------------------------------------------------------------------------


def read_data(path):
    with open(path) as file:
        return json.load(file)


def write_data(path, data):
    """One line a C type, so that a change shows as one line."""
    with open(path, "w") as out:
        out.write("{\n")
        for key in ("label", "source", "runtime_size", "complete"):
            out.write(" %s: %s,\n" % (json.dumps(key), json.dumps(data.get(key, True))))
        out.write(' "types": {\n')
        rows = []
        for name in sorted(data["types"]):
            entry = data["types"][name]
            fields = ", ".join("%s: %s" % (json.dumps(p), json.dumps(entry["fields"][p])) for p in sorted(entry["fields"]))
            rows.append('  %s: {"size": %d, "fields": {%s}}' % (json.dumps(name), entry["size"], fields))
        out.write(",\n".join(rows) + "\n }\n}\n")


def resolve(groups, data):
    """-> {group: {"struct_size": n, field: (offset, size, bit, bit_width)}}; what is absent is left out."""
    types = data["types"]
    layout = {}
    for group in groups:
        row = {}
        layout[group.name] = row
        own = next((c for c in group.ctypes if c in types), None)
        if group.needs and not (own and group.needs in types[own]["fields"]):
            continue
        if own:
            row["struct_size"] = types[own]["size"]
        for name, sources in group.fields.items():
            for source in sources:
                ctype = next((c for c in source.ctypes if c in types), None)
                found = types[ctype]["fields"].get(source.path) if ctype else None
                if not found or (source.needs and source.needs not in types[ctype]["fields"]):
                    continue
                offset, size = found[0] + source.add, source.element or found[1]
                bit, width = (found[2], found[3]) if len(found) > 2 else (0, 0)
                row[name] = (offset, size, bit, width)
                break
    return layout
