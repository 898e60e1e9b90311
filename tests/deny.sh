#!/usr/bin/env bash
# Licences and banned crates, by cargo-deny; deny.toml says which. Installs it where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=0.20.2
if ! cargo deny --version >/dev/null 2>&1; then
  echo "deny: installing cargo-deny $VERSION" >&2
  cargo install --quiet --locked cargo-deny --version "$VERSION" --no-default-features
fi
cargo deny --all-features check --hide-inclusion-graph licenses bans sources
