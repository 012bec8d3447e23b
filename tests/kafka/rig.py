# SPDX-License-Identifier: Apache-2.0
"""What every scenario shares: topics whose content is known, the real `corong` that reads them, and the measure
of truth: the same messages, replayed from a file into another store, must give the same digests, the same
answers and books that balance partition by partition."""

import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import broker

DATA = broker.ROOT.parent / "shared" / "data"
QUIET = {"log_level": 0}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
USER = re.compile(rb'"(?:user_id|session)":"?([^",}]*)')
WAIT_SECONDS = 60
RECREATED = r"made anew|another than|truncated"
RETENTION = r"retention"
POLL_SECONDS = 0.03
# Of each mapping: steps of its funnels, and what to cut them by.
ASKED = {"generic": (["view", "add_to_cart", "order"], ["--by", "country"]),
         "rees46.yaml": (["view", "cart", "purchase"], ["--by", "brand"]),
         "otto": (["click", "cart", "order"], [])}


def questions(mapping):
    steps, by = ASKED[pathlib.Path(mapping).name]
    words = [word for step in steps for word in ("--step", step)]
    return [["funnel", *words, *by], ["funnel", *words[2:], *words[:2], "--ties", "strict"],
            ["funnel", *words[:4], "--attempts", "first", "--window", "1h"], ["stages"], ["sessions", *by]]


class Failure(Exception):
    """A scenario's verdict in words."""


class Skipped(Exception):
    """What a scenario needs is not here, and need not be."""


class Figures(collections.namedtuple(
        "Figures", "name events faults lost doubled recovery_seconds note", defaults=([], ""))):
    """What a scenario reports. Where anything was lost or doubled it has failed already."""

    def recovery(self):
        found = sorted(self.recovery_seconds)
        return f"{found[len(found) // 2]:.1f} (at most {found[-1]:.1f})" if found else "–"

    def line(self):
        return (f"{self.name}: {self.events} events, {self.faults}, lost {self.lost}, doubled {self.doubled}, "
                f"recovery {self.recovery()} s{self.note and '; ' + self.note}")


def expect_halt(follower, words, going_on=()):
    """Started on a log that is not the one it read: says so, halts those partitions, and only those.
    `going_on`: (topic, partition, offset) that must be reached all the same."""
    follower.start()
    seconds = follower.wait_halted(words)
    for topic, number, offset in going_on:
        follower.others_go_on(topic, number, offset)
    follower.end_halted()
    return seconds


