"""Checks the Helm chart and the kustomize components with the real helm and kubectl, offline.

    charts.py helm|kustomize|agree|mutants TOOLS     TOOLS is the folder that holds them
    charts.py configs TOOLS                          prints the outrigger.yaml's that they render, as manifests.py does
"""
import base64, copy, json, os, pathlib, re, shlex, ssl, subprocess, sys, tempfile

import manifests
from manifests import IMAGE, ROOT, VERSION, load, options

CHART = ROOT / "deploy/helm/outrigger"
TOOLS = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "target/tools")
NAMESPACE = "outrigger-system"
SETS = ("default", "cert-manager", "everything")


def run(*arguments, good=True):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    assert (done.returncode == 0) == good, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout if good else done.stdout + done.stderr


def template(*arguments):
    return load(run(TOOLS / "helm", "template", "outrigger", CHART, "--namespace", NAMESPACE, *arguments))


def rendered(name):
    return template("--values", CHART / f"ci/{name}-values.yaml")


def of(documents, kind, name=None):
    found = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]


def check_webhook(name, documents, values):
    """What holds for every values set."""
    deployment = of(documents, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    manifests.check_images(name, pod, ours=pod["containers"][0]["image"])
    assert not pod["automountServiceAccountToken"] and not of(documents, "ServiceAccount")["automountServiceAccountToken"], name
    assert pod["serviceAccountName"] == of(documents, "ServiceAccount")["metadata"]["name"], name
    container, = pod["containers"]
    manifests.is_hardened(name, container["securityContext"])
    manifests.is_sized(name, container["resources"])
    assert pod["securityContext"]["runAsUser"] == manifests.UID and pod["securityContext"]["fsGroup"] == manifests.UID, name
    assert deployment["spec"]["template"]["metadata"]["labels"]["outrigger.dev/inject"] == "disabled", name
    assert deployment["spec"]["replicas"] >= 2 and "podAntiAffinity" in pod["affinity"], name

    assert container["args"][0] == "webhook", name
    told = {option: value for option, (value,) in options(container["args"]).items()}
    secret = {"--secret"} if name == "everything" else set()
    assert set(told) == {"--listen", "--cert", "--key", "--mode", "--image", "--config", "--policies"} | secret, told
    assert told["--listen"] == "0.0.0.0:8443" and container["ports"][0]["containerPort"] == 8443, name
    mount, = container["volumeMounts"]
    assert told["--cert"] == f"{mount['mountPath']}/tls.crt" and told["--key"] == f"{mount['mountPath']}/tls.key", name
    assert mount["mountPath"] == "/etc/outrigger/tls" and "subPath" not in mount, f"{name}: a renewed certificate must be seen"
    assert told["--image"] == container["image"], f"{name}: pods get the version that injects them"
    assert told["--mode"] in ("transparent", "forward-proxy", "base-url"), name

    service, hook = of(documents, "Service"), of(documents, "MutatingWebhookConfiguration")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"],
                     of(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items(), f"{name}: {selector}"
    assert service["spec"]["ports"][0]["targetPort"] in [port["name"] for port in container["ports"]], name
    webhook, = hook["webhooks"]
    assert webhook["name"] == "inject.outrigger.dev", f"{name}: alerts know it by that name"
    assert webhook["sideEffects"] == "None" and webhook["admissionReviewVersions"] == ["v1"], name
    assert webhook["timeoutSeconds"] == 5 and webhook["failurePolicy"] == values["failurePolicy"], name
    assert webhook["reinvocationPolicy"] == values["reinvocationPolicy"], name
    client = webhook["clientConfig"]["service"]
    assert (client["name"], client["namespace"]) == (service["metadata"]["name"], NAMESPACE), name
    assert client["port"] == service["spec"]["ports"][0]["port"], name
    assert webhook["rules"] == [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                                 "scope": "Namespaced"}], name
    assert webhook["namespaceSelector"]["matchLabels"] == {"outrigger.dev/inject": "enabled"}, name
    outside, = webhook["namespaceSelector"]["matchExpressions"]
    assert outside["operator"] == "NotIn" and {"kube-system", NAMESPACE} <= set(outside["values"]), f"{name}: {outside}"
    assert webhook["objectSelector"]["matchExpressions"] == [
        {"key": "outrigger.dev/inject", "operator": "NotIn", "values": ["disabled"]}], name
    for document in documents:
        where = document["metadata"].get("namespace")
        assert (where is None) == (document["kind"] == "MutatingWebhookConfiguration"), f"{name}: {document['kind']} in {where}"
    return webhook, container, told


def handshake(secret, bundle, host):
    """The API server's side and ours, for real: whether a client that trusts `bundle` alone gets through to `host`."""
    with tempfile.TemporaryDirectory() as folder:
        for file in ("tls.crt", "tls.key"):
            pathlib.Path(folder, file).write_bytes(base64.b64decode(secret["data"][file]))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    client = ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=host), server.wrap_bio(up, down, server_side=True)]
    done = set()
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                pass
    return len(done) == 2


