#!/usr/bin/env python3
"""Extracts the struct offsets that the layout tables need from DWARF, as one compact JSON file of tools/layout_data.

  tools/extract_layout.py --label 3.12.1 --output tools/layout_data/3.12.1.json FILE [FILE ...]

FILE is an interpreter, its libpython or their detached debug file; further files (the extension modules of the same build) are
asked only for the structs that the ones before do not have. `--modules FOLDER` adds the modules of a lib-dynload folder.
GDB reads the DWARF (`gdb -batch`), because it follows debug links, dwz files and every DWARF version; nothing is executed.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layout_tables as tables  # noqa: E402

# Modules that may be outside the interpreter and define structs of the schema; the first that has a struct of a name gives it.
MODULES = (
    "_asyncio _collections _contextvars _ctypes _datetime _decimal _elementtree _functools _io _queue _sre _struct _thread "
    "array cPickle datetime itertools mmap operator parser zlib _operator _pickle _random "
    "bz2 cStringIO pyexpat select _blake2 _bz2 _csv _hashlib _hmac _json _lsprof _lzma _md5 _multibytecodec _multiprocessing "
    "_sha1 _sha2 _sha256 _sha3 _sha512 _socket _sqlite3 _ssl _zoneinfo _zstd"
).split()


def module_files(folder):
    found = []
    for module in MODULES:
        found += sorted(glob.glob(os.path.join(folder, module + ".*so")) + glob.glob(os.path.join(folder, module + "module.*so")))
    return found


# ---- the half that runs inside GDB ----------------------------------------------------------------------------------


def inside_gdb():
    import gdb  # noqa: E402

    with open(os.environ["COREHEAP_LAYOUT_JOB"]) as file:
        job = json.load(file)
    wanted = {name: set(paths) for name, paths in job["wanted"].items()}
    result = {}

    def find_type(name):
        for spelling in ("struct " + name, "union " + name, name):
            try:
                found = gdb.lookup_type(spelling).strip_typedefs()
            except (gdb.error, RuntimeError):
                continue
            if found.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) and found.sizeof and found.fields():
                return found
        return None

    def element(kind):
        kind = kind.strip_typedefs()
        while kind.code == gdb.TYPE_CODE_ARRAY:
            kind = kind.target().strip_typedefs()
        return kind

    def member(kind, name, base=0):
        """-> (field, bit position in `kind`), looking through anonymous members."""
        if kind.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return None
        for field in kind.fields():
            if not hasattr(field, "bitpos"):
                continue
            if field.name == name:
                return field, base + field.bitpos
            if not field.name:
                found = member(field.type.strip_typedefs(), name, base + field.bitpos)
                if found:
                    return found
        return None

    def path_of(kind, parts):
        """-> (bit position, size, bit width) of a member path, or None; embedded heads are looked through."""
        position = 0
        here = kind
        for index, part in enumerate(parts):
            name, _, subscript = part.partition("[")
            found = member(here, name)
            if not found:
                if index == 0:
                    for head in sorted(job["heads"]):
                        inner = member(here, head)
                        if inner:
                            deeper = path_of(inner[0].type.strip_typedefs(), parts)
                            if deeper:
                                return (deeper[0] + inner[1],) + deeper[1:]
                return None
            field, at = found
            position += at
            here = element(field.type) if subscript or index + 1 < len(parts) else field.type.strip_typedefs()
            width = getattr(field, "bitsize", 0)
        return position, here.sizeof, width

    for path in job["files"]:
        missing = [name for name in wanted if name not in result]
        if not missing:
            break
        gdb.execute("file " + path.replace(" ", "\\ "), to_string=True)
        for name in missing:
            kind = find_type(name)
            if not kind:
                continue
            fields = {}
            for text in wanted[name]:
                found = path_of(kind, text.split("."))
                if not found:
                    continue
                position, size, width = found
                if width:
                    unit = 8 * size
                    fields[text] = [position // unit * size, size, position % unit, width]
                else:
                    fields[text] = [position // 8, size]
            result[name] = {"size": kind.sizeof, "fields": fields}
    with open(job["output"], "w") as out:
        json.dump(result, out)


# ---- the half that runs outside -------------------------------------------------------------------------------------


def extract(files, label, source, debug_folder=None, gdb_program="gdb"):
    """-> the data of a layout_data file."""
    wanted = tables.wanted(tables.read_schema())
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "wanted": {name: sorted(paths) for name, paths in wanted.items()},
            "heads": sorted(tables.HEADS),
            "files": files,
            "output": os.path.join(folder, "types.json"),
        }
        with open(os.path.join(folder, "job.json"), "w") as out:
            json.dump(job, out)
        command = [gdb_program, "-batch", "-nx", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off"]
        if debug_folder:
            command += ["-iex", "set debug-file-directory " + debug_folder]
        command += ["-ex", "source " + os.path.abspath(__file__)]
        environment = dict(os.environ, COREHEAP_LAYOUT_JOB=os.path.join(folder, "job.json"))
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if not os.path.exists(job["output"]):
            raise RuntimeError("gdb extracted nothing from %s:\n%s" % (files[0], done.stderr[-2000:]))
        with open(job["output"]) as file:
            types = json.load(file)
    runtime = next((types[n]["size"] for n in ("_PyRuntimeState", "pyruntimestate") if n in types), None)
    return {"label": label, "source": source, "runtime_size": runtime, "types": types}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--label", required=True, help="version of the interpreter, e.g. 3.12.1")
    parser.add_argument("--source", default="DWARF of the interpreter", help="one line on where it is from")
    parser.add_argument("--modules", help="lib-dynload folder of the same build")
    parser.add_argument("--debug-dir", help="folder with .build-id/, as /usr/lib/debug")
    parser.add_argument("--gdb", default="gdb")
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    files = arguments.files + (module_files(arguments.modules) if arguments.modules else [])
    data = extract(files, arguments.label, arguments.source, arguments.debug_dir, arguments.gdb)
    tables.write_data(arguments.output, data)
    print("%s: %d structs, %d members" % (arguments.output, len(data["types"]), sum(len(t["fields"]) for t in data["types"].values())))


if "COREHEAP_LAYOUT_JOB" in os.environ:
    inside_gdb()
elif __name__ == "__main__":
    main()
