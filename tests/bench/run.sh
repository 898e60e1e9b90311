#!/usr/bin/env bash
# `make bench`: builds what the bench needs, runs the micro-benchmarks of proxy/sidecar/benches where there are some, then the comparison.
# Arguments go to run.py: --quick (a minute, noisy), --rounds N.
set -euo pipefail
cd "$(dirname "$0")/../.."
TARGET="${CARGO_TARGET_DIR:-target}"
OUT="${OUTRIGGER_TARGET:-target}/bench"
mkdir -p "$OUT"
cargo build --release --locked -p outrigger-tests --bins
if [ -z "${BENCH_SKIP_MICRO:-}" ]; then
  # An example, so that it is built as the binary is; its head says more.
  cargo build --release --locked -p outrigger --features compile --example micro
  OUTRIGGER_MICRO="$(realpath "$OUT")/micro.json" OUTRIGGER_POLICIES="$(realpath "${OUTRIGGER_POLICIES:-${OUTRIGGER_TARGET:-target}/policies}")" \
    "$TARGET/release/examples/micro" --bench
fi
where=(--bin "$TARGET/release" --outrigger "${OUTRIGGER_BIN:-$TARGET/release/outrigger}" \
  --policies "${OUTRIGGER_POLICIES:-${OUTRIGGER_TARGET:-target}/policies}" --out "$OUT")
python3 tests/bench/run.py "${where[@]}" "$@"
exec python3 tests/bench/pod.py "${where[@]}"
