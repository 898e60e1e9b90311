#!/usr/bin/env bash
# Builds policies: every crate under plugins/ and examples/policies/, or those that are named, to target/policies/NAME.wasm and, with
# --tests, those under tests/policies/ to target/test-policies/NAME.wasm. With --clippy: lints them for their own target instead.
set -euo pipefail
cd "$(dirname "$0")/.."
TRIPLE=wasm32-unknown-unknown
TARGET="${OUTRIGGER_TARGET:-target}"

tests='' clippy='' named=()
for argument in "$@"; do
  case "$argument" in
    --tests) tests=1 ;;
    --clippy) clippy=1 ;;
    -*) printf 'plugins/build.sh: unknown argument %s; write --tests, --clippy or names of policies\n' "$argument" >&2; exit 2 ;;
    *) named+=("$argument") ;;
  esac
done

# Lists the packages under the folders in "$@", one a line.
packages() {
  local folder manifest
  for folder in "$@"; do
    for manifest in "$folder"/*/Cargo.toml; do
      [ ! -f "$manifest" ] || sed -n 's/^name = "\(.*\)"$/\1/p' "$manifest" | head -1
    done
  done
}

# A plain cargo would take its own idea of where to put things: the guest's folder is apart, because the profile and the target differ.
guest() {
  local command=$1; shift
  env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTFLAGS RUSTC="$RUSTC" cargo --config plugin-sdk/policy.toml "$command" --locked \
    --profile policy --target "$TRIPLE" --target-dir "$TARGET/guest" "${@/#/--package=}" "${extra[@]}"
}

# Copies beside, then renames: a running Outrigger never sees half a file.
place() {
  local folder=$1 name from; shift
  mkdir -p "$folder"
  for name in "$@"; do
    from="$TARGET/guest/$TRIPLE/policy/${name//-/_}.wasm"
    cmp -s "$from" "$folder/$name.wasm" && continue
    cp "$from" "$folder/.$name.new"
    mv "$folder/.$name.new" "$folder/$name.wasm"
    printf '%s\n' "$folder/$name.wasm"
  done
}

RUSTC="$(plugin-sdk/wasm-toolchain.sh)"
export RUSTC
mapfile -t shipped < <(packages plugins examples/policies)
[ "${#named[@]}" -eq 0 ] || shipped=("${named[@]}")
mapfile -t testing < <([ -z "$tests" ] || packages tests/policies)
extra=()
if [ -n "$clippy" ]; then
  # Debian's compiler has no clippy beside it; the host's lints see the same sources.
  if [ "$RUSTC" != "$(rustc --print sysroot)/bin/rustc" ]; then
    echo 'plugins/build.sh: no clippy for the policies'"'"' own target on this machine; their host build was linted' >&2
    exit 0
  fi
  extra=(-- -D warnings)
  guest clippy "${shipped[@]}"
  exit 0
fi
guest build "${shipped[@]}" "${testing[@]}"
place "$TARGET/policies" "${shipped[@]}"
[ -z "$tests" ] || place "$TARGET/test-policies" "${testing[@]}"
