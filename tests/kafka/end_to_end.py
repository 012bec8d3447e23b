# SPDX-License-Identifier: Apache-2.0
"""Real and generated logs through several partitions, keyed and not, in every codec and in batches of many sizes,
with restarts in the middle: the store is that of the file."""

import csv
import io
import json
import subprocess
import threading
import time

import rig as kit


def rees46(keyed):
    """One object per row."""
    def run(rig):
        text = subprocess.run(["zstd", "-dcq", str(rig.data("rees46_2019-10-01_first_rows.csv.zst"))],
                              capture_output=True, check=True).stdout.decode()
        rows = list(csv.DictReader(io.StringIO(text)))[:-1]  # the last is cut
        shop = [json.dumps(row, separators=(",", ":")).encode() for row in rows]
        return through(rig, "REES46", shop, kit.broker.HERE / "rees46.yaml", keyed)
    return run


def otto(keyed):
    """As it is: many events in one message."""
    def run(rig):
        lines = rig.data("otto_test_train.jsonl").read_bytes().splitlines()
        return through(rig, "OTTO", lines, "otto", keyed)
    return run


def through(rig, name, lines, mapping, keyed):
    """Produced by pieces, each with its own codec and batches, while the consumer is stopped and started."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=rig.random.randrange(2, 6))
    follower = kit.Follower(rig, [topic], mapping).start()
    pieces = len(kit.CODECS) if len(lines) > 1000 else 2
    for index in range(pieces):
        topic.produce(lines[len(lines) * index // pieces:len(lines) * (index + 1) // pieces], keyed,
                      compression_type=kit.CODECS[index % len(kit.CODECS)])
        if index % 2 == 0 and index > 0:
            follower.stop()
            follower.start()
    follower.wait_ends(topic)
    follower.stop()
    events, lost, doubled = rig.compare(follower.store, topic.lines, mapping)
    return kit.Figures(f"{name} {'keyed by user' if keyed else 'not keyed'}", events,
                       f"{pieces // 2} restarts", lost, doubled)


def while_produced(rig):
    """The consumer runs, and is killed, while the producer does."""
    event_count = 5_000_000 if rig.long else 120_000
    lines = rig.generate(event_count)
    topic = kit.Topic(rig, rig.cluster(1), partitions=6)
    follower = kit.Follower(rig, [topic]).start()
    third = len(lines) // 3
    writers = [threading.Thread(target=topic.produce, args=(lines[at * third:(at + 1) * third if at < 2 else None],
                                                            at > 0)) for at in range(3)]
    for one in writers:
        one.start()
    kills = 0
    while any(one.is_alive() for one in writers):
        time.sleep(rig.random.uniform(0.3, 1.0))
        kills += follower.kill()
        follower.start()
    follower.wait_ends(topic, 600)
    follower.stop()
    if len(topic.lines) != event_count:
        raise kit.Failure("a writer failed")
    events, lost, doubled = rig.compare(follower.store, topic.lines)
    return kit.Figures("generated, three producers at once", events, f"{kills} kills", lost, doubled)


def produced(pack):
    """`corong produce` writes what `corong replay` reads: keyed by the mapped user, one or many lines a message."""
    def run(rig):
        topic = kit.Topic(rig, rig.cluster(1), partitions=4)
        path = rig.fresh("shop.jsonl")
        topic.lines = rig.generate(1_000_000 if rig.long else 100_000)
        path.write_bytes(b"".join(line + b"\n" for line in topic.lines))
        follower = kit.Follower(rig, [topic]).start()
        rig.run("produce", path, *topic.place(), "--mapping", "generic", "--pack", pack, "--quiet")
        follower.wait_ends(topic)
        follower.stop()
        books = rig.books(follower.store)
        messages = sum(one["messages"] for one in books["positions"])
        return kit.Figures(f"corong produce --pack {pack}", *rig.compare_with(
            follower, topic, f"{messages} messages"))
    return run


SCENARIOS = [rees46(True), rees46(False), otto(True), otto(False), produced(1), produced(100), while_produced]
