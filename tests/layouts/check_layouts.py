#!/usr/bin/env python3
"""Holds the committed layout tables to their sources, and to every interpreter at hand.

1. Regenerated from tools/layout_data, the headers must be the committed ones, byte for byte.
2. DWARF: every interpreter that has some (pyenv's, Debian's with their detached debug files, debug builds) is extracted anew
   and compared member by member with the table that find() would choose for it.
3. The target's own word: each `_Py_DebugOffsets` that an interpreter publishes in its file is compared with the tables.
4. ELF symbols: the sizes of exported static objects must be the struct sizes of the tables.
5. The running interpreter: `__basicsize__`, `__dictoffset__`, `__weakrefoffset__` and the offsets of its member descriptors
   (live_probe.py) must be those of the tables, and the traits those that it shows in its own memory (live_traits.py). It needs
   no debug symbols, so stripped builds are held to the tables too.

What cannot be checked is a skip that says why. Standard library only.

  tests/layouts/check_layouts.py [--interpreters FOLDER] [--gdb GDB]
"""

import argparse
import glob
import json
import os
import re
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import extract_layout  # noqa: E402
import generate_layouts  # noqa: E402
import layout_tables as tables  # noqa: E402

# Groups whose members move between patch releases: of a release that has no table nothing is claimed about them.
MOVING = ("runtime", "interpreter", "thread_state", "thread_state_impl", "mi_segment", "mi_page")

failures = []
skips = []


def fail(text):
    failures.append(text)
    print("FAIL " + text)


def skip(text):
    skips.append(text)
    print("SKIP " + text)


# ---- ELF, as much as is needed --------------------------------------------------------------------------------------


