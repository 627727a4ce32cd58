#!/usr/bin/env python3
"""check_layouts.py must fail when a table is wrong: each kind of planted error is found, each named in a failure."""

import contextlib
import copy
import io
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_layouts  # noqa: E402
import extract_layout  # noqa: E402
import generate_layouts  # noqa: E402
import layout_tables as tables  # noqa: E402


class FakeElf:
    """A file whose _PyRuntime begins with one published offset after another, all 1."""

    data = b"xdebugpy" + (1).to_bytes(8, "little") * 200

    def at(self, address):
        return address


def planted(text, plant):
    """Runs `plant` and says whether a failure with `text` came of it."""
    before = len(check_layouts.failures)
    with contextlib.redirect_stdout(io.StringIO()):
        plant()
    found = [f for f in check_layouts.failures[before:] if text in f]
    del check_layouts.failures[before:]
    print("%s: %s" % ("found" if found else "not found", text))
    return bool(found)


def main():
    groups = tables.read_schema()
    sections = generate_layouts.read_traits()
    layouts = generate_layouts.load(groups, sections)
    check_layouts.CHOICES.update(check_layouts.choices_of(sections))
    section = next(s for s in sections if s.name == "3.13.5")
    layout = layouts[section.name]
    binary = check_layouts.Binary("planted", ("3", "13", "5"), "", ["x"], "/nonexistent", ["/nonexistent"])
    good = tables.read_data(os.path.join(tables.DATA, section.data + ".json"))

    def header():
        generate = generate_layouts.generate
        generate_layouts.generate = lambda: {"v3_13.h": "int wrong;\n"}
        check_layouts.check_committed()
        generate_layouts.generate = generate

    def dwarf(change):
        def plant():
            data = {"label": "", "types": {name: {"size": t["size"], "fields": dict(t["fields"])} for name, t in good["types"].items()}}
            change(data["types"])
            extract, extract_layout.extract = extract_layout.extract, lambda *_: data
            check_layouts.check_dwarf(groups, section, layout, binary, "gdb", layout["runtime_size"])
            extract_layout.extract = extract

        return plant

    def offset(types):
        types["PyTupleObject"]["fields"]["ob_item"] = [32, 8]

    def size(types):
        types["PyListObject"]["size"] = 48

    def gone(types):
        del types["PyDictObject"]["fields"]["ma_keys"]

    def misplaced_generations(types):
        types["_gc_runtime_state"]["fields"]["generations"] = [28, 72]

    symbols = {"_PyRuntime": (0, layout["runtime_size"]), "PyType_Type": (0, 400)}
    results = [
        planted("cpython_layouts/v3_13.h is not what", header),
        planted("tuple.items is (32, 8, 0, 0)", dwarf(offset)),
        planted("list.struct_size is 48", dwarf(size)),
        planted("dict.keys is None", dwarf(gone)),
        planted("gc_state.generations is (28,", dwarf(misplaced_generations)),
        planted("tuple_items = 1", lambda: check_layouts.check_debug_offsets(section, layout, binary, FakeElf(), symbols)),
        planted("PyType_Type has 400 bytes", lambda: check_layouts.check_symbols(section, layout, binary, symbols)),
        not planted("planted", dwarf(lambda types: None)),
    ]
    results += live(sections, layouts)
    return 0 if all(results) else 1


def live(sections, layouts):
    """Errors planted in the table of the interpreter that runs this test."""
    version = tuple(str(part) for part in sys.version_info[:3])
    binary = check_layouts.Binary("planted", version, "", [], "", [sys.executable])
    section = check_layouts.choose(sections, layouts, binary, 0)
    if not section:
        print("SKIP live errors: no table for this Python %s" % ".".join(version))
        return []
    layout = copy.deepcopy(layouts[section.name])
    traits = check_layouts.effective_traits(sections)[section.name]
    good = copy.deepcopy(traits)
    layout["deque"]["struct_size"] += 8
    traits["set_entry_key_first"] = not traits["set_entry_key_first"]
    traits["small_int_max"] += 1
    right = layouts[section.name]
    return [
        planted("type of group deque says __basicsize__", lambda: check_layouts.check_live(section, layout, binary, False)),
        planted("observed set_entry_key_first", lambda: check_layouts.check_traits(section, right, binary, False, traits)),
        planted("observed small_int_max", lambda: check_layouts.check_traits(section, right, binary, False, traits)),
        not planted("planted", lambda: check_layouts.check_traits(section, right, binary, False, good)),
    ]


if __name__ == "__main__":
    sys.exit(main())
