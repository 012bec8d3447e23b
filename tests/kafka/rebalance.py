# SPDX-License-Identifier: Apache-2.0
"""A rebalance storm: several `corong serve` of one consumer group and one store group are started, stopped, killed
and held still for longer than their session (zombies), every few seconds and under load. A question over the
group's stores is the question over the file."""

import signal
import time

import rig as kit

MEMBER_COUNT = 4


class Member(kit.Follower):
    """One process of the group; its store is the first that is free."""

    def __init__(self, rig, topic, group):
        super().__init__(rig, [topic], store=group, properties=[
            "group.id=storm", "session.timeout.ms=2000", "heartbeat.interval.ms=300"])
        self.zombie_until = None

    def place(self):
        return ["--store-group", self.store]

    def positions(self):
        """The furthest of each partition over the group's stores."""
        found = {}
        for store in self.store.glob("node-*"):
            for name, one in super().positions_of(store).items():
                if name not in found or one["next_offset"] > found[name]["next_offset"]:
                    found[name] = one
        return found


def storm(rig, members, seconds):
    """Something happens to somebody every 1 to 5 s. Returns how often what happened."""
    done = {"starts": 0, "stops": 0, "kills": 0, "zombies": 0}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(rig.random.uniform(1, 5) if rig.long else rig.random.uniform(0.5, 2))
        wake(members)
        one = rig.random.choice(members)
        if not one.running():
            one.start()
            done["starts"] += 1
        elif one.zombie_until is None:
            what = rig.random.choice(["stops", "kills", "zombies"])
            done[what] += 1
            if what == "zombies":
                one.pause()
                one.zombie_until = time.monotonic() + rig.random.uniform(2.5, 5)  # its session lasts 2
            elif what == "kills":
                one.kill()
            else:
                one.stop()
    wake(members, True)
    return done


def wake(members, all_of_them=False):
    for one in members:
        if one.zombie_until is not None and (all_of_them or time.monotonic() > one.zombie_until):
            one.resume()
            one.zombie_until = None


def finish(members, topic):
    """Everybody runs until everything is committed by somebody; then all stop."""
    for one in members:
        if not one.running():
            one.start()
    begun = time.monotonic()
    ends = {f"{topic.name}/{number}": high for number, (_, high) in enumerate(topic.ends()) if high > 0}
    while any(members[0].positions().get(name, {"next_offset": 0})["next_offset"] < high
              for name, high in ends.items()):
        if time.monotonic() - begun > kit.WAIT_SECONDS:
            raise kit.Failure(f"the group stands still: {members[0].positions()}, ends {ends}: "
                              f"{[one.words()[-500:] for one in members]}")
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    for one in members:
        one.end(signal.SIGTERM)
    return seconds


def rebalances(rig):
    topic = kit.Topic(rig, rig.cluster(1), partitions=8)
    group = rig.fresh("group")
    members = [Member(rig, topic, group) for _ in range(MEMBER_COUNT)]
    for one in members[:2]:
        one.start()
    with kit.Writer(topic, per_second=10_000):
        done = storm(rig, members, 600 if rig.long else 20)
    seconds = finish(members, topic)
    words = ", ".join(f"{count} {what}" for what, count in done.items())
    events, lost, doubled = rig.compare_group(members[0], topic.lines)
    return kit.Figures(f"rebalance storm, {MEMBER_COUNT} members", events, words, lost, doubled, [seconds])


SCENARIOS = [rebalances]