class Elf:
    """Sections and symbols of a 64-bit little-endian ELF file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("%s: not a 64-bit little-endian ELF file" % path)
        offset, = struct.unpack_from("<Q", self.data, 40)
        size, count, names = struct.unpack_from("<HHH", self.data, 58)
        self.sections = []
        for index in range(count):
            name, kind, _, address, start, length, link, _, _, entry = struct.unpack_from("<IIQQQQIIQQ", self.data, offset + index * size)
            self.sections.append([name, kind, address, start, length, link, entry])
        strings = self.sections[names][3]
        for section in self.sections:
            section[0] = self.string(strings + section[0])

    def string(self, offset):
        return self.data[offset : self.data.index(b"\0", offset)].decode("latin-1")

    def symbols(self):
        """name -> (address, size) of the defined data objects."""
        found = {}
        for _, kind, _, start, length, link, entry in self.sections:
            if kind not in (2, 11):  # SHT_SYMTAB, SHT_DYNSYM
                continue
            for at in range(start, start + length, entry):
                name, info, _, index, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
                if index and info & 15 == 1:
                    found[self.string(self.sections[link][3] + name)] = (value, size)
        return found

    def at(self, address):
        """File offset of an address, or None where the file holds no bytes for it."""
        for _, kind, start, offset, length, _, _ in self.sections:
            if kind != 8 and start and start <= address < start + length:  # SHT_NOBITS
                return offset + address - start
        return None

    def build_id(self):
        for name, _, _, start, _, _, _ in self.sections:
            if name == ".note.gnu.build-id":
                name_size, size = struct.unpack_from("<II", self.data, start)
                return self.data[start + 12 + name_size : start + 12 + name_size + size].hex()
        return None

    def has_dwarf(self):
        return any(section[0] in (".debug_info", ".zdebug_info") and section[1] != 8 for section in self.sections)


# ---- interpreters at hand -------------------------------------------------------------------------------------------


class Binary:
    def __init__(self, label, version, image, dwarf, modules, command, debug_folder=None, debug=False, free_threaded=False):
        self.label, self.version, self.image, self.dwarf, self.command = label, version, image, dwarf, command
        self.modules, self.debug_folder, self.debug = modules, debug_folder, debug
        self.free_threaded = free_threaded


def pyenv_binaries():
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    folders = sorted(glob.glob(os.path.join(root, "versions", "*")))
    if not folders:
        skip("pyenv: no interpreters under its root")
    for folder in folders:
        name = os.path.basename(folder)
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(t?)", name)
        if not match:
            skip("pyenv %s: not a CPython release by its name" % name)
            continue
        minor = "%s.%s%s" % (match.group(1), match.group(2), match.group(4))
        program = os.path.join(folder, "bin", "python" + minor)
        found = sorted(glob.glob(os.path.join(folder, "lib", "libpython%s*.so.1.0" % minor))) + [program]
        image = next((f for f in found if os.path.exists(f)), None)
        if not image:
            skip("pyenv %s: neither a libpython nor an interpreter in it" % name)
            continue
        modules = os.path.join(folder, "lib", "python" + minor, "lib-dynload")
        yield Binary("pyenv " + name, match.groups()[:3], image, [image], modules, [program], free_threaded=bool(match.group(4)))


def debian_version(binary, minor):
    """The micro version, from the file itself: the `3.13.5 (main,` of sys.version is not there, `3.13.5` alone is."""
    with open(binary, "rb") as file:
        found = set(re.findall(rb"\0(%s\.\d+)\+?\0" % minor.encode().replace(b".", rb"\."), file.read()))
    return tuple(sorted(found)[0].decode().split(".")) if len(found) == 1 else None


def beside(suite, debug_suite, minor):
    """The command that runs a program of a -dbg folder with the loader, libraries and modules of its suite."""
    libraries = [os.path.join(suite, part, "x86_64-linux-gnu") for part in ("lib", os.path.join("usr", "lib"))]
    modules = [os.path.join(debug_suite, "usr", "lib", "python" + minor, part) for part in ("", "lib-dynload", "plat-x86_64-linux-gnu")]
    loader = os.path.realpath(os.path.join(libraries[0], os.readlink(os.path.join(suite, "lib64", "ld-linux-x86-64.so.2")).split("/")[-1]))
    return [
        "env", "PYTHONHOME=" + os.path.join(suite, "usr"), "PYTHONPATH=" + ":".join(modules),
        loader, "--library-path", ":".join(libraries),
    ]


def debian_binaries(folder):
    suites = sorted(d for d in glob.glob(os.path.join(folder, "*")) if os.path.isdir(os.path.join(d, "usr", "bin")))
    if not suites:
        skip("Debian: no fetched interpreters in %s (tests/interpreters/fetch)" % os.path.relpath(folder, ROOT))
    for suite in suites:
        name = os.path.basename(suite)
        if name.startswith("gdb-"):
            continue
        debug_suite = name.endswith("-dbg")
        debug_folder = os.path.join(suite if debug_suite else suite + "-dbg", "usr", "lib", "debug")
        for image in sorted(glob.glob(os.path.join(suite, "usr", "bin", "python*"))):
            match = re.fullmatch(r"python(\d+\.\d+)(d|-dbg)?", os.path.basename(image))
            if not match or os.path.islink(image) or bool(match.group(2)) != debug_suite:
                continue
            label = "Debian %s %s" % (name, os.path.basename(image))
            version = debian_version(image, match.group(1))
            if not version:
                skip("%s: its version is not in the file" % label)
                continue
            elf = Elf(image)
            dwarf = [image] if elf.has_dwarf() else []
            build_id = elf.build_id()
            if not dwarf and build_id:
                detached = os.path.join(debug_folder, ".build-id", build_id[:2], build_id[2:] + ".debug")
                dwarf = [detached, image] if os.path.exists(detached) else []
            modules = os.path.join(suite, "usr", "lib", "python" + match.group(1), "lib-dynload")
            command = ["chroot", suite, image[len(suite) :]]
            if debug_suite:  # that folder has no libraries: run with those of the suite itself
                command = beside(suite[: -len("-dbg")], suite, match.group(1)) + [image]
            yield Binary(label, version, image, dwarf, modules, command, debug_folder, debug_suite)


# ---- the checks -----------------------------------------------------------------------------------------------------


def choose(sections, layouts, binary, runtime_size):
    """The section find() chooses; the same order of evidence as cpython_layouts/lookup.cpp."""
    major, minor, micro = (int(part) for part in binary.version)
    best, best_fitness = None, None
    for section in sections:
        if (section.major, section.minor, section.free_threaded) != (major, minor, binary.free_threaded):
            continue
        reached = section.first_micro <= micro
        fitness = (
            bool(runtime_size) and layouts[section.name]["runtime_size"] == runtime_size,
            section.debug == binary.debug,
            reached,
            section.first_micro if reached else -section.first_micro,
        )
        if best is None or fitness > best_fitness:
            best, best_fitness = section, fitness
    return best


def check_committed():
    generated = generate_layouts.generate()
    folder = os.path.join(ROOT, "cpython_layouts")
    for name, text in generated.items():
        try:
            with open(os.path.join(folder, name)) as file:
                committed = file.read()
        except OSError:
            committed = None
        if committed != text:
            fail("cpython_layouts/%s is not what tools/generate_layouts.py writes" % name)
    for path in glob.glob(os.path.join(folder, "v*.h")):
        if os.path.basename(path) not in generated:
            fail("cpython_layouts/%s has no section in tools/layout_traits.txt" % os.path.basename(path))
    print("committed headers: %d files regenerated and compared" % len(generated))


def check_dwarf(groups, section, layout, binary, gdb, runtime_size):
    files = binary.dwarf + extract_layout.module_files(binary.modules)
    data = extract_layout.extract(files, ".".join(binary.version), "", binary.debug_folder, gdb)
    found = tables.resolve(groups, data)
    tabled = not runtime_size or layout["runtime_size"] == runtime_size
    compared, wrong = 0, 0
    for group in groups:
        if not tabled and group.name in MOVING:
            continue
        row = found[group.name]
        if not row.get("struct_size") and layout[group.name].get("struct_size"):
            skip("%s: no DWARF for %s" % (binary.label, "/".join(group.ctypes)))
            continue
        for field in ["struct_size"] + list(group.fields):
            here, there = row.get(field), layout[group.name].get(field)
            if here is None and there is None:
                continue
            if here != there and field == "struct_size" and (section.name, group.name) in GREW:
                skip("%s: %s, whose size nobody reads, grew in a patch release" % (binary.label, group.name))
                continue
            compared += 1
            if here != there and not patched(section, group.name, field, here):
                wrong += 1
                if wrong <= 20:
                    fail("%s: %s.%s is %s, table %s says %s" % (binary.label, group.name, field, here, section.name, there))
    if not tabled:
        skip("%s: no table for a _PyRuntime of %d bytes, so %s are not compared" % (binary.label, runtime_size, ", ".join(MOVING)))
    print("%s: %d members compared by DWARF with table %s, %d differ" % (binary.label, compared, section.name, wrong))
    return compared


# Objects that got members at their end in a patch release: 3.9.2 lacks them, 3.9.18 has them.
GREW = {("3.9", "sre_scanner"), ("3.9", "hamt_iterator")}


def patched(section, group, field, value):
    """A distribution's patch that the traits file knows: `set` in the section, and the value a tabled choice."""
    if (group, field) not in section.corrections or value is None:
        return False
    choices = {"generations": "generations_offsets"}.get(field)
    return choices is not None and value[0] in CHOICES[section.name].get(choices, ())


