#!/usr/bin/env python3
"""Prints what docs/benchmarks.md says of a recorded run, as Markdown: the final table, the comparison, the quartiles of the drop
probabilities over the epochs, and the drop probabilities of every block's groups at the end.

    tests/experiments/figures.py RUN…        # folders of finished runs; several seeds of one preset share the first tables
"""

import json
import statistics
import subprocess
import os
import sys

PGNAS = os.environ.get("PGNAS", "target/release/pgnas")


def quartiles(values):
    values = sorted(values)
    at = lambda share: values[round(share * (len(values) - 1))]
    return [at(share) for share in (0, 0.25, 0.5, 0.75, 1)]


def log(run):
    with open(f"{run}/events.jsonl") as lines:
        return [json.loads(line) for line in lines]


def report(run):
    return json.loads(subprocess.run([PGNAS, "report", run, "--json"], check=True, capture_output=True, text=True).stdout)


def figures(run):
    events = log(run)
    started = next(event for event in events if event["event"] == "started")
    epochs = [event for event in events if event["event"] == "epoch"]
    groups = started["network"]["groups"]
    print("\n| epoch | least | lower quartile | median | upper quartile | largest |\n|---|---|---|---|---|---|")
    last = len(epochs)
    for epoch in epochs:
        if epoch["epoch"] in {1, 2, 4, 8, 16, 32, 64, last}:
            cells = " | ".join(f"{value:.2f}" for value in quartiles(epoch["drop_probabilities"]))
            print(f"| {epoch['epoch']} | {cells} |")
    blocks = {}
    for group, drop in zip(groups, epochs[-1]["drop_probabilities"]):
        blocks.setdefault(group["block"], []).append((drop, group["node"]))
    print("\n| block | groups | least | median | largest | kept most | dropped most |\n|---|---|---|---|---|---|---|")
    for block, members in blocks.items():
        drops = [drop for drop, _ in members]
        short = lambda node: "`" + node.removeprefix(block + ".") + "`"
        print(
            f"| {block} | {len(members)} | {min(drops):.2f} | {statistics.median(drops):.2f} | {max(drops):.2f} | "
            f"{short(min(members)[1])} | {short(max(members)[1])} |"
        )


def share(value):
    return "" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def with_interval(row, split):
    if row is None or row[f"{split}_accuracy"] is None:
        return ""
    return f"{share(row[f'{split}_accuracy'])} ({share(row[f'{split}_low'])} to {share(row[f'{split}_high'])})"


def results(reports):
    print("| seed | network | select | test | parameters |\n|---|---|---|---|---|")
    for of in reports:
        for name in ("winner", "whole", "threshold", "best_random"):
            row = of[name]
            if row is not None:
                cells = [str(of["seed"]), name.replace("_", " "), with_interval(row, "select"), with_interval(row, "test")]
                print("| " + " | ".join([*cells, f"{row['parameters']:,}"]) + " |")


def comparisons(reports):
    print("\n| seed | dropped | posterior | baseline | | difference | superiority | random for the best of 50 | tied with the winner |")
    print("|---|---|---|---|---|---|---|---|---|")
    for of in reports:
        posterior = of["comparison"]["posterior"]
        for baseline in of["comparison"]["baselines"]:
            spread = lambda drawn: f"{share(drawn['select_mean'])} ± {share(drawn['select_sd'])} ({drawn['count']})"
            difference, superiority = baseline["difference"], baseline["superiority"]
            needed = {worth["posterior_samples"]: worth["baseline_samples"] for worth in baseline["worth"]}.get(50)
            cells = [
                str(of["seed"]),
                share(of["expected_drop_share"]),
                spread(posterior),
                baseline["source"],
                spread(baseline),
                f"{difference['estimate']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})",
                f"{superiority['estimate']:.2f}",
                f"more than {baseline['count']}" if needed is None else str(needed),
                f"{len(of['ties']['tied'])} of {of['ties']['compared']}",
            ]
            print("| " + " | ".join(cells) + " |")


def main(runs):
    reports = [report(run) for run in runs]
    results(reports)
    comparisons(reports)
    for run in runs:
        print(f"\n{os.path.basename(os.path.normpath(run))}")
        figures(run)


if __name__ == "__main__":
    main(sys.argv[1:])
