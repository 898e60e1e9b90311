"""The built binary beside the chart and the components: what they have it do is what it does.

    beside.py arguments TOOLS BINARY   it knows all arguments that containers are given
    beside.py inject TOOLS BINARY      it adds what the components add
    beside.py webhook TOOLS BINARY     it starts as the chart says, and is trusted
"""
import base64, copy, http.client, json, pathlib, socket, ssl, subprocess, sys, tempfile, time

import manifests
from charts import SETS, built, of, rendered, run, template
from manifests import IMAGE, ROOT, VERSION, load, options

BINARY = sys.argv[3]


def has(command):
    """Whether the built binary knows a subcommand."""
    known = subprocess.run([BINARY, command, "--help"], capture_output=True).returncode == 0
    if not known:
        print(f"NOT CHECKED: this outrigger has no `{command}`")
    return known


def arguments():
    """Every container of ours is started with arguments that the binary knows."""
    sets = [(path.name, load(path.read_text())) for path in sorted((ROOT / "deploy").glob("*.yaml"))]
    sets += [(f"kustomize {mode}", built(mode)) for mode in ("base-url", "transparent")]
    sets += [(f"helm {name}", rendered(name)) for name in SETS]
    lines = {}
    for where, documents in sets:
        for name, _, pod in manifests.pods(documents):
            for container in pod.get("initContainers", []) + pod["containers"]:
                if container["name"].startswith("outrigger") or container["name"] == "webhook":
                    lines.setdefault(tuple(container["args"]), f"{where} {name} {container['name']}")
    assert len(lines) >= 7, lines
    known, seen = {command: has(command) for command in {line[0] for line in lines}}, 0
    for line, where in lines.items():
        if not known[line[0]]:
            continue
        # What is asked for is help, but whatever stands before it is read first.
        done = subprocess.run([BINARY, *line, "--help"], capture_output=True, text=True)
        if line[0] == "run" and "unexpected argument '--transparent'" in done.stderr:
            print("NOT CHECKED: this outrigger has no transparent mode")
            continue
        assert done.returncode == 0, f"{where}: {done.stderr}"
        seen += 1
    wrong = subprocess.run([BINARY, "run", "--config=x", "--no-such-option=1", "--help"], capture_output=True)
    assert wrong.returncode != 0, "help is given whatever stands before it: this test tells nothing"
    print(f"{seen} of {len(lines)} command lines are known")


def inject():
    """`outrigger inject` and the components put the same sidecar beside the same app."""
    if not has("inject"):
        return
    app = ROOT / "deploy/kustomize/examples/app/deployment.yaml"
    injected = lambda *more: load(run(BINARY, "inject", "-f", app, *more))
    total = 0
    for mode in ("base-url", "transparent", "forward-proxy"):
        documents = injected("--mode", mode, "--image", IMAGE)
        total += manifests.validate(f"inject {mode}", documents)
        pod = [*manifests.pods(documents)][0][2]
        manifests.check_images(mode, pod)
        manifests.check_order(mode, pod)
        if mode == "forward-proxy":
            continue
        patched = [*manifests.pods(built(mode))][0][2]
        pods = (pod, patched)
        for name in ("outrigger-rules", "outrigger"):
            sides = [[dict(c) for c in side["initContainers"] if c["name"] == name] for side in pods]
            for container in sides[0] + sides[1]:
                container.pop("env", None)               # keys there, tags here
                container["volumeMounts"] = sorted(container.get("volumeMounts", []), key=lambda mount: mount["mountPath"])
                # Flags go before the file, which says the same: the components leave them out.
                container["args"] = {k: v for k, v in options(container["args"]).items() if k not in ("--admin", "--drain", "--base-url")}
                for probe in ("readinessProbe", "livenessProbe"):
                    container.get(probe, {}).setdefault("failureThreshold", 3)
            assert sides[0] == sides[1], f"{mode} {name}: {sides}"
        volumes = [{v["name"]: copy.deepcopy(v) for v in side["volumes"]} for side in pods]
        volumes[0]["outrigger-policies"]["configMap"].pop("optional", None)
        assert volumes[0] == volumes[1], f"{mode}: {volumes}"
        assert pod["terminationGracePeriodSeconds"] == patched["terminationGracePeriodSeconds"], mode
        told = [{v["name"]: v["value"] for v in side["containers"][0]["env"]} for side in pods]
        assert told[1].items() <= told[0].items(), f"{mode}: {told}"
        mounts = [side["containers"][0].get("volumeMounts", []) for side in pods]
        assert mounts[0] == mounts[1], f"{mode}: {mounts}"
    # Policies from a registry: the init container has to end, or the pod never starts.
    reference = "oci://registry.example.com/platform/policies@sha256:" + "0123456789abcdef" * 4
    pod = [*manifests.pods(injected("--mode", "base-url", "--image", IMAGE, "--policies", reference))][0][2]
    pulls = [container for container in pod["initContainers"] if container["name"].startswith("outrigger-pull")]
    manifests.check_pull("inject", pulls, {volume["name"]: volume for volume in pod["volumes"]})
    if run(BINARY, "--version").split()[-1] == VERSION:
        assert IMAGE in json.dumps(injected()), "the image that it adds by itself is of another version"
    print(f"inject agrees with the components; {total} validations")