# member of _Py_DebugOffsets -> (group, field) of the tables
DEBUG_OFFSETS = {
    "runtime_size": ("runtime", "struct_size"), "runtime_finalizing": ("runtime", "finalizing"),
    "runtime_interpreters_head": ("runtime", "interpreters_head"),
    "interpreter_size": ("interpreter", "struct_size"), "interpreter_id": ("interpreter", "id"),
    "interpreter_next": ("interpreter", "next"), "interpreter_threads_head": ("interpreter", "threads_head"),
    "interpreter_threads_main": ("interpreter", "threads_main"), "interpreter_gc": ("interpreter", "gc"),
    "interpreter_modules": ("interpreter", "modules"), "interpreter_sysdict": ("interpreter", "sysdict"),
    "interpreter_builtins": ("interpreter", "builtins"), "interpreter_gil": ("interpreter", "gil"),
    "thread_size": ("thread_state", "struct_size"), "thread_prev": ("thread_state", "prev"),
    "thread_next": ("thread_state", "next"), "thread_interp": ("thread_state", "interp"),
    "thread_current_frame": ("thread_state", "current_frame"), "thread_base_frame": ("thread_state", "base_frame"),
    "thread_thread_id": ("thread_state", "thread_id"), "thread_native_thread_id": ("thread_state", "native_thread_id"),
    "thread_datastack_chunk": ("thread_state", "datastack_chunk"), "thread_status": ("thread_state", "status"),
    "frame_size": ("interpreter_frame", "struct_size"), "frame_previous": ("interpreter_frame", "previous"),
    "frame_executable": ("interpreter_frame", "executable"), "frame_instr_ptr": ("interpreter_frame", "instr_ptr"),
    "frame_localsplus": ("interpreter_frame", "localsplus"), "frame_owner": ("interpreter_frame", "owner"),
    "frame_stackpointer": ("interpreter_frame", "stackpointer"),
    "code_size": ("code", "struct_size"), "code_filename": ("code", "filename"), "code_name": ("code", "name"),
    "code_qualname": ("code", "qualname"), "code_linetable": ("code", "linetable"),
    "code_firstlineno": ("code", "firstlineno"), "code_argcount": ("code", "argcount"),
    "code_localsplusnames": ("code", "localsplusnames"), "code_localspluskinds": ("code", "localspluskinds"),
    "code_adaptive": ("code", "code_adaptive"),
    "object_size": ("object", "struct_size"), "object_type": ("object", "type"),
    "type_size": ("type", "struct_size"), "type_name": ("type", "name"), "type_repr": ("type", "repr"),
    "type_flags": ("type", "flags"), "type_basicsize": ("type", "basicsize"), "type_dictoffset": ("type", "dictoffset"),
    "heap_type_size": ("heap_type", "struct_size"), "heap_type_cached_keys": ("heap_type", "cached_keys"),
    "tuple_size": ("tuple", "struct_size"), "tuple_items": ("tuple", "items"),
    "list_size": ("list", "struct_size"), "list_items": ("list", "items"),
    "set_size": ("set", "struct_size"), "set_used": ("set", "used"), "set_table": ("set", "table"), "set_mask": ("set", "mask"),
    "dict_size": ("dict", "struct_size"), "dict_keys": ("dict", "keys"), "dict_values": ("dict", "values"),
    "float_size": ("float_object", "struct_size"), "float_value": ("float_object", "value"),
    "long_size": ("long_int", "struct_size"), "long_tag": ("long_int", "tag"), "long_digits": ("long_int", "digits"),
    "bytes_size": ("bytes", "struct_size"), "bytes_data": ("bytes", "data"),
    "str_size": ("str_legacy", "struct_size"), "str_state": ("str", "state"), "str_length": ("str", "length"),
    "str_ascii_size": ("str", "struct_size"), "str_compact_size": ("str_compact", "struct_size"),
    "gc_size": ("gc_state", "struct_size"), "gc_collecting": ("gc_state", "collecting"),
    "gc_generation_stats": ("gc_state", "generation_stats"),
    "gc_generation_stats_size": ("generation_stats_buffer", "struct_size"),
    "generator_size": ("generator", "struct_size"), "generator_name": ("generator", "name"),
    "generator_frame": ("generator", "interpreter_frame"), "generator_frame_state": ("generator", "frame_state"),
}


