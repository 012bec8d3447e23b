# SPDX-License-Identifier: Apache-2.0
"""Offsets that hold no message: compacted away, control records of transactions, messages of aborted ones. The books
count them, so that every offset is accounted for."""

import time

import rig as kit


def transactional(rig):
    """Transactions that commit, abort, and one that is open while others of other producers are read."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=3)
    follower = kit.Follower(rig, [topic]).start()
    rounds = 400 if rig.long else 40
    producers = [topic.producer(**{"transactional.id": f"{topic.name}-{number}", "linger.ms": 0,
                                "delivery.timeout.ms": 30_000})
                 for number in range(2)]
    for one in producers:
        one.init_transactions(30)
    aborted = 0
    for number in range(rounds):
        one = producers[number % 2]
        lines = rig.generate(rig.random.randrange(1, 400), seed=number + 1)
        one.begin_transaction()
        topic.produce(lines, producer=one, flush=rig.random.random() < 0.5)
        if rig.random.random() < 0.4:
            one.abort_transaction(30)
            aborted += len(lines)
            del topic.lines[-len(lines):]
            topic.failures.clear()  # what had not left yet
        else:
            one.commit_transaction(30)
        if number % (rounds // 4) == 0:
            follower.kill()
            follower.start()
    follower.wait_ends(topic)
    follower.stop()
    skipped = sum(high for _, high in topic.ends()) - len(topic.lines)
    return kit.Figures("transactional, read_committed", *rig.compare_with(
        follower, topic, f"{aborted} messages aborted, {skipped} offsets without one, 4 kills"))


def compacted(rig):
    """A topic that the broker's cleaner has thinned out: what is left is read, the holes are counted."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=2, config={
        "cleanup.policy": "compact", "segment.ms": "300", "segment.bytes": "1048576",
        "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100", "max.compaction.lag.ms": "500"})
    lines = rig.generate(6000, user_count=400)
    for at in range(0, len(lines), 1500):
        topic.produce(lines[at:at + 1500], compression_type="lz4", batch_num_messages=10)
        time.sleep(0.4)
    topic.tombstones(lines[:200:7])
    before = time.monotonic()
    while sum(map(len, topic.read())) > 3000:
        topic.produce(rig.generate(20, user_count=20), batch_num_messages=10)  # rolls the active segment
        time.sleep(0.4)
        if time.monotonic() - before > kit.WAIT_SECONDS:
            raise kit.Failure("the broker does not compact")
    follower = kit.Follower(rig, [topic])
    follower.run_to_end()
    everything = [line for part in topic.read() for line in part]  # the cleaner may have gone on
    topic.lines = [line for line in everything if line is not None]
    high = sum(high for _, high in topic.ends())
    found = follower.messages() - follower.blank()
    if not len(topic.lines) <= found < high:
        raise kit.Failure(f"compacted: {found} read, the oracle finds {len(topic.lines)} of {high}")
    books = rig.books(follower.store)
    if found == len(topic.lines):
        rig.compare(follower.store, topic.lines)
    return kit.Figures("compacted", books["rows"], f"{high - found} of {high} offsets cleaned away", 0, 0)


SCENARIOS = [transactional, compacted]
