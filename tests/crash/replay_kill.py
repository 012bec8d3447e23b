#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills `corong replay` at random moments and at every system call on its store (kill_at.so counts them),
runs the same command again, and compares store, answer and books with those of a run nobody disturbed.

usage: replay_kill.py BIN_FOLDER [SEED]     CORONG_TEST_SCALE multiplies kills and seconds.
"""

import concurrent.futures
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SCALE = max(1, int(os.environ.get("CORONG_TEST_SCALE", "1")))
EVENT_COUNT = 1_000_000
KILL_COUNT = 200 * SCALE
KILL_AFTER_SECONDS = (0.005, 0.2)  # a commit comes every 20 ms
KILL_BUDGET_SECONDS = 40 * SCALE  # a slow machine makes fewer kills, and says how many
# With merges in background: every second store of the random kills, and a sweep with enough small
# commits before it that merges begin at once.
MERGE_COMMIT_COUNT = 9
SMALL_EVENT_COUNT = 300
WORKER_COUNT = 2
LINKED_USER = re.compile(rb'"user_id":"([^"]*[05])"')  # every fifth user has an anonymous id too
BAD_LINES = [b"not json\n", b"\n", b'{"user_id":"u","event":"view"}\n']


class Failure(Exception):
    pass


def in_parallel(function, arguments):
    with concurrent.futures.ThreadPoolExecutor(WORKER_COUNT) as pool:
        return list(pool.map(function, arguments))


class Rig:
    def __init__(self, bin_folder, folder, seed):
        self.corong = str(pathlib.Path(bin_folder, "corong").resolve())
        self.clickgen = str(pathlib.Path(bin_folder, "clickgen").resolve())
        self.kill_at = str(pathlib.Path(bin_folder, "kill_at.so").resolve())
        self.folder = pathlib.Path(folder)
        self.random = random.Random(seed)
        self.seed = seed
        self.mapping = self.folder / "mapping.yaml"
        self.mapping.write_text("mapping:\n  preset: generic\n  links: { event: checkout }\n")

    def fail(self, words):
        raise Failure(f"FAILED (seed {self.seed}): {words}")

    def events(self, event_count, seed):
        """Lines of a shop; every fifth user is anonymous but at a checkout; some lines bad."""
        made = subprocess.run([self.clickgen, "--events", str(event_count), "--users",
                               str(event_count // 25), "--seed", str(seed)],
                              stdout=subprocess.PIPE, check=True).stdout
        lines = [self.linked(line) for line in made.splitlines(keepends=True)]
        for _ in range(50):
            lines[self.random.randrange(len(lines))] += self.random.choice(BAD_LINES)
        return lines

    @staticmethod
    def linked(line):
        both = rb'"anonymous_id":"a-\1","user_id":"\1"' if b'"checkout"' in line else rb'"anonymous_id":"a-\1"'
        return LINKED_USER.sub(both, line)

    def generate(self, name, event_count):
        """A folder of files: plain, gzip of two members, zstd where the tool is; some lines bad."""
        folder = self.folder / name
        folder.mkdir()
        lines = self.events(event_count, self.seed % 1000 + 1)
        third = len(lines) // 3
        (folder / "a.json").write_bytes(b"".join(lines[:third]))
        with open(folder / "b.gz", "wb") as out:
            out.write(gzip.compress(b"".join(lines[third:third + third // 2]), 1))
            out.write(gzip.compress(b"".join(lines[third + third // 2:2 * third]), 1))
        rest = b"".join(lines[2 * third:])
        if shutil.which("zstd"):
            packed = subprocess.run(["zstd", "-1", "-c"], input=rest, stdout=subprocess.PIPE,
                                    check=True).stdout
            (folder / "c.zst").write_bytes(packed)
        else:
            (folder / "c.json").write_bytes(rest)
        return folder

    def replay_command(self, store, source, interval="20ms"):
        return [self.corong, "replay", str(source), "--store", str(store), "--mapping", str(self.mapping),
                "--commit-interval", interval, "--quiet"]

    def run(self, command, words, environment=None):
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            self.fail(f"{words}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def answer(self, store):
        """What must be the same however the store came about."""
        self.run([self.corong, "verify", "--store", str(store)], f"verify {store}")
        out = self.run([self.corong, "funnel", "--store", str(store), "--step", "view", "--step",
                        "order", "--format", "json"], f"funnel {store}")
        provenance = json.loads(out)["provenance"]
        return provenance["store_digest"], provenance["result_digest"]

    def answer_and_books(self, store, command):
        """The same with what the store has counted; `command` finds nothing more to read."""
        books = json.loads(self.run(command + ["--no-compact", "--format", "json"], "the books"))
        if books["run"]["messages"] != 0 or not books["store"]["balance"]:
            self.fail(f"{store}: read again, or out of balance: {books}")
        return self.answer(store), books["store"]

    def fresh(self, name):
        store = self.folder / name
        shutil.rmtree(store, ignore_errors=True)
        return store


def life(rig, command, seconds):
    """One run, killed after `seconds`. True where it ended by itself before."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
    errors = child.stderr.read().decode(errors="replace")
    child.stderr.close()
    if child.returncode not in (0, -signal.SIGKILL):
        rig.fail(f"a run ended with {child.returncode} by itself: {errors}")
    return child.returncode == 0


