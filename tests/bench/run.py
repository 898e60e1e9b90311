"""The comparison of `make bench`: direct, a plain pass-through, nginx and Outrigger with 0, 1, 3 and 5 policies, interleaved in one run.

One worker each. Proxies share the first CPU, the load generator and the upstream the others, so that a proxy's CPU time per request is
what it costs and not what its neighbours do to it; each subject idles while another is measured. All figures are medians over rounds;
`added` is against direct in the same round. Writes results.json (flat, numbers only) and table.md. Standard library only.
"""
import argparse, datetime, json, os, pathlib, platform, resource, shutil, statistics, subprocess, sys, time

import distance, failover
from instructions import instructions
from subjects import CHAINS, EVERY, ROUTER, Bench, admin, free_port, page_tables_kib, pin, pss_mib, rss_mib, wait_for_port

KEYS = (
    ["cpu_ratio_empty_vs_passthrough", "cpu_ratio_empty_vs_nginx"]
    + [f"added_{p}_us_policies_{n}" for p in ("p50", "p99") for n in (0, 1, 3, 5)]
    + ["policy_call_us", "policy_hop_reused_us", "stream_event_us", "ttft_added_p99_us_policies_3", "redact_50kb_us", "rss_idle_mib",
       "rss_1000_streams_mib", "ready_cold_ms", "ready_cached_ms", "binary_mib", "reload_ms", "rps_empty_vs_passthrough",
       "reserve_settle_memory_us", "cache_hit_us", "single_flight_joiner_ms", "redact_count_limit_400kb_ms", "rss_idle_all_policies_mib",
       "first_token_distance_ratio_6s", "first_token_distance_ratio_30s", "cpu_ratio_empty_vs_passthrough_50kb", "instructions_per_request_empty",
       "instructions_per_request_three", "policy_loaded_us", "three_policies_loaded_us", "three_policies_50kb_loaded_us", "pss_stream_kib_empty",
       "pss_stream_kib_three", "rss_idle_none_mib", "pss_after_streams_ratio", "goodput_256_connections_ratio", "redact_clean_mb_s", "redact_csv_mb_s", "redact_dense_mb_s",
       "guard_mb_s"]
    + list(failover.KEYS)
)
# What to reach: key, words, unit, the figure not to exceed, or the target in words, or None.
TARGETS = (
    ("first_token_distance_ratio_6s", "time to first token over 40 ms of distance, calls 6 s apart ÷ the SDK without a sidecar", "×", 0.45),
    ("first_token_distance_ratio_30s", "the same, calls 30 s apart", "×", 0.45),
    ("cpu_ratio_empty_vs_passthrough", "empty chain, CPU per request ÷ plain pass-through, 1 KB", "×", 1.25),
    ("cpu_ratio_empty_vs_passthrough_50kb", "the same, 50 KB", "×", 1.15),
    ("cpu_ratio_empty_vs_nginx", "the same ÷ nginx, 1 KB", "×", 1.1),
    ("cpu_ratio_empty_vs_nginx_50kb", "the same ÷ nginx, 50 KB", "×", 0.8),
    ("instructions_per_request_empty", "instructions per request in user space, empty chain, 1 KB", "", 48_000),
    ("instructions_per_request_three", "the same, three policies", "", None),
    ("policy_call_us", "a no-op policy's call alone, fresh instance included, CPU", "µs", 6),
    ("policy_loaded_us", "a policy with a request hook at 32 connections, CPU over the empty chain", "µs", 10),
    ("policy_hop_reused_us", "a further call of a no-op policy", "µs", None),
    ("three_policies_loaded_us", "three policies, 1 KB at 32 connections, CPU over the empty chain", "µs", 60),
    ("three_policies_50kb_loaded_us", "50 KB through three policies at 32 connections, CPU", "µs", 300),
    ("three_policies_1kb_us", "three policies on a 1 KB prompt alone, CPU", "µs", 80),
    ("redact_50kb_us", "pii-redact on a 50 KB prompt, CPU", "µs", 2000),
    ("redact_clean_mb_s", "pii-redact on prose and code without a finding, CPU", "MB/s", "≥ 10 MB/s"),
    ("redact_csv_mb_s", "pii-redact, tokenize, a table with 3,000 findings, CPU", "MB/s", "≥ 10 MB/s"),
    ("redact_dense_mb_s", "the same, a text of findings alone", "MB/s", "≥ 10 MB/s"),
    ("guard_mb_s", "prompt-guard on prose and code, CPU", "MB/s", "≥ 10 MB/s"),
    ("stream_event_us", "a stream event through pii-redact, CPU", "µs", 1.5),
    ("ttft_added_p50_us_policies_3", "time to first token added by three policies, p50", "µs", 250),
    ("ttft_added_p99_us_policies_3", "the same, p99", "µs", 600),
    ("goodput_256_connections_ratio", "256 connections, 50 KB through three policies: served ÷ the peak at 32", "×", "≥ 0.9 ×"),
    ("p99_256_connections_ms", "the same, p99", "ms", None),
    ("pss_stream_kib_empty", "an open stream, empty chain: PSS", "KiB", 24),
    ("page_tables_stream_kib_empty", "and page tables", "KiB", None),
    ("pss_stream_kib_three", "an open stream, three policies: PSS", "KiB", 48),
    ("page_tables_stream_kib_three", "and page tables", "KiB", None),
    ("pss_after_streams_ratio", "PSS 4 s after 1000 streams ended ÷ before them", "×", 1.3),
    ("rss_idle_none_mib", "idle RSS, no policy", "MiB", 9),
    ("rss_idle_mib", "idle RSS, five policies", "MiB", 14),
    ("rss_idle_all_policies_mib", "idle RSS, all policies of the repository", "MiB", 30),
    ("rss_1000_streams_mib", "RSS, 1000 open streams, three policies: pages that instances share count in each", "MiB", None),
    ("ready_cached_ms", "start to ready, five policies, with the code cache", "ms", 20),
    ("ready_cold_ms", "the same, cold", "ms", 300),
    ("reload_ms", "from the rename of a policy to its serving", "ms", 1000),
    ("binary_mib", "the sidecar's binary, stripped", "MiB", 11),
    ("reserve_settle_memory_us", "reserve and settle in memory, CPU", "µs", 2),
    ("cache_hit_us", "an exact cache hit at 1 KB, from request to reply, p50", "µs", 150),
    ("single_flight_joiner_ms", "the first event of a shared stream, added to direct, p50", "ms", 1),
    ("redact_count_limit_400kb_ms", "redact, count and limit a 400 KB body, CPU", "ms", 10),
) + failover.TARGETS


