"""Objects of packages with C, C++, Cython and Rust types, and what the packages themselves say of them.

Writes one line of JSON, {package: …} (see test_extensions.py), then "ready", and waits for the end of its standard input.
"""
import ctypes
import gc
import json
import os
import sys

keep = []


def full_name(kind):
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)


def plant_arrays(np):
    """Every kind of item, order, view and owner."""
    kinds = ["?", "i1", "u1", "<i2", ">i2", "u4", "i8", "f2", "<f4", ">f8", "f8", "g", "c8", "c16", "S7", "<U5", ">U5", "V12", "O",
             "M8[ns]", "M8[7D]", "<m8[s]", "M8"]
    arrays = [np.zeros((3, 4), kind) for kind in kinds]
    arrays += [np.zeros(shape) for shape in [(), (0,), (1,), (10,), (0, 5), (2, 3, 4), (1,) * 20, (100, 100), (1000, 130), (1310, 1200)]]
    arrays.append(np.zeros((50, 60), order="F"))
    arrays.append(np.zeros(40, [("id", "i8"), ("name", "S10"), ("what", "O"), ("at", "f4", (3,))]))
    arrays.append(np.array([{"planted": i} for i in range(300)] + [None], object))      # only the array holds them
    for array in list(arrays):
        arrays.append(array.view())
        if array.ndim:
            arrays.append(array[::-1])
            arrays.append(array.T)
    arrays.append(arrays[0].view().view())                                               # numpy points to the owner
    buffer = bytearray(800)
    arrays.append(np.frombuffer(buffer, "f8"))
    arrays.append(np.broadcast_to(np.arange(5.0), (1000, 5)))
    arrays.append(np.matrix([[1, 2], [3, 4]]))
    arrays.append(np.zeros(5, [("x", "f8")]).view(np.recarray))
    arrays.append(np.ma.masked_array([1, 2, 3], [0, 1, 0]))

    class Own(np.ndarray):
        pass
    arrays.append(np.zeros((7, 8)).view(Own))
    arrays.append(Own((9, 9)))
    keep.append((arrays, buffer))
    return arrays


def described(array):
    # What numpy allocated for it: its data, and the block of its dimensions and strides.
    head = ctypes.cast(id(array), ctypes.POINTER(ctypes.c_size_t))
    data, dimensions = head[2], head[4]
    own = bool(array.flags.owndata)
    held = []
    if own and array.dtype.hasobject:
        items = [array.ravel()[i] for i in range(array.size)] if array.dtype == object else [one["what"] for one in array.ravel()]
        held = [id(one) for one in items]
    return {"type": full_name(type(array)), "shape": list(array.shape), "dtype": array.dtype.str, "kind": array.dtype.kind,
            "name": array.dtype.name, "itemsize": array.dtype.itemsize, "owns": own,
            "base": 0 if array.base is None else id(array.base), "descr": id(array.dtype), "held": held,
            "blocks": ([data] if own else []) + ([dimensions] if array.ndim else []), "sizeof": sys.getsizeof(array)}


def numpy_section():
    import numpy as np
    return {"version": np.__version__, "arrays": {"%d" % id(array): described(array) for array in plant_arrays(np)}}


def main():
    said = {"numpy": numpy_section()}
    gc.collect()
    gc.disable()
    os.write(1, json.dumps(said).encode() + b"\nready\n")
    os.read(0, 1)


main()
