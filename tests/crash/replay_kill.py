#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills `corong replay` at random moments and at every system call of a commit, runs the same command
again, and compares the store with that of a run nobody disturbed.

usage: replay_kill.py BIN_FOLDER [SEED]     CORONG_TEST_SCALE multiplies kills and seconds.
"""

import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SCALE = max(1, int(os.environ.get("CORONG_TEST_SCALE", "1")))
EVENT_COUNT = 1_000_000
KILL_COUNT = 200 * SCALE
KILL_AFTER_SECONDS = (0.005, 0.25)  # a commit comes every 20 ms
KILL_BUDGET_SECONDS = 28 * SCALE  # a slow machine makes fewer kills, and says how many
SMALL_EVENT_COUNT = 20_000
CALLS = ["write", "fsync", "fdatasync", "rename", "unlink", "openat", "ftruncate", "mkdir", "close"]
CALL_BUDGET_SECONDS = 12 * SCALE
BAD_LINES = [b"not json\n", b"\n", b'{"user_id":"u","event":"view"}\n']


class Rig:
    def __init__(self, bin_folder, folder, seed):
        self.corong = str(pathlib.Path(bin_folder, "corong").resolve())
        self.clickgen = str(pathlib.Path(bin_folder, "clickgen").resolve())
        self.folder = pathlib.Path(folder)
        self.random = random.Random(seed)
        self.seed = seed

    def fail(self, words):
        print(f"FAILED (seed {self.seed}): {words}")
        sys.exit(1)

    def generate(self, name, event_count):
        """A folder of files: plain, gzip of two members, zstd where the tool is; some lines bad."""
        folder = self.folder / name
        folder.mkdir()
        made = subprocess.run([self.clickgen, "--events", str(event_count), "--users",
                               str(event_count // 25), "--seed", str(self.seed % 1000 + 1)],
                              stdout=subprocess.PIPE, check=True).stdout
        lines = made.splitlines(keepends=True)
        for _ in range(50):
            lines[self.random.randrange(len(lines))] += self.random.choice(BAD_LINES)
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
        return [self.corong, "replay", str(source), "--store", str(store), "--mapping", "generic",
                "--commit-interval", interval, "--quiet"]

    def run(self, command, words):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
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


def random_kills(rig):
    source = rig.generate("events", EVENT_COUNT)
    whole = rig.fresh("whole.store")
    rig.run(rig.replay_command(whole, source), "undisturbed run")
    expected = rig.answer(whole)
    kills = rounds = 0
    end = time.monotonic() + KILL_BUDGET_SECONDS
    while kills < KILL_COUNT and time.monotonic() < end:
        store = rig.fresh("killed.store")
        command = rig.replay_command(store, source)
        while kills < KILL_COUNT and time.monotonic() < end:
            if life(rig, command, rig.random.uniform(*KILL_AFTER_SECONDS)):
                break
            kills += 1
        rig.run(command, "last run")
        rounds += 1
        if rig.answer(store) != expected:
            rig.fail(f"after {kills} kills the store differs: {rig.answer(store)}, not {expected}")
    print(f"random moments: {kills} kills over {rounds} stores of {EVENT_COUNT} events: "
          "0 lost, 0 doubled, 0 unopenable")


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


def calls_of(rig, source):
    """How often each call is made by the thread that makes it most."""
    log = rig.folder / "calls.log"
    store = rig.fresh("traced.store")
    rig.run(["strace", "-f", "-qq", "-o", str(log), "-e", "trace=" + ",".join(CALLS)] +
            rig.replay_command(store, source, "1ms"), "strace")
    counts = {}
    for line in log.read_text(errors="replace").splitlines():
        thread, _, rest = line.partition(" ")
        name = rest.strip().partition("(")[0]
        if name in CALLS:
            counts[thread, name] = counts.get((thread, name), 0) + 1
    return {name: max([count for (_, called), count in counts.items() if called == name],
                      default=0) for name in CALLS}


def strace_works():
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def call_kills(rig):
    """The n-th call of each kind is the last thing that the process does."""
    if not strace_works():
        if os.environ.get("CI") == "true":
            rig.fail("strace does not work here")
        print("SKIP kills at system calls: strace does not work here")
        return
    source = rig.generate("few", SMALL_EVENT_COUNT)
    whole = rig.fresh("whole.store")
    rig.run(rig.replay_command(whole, source), "undisturbed run")
    expected = rig.answer(whole)
    points = [(name, number) for name, count in calls_of(rig, source).items()
              for number in range(1, count + 1)]
    total = len(points)
    rig.random.shuffle(points)
    end = time.monotonic() + CALL_BUDGET_SECONDS
    killed = done = 0
    for name, number in points:
        if time.monotonic() > end:
            break
        store = rig.fresh("killed.store")
        command = rig.replay_command(store, source, "1ms")
        traced = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}",
                                 "-e", f"inject={name}:signal=KILL:when={number}"] + command,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        killed += traced.returncode != 0
        done += 1
        rig.run(command, f"run after a kill at {name} {number}")
        if rig.answer(store) != expected:
            rig.fail(f"killed at {name} {number}: {rig.answer(store)}, not {expected}")
    print(f"system calls: {killed} kills at {done} of {total} points: "
          "0 lost, 0 doubled, 0 unopenable")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="corong-kill-") as folder:
        rig = Rig(sys.argv[1], folder, seed)
        random_kills(rig)
        piped_kills(rig)
        call_kills(rig)
    print("passed")


if __name__ == "__main__":
    main()
