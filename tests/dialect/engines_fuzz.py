#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Corong's dialects of Doris and StarRocks beside their sources written down plainly (sql_engines.py): random users
in every mode, level by level. Needs neither network nor those systems.

    engines_fuzz.py BIN_FOLDER [--users N] [--seed N]"""
import argparse
import itertools
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import sql_engines

NAMES = "abcde"
BATCH = 5000
SECOND = 10**6


def random_history(draw):
    """Few names, few instants, in any order of arrival; half of the times are not whole seconds."""
    span, names = draw.choice((2, 4, 8, 16)), NAMES[:draw.randint(2, len(NAMES))]
    return [(draw.randint(1, span) * SECOND + draw.choice((0, 0, 1, 400000, 999999)), draw.choice(names))
            for _ in range(draw.choice((1, 2, 3, 4, 6, 8, 12)))]


def doris_modes():
    for mode in ("default", "deduplication", "fixed", "increase"):
        for version in ("v1", "v2"):
            words = ([mode] if mode != "default" else []) + (["v2"] if version == "v2" else [])
            yield mode, version, "doris" + (":" + ",".join(words) if words else "")


def starrocks_modes():
    words = ("deduplication", "fixed", "increase")
    for size in range(len(words) + 1):
        for modes in itertools.combinations(words, size):
            yield modes, "starrocks" + (":" + ",".join(modes) if modes else "")


def rows_of(history, steps, unit=1):
    return [(at // unit, {index for index, step in enumerate(steps) if name in step}) for at, name in history]


class Levels:
    """A store of the batch and a runner that says levels."""

    def __init__(self, folder, binaries, histories):
        log, store, config = folder / "log.jsonl", folder / "store", folder / "corong.yaml"
        shutil.rmtree(store, ignore_errors=True)
        arrival = itertools.count()
        log.write_text("".join(f'{{"u":"{user}","t":{at},"n":"{name}","s":{next(arrival)}}}\n'
                               for user, history in enumerate(histories) for at, name in history))
        config.write_text(json.dumps({"mapping": {"format": "json", "user": "u", "name": "n", "sequence": "s",
                                                  "time": {"path": "t", "unit": "us"}}}))
        subprocess.run([binaries / "corong", "replay", "--quiet", "--config", config, "--store", store, log],
                       check=True, capture_output=True)
        self.histories = histories
        self.runner = subprocess.Popen([binaries / "corong-levels", store], text=True, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)

    def check(self, question, expected_of):
        self.runner.stdin.write(json.dumps(question) + "\n")
        self.runner.stdin.flush()
        found = json.loads(self.runner.stdout.readline())
        for user, history in enumerate(self.histories):
            expected = expected_of(history)
            if found.get(str(user), 0) != expected:
                sys.exit(f"{question}\n  user {user}: {history}\n  expected {expected}, "
                         f"Corong {found.get(str(user), 0)}")
        return len(self.histories)

    def close(self):
        self.runner.stdin.close()
        self.runner.wait()


def check_batch(levels, draw):
    compared = 0
    for mode, version, dialect in doris_modes():
        steps = [draw.sample(NAMES, draw.choice((1, 1, 1, 2, 3))) for _ in range(draw.randint(1, 5))]
        window = draw.choice((0, 1, 3, 8, 30)) * SECOND
        engine = getattr(sql_engines, f"doris_{version}")
        compared += levels.check({"steps": steps, "window_us": window, "dialect": dialect},
                                 lambda history: engine(rows_of(history, steps), len(steps), window, mode))
    for modes, dialect in starrocks_modes():
        steps = [draw.sample(NAMES, draw.choice((1, 1, 1, 2, 3))) for _ in range(draw.randint(1, 5))]
        window = draw.choice((0, 1, 3, 8, 30))
        compared += levels.check({"steps": steps, "window_us": window * SECOND, "dialect": dialect},
                                 lambda history: sql_engines.starrocks(rows_of(history, steps, SECOND), len(steps),
                                                                       window, modes))
    return compared


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--users", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw, begun, compared = random.Random(given.seed), time.monotonic(), 0
    batches = -(-given.users // BATCH)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="corong-engines-"))
    try:
        for _ in range(batches):
            levels = Levels(folder, given.bin.resolve(), [random_history(draw) for _ in range(BATCH)])
            compared += check_batch(levels, draw)
            levels.close()
    finally:
        shutil.rmtree(folder)
    print(f"Doris and StarRocks by their sources: {batches * BATCH:,} random users, {compared:,} levels in 16 modes, "
          f"0 differences (seed {given.seed}, {time.monotonic() - begun:.0f} s)")


if __name__ == "__main__":
    main()