def check_debug_offsets(section, layout, binary, elf, symbols):
    """What the target publishes about itself, read from its file without any DWARF."""
    positions = layout["debug_offsets"]
    if not positions.get("struct_size") or "_PyRuntime" not in symbols:
        return 0
    start = elf.at(symbols["_PyRuntime"][0])
    if start is None or elf.data[start : start + 8] != b"xdebugpy":
        fail("%s: no _Py_DebugOffsets at _PyRuntime" % binary.label)
        return 0
    if symbols["_PyRuntime"][1] != layout["runtime_size"]:
        skip("%s: no table for a _PyRuntime of %d bytes, so its _Py_DebugOffsets is not compared" % (binary.label, symbols["_PyRuntime"][1]))
        return 0
    compared = 0
    for member, (group, field) in DEBUG_OFFSETS.items():
        if member not in positions:
            continue
        value, = struct.unpack_from("<Q", elf.data, start + positions[member][0])
        known = layout[group].get(field)
        known = known[0] if isinstance(known, tuple) else known
        compared += 1
        if known != value:
            fail("%s: its _Py_DebugOffsets says %s = %d, table %s says %s" % (binary.label, member, value, section.name, known))
    print("%s: %d values of _Py_DebugOffsets compared with table %s" % (binary.label, compared, section.name))
    return compared


