#!/usr/bin/env bash
# Runs the benches one after the other and has each write its rows as FOLDER/<bench>.json; two such folders are compared by
# tests/reference/compare_benches.py. `benches/all.sh FOLDER [bench …]`; PGNAS_PYTHON names a Python with torch for the peers, and
# PGNAS_CIFAR the folder of CIFAR-10 for the bench of loading, which is left out without it.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${1:?usage: benches/all.sh FOLDER [bench …]}"
shift
mkdir -p "$folder"
folder="$(realpath "$folder")"
if [ $# -eq 0 ]; then set -- count memory cost_model kernels screen data training_step rank_1500; fi
for bench in "$@"; do
    words=()
    if [ "$bench" = data ]; then
        if [ -z "${PGNAS_CIFAR:-}" ]; then echo "LEFT OUT: data; PGNAS_CIFAR names no folder"; continue; fi
        words=("$PGNAS_CIFAR")
    fi
    echo "== $bench"
    cargo bench --locked --bench "$bench" -- "${words[@]}" --json "$folder/$bench.json"
done
