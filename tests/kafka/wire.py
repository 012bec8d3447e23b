# SPDX-License-Identifier: Apache-2.0
"""A wire between corong and its broker that flips bits, delays, and resets in the middle of a message. Whatever
librdkafka makes of it (a checksum that fails, a response that cannot be parsed), no event may be lost, doubled or
taken for another."""

import time

import rig as kit
from proxy import Proxy


def through(rig, name, **chances):
    """A proxy only for corong; those who produce and compare take the straight way."""
    cluster = rig.cluster(1)
    node = cluster.brokers[0]
    proxy = Proxy(node.proxy, node.wire, rig.seed)
    try:
        topic = kit.Topic(rig, cluster, partitions=3)
        lines = rig.generate(1_000_000 if rig.long else 60_000)
        topic.produce(lines, compression_type="lz4", batch_num_messages=1000)
        for key, chance in chances.items():
            setattr(proxy.faults, key, chance)
        follower = kit.Follower(rig, [topic], bootstrap=f"127.0.0.1:{node.proxy}",
                                properties=["fetch.message.max.bytes=8192"]).start()
        begun = time.monotonic()
        restarts = follower.insist(len(lines), 600 if rig.long else 60)
        seconds = time.monotonic() - begun
        follower.stop()
        faults = proxy.faults
        words = f"{faults.flipped} bits flipped, {faults.resets} resets, {faults.delays} delays"
        if restarts:
            words += f", {restarts} halts in words and restarts"
        events, lost, doubled = rig.compare(follower.store, topic.lines)
        return kit.Figures(name, events, words, lost, doubled, [], f"{seconds:.1f} s in all")
    finally:
        proxy.close()


def flips(rig):
    return through(rig, "flipped bits on the wire", flip=0.1)


def resets(rig):
    return through(rig, "resets and delays on the wire", reset=0.05, delay=0.05)


SCENARIOS = [flips, resets]
