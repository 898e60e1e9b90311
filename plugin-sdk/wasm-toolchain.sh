#!/usr/bin/env bash
# Makes `rustc --target wasm32-unknown-unknown` work: by `rustup target add` where that is possible, else (Debian 12) by
# building std for it from Debian's sources, vendored crates included; nothing is downloaded but Debian's packages.
#
#   wasm-toolchain.sh            ensure it, then print the rustc to use (one line on stdout)
#   RUSTC="$(wasm-toolchain.sh)" cargo build --profile policy --target wasm32-unknown-unknown
#
# Where the usual rustc already has the target it changes nothing and prints that rustc. Safe to call again, and by two
# at once: a finished sysroot is reused until Debian's rustc changes. Overrides: WASM_SYSROOT (where it is kept),
# WASM_TOOLCHAIN_RUSTUP=0 (leave rustup's toolchain as it is), WASM_TOOLCHAIN_FORCE=1 (build anew, whatever rustup has).
set -euo pipefail
T=wasm32-unknown-unknown
PREFIX="${WASM_SYSROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/outrigger/wasm-sysroot}"
say() { printf 'wasm-toolchain: %s\n' "$*" >&2; }
has_std() { compgen -G "$1/lib/rustlib/$T/lib/libstd-*.rlib" >/dev/null; }

# 1. The everyday toolchain has the target: nothing to do.
if [ -z "${WASM_TOOLCHAIN_FORCE:-}" ] && command -v rustc >/dev/null; then
  if sr="$(rustc --print sysroot 2>/dev/null)" && has_std "$sr"; then
    say "rustc already has $T"
    printf '%s\n' "$sr/bin/rustc"; exit 0
  fi
fi

# 2. rustup can fetch it. Quietly: where it can't, the next steps do without.
if [ -z "${WASM_TOOLCHAIN_FORCE:-}" ] && [ "${WASM_TOOLCHAIN_RUSTUP:-1}" != 0 ] && command -v rustup >/dev/null; then
  if timeout 300 rustup target add "$T" >/dev/null 2>&1; then
    if sr="$(rustc --print sysroot 2>/dev/null)" && has_std "$sr"; then
      say "rustup fetched $T"
      printf '%s\n' "$sr/bin/rustc"; exit 0
    fi
  fi
  say "rustup can't fetch $T: using Debian's compiler instead"
fi

# 3. Ours is finished and still fits Debian's compiler.
command -v dpkg-query >/dev/null || {
  say "this machine is not Debian or Ubuntu, so std can't be built here: run 'rustup target add $T' where there is a network"
  exit 1
}
BASE=/usr/bin/rustc
RECIPE=2                                            # raise it when the build below changes
stamp() { printf '%s %s\n' "$RECIPE" "$("$BASE" -vV | sha256sum)"; }
fits() { [ -x "$PREFIX/bin/rustc" ] && [ -x "$BASE" ] && has_std "$PREFIX" &&
  [ "$(cat "$PREFIX/.built-with" 2>/dev/null)" = "$(stamp)" ]; }
mkdir -p "$(dirname "$PREFIX")"
exec 9>"$PREFIX.lock"; flock 9                      # two callers at once: the second waits, then reuses
if [ -z "${WASM_TOOLCHAIN_FORCE:-}" ] && fits; then printf '%s\n' "$PREFIX/bin/rustc"; exit 0; fi

