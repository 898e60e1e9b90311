"""Checks what `outrigger inject` wrote, with another YAML reader than its own (one of YAML 1.1, as kubectl's): FOLDER… with injected.yaml,
original.yaml and restored.yaml.
Every document validates strictly for each version of Kubernetes that is supported, nothing of the original is missing, and what was taken away again is
the original."""
import sys, yaml

try:
    import kubernetes_validate
except ImportError:
    print("NOT VALIDATED against schemas: kubernetes-validate is not installed")
    kubernetes_validate = None


def each(documents):
    for document in documents:
        yield from each(document["items"]) if document["kind"].endswith("List") else [document]


def pod(document):
    at = document
    for key in {"Pod": [], "CronJob": ["spec", "jobTemplate", "spec", "template"]}.get(document["kind"], ["spec", "template"]):
        at = at.get(key, {})
    return at.get("spec", {})


for folder in sys.argv[1:]:
    injected, original, restored = ([d for d in yaml.safe_load_all(open(f"{folder}/{name}.yaml")) if d] for name in ("injected", "original", "restored"))
    assert original == restored, f"{folder}: uninject gives another value"
    assert len(list(each(injected))) == len(list(each(original)))
    for now, was in zip(each(injected), each(original)):
        if kubernetes_validate:
            for version in ("1.29", "1.33", "1.37"):
                kubernetes_validate.validate(now, version, strict=True)
        now, was = pod(now), pod(was)
        if "hostNetwork" in was or "containers" not in was:
            assert now == was
            continue
        for key in ("initContainers", "containers"):
            names = [c["name"] for c in now.get(key) or [] if not c["name"].startswith("outrigger")]
            assert names == [c["name"] for c in was.get(key) or []]
        containers = {c["name"]: c for key in ("initContainers", "containers") for c in now.get(key) or []}
        sidecar = containers["outrigger"]
        for key in ("initContainers", "containers"):
            for before in was.get(key) or []:
                after = containers[before["name"]]
                kept = [e for e in after.get("env") or [] if e in (before.get("env") or []) or e["name"] == "JAVA_TOOL_OPTIONS"]
                assert len(kept) >= len(before.get("env") or []), "a variable is missing or changed"
                names = [e["name"] for e in after["env"]]
                assert len(names) == len(set(names)), "a variable is there twice"
                assert not any(m["name"] == "outrigger-ca-key" for m in after.get("volumeMounts") or [])
        volumes = {v["name"] for v in now["volumes"]}
        for container in containers.values():
            mounts = [m["mountPath"] for m in container.get("volumeMounts") or []]
            assert len(mounts) == len(set(mounts))
            assert {m["name"] for m in container.get("volumeMounts") or [] if m["name"].startswith("outrigger")} <= volumes
        security = sidecar["securityContext"]
        assert security["runAsUser"] == security["runAsGroup"] == 13370 and security["capabilities"] == {"drop": ["ALL"]}
        drain = next(int(a[len("--drain="):-1]) for a in sidecar["args"] if a.startswith("--drain="))
        assert drain <= now["terminationGracePeriodSeconds"] - 5
    print(f"{folder}: valid")
