"""Checks Kubernetes manifests: strictly against the schemas of every version that we support, and against our own rules.

    manifests.py FILE...            checks plain YAML, and says what it found
    manifests.py --configs FILE...  prints the outrigger.yaml's inside as JSON: [[where, text], …]

Other scripts import it: `check(where, documents)` raises AssertionError with a sentence.
"""
import json, pathlib, re, sys, yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
IMAGE = f"ghcr.io/outrigger-proxy/outrigger:{VERSION}"
MINORS = [f"1.{minor}" for minor in range(29, 38)]
# Kinds of other projects: there are no schemas for them, so their rules are told elsewhere (charts.py), by name.
OTHERS = {"Certificate", "Issuer", "PodMonitor", "PrometheusRule"}
UID = 13370
KEY, CA = "/var/lib/outrigger/ca", "/var/run/outrigger/ca"
TRUST = {
    **{name: f"{CA}/bundle.pem" for name in
       ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")},
    "NODE_EXTRA_CA_CERTS": f"{CA}/ca.pem",
    "JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={CA}/bundle.p12 -Djavax.net.ssl.trustStoreType=PKCS12",
}


class Loader(yaml.CSafeLoader):
    """Refuses a key that is written twice, which YAML forbids and PyYAML forgives."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"keys written twice: {twice} at line {node.start_mark.line + 1}"
        return super().construct_mapping(node, deep)


def load(text):
    return [document for document in yaml.load_all(text, Loader) if document]


def validate(where, documents):
    """Against the schemas; returns how many validations that were, none without the package."""
    try:
        import kubernetes_validate
    except ImportError:
        print("NOT VALIDATED against schemas: kubernetes-validate is not installed", file=sys.stderr)
        return 0
    done = 0
    for document in documents:
        if document["kind"] in OTHERS:
            continue
        for minor in MINORS:
            try:
                kubernetes_validate.validate(document, minor, strict=True)
            except Exception as error:
                name = document["metadata"].get("name")
                raise AssertionError(f"{where}: {document['kind']} {name} is not valid in {minor}: {error}") from error
            done += 1
    return done


def pods(documents):
    """The pod specifications with their labels and names."""
    for document in documents:
        template = document.get("spec", {}).get("template") if isinstance(document.get("spec"), dict) else None
        if template and "containers" in template.get("spec", {}):
            yield document["metadata"]["name"], template.get("metadata", {}).get("labels", {}), template["spec"]


def options(arguments):
    """`--a=b`, and `--a b`, as lists of values by name."""
    found, arguments = {}, list(arguments)
    while arguments:
        name, equals, value = arguments.pop(0).partition("=")
        if name.startswith("--"):
            if not equals and arguments and not arguments[0].startswith("--"):
                value = arguments.pop(0)
            found.setdefault(name, []).append(value)
    return found


def is_hardened(where, security):
    assert security["runAsNonRoot"] is True and security["runAsUser"] == security["runAsGroup"] == UID, where
    assert security["readOnlyRootFilesystem"] is True and security["allowPrivilegeEscalation"] is False, where
    assert security["capabilities"] == {"drop": ["ALL"]} and security["seccompProfile"] == {"type": "RuntimeDefault"}, where
    assert set(security) == {"runAsNonRoot", "runAsUser", "runAsGroup", "readOnlyRootFilesystem", "allowPrivilegeEscalation",
                             "capabilities", "seccompProfile"}, f"{where}: {sorted(security)}"


def is_sized(where, resources):
    assert set(resources["requests"]) == {"cpu", "memory"} and "memory" in resources["limits"], where
    assert "cpu" not in resources["limits"], f"{where}: a CPU limit is latency"


def seconds(span):
    number, unit = re.fullmatch(r"(\d+)(s|m)", span).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def check_images(where, pod, ours=IMAGE):
    for container in pod.get("initContainers", []) + pod["containers"]:
        image = container["image"]
        tag = image.rpartition("/")[2]
        assert "@sha256:" in tag or (":" in tag and not tag.endswith(":latest")), f"{where}: {image} names no version"
        if container["name"].startswith("outrigger") or container["name"] == "webhook":
            assert image == ours, f"{where}: {image} is not {ours}"


def check_sidecar(where, labels, pod):
    """A pod that was given its sidecar by hand, by a patch or by injection. Returns its mode."""
    names = [container["name"] for container in pod["initContainers"]]
    sidecar = pod["initContainers"][names.index("outrigger")]
    assert sidecar["restartPolicy"] == "Always", f"{where}: a native sidecar"
    assert not pod.get("hostNetwork"), f"{where}: the rules would be the node's"
    assert labels.get("outrigger.dev/inject") == "disabled", f"{where}: the webhook would inject a second one"
    is_hardened(where, sidecar["securityContext"])
    is_sized(where, sidecar["resources"])
    assert sidecar["ports"] == [{"name": "outrigger-admin", "containerPort": 4190}], where
    for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert sidecar[probe]["httpGet"] == {"path": path, "port": "outrigger-admin"}, f"{where}: {probe}"
    startup = sidecar["startupProbe"]
    assert (startup["periodSeconds"], startup["failureThreshold"]) == (1, 30), where

    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert all(name.startswith("outrigger-") for name in volumes), f"{where}: {sorted(volumes)}"
    mounts = {mount["mountPath"]: mount for mount in sidecar["volumeMounts"]}
    assert len(mounts) == len(sidecar["volumeMounts"]), f"{where}: a path is mounted twice"
    assert all("subPath" not in mount for mount in mounts.values()), f"{where}: a subPath mount never sees an update"
    assert not any(a != b and a.startswith(b + "/") for a in mounts for b in mounts), f"{where}: a mount in a mount"
    assert mounts["/etc/outrigger/config"] == {"name": "outrigger-config", "mountPath": "/etc/outrigger/config", "readOnly": True}
    assert mounts["/etc/outrigger/policies"] == {"name": "outrigger-policies", "mountPath": "/etc/outrigger/policies", "readOnly": True}
    assert mounts["/var/cache/outrigger"]["name"] == "outrigger-cache", where
    assert volumes["outrigger-config"]["configMap"]["name"] == "outrigger", where
    assert "sizeLimit" in volumes["outrigger-cache"]["emptyDir"], where
    pulls = [container for container in pod["initContainers"] if container["name"].startswith("outrigger-pull")]
    if pulls:
        check_pull(where, pulls, volumes)
    else:
        assert volumes["outrigger-policies"]["configMap"]["name"] == "outrigger-policies", where

    arguments = sidecar["args"]
    assert arguments[0] == "run", where
    given = options(arguments)
    assert given["--config"] == ["/etc/outrigger/config/outrigger.yaml"], where
    assert given.get("--admin", ["0.0.0.0:4190"]) == ["0.0.0.0:4190"], where
    if "--transparent" not in given:
        assert "outrigger-rules" not in names and KEY not in mounts, f"{where}: nothing leads connections to it"
        return "base-url"

    assert given["--transparent"] == ["127.0.0.1:15001", "[::1]:15006"], where
    assert given["--ca"] == [KEY] and given["--ca-bundle"] == [CA], where
    rules = pod["initContainers"][names.index("outrigger-rules")]
    assert names.index("outrigger-rules") == 0, f"{where}: rules stand before anything connects"
    assert rules["args"] == ["rules", "--install"] and "restartPolicy" not in rules, where
    security = rules["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]}, where
    assert security["runAsUser"] == 0 and security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"], where
    assert security["seccompProfile"] == {"type": "RuntimeDefault"} and "privileged" not in security, where
    is_sized(where, rules["resources"])
    for name in ("outrigger-ca-key", "outrigger-ca"):
        assert volumes[name]["emptyDir"]["medium"] == "Memory" and "sizeLimit" in volumes[name]["emptyDir"], f"{where}: {name}"
    assert mounts[KEY]["name"] == "outrigger-ca-key" and mounts[CA]["name"] == "outrigger-ca", where
    for container in pod["containers"]:
        told = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert TRUST.items() <= told.items(), f"{where}: {container['name']} is told {told}"
        mine = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert mine["outrigger-ca"] == {"name": "outrigger-ca", "mountPath": CA, "readOnly": True}, where
        assert container.get("securityContext", {}).get("runAsUser") not in (UID, None), f"{where}: an app with the proxy's uid"
    for container in pod["initContainers"] + pod["containers"]:
        keys = [mount for mount in container.get("volumeMounts", []) if mount["name"] == "outrigger-ca-key"]
        assert not keys or container is sidecar, f"{where}: {container['name']} mounts the CA's key"
    return "transparent"


def check_pull(where, pulls, volumes):
    """What brings policies from a registry: once before the sidecar; a tag that is followed needs a key, and a digest needs no loop."""
    assert "sizeLimit" in volumes["outrigger-policies"]["emptyDir"], where
    for container in pulls:
        is_hardened(f"{where} {container['name']}", container["securityContext"])
        is_sized(where, container["resources"])
        command, reference, *rest = container["args"]
        given, loops = options(rest), container["name"].endswith("-loop")
        assert command == "pull" and reference.startswith("oci://") and given["--into"] == ["/etc/outrigger/policies"], where
        pinned = re.search(r"@sha256:[0-9a-f]{64}$", reference)
        assert pinned or given["--key"], f"{where}: whoever can push decides what runs here"
        assert not (pinned and loops), f"{where}: a digest can't come to mean something else"
        # Without --once it never ends, and the sidecar would never start.
        assert ("--once" in given) != loops and ("--every" in given) == loops, f"{where}: {container['args']}"
        assert container.get("restartPolicy") == ("Always" if loops else None), where
        into, = [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/etc/outrigger/policies"]
        assert into["name"] == "outrigger-policies" and not into.get("readOnly"), where
    assert pulls[0]["name"] == "outrigger-pull", where
    assert len(pulls) == 1 or pulls[0]["args"][1] == pulls[1]["args"][1], f"{where}: two references"


def check_order(where, pod):
    """Rules, then what brings policies, then the sidecar, then everybody else's."""
    names = [container["name"] for container in pod["initContainers"]]
    order = [name for name in ("outrigger-rules", "outrigger-pull", "outrigger-pull-loop", "outrigger") if name in names]
    assert names[: len(order)] == order, f"{where}: {names}"


def check_config(where, text, pod):
    config = yaml.load(text, Loader)
    policies = config["policies"]
    assert policies["directory"] == "/etc/outrigger/policies" and policies["cache"] == "/var/cache/outrigger", where
    assert config["admin"] == "0.0.0.0:4190", f"{where}: the kubelet's probes come from outside"
    assert config.get("listen", {}).get("base_url", "127.0.0.1:4141") == "127.0.0.1:4141", where
    assert seconds(config["drain"]) <= pod["terminationGracePeriodSeconds"] - 10, f"{where}: drain has to end before the pod does"


def configs(documents):
    """The outrigger.yaml's in ConfigMaps, by name."""
    return {document["metadata"]["name"]: document["data"]["outrigger.yaml"]
            for document in documents if document["kind"] == "ConfigMap" and "outrigger.yaml" in document.get("data", {})}


def check(where, documents):
    """Everything; returns (validations, modes of the sidecars)."""
    assert documents, f"{where}: nothing in it"
    done, modes = validate(where, documents), []
    seen = [(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in documents]
    assert len(seen) == len(set(seen)), f"{where}: something is there twice: {seen}"
    for name, labels, pod in pods(documents):
        if "outrigger" in [container["name"] for container in pod.get("initContainers", [])]:
            check_images(f"{where} {name}", pod)
            check_order(f"{where} {name}", pod)
            modes.append(check_sidecar(f"{where} {name}", labels, pod))
            for text in configs(documents).values():
                check_config(f"{where} {name}", text, pod)
    return done, modes


if __name__ == "__main__":
    asked = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    files = [(path, load(open(path).read())) for path in asked]
    if "--configs" in sys.argv:
        print(json.dumps([[f"{path}: {name}", text] for path, documents in files for name, text in configs(documents).items()]))
    else:
        for path, documents in files:
            done, modes = check(path, documents)
            print(f"{path}: {len(documents)} documents, {done} validations, sidecars: {modes}")
