"""Objects by closure (`export --closure`): every object of the truth is reached, with its type; what is reached
beyond is a live object of the census too, so that one list of causes explains both.

What the census has and closure has not must be what nothing can lead to: see NOT_REACHED.
"""

import collections

import moved
from reading import csv_rows

# Why an object that the census finds is not reached from the interpreter.
NOT_REACHED = {
    "static": "compiled in, and used by instructions only",
    "garbage": "garbage that the collector does not track, or whose references nothing roots",
}


def compare(comparison, reading):
    if moved.is_moved(reading):
        return                                      # layers of types that nobody can name are scanned for words
    truth, objects = reading.truth.objects, reading.objects
    with open(reading.run(["export", "--closure", "--format", "csv"], "closure.csv"), newline="", encoding="utf-8") as lines:
        reached = {int(row["object"], 16): row["type"] for row in csv_rows(lines)}
    comparison.compared(len(truth))
    missing = [a for a in truth if a not in reached]
    wrong = [a for a in truth if a in reached and reached[a] != truth[a][0]
             and objects.get(a, {}).get("type") != truth[a][0]]
    # Compiled into read-only pages (3.15 has code and bytes there): the census has no rows in files' clean pages.
    constant = {a for a in reached if a not in objects and reading.kind_at(a) == "file"}
    beyond = [a for a in reached if a not in objects and a not in constant]
    rest = collections.Counter("static" if row["allocator"] == "static" else "garbage"
                               for a, row in objects.items() if a not in reached and a not in truth)
    comparison.note("reached %d, in read-only pages %d; of the census not reached: %s" %
                    (len(reached), len(constant), ", ".join("%s %d" % one for one in rest.most_common()) or "none"))
    by_type = collections.Counter(truth[a][0] for a in missing)
    comparison.problem("not reached, by type: " + ", ".join("%s %d" % one for one in by_type.most_common(20)),
                       ["%#x %s" % (a, truth[a]) for a in missing])
    comparison.problem("reached as another type", ["%#x %s, says %s" % (a, truth[a][0], reached[a]) for a in wrong])
    comparison.problem("reached, but no object of the census", ["%#x %s" % (a, reached[a]) for a in beyond])
