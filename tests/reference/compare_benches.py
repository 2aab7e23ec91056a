"""Compares two runs of the benches by ratio.

    compare_benches.py OLD NEW

Both are files that a bench wrote with `--json`, or both folders of them, as benches/all.sh makes; of folders, those are compared that are
in both. Rows are matched by everything in them but their measurements. The ratio is the newer median by the older. Where a row has a peer
in the same run, its own ratio to that peer is compared as well: another machine, or a busier one, changes both alike.
"""

import json
import pathlib
import sys

MEASUREMENTS = ("median", "least", "most", "n", "median_ms", "times_ms", "ratio", "memory_mb", "estimated")


def rows(path):
    run = json.loads(path.read_text())
    return {tuple((key, str(row[key])) for key in sorted(row) if key not in MEASUREMENTS): row for row in run["rows"]}


def median(row):
    return row.get("median", row.get("median_ms"))


def compare(old, new):
    old, new = rows(old), rows(new)
    for key in [key for key in new if key in old]:
        before, after = old[key], new[key]
        name = ", ".join(value for _, value in key)
        ratio = f"{median(after) / median(before):.2f}" if median(before) else f"{median(before)} -> {median(after)}"
        line = f"{name}: {ratio} of what it was"
        if before.get("ratio") and after.get("ratio"):
            line += f"; against its peer {before['ratio']:.2f} -> {after['ratio']:.2f}"
        print(line)
    for name, missing in (("gone", old.keys() - new.keys()), ("new", new.keys() - old.keys())):
        for key in sorted(missing):
            print(f"{name}: {', '.join(value for _, value in key)}")


def main():
    old, new = (pathlib.Path(path) for path in sys.argv[1:3])
    if not old.is_dir():
        compare(old, new)
        return
    for file in sorted(old.glob("*.json")):
        if (new / file.name).exists():
            print(f"{file.stem}:")
            compare(file, new / file.name)
        else:
            print(f"gone: {file.stem}")
    for file in sorted(new.glob("*.json")):
        if not (old / file.name).exists():
            print(f"new: {file.stem}")


main()