# 4. Debian's compiler, its std sources (with vendored crates) and LLVM's linker.
SUDO=""; [ "$(id -u)" = 0 ] || SUDO=sudo
need=()
for p in rustc-web cargo-web rust-web-src; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || need+=("$p")
done
find_lld() { compgen -G '/usr/lib/llvm-*/bin/lld' | sort -V | tail -1; }
[ -n "$(find_lld)" ] || need+=(lld-22)
if [ "${#need[@]}" -gt 0 ]; then
  say "apt-get install ${need[*]}"
  try() { $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${need[@]}" >&2; }
  $SUDO apt-get update >&2 || true
  if ! try; then                                    # an older archive may lack lld-22: take the plain one
    need=("${need[@]/lld-22/lld}"); try
  fi
fi
LLD="$(find_lld)"; [ -n "$LLD" ] || { say "no lld found"; exit 1; }
BASE_SYSROOT="$("$BASE" --print sysroot)"
HOST="$("$BASE" -vV | sed -n 's/^host: //p')"
STDSRC="$BASE_SYSROOT/lib/rustlib/src/rust/library"
[ -d "$STDSRC/std" ] || { say "std sources not at $STDSRC"; exit 1; }

# 5. One build of std for the target, in a scratch crate. Cargo leaves LLVM bitcode out of rlibs
#    unless the building crate itself uses LTO; plugins that use `lto = true` need it in std.
say "building std for $T with $("$BASE" --version) ..."
W="$(mktemp -d)"; trap 'rm -rf "$W"' EXIT
mkdir -p "$W/src" "$W/.cargo"; : >"$W/src/lib.rs"
printf '[source.crates-io]\nreplace-with = "std-vendor"\n[source.std-vendor]\ndirectory = "%s/vendor"\n' "$STDSRC" >"$W/.cargo/config.toml"
cat >"$W/Cargo.toml" <<'X'
[package]
name = "std-for-wasm"
version = "0.0.0"
edition = "2021"
[workspace]
[profile.release]
opt-level = 3
debug = 0
panic = "abort"
X
( cd "$W" && env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u RUSTUP_TOOLCHAIN -u CARGO_BUILD_TARGET \
    -u RUSTC_WRAPPER -u CARGO_BUILD_RUSTC_WRAPPER \
    RUSTFLAGS=-Cembed-bitcode=yes \
    RUSTC_BOOTSTRAP=1 RUSTC="$BASE" CARGO_TARGET_DIR="$W/target" CARGO_INCREMENTAL=0 \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$LLD" \
    /usr/bin/cargo build --release --quiet --offline -Zbuild-std=std,panic_abort --target "$T" >&2 )

# 6. The sysroot: Debian's host part by links, our target part by copies, and rust-lld.
N="$PREFIX.new.$$"; rm -rf "$N"
mkdir -p "$N/bin" "$N/lib/rustlib/$T/lib" "$N/lib/rustlib/$HOST/bin"
find "$W/target/$T/release/deps" -name 'lib*.rlib' ! -name 'libstd_for_wasm-*' -exec cp {} "$N/lib/rustlib/$T/lib/" \;
for d in "$BASE_SYSROOT/lib/rustlib/$HOST"/*; do
  [ "$(basename "$d")" = bin ] || ln -s "$d" "$N/lib/rustlib/$HOST/"
done
ln -s "$LLD" "$N/lib/rustlib/$HOST/bin/rust-lld"
ln -s "$BASE_SYSROOT/lib/rustlib/src" "$N/lib/rustlib/src"
printf '#!/bin/sh\nexec %s --sysroot "%s" "$@"\n' "$BASE" "$PREFIX" >"$N/bin/rustc"
printf '#!/bin/sh\nRUSTC="${RUSTC:-%s/bin/rustc}" exec /usr/bin/cargo "$@"\n' "$PREFIX" >"$N/bin/cargo"
chmod +x "$N/bin/rustc" "$N/bin/cargo"
has_std "$N" || { say "std was not built"; exit 1; }
stamp >"$N/.built-with"
rm -rf "$PREFIX"; mv "$N" "$PREFIX"

# 7. Prove it: compile and link a module, with LTO.
printf '#[no_mangle] pub extern "C" fn f(n: usize) -> usize { let v: Vec<String> = (0..n).map(|i| i.to_string()).collect(); v.concat().len() }\n' >"$W/t.rs"
"$PREFIX/bin/rustc" --edition 2021 --target "$T" --crate-type cdylib -O -C lto=fat -o "$W/t.wasm" "$W/t.rs" >&2
[ "$(head -c 4 "$W/t.wasm" | od -An -c | tr -d ' ')" = '\0asm' ] || { say "the test module did not link"; exit 1; }
say "ready: $PREFIX"
printf '%s\n' "$PREFIX/bin/rustc"
