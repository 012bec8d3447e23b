# SPDX-License-Identifier: Apache-2.0
"""Topics whose content is known, and what writes into them."""

import re
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions,
                                   NewTopic, ResourceType)

from verdict import Failure, WAIT_SECONDS

QUIET = {"log_level": 0}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
USER = re.compile(rb'"(?:user_id|session)":"?([^",}]*)')


class Topic:
    """A topic, and every message that a broker has acknowledged."""

    def __init__(self, rig, cluster, partitions=3, replicas=None, config=None, assignment=None):
        self.rig = rig
        self.cluster = cluster
        self.partitions = partitions
        self.replicas = replicas or len(cluster.brokers)
        self.config = {"retention.ms": "-1", **(config or {})}
        self.assignment = assignment  # the brokers of each partition, or none
        rig.number += 1
        self.name = f"t{rig.number}"
        self.lines = []
        self.failures = []
        self.admin = AdminClient({"bootstrap.servers": cluster.bootstrap(), **QUIET})
        self.create()

    def place(self):
        """Where it is, for a command line."""
        return ["--kafka-topic", self.name, "--kafka-property", f"bootstrap.servers={self.cluster.bootstrap()}",
                "--kafka-property", "log_level=0"]

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

    def delete_before(self, offsets):
        """What retention does: of each partition everything before an offset is gone."""
        futures = self.admin.delete_records([TopicPartition(self.name, number, offset)
                                             for number, offset in offsets.items()])
        for one in futures.values():
            one.result()

    def configure(self, config):
        resource = ConfigResource(ResourceType.TOPIC, self.name, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()])
        for one in self.admin.incremental_alter_configs([resource]).values():
            one.result()

    def grow(self, partitions):
        """More partitions."""
        for one in self.admin.create_partitions([NewPartitions(self.name, partitions)]).values():
            one.result()
        self.partitions = partitions
        while len(self.leaders()) < self.partitions:
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

    def tombstones(self, lines):
        """Messages without a value: the keys of these are no more."""
        producer = self.producer()
        for line in lines:
            producer.produce(self.name, None, USER.search(line).group(1), on_delivery=self.on_delivery)
        self.finish(producer)

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
