#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Live = query: registered funnels, followed while a log is replayed, end at the counts and slices that
`corong funnel` finds, with nobody pending where the log was in time order. A server that gets the same logs in
disorder, and is restarted in between, comes to the same. Usage: live.py BIN_FOLDER"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent.parent.parent / "shared" / "data"
BIN = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()
checks = 0

CLICKGEN_MAPPING = """\
  format: json
  user: user_id
  time: time
  name: event
  revenue: { amount: revenue, currency: currency }
  attributes: { country: country, device: device, campaign: campaign, page: page, product: product }
"""
SHOP = [("journey", "{ steps: [ { event: view }, { event: add_to_cart }, { event: checkout }, { event: order } ], "
         "window: 7d, live: country }"),
        ("quick", "{ steps: [ { event: view }, { event: click }, { event: order, where: \"revenue > 20\" } ], "
         "window: 30m, ties: strict }"),
        ("first", "{ steps: [ { event: click }, { event: view }, { event: click } ], window: 2h, "
         "attempts: first, live: device }")]
OTTO = [("buy", "{ steps: [ { event: click }, { event: cart }, { event: order } ], window: 7d }"),
        ("again", "{ steps: [ { event: order }, { event: order } ], window: none, ties: strict }")]
REES46 = [("buy", "{ steps: [ { event: view }, { event: cart }, { event: purchase } ], window: none, live: brand }"),
          ("soon", "{ steps: [ { event: view }, { event: purchase } ], window: 10m, ties: strict }")]


def expect(what, found, expected):
    global checks
    checks += 1
    if found != expected:
        sys.exit(f"live: {what}: expected {expected}, found {found}")