class Pinned(http.client.HTTPSConnection):
    """A connection to an address, under a name that no resolver knows."""

    def __init__(self, name, port, context):
        super().__init__(name, port, context=context, timeout=5)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


def webhook():
    """The binary starts with the chart's arguments and certificate, and an API server that trusts the chart's CA gets a patch from it."""
    if not has("webhook"):
        return
    documents = template("--set", "injection.mode=base-url")
    secret, hook = of(documents, "Secret"), of(documents, "MutatingWebhookConfiguration")["webhooks"][0]
    container, = of(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in secret["data"].items():
            pathlib.Path(folder, name).write_bytes(base64.b64decode(text))
        arguments = [argument.replace("0.0.0.0:8443", f"127.0.0.1:{port}").replace("/etc/outrigger/tls", folder)
                     for argument in container["args"]]
        process = subprocess.Popen([BINARY, *arguments, "--linger=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            service = hook["clientConfig"]["service"]
            name = f"{service['name']}.{service['namespace']}.svc"
            context = ssl.create_default_context(cadata=base64.b64decode(hook["clientConfig"]["caBundle"]).decode())
            def ask(method, path, body=None):
                connection = Pinned(name, port, context)
                connection.request(method, path, body, {"content-type": "application/json"})
                answer = connection.getresponse()
                return answer.status, answer.read()
            ends = time.monotonic() + 20
            while True:
                try:
                    status, _ = ask("GET", container["readinessProbe"]["httpGet"]["path"])
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None and time.monotonic() < ends, f"it does not listen: {process.communicate()[0]}"
                    time.sleep(0.05)
            assert status == 200 and ask("GET", container["livenessProbe"]["httpGet"]["path"])[0] == 200
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "search"},
                   "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
                "uid": "1-2-3", "operation": "CREATE", "namespace": "search", "object": pod,
                "kind": {"group": "", "version": "v1", "kind": "Pod"}, "resource": {"group": "", "version": "v1", "resource": "pods"}}}
            status, body = ask("POST", service["path"], json.dumps(review))
            answer = json.loads(body)
            assert status == 200 and answer["response"]["uid"] == "1-2-3" and answer["response"]["allowed"] is True, answer
            assert answer["apiVersion"] == "admission.k8s.io/v1" and answer["response"]["patchType"] == "JSONPatch", answer
            patch = base64.b64decode(answer["response"]["patch"]).decode()
            assert "OPENAI_BASE_URL" in patch and IMAGE in patch, patch
        finally:
            process.terminate()
            process.wait(10)
    print("the webhook answers as the chart sets it up")


if __name__ == "__main__":
    {"arguments": arguments, "inject": inject, "webhook": webhook}[sys.argv[1]]()
