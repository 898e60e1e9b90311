#!/usr/bin/env bash
# `make bench-instructions`: builds the sidecar as `make run` does, and counts its instructions per request; `make test` ends with `--check`.
# Arguments go to instructions.py: --check, --write.
set -euo pipefail
cd "$(dirname "$0")/../.."
TARGET="${CARGO_TARGET_DIR:-target}"
if ! command -v valgrind >/dev/null; then
  echo 'bench: NOT COUNTED: instructions per request; install valgrind' >&2
  exit 0
fi
cargo build --profile quick --locked -p outrigger
# They only compile the policies and answer the requests: any build will do. `make test` has just made one.
[ -n "${OUTRIGGER_BIN:-}" ] || cargo build --locked -p outrigger-tool -p outrigger-tests --bins
exec python3 tests/bench/instructions.py --bin "$TARGET/debug" --outrigger "$TARGET/quick/outrigger" --tool "$TARGET/debug/outrigger-tool" \
  --policies "${OUTRIGGER_POLICIES:-${OUTRIGGER_TARGET:-target}/policies}" "$@"
