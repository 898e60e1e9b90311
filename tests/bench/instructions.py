"""`make bench-instructions`: user-space instructions that a sidecar needs for a request, counted by callgrind.

A count hardly depends on how busy the machine is, so a regression can't hide behind noise: `--check` compares with the figures
checked in beside this file and fails where one has grown by more than 3 %; `make test` ends with it. Eight connections, 1 KB, the
bench's chains of no and of three policies. Without valgrind nothing is counted, and that is said.

Policies are compiled under valgrind, too: compiled beside it, their code would use features of the processor that valgrind lacks.
"""
import argparse, json, os, pathlib, re, shutil, socket, subprocess, sys, threading, time

from subjects import Bench, admin, free_port, wait_for_port

CONNECTIONS, REQUESTS = 8, 50
CHAINS = {"empty": 0, "three": 3}
FIGURES = pathlib.Path(__file__).with_name("instructions.json")
GROWTH = 1.03


class Clients:
    """Keep-alive connections, each with one request after the other."""

    def __init__(self, port, body):
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench\r\n" \
            f"accept: application/json\r\nuser-agent: bench\r\ncontent-length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body
        self.connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        self.failures = []

    def ask(self, connection):
        replies = connection.makefile("rb")
        for _ in range(REQUESTS):
            connection.sendall(self.request)
            status, length = replies.readline(), 0
            if b" 200 " not in status:
                self.failures.append(status)
                return
            while line := replies.readline().strip().lower():
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            replies.read(length)

    def run(self):
        threads = [threading.Thread(target=self.ask, args=(connection,)) for connection in self.connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            sys.exit(f"bench: a counted request failed: {self.failures[0]!r}")


def count(bench, chain, programs):
    """Instructions per request with this chain."""
    port, admin_port = free_port(), free_port()
    profile = bench.folder / f"callgrind-{chain}"
    command = bench.outrigger_command(chain, port, admin_port, f"counted-{chain}")
    command[0] = str(programs / "outrigger")
    process = bench.spawn("alone", ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={profile}", *command])
    wait_for_port(port, "outrigger under valgrind", process, seconds=300)
    for _ in range(3000):
        if admin(admin_port, "/readyz")[0] == 200:
            break
        time.sleep(0.1)
    clients = Clients(port, bench.bodies["1kb"].read_bytes())
    clients.run()  # warm: connections, lazy tables, instances' first pages
    for switch, work in (("on", clients.run), ("off", lambda: None)):
        subprocess.run(["callgrind_control", "-i", switch, str(process.pid)], stdout=subprocess.DEVNULL, check=True)
        work()
    bench.stop(process)
    return int(re.search(r"^totals: (\d+)", profile.read_text(), re.M)[1]) / (CONNECTIONS * REQUESTS)


def instructions(bench, outrigger, tool):
    """Both figures, by their names in results.json; none where there is no valgrind."""
    if not shutil.which("valgrind") or not shutil.which("callgrind_control"):
        print("bench: NOT COUNTED: instructions per request; install valgrind", file=sys.stderr)
        return {}
    programs = bench.folder / "programs"
    programs.mkdir()
    shutil.copy(outrigger, programs / "outrigger")
    (programs / "outrigger-tool").write_text(f'#!/bin/sh\nexec {shutil.which("valgrind")} -q --tool=none {os.path.realpath(tool)} "$@"\n')
    (programs / "outrigger-tool").chmod(0o755)
    return {f"instructions_per_request_{name}": round(count(bench, chain, programs)) for name, chain in CHAINS.items()}


def guest_compiler():
    """The compiler of the policies: another one makes other code of them."""
    root = pathlib.Path(__file__).parents[2]
    rustc = subprocess.run([root / "plugin-sdk/wasm-toolchain.sh"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.strip()
    return subprocess.run([rustc, "-V"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", required=True, help="where bench-upstream is")
    p.add_argument("--outrigger", required=True)
    p.add_argument("--tool", required=True)
    p.add_argument("--policies", required=True)
    p.add_argument("--check", action="store_true", help="fail where a figure has grown by more than 3 % over the one checked in")
    p.add_argument("--write", action="store_true", help="check in what is counted now")
    args = p.parse_args()
    args.only_plain = False
    bench = Bench(args)
    try:
        wait_for_port(bench.upstream, "bench-upstream", bench.spawn("upstream", [f"{args.bin}/bench-upstream", f"127.0.0.1:{bench.upstream}"]))
        found = instructions(bench, args.outrigger, args.tool)
    finally:
        bench.close()
    for name, figure in found.items():
        print(f"{name} {figure:,}")
    if args.write and found:
        FIGURES.write_text(json.dumps(found | {"guest_compiler": guest_compiler()}, indent=1) + "\n")
    if not args.check or not found:
        return
    known = json.loads(FIGURES.read_text())
    if known["guest_compiler"] != guest_compiler():
        print("bench: NOT COMPARED: instructions of three policies; another compiler made the policies here", file=sys.stderr)
        del known["instructions_per_request_three"]
    grown = [name for name, figure in found.items() if figure > GROWTH * known.get(name, figure)]
    for name in grown:
        print(f"bench: {name} is {found[name]:,}, and {known[name]:,} is checked in: {found[name] / known[name] - 1:+.1%}, more than 3 %. "
              f"Make it less, or say why in the commit that runs `make bench-instructions WRITE=1`", file=sys.stderr)
    if grown:
        sys.exit(1)


if __name__ == "__main__":
    main()