def check_symbols(section, layout, binary, symbols):
    """Exported statics: their ELF sizes are sizeof their C types."""
    compared = 0
    for names, group in (
        (["PyType_Type", "PyLong_Type", "PyUnicode_Type", "PyDict_Type", "PyList_Type", "PyTuple_Type", "PyFloat_Type"], "type"),
        (["_Py_NoneStruct"], "object"),
        (["_PyRuntime"], "runtime"),
    ):
        for name in names:
            if name not in symbols:
                continue
            if name == "_PyRuntime" and symbols[name][1] != layout["runtime_size"]:
                continue  # the other checks name the skip
            compared += 1
            if symbols[name][1] != layout[group].get("struct_size"):
                fail("%s: symbol %s has %d bytes, table %s says %s" % (binary.label, name, symbols[name][1], section.name, layout[group].get("struct_size")))
    print("%s: %d symbol sizes compared with table %s" % (binary.label, compared, section.name))
    return compared


# (group, member descriptor) -> field, where the name does not say it; None: not in the tables, or not an offset of its own.
ALIASES = {
    ("module", "__dict__"): "dict", ("property", "fget"): "get", ("property", "fset"): "set", ("property", "fdel"): "del",
    ("super", "__thisclass__"): "type", ("super", "__self__"): "object", ("super", "__self_class__"): "object_type",
    ("classmethod", "__func__"): "callable", ("classmethod", "__wrapped__"): "callable",
    ("staticmethod", "__func__"): "callable", ("staticmethod", "__wrapped__"): "callable",
    ("partial", "func"): "fn", ("partial", "keywords"): "kw", ("partial", "__vectorcalloffset__"): "vectorcall",
    ("cmp_key", "obj"): "object", ("exception_group", "message"): "msg", ("exception_group", "exceptions"): "excs",
    ("match", "re"): "pattern", ("coroutine", "cr_origin"): "origin_or_finalizer",
    ("async_generator", "ag_running"): "running_async", ("weakref", "__callback__"): "callback",
    ("generic_alias", "__unpacked__"): "starred", ("method", "__func__"): "func",
    ("future", "_loop"): "loop", ("frame", "f_trace_lines"): "trace_lines", ("frame", "f_trace_opcodes"): "trace_opcodes",
}
PREFIXES = ("co_", "func_", "gi_", "cr_", "ag_", "f_", "tb_", "im_")

# Groups of variable size -> the members whose offsets make up __basicsize__ (a trailing array is not counted in it).
TRAILING = {
    "type": [("heap_type", "struct_size")], "tuple": [("tuple", "items")], "code": [("code", "code_adaptive")], "long_int": [("long_int", "digits")],
    "memoryview": [("memoryview", "array")], "pattern": [("pattern", "code")], "match": [("match", "mark")],
    "frame": [("frame", "frame_data"), ("interpreter_frame", "localsplus")],
    "generator": [("generator", "interpreter_frame"), ("interpreter_frame", "localsplus")],
    "coroutine": [("coroutine", "interpreter_frame"), ("interpreter_frame", "localsplus")],
    "async_generator": [("async_generator", "interpreter_frame"), ("interpreter_frame", "localsplus")],
}


