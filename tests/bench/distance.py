"""The time to the first token over a distance: the openai SDK going direct against the same SDK through Outrigger.

A provider that speaks HTTP/1.1 over TLS stands behind a delay of 20 ms each way. The SDK streams calls 6 s and 30 s apart, and opens a
connection for nearly each; Outrigger keeps its own, or opens one ahead where the provider closes it after 5 s, as Node does. Printed are the
medians of the calls after the first two, and their ratios. Needs the SDK in target/python (tests/setup.sh). Takes about three minutes.
"""
import argparse, asyncio, http.client, json, os, pathlib, shutil, socket, ssl, statistics, subprocess, sys, tempfile, threading, time

ONE_WAY = 0.020
PATIENT, NODE = 75, 5  # seconds after which a provider closes an idle connection: nginx's default, and Node's
FIRST = 2  # calls that are not counted: nobody can know before the second that there will be others
# name, provider, through Outrigger, seconds between calls, calls. Each begins a second after the one before, so that no two calls coincide.
SERIES = [
    (f"{'outrigger' if through else 'direct'}_{provider}_{pause}s", provider, through, pause, calls)
    for pause, calls in ((6, 20), (30, 5))
    for provider, through in (("patient", False), ("patient", True), ("node", True))
]
TOKENS = ["The", " first", " token", " counts", "."]


