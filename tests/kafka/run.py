#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `corong` against real Kafka brokers, which it starts, breaks and ends.

usage: run.py [--bin FOLDER] [--long] [--seed N] [--table] [SCENARIO...]
  --long     5 M events, 200 kills, minutes of storm; without it about three minutes for all
  --table    at the end the figures as a table
"""

import argparse
import importlib
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import broker  # noqa: E402

SCENARIOS = ["end_to_end", "kills", "outages"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; all")
    options = parser.parse_args()
    for one in options.scenario:
        if one not in SCENARIOS:
            parser.error(f"unknown scenario '{one}'; known: {', '.join(SCENARIOS)}")
    return options


def table(figures):
    print("\n| scenario | events | faults | lost | doubled | recovery, s |\n|---|--:|---|--:|--:|--:|")
    for one in figures:
        faults = one.faults + (f"; {one.note}" if one.note else "")
        print(f"| {one.name} | {one.events:,} | {faults} | {one.lost} | {one.doubled} | {one.recovery()} |")


def run_all(rig, names):
    """Every scenario runs, whatever became of those before it. Returns figures and failures."""
    import rig as kit  # pylint: disable=import-outside-toplevel
    figures, failures = [], []
    for name in names:
        begun = time.monotonic()
        try:
            for one in importlib.import_module(name).scenarios(rig):
                figures.append(one)
                print(f"{one.line()} ({time.monotonic() - begun:.0f} s)", flush=True)
                begun = time.monotonic()
        except kit.Failure as failure:
            failures.append(name)
            print(f"FAILED (seed {rig.seed}): {name}: {failure}", flush=True)
        finally:
            for child in rig.children:
                child.end(signal.SIGKILL)
            rig.children.clear()
    return figures, failures


def main():
    options = parse()
    broker.install_client()
    broker.install()
    import rig as kit  # pylint: disable=import-outside-toplevel
    if not kit.DATA.is_dir() and os.environ.get("CI") == "true":
        sys.exit(f"{kit.DATA} is missing")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    begun = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="corong-kafka-") as folder:
        rig = kit.Rig(options.bin, folder, options.seed, options.long)
        failures = ["the run"]
        try:
            figures, failures = run_all(rig, options.scenario or SCENARIOS)
        finally:
            rig.close(keep_logs=bool(failures))
    if options.table:
        table(figures)
    if failures:
        sys.exit(f"kafka: failed: {', '.join(failures)}; the brokers' logs are in {broker.LOGS}")
    print(f"kafka: {len(figures)} scenarios, {sum(one.events for one in figures)} events, lost 0, doubled 0, "
          f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
