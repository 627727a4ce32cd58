"""Runs inside an interpreter behind a line `LAYOUT = {...}` and prints, as JSON, the traits it observes in its own memory.

Offsets come from the tables; what is read with them decides the trait, so a wrong trait and a wrong offset both show.
A trait that cannot be observed here is left out.
"""

import ctypes
import gc
import json
import sys
import weakref


def read(address, size):
    return int.from_bytes(ctypes.string_at(address, size), "little") if size and sys.version_info[0] > 2 else word2(address, size)


def word2(address, size):
    kind = {1: ctypes.c_ubyte, 2: ctypes.c_ushort, 4: ctypes.c_uint, 8: ctypes.c_ulonglong}[size]
    return int(kind.from_address(address).value)


def member(thing, group, field):
    address = thing if isinstance(thing, ADDRESS) else id(thing)
    offset, size, bit, width = LAYOUT[group][field]  # noqa: F821
    value = read(address + offset, min(size, 8))
    return value >> bit & (1 << width) - 1 if width else value


class ADDRESS(int if sys.version_info[0] > 2 else long):  # noqa: F821
    """A number that is an address already."""


def has(group, field):
    return field in LAYOUT.get(group, {})  # noqa: F821


class Plain(object):
    pass


class Sub(type(2**100)):
    pass


class WithSlots(object):
    __slots__ = ("a",)


def generator():
    yield 1


def signed_byte(value):
    return value - 256 if value > 127 else value