def event(delta, finish=None):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def chunked(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def serve(idle, reader, writer):
    """Answers requests of one connection with a stream, until it has been idle for too long."""
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), idle)
            length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for token in TOKENS:
                writer.write(chunked(event({"role": "assistant", "content": token})))
                await writer.drain()
                await asyncio.sleep(0.005)
            writer.write(chunked(event({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n")
            await writer.drain()
    except (TimeoutError, asyncio.TimeoutError, asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def pump(reader, writer, extra):
    """Passes bytes on after the delay; the first ones of a connection `extra` later."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()
    begun = loop.time() + extra

    async def out():
        while True:
            at, data = await queue.get()
            await asyncio.sleep(max(0, at - loop.time()))
            if not data:
                return writer.close()
            writer.write(data)
            await writer.drain()

    sending = asyncio.create_task(out())
    data = True
    while data:
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        await queue.put((max(loop.time(), begun) + ONE_WAY, data))
    await asyncio.gather(sending, return_exceptions=True)


async def delay(port, reader, writer):
    """One connection over the distance. The kernel accepts it at once, so a handshake's round trip is charged to its first bytes."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pump(reader, far_writer, 2 * ONE_WAY), pump(far_reader, writer, 0), return_exceptions=True)


async def provide(certificate):
    """Serves both providers, each behind the distance, until standard input ends. Prints their ports."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["http/1.1"])
    ports = {}
    for name, idle in (("patient", PATIENT), ("node", NODE)):
        near = await asyncio.start_server(lambda r, w, idle=idle: serve(idle, r, w), "127.0.0.1", 0, ssl=context)
        far = near.sockets[0].getsockname()[1]
        server = await asyncio.start_server(lambda r, w, far=far: delay(far, r, w), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def call_all(series):
    """Makes the calls of [name, base_url, pause, calls, offset] with the real SDK; prints name → list of ms to the first token."""
    import openai

    seen = {}

    def calls(name, base, pause, number, offset):
        client = openai.OpenAI(base_url=base, api_key="sk-distance", max_retries=0)
        seen[name] = []
        for call in range(number):
            time.sleep(max(0, begun + offset + call * pause - time.monotonic()))
            sent = time.monotonic()
            stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}], stream=True)
            first = None
            for chunk in stream:
                if first is None and chunk.choices and chunk.choices[0].delta.content:
                    first = time.monotonic() - sent
            seen[name].append(round(first * 1000, 1))

    begun = time.monotonic() + 1
    threads = [threading.Thread(target=calls, args=one) for one in series]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(seen) < len(series) or any(len(seen[name]) < number for name, _, _, number, _ in series):
        sys.exit("a call failed")
    print(json.dumps(seen))


def certify(folder):
    """A certificate for `localhost`, its key with it, and the file by which clients trust it."""
    both, key, trusted = folder / "server.pem", folder / "key.pem", folder / "trusted.pem"
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", str(key), "-out", str(trusted)],
        capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"distance: openssl made no certificate: {done.stderr}")
    both.write_text(trusted.read_text() + key.read_text())
    return both, trusted


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until_ready(admin, process):
    for _ in range(1000):
        if process.poll() is not None:
            sys.exit(f"distance: outrigger ended with {process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.01)
    sys.exit("distance: outrigger does not become ready")


def measure(outrigger, packages):
    """Returns the two ratios, and the medians in ms that they are of; the rounds are printed. `packages` is the folder with the SDK."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outrigger-distance-"))
    processes = []
    here = [sys.executable, str(pathlib.Path(__file__).resolve())]
    try:
        certificate, trusted = certify(folder)
        provider = subprocess.Popen([*here, "--provide", str(certificate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(provider)
        ports = json.loads(provider.stdout.readline())
        series = []
        for offset, (name, upstream, through, pause, calls) in enumerate(SERIES):
            base = f"https://localhost:{ports[upstream]}/v1"
            if through:
                listen, admin = free_port(), free_port()
                config = folder / f"{name}.yaml"
                config.write_text(f'listen: {{ base_url: "127.0.0.1:{listen}" }}\nadmin: "127.0.0.1:{admin}"\nlog: {{ format: json }}\n'
                                  f'upstreams:\n  openai: {{ dialect: openai, url: "{base}", roots: "{trusted}" }}\n')
                process = subprocess.Popen([outrigger, "run", "--config", str(config)], stdout=subprocess.DEVNULL, stderr=open(folder / f"{name}.log", "w"))
                processes.append(process)
                until_ready(admin, process)
                base = f"http://127.0.0.1:{listen}/v1"
            series.append((name, base, pause, calls, offset))
        print(f"distance: about {max(pause * (calls - 1) for _, _, _, pause, calls in SERIES) + 10} s", file=sys.stderr)
        environment = os.environ | {"PYTHONPATH": str(packages), "SSL_CERT_FILE": str(trusted)}
        done = subprocess.run([*here, "--call", json.dumps(series)], env=environment, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit("distance: a call failed; what it said is above")
        seen = json.loads(done.stdout)
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    found = {}
    for name, times in seen.items():
        found[f"first_token_distance_{name}_ms"] = statistics.median(times[FIRST:])
        print(f"{name:24} {found[f'first_token_distance_{name}_ms']:7.1f} ms   {' '.join(map(str, times))}", file=sys.stderr)
    for pause in (6, 30):
        direct = found[f"first_token_distance_direct_patient_{pause}s_ms"]
        for provider, end in (("patient", ""), ("node", "_closing_after_5s")):
            ratio = found[f"first_token_distance_outrigger_{provider}_{pause}s_ms"] / direct
            found[f"first_token_distance_ratio_{pause}s{end}"] = round(ratio, 3)
    return found


def main():
    target = os.environ.get("OUTRIGGER_TARGET", "target")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outrigger", default=os.environ.get("OUTRIGGER_BIN", f"{target}/release/outrigger"))
    parser.add_argument("--python", default=f"{target}/python", help="the folder with the SDK")
    parser.add_argument("--provide", help=argparse.SUPPRESS)
    parser.add_argument("--call", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.provide:
        asyncio.run(provide(args.provide))
    elif args.call:
        call_all(json.loads(args.call))
    elif not (pathlib.Path(args.python) / "openai").exists():
        sys.exit(f"distance: no openai SDK in {args.python}; run tests/setup.sh")
    else:
        print(json.dumps(measure(args.outrigger, args.python), indent=2))


if __name__ == "__main__":
    main()
