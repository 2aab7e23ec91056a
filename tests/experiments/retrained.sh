#!/usr/bin/env bash
# What inherited weights cannot answer: are posterior candidates better architectures? The winner, 5 posterior and 5 random candidates of
# about the winner's parameters are trained from scratch by one recipe, on each of some seeds.
#
#   tests/experiments/retrained.sh [PRESET] [SEEDS] [EPOCHS] [FOLDER]     # fashion "1 2 3" 20 target/experiments/retrained
#
# A run that is there is used again, and a training that was interrupted goes on. Prints a table in Markdown; needs Python for it.
set -euo pipefail
preset=${1:-fashion}
seeds=${2:-1 2 3}
epochs=${3:-20}
folder=${4:-target/experiments/retrained}
pgnas=${PGNAS:-target/release/pgnas}
mkdir -p "$folder"
for seed in $seeds; do
    run="$folder/$preset-$seed"
    if [ ! -d "$run" ]; then
        "$pgnas" search "$preset" --headless --seed "$seed" --run-dir "$run" --set rank.posterior=50 --set rank.random=50 \
            --set rank.uniform=0 --set rank.constant=0 >&2
    fi
    chosen=$(python3 - "$run" <<'PYTHON'
import json, sys
records = [json.loads(line) for line in open(f"{sys.argv[1]}/candidates/candidates.jsonl")]
log = [json.loads(line) for line in open(f"{sys.argv[1]}/events.jsonl")]
winner = next(event["winner"] for event in reversed(log) if event["event"] == "finished")
parameters = next(record["parameters"] for record in records if record["id"] == winner)
print(winner)
for source in ("posterior", "random"):
    of_source = [record for record in records if record["source"] == source and record["id"] != winner]
    # The nearest in parameters, whatever their accuracy: choosing by it would answer another question.
    of_source.sort(key=lambda record: abs(record["parameters"] - parameters))
    for record in of_source[:5]:
        print(record["id"])
PYTHON
)
    # Others of the run may be retrained by the same recipe, by `pgnas correlate` for one.
    echo "$chosen" > "$folder/$preset-$seed.chosen"
    for candidate in $chosen; do
        "$pgnas" retrain "$run" "$candidate" --from scratch --epochs "$epochs" --seed "$seed" >&2
    done
done
python3 - "$folder" "$preset" "$epochs" $seeds <<'PYTHON'
import json, math, sys
folder, preset, epochs, *seeds = sys.argv[1:]
mean = lambda values: sum(values) / len(values)
print(f"| seed | winner | posterior, retrained | random, retrained | posterior - random | posterior, inherited | random, inherited | parameters |")
print("|---|---|---|---|---|---|---|---|")
differences = []
for seed in seeds:
    run = f"{folder}/{preset}-{seed}"
    log = [json.loads(line) for line in open(f"{run}/events.jsonl")]
    winner = next(event["winner"] for event in reversed(log) if event["event"] == "finished")
    rows = [json.loads(line) for line in open(f"{run}/retrained/retrained.jsonl")]
    chosen = [int(line) for line in open(f"{folder}/{preset}-{seed}.chosen")]
    recipe = [f"train.epochs={epochs}"]
    is_one = lambda row: row["candidate"] in chosen and row["from"] == "scratch" and str(row["seed"]) == seed
    # A recipe as long as the search's changes nothing of it.
    rows = [row for row in rows if is_one(row) and row["epochs"] == int(epochs) and row["recipe"] in (recipe, [])]
    share = lambda accuracy: accuracy["correct"] / accuracy["total"]
    best = [row for row in rows if row["candidate"] == winner]
    of = {source: [row for row in rows if row["source"] == source and row["candidate"] != winner] for source in ("posterior", "random")}
    now = {source: [share(row["retrained"]) for row in rows] for source, rows in of.items()}
    before = {source: [share(row["inherited"]) for row in rows] for source, rows in of.items()}
    differences.append(mean(now["posterior"]) - mean(now["random"]))
    cells = [seed, f"{share(best[0]['retrained']):.4f}"]
    for source in ("posterior", "random"):
        deviation = math.sqrt(sum((value - mean(now[source])) ** 2 for value in now[source]) / max(1, len(now[source]) - 1))
        cells.append(f"{mean(now[source]):.4f} ± {deviation:.4f} ({len(now[source])})")
    cells += [f"{differences[-1]:+.4f}", f"{mean(before['posterior']):.4f}", f"{mean(before['random']):.4f}"]
    cells.append(f"{mean([row['parameters'] for row in rows]):.0f}")
    print("| " + " | ".join(cells) + " |")
n = len(differences)
if n > 1:
    deviation = math.sqrt(sum((value - mean(differences)) ** 2 for value in differences) / (n - 1))
    # Two-sided 95 % quantiles of Student's t for 1 to 9 degrees of freedom.
    t = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262][min(n - 2, 8)]
    half = t * deviation / math.sqrt(n)
    low, high = mean(differences) - half, mean(differences) + half
    verdict = "posterior candidates are better once retrained" if low > 0 else "random candidates are better once retrained" if high < 0 else "no difference is shown"
    print(f"\nPosterior minus random, retrained, over {n} seeds: {mean(differences):+.4f}, 95 % interval {low:+.4f} to {high:+.4f} (t, n = {n}): {verdict}.")
PYTHON