def random_rounds(rig, worker, share, source, expected, end):
    """Kills until `share` are made or time is over; returns kills and stores."""
    random_of = random.Random(rig.seed * WORKER_COUNT + worker)
    kills = rounds = 0
    while kills < share and time.monotonic() < end:
        store = rig.fresh(f"killed-{worker}.store")
        command = rig.replay_command(store, source) + ["--merge"] * (rounds % 2)
        while kills < share and time.monotonic() < end:
            if life(rig, command, random_of.uniform(*KILL_AFTER_SECONDS)):
                break
            kills += 1
        rig.run(command, "last run")
        rounds += 1
        found = rig.answer_and_books(store, command)
        if found != expected:
            rig.fail(f"after {kills} kills the store differs: {found}, not {expected}")
    return kills, rounds


def random_kills(rig):
    begun = time.monotonic()
    source = rig.generate("events", EVENT_COUNT)
    whole = rig.fresh("whole.store")
    rig.run(rig.replay_command(whole, source), "undisturbed run")
    expected = rig.answer_and_books(whole, rig.replay_command(whole, source))
    inspected = json.loads(rig.run([rig.corong, "inspect", "--store", str(whole), "--format", "json"], "inspect"))
    if inspected["identity"]["persons"] < 1000:
        rig.fail(f"few links: {inspected['identity']}")
    end = time.monotonic() + KILL_BUDGET_SECONDS
    share = KILL_COUNT // WORKER_COUNT
    done = in_parallel(lambda worker: random_rounds(rig, worker, share, source, expected, end),
                       range(WORKER_COUNT))
    kills, rounds = sum(one[0] for one in done), sum(one[1] for one in done)
    print(f"random moments: {kills} kills over {rounds} stores of {EVENT_COUNT} events: "
          f"0 lost, 0 doubled, 0 unopenable, {time.monotonic() - begun:.0f} s")


def piped_kills(rig):
    """Standard input has no name and no end to seek from: its content alone says what it is."""
    source = rig.folder / "events" / "a.json"
    whole = rig.fresh("whole.store")
    rig.run(rig.replay_command(whole, source), "undisturbed run")
    expected = rig.answer(whole)
    store = rig.fresh("killed.store")
    command = rig.replay_command(store, "-")
    kills = 0
    for last in [False] * 10 + [True]:
        feeder = subprocess.Popen(["cat", str(source)], stdout=subprocess.PIPE)
        child = subprocess.Popen(command, stdin=feeder.stdout, stdout=subprocess.DEVNULL)
        feeder.stdout.close()
        try:
            child.wait(timeout=None if last else rig.random.uniform(0.03, 0.3))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
        feeder.wait()
    if child.returncode != 0 or rig.answer(store) != expected:
        rig.fail("standard input killed and fed again gives another store")
    print(f"standard input: {kills} kills: the same store")


