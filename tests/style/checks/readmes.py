"""Every folder of the house has a README.md of a few lines: what lives here, what may not."""

from floors import FLOOR_OF

ALSO = ["tests", "tests/unit", "tests/oracle", "tests/e2e", "tests/fuzz", "tests/style",
        "tests/interpreters", "bench", "docs", "tools", "examples"]
MOST_LINES = 80


def breaches(tree):
    paths = set(tree.paths())
    for folder in list(FLOOR_OF) + ALSO:
        readme = f"{folder}/README.md"
        if readme in paths:
            lines = tree.text(readme).strip().split("\n")
            if len(lines) < 3:
                yield readme, 1, "says too little"
            elif len(lines) > MOST_LINES and folder in FLOOR_OF:
                yield readme, MOST_LINES, "is no longer a few lines"
        elif any(path.startswith(folder + "/") for path in paths):
            yield readme, 1, "is missing"


PLANTED = {
    "heapparse/malloc/a.cpp": "",
    "capi/README.md": "# capi\n",
    "querylang/README.md": "# x\n\nlong\n" * 40,
}
CLEAN = {"cli/README.md": "# cli\n\nThe command line.\n", "cli/main.cpp": ""}
# A breach is reported at the README that should be there.
REPORTED_AT = {"heapparse/malloc/a.cpp": "heapparse/malloc/README.md"}
