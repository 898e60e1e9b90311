#!/usr/bin/env bash
# `make run`: picks the configuration by the keys in the environment, then becomes outrigger. OUTRIGGER_BIN names another binary than the one
# in target/quick; outrigger-tool lies beside it.
# LISTEN and ADMIN say where it listens (127.0.0.1:4141 and 127.0.0.1:4190).
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
TARGET="${CARGO_TARGET_DIR:-$root/target}"
export LISTEN="${LISTEN:-127.0.0.1:4141}" ADMIN="${ADMIN:-127.0.0.1:4190}"
export OUTRIGGER_POLICIES="${OUTRIGGER_POLICIES:-$root/target/policies}"
config=outrigger
if [ -n "${OPENAI_API_KEY:-}" ] && [ -n "${ANTHROPIC_API_KEY:-}" ]; then config=openai-and-anthropic
elif [ -n "${OPENAI_API_KEY:-}" ]; then config=openai
elif [ -n "${ANTHROPIC_API_KEY:-}" ]; then config=anthropic
fi
exec "${OUTRIGGER_BIN:-$TARGET/quick/outrigger}" run --config "$root/examples/$config.yaml"