class Sweep:
    """One command whose every call on the store is the last one that a process makes."""

    def __init__(self, rig, name, source, before, options=()):
        self.rig = rig
        self.options = list(options)
        self.name = name
        self.source = source
        self.before = before  # a store to begin with, or None
        whole = self.store(f"{name}-whole")
        rig.run(self.command(whole), "undisturbed run")
        self.expected = rig.answer_and_books(whole, self.command(whole))
        self.points = self.list_points()

    def store(self, name):
        store = self.rig.fresh(f"{name}.store")
        if self.before:
            shutil.copytree(self.before, store)
        return store

    def command(self, store):
        return self.rig.replay_command(store, self.source, "5s") + ["--shards", "1"] + self.options

    def environment(self, store, **more):
        return dict(os.environ, LD_PRELOAD=self.rig.kill_at, CORONG_KILL_UNDER=str(store), **more)

    def list_points(self):
        """Every call, and every write once more: torn in its middle."""
        store = self.store(f"{self.name}-listed")
        log = self.rig.folder / f"{self.name}.log"
        self.rig.run(self.command(store), "listed run",
                     self.environment(store, CORONG_KILL_LOG=str(log)))
        calls = [line.partition(" ")[0] for line in log.read_text().splitlines()]
        return [(number, call, torn) for number, call in enumerate(calls, 1)
                for torn in (["", "1"] if call == "write" else [""])]

    def kill(self, point):
        """True where the process died at the point, and did not end before it."""
        number, call, torn = point
        store = self.store(f"{self.name}-{number}{torn and 't'}")
        command = self.command(store)
        environment = self.environment(store, CORONG_KILL_AT=str(number), CORONG_KILL_TORN=torn)
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, -signal.SIGKILL):
            self.rig.fail(f"{self.name}: exit {done.returncode}: {done.stderr.decode()}")
        self.rig.run(command, f"{self.name}: the run after a kill at {call} {number}")
        found = self.rig.answer_and_books(store, command)
        if found != self.expected:
            self.rig.fail(f"{self.name}: killed at {call} {number}: {found}, not {self.expected}")
        shutil.rmtree(store)
        return done.returncode != 0


def merging_sweep(rig):
    """A store of many small runs that gets another commit while they are merged."""
    source = rig.folder / "small"
    source.mkdir()
    before = rig.fresh("small.store")
    lines = rig.events(SMALL_EVENT_COUNT, 3)
    share = len(lines) // MERGE_COMMIT_COUNT
    for number in range(MERGE_COMMIT_COUNT):
        (source / f"{number}.json").write_bytes(b"".join(lines[number * share:(number + 1) * share]))
        if number + 1 < MERGE_COMMIT_COUNT:
            rig.run(rig.replay_command(before, source, "5s") + ["--shards", "1", "--no-compact"],
                    "a small commit")
    return Sweep(rig, "merging", source, before, ["--merge", "--no-compact"])


def call_kills(rig):
    """A new store with its first commit; and a store with one commit that is opened, gets a second and
    is merged."""
    begun = time.monotonic()
    first, second = rig.folder / "few", rig.folder / "more"
    first.mkdir()
    (first / "a.json").write_bytes(b"".join(rig.events(SMALL_EVENT_COUNT, 1)))
    shutil.copytree(first, second)
    (second / "b.json").write_bytes(b"".join(rig.events(SMALL_EVENT_COUNT, 2)))
    before = rig.fresh("before.store")
    rig.run(rig.replay_command(before, first, "5s") + ["--shards", "1"], "first commit")
    sweeps = [Sweep(rig, "new", first, None), Sweep(rig, "opened", second, before),
              merging_sweep(rig)]
    points = [(sweep, point) for sweep in sweeps for point in sweep.points]
    kills = sum(in_parallel(lambda one: one[0].kill(one[1]), points))
    calls = {}
    for _, (_, call, torn) in points:
        calls[call] = calls.get(call, 0) + (not torn)
    words = ", ".join(f"{count} {call}" for call, count in sorted(calls.items()))
    if kills < len(points) * 9 // 10:
        rig.fail(f"only {kills} of {len(points)} points were reached")
    print(f"system calls: {kills} kills at {len(points)} points ({words}; writes whole and torn): "
          f"0 lost, 0 doubled, 0 unopenable, {time.monotonic() - begun:.0f} s")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="corong-kill-") as folder:
        rig = Rig(sys.argv[1], folder, seed)
        try:
            random_kills(rig)
            piped_kills(rig)
            call_kills(rig)
        except Failure as failure:
            sys.exit(str(failure))
    print(f"passed in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
