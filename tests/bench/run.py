"""The comparison of `make bench`: direct, a plain pass-through, nginx and Outrigger with 0, 1, 3 and 5 policies, interleaved in one run.

One worker each. Proxies share the first CPU, the load generator and the upstream the others, so that a proxy's CPU time per request is
what it costs and not what its neighbours do to it; each subject idles while another is measured. All figures are medians over rounds;
`added` is against direct in the same round. Writes results.json (flat, numbers only) and table.md. Standard library only.
"""
import argparse, datetime, glob, http.client, json, os, pathlib, platform, resource, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

KEYS = (
    ["cpu_ratio_empty_vs_passthrough", "cpu_ratio_empty_vs_nginx"]
    + [f"added_{p}_us_policies_{n}" for p in ("p50", "p99") for n in (0, 1, 3, 5)]
    + ["policy_call_us", "policy_hop_reused_us", "stream_event_us", "ttft_added_p99_us_policies_3", "redact_50kb_us", "rss_idle_mib",
       "rss_1000_streams_mib", "ready_cold_ms", "ready_cached_ms", "binary_mib", "reload_ms", "rps_empty_vs_passthrough",
       "reserve_settle_memory_us", "cache_hit_us", "single_flight_joiner_ms", "redact_count_limit_400kb_ms", "rss_idle_all_policies_mib"]
)
# What to reach: key, words, unit, the figure not to exceed or None.
TARGETS = (
    ("cpu_ratio_empty_vs_passthrough", "empty chain, CPU per request ÷ plain pass-through, 1 KB", "×", 1.3),
    ("cpu_ratio_empty_vs_nginx", "the same ÷ nginx, 1 KB", "×", 1.1),
    ("cpu_ratio_empty_vs_nginx_50kb", "the same ÷ nginx, 50 KB", "×", 0.8),
    ("policy_call_us", "a no-op policy's call, fresh instance included, CPU", "µs", 8),
    ("policy_hop_reused_us", "a further call of it", "µs", None),
    ("three_policies_1kb_us", "three policies on a 1 KB prompt, CPU", "µs", 80),
    ("redact_50kb_us", "pii-redact on a 50 KB prompt, CPU", "µs", 2000),
    ("stream_event_us", "a stream event through pii-redact, CPU", "µs", 1.5),
    ("ttft_added_p99_us_policies_3", "time to first token added by three policies, p99", "µs", 300),
    ("rss_idle_mib", "idle RSS, five policies", "MiB", 16),
    ("rss_1000_streams_mib", "RSS, 1000 open streams, three policies", "MiB", 100),
    ("pss_1000_streams_mib", "the same with pages that instances share counted once (PSS)", "MiB", None),
    ("pss_1000_streams_empty_mib", "the same, empty chain (PSS)", "MiB", None),
    ("ready_cached_ms", "start to ready, five policies, with the code cache", "ms", 100),
    ("ready_cold_ms", "the same, cold", "ms", 1000),
    ("reload_ms", "from the rename of a policy to its serving", "ms", 1000),
    ("binary_mib", "binary, stripped", "MiB", 20e6 / 2**20),
    ("reserve_settle_memory_us", "reserve and settle in memory, CPU", "µs", 2),
    ("cache_hit_us", "an exact cache hit at 1 KB, from request to reply, p50", "µs", 150),
    ("single_flight_joiner_ms", "the first event of a shared stream, added to direct, p50", "ms", 1),
    ("redact_count_limit_400kb_ms", "redact, count and limit a 400 KB body, CPU", "ms", 10),
    ("rss_idle_all_policies_mib", "idle RSS, all policies of the repository", "MiB", 30),
)
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