class Comparison(Bench):
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
        """RSS, PSS, and what a stream takes of PSS and of page tables in KiB, with 1000 open streams; and PSS 4 s after them ÷ before."""
        before, tables = pss_mib(subject[1]), page_tables_kib(subject[1])
        process = subprocess.Popen([f"{self.args.bin}/bench-load", "hold", f"127.0.0.1:{subject[0]}", "1000", "6", str(self.bodies["stream"])],
                                   preexec_fn=pin("load"), stdout=subprocess.PIPE, text=True)
        if process.stdout.readline().strip() != "open":
            sys.exit("bench: 1000 streams did not open")
        time.sleep(1)
        seen = rss_mib(subject[1]), pss_mib(subject[1]), (page_tables_kib(subject[1]) - tables) / 1000
        if process.wait(60):
            sys.exit("bench: a held stream broke")
        time.sleep(4)
        return {"rss_mib": seen[0], "pss_mib": seen[1], "pss_stream_kib": (seen[1] - before) * 1024 / 1000, "page_tables_stream_kib": seen[2],
                "pss_after_ratio": pss_mib(subject[1]) / before}

    def streams_of_others(self, subjects):
        """`hold` for the pass-through and nginx."""
        out = {}
        for name, word in {"passthrough": "_passthrough", "nginx": "_nginx"}.items():
            if name in subjects:
                seen = self.hold(subjects[name])
                out |= {f"rss_1000_streams{word}_mib": seen["rss_mib"], f"pss_1000_streams{word}_mib": seen["pss_mib"]}
        return out

    def stream_memory(self):
        """`hold` for Outrigger without policies and with three: a fresh one that has served one request, while no other runs: PSS counts in part what
        processes share, so beside others that did the same it says less of a pod."""
        out, after = {}, []
        for chain, word, name in ((0, "_empty", "empty"), (3, "", "three")):
            def fresh(subject):
                self.load("whole", f"127.0.0.1:{subject[0]}", 1, 0.05, self.bodies["1kb"])
                return self.hold(subject)
            seen = self.alone(chain, fresh)
            out |= {f"rss_1000_streams{word}_mib": seen["rss_mib"], f"pss_1000_streams{word}_mib": seen["pss_mib"],
                    f"pss_stream_kib_{name}": seen["pss_stream_kib"], f"page_tables_stream_kib_{name}": seen["page_tables_stream_kib"]}
            after.append(seen["pss_after_ratio"])
        out["pss_after_streams_ratio"] = max(after)
        return out

    def crowd(self):
        """256 connections with 50 KB through three policies, as patient and as rude clients: the smaller goodput ÷ the peak at 32, and p99 in ms."""
        def offer(subject):
            command = [f"{self.args.bin}/bench-overload", f"127.0.0.1:{subject[0]}", str(self.bodies["50kb"]), "32", "8"]
            return json.loads(subprocess.run(command, preexec_fn=pin("load"), stdout=subprocess.PIPE, check=True).stdout)
        seen = self.alone(3, offer)
        return {"goodput_256_connections_ratio": min(seen["patient_goodput"], seen["rude_goodput"]), "p99_256_connections_ms": seen["patient_p99_us"] / 1000}

    def starts(self):
        """Times to ready in ms with five policies, cold and with the code cache."""
        cold, cached = [], []

        def start():
            port, admin_port = free_port(), free_port()
            command = self.outrigger_command(5, port, admin_port, "starts")
            began = time.monotonic()
            process = self.spawn("alone", command)
            self.until_ready(admin_port, process)
            took = (time.monotonic() - began) * 1000
            time.sleep(0.3)
            self.stop(process)
            return took

        for _ in range(3):
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
            cold.append(start())
        for _ in range(5):
            cached.append(start())
        return statistics.median(cold), statistics.median(cached)

    def idle(self, chain):
        """RSS and PSS in MiB of a sidecar that has started and served nothing."""
        def rest(subject):
            time.sleep(4)  # what the start left of the heap is given back by then
            return rss_mib(subject[1]), pss_mib(subject[1])
        return self.alone(chain, rest)

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


