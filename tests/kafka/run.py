#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `corong` against real Kafka brokers, which it starts, breaks and ends.

usage: run.py [--bin FOLDER] [--long] [--seed N] [--table] [SCENARIO...]
  --long     5 M events, 200 kills, minutes of storm; without it about three minutes for all
  --table    at the end the figures as a table
"""

import argparse
import importlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import broker  # noqa: E402

# Most of the time is waiting for a fault to last, so the lanes run side by side, each with brokers of its own.
LANES = [["end_to_end", "kills", "control", "topics", "wire", "freshness"],
         ["outages", "elections", "rebalance", "memory"]]
SCENARIOS = [name for lane in LANES for name in lane]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--figures", help="a file for the figures, as JSON")
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


def run_one(rig, name, scenario, figures, failures):
    import rig as kit  # pylint: disable=import-outside-toplevel
    begun = time.monotonic()
    try:
        figures.append(scenario(rig))
        print(f"{figures[-1].line()} ({time.monotonic() - begun:.0f} s)", flush=True)
    except kit.Skipped as skipped:
        print(f"SKIP {name}: {skipped}", flush=True)
    except Exception as failure:  # pylint: disable=broad-except
        failures.append(name)
        words = str(failure) if isinstance(failure, kit.Failure) else traceback.format_exc()
        print(f"FAILED (seed {rig.seed}): {name}: {words}", flush=True)
    finally:
        rig.end_children()


def run_lane(options):
    """Every scenario runs, whatever became of those before it. Returns figures and failures."""
    import rig as kit  # pylint: disable=import-outside-toplevel
    figures, failures = [], []
    with tempfile.TemporaryDirectory(prefix="corong-kafka-") as folder:
        rig = kit.Rig(options.bin, folder, options.seed, options.long)
        try:
            for name in options.scenario:
                for scenario in importlib.import_module(name).SCENARIOS:
                    run_one(rig, name, scenario, figures, failures)
        except BaseException:
            failures.append("the run itself")
            raise
        finally:
            rig.close(keep_logs=bool(failures))
    return figures, failures


def run_lanes(options):
    """Each lane in a process of its own."""
    from verdict import Figures  # pylint: disable=import-outside-toplevel
    figures, failures, children = [], [], []
    with tempfile.TemporaryDirectory(prefix="corong-lanes-") as folder:
        for index, lane in enumerate(LANES):
            path = pathlib.Path(folder, f"{index}.json")
            command = [sys.executable, __file__, "--bin", options.bin, "--seed", str(options.seed), "--figures",
                       str(path), *(["--long"] if options.long else []), *lane]
            children.append((lane, path, subprocess.Popen(  # pylint: disable=consider-using-with
                command, preexec_fn=broker.die_with_parent)))
        for lane, path, child in children:
            status = child.wait()
            found = json.loads(path.read_text()) if path.exists() else {"figures": [], "failures": lane}
            figures += [Figures(**one) for one in found["figures"]]
            failures += found["failures"] or ([] if status == 0 else lane)
    return figures, failures


def main():
    options = parse()
    try:
        broker.install_client()
        broker.install()
    except broker.NotInstalled as reason:
        if os.environ.get("CI") == "true":
            sys.exit(str(reason))
        print(f"SKIP kafka: {reason}")
        return
    import rig as kit  # pylint: disable=import-outside-toplevel
    if not kit.DATA.is_dir() and os.environ.get("CI") == "true":
        sys.exit(f"{kit.DATA} is missing")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    begun = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    figures, failures = run_lane(options) if options.scenario else run_lanes(options)
    if options.figures:
        pathlib.Path(options.figures).write_text(json.dumps(
            {"figures": [one._asdict() for one in figures], "failures": failures}))
    if options.table:
        table(figures)
    if failures:
        sys.exit(f"kafka: failed: {', '.join(sorted(set(failures)))}; the brokers' logs are in {broker.LOGS}")
    print(f"kafka: {len(figures)} scenarios, {sum(one.events for one in figures)} events, lost 0, doubled 0, "
          f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
