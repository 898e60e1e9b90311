"""Checks Kubernetes manifests: strictly against the schemas of the versions that we support, and against our own rules. `--print-config`
prints the outrigger.yaml inside instead."""
import sys, yaml

path = sys.argv[1]
documents = [d for d in yaml.safe_load_all(open(path)) if d]
if "--print-config" in sys.argv:
    print(next(d["data"]["outrigger.yaml"] for d in documents if d["kind"] == "ConfigMap"))
    sys.exit()

try:
    import kubernetes_validate
except ImportError:
    print("NOT VALIDATED against schemas: kubernetes-validate is not installed")
else:
    for document in documents:
        for version in ("1.29", "1.33", "1.37"):
            kubernetes_validate.validate(document, version, strict=True)

pod = next(d for d in documents if d["kind"] == "Deployment")["spec"]["template"]["spec"]
sidecar = next(c for c in pod["initContainers"] if c["name"] == "outrigger")
assert sidecar["restartPolicy"] == "Always", "a native sidecar"
security = sidecar["securityContext"]
assert security["runAsNonRoot"] and security["runAsUser"] == security["runAsGroup"] == 13370
assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
assert security["capabilities"] == {"drop": ["ALL"]} and security["seccompProfile"] == {"type": "RuntimeDefault"}
assert "cpu" not in sidecar["resources"]["limits"]
for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    assert sidecar[probe]["httpGet"]["path"] in ("/readyz", "/healthz"), probe
volumes = {v["name"]: v for v in pod["volumes"]}
mounts = {m["mountPath"]: m for m in sidecar["volumeMounts"]}
assert all("subPath" not in m for m in mounts.values()), "a subPath mount never sees an update"
assert not any(a != b and a.startswith(b + "/") for a in mounts for b in mounts), "a mount inside a read-only mount cannot be made"
assert "configMap" in volumes[mounts["/etc/outrigger/policies"]["name"]]
config = yaml.safe_load(next(d["data"]["outrigger.yaml"] for d in documents if d["kind"] == "ConfigMap"))
assert config["policies"]["directory"] == "/etc/outrigger/policies"
assert "emptyDir" in volumes[mounts[config["policies"]["cache"]]["name"]]
assert int(config["drain"].rstrip("s")) < pod["terminationGracePeriodSeconds"] - 5
print(f"{path}: {len(documents)} documents are valid")
