#!/usr/bin/env bash
# The backend of all GPUs on a software device: Mesa's lavapipe, which computes Vulkan on the CPU. Builds the feature `wgpu`, runs the
# checks of `pgnas doctor` on it, and searches `digits` from start to end:
#
#     tests/devices/lavapipe.sh [FOLDER]      # target/lavapipe where none is given; it gets checks.json, checks.txt and the run
#
# CHECKS and SEARCH hold further arguments of the two commands, such as SEARCH="--set train.epochs=3"; PGNAS a program that is built already.
# As root it installs what is missing by apt; otherwise it says what to install. Exit code 0: every check passed and the search has a winner.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="$(realpath -m "${1:-target/lavapipe}")"
mkdir -p "$folder"

driver() { find /usr/share/vulkan/icd.d /etc/vulkan/icd.d -name 'lvp_icd*.json' 2>/dev/null | head -n 1; }
if [ -z "$(driver)" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "there is no lavapipe here; install it: apt-get install mesa-vulkan-drivers libvulkan1" >&2
        exit 2
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers libvulkan1 >/dev/null
fi
# Both names of one variable: loaders of before 2022 know the first alone.
VK_ICD_FILENAMES="$(driver)"
export VK_ICD_FILENAMES VK_DRIVER_FILES="$VK_ICD_FILENAMES"

program="${PGNAS:-target/release/pgnas}"
if [ -z "${PGNAS:-}" ]; then cargo build --release --locked --features wgpu; fi

failed=0
# shellcheck disable=SC2086
"$program" doctor --full --device wgpu ${CHECKS:-} | tee "$folder/checks.txt" || failed=1

rm -rf "$folder/run"
# shellcheck disable=SC2086
"$program" search digits --device wgpu --headless --seed 1 --run-dir "$folder/run" ${SEARCH:-}
"$program" report "$folder/run" --json > "$folder/report.json"
grep -q '"outcome": "completed"' "$folder/report.json" || { echo "the search did not come to its end" >&2; failed=1; }
exit "$failed"
