"""What the benches measure, and with what: the policies of their chains, bodies, processes on CPUs of their own, loads, memory. Standard library only."""
import glob, http.client, json, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

EMAILS = '{ detect: [email, phone, credit_card, iban, cpf], mode: tokenize }'
CHAINS = {
    0: [],
    1: [("noop", "{}")],
    3: [("noop", "{}"), ("model-router", '{ rules: [{ match: { model: "gpt-*", input_tokens: { min: 1000000 } }, model: bench-large }] }'), ("pii-redact", EMAILS)],
}
# Each policy of the repository, with the least configuration that makes it work.
EVERY = CHAINS[3][1:] + [
    ("prompt-guard", "{}"),
    ("context-window", "{ budget: 16000 }"),
    ("static-reply", '{ rules: [{ when: { exact: [hello] }, reply: "Hello." }] }'),
    ("token-rate-limit", "{ rules: [{ per: tenant, tokens: 1000000, every: 1m }] }"),
    ("budget", "{ budgets: [{ per: tenant, tokens: 1000000000, every: month }] }"),
    ("response-cache", "{ ttl: 10m }"),
    ("noop", "{}"), ("model-allowlist", "{ models: [bench] }"), ("hide-word", "{ hide: a, show: b }"), ("turn-limit", "{ header: x-team, requests: 100, seconds: 60 }"),
]


def grants(policy):
    return {"token-rate-limit": "[limits]", "budget": "[limits, values, { fetch: [] }]", "response-cache": "[replies]", "turn-limit": "[values]"}.get(policy, "[]")


# One policy that has a request hook and nothing else.
ROUTER = CHAINS[3][1:2]
CHAINS[5] = [("model-allowlist", "{ models: [bench] }"), ("noop-again", "{}")] + CHAINS[3]

SENTENCES = [
    "Please summarise the ticket below for the on-call engineer and propose a first answer.",
    "The customer says that the invoice of last month shows two charges for the same seat.",
    "We tried to reach Maria Souza at maria.souza@example.com, and by phone at +1 415 555 0132.",
    "According to the log the job started at 09:14, retried three times, and gave up with code 75.",
    "She would like to know whether the discount of her first year still applies, and until when.",
    "\"It worked before the update\", she writes, \"and nothing else was changed on our side.\"",
    "The account was opened in Lisbon; the team uses version 14.2 on forty-one machines.",
    "Keep it short, be kind, and do not promise a date that engineering has not confirmed.",
]


def body(size):
    """A chat request of about `size` bytes: a system prompt and turns of ordinary sentences, one in eight with an address and a number."""
    messages = [{"role": "system", "content": "You are a careful support assistant. Answer in the customer's language."}]
    turn, number = [], 0
    while len(json.dumps({"model": "bench", "messages": messages})) + sum(map(len, turn)) < size - 60:
        turn.append(SENTENCES[number % len(SENTENCES)])
        number += 1
        if len(turn) == 40:
            messages.append({"role": "user" if len(messages) % 2 else "assistant", "content": " ".join(turn)})
            turn = []
    messages.append({"role": "user", "content": " ".join(turn)})
    return json.dumps({"model": "bench", "messages": messages, "temperature": 0.2, "stream": False}).encode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pin(role):
    """Keeps a process to its CPUs: proxies on the first, the rest on the others; `alone` has them all."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2 or role == "alone":
        return None
    mine = {"proxy": cpus[:1], "upstream": cpus[1:2], "load": cpus[2:3] or cpus[1:2]}[role]
    return lambda: os.sched_setaffinity(0, mine)


def cpu_ns(pid):
    """CPU time of all threads that a process has, in ns."""
    total = 0
    for task in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            total += int(pathlib.Path(task).read_text().split()[0])
        except FileNotFoundError:
            pass
    return total


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def pss_mib(pid):
    """Memory with shared pages counted once: what a container is charged with. RSS counts a page of a policy's image in each instance."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss")