def wait_for_port(port, what, process):
    for _ in range(2000):
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

    def compare(self, subjects):
        """name → kind of load → list of what was seen, a round each."""
        a = self.args
        loads = {
            "c1_1kb": ("whole", "@", 1, a.seconds, self.bodies["1kb"]),
            "c32_1kb": ("whole", "@", 32, a.seconds, self.bodies["1kb"]),
            "c32_50kb": ("whole", "@", 32, a.seconds, self.bodies["50kb"]),
            "streams": ("streams", "@", 8, int(a.seconds * 80), 1000, self.bodies["stream"]),
        }
        seen = {name: {kind: [] for kind in loads} for name in subjects}
        for name, subject in subjects.items():  # warm: connections, caches, lazy pages
            self.load("whole", f"127.0.0.1:{subject[0]}", 32, 0.3, self.bodies["1kb"])
        for number in range(a.rounds):
            for kind, words in loads.items():
                names = list(subjects)
                for name in names[number % len(names):] + names[: number % len(names)]:  # nobody always goes first
                    seen[name][kind].append(self.measure(subjects[name], *words))
            print(f"bench: round {number + 1} of {a.rounds}", file=sys.stderr)
        return seen

    def hold(self, subject):
        """RSS and PSS in MiB with 1000 open streams."""
        process = subprocess.Popen([f"{self.args.bin}/bench-load", "hold", f"127.0.0.1:{subject[0]}", "1000", "6", str(self.bodies["stream"])],
                                   preexec_fn=pin("load"), stdout=subprocess.PIPE, text=True)
        if process.stdout.readline().strip() != "open":
            sys.exit("bench: 1000 streams did not open")
        time.sleep(1)
        seen = rss_mib(subject[1]), pss_mib(subject[1])
        if process.wait(60):
            sys.exit("bench: a held stream broke")
        return seen

    def starts(self):
        """Times to ready in ms, cold and with the code cache, and idle RSS and PSS in MiB, with five policies."""
        cold, cached, idle = [], [], []

        def start():
            port, admin_port = free_port(), free_port()
            command = self.outrigger_command(5, port, admin_port, "starts")
            began = time.monotonic()
            process = self.spawn("alone", command)
            self.until_ready(admin_port, process)
            took = (time.monotonic() - began) * 1000
            time.sleep(0.3)
            idle.append((rss_mib(process.pid), pss_mib(process.pid)))
            self.stop(process)
            return took

        for _ in range(2):
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
            cold.append(start())
        idle.clear()
        for _ in range(5):
            cached.append(start())
        rss, pss = zip(*idle)
        return statistics.median(cold), statistics.median(cached), statistics.median(rss), statistics.median(pss)

    def alone(self, chain, what):
        """What `what(subject)` finds with a chain of its own."""
        port, admin_port = free_port(), free_port()
        process = self.spawn("proxy", self.outrigger_command(chain, port, admin_port, "alone"))
        self.until_ready(admin_port, process)
        found = what((port, process.pid))
        self.stop(process)
        return found

    def cache_hit(self):
        """From request to reply of an exact hit at one connection, p50 in µs."""
        def hits(subject):
            self.measure(subject, "whole", "@", 1, 0.3, self.bodies["1kb"])
            return self.measure(subject, "whole", "@", 1, self.args.seconds, self.bodies["1kb"])["p50_us"]
        return self.alone([("response-cache", "{ ttl: 10m }")], hits)

    def joiners(self):
        """What the first event of a stream that eight apps share takes more than that of a stream of their own, p50 in ms. Later events say
        nothing: who joins late gets those that have passed with their age."""
        words = ("streams", "@", 8, int(self.args.seconds * 80), 1000, self.bodies["stream"])
        shared = self.alone([("response-cache", "{ ttl: 0s }")], lambda subject: self.measure(subject, *words))
        return (shared["first_p50_us"] - self.measure((self.upstream, None), *words)["first_p50_us"]) / 1000

    def reload(self):
        """From the rename of a policy never seen before to the generation that serves it, in ms."""
        port, admin_port = free_port(), free_port()
        process = self.spawn("alone", self.outrigger_command(1, port, admin_port, "reload"))
        self.until_ready(admin_port, process)
        noop, times = self.policies / "noop.wasm", []
        code = noop.read_bytes()
        for number in range(5):
            name, payload = b"bench", str(number).encode()
            section = bytes([len(name)]) + name + payload
            (self.policies / ".noop.new").write_bytes(code + bytes([0, len(section)]) + section)  # a custom section: same code, another hash
            generation = lambda: json.loads(admin(admin_port, "/generation")[1])["number"]
            before = generation()
            began = time.monotonic()
            (self.policies / ".noop.new").rename(noop)
            while generation() == before:
                time.sleep(0.002)
                if time.monotonic() - began > 30:
                    sys.exit("bench: a new policy file is not taken up")
            times.append((time.monotonic() - began) * 1000)
        self.stop(process)
        return statistics.median(times)


def median(rounds, key):
    return statistics.median(r[key] for r in rounds)


def added(seen, name, kind, key):
    """Median over rounds of what a subject adds to direct."""
    return statistics.median(s[key] - d[key] for s, d in zip(seen[name][kind], seen["direct"][kind]))


def ratio(seen, name, other, kind, key):
    return statistics.median(a[key] / b[key] for a, b in zip(seen[name][kind], seen[other][kind]))


def figures(seen):
    out = {}
    for name, kinds in seen.items():
        for kind, rounds in kinds.items():
            if name != "direct":
                out[f"{name}_{kind}_cpu_us"] = median(rounds, "cpu_us")
            out[f"{name}_{kind}_rps"] = median(rounds, "rps")
            for key in ("p50_us", "p99_us", "first_p50_us", "first_p99_us", "event_p50_us", "event_p99_us"):
                if key in rounds[0]:
                    out[f"{name}_{kind}_{key}"] = median(rounds, key)
                    if name != "direct":
                        out[f"{name}_{kind}_added_{key}"] = added(seen, name, kind, key)
    for other in ("passthrough", "nginx"):
        if other in seen and "outrigger_0" in seen:
            out[f"cpu_ratio_empty_vs_{other}"] = ratio(seen, "outrigger_0", other, "c32_1kb", "cpu_us")
            out[f"cpu_ratio_empty_vs_{other}_50kb"] = ratio(seen, "outrigger_0", other, "c32_50kb", "cpu_us")
            out[f"cpu_ratio_empty_vs_{other}_streams"] = ratio(seen, "outrigger_0", other, "streams", "cpu_us")
            out[f"rps_empty_vs_{other}"] = ratio(seen, "outrigger_0", other, "c32_1kb", "rps")
    for n in CHAINS:
        if f"outrigger_{n}" in seen:
            for p in ("p50", "p99"):
                out[f"added_{p}_us_policies_{n}"] = added(seen, f"outrigger_{n}", "c1_1kb", f"{p}_us")
                out[f"ttft_added_{p}_us_policies_{n}"] = added(seen, f"outrigger_{n}", "streams", f"first_{p}_us")
    return out