def more_than_empty(seen, name, kind):
    """Median over rounds of the CPU time that a chain takes more than the empty one, in µs a request."""
    return statistics.median(s["cpu_us"] - e["cpu_us"] for s, e in zip(seen[name][kind], seen["outrigger_0"][kind]))


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
    if "outrigger_router" in seen:
        out["policy_loaded_us"] = more_than_empty(seen, "outrigger_router", "c32_1kb")
        out["three_policies_loaded_us"] = more_than_empty(seen, "outrigger_3", "c32_1kb")
        out["three_policies_50kb_loaded_us"] = median(seen["outrigger_3"]["c32_50kb"], "cpu_us")
    for n in CHAINS:
        if f"outrigger_{n}" in seen:
            for p in ("p50", "p99"):
                out[f"added_{p}_us_policies_{n}"] = added(seen, f"outrigger_{n}", "c1_1kb", f"{p}_us")
                out[f"ttft_added_{p}_us_policies_{n}"] = added(seen, f"outrigger_{n}", "streams", f"first_{p}_us")
    return out


def table(seen, out):
    rows = ["| | added p50 µs | added p99 µs | requests/s | CPU µs/req 1 KB | CPU µs/req 50 KB | first event added p50 / p99 µs | CPU µs/stream |",
            "|---|---|---|---|---|---|---|---|"]
    words = {"direct": "direct", "passthrough": "plain hyper pass-through", "nginx": "nginx", "outrigger_router": "**Outrigger**, `model-router` alone"} | {f"outrigger_{n}": f"**Outrigger**, {n} {'policy' if n == 1 else 'policies'}" for n in CHAINS}
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
            reach = target or ""
            if isinstance(target, (int, float)):
                reach = f"≤ {target:,.6g} {unit}".rstrip().replace(",", " ")
            more.append(f"| {word} | {out[key]:,.{digits}f} {unit}".rstrip() + f" | {reach} |")
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
    p.add_argument("--before", help="an older sidecar's binary, whose CPU for an alias of one target is compared")
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
    bench = Comparison(args)
    try:
        upstream = bench.spawn("upstream", [f"{args.bin}/bench-upstream", f"127.0.0.1:{bench.upstream}"])
        wait_for_port(bench.upstream, "bench-upstream", upstream)
        subjects = bench.subjects()
        seen = bench.compare(subjects)
        out = figures(seen)
        out |= bench.streams_of_others(subjects)
        if not args.only_plain:
            out |= bench.crowd()
            out["cache_hit_us"] = bench.cache_hit()
            out["single_flight_joiner_ms"] = bench.joiners()
            for process in [p for p in bench.processes if p is not upstream]:  # they watch the same directory, and would load what is timed here
                bench.stop(process)
            out |= bench.stream_memory()
            out |= failover.measure(bench)
            out["ready_cold_ms"], out["ready_cached_ms"] = bench.starts()
            out["rss_idle_none_mib"], out["pss_idle_none_mib"] = bench.idle([])
            out["rss_idle_mib"], out["pss_idle_mib"] = bench.idle(5)
            out["rss_idle_all_policies_mib"], _ = bench.idle(EVERY)
            out["reload_ms"] = bench.reload()
            out["binary_mib"] = os.path.getsize(args.outrigger) / 2**20
            out |= instructions(bench, args.outrigger, pathlib.Path(args.outrigger).with_name("outrigger-tool"))
            packages = pathlib.Path(args.out).parent / "python"
            if (packages / "openai").exists():
                out |= distance.measure(args.outrigger, packages)
            else:
                print("bench: NOT MEASURED: the first token over a distance; tests/setup.sh installs the openai SDK", file=sys.stderr)
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
