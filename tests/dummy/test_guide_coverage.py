"""docs/guide-coverage.md names what there is: tests, codes and functions."""

import os
import re
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CORE = ("plugin", "flows")


def text_of(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def rows():
    """(sentence, where, test) of each row of the document's tables."""
    for line in text_of("docs", "guide-coverage.md").splitlines():
        if line.startswith("| \""):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def has_test(path, name):
    """Whether that file has a test, or a class of tests, of the name."""
    suite, _, test = name.partition(".")
    source = text_of(path)
    if path.endswith(".cc"):
        return re.search(rf"TEST(_F)?\({suite}, {test}\)",
                         re.sub(r"\s+", " ", source))
    body = re.search(rf"^class {suite}\b.*?(?=^\S|\Z)", source, re.M | re.S)
    return body and (re.search(r"def test_\w+", body[0]) if not test else
                     re.search(rf"^    def {test}\b", body[0], re.M))


class GuideCoverage(unittest.TestCase):
    def test_every_row_has_a_sentence_a_place_and_a_test(self):
        found = list(rows())
        self.assertGreater(len(found), 35)
        for row in found:
            with self.subTest(row[0]):
                self.assertEqual(len(row), 3)
                for cell in row[1:]:
                    self.assertTrue(quoted(cell))

    def test_every_test_is_there(self):
        for sentence, _, tests in rows():
            path = None
            for name in quoted(tests):
                if "/" in name:
                    path = name
                    continue
                with self.subTest(path=path, name=name):
                    self.assertIsNotNone(path, sentence)
                    self.assertTrue(has_test(path, name))

    def test_every_test_of_a_case_is_run_by_a_suite(self):
        suites = "".join(
            text_of("tests", suite, name) for suite in ("dummy", "system")
            for name in sorted(os.listdir(os.path.join(TOP, "tests", suite)))
            if name.endswith(".py"))
        for _, _, tests in rows():
            for name in re.findall(r"\b(\w+Cases)\b", tests):
                self.assertRegex(suites, rf"class \w+\({name}, ", name)

    def test_every_code_is_explained(self):
        status = text_of("docs", "status.md")
        for _, where, _ in rows():
            for code in quoted(where):
                if code.isupper():
                    self.assertIn(f"| `{code}` |", status)

    def test_every_function_is_there(self):
        sources = "".join(
            text_of(room, name) for room in CORE
            for name in sorted(os.listdir(os.path.join(TOP, room)))
            if name.endswith(".cc"))
        for _, where, _ in rows():
            for name in quoted(where):
                if not name.isupper():
                    self.assertTrue(name.endswith("()"), name)
                    self.assertRegex(
                        sources, rf"(?m)^(\w+::)?{name[:-2]}\(", name)
