#!/usr/bin/env bash
# Builds the policies of this folder to target/languages/NAME-LANGUAGE.wasm: all of them, or those of the languages that are named
# (javascript, c). With --install: first brings their tools, pinned, under target/languages/tools; that is 390 MB for javascript
# (npm: componentize-js) and 420 MB for c (PyPI: Zig, which has a clang; crates.io: wit-bindgen).
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT="${OUTRIGGER_TARGET:-target}/languages"
TOOLS="$OUT/tools"
COMPONENTIZE_JS='@bytecodealliance/componentize-js@0.23.0'
ZIG='ziglang==0.17.1'
WIT_BINDGEN=0.63.0
say() { printf 'languages: %s\n' "$*" >&2; }

install='' languages=()
for argument in "$@"; do
  case "$argument" in
    --install) install=1 ;;
    javascript | c) languages+=("$argument") ;;
    *) say "unknown argument $argument; write --install, javascript or c"; exit 2 ;;
  esac
done
[ ${#languages[@]} -gt 0 ] || languages=(javascript c)
mkdir -p "$TOOLS"

install_javascript() {
  [ "$(cat "$TOOLS/npm/.stamp" 2>/dev/null)" = "$COMPONENTIZE_JS" ] && return
  say "npm install $COMPONENTIZE_JS"
  npm install --silent --no-fund --no-audit --prefix "$TOOLS/npm" "$COMPONENTIZE_JS" >&2
  printf '%s' "$COMPONENTIZE_JS" >"$TOOLS/npm/.stamp"
}
install_c() {
  if [ "$(cat "$TOOLS/zig/.stamp" 2>/dev/null)" != "$ZIG" ]; then
    say "pip install $ZIG"
    rm -rf "$TOOLS/zig"
    python3 -m pip install --quiet --no-warn-script-location --disable-pip-version-check --target "$TOOLS/zig" "$ZIG" >&2
    printf '%s' "$ZIG" >"$TOOLS/zig/.stamp"
  fi
  if [ "$("$TOOLS/bin/wit-bindgen" --version 2>/dev/null)" != "wit-bindgen-cli $WIT_BINDGEN" ]; then
    say "cargo install wit-bindgen-cli $WIT_BINDGEN"
    cargo install --quiet --locked wit-bindgen-cli --version "$WIT_BINDGEN" --no-default-features --features c --root "$TOOLS"
  fi
}

# The world of these examples, with the contract where every tool of the component model looks for it.
WIT="$OUT/wit"
rm -rf "$WIT"
mkdir -p "$WIT/deps/outrigger"
cp examples/languages/wit/world.wit "$WIT/"
cp plugin-sdk/wit/policy.wit "$WIT/deps/outrigger/"

# Moves a policy to its place: a running Outrigger never sees half a file.
place() { mv "$1" "$OUT/$2.wasm" && printf '%s\n' "$OUT/$2.wasm"; }

build_javascript() {
  local source name
  for source in examples/languages/javascript/*.js; do
    name="$(basename "$source" .js)"
    # Without its features the engine imports nothing of WASI, of which a policy has none.
    "$TOOLS/npm/node_modules/.bin/componentize-js" "$source" --wit "$WIT/" --world-name guest \
      --disable stdio random clocks http fetch-event --out "$OUT/.new.wasm" >&2
    place "$OUT/.new.wasm" "$name-javascript"
  done
}
build_c() {
  local source name made="$OUT/c"
  mkdir -p "$made"
  "$TOOLS/bin/wit-bindgen" c "$WIT" --out-dir "$made" >/dev/null
  for source in examples/languages/c/*.c; do
    name="$(basename "$source" .c)"
    # A core module is enough: the host makes a component of it, by the type that is in guest_component_type.o.
    PYTHONPATH="$TOOLS/zig" python3 -m ziglang cc -target wasm32-wasi -mexec-model=reactor -Oz -s -Wall -Wextra -Werror \
      -Wl,--stack,65536 -I "$made" "$source" "$made/guest.c" "$made/guest_component_type.o" -o "$OUT/.new.wasm"
    place "$OUT/.new.wasm" "$name-c"
  done
}

for language in "${languages[@]}"; do
  [ -z "$install" ] || "install_$language"
  case "$language" in
    javascript) needs="$TOOLS/npm/.stamp" ;;
    c) needs="$TOOLS/bin/wit-bindgen" ;;
  esac
  if [ ! -e "$needs" ]; then
    say "the tools for $language are missing; bring them with: examples/languages/build.sh --install $language"
    exit 3
  fi
  "build_$language"
done
