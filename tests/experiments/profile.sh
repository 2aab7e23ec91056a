#!/usr/bin/env bash
# Where the time of training goes, by operation: samples of a search on one thread in its first seconds, each counted to what it was for.
#
#   tests/experiments/profile.sh PRESET [SECONDS] [search options]
#
# Needs perf and Python. PGNAS names another program than target/release/pgnas. Prints a table in Markdown, in per cent of all samples.
set -euo pipefail
preset=$1
seconds=${2:-15}
shift $(($# > 1 ? 2 : 1))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
RAYON_NUM_THREADS=1 timeout --signal=INT "$seconds" perf record --quiet --freq 199 --call-graph dwarf,16384 --output "$folder/samples" \
    "${PGNAS:-target/release/pgnas}" search "$preset" --headless --run-dir "$folder/run" --set train.epochs=1000 "$@" >/dev/null 2>&1 || true
perf script --input "$folder/samples" --no-inline 2>/dev/null | python3 "$(dirname "$0")/profile.py"
