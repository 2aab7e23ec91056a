"""Compares two runs of a benchmark by ratio.

    compare_benches.py OLD.json NEW.json

Rows are matched by everything in them but their measurements. A ratio above 1 means that the newer run takes longer. Where a row has a
peer in the same run, its own ratio to that peer is compared instead: another machine, or a busier one, changes both alike.
"""

import json
import sys

MEASUREMENTS = ("median_ms", "times_ms", "ratio", "memory_mb")


def rows(path):
    with open(path) as file:
        run = json.load(file)
    return {tuple((key, row[key]) for key in sorted(row) if key not in MEASUREMENTS): row for row in run["rows"]}


def main():
    old, new = (rows(path) for path in sys.argv[1:3])
    for key in [key for key in new if key in old]:
        before, after = old[key], new[key]
        name = ", ".join(str(value) for _, value in key)
        line = f"{name}: {after['median_ms'] / before['median_ms']:.2f} of the time before"
        if before.get("ratio") and after.get("ratio"):
            line += f"; against its peer {before['ratio']:.2f} -> {after['ratio']:.2f}"
        print(line)
    for name, missing in (("gone", old.keys() - new.keys()), ("new", new.keys() - old.keys())):
        for key in sorted(missing):
            print(f"{name}: {', '.join(str(value) for _, value in key)}")


main()
