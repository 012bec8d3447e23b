#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`corong replay --kafka-topic` against librdkafka's broker, which kafka_store_test --serve runs in a
process of its own: stopped while it follows, continued to the end, and compared with a replay of the file.

usage: kafka_cli.py BIN_FOLDER
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

EVENT_COUNT = 30_000
FOLLOW_SECONDS = 20


def run(command, exit_code=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != exit_code:
        sys.exit(f"FAILED: {' '.join(command)}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def answer(corong, store):
    run([corong, "verify", "--store", store])
    out = run([corong, "funnel", "--store", store, "--step", "view", "--step", "order",
               "--format", "json"])
    provenance = json.loads(out)["provenance"]
    return provenance["store_digest"], provenance["result_digest"], provenance["rows_stored"]


def rows(corong, store):
    """0 while there is no store, or none that has a commit."""
    out = subprocess.run([corong, "inspect", "--store", store, "--format", "json"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return json.loads(out).get("rows", 0) if out else 0


def follow_and_stop(corong, command, store):
    """--follow ends only by a signal, and then in order: exit 0, everything read is stored."""
    child = subprocess.Popen(command + ["--follow"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    end = time.monotonic() + FOLLOW_SECONDS
    while rows(corong, store) == 0 and time.monotonic() < end and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=FOLLOW_SECONDS)
    if child.returncode != 0:
        sys.exit(f"FAILED: --follow ended with {child.returncode}: {errors.decode()}")
    return rows(corong, store)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    corong = str(folder / "corong")
    with tempfile.TemporaryDirectory(prefix="corong-kafka-") as place:
        events = str(pathlib.Path(place, "events.json"))
        pathlib.Path(events).write_bytes(run([str(folder / "clickgen"), "--events",
                                              str(EVENT_COUNT), "--users", "1200"]))
        with subprocess.Popen([str(folder / "kafka_store_test"), "--serve", "visits", events],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as broker:
            servers = broker.stdout.readline().decode().strip()
            store = str(pathlib.Path(place, "kafka.store"))
            command = [corong, "replay", "--kafka-topic", "visits", "--kafka-property",
                       f"bootstrap.servers={servers}", "--kafka-property", "log_level=0", "--mapping",
                       "generic", "--store", store, "--commit-interval", "20ms", "--quiet",
                       "--format", "json"]
            followed = follow_and_stop(corong, command, store)
            books = json.loads(run(command))
            again = json.loads(run(command))
            broker.stdin.close()
        whole = str(pathlib.Path(place, "file.store"))
        run([corong, "replay", events, "--mapping", "generic", "--store", whole, "--quiet"])
        if answer(corong, store) != answer(corong, whole):
            sys.exit(f"FAILED: {answer(corong, store)}, from the file {answer(corong, whole)}")
        if not books["store"]["balance"] or books["store"]["messages"] != EVENT_COUNT:
            sys.exit(f"FAILED: the books say {books['store']}")
        if again["run"]["messages"] != 0:
            sys.exit(f"FAILED: read again: {again['run']}")
    print(f"kafka_cli: {EVENT_COUNT} messages, {followed} before SIGTERM: the same store")


if __name__ == "__main__":
    main()
