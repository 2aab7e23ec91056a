#!/usr/bin/env bash
# Inherited against fine-tuned (the paper's Table 3): the winner of each run and its best random candidate are trained on from the weights
# they inherited, and compared with what they were on the select split.
#
#   tests/experiments/fine_tuned.sh EPOCHS RUN…        # folders of finished runs
#
# What was trained already is used again. Prints a table in Markdown; needs Python for it.
set -euo pipefail
epochs=$1
shift
pgnas=${PGNAS:-target/release/pgnas}
best() { # the candidate of a row of the report, such as winner or best_random
    "$pgnas" report "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]]["id"])' "$2"
}
for run in "$@"; do
    for row in winner best_random; do
        "$pgnas" retrain "$run" "$(best "$run" $row)" --from inherited --epochs "$epochs" >&2
    done
done
PGNAS="$pgnas" python3 - "$epochs" "$@" <<'PYTHON'
import json, os, subprocess, sys
epochs, *runs = sys.argv[1:]
share = lambda accuracy: accuracy["correct"] / accuracy["total"]
print("| preset | seed | | inherited | fine-tuned | difference | p (McNemar) | parameters |\n|---|---|---|---|---|---|---|---|")
for run in runs:
    report = json.loads(subprocess.run([os.environ["PGNAS"], "report", run, "--json"], check=True, capture_output=True, text=True).stdout)
    rows = [json.loads(line) for line in open(f"{run}/retrained/retrained.jsonl")]
    for row in ("winner", "best_random"):
        trained = [one for one in rows if one["candidate"] == report[row]["id"] and one["from"] == "inherited" and one["epochs"] == int(epochs)]
        one = trained[-1]
        before, after = share(one["inherited"]), share(one["retrained"])
        cells = [f"`{report['preset']}`", str(report["seed"]), row.replace("_", " "), f"{before:.3f}", f"{after:.3f}"]
        print("| " + " | ".join([*cells, f"{after - before:+.3f}", f"{one['p']:.2g}", f"{one['parameters']:,}"]) + " |")
PYTHON
