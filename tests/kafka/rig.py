# SPDX-License-Identifier: Apache-2.0
"""What every scenario shares: topics whose content is known, the real `corong` that reads them, and the measure
of truth: the same messages, replayed from a file into another store, must give the same digests, the same
answers and books that balance partition by partition."""

import collections
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess

import broker
from follower import Follower, expect_halt  # noqa: F401
from topic import CODECS, Topic, Writer  # noqa: F401
from verdict import POLL_SECONDS, RECREATED, RETENTION, WAIT_SECONDS, Failure, Figures, Skipped  # noqa: F401

DATA = broker.ROOT.parent / "shared" / "data"


# Of each mapping: steps of its funnels, and what to cut them by.
ASKED = {"generic": (["view", "add_to_cart", "order"], ["--by", "country"]),
         "rees46.yaml": (["view", "cart", "purchase"], ["--by", "brand"]),
         "otto": (["click", "cart", "order"], [])}


def questions(mapping):
    steps, by = ASKED[pathlib.Path(mapping).name]
    words = [word for step in steps for word in ("--step", step)]
    return [["funnel", *words, *by], ["funnel", *words[2:], *words[:2], "--ties", "strict"],
            ["funnel", *words[:4], "--attempts", "first", "--window", "1h"], ["stages"], ["sessions", *by]]


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
        self.librdkafka = tuple(map(int, re.search(r"librdkafka +(\d+)\.(\d+)", self.run("version")).groups()))
        self.serves = "\n  serve " in self.run("help")

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

    def books(self, store, alone=True):
        """The positions of a store, checked one by one: every offset is a message, a control record or a gap
        that was written down; every event is stored or counted as what it was."""
        overview = self.ask("inspect", "--store", store)
        for one in overview["positions"]:
            self.check_position(store, one, alone)
        if not overview["balance"]:
            raise Failure(f"{store}: the books do not balance")
        return overview

    def check_position(self, store, one, alone):
        decoded = one["messages"] - one["blank"] - one["messages_rejected"]
        placed = one["stored"] + one["events_rejected"] + one["late"]
        offsets = one["next_offset"] - one.get("first_offset", 0)
        read = one["messages"] + one.get("control", 0) + one.get("gaps", 0)
        of_topic = re.fullmatch(r".*/\d+", one["source"])
        if one["events"] != placed or (decoded > 0) != (one["events"] > 0) or (alone and of_topic and offsets != read):
            raise Failure(f"{store}: the books of {one['source']} do not balance: {one}")

    def gaps(self, store):
        """Offsets of each partition that were written down as lost."""
        return {one["source"]: one.get("gaps", 0) for one in self.books(store)["positions"]}

    def compare(self, store, truth_lines, mapping="generic"):
        """Replays the truth from a file and returns (events, lost, doubled); the last two must be 0."""
        self.run("verify", "--store", store)
        books = self.books(store)
        whole, rows = self.replayed(truth_lines, mapping)
        expected = self.ask("inspect", "--store", whole)
        lost, doubled = max(0, rows - books["rows"]), max(0, books["rows"] - rows)
        if lost or doubled:
            raise Failure(f"{store}: lost {lost}, doubled {doubled} of {rows}")
        rejected = [sum(one["messages_rejected"] + one["events_rejected"] for one in overview["positions"])
                    for overview in (books, expected)]
        if rejected[0] != rejected[1]:
            raise Failure(f"{store}: {rejected[0]} rejected, from the file {rejected[1]}")
        found, right = self.answers(mapping, "--store", store), self.answers(mapping, "--store", whole)
        if found != right:
            raise Failure(f"{store}: digests {found}, from the file {right}")
        shutil.rmtree(whole)
        return rows, lost, doubled


    def compare_group(self, member, truth_lines):
        """The same for a group's stores: the books of each store and of all, and questions over all."""
        stores = sorted(member.store.glob("node-*"))
        sums = collections.Counter()
        span = {}
        for store in stores:
            self.run("verify", "--store", store)
            overview = self.books(store, alone=False)  # another store may hold what lies between
            sums["rows"] += overview["rows"]
            for one in overview["positions"]:
                sums[one["source"]] += one["messages"] + one.get("control", 0) + one.get("gaps", 0)
                first, end = span.get(one["source"], (1 << 62, 0))
                span[one["source"]] = (min(first, one.get("first_offset", 0)), max(end, one["next_offset"]))
        for source, (first, end) in span.items():
            if end - first != sums[source]:
                raise Failure(f"{source}: {sums[source]} of {end - first} offsets in the books of {stores}")
        whole, rows = self.replayed(truth_lines, member.mapping)
        lost, doubled = max(0, rows - sums["rows"]), max(0, sums["rows"] - rows)
        if lost or doubled:
            raise Failure(f"{member.store}: lost {lost}, doubled {doubled} of {rows}")
        found = self.answers(member.mapping, "--store-group", member.store)
        right = self.answers(member.mapping, "--store", whole)
        if found != right:
            raise Failure(f"{member.store}: digests {found}, from the file {right}")
        shutil.rmtree(whole)
        return rows, lost, doubled

    def replayed(self, lines, mapping):
        """A store made from a file, and its rows."""
        path, whole = self.fresh("truth.jsonl"), self.fresh("truth.store")
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        self.run("replay", path, "--store", whole, "--mapping", mapping, "--quiet")
        path.unlink()
        return whole, self.ask("inspect", "--store", whole)["rows"]

    def compare_with(self, follower, topic, faults):
        """The same for what one has followed, as the fields of its Figures."""
        events, lost, doubled = self.compare(follower.store, topic.lines, follower.mapping)
        return events, faults, lost, doubled
