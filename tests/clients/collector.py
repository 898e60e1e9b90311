"""A collector of traces on a port of this machine, which it prints. Each batch is decoded by OpenTelemetry's own messages and printed as a line
of JSON: its path, headers, resource and spans. Lines of its standard input say what it does from then on, and it prints `did LINE`:
`answer STATUS [RETRY_AFTER]`, `wait SECONDS` before each answer, `gone` (nobody listens), `back`. It ends with its standard input."""
import http.server, json, sys, threading, time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

does = {"status": 200, "retry_after": None, "wait": 0.0}
lock = threading.Lock()


def say(line):
    with lock:
        print(line, flush=True)


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(one) for one in any_value.array_value.values]
    return getattr(any_value, kind)


def attributes(pairs):
    found = {pair.key: value(pair.value) for pair in pairs}
    assert len(found) == len(pairs), "a key is there twice"
    return found


def span(one, scope):
    return {
        "name": one.name, "kind": one.kind, "trace": one.trace_id.hex(), "id": one.span_id.hex(), "parent": one.parent_span_id.hex(),
        "state": one.trace_state, "begin": one.start_time_unix_nano, "end": one.end_time_unix_nano, "status": one.status.code, "flags": one.flags,
        "links": [{"trace": link.trace_id.hex(), "id": link.span_id.hex()} for link in one.links],
        "attributes": attributes(one.attributes), "scope": scope.name,
    }


def batch(body):
    request = ExportTraceServiceRequest.FromString(body)
    known = ExportTraceServiceRequest.FromString(body)
    known.DiscardUnknownFields()
    assert known.ByteSize() == request.ByteSize(), "a field that is none"
    [resource] = request.resource_spans
    [scoped] = resource.scope_spans
    return {"resource": attributes(resource.resource.attributes), "spans": [span(one, scoped.scope) for one in scoped.spans]}


class Collect(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        does_now = dict(does)
        said = {"path": self.path, "headers": {name.lower(): text for name, text in self.headers.items()}, "status": does_now["status"]}
        say(json.dumps(said | batch(body)))
        time.sleep(does_now["wait"])
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(does_now["status"])
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        if does_now["retry_after"]:
            self.send_header("retry-after", does_now["retry_after"])
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # who waited has left


def listen(port):
    server = Server(("127.0.0.1", port), Collect)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


server = listen(0)
port = server.server_address[1]
say(str(port))
for line in sys.stdin:
    match line.split():
        case ["answer", status, *rest]:
            does.update(status=int(status), retry_after=rest[0] if rest else None)
        case ["wait", seconds]:
            does.update(wait=float(seconds))
        case ["gone"]:
            server.shutdown()
            server.server_close()
        case ["back"]:
            server = listen(port)
    say("did " + line.strip())
