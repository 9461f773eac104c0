#!/usr/bin/env python3
"""The flows that filters take, against docs/filters.md.

Run by itself it prints the table that the document has."""

import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from dummy.openflow_tester import Tester  # noqa: E402
from lab.rule_sets import SETS  # noqa: E402

DOCUMENT = os.path.join(HERE, "..", "..", "docs", "filters.md")
HEADING = ["| rule set | rules | cannot decide | cross product | flows | "
           "flows a rule |", "|---|---|---|---|---|---|"]


def table():
    tester = Tester("unix:/nonexistent")
    lines = list(HEADING)
    try:
        for name, rules in SETS.items():
            answer = tester.ask(
                "filter 1 " + json.dumps({"name": "flt", **rules}))
            flows, product, n, shadowed = map(int, answer[0].split())
            lines.append(f"| {name} | {n} | {shadowed} | {product} | {flows} "
                         f"| {flows / n:.1f} |")
    finally:
        tester.close()
    return lines


class FlowCountsTest(unittest.TestCase):
    def test_the_document_has_the_flows_that_filters_take(self):
        with open(DOCUMENT, encoding="utf-8") as document:
            written = [line for line in document.read().splitlines()
                       if line.startswith("|")]
        start = written.index(HEADING[0])
        made = table()
        self.assertEqual(written[start:start + len(made)], made)


if __name__ == "__main__":
    print("\n".join(table()))
