#!/usr/bin/env bash
# `make test`: policies, the binaries, what the tests need, then every test of the workspace in one target folder.
# Arguments go to cargo test: `tests/run.sh -p outrigger-tests reload`.
set -euo pipefail
cd "$(dirname "$0")/.."
section() { printf '\n== %s\n' "$*"; }
section 'policies'
plugins/build.sh --tests
section 'what the tests need'
tests/setup.sh
section 'the binaries'
if [ $# -gt 0 ]; then
  cargo build --locked -p outrigger -p outrigger-tool
else
  # With the features that the whole workspace's tests ask for: another set would build the sandbox a second time.
  cargo test --locked --workspace --no-run
fi
TARGET="${CARGO_TARGET_DIR:-target}"
section 'tests'
export OUTRIGGER_BIN="${OUTRIGGER_BIN:-$(realpath "$TARGET")/debug/outrigger}"
export OUTRIGGER_POLICIES="${OUTRIGGER_POLICIES:-$PWD/${OUTRIGGER_TARGET:-target}/policies}"
export OUTRIGGER_TEST_POLICIES="${OUTRIGGER_TEST_POLICIES:-$PWD/${OUTRIGGER_TARGET:-target}/test-policies}"
if [ $# -gt 0 ]; then
  exec cargo test --locked "$@"
fi
cargo test --locked --workspace
section 'instructions per request'
tests/bench/instructions.sh --check
