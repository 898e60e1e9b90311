"""What aliases cost, and what is tried when a target fails: ratios and differences within one run, against a wire or an alias of one healthy target.

    failover.py [--quick] [--before BINARY]     BINARY: an older sidecar, whose CPU for an alias of one target is compared

Targets are bench-upstream, which is as fast as it can be, and its scripts that fail (upstream.rs tells). Standard library only.
"""
import argparse, http.client, json, os, pathlib, resource, socket, statistics, sys, time

from subjects import Bench, admin, free_port, pss_mib, wait_for_port

KEYS = ("failover_added_ms", "alias_one_us", "alias_five_us", "alias_five_fastest_us", "hold_us_per_stream", "black_hole_p99_ratio", "retries_share",
        "queue_callers_429_share", "queue_calls_beyond_limit_share", "queued_10000_mib")
# As in run.py: key, words, unit, the figure not to exceed.
TARGETS = (
    ("failover_added_ms", "failover to the next target, above the failed attempt's own time, p50", "ms", 1),
    ("one_target_cpu_ratio", "an alias of one target, CPU per request ÷ the sidecar before aliases had several", "×", 1.02),
    ("wire_cpu_ratio", "a wire, the same", "×", None),
    ("alias_one_us", "an alias of one target, CPU over a wire", "µs", None),
    ("alias_five_us", "an alias of five, CPU over one of one", "µs", 2),
    ("alias_five_fastest_us", "the same, `strategy: fastest`", "µs", None),
    ("hold_us_per_stream", "a stream's hold until its first content, CPU", "µs", 20),
    ("black_hole_p99_ratio", "a target that swallows its calls among three, after ten exchanges: p99 ÷ three healthy ones", "×", 1.2),
    ("retries_share", "retries ÷ exchanges while the first target always fails, at 1, 8 and 64 connections: the most", "×", 0.2),
    ("queue_callers_429_share", "callers' share of 429s, offered more than a provider allows, with a queue", "×", 0.01),
    ("queue_calls_beyond_limit_share", "calls beyond what that provider allows ÷ its calls, once its limit is known", "×", None),
    ("queued_10000_mib", "10,000 exchanges that wait in a queue, without their connections and bodies: PSS", "MiB", 64),
)
QUEUED = 10_000
LIMIT = (25, 250)  # calls, ms
# A retry for each failure, however many: it is the cost that is measured.
UNBOUNDED = "retry: { share: 100%, per_second: 100000 }"


