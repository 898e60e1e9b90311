#!/usr/bin/env bash
# Runs the workload through the support router, and once more with everything sent to the best model; says what was saved and what was wrong.
# OUTRIGGER_BIN and OUTRIGGER_POLICIES say where the binary and the built policies are (`make build` puts them under target/). More: --help.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
TARGET="${CARGO_TARGET_DIR:-$root/target}"
export OUTRIGGER_BIN="${OUTRIGGER_BIN:-$TARGET/release/outrigger}"
export OUTRIGGER_POLICIES="${OUTRIGGER_POLICIES:-$root/target/policies}"
[ -x "$OUTRIGGER_BIN" ] || { echo "no $OUTRIGGER_BIN: run \`make build\`" >&2; exit 1; }
exec python3 -B "$here/replay.py" "$@"