def helm():
    for name in SETS:
        said = run(TOOLS / "helm", "lint", "--strict", CHART, "--values", CHART / f"ci/{name}-values.yaml")
        assert "0 chart(s) failed" in said, said
    total = 0
    hold = {"failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded"}

    documents = rendered("default")
    total += manifests.check("default", documents)[0]
    webhook, container, told = check_webhook("default", documents, hold)
    assert container["image"] == IMAGE and told["--mode"] == "transparent", told
    assert (told["--config"], told["--policies"]) == ("outrigger", "outrigger-policies"), told
    secret, bundle = of(documents, "Secret"), webhook["clientConfig"]["caBundle"]
    host = "outrigger-webhook.outrigger-system.svc"
    assert secret["data"]["ca.crt"] == bundle and handshake(secret, bundle, host), "the generated certificate is not trusted"
    try:
        handshake(secret, bundle, "another.outrigger-system.svc")
        raise AssertionError("it is trusted for any name")
    except ssl.SSLCertVerificationError:
        pass
    assert {d["kind"] for d in documents} == {"Secret", "ServiceAccount", "Service", "Deployment", "PodDisruptionBudget",
                                              "MutatingWebhookConfiguration"}, "nothing more than asked for"

    documents = rendered("cert-manager")
    total += manifests.check("cert-manager", documents)[0]
    webhook, container, told = check_webhook("cert-manager", documents, {**hold, "failurePolicy": "Ignore"})
    certificate = of(documents, "Certificate")
    assert certificate["spec"]["secretName"] == "outrigger-webhook-tls" and host in certificate["spec"]["dnsNames"]
    volume, = of(documents, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == "outrigger-webhook-tls"
    annotation = of(documents, "MutatingWebhookConfiguration")["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
    assert annotation == f"{NAMESPACE}/{certificate['metadata']['name']}" and "caBundle" not in webhook["clientConfig"]
    assert not [d for d in documents if d["kind"] in ("Secret", "Issuer")], "the issuer is the cluster's"
    assert "@sha256:" in container["image"] and told["--policies"].startswith("oci://"), told
    own = template("--set", "certificate.source=cert-manager")
    assert of(own, "Certificate")["spec"]["issuerRef"]["name"] == of(own, "Issuer")["metadata"]["name"]

    documents = rendered("everything")
    total += manifests.check("everything", documents)[0]
    webhook, container, told = check_webhook("everything", documents, {**hold, "reinvocationPolicy": "Never"})
    assert not [d for d in documents if d["kind"] == "Secret"] and webhook["clientConfig"]["caBundle"]
    made = {(d["metadata"]["namespace"], d["metadata"]["name"]) for d in documents if d["kind"] == "ConfigMap"}
    assert {(n, c) for n in ("search", "support") for c in (told["--config"], told["--policies"])} <= made, made
    monitor = of(documents, "PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == "outrigger-admin", "the name that injected pods have"
    rules = of(documents, "PrometheusRule")["spec"]
    assert rules == load((ROOT / "deploy/prometheus/outrigger.rules.yaml").read_text())[0], "another set of rules"
    board = of(documents, "ConfigMap", "llm-sidecar-dashboard")
    assert json.loads(board["data"]["outrigger.json"]) == json.loads((ROOT / "deploy/grafana/outrigger.json").read_text())
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    allowed = of(documents, "NetworkPolicy")["spec"]
    assert allowed["policyTypes"] == ["Ingress", "Egress"] and "egress" not in allowed, "it asks nobody"

    # Each way to get a value wrong is an error that names the key.
    wrong = {
        "replica=3": "replica", "image.tag=latest": "/image/tag", "image.digest=sha256:12": "/image/digest",
        "injection.mode=sidecar": "/injection/mode", "injection.policies=oci://registry/policies:v1": "/injection/policies",
        "webhook.failurePolicy=fail": "/webhook/failurePolicy", "webhook.timeoutSeconds=31": "/webhook/timeoutSeconds",
        "certificate.source=self-signed": "/certificate/source", "certificate.source=secret": "certificate.secret.caBundle",
        "monitoring.podMonitor.interval=often": "/monitoring/podMonitor/interval",
        "defaults.policies.pii-redact\\.so=AA==": "/defaults/policies",
    }
    for setting, expected in wrong.items():
        said = run(TOOLS / "helm", "template", "outrigger", CHART, "--set", setting, good=False)
        assert expected in said, f"{setting}: {said}"
    said = run(TOOLS / "helm", "template", "outrigger", CHART, "--kube-version", "1.28.0", good=False)
    assert "1.29" in said, said

    # What is packaged holds the rules and the dashboard, though they are links here.
    with tempfile.TemporaryDirectory() as folder:
        run(TOOLS / "helm", "package", CHART, "--destination", folder)
        archive = f"{folder}/outrigger-{VERSION}.tgz"
        again = load(run(TOOLS / "helm", "template", "outrigger", archive, "--namespace", NAMESPACE,
                         "--values", CHART / "ci/everything-values.yaml"))
        assert again == documents, "the package renders something else"
    # What the README has people type.
    text = (ROOT / "deploy/README.md").read_text()
    command, = re.findall(r"^helm install (.*)$", text, re.M)
    name, chart, *more = [word for word in shlex.split(command) if word not in ("--wait", "--create-namespace")]
    documents = load(run(TOOLS / "helm", "template", name, ROOT / chart, *more))
    made = {(d["metadata"]["namespace"], d["metadata"]["name"]) for d in documents if d["kind"] == "ConfigMap"}
    assert made == {("shop", "outrigger"), ("shop", "outrigger-policies")}, made
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / "deploy" / link).exists(), f"README.md links to {link}"
    for file in (ROOT / "deploy").glob("*.yaml"):
        assert f"({file.name})" in text, f"{file.name} is not in README.md"
    values = load((CHART / "values.yaml").read_text())[0]
    schema = json.loads((CHART / "values.schema.json").read_text())
    check_schema("", values, schema)
    chart = load((CHART / "Chart.yaml").read_text())[0]
    assert chart["version"] == chart["appVersion"] == VERSION, f"the chart is of {chart['version']}, the workspace of {VERSION}"
    print(f"helm: {len(SETS)} values sets, {total} validations, {len(wrong)} wrong values refused")


def check_schema(path, values, schema):
    """Every default has its key in the schema, and every section is closed."""
    for key, value in values.items():
        assert key in schema["properties"], f"{path}/{key} is not in values.schema.json"
        if isinstance(value, dict) and "properties" in schema["properties"][key]:
            assert schema["properties"][key]["additionalProperties"] is False, f"{path}/{key} takes any key"
            check_schema(f"{path}/{key}", value, schema["properties"][key])


def built(mode):
    return load(run(TOOLS / "kubectl", "kustomize", ROOT / f"deploy/kustomize/examples/{mode}"))


def kustomize():
    total = 0
    for mode in ("base-url", "transparent"):
        documents = built(mode)
        done, modes = manifests.check(f"kustomize {mode}", documents)
        assert modes == [mode], f"{mode}: {modes}"
        total += done
        pod = of(documents, "Deployment")["spec"]["template"]["spec"]
        names = [container["name"] for container in pod["initContainers"]]
        assert names == (["outrigger-rules"] if mode == "transparent" else []) + ["outrigger", "migrate"], names
        of(documents, "ConfigMap", "outrigger")
    # A Deployment that says no is left as it is.
    with tempfile.TemporaryDirectory() as folder:
        app = (ROOT / "deploy/kustomize/examples/app/deployment.yaml").read_text()
        refuses = app.replace("name: assistant }\nspec:\n  selector", "name: assistant, outrigger.dev/inject: disabled }\nspec:\n  selector")
        assert refuses != app
        pathlib.Path(folder, "deployment.yaml").write_text(refuses)
        component = os.path.relpath(ROOT / "deploy/kustomize/transparent", os.path.realpath(folder))
        pathlib.Path(folder, "kustomization.yaml").write_text(
            f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [deployment.yaml]\ncomponents: [{component}]\n")
        said = run(TOOLS / "kubectl", "kustomize", folder)
        assert load(said) == load(refuses), f"it was changed: {said}"
    print(f"kustomize: {total} validations")


def agree():
    """Plain YAML and kustomize put the same sidecar beside an app."""
    for mode, file in (("base-url", "sidecar.yaml"), ("transparent", "sidecar-transparent.yaml")):
        plain, patched = load((ROOT / "deploy" / file).read_text()), built(mode)
        one, other = ([*manifests.pods(d)][0][2] for d in (plain, patched))
        for name in ("outrigger-rules", "outrigger"):
            mine, theirs = ([dict(c) for c in pod["initContainers"] if c["name"] == name] for pod in (one, other))
            for container in mine + theirs:
                container.pop("env", None)     # keys of providers: optional in a component, none where the app's own go through
                container["volumeMounts"] = sorted(container.get("volumeMounts", []), key=lambda mount: mount["mountPath"])
                container["args"] = options(container["args"])
            assert mine == theirs, f"{mode} {name}: {mine} and {theirs}"
        volumes = [sorted(pod["volumes"], key=lambda volume: volume["name"]) for pod in (one, other)]
        assert volumes[0] == volumes[1], f"{mode}: {volumes}"
        assert one["terminationGracePeriodSeconds"] == other["terminationGracePeriodSeconds"]
        strip = lambda text: re.sub(r" +#.*", "", text).strip()
        said = [strip(*manifests.configs(documents).values()) for documents in (plain, patched)]
        assert said[0] == said[1], f"{mode}: {said}"
        apps = [{v["name"]: v.get("value") for v in pod["containers"][0]["env"]} for pod in (one, other)]
        assert apps[0] == apps[1], f"{mode}: {apps}"
    print("plain YAML and kustomize agree")


def mutants():
    """The checks themselves: each of these changes to a good manifest is found."""
    good = load((ROOT / "deploy/sidecar-transparent.yaml").read_text())
    manifests.MINORS = manifests.MINORS[::8]      # the first and the last will do
    with_schemas = manifests.check("good", copy.deepcopy(good))[0] > 0
    pod = lambda documents: [*manifests.pods(documents)][0][2]
    sidecar = lambda documents: pod(documents)["initContainers"][1]
    changes = {
        "an unknown key": lambda d: sidecar(d).update(restartpolicy="Always"),
        "a key of another type": lambda d: pod(d).update(terminationGracePeriodSeconds="120"),
        "no native sidecar": lambda d: sidecar(d).pop("restartPolicy"),
        "the latest image": lambda d: sidecar(d).update(image="ghcr.io/outrigger-proxy/outrigger:latest"),
        "an image of another version": lambda d: sidecar(d).update(image="ghcr.io/outrigger-proxy/outrigger:0.1.0"),
        "an app's image without a tag": lambda d: pod(d)["containers"][0].update(image="curl"),
        "another user": lambda d: sidecar(d)["securityContext"].update(runAsUser=1000),
        "an app with the proxy's uid": lambda d: pod(d)["containers"][0]["securityContext"].update(runAsUser=13370),
        "a writable root": lambda d: sidecar(d)["securityContext"].pop("readOnlyRootFilesystem"),
        "one capability more": lambda d: sidecar(d)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        "a CPU limit": lambda d: sidecar(d)["resources"]["limits"].update(cpu="1"),
        "a subPath": lambda d: sidecar(d)["volumeMounts"][0].update(subPath="outrigger.yaml"),
        "another port": lambda d: sidecar(d)["ports"][0].update(containerPort=4191),
        "another probe": lambda d: sidecar(d)["readinessProbe"]["httpGet"].update(path="/ready"),
        "no startup probe": lambda d: sidecar(d).pop("startupProbe"),
        "the node's network": lambda d: pod(d).update(hostNetwork=True),
        "rules too late": lambda d: pod(d)["initContainers"].reverse(),
        "rules with more power": lambda d: pod(d)["initContainers"][0]["securityContext"].update(privileged=True),
        "one transparent address": lambda d: sidecar(d)["args"].remove("--transparent=[::1]:15006"),
        "a key on disk": lambda d: [v for v in pod(d)["volumes"] if v["name"] == "outrigger-ca-key"][0].update(emptyDir={}),
        "a key for the app": lambda d: pod(d)["containers"][0]["volumeMounts"].append(
            {"name": "outrigger-ca-key", "mountPath": "/key"}),
        "an app that may write the bundle": lambda d: pod(d)["containers"][0]["volumeMounts"][0].pop("readOnly"),
        "an app that does not trust it": lambda d: pod(d)["containers"][0]["env"].pop(0),
        "a drain as long as the grace period": lambda d: d[0]["data"].update(
            {"outrigger.yaml": d[0]["data"]["outrigger.yaml"].replace("drain: 110s", "drain: 120s")}),
        "an admin address that probes can't reach": lambda d: d[0]["data"].update(
            {"outrigger.yaml": d[0]["data"]["outrigger.yaml"].replace("0.0.0.0:4190", "127.0.0.1:4190")}),
    }
    for what, change in changes.items():
        if not with_schemas and what in ("an unknown key", "a key of another type"):
            continue
        documents = copy.deepcopy(good)
        change(documents)
        assert documents != good, what
        try:
            manifests.check(what, documents)
        except (AssertionError, KeyError):
            continue
        raise AssertionError(f"not found: {what}")
    print(f"{len(changes)} mistakes found")


def all_configs():
    sets = [(f"kustomize {mode}", built(mode)) for mode in ("base-url", "transparent")] + [(f"helm {n}", rendered(n)) for n in SETS]
    values = load((CHART / "values.yaml").read_text())[0]
    found = [[f"{where}: {name}", text] for where, documents in sets for name, text in manifests.configs(documents).items()]
    print(json.dumps(found + [["values.yaml: defaults.config", values["defaults"]["config"]]]))


if __name__ == "__main__":
    {"helm": helm, "kustomize": kustomize, "agree": agree, "mutants": mutants, "configs": all_configs}[sys.argv[1]]()
