"""Replays a workload of support questions through Outrigger and tells what the policies saved.

It starts the binary twice on free ports: with the chain of outrigger.yaml, and with no policy and everything sent to the thorough model. Tokens
are those that the replies report. Policies whose modules are not built are left out, and named. Standard library only.
"""

import collections
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
# Dollars for a million tokens, input and output: list prices of the names that the embedded model goes by here.
PRICES = {"gpt-5-mini": (0.25, 2.00), "gpt-5": (1.25, 10.00)}


def without_missing(config, policies):
    """The configuration without the chain's entries whose module is not there, and the names of those."""
    head, chain = config.split("  chain:\n", 1)
    entries = re.split(r"(?m)^(?=    - use: )", chain)
    kept, missing = [], []
    for entry in entries:
        name = re.match(r"    - use: (\S+)", entry)
        if name and not (policies / f"{name[1]}.wasm").exists():
            missing.append(name[1])
        else:
            kept.append(entry)
    return head + "  chain:\n" + "".join(kept), missing


def plain(config):
    """The same without policies, and with the thorough model behind every name."""
    return re.split(r"(?m)^policies:", config)[0].replace("gpt-5-mini]", "gpt-5]")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Outrigger:
    """A running binary; ends with the block that it was started in."""

    def __init__(self, config, folder, name):
        self.base, self.admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        file = pathlib.Path(folder) / f"{name}.yaml"
        file.write_text(config)
        self.log = open(pathlib.Path(folder) / f"{name}.log", "w+")
        environment = os.environ | {"LISTEN": self.base, "ADMIN": self.admin}
        command = [os.environ["OUTRIGGER_BIN"], "run", "--config", str(file)]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)

    def __enter__(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://{self.admin}/readyz").close()
                return self
            except OSError:
                time.sleep(0.1)
        self.log.seek(0)
        sys.exit("outrigger did not start:\n" + self.log.read())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def metrics(self):
        text = urllib.request.urlopen(f"http://{self.admin}/metrics").read().decode()
        return {name: float(value) for name, value in re.findall(r"(?m)^([^#\s]\S*?(?:\{[^}]*\})?) (\S+)$", text)}

    def ask(self, line):
        """Sends one line of the workload: status, the model that answered, tokens in and out, cache mark."""
        body = {"model": "support", **line["body"]}
        if body.get("stream"):
            body["stream_options"] = {"include_usage": True}
        headers = {"content-type": "application/json", "x-outrigger-tenant": line["tenant"]}
        request = urllib.request.Request(f"http://{self.base}/v1/chat/completions", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read().decode()
                kept = "hit" in str(answer.headers.get("x-outrigger-cache", ""))
        except urllib.error.HTTPError as error:
            code = json.loads(error.read()).get("error", {}).get("code")
            return {"status": error.code, "code": code}
        parts = [json.loads(part) for part in re.findall(r"(?m)^data: (\{.*)$", text)] if body.get("stream") else [json.loads(text)]
        model = next((part["model"] for part in parts if part.get("model")), "")
        usage = next((part["usage"] for part in reversed(parts) if part.get("usage")), {})
        tokens = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
        return {"status": 200, "model": model, "tokens": tokens, "kept": kept}


def labelled(metrics, name, label):
    """Sums of a metric by one of its labels."""
    sums = collections.Counter()
    for key, value in metrics.items():
        if key.startswith(name + "{"):
            found = re.search(rf'{label}="([^"]*)"', key)
            sums[found[1] if found else ""] += value
    return sums


def cost(answers):
    """Dollars at list price; what no model answered is free."""
    total = 0.0
    for answer in answers:
        price = PRICES.get(answer.get("model"), (0, 0))
        total += sum(tokens * price for tokens, price in zip(answer.get("tokens", (0, 0)), price))
    return total / 1e6


def main():
    policies = pathlib.Path(os.environ["OUTRIGGER_POLICIES"])
    config, missing = without_missing((HERE / "outrigger.yaml").read_text(), policies)
    lines = [json.loads(line) for line in (HERE / "workload.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        with Outrigger(plain(config), folder, "plain") as outrigger:
            before = [outrigger.ask(line) for line in lines]
        with Outrigger(config, folder, "router") as outrigger:
            started = outrigger.metrics()
            after = [outrigger.ask(line) for line in lines]
            ended = outrigger.metrics()
    change = {key: value - started.get(key, 0) for key, value in ended.items()}
    attempts = labelled(change, "outrigger_upstream_attempts_total", "upstream").total()
    static = change.get("outrigger_policy_static_reply_replies_total", 0)
    refused = collections.Counter(answer["code"] for answer in after if answer["status"] != 200)
    kept = sum(answer.get("kept", False) for answer in after)
    for answer in after:
        # A reply that no model gave has no price: those of policies and kept ones.
        if answer.get("kept") or answer.get("tokens") == (0, 0):
            answer["model"] = ""
    tiers = collections.Counter(answer["model"] for answer in after if answer.get("model"))
    tokens = [sum(sum(answer.get("tokens", (0, 0))) for answer in answers if answer.get("model")) for answers in (before, after)]
    costs = cost(before), cost(after)

    if missing:
        print(f"left out, for it is not built: {', '.join(missing)}\n")
    print(f"{len(lines)} requests; {attempts:.0f} reached a model")
    print(f"  answered by static-reply {static:4.0f}")
    print(f"  kept replies             {kept:4}")
    for code, count in sorted(refused.items()):
        print(f"  refused, {code:16} {count:4}")
    for model, count in tiers.most_common():
        print(f"  answered by {model:12} {count:4}")
    print(f"{'':26}{'everything to gpt-5':>22}{'support router':>18}{'saved':>8}")
    for what, (one, other), form in [
        ("calls", (len(before), int(attempts)), "{}"),
        ("tokens", tokens, "{}"),
        ("dollars at list price", costs, "{:.6f}"),
    ]:
        saved = 100 * (1 - other / one) if one else 0
        print(f"{what:26}{form.format(one):>22}{form.format(other):>18}{saved:7.0f}%")
    told = {key: value for key, value in change.items() if "cost" in key and "_bucket" not in key and value}
    for key, value in sorted(told.items()):
        print(f"  {key} {value:g}")
    wrong = [line["id"] for line, answer in zip(lines, after) if not expected(line, answer)]
    if wrong:
        sys.exit(f"not as the workload expects: {', '.join(wrong)}")


def expected(line, answer):
    """Whether a line went the way that its `expect` names; ways of policies that are left out can't be checked."""
    ways = {"refused": answer["status"] == 403, "model": answer["status"] == 200, "static": answer["status"] == 200 and not answer.get("model")}
    return ways.get(line["expect"], True)


if __name__ == "__main__":
    main()
