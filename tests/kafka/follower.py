# SPDX-License-Identifier: Apache-2.0
"""The real `corong`, reading topics."""

import json
import re
import signal
import subprocess
import time

import broker
from verdict import Failure, POLL_SECONDS, WAIT_SECONDS


class Follower:
    """A `corong` that reads topics into a store until it is stopped, or killed, and started again."""

    def __init__(self, rig, topics, mapping="generic", store=None, properties=(), options=(),
                 bootstrap=None):
        self.rig = rig
        self.store = store or rig.fresh("store")
        self.topics = [one if isinstance(one, str) else one.name for one in topics]
        servers = bootstrap or topics[0].cluster.bootstrap()
        self.properties = [f"bootstrap.servers={servers}", "log_level=0", "fetch.wait.max.ms=50", *properties]
        self.mapping = mapping
        self.options = list(options)
        self.process = None
        self.errors = self.rig.fresh("stderr")
        rig.children.append(self)

    def place(self):
        return ["--store", self.store]

    def command(self, *more):
        words = [self.rig.corong, *(more or self.verb()), *self.place(), "--mapping", self.mapping, "--quiet",
                 "--commit-interval", "50ms", *self.options]
        for name in self.topics:
            words += ["--kafka-topic", name]
        for one in self.properties:
            words += ["--kafka-property", one]
        return list(map(str, words))

    def verb(self):
        return ["serve"] if self.rig.serves else ["replay", "--follow"]

    def start(self, environment=None):
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                preexec_fn=broker.die_with_parent, env=environment)
        return self

    def run_to_end(self, environment=None):
        """Without following: up to the ends of the topics, as they are now."""
        done = subprocess.run(self.command("replay"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=environment)
        if done.returncode != 0:
            raise Failure(f"corong ended with {done.returncode}: {done.stderr.decode()[-2000:]}")

    def process_wait(self, seconds):
        """Lets it run on."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def questioned(self):
        """The first and last offset that it says may be of another log, or None."""
        found = re.search(r"offsets (\d+) to (\d+) were read since", self.words())
        return found and (int(found[1]), int(found[2]))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def words(self):
        return self.errors.read_text(errors="replace") if self.errors.exists() else ""

    def end(self, sign):
        if self.running():
            self.process.send_signal(sign)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(WAIT_SECONDS)
        return self.process and self.process.returncode

    def kill(self):
        """True where it still ran."""
        found = self.end(signal.SIGKILL)
        if found not in (0, None, -signal.SIGKILL):
            raise Failure(f"corong ended with {found} by itself: {self.words()[-2000:]}")
        return found == -signal.SIGKILL

    def stop(self):
        """In order: everything read is stored."""
        if self.end(signal.SIGTERM) != 0:
            raise Failure(f"corong ended with {self.process.returncode}: {self.words()[-2000:]}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def positions(self):
        """Committed positions by source; none while there is no store."""
        return self.positions_of(self.store)

    def positions_of(self, store):
        out = subprocess.run([self.rig.corong, "inspect", "--store", str(store), "--format", "json"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        found = json.loads(out)["positions"] if out else []
        return {one["source"]: one for one in found}

    def blank(self):
        return sum(one["blank"] for one in self.positions().values())

    def sees(self, event):
        """Whether an answer holds an event of that name: before, it is not even a word."""
        done = subprocess.run([self.rig.corong, "funnel", *map(str, self.place()), "--step", event],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0 and b"neither a stage nor an event" not in done.stderr:
            raise Failure(f"funnel: exit {done.returncode}: {done.stderr.decode()}")
        return done.returncode == 0

    def messages(self):
        return sum(one["messages"] for one in self.positions().values())

    def next_offset(self, topic, number):
        return self.positions().get(f"{topic.name}/{number}", {"next_offset": 0})["next_offset"]

    def must_run(self):
        if not self.running():
            raise Failure(f"corong ended with {self.process.returncode}: {self.words()[-2000:]}")

    def others_go_on(self, topic, number, offset):
        """A halted partition holds up no other."""
        begun = time.monotonic()
        while self.next_offset(topic, number) < offset:
            self.must_run()
            if time.monotonic() - begun > WAIT_SECONDS:
                raise Failure(f"{topic.name}/{number} stands still: {self.positions()} {self.words()[-2000:]}")
            time.sleep(POLL_SECONDS)

    def end_halted(self):
        """With a partition that halted it ends in order, and says by its exit status that not all is well."""
        if self.end(signal.SIGTERM) not in (0, 1):
            raise Failure(f"corong ended with {self.process.returncode}: {self.words()[-2000:]}")

    def wait_messages(self, count, seconds=WAIT_SECONDS):
        """Until so many are committed; returns the seconds it took."""
        begun = time.monotonic()
        while self.messages() < count:
            if not self.running():
                raise Failure(f"corong ended with {self.process.returncode}: {self.words()[-2000:]}")
            if time.monotonic() - begun > seconds:
                raise Failure(f"{self.messages()} of {count} messages after {seconds} s: {self.positions()} "
                              f"{self.words()[-2000:]}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begun

    def insist(self, count, seconds):
        """Until so many are committed, started again whenever it ends with an error; returns how often."""
        end = time.monotonic() + seconds
        restarts = 0
        while self.messages() < count:
            if time.monotonic() > end:
                raise Failure(f"{self.messages()} of {count} messages after {seconds} s and {restarts} restarts: "
                              f"{self.words()[-2000:]}")
            if not self.running():
                if self.process.returncode != 1:
                    raise Failure(f"corong ended with {self.process.returncode}: {self.words()[-2000:]}")
                restarts += 1
                self.start()
            time.sleep(POLL_SECONDS)
        return restarts

    def wait_ends(self, topic, seconds=WAIT_SECONDS):
        """Until every partition is committed up to its end; returns the seconds it took."""
        begun = time.monotonic()
        ends = {f"{topic.name}/{number}": high for number, (_, high) in enumerate(topic.ends()) if high > 0}
        while any(self.positions().get(name, {"next_offset": 0})["next_offset"] < high
                  for name, high in ends.items()):
            if not self.running() or time.monotonic() - begun > seconds:
                raise Failure(f"{topic.name}: {self.positions()} after {seconds} s, ends {ends}; exit "
                              f"{self.process.returncode}: {self.words()[-2000:]}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begun

    def wait_halted(self, words, seconds=WAIT_SECONDS):
        """Until it says `words` of a partition; returns the seconds it took."""
        begun = time.monotonic()
        while not re.search(words, self.words()):
            if time.monotonic() - begun > seconds or (self.process.poll() is not None and
                                                      not re.search(words, self.words())):
                raise Failure(f"no word of '{words}' after {seconds} s, but {self.words()[-2000:]}; exit "
                              f"{self.process.returncode}; {self.positions()}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begun


def expect_halt(follower, words, going_on=()):
    """Started on a log that is not the one it read: says so, halts those partitions, and only those.
    `going_on`: (topic, partition, offset) that must be reached all the same."""
    follower.start()
    seconds = follower.wait_halted(words)
    for topic, number, offset in going_on:
        follower.others_go_on(topic, number, offset)
    follower.end_halted()
    return seconds