class Failover:
    def __init__(self, bench):
        self.bench = bench
        self.ports = {"good": bench.upstream}
        for name, script in {"busy": "fails 429 0", "down": "fails 503 0", "flaky": "fails 503 2",
                             "limited": "limited {} {}".format(*LIMIT), "shut": "limited 0 60000"}.items():
            self.ports[name] = free_port()
            process = bench.spawn("upstream", [f"{bench.args.bin}/bench-upstream", f"127.0.0.1:{self.ports[name]}", *script.split()])
            wait_for_port(self.ports[name], f"bench-upstream {script}", process)
        # The kernel takes its connections, and nobody ever reads them.
        self.hole = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.ports["hole"] = self.hole.getsockname()[1]

    def sidecar(self, models, binary=None, upstreams="", more=""):
        """A sidecar with these aliases: its (port, pid), its admin port and its process."""
        listen, admin_port = free_port(), free_port()
        hosts = "".join(f'  {name}: {{ dialect: openai, url: "http://127.0.0.1:{self.ports[to]}/v1"{more} }}\n' for name, to, more in (
            ("openai", "good", ""), *((name, "good", "") for name in upstreams if name in "bcde"),
            *((name, name, ", first_content_timeout: 500ms" if name == "hole" else "") for name in upstreams if name not in "bcde")))
        text = (f'listen: {{ base_url: "127.0.0.1:{listen}" }}\nadmin: "127.0.0.1:{admin_port}"\nworkers: 1\nlog: {{ format: json }}\n{more}'
                f"upstreams:\n{hosts}models:\n" + "".join(f"  {name}: {{ {terms} }}\n" for name, terms in models.items()))
        config = self.bench.folder / f"failover-{listen}.yaml"
        config.write_text(text)
        process = self.bench.spawn("proxy", [binary or self.bench.args.outrigger, "run", "--config", str(config)])
        self.bench.until_ready(admin_port, process)
        return (listen, process.pid), admin_port, process

    def body(self, model, stream=False):
        """A request of 1 KB for this model, as a file."""
        path = self.bench.folder / f"{model}-{stream}.json"
        if not path.exists():
            path.write_text(json.dumps(json.loads(self.bench.bodies["1kb"].read_text()) | {"model": model, "stream": stream}))
        return path

    def rounds(self, loads):
        """name → what was seen, a round each; `loads` are name → (subject, words of a load)."""
        seen = {name: [] for name in loads}
        for name, (subject, words) in loads.items():
            self.bench.measure(subject, words[0], "@", 8, *((0.2,) if words[0] != "streams" else (80, 0)), words[-1])
        for number in range(self.bench.args.rounds):
            names = list(loads)
            for name in names[number % len(names):] + names[: number % len(names)]:
                subject, words = loads[name]
                seen[name].append(self.bench.measure(subject, *words))
        return seen

    def costs(self):
        """CPU of aliases and of the hold, time of a failover, and p99 beside a black hole."""
        seconds = self.bench.args.seconds
        models = {
            "one": "targets: [openai/bench]",
            "five": "targets: [openai/bench, b/bench, c/bench, d/bench, e/bench]",
            "fastest": "targets: [openai/bench, b/bench, c/bench, d/bench, e/bench], strategy: fastest",
            "next": f"targets: [busy/bench, openai/bench], {UNBOUNDED}",
            "three": "targets: [openai/bench, b/bench, c/bench]",
            "swallowed": "targets: [hole/bench, b/bench, c/bench]",
        }
        subject, _, process = self.sidecar(models, upstreams=("b", "c", "d", "e", "busy", "hole"))
        loads = {name: (subject, ("whole", "@", 32, seconds, self.body(name))) for name in ("bench", "one", "five", "fastest")}
        loads |= {f"{name}_stream": (subject, ("streams", "@", 8, int(seconds * 6000), 0, self.body(name, True))) for name in ("bench", "one")}
        loads |= {f"{name}_alone": (subject, ("whole", "@", 1, seconds, self.body(name))) for name in ("one", "next")}
        loads["failure_alone"] = (self.ports["busy"], None), ("any", "@", 1, seconds, self.body("one"))
        self.swallow(subject, 10)
        loads |= {f"{name}_p99": (subject, ("any", "@", 8, seconds, self.body(name))) for name in ("three", "swallowed")}
        if self.bench.args.before:
            former, _, _ = self.sidecar({"one": models["one"]}, binary=self.bench.args.before)
            loads |= {f"{name}_before": (former, ("whole", "@", 32, seconds, self.body(name))) for name in ("bench", "one")}
        seen = self.rounds(loads)
        self.bench.stop(process)

        def over(name, other, key="cpu_us"):
            return statistics.median(a[key] - b[key] for a, b in zip(seen[name], seen[other]))
        out = {
            "alias_one_us": over("one", "bench"),
            "alias_five_us": over("five", "one"),
            "alias_five_fastest_us": over("fastest", "one"),
            "hold_us_per_stream": over("one_stream", "bench_stream") - over("one", "bench"),
            "failover_added_ms": statistics.median(a["p50_us"] - b["p50_us"] - c["p50_us"] for a, b, c in zip(
                seen["next_alone"], seen["one_alone"], seen["failure_alone"])) / 1000,
            "black_hole_p99_ratio": statistics.median(a["p99_us"] / b["p99_us"] for a, b in zip(seen["swallowed_p99"], seen["three_p99"])),
        }
        if "one_before" in seen:
            for key, name in (("one_target_cpu_ratio", "one"), ("wire_cpu_ratio", "bench")):
                out[key] = statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in zip(seen[name], seen[f"{name}_before"]))
        return out

    def swallow(self, subject, exchanges):
        """The exchanges that find out about the black hole, whatever becomes of them."""
        for _ in range(exchanges):
            connection = http.client.HTTPConnection("127.0.0.1", subject[0], timeout=30)
            connection.request("POST", "/v1/chat/completions", self.body("swallowed").read_bytes(),
                               {"content-type": "application/json", "authorization": "Bearer sk-bench"})
            connection.getresponse().read()
            connection.close()

    def retries(self):
        """Retries as a share of exchanges, whichever way the first target fails."""
        failing = ("busy", "down", "flaky")
        models = {f"first-{name}": f"targets: [{name}/bench, openai/bench]" for name in failing}
        subject, admin_port, process = self.sidecar(models, upstreams=failing)

        def made():
            lines = admin(admin_port, "/metrics")[1].decode().splitlines()
            retried = ('reason="retry"', 'reason="failover"', 'reason="stripped"')
            return sum(float(line.split()[-1]) for line in lines
                       if line.startswith("outrigger_upstream_attempts_total{") and any(reason in line for reason in retried))
        shares = []
        for model in models:
            for connections in (1, 8, 64):
                before = made()
                seen = self.bench.load("any", f"127.0.0.1:{subject[0]}", connections, self.bench.args.seconds * 2, self.body(model))
                shares.append((made() - before) / seen["requests"])
        self.bench.stop(process)
        return {"retries_share": max(shares)}

    def queue(self):
        """64 callers, one request after the other, of a provider that takes 100 a second."""
        subject, _, process = self.sidecar({"queued": "targets: [limited/bench], limited: { queue: { wait: 10s } }"}, upstreams=("limited",))
        # The first find out about the limit, all at once.
        first = self.bench.load("any", f"127.0.0.1:{subject[0]}", 64, 1, self.body("queued"))
        before = json.loads(admin(self.ports["limited"], "/counts")[1])
        seen = self.bench.load("any", f"127.0.0.1:{subject[0]}", 64, max(4, self.bench.args.seconds * 5), self.body("queued"))
        self.bench.stop(process)
        counts = json.loads(admin(self.ports["limited"], "/counts")[1])
        requests = first["requests"] + seen["requests"]
        return {"queue_callers_429_share": 1 - (first["ok"] + seen["ok"]) / requests,
                "queue_calls_beyond_limit_share": (counts["failed"] - before["failed"]) / (counts["calls"] - before["calls"]),
                "queue_exchanges_per_s": seen["requests"] / seen["seconds"]}

    def queued(self):
        """PSS of 10,000 exchanges that wait, above that of their connections and of their bodies. A sidecar takes on as
        many as a fifth of its descriptors (proxy/sidecar/src/overload/descriptors.rs); where those are too few, it is measured with fewer."""
        count = min(QUEUED, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 5)
        bounds = f"exchanges: {count}, bytes: 1GiB, tokens: 1000000000, wait: 2m"
        subject, admin_port, process = self.sidecar({"queued": f"targets: [shut/bench], limited: {{ queue: {{ {bounds} }} }}"}, upstreams=("shut",),
                                                    more=f"overload: {{ connections: {count + 100}, exchanges: {count + 100} }}\n")
        body = self.body("queued").read_bytes()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        sockets = [socket.create_connection(("127.0.0.1", subject[0]), 30) for _ in range(count)]
        time.sleep(1)
        before = pss_mib(subject[1])
        for number, each in enumerate(sockets):
            each.sendall(head.encode() + body)
            if number == 0:
                time.sleep(0.5)  # it finds out about the limit; the others are never sent to the provider

        def waiting():
            lines = admin(admin_port, "/metrics")[1].decode().splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith("outrigger_queue_depth{"))
        until = time.monotonic() + 60
        while waiting() < count:
            if time.monotonic() > until:
                print(f"bench: NOT MEASURED: only {waiting():.0f} of {count} exchanges wait", file=sys.stderr)
                return {}
            time.sleep(0.2)
        time.sleep(3)
        more = pss_mib(subject[1]) - before
        for each in sockets:
            each.close()
        self.bench.stop(process)
        return {"queued_10000_mib": (more - count * len(body) / 2**20) * QUEUED / count}


