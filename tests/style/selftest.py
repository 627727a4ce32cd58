"""Plants breaches of every rule in an empty tree: each must be found, and nothing else."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import check  # noqa: E402
from tree import Tree  # noqa: E402


def plant(root, files):
    for path, text in files.items():
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)


class Selftest(unittest.TestCase):
    def test_every_planted_breach_is_found(self):
        for name in check.NAMES:
            module = check.load(name)
            if getattr(module, "skip_reason", lambda: None)():
                continue
            with self.subTest(check=name), tempfile.TemporaryDirectory() as root:
                plant(root, {**module.CLEAN, **module.PLANTED})
                places = getattr(module, "REPORTED_AT", {})
                expected = {places.get(path, path) for path in module.PLANTED}
                found = {path for path, _, _ in module.breaches(Tree(root))}
                self.assertEqual(found, expected)

    def test_a_clean_tree_is_clean(self):
        for name in check.NAMES:
            module = check.load(name)
            if getattr(module, "skip_reason", lambda: None)():
                continue
            with self.subTest(check=name), tempfile.TemporaryDirectory() as root:
                plant(root, module.CLEAN)
                self.assertEqual(list(module.breaches(Tree(root))), [])

    def test_comments_and_strings_are_no_code(self):
        with tempfile.TemporaryDirectory() as root:
            plant(root, {"d/a.cpp": 'x /* y\n */ + R"(a"//b)" + "c//" + 1\'000; // z\n'})
            code = Tree(root).code("d/a.cpp")
            self.assertEqual(code.count("\n"), 2)
            self.assertEqual(code.split(), ["x", "+", "+", "+", "1'000;"])


if __name__ == "__main__":
    unittest.main()
