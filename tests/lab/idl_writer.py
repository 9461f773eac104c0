"""Writes rows by Open vSwitch's own Python library: a program by itself,
since only the distribution's Python has that.

usage: /usr/bin/python3 idl_writer.py EXAMPLES-DIR REMOTE < ROWS

ROWS is a JSON list of [KEY, TABLE, COLUMNS]; in COLUMNS "@KEY" is an earlier
row of the list.  All are inserted in one transaction.
"""

import json
import sys

examples, remote = sys.argv[1:]
sys.path.insert(0, examples)
sys.dont_write_bytecode = True

from control_plane import ControlPlane  # noqa: E402 (needs the path)


def main():
    rows = json.load(sys.stdin)

    def edit(insert):
        made = {}

        def meant(value):
            if isinstance(value, list):
                return [meant(v) for v in value]
            if isinstance(value, str) and value.startswith("@"):
                return made[value[1:]]
            return value
        for key, table, columns in rows:
            made[key] = insert(table, **{c: meant(v)
                                         for c, v in columns.items()})
    ControlPlane(remote).edit(edit)


main()
