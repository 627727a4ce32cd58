"""One view per type: only heapparse/python/types/ reads the offsets inside objects of a type."""

import re

from tree import CPP, search

# Groups of cpython_layouts/structs.h that are no object type: runtime structures, allocators, and
# the words every object begins with, by which the census tells objects from other blocks.
NOT_TYPES = set(
    """object var_object gc_head
    runtime interpreter static_type_state gc_state generation generation_stats
    generation_stats_buffer gil thread_state thread_state_impl llist_node interpreter_frame cframe
    stack_chunk exc_stack_item arena pool obmalloc_state allocator debug_allocator hashtable
    hashtable_entry trace trace_traceback trace_frame tracemalloc_config type_cache_entry freelists
    float_freelist tuple_freelists list_freelist frame_freelist dict_freelist async_gen_freelist
    context_freelist mi_segment mi_page debug_offsets""".split()
)
STRUCTS = "cpython_layouts/structs.h"
ALLOWED = ("heapparse/python/types/", "cpython_layouts/", "tests/", "tools/", "bench/")
GROUP = re.compile(r"struct (\w+) : Struct \{(.*?)\n  \};\n  \1 (\w+);", re.S)


def groups(tree):
    """{group: [fields]} as the generated header states them."""
    found = {}
    for _, body, name in GROUP.findall(tree.text(STRUCTS)):
        fields = re.search(r"Field ([^;]+);", body)
        found[name] = re.findall(r"\w+", fields.group(1)) if fields else []
    return found


def pattern(tree):
    """What reads an offset. How large a struct is and whether a version has it is no such read."""
    parts = []
    for group, fields in groups(tree).items():
        if group in NOT_TYPES or not fields:
            continue
        # `anything.list.items`, but not a call like `row.list.size()`.
        parts.append(rf"{group}\s*\.\s*(?:{'|'.join(fields)})\b(?!\s*(?:\(|\.\s*present\b))")
        # `layout.list` on its own: a group taken out to read its fields elsewhere.
        for name in ("layout", "layout_", "layout()"):
            for arrow in (".", "->"):
                before = re.escape(name + arrow)
                parts.append(rf"(?<={before}){group}\b(?!\s*[.(\w])")
    return re.compile(r"(?:\.|->)\s*(?:" + "|".join(parts) + ")")


def breaches(tree):
    if STRUCTS not in tree.paths():
        yield STRUCTS, 1, "is missing: this check reads the groups of fields from it"
        return
    offsets = pattern(tree)
    for path in tree.paths(*CPP):
        if not path.startswith(ALLOWED):
            yield from search(path, tree.code(path), offsets)


_STRUCTS = """struct Structs {
  struct List : Struct {  // PyListObject
    Field size, items, allocated;
    friend constexpr bool operator==(const List&, const List&) = default;
  };
  List list;
  struct Runtime : Struct {  // _PyRuntime
    Field head;
  };
  Runtime runtime;
};
"""
PLANTED = {
    "commands/a.cpp": "int f() { return layout.list.items.offset; }\n",
    "heapparse/census/b.cpp": "auto x = tables->list\n    .allocated;\n",
    "heapparse/python/threads.cpp": "const auto& l = layout_.list;\n",
    "heapparse/python/frames.cpp": "read(object, reader.layout().list);\n",
}
CLEAN = {
    STRUCTS: _STRUCTS,
    "heapparse/python/types/list.cpp": "auto n = layout.list.size;\n",
    "heapparse/python/runtime.cpp": "auto n = layout.runtime.head; // not layout.list.size\n",
    "heapparse/census/plan.cpp": "auto n = layout.list.struct_size;\n"
    "bool b = layout->list.present() && layout->list.items.present();\n",
    "commands/c.cpp": 'auto n = report.list.size(); auto s = "x.list.size";\n',
}
