#!/usr/bin/env bash
# Installs what the tests need and the project does not: the real SDKs, pinned, under target/. Prints nothing when there is nothing to do.
# A missing Python or its packages is an error; a missing Node is said loudly, and its tests then say so too.
set -euo pipefail
cd "$(dirname "$0")/.."
TARGET="${OUTRIGGER_TARGET:-target}"
PYTHON_NEEDS='openai==2.54.0 anthropic==2.12.0 PyYAML==6.0.3'
PYTHON_WISHES='kubernetes-validate==1.37.0'
NODE_NEEDS='openai@6.49.0'
mkdir -p "$TARGET"
say() { printf 'setup: %s\n' "$*" >&2; }
SUDO=''; [ "$(id -u)" = 0 ] || SUDO=sudo
apt() {
  command -v apt-get >/dev/null || return 1
  say "apt-get install $*"
  $SUDO apt-get update -qq >&2 || true
  $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# A real Redis (7 or later, or a Valkey by that name): tests start it themselves, alone and as a cluster.
command -v redis-server >/dev/null || apt redis-server || { say 'no redis-server: install redis-server'; exit 1; }

# Python: a folder of packages that PYTHONPATH names, so that neither venv nor the system's own packages matter.
# pip compares with the system's packages, which are not used here: what it says is shown only where it fails.
into_folder() { python3 -m pip install --quiet --no-warn-script-location --disable-pip-version-check --target "$TARGET/python" "$@" >"$TARGET/pip.log" 2>&1; }
stamp="$PYTHON_NEEDS $(python3 -V)"
if [ "$(cat "$TARGET/python/.stamp" 2>/dev/null)" != "$stamp" ]; then
  python3 -m pip --version >/dev/null 2>&1 || apt python3-pip || { say 'python3 has no pip: install python3-pip'; exit 1; }
  rm -rf "$TARGET/python"
  say "$PYTHON_NEEDS"
  # shellcheck disable=SC2086 # a list
  into_folder $PYTHON_NEEDS || { cat "$TARGET/pip.log" >&2; exit 1; }
  # shellcheck disable=SC2086 # a list
  into_folder --upgrade $PYTHON_WISHES ||
    say "NOT INSTALLED: $PYTHON_WISHES; manifests are only parsed, not validated"
  printf '%s' "$stamp" >"$TARGET/python/.stamp"
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  apt nodejs npm || say 'NOT INSTALLED: node and npm; the openai npm package is not tested'
fi
if command -v npm >/dev/null && [ "$(cat "$TARGET/npm/.stamp" 2>/dev/null)" != "$NODE_NEEDS" ]; then
  mkdir -p "$TARGET/npm"
  # shellcheck disable=SC2086 # a list
  if npm install --silent --no-fund --no-audit --prefix "$TARGET/npm" $NODE_NEEDS >&2; then
    printf '%s' "$NODE_NEEDS" >"$TARGET/npm/.stamp"
  else
    say "NOT INSTALLED: $NODE_NEEDS; the openai npm package is not tested"
  fi
fi
