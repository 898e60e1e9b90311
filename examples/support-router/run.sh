#!/usr/bin/env bash
# Runs the recorded workload through the support router, and once more without policies; prints what was saved.
# OUTRIGGER_BIN and OUTRIGGER_POLICIES say where the binary and the built policies are (`make build` puts them under target/).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
TARGET="${CARGO_TARGET_DIR:-$root/target}"
export OUTRIGGER_BIN="${OUTRIGGER_BIN:-$TARGET/release/outrigger}"
export OUTRIGGER_POLICIES="${OUTRIGGER_POLICIES:-$root/target/policies}"
exec python3 "$here/replay.py" "$@"