def page_tables_kib(pid):
    """Memory of the page tables, which a container is charged with and PSS leaves out."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmPTE:"):
            return int(line.split()[1])
    raise RuntimeError("no VmPTE")


def wait_for_port(port, what, process, seconds=10):
    for _ in range(200 * seconds):
        if process.poll() is not None:
            sys.exit(f"bench: {what} ended with {process.returncode} before it listened; its output is above")
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.005)
    sys.exit(f"bench: {what} does not listen")


def admin(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


class Bench:
    def __init__(self, args):
        self.args = args
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="outrigger-bench-"))
        self.processes = []
        self.upstream = free_port()
        self.bodies = {}
        for name, size in (("1kb", 1024), ("50kb", 50 * 1024)):
            self.bodies[name] = self.folder / f"{name}.json"
            self.bodies[name].write_bytes(body(size))
        stream = json.loads(body(1024)) | {"stream": True}
        self.bodies["stream"] = self.folder / "stream.json"
        self.bodies["stream"].write_text(json.dumps(stream))
        self.policies = self.folder / "policies"
        self.policies.mkdir()
        for name in {name for chain in [EVERY, *CHAINS.values()] for name, _ in chain}:
            source = pathlib.Path(args.policies) / f"{'noop' if name == 'noop-again' else name}.wasm"
            if source.exists():
                shutil.copy(source, self.policies / f"{name}.wasm")
            elif not args.only_plain:
                sys.exit(f"bench: no {source}; run `make policies`")

    def spawn(self, role, command, **more):
        # What a process says is shown only where it fails.
        said = open(self.folder / "said.txt", "ab")
        process = subprocess.Popen(command, preexec_fn=pin(role), stdout=subprocess.DEVNULL, stderr=said, **more)
        said.close()
        self.processes.append(process)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.processes.remove(process)

    def close(self):
        if sys.exc_info()[0]:
            print((self.folder / "said.txt").read_text(), file=sys.stderr)
        for process in list(self.processes):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def outrigger_command(self, policies, listen, admin_port, name):
        """`policies` is a number of CHAINS or a chain of its own."""
        links = policies if isinstance(policies, list) else CHAINS[policies]
        chain = "".join(f"\n    - use: {use}\n      config: {config}\n      grants: {grants(use)}" for use, config in links)
        text = f"""listen: {{ base_url: "127.0.0.1:{listen}" }}
admin: "127.0.0.1:{admin_port}"
workers: 1
log: {{ format: json }}
upstreams:
  openai: {{ dialect: openai, url: "http://127.0.0.1:{self.upstream}/v1" }}
"""
        if policies:
            text += f"policies:\n  directory: {self.policies}\n  cache: {self.folder}/cache\n  chain:{chain}\n"
        config = self.folder / f"{name}.yaml"
        config.write_text(text)
        return [self.args.outrigger, "run", "--config", str(config)]

    def subjects(self):
        """name → (port, pid or None)."""
        found = {"direct": (self.upstream, None)}
        port = free_port()
        process = self.spawn("proxy", [f"{self.args.bin}/bench-passthrough", f"127.0.0.1:{port}", f"127.0.0.1:{self.upstream}"])
        wait_for_port(port, "bench-passthrough", process)
        found["passthrough"] = (port, process.pid)
        nginx = shutil.which("nginx") or (os.path.exists("/usr/sbin/nginx") and "/usr/sbin/nginx")
        if nginx:
            port = free_port()
            config = pathlib.Path(__file__).with_name("nginx.conf").read_text()
            for key, value in (("@FOLDER@", self.folder), ("@LISTEN@", port), ("@UPSTREAM@", self.upstream)):
                config = config.replace(key, str(value))
            (self.folder / "nginx.conf").write_text(config)
            process = self.spawn("proxy", [nginx, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")])
            wait_for_port(port, "nginx", process)
            found["nginx"] = (port, process.pid)
        else:
            print("bench: nginx is not installed; its columns are left out", file=sys.stderr)
        if not self.args.only_plain:
            for policies in CHAINS:
                port, admin_port = free_port(), free_port()
                name = f"outrigger_{policies}"
                process = self.spawn("proxy", self.outrigger_command(policies, port, admin_port, name))
                wait_for_port(port, name, process)
                self.until_ready(admin_port, process)
                found[name] = (port, process.pid)
            port, admin_port = free_port(), free_port()
            process = self.spawn("proxy", self.outrigger_command(ROUTER, port, admin_port, "outrigger_router"))
            self.until_ready(admin_port, process)
            found["outrigger_router"] = (port, process.pid)
        return found

    def until_ready(self, admin_port, process):
        for _ in range(30000):
            if process.poll() is not None:
                sys.exit(f"bench: outrigger ended with {process.returncode}; its output is above")
            if admin(admin_port, "/readyz")[0] == 200:
                return
            time.sleep(0.001)
        sys.exit("bench: outrigger does not become ready")

    def load(self, *words):
        done = subprocess.run([f"{self.args.bin}/bench-load", *map(str, words)], preexec_fn=pin("load"), stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"bench: the load generator failed on {' '.join(map(str, words))}; its output is above")
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, subject, *words):
        """One load run, with the subject's CPU time per request or stream in µs as `cpu_us`."""
        port, pid = subject
        words = [f"127.0.0.1:{port}" if w == "@" else w for w in words]
        before = cpu_ns(pid) if pid else 0
        seen = self.load(*words)
        spent = (cpu_ns(pid) if pid else 0) - before
        seen["cpu_us"] = spent / 1000 / (seen.get("requests") or seen["streams"])
        seen["rps"] = (seen.get("requests") or seen["streams"]) / seen["seconds"]
        return seen

    def alone(self, chain, what):
        """What `what(subject)` finds with a chain of its own."""
        port, admin_port = free_port(), free_port()
        process = self.spawn("proxy", self.outrigger_command(chain, port, admin_port, "alone"))
        self.until_ready(admin_port, process)
        found = what((port, process.pid))
        self.stop(process)
        return found
