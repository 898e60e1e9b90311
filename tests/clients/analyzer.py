"""Serves Presidio's `POST /analyze` on a free port of this machine, which it prints, until its standard input ends. The analyzer is the real one,
with its pattern recognisers and no model of a language; what its own REST service does with a request (`presidio-analyzer/app.py`) is done here
without Flask."""
import http.server, json, os, sys, threading

import tldextract
from presidio_analyzer import AnalyzerEngine, AnalyzerRequest, BatchAnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngineProvider

# The list of domains that the package carries: else it looks for a newer one on the internet.
tldextract.extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}).create_engine()
registry = RecognizerRegistry(supported_languages=["en"])
registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
registry.remove_recognizer("SpacyRecognizer")
analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
batches = BatchAnalyzerEngine(analyzer)


def analyze(body):
    question = AnalyzerRequest(json.loads(body))
    texts = question.text if isinstance(question.text, list) else [question.text]
    analyzer.get_supported_entities(question.language)
    found = batches.analyze_iterator(texts=texts, language=question.language, entities=question.entities, score_threshold=question.score_threshold)
    lists = [[one.to_dict() for one in of_text] for of_text in found]
    for one in (one for of_text in lists for one in of_text):
        one.pop("recognition_metadata", None)
    return lists if isinstance(question.text, list) else lists[0]


class Analyze(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            status, answer = 200, analyze(body)
        except Exception as error:
            status, answer = 500, {"error": str(error)}
        answer = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


analyze(json.dumps({"text": "ana@example.com", "language": "en"}))  # the first takes longest
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Analyze)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
