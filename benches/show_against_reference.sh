#!/usr/bin/env bash
# How much faster `mexplore show --json` is than TensorFlow's own `saved_model_cli show --all`, on the same model and
# machine: both in turn, and the ratio of the medians.
#
#     benches/show_against_reference.sh MODEL [RUNS]
#
# needs a release build of mexplore, and saved_model_cli in the PATH or its path in SAVED_MODEL_CLI.
set -euo pipefail

model=${1:?usage: show_against_reference.sh MODEL [RUNS]}
runs=${2:-5}
root=$(cd "$(dirname "$0")/.." && pwd)
ours=${MEXPLORE:-${CARGO_TARGET_DIR:-$root/target}/release/mexplore}
theirs=${SAVED_MODEL_CLI:-$(command -v saved_model_cli || true)}
[ -x "$ours" ] || { echo "no $ours: cargo build --release first" >&2; exit 2; }
if [ -z "$theirs" ]; then
    echo "no saved_model_cli here: nothing to compare with" >&2
    exit 0
fi

# Microseconds that a command takes.
took() {
    local begin=$EPOCHREALTIME
    "$@" >/dev/null 2>&1
    local end=$EPOCHREALTIME
    echo $((${end/./} - ${begin/./}))
}
median() { sort -n | sed -n "$((($1 + 1) / 2))p"; }

# Once each for the file cache.
took "$ours" show "$model" --json >/dev/null
took "$theirs" show --dir "$model" --all >/dev/null
a=() b=()
for _ in $(seq "$runs"); do
    a+=("$(took "$ours" show "$model" --json)")
    b+=("$(took "$theirs" show --dir "$model" --all)")
done
a=$(printf '%s\n' "${a[@]}" | median "$runs")
b=$(printf '%s\n' "${b[@]}" | median "$runs")
awk -v a="$a" -v b="$b" 'BEGIN {
    printf "mexplore show --json          %10.1f ms\n", a / 1000
    printf "saved_model_cli show --all    %10.1f ms\n", b / 1000
    printf "ratio                         %10.0f\n", b / a
}'
