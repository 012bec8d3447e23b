# SPDX-License-Identifier: Apache-2.0
"""Brokers that die, stop for longer than every timeout, or are all away, while producer and corong go on."""

import collections
import subprocess
import time

import rig as kit


def after(follower):
    """Seconds from now, where the fault is over, to the next commit that holds anything new."""
    return follower.wait_messages(follower.messages() + 1)


def killed_and_restarted(rig):
    """The only broker dies without a word and comes back on the same log."""
    cluster = rig.cluster(1)
    topic = kit.Topic(rig, cluster, partitions=3)
    follower = kit.Follower(rig, [topic]).start()
    count = 20 if rig.long else 2
    seconds = []
    with kit.Writer(topic):
        for _ in range(count):
            follower.wait_messages(follower.messages() + 1)
            time.sleep(rig.random.uniform(0.2, 1.0))
            cluster.brokers[0].kill()
            time.sleep(rig.random.uniform(0.0, 1.0))
            cluster.brokers[0].start()
            seconds.append(after(follower))
    follower.wait_ends(topic)
    follower.stop()
    return kit.Figures("broker kill -9 and restart",
                       *rig.compare_with(follower, topic, f"{count} kills"), seconds)


def stopped(rig):
    """The broker stands still: connections live, nothing answers."""
    cluster = rig.cluster(1)
    topic = kit.Topic(rig, cluster, partitions=3)
    follower = kit.Follower(rig, [topic]).start()
    count = 5 if rig.long else 1
    seconds = []
    with kit.Writer(topic):
        for _ in range(count):
            follower.wait_messages(follower.messages() + 1)
            cluster.brokers[0].pause()
            time.sleep(rig.random.uniform(8, 20) if rig.long else 4)  # its session lasts 2
            cluster.brokers[0].resume()
            seconds.append(after(follower))
    follower.wait_ends(topic)
    follower.stop()
    return kit.Figures("broker SIGSTOP beyond its session",
                       *rig.compare_with(follower, topic, f"{count} stops"), seconds)


def all_away(rig):
    """No broker at all for a while; corong is restarted once in the middle of it."""
    cluster = rig.cluster(3)
    topic = kit.Topic(rig, cluster, partitions=3)
    follower = kit.Follower(rig, [topic]).start()
    count = 5 if rig.long else 1
    seconds = []
    with kit.Writer(topic):
        for _ in range(count):
            follower.wait_messages(follower.messages() + 1)
            cluster.kill_all()
            time.sleep(rig.random.uniform(5, 60) if rig.long else 2)
            cluster.start_all()
            seconds.append(after(follower))
    follower.wait_ends(topic)
    follower.stop()
    return kit.Figures("three brokers, all down for a while",
                       *rig.compare_with(follower, topic, f"{count} outages"), seconds)


def producing(rig):
    """`corong produce` while its broker is killed: it ends well, and every line is in the topic once. Before 2.3
    librdkafka's idempotent producer may double what was under way; that is said, and is not corong's to mend."""
    cluster = rig.cluster(1)
    topic = kit.Topic(rig, cluster, partitions=3)
    count = 10 if rig.long else 1
    topic.lines = rig.generate(count * 20_000)
    path = rig.fresh("shop.jsonl")
    path.write_bytes(b"".join(line + b"\n" for line in topic.lines))
    with subprocess.Popen([rig.corong, "produce", path, *topic.place(), "--mapping", "generic", "--rate", "5000",
                           "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          preexec_fn=kit.broker.die_with_parent) as child:
        for _ in range(count):
            time.sleep(rig.random.uniform(0.5, 2.0))
            cluster.brokers[0].kill()
            time.sleep(rig.random.uniform(0.0, 1.0))
            cluster.brokers[0].start()
        errors = child.communicate()[1]
    if child.returncode != 0:
        raise kit.Failure(f"corong produce ended with {child.returncode}: {errors.decode()[-2000:]}")
    found = collections.Counter(line for part in topic.read() for line in part)
    sent = collections.Counter(topic.lines)
    lost, doubled = (sent - found).total(), (found - sent).total()
    if lost or (doubled and rig.librdkafka >= (2, 3)):
        raise kit.Failure(f"corong produce: lost {lost}, doubled {doubled}")
    note = f"{doubled} doubled by librdkafka {rig.librdkafka[0]}.{rig.librdkafka[1]}" if doubled else ""
    return kit.Figures("corong produce, broker kill -9", len(topic.lines), f"{count} kills", lost, doubled, [], note)


SCENARIOS = [killed_and_restarted, stopped, all_away, producing]