class Rig:
    """Programs, a folder, clusters that start when first asked for, and randomness from one seed."""

    def __init__(self, bin_folder, folder, seed, long):
        self.bin = pathlib.Path(bin_folder).resolve()
        self.corong = str(self.bin / "corong")
        self.folder = pathlib.Path(folder)
        self.seed = seed
        self.long = long
        self.random = random.Random(seed)
        self.clusters = {}
        self.number = 0
        self.children = []

    def end_children(self):
        for child in self.children:
            child.end(signal.SIGKILL)
        self.children.clear()

    def close(self, keep_logs):
        self.end_children()
        for cluster in self.clusters.values():
            cluster.close(keep_logs)

    def cluster(self, broker_count):
        """The same one for every scenario; each leaves it with all brokers running."""
        if broker_count not in self.clusters:
            cluster = broker.Cluster(broker_count)
            self.clusters[broker_count] = cluster
            cluster.start()
        self.clusters[broker_count].start_all()
        return self.clusters[broker_count]

    def fresh(self, name):
        self.number += 1
        return self.folder / f"{self.number}-{name}"

    def run(self, *arguments, environment=None):
        command = [self.corong, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-3000:]}")
        return done.stdout

    def ask(self, *arguments):
        return json.loads(self.run(*arguments, "--format", "json"))

    def generate(self, event_count, user_count=None, seed=None):
        """Lines of a shop. A few are bad: they are counted, and stop nothing."""
        made = subprocess.run(
            [str(self.bin / "clickgen"), "--events", str(event_count), "--users",
             str(user_count or max(1, event_count // 25)), "--seed", str(seed or self.random.randrange(1, 1000))],
            stdout=subprocess.PIPE, check=True).stdout.splitlines()
        for _ in range(event_count // 20_000):
            made[self.random.randrange(event_count)] = self.random.choice(
                [b"not json", b'{"user_id":"u","event":"view"}', b'{"user_id":"u","event":"view","time":"soon"}'])
        return made

    def data(self, name):
        """A real log of ../shared/data; where that folder is absent the scenario is skipped."""
        if not DATA.is_dir():
            raise Skipped(f"{DATA} is not here")
        return DATA / name

    # The measure of truth

    def answers(self, mapping, *place):
        """The digests of several questions; `place` says which store."""
        provenance = [self.ask(question[0], *place, *question[1:])["provenance"]
                      for question in questions(mapping)]
        return [provenance[0]["store_digest"]] + [one["result_digest"] for one in provenance]

    def books(self, store):
        """The positions of a store, checked one by one: every offset is a message, a control record or a gap
        that was written down; every event is stored or counted as what it was."""
        overview = self.ask("inspect", "--store", store)
        for one in overview["positions"]:
            self.check_position(store, one)
        if not overview["balance"]:
            raise Failure(f"{store}: the books do not balance")
        return overview

    def check_position(self, store, one):
        decoded = one["messages"] - one["blank"] - one["messages_rejected"]
        placed = one["stored"] + one["events_rejected"] + one["late"]
        offsets = one["next_offset"] - one.get("first_offset", 0)
        read = one["messages"] + one.get("control", 0) + one.get("gaps", 0)
        of_topic = re.fullmatch(r".*/\d+", one["source"])
        if one["events"] != placed or (decoded > 0) != (one["events"] > 0) or (of_topic and offsets != read):
            raise Failure(f"{store}: the books of {one['source']} do not balance: {one}")

    def gaps(self, store):
        """Offsets of each partition that were written down as lost."""
        return {one["source"]: one.get("gaps", 0) for one in self.books(store)["positions"]}

    def compare(self, store, truth_lines, mapping="generic"):
        """Replays the truth from a file and returns (events, lost, doubled); the last two must be 0."""
        self.run("verify", "--store", store)
        books = self.books(store)
        path = self.fresh("truth.jsonl")
        path.write_bytes(b"".join(line + b"\n" for line in truth_lines))
        whole = self.fresh("truth.store")
        self.run("replay", path, "--store", whole, "--mapping", mapping, "--quiet")
        expected = self.ask("inspect", "--store", whole)
        lost = max(0, expected["rows"] - books["rows"])
        doubled = max(0, books["rows"] - expected["rows"])
        if lost or doubled:
            raise Failure(f"{store}: lost {lost}, doubled {doubled} of {expected['rows']}")
        for field in ("messages_rejected", "events_rejected", "stored"):
            sums = [sum(one[field] for one in overview["positions"]) for overview in (books, expected)]
            if sums[0] != sums[1]:
                raise Failure(f"{store}: {field} {sums[0]}, from the file {sums[1]}")
        found, right = self.answers(mapping, "--store", store), self.answers(mapping, "--store", whole)
        if found != right:
            raise Failure(f"{store}: digests {found}, from the file {right}")
        shutil.rmtree(whole)
        path.unlink()
        return expected["rows"], lost, doubled


    def compare_with(self, follower, topic, faults):
        """The same for what one has followed, as the fields of its Figures."""
        events, lost, doubled = self.compare(follower.store, topic.lines, follower.mapping)
        return events, faults, lost, doubled


class Topic:
    """A topic, and every message that a broker has acknowledged."""

    def __init__(self, rig, cluster, partitions=3, replicas=None, config=None, assignment=None):
        self.rig = rig
        self.cluster = cluster
        self.partitions = partitions
        self.replicas = replicas or len(cluster.brokers)
        self.config = config or {}
        self.assignment = assignment  # the brokers of each partition, or none
        rig.number += 1
        self.name = f"t{rig.number}"
        self.lines = []
        self.failures = []
        self.admin = AdminClient({"bootstrap.servers": cluster.bootstrap(), **QUIET})
        self.create()

    def create(self):
        """Until it has a leader everywhere."""
        new = NewTopic(self.name, self.partitions, config=self.config, **(
            {"replica_assignment": self.assignment} if self.assignment else {"replication_factor": self.replicas}))
        end = time.monotonic() + WAIT_SECONDS
        while True:  # a topic of this name may still be on its way out
            try:
                self.admin.create_topics([new])[self.name].result()
                break
            except Exception as problem:  # pylint: disable=broad-except
                if "exists" not in str(problem) or time.monotonic() > end:
                    raise
                time.sleep(0.1)
        while len(self.leaders()) < self.partitions:
            time.sleep(0.05)

    def delete(self):
        self.admin.delete_topics([self.name])[self.name].result()
        while self.leaders():
            time.sleep(0.05)

    def leaders(self):
        """The broker that leads each partition, where one does."""
        topic = self.admin.list_topics(self.name, timeout=10).topics.get(self.name)
        partitions = topic.partitions if topic and not topic.error else {}
        return {number: one.leader for number, one in partitions.items() if one.leader > 0}

    def wait_in_sync(self):
        """Until every replica has everything."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            partitions = self.admin.list_topics(self.name, timeout=10).topics[self.name].partitions.values()
            if all(len(one.isrs) == len(one.replicas) for one in partitions):
                return
            if time.monotonic() > end:
                raise Failure(f"{self.name}: replicas do not come into sync")
            time.sleep(0.1)

    def producer(self, **properties):
        return Producer({"bootstrap.servers": self.cluster.bootstrap(), "enable.idempotence": True,
                         "linger.ms": 5, "queue.buffering.max.messages": 1_000_000,
                         "delivery.timeout.ms": 120_000,
                         "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50, **QUIET, **properties})

    def produce(self, lines, keyed=True, partition=None, producer=None, flush=True, **properties):
        """Returns when each is acknowledged. Batches, their codec and their sizes vary unless given."""
        properties = {key.replace("_", "."): value for key, value in properties.items()}
        properties.setdefault("compression.type", self.rig.random.choice(CODECS))
        properties.setdefault("batch.num.messages", self.rig.random.choice([7, 100, 1000, 10_000]))
        producer = producer or self.producer(**properties)
        place = {} if partition is None else {"partition": partition}
        for line in lines:
            found = USER.search(line) if keyed else None
            while True:
                try:
                    producer.produce(self.name, line, found.group(1) if found else None,
                                     on_delivery=self.on_delivery, **place)
                    break
                except BufferError:
                    producer.poll(0.05)
            producer.poll(0)
        if flush:
            self.finish(producer)
        self.lines += lines

    def on_delivery(self, problem, _):
        if problem is not None:
            self.failures.append(problem)

    def finish(self, producer):
        producer.flush()
        if self.failures:
            raise Failure(f"{self.name}: {len(self.failures)} messages not acknowledged: {self.failures[0]}")

    def ends(self):
        """First and next offset of each partition."""
        consumer = self.consumer()
        try:
            return [consumer.get_watermark_offsets(TopicPartition(self.name, number), timeout=30)
                    for number in range(self.partitions)]
        finally:
            consumer.close()

    def consumer(self, **properties):
        return Consumer({"bootstrap.servers": self.cluster.bootstrap(), "group.id": "oracle",
                         "enable.auto.commit": False, "enable.partition.eof": True,
                         "auto.offset.reset": "earliest", **QUIET, **properties})

    def read(self, isolation="read_committed"):
        """What another consumer finds in it: the values of each partition, in order."""
        consumer = self.consumer(**{"isolation.level": isolation})
        consumer.assign([TopicPartition(self.name, number, 0) for number in range(self.partitions)])
        found = [[] for _ in range(self.partitions)]
        at_end = set()
        while len(at_end) < self.partitions:
            for message in consumer.consume(10_000, 0.2):
                if message.error() is None:
                    found[message.partition()].append(message.value())
                elif message.error().code() == KafkaError._PARTITION_EOF:  # pylint: disable=protected-access
                    at_end.add(message.partition())
                else:
                    raise Failure(f"{self.name}: the oracle cannot read: {message.error()}")
        consumer.close()
        return found


class Writer:
    """Produces in a thread of its own, at a steady pace, for as long as the block lasts."""

    def __init__(self, topic, per_second=10_000, **more):
        self.topic = topic
        self.per_second = per_second
        self.more = more
        self.over = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            producer = self.topic.producer(**{"compression.type": "lz4"})
            step = max(1, self.per_second // 20)
            while not self.over.is_set():
                lines = self.topic.rig.generate(step * 200)
                for at in range(0, len(lines), step):
                    self.topic.produce(lines[at:at + step], producer=producer, flush=False, **self.more)
                    if self.over.wait(0.05):
                        break
            self.topic.finish(producer)
        except Exception as problem:  # pylint: disable=broad-except
            self.failure = problem

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.over.set()
        self.thread.join()
        if self.failure is not None and kind is None:
            raise self.failure


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

    def command(self, *more):
        words = [self.rig.corong, "replay", "--store", self.store, "--mapping", self.mapping, "--quiet",
                 "--commit-interval", "50ms", *self.options, *more]
        for name in self.topics:
            words += ["--kafka-topic", name]
        for one in self.properties:
            words += ["--kafka-property", one]
        return list(map(str, words))

    def start(self, environment=None):
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command("--follow"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                preexec_fn=broker.die_with_parent, env=environment)
        return self

    def run_to_end(self, environment=None):
        """Without following: up to the ends of the topics, as they are now."""
        done = subprocess.run(self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=environment)
        if done.returncode != 0:
            raise Failure(f"corong ended with {done.returncode}: {done.stderr.decode()[-2000:]}")

    def process_wait(self, seconds):
        """Lets it run on."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

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
        """Committed positions by partition number of the first topic; none while there is no store."""
        out = subprocess.run([self.rig.corong, "inspect", "--store", str(self.store), "--format", "json"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        found = json.loads(out)["positions"] if out else []
        return {one["source"]: one for one in found}

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
