#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does a served store answer rightly, end rightly, and hold against broken and hostile clients? Prints a line per
test and exits 1 if any failed.

    tests/serve/run.py build/debug/bin [--long] [NAME...]
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import disk
import hostile
import life
import memory
import reloads
import server as kit


class Rig:
    """The log that is read, and what a plain replay makes of it."""

    def __init__(self, binaries, long):
        self.binaries = pathlib.Path(binaries).resolve()
        self.long = long
        self.seed = int(os.environ.get("CORONG_TEST_SEED", time.time_ns() % 1_000_000))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corong-serve-rig-"))
        self.event_count = 1_000_000 if long else 120_000
        self.log = self.folder / "shop.jsonl"
        with open(self.log, "wb") as log:
            subprocess.run([self.binaries / "clickgen", "--events", str(self.event_count), "--seed", "7"], stdout=log,
                           check=True)
        self.answers = {}
        begun = time.monotonic()
        self.digest = self.plain(self.event_count, ["--step", "view"])["store_digest"]
        self.replay_seconds = time.monotonic() - begun

    def plain(self, line_count, question):
        """The provenance of a question over a plain replay of the log's first lines."""
        key = (line_count, tuple(question))
        if key not in self.answers:
            folder = tempfile.mkdtemp(dir=self.folder)
            store, log = f"{folder}/store", f"{folder}/log.jsonl"
            with open(self.log, "rb") as whole, open(log, "wb") as part:
                for _ in range(line_count):
                    part.write(whole.readline())
            corong = str(self.binaries / "corong")
            subprocess.run([corong, "replay", log, "--store", store, "--mapping", "generic", "--quiet"], check=True,
                           stdout=subprocess.DEVNULL, timeout=kit.PATIENCE)
            done = subprocess.run([corong, "funnel", "--store", store, *question, "--format", "json"], check=True,
                                  capture_output=True, timeout=kit.PATIENCE)
            self.answers[key] = json.loads(done.stdout)["provenance"]
            shutil.rmtree(folder)
        return self.answers[key]

    def split(self, count):
        lines = self.log.read_bytes().splitlines(True)
        paths = []
        for index in range(count):
            path = self.folder / f"part-{index}.jsonl"
            path.write_bytes(b"".join(lines[index * len(lines) // count:(index + 1) * len(lines) // count]))
            paths.append(path)
        return paths

    def start_replay(self, server):
        return life.start_replay(self, server)

    def end_replay(self, client):
        return life.end_replay(client)

    @staticmethod
    def parse(text):
        return json.loads(text)

    @staticmethod
    def require(holds, words):
        if not holds:
            raise kit.Failure(words)

    def require_whole(self, server):
        """The store holds each event of the log once, and nothing else."""
        found = server.json("stages")["provenance"]
        self.require(found["rows_stored"] == self.event_count, f"{found['rows_stored']} rows of {self.event_count}")
        self.require(found["store_digest"] == self.digest, "the store differs from a plain replay's")
        server.run("verify")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("binaries")
    arguments.add_argument("--long", action="store_true")
    arguments.add_argument("names", nargs="*")
    options = arguments.parse_args()
    rig = Rig(options.binaries, options.long)
    known = life.TESTS + reloads.TESTS + hostile.TESTS + memory.TESTS + disk.TESTS
    tests = [t for t in known if not options.names or t.__name__ in options.names]
    failed = 0
    try:
        for test in tests:
            begun = time.monotonic()
            try:
                note, verdict = test(rig), "ok  "
            except Exception as fault:  # whatever goes wrong is this test's failure
                failed += 1
                note, verdict = fault if isinstance(fault, kit.Failure) else traceback.format_exc(), "FAIL"
            print(f"{verdict} {test.__name__} ({time.monotonic() - begun:.1f} s){': ' + str(note) if note else ''}",
                  flush=True)
    finally:
        shutil.rmtree(rig.folder, ignore_errors=True)
    print(f"{len(tests)} tests, {failed} failed, seed {rig.seed}")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