def measure(bench):
    """All of it, while `bench`'s upstream runs and no other sidecar does."""
    failover = Failover(bench)
    out = {}
    for part in (failover.costs, failover.retries, failover.queue, failover.queued):
        print(f"bench: failover: {part.__name__}", file=sys.stderr)
        out |= part()
    failover.hole.close()
    return out


def main():
    target = os.environ.get("OUTRIGGER_TARGET", "target")
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=f"{target}/release")
    p.add_argument("--outrigger", default=os.environ.get("OUTRIGGER_BIN", f"{target}/release/outrigger"))
    p.add_argument("--before", help="an older sidecar's binary")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--seconds", type=float, default=1.0)
    p.add_argument("--quick", action="store_true", help="two short rounds, to see that it works")
    args = p.parse_args()
    if args.quick:
        args.rounds, args.seconds = 2, 0.3
    args.policies, args.only_plain = "", True
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bench = Bench(args)
    try:
        upstream = bench.spawn("upstream", [f"{args.bin}/bench-upstream", f"127.0.0.1:{bench.upstream}"])
        wait_for_port(bench.upstream, "bench-upstream", upstream)
        out = measure(bench)
    finally:
        bench.close()
    print(json.dumps({key: round(value, 3) for key, value in out.items()}, indent=1))


if __name__ == "__main__":
    main()
