#!/usr/bin/env bash
# A provider dies under live traffic, another falls silent, both recover: and no app notices. On a laptop, without a key or a network.
#
# Eight apps stream without end from one model name, behind which stand three targets (outrigger.yaml beside this script: the embedded
# model, which is told to fail). Half a minute later the last line says how many streams came whole and how many errors an app saw.
# Exits with 1 if there was one.
#
#   north dies      it refuses, or opens streams with an error where content should be. The next target answers within the same
#                   exchange; after five failures in a row nobody asks north any more, but one probe now and then.
#   south is silent its calls are given up after half a second; it is left alone as well. West answers.
#   both recover    one probe each finds that out, and apps are back where they were.
#
# OUTRIGGER_BIN says where the binary is (`make build` puts it under target/release). SECONDS_PER_ACT (5) makes the acts longer or shorter.
# Needs python3 and its standard library.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
TARGET="${CARGO_TARGET_DIR:-$here/../../target}"
exec python3 "$here/traffic.py" "${OUTRIGGER_BIN:-$TARGET/release/outrigger}"
