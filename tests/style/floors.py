"""The floors of the house, lowest first: a folder includes only from floors below its own.

Folders of one floor are siblings and never include one another. What is not named here (tests, bench,
tools, examples) may include from everywhere and is included by nobody.
"""

FLOORS = [
    ["cpython_layouts", "heapparse/base"],
    ["heapparse/image"],
    ["heapparse/malloc", "heapparse/pymalloc"],
    ["heapparse/python"],
    ["heapparse/census"],
    ["heapparse/graph", "heapparse/usage"],
    ["heapparse/snapshot"],
    ["querylang"],
    ["commands"],
    ["capi", "cli", "gdbplugin"],
]

FLOOR_OF = {folder: number for number, floor in enumerate(FLOORS) for folder in floor}


def folder_of(path):
    """The folder of the house that a path lies in, or None."""
    parts = path.split("/")
    for length in (2, 1):
        folder = "/".join(parts[:length])
        if len(parts) > length and folder in FLOOR_OF:
            return folder
    return None
