# SPDX-License-Identifier: Apache-2.0
"""kill -9 of corong while it consumes: at random moments, and at every system call that it makes on its store."""

import os
import signal
import shutil
import subprocess

import rig as kit


def random_moments(rig):
    """Killed again and again while a producer keeps it busy."""
    count = 200 if rig.long else 15
    topic = kit.Topic(rig, rig.cluster(1), partitions=4)
    follower = kit.Follower(rig, [topic], options=["--commit-interval", "20ms"]).start()
    seconds, kills = [], 0
    with kit.Writer(topic, per_second=15_000):
        while kills < count:
            follower.wait_messages(follower.messages() + 1)
            follower.process_wait(rig.random.uniform(0.0, 0.4))
            kills += follower.kill()
            before = follower.messages()
            follower.start()
            seconds.append(follower.wait_messages(before + 1))
    follower.wait_ends(topic)
    follower.stop()
    return kit.Figures("kill -9 at random moments", *rig.compare_with(follower, topic, f"{kills} kills"), seconds)


class Sweep:
    """A run to the topic's end whose every call on the store is the last one that a process makes."""

    def __init__(self, rig, topic, before):
        self.rig = rig
        self.topic = topic
        self.before = before  # a store with one commit, or None

    def environment(self, follower, **more):
        return dict(os.environ, LD_PRELOAD=str(self.rig.bin / "kill_at.so"),
                    CORONG_KILL_UNDER=str(follower.store), **more)

    def follower(self):
        follower = kit.Follower(self.rig, [self.topic], options=["--shards", "1", "--commit-interval", "5s"])
        if self.before:
            shutil.copytree(self.before, follower.store)
        return follower

    def points(self):
        log = self.rig.fresh("calls.log")
        follower = self.follower()
        follower.run_to_end(self.environment(follower, CORONG_KILL_LOG=str(log)))
        names = [line.partition(" ")[0] for line in log.read_text().splitlines()]
        return [(number, torn) for number, name in enumerate(names, 1)
                for torn in (["", "1"] if name == "write" else [""])]

    def kill(self, number, torn):
        """True where it died there. Then it goes on, and is compared by its digest and its books."""
        follower = self.follower()
        command = follower.command("replay")
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                              env=self.environment(follower, CORONG_KILL_AT=str(number), CORONG_KILL_TORN=torn))
        if done.returncode not in (0, -signal.SIGKILL):
            raise kit.Failure(f"call {number}: exit {done.returncode}: {done.stderr.decode()}")
        follower.run_to_end()
        self.rig.run("verify", "--store", follower.store)
        books = self.rig.books(follower.store)
        shutil.rmtree(follower.store)
        return done.returncode != 0, (books["digest"], books["rows"])


def every_call(rig):
    lines = rig.generate(600)
    topic = kit.Topic(rig, rig.cluster(1), partitions=2)
    topic.produce(lines[:300])
    before = kit.Follower(rig, [topic], options=["--shards", "1"])
    before.run_to_end()
    topic.produce(lines[300:])
    kills, listed = 0, 0
    for sweep in (Sweep(rig, topic, None), Sweep(rig, topic, before.store)):
        whole = sweep.follower()
        whole.run_to_end()
        rig.compare(whole.store, topic.lines)
        books = rig.books(whole.store)
        points = sweep.points()
        listed += len(points)
        for number, torn in points if rig.long else rig.random.sample(points, 12):
            died, found = sweep.kill(number, torn)
            kills += died
            if found != (books["digest"], books["rows"]):
                raise kit.Failure(f"killed at call {number}{torn and ', torn'}: {found}, not {books}")
    events = books["rows"]
    return kit.Figures("kill -9 at system calls of commits", events, f"{kills} kills of {listed} points", 0, 0)


SCENARIOS = [random_moments, every_call]
