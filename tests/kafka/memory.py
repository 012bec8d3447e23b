# SPDX-License-Identifier: Apache-2.0
"""A server's memory while it catches up with topics of many partitions: what librdkafka has fetched counts too."""

import pathlib
import sys

import rig as kit

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "serve"))
import memory_watch  # noqa: E402
import server  # noqa: E402

LIMIT_MIB = 64  # the smallest that is allowed


def catch_up(rig, name, topic, mapping="generic"):
    """Everything in a topic, under the limit."""
    place = [str(word) for word in topic.place()]
    options = ["--mapping", mapping, "--commit-interval", "1s", *place]
    with server.Server(rig.bin, *options, folder=rig.fresh("server-folder"), limit=f"{LIMIT_MIB}MiB") as served:
        watcher = memory_watch.Watcher(served)
        watcher.start()
        try:
            served.wait_for(lambda: served.json("status")["messages"] >= len(topic.lines), "the end of the topic", 600)
        finally:
            watcher.stop()
        peak = memory_watch.resident_peak(served.process.pid)
        served.end()
        store = served.store
    over = peak + watcher.chunks_mib - LIMIT_MIB
    note = (f"{LIMIT_MIB} MiB allowed: {peak:.0f} MiB resident, {watcher.chunks_mib:.1f} in chunks, "
            f"{watcher.views} views; at most {watcher.words()}")
    if over > memory_watch.ALLOWANCE_MIB:
        raise kit.Failure(f"{over:.0f} MiB over the limit, {memory_watch.ALLOWANCE_MIB} allowed: {note}")
    events, lost, doubled = rig.compare(store, topic.lines, mapping)
    return kit.Figures(f"memory, {name}", events, f"{topic.partitions} partitions", lost, doubled, [], note)


def small_messages(rig):
    """What librdkafka keeps of a message is more than its bytes."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=256 if rig.long else 48)
    topic.produce(rig.generate(1_500_000 if rig.long else 120_000), batch_num_messages=10_000)
    return catch_up(rig, "small messages", topic)


def large_messages(rig):
    topic = kit.Topic(rig, rig.cluster(1), partitions=64 if rig.long else 24)
    filler = b'{"filler":"' + b"f" * 200_000 + b'",'
    lines = [filler + line[1:] for line in rig.generate(4_000 if rig.long else 600) if line.startswith(b"{")]
    topic.produce(lines, compression_type="zstd")
    return catch_up(rig, "large messages", topic)


SCENARIOS = [small_messages, large_messages]
