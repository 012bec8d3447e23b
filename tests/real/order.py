#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same events shuffled, split into files, re-batched, compressed, duplicated (their event ids are mapped) and
spread over 1 to 8 shards give the same digests. Usage: order.py BIN_FOLDER"""
import gzip
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin")
EVENTS = 60000
MAPPING = """\
format: json
user: user_id
time: time
name: event
event_id: event_id
revenue: { amount: revenue, currency: currency }
attributes: { country: country, device: device, campaign: campaign, page: page, product: product }
"""
QUESTIONS = [["--step", "view", "--step", "click", "--step", "order", "--by", "country"],
             ["--step", "view", "--step", "add_to_cart", "--unit", "session", "--ties", "strict"],
             ["--step", "click", "--step", "order", "--attempts", "first", "--where", "device != 'tablet'"]]


def run(*arguments):
    out = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"{arguments}: exit {out.returncode}\n{out.stderr[-3000:]}")
    return out.stdout


def digests(store):
    found = []
    for question in QUESTIONS:
        answer = json.loads(run(BIN / "corong", "funnel", "--store", store, "--format", "json",
                                "--window", "7d", *question))
        found += [answer["provenance"]["result_digest"], answer["provenance"]["store_digest"]]
    return found


def write_split(folder, lines, parts, rng):
    paths = []
    for part in range(parts):
        path = folder / f"part-{part}.jsonl"
        data = "".join(lines[part::parts]).encode()
        if rng.random() < 0.3:
            path = path.with_suffix(".jsonl.gz")
            data = gzip.compress(data, 1)
        path.write_bytes(data)
        paths.append(path)
    return paths


def variant(work, lines, index, rng):
    folder = work / f"variant-{index}"
    folder.mkdir()
    lines = list(lines)
    shards = 1 + index % 8
    if index > 0:
        lines += rng.sample(lines, len(lines) // 10)
        rng.shuffle(lines)
    paths = write_split(folder, lines, 1 + index % 4, rng)
    mapping = folder / "mapping.yaml"
    mapping.write_text(MAPPING)
    options = ["--no-compact"] if index % 3 == 2 else []
    run(BIN / "corong", "replay", "--quiet", "--store", folder / "store", "--mapping", mapping,
        "--shards", shards, "--parallel", 1 + index % 2, "--commit-interval",
        rng.choice(["100ms", "300ms", "5s"]), *options, *paths)
    if options:  # duplicates that lie in different segments are found by a merge
        run(BIN / "corong", "compact", "--store", folder / "store")
    run(BIN / "corong", "verify", "--store", folder / "store")
    return digests(folder / "store")


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="corong-order-") as folder:
        work = pathlib.Path(folder)
        text = run(BIN / "clickgen", "--events", EVENTS, "--users", 4000, "--event-ids")
        lines = text.splitlines(keepends=True)
        first = variant(work, lines, 0, rng)
        for index in range(1, 9):
            if variant(work, lines, index, rng) != first:
                sys.exit(f"variant {index} has other digests; seed {seed}")
    print(f"order: {EVENTS} events, 9 orders over 1 to 8 shards, {len(first)} digests each, all equal, "
          f"seed {seed}")


if __name__ == "__main__":
    main()
