#!/usr/bin/env python3
"""Writes the section `meaning` of tier-router-judge from labelled texts.

Reads JSON lines of {"text": ..., "label": ...}, asks an OpenAI-compatible endpoint for their vectors, and prints YAML: for each label the mean
of its vectors. With --check it keeps every fifth text apart and prints how often the nearest label is the right one, on standard error.

The labels' `add` are the operator's: --add hard=3 --add easy=-1. A key is read from $EMBEDDINGS_KEY.
"""
import argparse
import json
import math
import os
import sys
import urllib.request


def vectors(url, model, texts, batch=16):
    headers = {"content-type": "application/json"}
    if key := os.environ.get("EMBEDDINGS_KEY"):
        headers["authorization"] = f"Bearer {key}"
    for start in range(0, len(texts), batch):
        body = json.dumps({"model": model, "input": texts[start:start + batch]}).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as reply:
            data = json.load(reply)["data"]
        yield from (scaled(row["embedding"]) for row in sorted(data, key=lambda row: row["index"]))


def scaled(vector):
    length = math.sqrt(sum(x * x for x in vector))
    if not length or not math.isfinite(length):
        sys.exit("centroids.py: the endpoint answered a vector without a direction")
    return [x / length for x in vector]


def centroids(rows):
    sums = {}
    for label, vector in rows:
        known = sums.setdefault(label, [0.0] * len(vector))
        for at, x in enumerate(vector):
            known[at] += x
    return {label: scaled(total) for label, total in sums.items()}


def nearest(known, vector):
    return max(known, key=lambda label: sum(a * b for a, b in zip(known[label], vector)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="JSON lines of text and label")
    parser.add_argument("--url", required=True, help="the endpoint, …/v1/embeddings")
    parser.add_argument("--model", required=True, help="the model that the endpoint knows")
    parser.add_argument("--embedder", required=True, help="the same as `embeddings: target` names it, upstream/model")
    parser.add_argument("--add", action="append", default=[], metavar="LABEL=N", help="what a label adds to the score")
    parser.add_argument("--margin", type=float, default=0.05, help="cosine by which the nearest label has to lead")
    parser.add_argument("--check", action="store_true", help="keep every fifth text apart and say how many of them are found")
    args = parser.parse_args()

    with open(args.file, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    labels = [row["label"] for row in rows]
    if len(set(labels)) < 2:
        sys.exit("centroids.py: the file has fewer than two labels")
    add = dict(pair.split("=", 1) for pair in args.add)
    if unknown := set(add) - set(labels):
        sys.exit(f"centroids.py: no text has the label {', '.join(sorted(unknown))}")

    found = list(zip(labels, vectors(args.url, args.model, [row["text"] for row in rows])))
    if args.check:
        known = centroids([row for at, row in enumerate(found) if at % 5])
        apart = found[::5]
        right = sum(nearest(known, vector) == label for label, vector in apart if known)
        print(f"{right} of {len(apart)} texts that were kept apart are nearest to their label", file=sys.stderr)
    print(f"meaning:\n  embedder: {json.dumps(args.embedder)}\n  margin: {args.margin}\n  labels:")
    for label, vector in sorted(centroids(found).items()):
        numbers = ", ".join(f"{x:.5f}" for x in vector)
        print(f"    - {{ name: {json.dumps(label)}, add: {int(add.get(label, 0))}, centroid: [{numbers}] }}")


if __name__ == "__main__":
    main()