def field_for(group, member, fields):
    if (group, member) in ALIASES:
        return ALIASES[group, member]
    for name in [member.strip("_")] + [member[len(p) :] for p in PREFIXES if member.startswith(p)]:
        if name in fields:
            return name
    return None


def check_live(section, layout, binary, is_root):
    """What the running interpreter says about its types, without DWARF and without symbols."""
    if binary.command[0] == "chroot" and not is_root:
        skip("%s: only root may chroot into it, so it was not run" % binary.label)
        return 0
    options = ["-B", "-s", "-"] if binary.command[0] == "env" else ["-B", "-E", "-s", "-"]
    with open(os.path.join(HERE, "live_probe.py"), "rb") as script:
        done = subprocess.run(binary.command + options, stdin=script, capture_output=True, timeout=120)
    try:
        said = json.loads(done.stdout.decode())
    except ValueError:
        fail("%s: the probe did not run: %s" % (binary.label, done.stderr.decode("latin-1")[-500:]))
        return 0
    compared = 0

    def compare(group, what, value, known):
        nonlocal compared
        compared += 1
        if value not in known:
            fail("%s: type of group %s says %s = %d, table %s says %s" % (binary.label, group, what, value, section.name, known))

    for group, entry in sorted(said["types"].items()):
        row = layout[group]
        if not row.get("struct_size"):
            fail("%s: there is a type %s, table %s has no group %s" % (binary.label, entry["name"], section.name, group))
            continue
        sizes = [row["struct_size"]]
        parts = [layout[g].get(f) for g, f in TRAILING.get(group, [])]
        if parts and all(parts):
            sizes.append(sum(part[0] if isinstance(part, tuple) else part for part in parts))
        compare(group, "__basicsize__", entry["basicsize"], sizes)
        for offset, fields in ((entry["dictoffset"], ("instance_dict", "dict")), (entry["weakrefoffset"], ("weakreflist", "weaklist"))):
            field = next((f for f in fields if f in row), None)
            if offset > 0 and field:
                compare(group, "the offset of its " + field, offset, [row[field][0]])
        for member, offset in sorted(entry["members"].items()):
            field = field_for(group, member, row)
            if field and field in row:
                compare(group, "the offset of " + member, offset, [row[field][0]])
    print("%s: %d sizes and offsets told by %d types compared with table %s" % (binary.label, compared, len(said["types"]), section.name))
    return compared


def check_traits(section, layout, binary, is_root, traits):
    """Traits as the running interpreter shows them in its own memory."""
    if binary.command[0] == "chroot" and not is_root:
        return 0  # check_live names the skip
    plain = {k: v for k, v in layout.items() if isinstance(v, dict)}
    with open(os.path.join(HERE, "live_traits.py")) as script:
        text = "LAYOUT = %r\nTRAITS = %r\n%s" % (plain, traits, script.read())
    options = ["-B", "-s", "-"] if binary.command[0] == "env" else ["-B", "-E", "-s", "-"]
    done = subprocess.run(binary.command + options, input=text.encode(), capture_output=True, timeout=120)
    try:
        seen = json.loads(done.stdout.decode())
    except ValueError:
        fail("%s: its traits could not be observed: %s" % (binary.label, done.stderr.decode("latin-1")[-800:]))
        return 0
    for name, value in sorted(seen.items()):
        if name not in traits:  # a statement, not a trait's value
            right = value is True
            known = "yes"
        else:
            known = traits[name]
            right = value in known if isinstance(known, list) else value == known
        if not right:
            fail("%s: observed %s: %s, table %s says %s" % (binary.label, name, value, section.name, known))
    print("%s: %d observed traits compared with table %s" % (binary.label, len(seen), section.name))
    return len(seen)


def cpp_value(text):
    """A C++ initialiser of traits.h or the traits file, as a Python value."""
    text = re.sub(r"std::uint64_t\{(\d+)\}", r"\1", " ".join(text.split()))
    text = re.sub(r"\b(0x[0-9A-Fa-f]+|\d+)(ull|u)\b", r"\1", text)
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("{"):
        return [cpp_value(part) for part in text[1:-1].split(",") if part.strip()]
    if "::" in text:
        return text.split("::")[1]
    if text == "kNoOwner":
        return 255
    if not re.fullmatch(r"[\d\sxXa-fA-F|<~-]+", text):
        raise ValueError("cannot read the trait %r" % text)
    return eval(text) & (1 << 64) - 1 if "~" in text else eval(text)  # digits and operators only, as matched above


