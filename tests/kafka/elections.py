# SPDX-License-Identifier: Apache-2.0
"""Three brokers: a leader dies and another takes over (clean: nothing changes), or one that lagged behind takes over
(unclean: the log loses its end and gets another): the partition must halt, in words, and the others go on."""

import time

import rig as kit


def leader_dies(rig):
    """kill -9 of whichever broker leads partition 0, again and again, while everything runs."""
    cluster = rig.cluster(3)
    topic = kit.Topic(rig, cluster, partitions=3)
    follower = kit.Follower(rig, [topic]).start()
    count = 30 if rig.long else 2
    seconds = []
    with kit.Writer(topic):
        for _ in range(count):
            follower.wait_messages(follower.messages() + 1)
            leader = cluster.brokers[topic.leaders()[0] - 1]
            before = follower.next_offset(topic, 0)
            begun = time.monotonic()
            leader.kill()
            while follower.next_offset(topic, 0) <= before + 2000:
                follower.must_run()
                time.sleep(kit.POLL_SECONDS)
            seconds.append(time.monotonic() - begun)
            leader.start()
            topic.wait_in_sync()
    follower.wait_ends(topic)
    follower.stop()
    return kit.Figures("leader kill -9, clean election",
                       *rig.compare_with(follower, topic, f"{count} leaders"), seconds)


def truncate(rig, topic, cluster, lagging, leader, tail):
    """Leaves the lagging replica with the lead: what only the leader had is gone, `tail` comes in its place."""
    leader.kill()
    lagging.resume()
    end = time.monotonic() + kit.WAIT_SECONDS
    while topic.leaders().get(0) != lagging.node:
        if time.monotonic() > end:
            raise kit.Failure(f"no unclean election: {topic.leaders()}")
        time.sleep(0.05)
    if topic.ends()[0][1] != 1000:
        raise kit.Failure(f"the election cut nothing off: {topic.ends()}")
    if tail:
        topic.produce(tail, partition=0, acks=1, enable_idempotence=False)
    leader.start()


def unclean(name, tail_count, running):
    """`tail_count` other messages after the cut: fewer than were cut off, or more."""
    def run(rig):
        cluster = rig.cluster(3)
        topic = kit.Topic(rig, cluster, partitions=2, replicas=2,
                          config={"unclean.leader.election.enable": "true", "min.insync.replicas": "1"},
                          assignment=[[1, 2], [3, 1]])
        leader, lagging = cluster.brokers[0], cluster.brokers[1]
        lines = rig.generate(10_000)
        topic.produce(lines[:1000], partition=0)
        topic.produce(lines[1000:2000], partition=1)
        lagging.pause()
        time.sleep(0.5)  # what it has asked the leader for is answered: it gets nothing of what follows
        topic.produce(lines[2000:4000], partition=0, acks=1, enable_idempotence=False)
        follower = kit.Follower(rig, [topic]).start()
        follower.wait_messages(4000)
        if running:
            follower.pause()
        else:
            follower.stop()
        begun = time.monotonic()
        truncate(rig, topic, cluster, lagging, leader, lines[4000:4000 + tail_count])
        if running:
            follower.resume()
        else:
            follower.start()
        follower.wait_halted(kit.RECREATED)
        seconds = time.monotonic() - begun
        topic.produce(lines[9000:], partition=1)
        follower.others_go_on(topic, 1, 2000)
        follower.end_halted()
        # The store keeps what it has read: also what the cluster has lost.
        kept = lines[1000:2000] + lines[9000:] + lines[:1000] + lines[2000:4000]
        questioned = follower.questioned()
        if questioned and questioned[1] > 2999 and rig.librdkafka < (2, 1):
            # Without leader epochs it is seen within seconds; what was read until then is named. Nothing was where
            # the hold-up was noticed: then the offsets that are named end with the last that was read before it.
            kept += lines[:4000 + tail_count][2999 - questioned[1]:]
        events, lost, doubled = rig.compare(follower.store, kept)
        topic.wait_in_sync()
        return kit.Figures(f"unclean election, {name}", events, "2,000 offsets cut off; halts, in words",
                           lost, doubled, [seconds])
    return run


SCENARIOS = [leader_dies, unclean("log shorter, while followed", 0, True),
             unclean("log longer again, while followed", 3000, True),
             unclean("log longer again, corong away", 3000, False)]