def observe():
    seen = {}
    python3 = sys.version_info[0] > 2
    gc_head = sys.getsizeof([]) - list.__basicsize__
    free_threaded = has("object", "refcnt_local")
    if not free_threaded:
        seen["gc_head_sizes"] = gc_head
    none_low = member(None, "object", "refcnt_low") if has("object", "refcnt_low") else 0
    if none_low >> 31:
        seen["refcount_form"] = "kSplitFlags" if has("object", "flags") else "kImmortalLow32"
        if has("object", "flags"):
            flags = member(None, "object", "flags")
            seen["immortal_object_flag in None's"] = bool(flags & TRAITS["immortal_object_flag"])  # noqa: F821
            seen["static_object_flag in None's"] = bool(flags & TRAITS["static_object_flag"])  # noqa: F821
    elif not free_threaded:
        seen["refcount_form"] = "kPlain"

    number = 0
    while int(str(number)) is int(str(number)):
        number += 1
    seen["small_int_max"] = number - 1
    number = 0
    while int(str(number)) is int(str(number)):
        number -= 1
    seen["small_int_min"] = number + 1

    flags = Plain.__flags__
    for name in ("managed_dict", "managed_weakref", "inline_values", "heap_type", "have_gc", "base_type", "ready"):
        bit = TRAITS["type_flags"].get(name)  # noqa: F821
        if bit:
            seen["type_flags." + name + " of a class"] = bool(flags & bit)
    for name, kind in (
        ("long_subclass", int if python3 else long),  # noqa: F821
        ("list_subclass", list), ("tuple_subclass", tuple), ("bytes_subclass", bytes), ("dict_subclass", dict),
        ("str_subclass", str if python3 else unicode),  # noqa: F821
        ("exception_subclass", BaseException), ("type_subclass", type),
    ):
        seen["type_flags." + name + " of its type"] = bool(kind.__flags__ & TRAITS["type_flags"][name])  # noqa: F821
        seen["not type_flags." + name + " of object"] = not object.__flags__ & TRAITS["type_flags"][name]  # noqa: F821
    thing = Plain()
    thing.a = 1
    reference = weakref.ref(thing)
    if TRAITS["managed_weakref_distance"]:  # noqa: F821
        seen["managed_weakref_distance finds the reference"] = (
            read(id(thing) - TRAITS["managed_weakref_distance"], 8) == id(reference)  # noqa: F821
        )
    if TRAITS["inline_values"]:  # noqa: F821
        values = ADDRESS(id(thing) + Plain.__basicsize__)
        seen["inline values are valid and hold the attribute"] = (
            member(values, "dict_values", "valid") == 1 and read(values + LAYOUT["dict_values"]["values"][0], 8) == id(1)  # noqa: F821
        )
    if TRAITS["values_have_prefix"]:  # noqa: F821
        values = read(id(thing) - TRAITS["managed_values_distance"], 8)  # noqa: F821
        values += values & 1
        seen["managed_values_distance finds the attribute"] = read(values, 8) == id(1)
    if TRAITS["managed_dict_distance"]:  # noqa: F821
        attributes = thing.__dict__
        seen["managed_dict_distance finds the dict"] = read(id(thing) - TRAITS["managed_dict_distance"], 8) == id(attributes)  # noqa: F821
    seen["preheader_size"] = sys.getsizeof(Plain()) - Plain.__basicsize__ - (0 if free_threaded else gc_head)

    if has("heap_type", "tpname"):
        from array import array

        if array.__flags__ & TRAITS["type_flags"]["heap_type"]:  # noqa: F821
            seen["type_name_in_heap"] = member(array, "type", "name") == member(array, "heap_type", "tpname")
        seen["a class's name lies in its str"] = (
            member(Plain, "heap_type", "tpname") == 0
            and member(Plain, "type", "name") == member(Plain, "heap_type", "name") + LAYOUT["str"]["struct_size"]  # noqa: F821
        )
    if has("heap_type", "qualname"):
        seen["heap_type_name"] = "kQualname" if member(Plain, "heap_type", "qualname") == id(Plain.__qualname__) else "kNameOnly"
    seen["static_types_dict_in_interpreter"] = member(int, "type", "dict") == 0 and member(int, "type", "subclasses") < 4096
    if not seen["static_types_dict_in_interpreter"]:
        subclasses = member(int, "type", "subclasses")
        seen["subclasses_is_list"] = read(subclasses + LAYOUT["object"]["type"][0], 8) == id(list)  # noqa: F821
    seen["members_follow_type"] = member(WithSlots, "type", "members") == id(WithSlots) + type.__basicsize__
    seen["sizeof_static_type_has_gc_head"] = sys.getsizeof(int) > LAYOUT["type"]["struct_size"] and python3  # noqa: F821

    big = 2**100
    if has("long_int", "tag"):
        seen["long_form"] = "kTag" if member(big, "long_int", "tag") >> 3 == 4 and member(-big, "long_int", "tag") & 3 == 2 else "?"
    else:
        seen["long_form"] = "kSignedSize" if member(big, "long_int", "size") == 4 and member(-big, "long_int", "size") >> 63 else "?"
    seen["long_digit_bits"] = sys.long_info.bits_per_digit if hasattr(sys, "long_info") else sys.int_info.bits_per_digit

    if has("dict_keys", "kind"):
        kinds = [member(ADDRESS(member(d, "dict", "keys")), "dict_keys", "kind") for d in ({1: 2}, {"a": 1}, Plain().__dict__)]
        thing = Plain()
        thing.a = 1
        kinds[2] = member(ADDRESS(member(Plain, "heap_type", "cached_keys")), "dict_keys", "kind")
        seen["dict_form"] = "kKeysObjectLog2" if kinds == [0, 1, 2] else "?"
    elif has("dict_keys", "size"):
        keys = ADDRESS(member({1: 2}, "dict", "keys"))
        seen["dict_form"] = "kKeysObjectSized" if member(keys, "dict_keys", "size") == 8 and member(keys, "dict_keys", "nentries") == 1 else "?"
    else:
        small = {1: 2}
        embedded = member(small, "dict", "table") == id(small) + LAYOUT["dict"]["small_table"][0]  # noqa: F821
        seen["dict_form"] = "kEmbeddedTable" if embedded and member(small, "dict", "mask") == 7 else "?"

    one = set([-2])
    table = ADDRESS(member(one, "set", "table"))
    entry = LAYOUT["set_entry"]["struct_size"]  # noqa: F821
    keys = [read(table + entry * i + LAYOUT["set_entry"]["key"][0], 8) for i in range(8)]  # noqa: F821
    first = [read(table + entry * i, 8) for i in range(8)]
    seen["set_entry_key_first"] = first == keys and id(next(iter(one))) in keys

    text = sys.intern("attribute_of_mine") if python3 else None
    if python3:
        state = member(text, "str", "interned")
        seen["interned state is one of those named"] = state in [
            TRAITS[name] for name in ("interned_mortal", "interned_immortal", "interned_immortal_static")  # noqa: F821
        ]
        fresh = "".join(["attribute_", "never_interned"])
        seen["a fresh str is not interned"] = member(fresh, "str", "interned") == 0
        seen["unicode_compact"] = bool(member(fresh, "str", "compact")) and bool(member(fresh, "str", "ascii"))
        data = ctypes.string_at(id(fresh) + LAYOUT["str"]["struct_size"], len(fresh))  # noqa: F821
        seen["ASCII characters lie behind the head"] = data == fresh.encode()
        wide = u"\u20ac" * 5
        data = ctypes.string_at(id(wide) + LAYOUT["str_compact"]["struct_size"], 10)  # noqa: F821
        seen["wider characters lie behind their head"] = data == wide.encode("utf-16-le") and member(wide, "str", "kind") == 2

    suspended, created, finished = generator(), generator(), generator()
    next(suspended)
    list(finished)
    if has("generator", "frame_state"):
        states = [signed_byte(member(g, "generator", "frame_state")) for g in (created, suspended, finished)]
        wanted = [TRAITS["generator_states"][name] for name in ("created", "suspended", "cleared")]  # noqa: F821
        seen["generator states are those named"] = states == wanted
    if has("interpreter_frame", "owner"):
        frame = sys._getframe()
        inner = ADDRESS(member(frame, "frame", "interpreter_frame"))
        seen["a running frame's owner is the thread"] = member(inner, "interpreter_frame", "owner") == TRAITS["frame_owners"]["thread"]  # noqa: F821
        inner = ADDRESS(member(suspended.gi_frame, "frame", "interpreter_frame"))
        seen["a generator's frame is in it"] = inner == id(suspended) + LAYOUT["generator"]["interpreter_frame"][0]  # noqa: F821
        seen["a generator's frame's owner is the generator"] = (
            member(inner, "interpreter_frame", "owner") == TRAITS["frame_owners"]["generator"]  # noqa: F821
        )
        executable = member(inner, "interpreter_frame", "executable")
        mask = TRAITS["stackref_tag_mask"] if TRAITS["executable_is_stackref"] else 0  # noqa: F821
        seen["a frame's executable is its code"] = executable & ~mask == id(generator.__code__)

    if not free_threaded:
        tracked, untracked = [[]], ()
        for _ in range(2):
            gc.collect()
        head = ADDRESS(id(tracked) - gc_head)
        following = member(head, "gc_head", "next") & TRAITS["gc_link_mask"]  # noqa: F821
        seen["gc_head.next leads to a head whose prev leads back"] = (
            member(ADDRESS(following), "gc_head", "prev") & TRAITS["gc_link_mask"] == head  # noqa: F821
        )
        off = ADDRESS(id(untracked) - gc_head)
        if not gc.is_tracked(untracked) and has("gc_head", "refs"):
            refs = member(off, "gc_head", "refs")
            refs -= 1 << 64 if refs >> 63 else 0
            on = member(head, "gc_head", "refs")
            on -= 1 << 64 if on >> 63 else 0
            seen["gc_refs of a tracked list is -3"] = (on >> 1 if TRAITS["gc_refs_shifted"] else on) == -3  # noqa: F821

    for name, value in (("sizeof_int of 0", 0), ("sizeof_int of 2**100", big), ("sizeof_int of a subclass", Sub(2**100)), ("sizeof_int of a subclass's 0", Sub(0))):
        if not python3 and not isinstance(value, long):  # noqa: F821
            continue
        digits = 0 if value == 0 else 4
        seen[name] = value.__sizeof__() == {
            "kBasicsizePerDigit": type(value).__basicsize__ + 4 * digits,
            "kHeadPerDigit": LAYOUT["long_int"]["digits"][0] + 4 * digits,  # noqa: F821
            "kHeadPerDigitAtLeastOne": LAYOUT["long_int"]["digits"][0] + 4 * max(digits, 1),  # noqa: F821
            "kBasicsizePerItemAtLeastOne": type(value).__basicsize__ + 4 * max(digits, 1),
        }[TRAITS["sizeof_int"]]  # noqa: F821
    return seen


print(json.dumps(observe()))
