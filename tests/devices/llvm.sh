#!/usr/bin/env bash
# Prepares the folder in which the build of the feature `cuda` looks for LLVM, from the system's packages, so that nothing is downloaded
# but those:
#
#     tests/devices/llvm.sh [FOLDER]          # target/llvm where none is given
#     XDG_DATA_HOME=FOLDER cargo build --release --features cuda
#
# FOLDER must be a path from the root there: a relative one is passed over. burn's CUDA backend brings an LLVM of its own, which its build
# script downloads unless this folder holds a marker file; then it asks bin/llvm-config in there, and nothing else. That of Debian names
# libraries of the system by paths that the build script cannot read, so a wrapper names them. As root it installs what is missing by apt;
# otherwise it says what to install.
set -euo pipefail
cd "$(dirname "$0")/../.."
version="${LLVM_VERSION:-22}"
folder="$(realpath -m "${1:-target/llvm}")"
packages=("llvm-$version-dev" "libpolly-$version-dev" libz3-dev libxml2-dev libzstd-dev zlib1g-dev g++)

config="/usr/lib/llvm-$version/bin/llvm-config"
if [ ! -x "$config" ] || ! command -v g++ >/dev/null; then
    if [ "$(id -u)" != 0 ]; then
        echo "there is no $config; install it: apt-get install ${packages[*]}" >&2
        exit 2
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# The folder is named after the version of the crate that looks for it.
bundler="$(sed -n '/^name = "tracel-llvm-bundler"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)"
[ -n "$bundler" ] || { echo "Cargo.lock names no tracel-llvm-bundler: this burn needs another way" >&2; exit 1; }
place="$folder/tracel/tracel-llvm-$bundler"
mkdir -p "$place/bin"
cat > "$place/bin/llvm-config" <<WRAPPER
#!/bin/sh
# Debian's llvm-config, but for libraries of the system: it names some by their files.
for argument; do
    [ "\$argument" = --system-libs ] && { echo "-lrt -ldl -lm -lz3 -lz -lzstd -lxml2"; exit 0; }
done
exec "$config" "\$@"
WRAPPER
chmod +x "$place/bin/llvm-config"
"$place/bin/llvm-config" --link-static --libs core >/dev/null
touch "$place/.tracel-llvm-installed"
echo "LLVM $("$place/bin/llvm-config" --version) is ready: XDG_DATA_HOME=$folder cargo build --release --features cuda"
