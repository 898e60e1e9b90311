"""What a pod asks of its sidecar, measured: ten times too much load, ten thousand idle connections, a kill, and tunnels. Prints a table, writes pod.json.

The proxy has the first CPU, everybody else the others. `overload` is bench-overload's; streams and idle connections are opened from here. Standard
library only.
"""
import argparse, json, os, pathlib, resource, signal, socket, statistics, subprocess, sys, threading, time

from subjects import Bench, free_port, pin, pss_mib, rss_mib, wait_for_port

ROWS = (
    ("overload_patient_goodput", "ten times the clients of the peak, `overload.exchanges` set to the peak's: served ÷ peak", "", "≥ 0.8"),
    ("overload_rude_goodput", "the same, asking again at once", "", "≥ 0.8"),
    ("overload_patient_shed_p99_us", "from a request to its 503, p99", "µs", "≤ 50 000"),
    ("overload_open_goodput", "the first, with nothing set: 640 fit into what 128 MiB allow, and nobody is turned away", "", "–"),
    ("overload_passthrough_goodput", "what a plain pass-through keeps of its own peak then", "", "–"),
    ("overload_nginx_goodput", "and nginx", "", "–"),
    ("overload_recovery_ms", "from then until twenty requests in a row are served", "ms", "≤ 2 000"),
    ("overload_pss_mib", "memory then (PSS), at the most", "MiB", "≤ 128"),
    ("idle_rss_mib", "RSS, 10,000 idle connections and 1,000 streams", "MiB", "≤ 150"),
    ("killed_ready_ms", "kill -9 to ready again, one policy", "ms", "≤ 500"),
    ("tunnel_connect_added_us", "a tunnel's connection through the forward proxy, added, p50", "µs", "–"),
    ("tunnel_connect_added_p99_us", "the same, p99", "µs", "–"),
)


class Pod(Bench):
    def sidecar(self, policies, more=""):
        listen, admin, forward = free_port(), free_port(), free_port()
        command = self.outrigger_command(policies, listen, admin, "pod")
        file = pathlib.Path(command[-1])
        text = file.read_text().replace(f'"127.0.0.1:{listen}" }}', f'"127.0.0.1:{listen}", forward_proxy: "127.0.0.1:{forward}", reach: ["127.0.0.1"] }}')
        file.write_text(text + f"ca: {{ directory: {self.folder}/ca, bundle: {self.folder}/bundle }}\n" + more)
        process = self.spawn("proxy", command)
        wait_for_port(listen, "outrigger", process)
        self.until_ready(admin, process)
        return process, command, listen, admin, forward

    def overload(self):
        def offer(port):
            command = [f"{self.args.bin}/bench-overload", f"127.0.0.1:{port}", str(self.bodies["1kb"])]
            return json.loads(subprocess.run(command, preexec_fn=pin("load"), stdout=subprocess.PIPE, check=True).stdout)

        process, _, listen, _, _ = self.sidecar(1, "overload: { exchanges: 64, memory: { limit: 128MiB } }\n")
        told = offer(listen)
        self.stop(process)
        process, _, listen, _, _ = self.sidecar(1, "overload: { memory: { limit: 128MiB } }\n")
        most, ended = [0.0], threading.Event()

        def watch():
            while not ended.wait(0.2):
                most[0] = max(most[0], pss_mib(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        without = offer(listen)
        ended.set()
        watcher.join()
        self.stop(process)
        figures = {f"overload_{key}": value for key, value in told.items()} | {"overload_nginx_goodput": float("nan")}
        figures["overload_open_goodput"] = without["patient_goodput"]
        # So many sockets cost every proxy of its peak; how much, these tell.
        for name, (port, _) in self.subjects().items():
            if name in ("passthrough", "nginx"):
                figures[f"overload_{name}_goodput"] = offer(port)["patient_goodput"]
        recovery = max(told["patient_recovery_ms"], told["rude_recovery_ms"])
        return figures | {"overload_recovery_ms": recovery, "overload_pss_mib": most[0]}

    def idle(self):
        process, _, listen, _, _ = self.sidecar(0)
        head = f"host: 127.0.0.1:{listen}\r\nauthorization: Bearer sk-bench\r\ncontent-type: application/json\r\n"
        whole, stream = self.bodies["1kb"].read_bytes(), self.bodies["stream"].read_bytes()
        kept = []

        def ask(body, more):
            connection = socket.create_connection(("127.0.0.1", listen))
            request = f"POST /v1/chat/completions HTTP/1.1\r\n{head}{more}content-length: {len(body)}\r\n\r\n"
            connection.sendall(request.encode() + body)
            assert b" 200 " in connection.recv(4096)
            kept.append(connection)

        for _ in range(10_000):
            ask(whole, "")
        for _ in range(1_000):
            ask(stream, "x-stream: 60,1000000\r\n")
        time.sleep(8)
        figures = {"idle_rss_mib": rss_mib(process.pid), "idle_pss_mib": pss_mib(process.pid)}
        for connection in kept:
            connection.close()
        self.stop(process)
        return figures

    def killed(self):
        process, command, listen, admin, _ = self.sidecar(1)
        took = []
        for _ in range(5):
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.processes.remove(process)
            begun = time.monotonic()
            process = self.spawn("proxy", command)
            self.until_ready(admin, process)
            took.append((time.monotonic() - begun) * 1000)
        self.stop(process)
        return {"killed_ready_ms": statistics.median(took)}

    def tunnel(self):
        process, _, _, _, forward = self.sidecar(0)
        server = socket.create_server(("127.0.0.1", 0), backlog=64)
        target = "%s:%d" % server.getsockname()

        def greet():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.recv(1)
                connection.sendall(b"!")
                connection.close()

        threading.Thread(target=greet, daemon=True).start()

        def once(through):
            begun = time.perf_counter()
            connection = socket.create_connection(("127.0.0.1", forward) if through else server.getsockname())
            if through:
                connection.sendall(f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode())
                assert b" 200 " in connection.recv(4096)
            connection.sendall(b"?")
            assert connection.recv(1) == b"!"
            connection.close()
            return (time.perf_counter() - begun) * 1e6

        pairs = [(once(False), once(True)) for _ in range(500)]
        server.close()
        self.stop(process)
        added = sorted(through - direct for direct, through in pairs)
        return {"tunnel_connect_added_us": added[len(added) // 2], "tunnel_connect_added_p99_us": added[len(added) * 99 // 100]}


def main():
    parser = argparse.ArgumentParser()
    for name in ("--bin", "--outrigger", "--policies", "--out"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    args.only_plain = True  # the other subjects are proxies that are no Outrigger
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 13_000:
        sys.exit(f"bench: {hard} file descriptors are too few for 11,000 connections; raise the hard limit")
    pod, figures = Pod(args), {}
    try:
        upstream = pod.spawn("upstream", [f"{args.bin}/bench-upstream", f"127.0.0.1:{pod.upstream}"])
        wait_for_port(pod.upstream, "bench-upstream", upstream)
        for part in (pod.overload, pod.idle, pod.killed, pod.tunnel):
            figures |= part()
    finally:
        pod.close()
    out = pathlib.Path(args.out)
    (out / "pod.json").write_text(json.dumps(figures, indent=1) + "\n")
    lines = ["| | measured | target |", "|---|---|---|"]
    lines += [f"| {words} | {figures[key]:,.3g} {unit} | {target} |" for key, words, unit, target in ROWS]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
