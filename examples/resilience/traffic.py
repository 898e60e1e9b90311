"""Apps that stream without end while their provider dies, another falls silent and both recover. Prints a line each second, and what each app saw.

Standard library alone: what an app would do with an SDK is an HTTP request that is read to its end.
"""
import json, os, pathlib, re, signal, socket, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

APPS = 8
HERE = pathlib.Path(__file__).parent
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # a laptop's proxy is not meant for localhost
SCALE = float(os.environ.get("SECONDS_PER_ACT", "5"))
ACTS = [
    ("all is well", 1, {"north": "0", "south": "0"}),
    ("north dies", 1, {"north": "1", "south": "0"}),
    ("south falls silent, too", 1, {"north": "1", "south": "1"}),
    ("both recover", 2, {"north": "0", "south": "0"}),  # a breaker that opened again and again is probed seldom
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def with_rates(text, rates):
    """The configuration in which an upstream fails so much."""
    for upstream, rate in rates.items():
        text, changed = re.subn(rf"(?s)(\n  {upstream}:.*?rate: )[0-9.]+", rf"\g<1>{rate}", text, count=1)
        assert changed, upstream
    return text


class Seen:
    """What apps saw since the last look."""

    def __init__(self):
        self.lock, self.good, self.bad, self.slowest = threading.Lock(), 0, [], 0.0

    def note(self, error, seconds):
        with self.lock:
            self.good += error is None
            self.bad += [] if error is None else [error]
            self.slowest = max(self.slowest, seconds)

    def take(self):
        with self.lock:
            seen = self.good, self.bad, self.slowest
            self.good, self.bad, self.slowest = 0, [], 0.0
        return seen


def app(number, base, stop, seen):
    """Asks for a stream, reads it to its end, and asks again."""
    asked = 0
    while not stop.is_set():
        asked += 1
        body = {"model": "assistant", "stream": True, "messages": [{"role": "user", "content": f"app {number}, question {asked}"}]}
        request = urllib.request.Request(base + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
        started, error = time.monotonic(), None
        try:
            with OPEN(request, timeout=60) as reply:
                text = reply.read().decode()
            if not text.rstrip().endswith("data: [DONE]"):
                error = "a stream without its end: " + text[-200:]
        except urllib.error.HTTPError as failed:
            error = f"{failed.code}: {failed.read().decode()[:200]}"
        except Exception as failed:  # what an app would have to catch
            error = f"{type(failed).__name__}: {failed}"
        seen.note(error, time.monotonic() - started)


def get(url):
    with OPEN(url, timeout=10) as reply:
        return json.load(reply)


def main(binary):
    base_port, admin_port = free_port(), free_port()
    base, admin = f"http://127.0.0.1:{base_port}", f"http://127.0.0.1:{admin_port}"
    text = (HERE / "outrigger.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        config, log_path = pathlib.Path(folder, "outrigger.yaml"), pathlib.Path(folder, "log")

        def configure(rates):
            new = config.with_suffix(".new")
            new.write_text("log: { format: json }\n" + with_rates(text, rates))
            new.replace(config)

        configure(ACTS[0][2])
        addresses = {"LISTEN": f"127.0.0.1:{base_port}", "ADMIN": f"127.0.0.1:{admin_port}"}
        with log_path.open("w") as log:
            outrigger = subprocess.Popen([binary, "run", "--config", config], env=os.environ | addresses, stdout=log, stderr=subprocess.STDOUT)
        try:
            return acts(outrigger, base, admin, configure, log_path)
        finally:
            outrigger.send_signal(signal.SIGTERM)
            outrigger.wait()


def acts(outrigger, base, admin, configure, log_path):
    for _ in range(600):
        try:
            get(admin + "/readyz")
            break
        except OSError:
            if outrigger.poll() is not None:
                sys.exit("it did not start:\n" + log_path.read_text())
            time.sleep(0.1)
    stop, seen = threading.Event(), Seen()
    apps = [threading.Thread(target=app, args=(n, base, stop, seen), daemon=True) for n in range(APPS)]
    for each in apps:
        each.start()
    good, errors, before = 0, [], {}
    print(f"{APPS} apps stream from `assistant`: north, else south, else west\n")
    print(f"{'':26}{'answered':>9}{'errors':>8}{'slowest':>9}   calls (of which failed): breaker")
    for name, length, rates in ACTS:
        configure(rates)
        for _ in range(max(1, round(SCALE * length))):
            time.sleep(min(SCALE, 1.0))
            answered, bad, slowest = seen.take()
            good, errors = good + answered, errors + bad
            now = {row["target"].split("/")[0]: row for row in get(admin + "/targets")}
            columns = []
            for upstream, row in now.items():
                calls = row["attempts"] - before.get(upstream, {}).get("attempts", 0)
                failed = row["failures"] - before.get(upstream, {}).get("failures", 0)
                columns.append(f"{upstream} {calls:3} ({failed}): {row['state']}")
            before = now
            print(f"{name:26}{answered:9}{len(bad):8}{slowest:8.2f}s   {'   '.join(columns)}", flush=True)
    stop.set()
    for each in apps:
        each.join(60)
    answered, bad, _ = seen.take()
    good, errors = good + answered, errors + bad
    time.sleep(0.5)
    classes = {}
    for line in log_path.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        for attempt in entry.get("attempts") or []:
            classes[attempt["class"]] = classes.get(attempt["class"], 0) + 1
    print("\nattempts by class:", ", ".join(f"{name} {count}" for name, count in sorted(classes.items())))
    print(f"{good} streams came whole; errors that an app saw: {len(errors)}")
    for error in errors[:5]:
        print("  ", error)
    return 1 if errors or not good else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