def table(seen, out):
    rows = ["| | added p50 µs | added p99 µs | requests/s | CPU µs/req 1 KB | CPU µs/req 50 KB | first event added p50 / p99 µs | CPU µs/stream |",
            "|---|---|---|---|---|---|---|---|"]
    words = {"direct": "direct", "passthrough": "plain hyper pass-through", "nginx": "nginx"} | {f"outrigger_{n}": f"**Outrigger**, {n} {'policy' if n == 1 else 'policies'}" for n in CHAINS}
    for name in seen:
        get = lambda key, digits=0: "" if name == "direct" else f"{out[f'{name}_{key}']:.{digits}f}"
        rows.append(f"| {words[name]} | {get('c1_1kb_added_p50_us')} | {get('c1_1kb_added_p99_us')} | {out[f'{name}_c32_1kb_rps']:,.0f} | {get('c32_1kb_cpu_us', 1)} | "
                    f"{get('c32_50kb_cpu_us', 1)} | {get('streams_added_first_p50_us')} / {get('streams_added_first_p99_us')} | {get('streams_cpu_us')} |")
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    head = f"{datetime.date.today():%d %B %Y}, {os.cpu_count()} × {model}, Linux {'.'.join(platform.release().split('.')[:2])}; one worker each, loopback, added p50 and p99 at one connection, requests/s and CPU at 32, streams of 100 events 1 ms apart.\n\n"
    more = ["", "| | measured | target |", "|---|---|---|"]
    for key, word, unit, target in TARGETS:
        if key in out:
            digits = 2 if out[key] < 10 else 1 if out[key] < 100 else 0
            more.append(f"| {word} | {out[key]:,.{digits}f} {unit} | {'' if target is None else f'≤ {target:,.4g} {unit}'.replace(',', ' ')} |")
    return head + "\n".join(rows + more) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default="target/release")
    p.add_argument("--outrigger", default="target/release/outrigger")
    p.add_argument("--policies", default="target/policies")
    p.add_argument("--out", default="target/bench")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--seconds", type=float, default=1.0)
    p.add_argument("--quick", action="store_true", help="two short rounds, to see that it works")
    p.add_argument("--only-plain", action="store_true", help="without Outrigger: what the machine and the others give")
    p.add_argument("--keys", action="store_true", help="print the promised keys and stop")
    args = p.parse_args()
    if args.keys:
        print(json.dumps(KEYS))
        return
    if args.quick:
        args.rounds, args.seconds = 2, 0.3
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.makedirs(args.out, exist_ok=True)
    bench = Bench(args)
    try:
        wait_for_port(bench.upstream, "bench-upstream", bench.spawn("upstream", [f"{args.bin}/bench-upstream", f"127.0.0.1:{bench.upstream}"]))
        subjects = bench.subjects()
        seen = bench.compare(subjects)
        out = figures(seen)
        held = {"passthrough": "_passthrough", "nginx": "_nginx", "outrigger_0": "_empty", "outrigger_3": ""}
        for name, word in held.items():
            if name in subjects:
                out[f"rss_1000_streams{word}_mib"], out[f"pss_1000_streams{word}_mib"] = bench.hold(subjects[name])
        if not args.only_plain:
            out["cache_hit_us"] = bench.cache_hit()
            out["single_flight_joiner_ms"] = bench.joiners()
            for process in list(bench.processes):  # they watch the same directory, and would load what is timed here
                bench.stop(process)
            out["ready_cold_ms"], out["ready_cached_ms"], out["rss_idle_mib"], out["pss_idle_mib"] = bench.starts()
            out["rss_idle_all_policies_mib"] = bench.alone(EVERY, lambda subject: time.sleep(0.3) or rss_mib(subject[1]))
            out["reload_ms"] = bench.reload()
            out["binary_mib"] = os.path.getsize(args.outrigger) / 2**20
        micro = pathlib.Path(args.out) / "micro.json"
        if micro.exists():
            out |= {k: v for k, v in json.loads(micro.read_text()).items() if isinstance(v, (int, float))}
            if "redact_count_limit_400kb_us" in out:
                out["redact_count_limit_400kb_ms"] = out.pop("redact_count_limit_400kb_us") / 1000
    finally:
        bench.close()
    out = {key: round(value, 3) for key, value in sorted(out.items())}
    missing = [key for key in KEYS if key not in out]
    if missing:
        print(f"bench: not measured here: {', '.join(missing)}", file=sys.stderr)
    (pathlib.Path(args.out) / "results.json").write_text(json.dumps(out, indent=1) + "\n")
    text = table(seen, out)
    (pathlib.Path(args.out) / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