def corong(*arguments):
    done = subprocess.run([str(BIN / "corong"), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"live: {arguments}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def configure(folder, mapping, funnels, live="all"):
    path = folder / ("corong-all.yaml" if live == "all" else "corong-day.yaml")
    words = f"live: {live}\nmapping:\n{mapping}" if "\n" in mapping else f"live: {live}\nmapping: {mapping}\n"
    path.write_text(words + "funnels:\n" + "".join(f"  {name}: {text}\n" for name, text in funnels))
    return path


def replay(config, store, *arguments):
    return json.loads(corong("replay", "--quiet", "--config", config, "--store", store, "--format", "json",
                             *arguments))


def ask(config, store, name, by, since=None):
    arguments = ["--by", by, "--top", 10000] if by else []
    arguments += ["--from", since] if since else []
    answer = json.loads(corong("funnel", name, "--config", config, "--store", store, "--format", "json", *arguments))
    reached = [step["reached"] for step in answer["total"]["steps"]]
    slices = [(row["values"][0], [step["reached"] for step in row["steps"]]) for row in answer["slices"]]
    return reached, slices


def sliced_by(definition):
    return definition.partition("live: ")[2].partition(" ")[0]


def compare(name, config, store, funnels, live, since=None):
    """Every funnel's counts and slices, in the same order, are the question's."""
    expect(f"{name}: followed", [found["name"] for found in live["funnels"]], [key for key, _ in funnels])
    for found, (key, definition) in zip(live["funnels"], funnels):
        reached, slices = ask(config, store, key, sliced_by(definition), since)
        expect(f"{name}: {key}", found["reached"], reached)
        expect(f"{name}: slices of {key}", [(row["value"], row["reached"]) for row in found["slices"]], slices)
        expect(f"{name}: {key} is a question with an answer", reached[0] > 0, True)


def in_time_order(name, config, store, funnels, *arguments):
    live = replay(config, store, *arguments)["live"]
    expect(f"{name}: pending", (live["pending"], live["recounted"]), (0, False))
    compare(name, config, store, funnels, live)
    sessions = json.loads(corong("sessions", "--config", config, "--store", store, "--format", "json"))["total"]
    expect(f"{name}: sessions", live["sessions"], sessions["sessions"])
    expect(f"{name}: users", live["users"], sessions["users"])
    expect(f"{name}: bytes per user are counted", live["live_state_bytes"] > 0, True)
    return live


def generated(work):
    """A generated shop in time order, then shuffled, then in two runs: pending is said, the end is exact."""
    config = configure(work, CLICKGEN_MAPPING, SHOP)
    for seed in (1, 2):
        text = subprocess.run([str(BIN / "clickgen"), "--events", "60000", "--users", "4000", "--seed", str(seed)],
                              capture_output=True, check=True).stdout
        log = work / f"shop-{seed}.jsonl"
        log.write_bytes(text)
        for shards in (1, 3):
            in_time_order(f"seed {seed}, {shards} shards", config, work / f"shop-{seed}-{shards}.store", SHOP,
                          "--shards", shards, "--parallel", 1, "--commit-interval", "100ms", log)
        out_of_order(work, config, log, seed)
        day = configure(work, CLICKGEN_MAPPING, SHOP, "{ range: day, zone: America/Los_Angeles }")
        served(f"served, seed {seed}", day if seed == 1 else config, work / f"served-{seed}.store", SHOP, log, seed)


def out_of_order(work, config, log, seed):
    lines = log.read_text().splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    shuffled = work / f"shuffled-{seed}.jsonl"
    shuffled.write_text("".join(lines))
    store = work / f"shuffled-{seed}.store"
    live = replay(config, store, shuffled)["live"]
    expect("shuffled: pending users are counted", live["pending"] > 1000, True)
    expect("shuffled: counted again from the store", live["recounted"], True)
    compare("shuffled", config, store, SHOP, live)
    half = log.with_suffix(".half")
    half.write_text("".join(log.read_text().splitlines(keepends=True)[:30000]))
    store = work / f"halves-{seed}.store"
    replay(config, store, half)
    live = replay(config, store, log)["live"]
    compare("a store with events of an earlier run", config, store, SHOP, live)
    live = replay(config, store, log)["live"]
    compare("a run that reads nothing", config, store, SHOP, live)


class Server:
    def __init__(self, config, store):
        self.config, self.store = config, store
        self.process = subprocess.Popen([str(BIN / "corong"), "serve", "--config", config, "--store", store,
                                         "--quiet", "--commit-interval", "200ms"])
        self.settled()

    def status(self):
        done = subprocess.run([str(BIN / "corong"), "status", "--store", self.store, "--format", "json"],
                              capture_output=True, text=True)
        return json.loads(done.stdout)["live"] if done.returncode == 0 else None

    def settled(self):
        """The live view, as soon as nobody is pending."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            live = self.status()
            if live and live["pending"] == 0:
                return live
            time.sleep(0.05)
        sys.exit(f"live: users stay pending: {live}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        expect("the server's end", self.process.wait(60), 0)


def served(name, config, store, funnels, log, seed):
    """Half of the log, shuffled, a restart, and the other half: settled each time, the counts are the query's."""
    lines = log.read_text().splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    server = Server(config, store)
    for number, part in enumerate((lines[:len(lines) // 2], lines[len(lines) // 2:])):
        shuffled = log.parent / f"{store.name}-{number}.jsonl"
        shuffled.write_text("".join(part))
        corong("replay", "--quiet", "--config", config, "--store", store, shuffled)
        for when in ("after a replay", "after a restart"):
            live = server.settled()
            expect(f"{name} {when}: failure", live["failure"], None)
            compare(f"{name} {when}", config, store, funnels, live, live["range_from"])
            if when == "after a replay":
                server.end()
                server = Server(config, store)
    server.end()


def real(work):
    if not DATA.is_dir():
        if os.environ.get("CI") == "true":
            sys.exit(f"{DATA} is missing")
        print(f"SKIP live funnels of real logs: {DATA} is not here")
        return
    in_time_order("otto", configure(work, "otto", OTTO), work / "otto.store", OTTO, DATA / "otto_test_train.jsonl")
    mapping = "".join(f"  {line}\n" for line in (HERE / "rees46.yaml").read_text().splitlines())
    in_time_order("rees46", configure(work, mapping, REES46), work / "rees46.store", REES46,
                  DATA / "rees46_2019-10-01_first_rows.csv.zst")


def main():
    with tempfile.TemporaryDirectory(prefix="corong-live-") as folder:
        generated(pathlib.Path(folder))
        real(pathlib.Path(folder))
    print(f"live: {checks} figures of funnels followed live equal the answers from the store")


if __name__ == "__main__":
    main()
