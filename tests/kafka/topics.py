# SPDX-License-Identifier: Apache-2.0
"""A topic that is not the one that was read any more: deleted and made anew, or cut by retention. The partition
halts loudly and the store keeps what it has; told to continue, corong writes down the gap and goes on."""

import time

import rig as kit


def recreated(name, share):
    """Deleted, created with the same name, filled with other messages: as many, fewer, more."""
    def run(rig):
        topic = kit.Topic(rig, rig.cluster(1), partitions=2)
        first = rig.generate(4000)
        for number in range(2):
            topic.produce(first[number::2], partition=number)
        follower = kit.Follower(rig, [topic])
        follower.run_to_end()
        before = rig.books(follower.store)
        topic.delete()
        topic.create()
        other = rig.generate(max(2, int(4000 * share)))
        for number in range(2):
            topic.produce(other[number::2], partition=number)
        kit.expect_halt(follower, kit.RECREATED)
        after = rig.books(follower.store)
        if (after["digest"], after["rows"]) != (before["digest"], before["rows"]):
            raise kit.Failure(f"{name}: events of the new topic got in: {after}")
        return kit.Figures(f"topic deleted and made anew, {name}", before["rows"], "halts, in words", 0, 0)
    return run


def recreated_while_followed(held_up):
    """The same under a running corong, or one that is held up meanwhile and finds more messages than it has read:
    then none of them may get in. Librdkafka before 2.3 knows no topic ids: under a running corong it is seen there
    within seconds, after some of them were read; the store then says so at the next start, too."""
    def run(rig):
        return follow_recreated(rig, held_up)
    return run


def follow_recreated(rig, held_up):
    topic = kit.Topic(rig, rig.cluster(1), partitions=1)
    topic.produce(rig.generate(2000))
    follower = kit.Follower(rig, [topic]).start()
    follower.wait_ends(topic)
    before = rig.books(follower.store)
    if held_up:
        follower.pause()
    topic.delete()
    topic.create()
    topic.produce(rig.generate(5000))
    if held_up:
        time.sleep(1.2)  # ingest/kafka/kafka_hold.c knows a hold-up by a second without a poll
        follower.resume()
    seconds = follower.wait_halted(kit.RECREATED)
    questioned = follower.questioned()
    follower.end_halted()
    after = rig.books(follower.store)
    said = not held_up and rig.librdkafka < (2, 3) and questioned and questioned[0] <= 2000
    if (after["digest"], after["rows"]) != (before["digest"], before["rows"]) and not said:
        raise kit.Failure(f"events of the new topic got in: {after['positions']}, not {before['positions']}")
    follower.errors.unlink()
    kit.expect_halt(follower, kit.RECREATED)
    again = rig.books(follower.store)
    if (after["digest"], after["rows"]) != (again["digest"], again["rows"]):
        raise kit.Failure(f"the next start went on: {again['positions']}, not {after['positions']}")
    name = "topic deleted and made anew while " + ("held up" if held_up else "followed")
    return kit.Figures(name, before["rows"], "halts, in words; so does the next start", 0, 0, [seconds],
                       f"{after['rows'] - before['rows']} events of the new topic came in before")


def retention(rig):
    """Messages that were not read yet are deleted: halts; told to continue, the gap is exact."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=2)
    lines = rig.generate(6000)
    for number in range(2):
        topic.produce(lines[:2000][number::2], partition=number)
    follower = kit.Follower(rig, [topic])
    follower.run_to_end()
    for number in range(2):
        topic.produce(lines[2000:][number::2], partition=number)
    cut = {0: 2500, 1: 1000}  # partition 1 loses nothing that was not read
    topic.delete_before(cut)
    kit.expect_halt(follower, kit.RETENTION, [(topic, 1, 3000)])
    follower.properties.append("corong.on_gap=continue")
    follower.run_to_end()
    gaps = rig.gaps(follower.store)
    if gaps != {f"{topic.name}/0": 1500, f"{topic.name}/1": 0}:
        raise kit.Failure(f"retention took 1,500 messages of partition 0; the gaps say {gaps}")
    lost = lines[2000:][0::2][:1500]
    for line in lost:
        topic.lines.remove(line)
    return kit.Figures("retention overrun", *rig.compare_with(
        follower, topic, "halts; policy continues: 1,500 offsets written down as a gap"))


def retention_while_followed(rig):
    """The same by a topic's own retention, under a corong that was held up for too long."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=1, config={"segment.bytes": "1048576"})
    topic.produce(rig.generate(2000))
    follower = kit.Follower(rig, [topic]).start()
    follower.wait_ends(topic)
    before = rig.books(follower.store)
    follower.pause()
    topic.produce(rig.generate(20_000), compression_type="none")
    topic.configure({"retention.bytes": "1048576"})
    end = time.monotonic() + kit.WAIT_SECONDS
    while topic.ends()[0][0] <= 2000:
        if time.monotonic() > end:
            raise kit.Failure("the broker deletes nothing")
        time.sleep(0.1)
    follower.resume()
    seconds = follower.wait_halted(kit.RETENTION)
    follower.end_halted()
    after = rig.books(follower.store)
    if (after["digest"], after["rows"]) != (before["digest"], before["rows"]):
        raise kit.Failure(f"went on behind the gap: {after['positions']}, not {before['positions']}")
    return kit.Figures("retention overrun while held up", before["rows"], "halts, in words", 0, 0, [seconds])


def partitions_added(rig):
    """A topic grows under a running corong: what comes into the new partitions is read from their beginning."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=2)
    topic.produce(rig.generate(3000))
    follower = kit.Follower(rig, [topic]).start()
    follower.wait_ends(topic)
    topic.grow(5)
    begun = time.monotonic()
    topic.produce(rig.generate(6000), keyed=False)
    follower.wait_ends(topic)
    seconds = time.monotonic() - begun
    follower.stop()
    return kit.Figures("partitions added while followed", *rig.compare_with(follower, topic, "2, then 5 partitions"),
                       [seconds])


SCENARIOS = [recreated("as many messages", 1.0), recreated("fewer", 0.3), recreated("more", 2.0),
             recreated_while_followed(False), recreated_while_followed(True), retention, retention_while_followed,
             partitions_added]