def effective_traits(sections):
    """section -> {trait: value}, the defaults of traits.h under what each version changes."""
    with open(os.path.join(ROOT, "cpython_layouts", "traits.h")) as file:
        header = re.sub(r"//.*", "", file.read())
    structs = {}
    for name, body in re.findall(r"struct (\w+) \{(.*?)\n\};", header, re.S):
        structs[name] = {}
        for kind, member, value in re.findall(r"^  ([\w:]+) (\w+)((?: = |\{)[^;]*)?;", body, re.M):
            if kind in structs:
                structs[name][member] = dict(structs[kind])
            elif value:
                structs[name][member] = cpp_value(value[3:] if value.startswith(" = ") else value)
            else:
                structs[name][member] = 0
    known = {}
    for section in sections:
        traits = json.loads(json.dumps(known.get(section.parent, structs["Traits"])))
        for key, value, _ in section.traits:
            outer, _, inner = key.partition(".")
            value = cpp_value(value)
            if inner:
                traits[outer][inner] = value
            elif isinstance(traits[outer], dict):
                traits[outer] = dict(zip(traits[outer], value))
            else:
                traits[outer] = value
        known[section.name] = traits
    return known


def choices_of(sections):
    """section -> {trait: values} of the Choices in the traits file, inherited."""
    known = {}
    for section in sections:
        known[section.name] = dict(known.get(section.parent, {}))
        for key, value, _ in section.traits:
            if re.fullmatch(r"\{[\d, ]*\}", value):
                known[section.name][key] = [int(v) for v in value[1:-1].split(",") if v.strip()]
    return known


CHOICES = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interpreters", default=os.path.join(ROOT, "build", "interpreters"), help="where Debian's were fetched to")
    parser.add_argument("--gdb", default="gdb")
    arguments = parser.parse_args()

    check_committed()
    groups = tables.read_schema()
    sections = generate_layouts.read_traits()
    layouts = generate_layouts.load(groups, sections)
    CHOICES.update(choices_of(sections))

    gdb = shutil.which(arguments.gdb)
    if not gdb:
        skip("DWARF: no gdb to read it with")
    is_root = os.geteuid() == 0
    traits = effective_traits(sections)
    binaries, members, published, sizes, told, observed, tried = 0, 0, 0, 0, 0, 0, set()
    for binary in list(pyenv_binaries()) + list(debian_binaries(arguments.interpreters)):
        elf = Elf(binary.image)
        symbols = elf.symbols()
        runtime_size = symbols.get("_PyRuntime", (0, 0))[1]
        section = choose(sections, layouts, binary, runtime_size)
        if not section:
            skip("%s: no table for %s" % (binary.label, ".".join(binary.version)))
            continue
        layout = layouts[section.name]
        binaries += 1
        tried.add(section.name)
        sizes += check_symbols(section, layout, binary, symbols)
        published += check_debug_offsets(section, layout, binary, elf, symbols)
        told += check_live(section, layout, binary, is_root)
        observed += check_traits(section, layout, binary, is_root, traits[section.name])
        if not binary.dwarf:
            skip("%s: it is stripped and its debug file was not fetched (tests/interpreters/fetch --debug)" % binary.label)
        elif gdb:
            members += check_dwarf(groups, section, layout, binary, gdb, runtime_size)
    for section in sections:
        if section.name not in tried:
            skip("table %s: no interpreter at hand to compare it with" % section.name)
    print(
        "%d interpreters, %d of %d tables: %d members by DWARF, %d published offsets, %d symbol sizes, %d told by types, %d observed traits; "
        "%d skips, %d failures"
        % (binaries, len(tried), len(sections), members, published, sizes, told, observed, len(skips), len(failures))
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
