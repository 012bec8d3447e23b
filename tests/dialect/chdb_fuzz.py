#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Corong beside ClickHouse itself (chdb, in this process): random users with few names, few instants and many
ties go into both; every mode and combination of modes of windowFunnel must give every user the same level, our
own rules the level of strict_once, and patterns the same sequenceMatch, sequenceCount and sequenceMatchEvents.

    chdb_fuzz.py BIN_FOLDER [--users N] [--seed N]

ClickHouse's order among equal times is that of insertion where it matters at all (strict_once with
strict_deduplication); Corong is given it as the sequence number, except where our own rules are compared.
sequenceMatch leaves equal times in no order, so for patterns times are distinct. Where the end of a pattern may
stand for no event, ClickHouse reads behind the pattern and may miss matches by chance (its issue 120729); there
Corong must find at least as many, and the same events. tests/unit/engine/pattern_test.c has what is right."""
import argparse
import itertools
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import chdb.session

NAMES = "abcde"
BATCH = 10000
MODES = ["strict_deduplication", "strict_order", "strict_increase", "strict_once"]
PARTS = ["(?{})"] * 6 + [".", ".*", ".*", "(?t{}{})", "(?t{}{})"]
OPERATORS = ["<=", "<", ">=", ">", "=="]
EMPTY_END = re.compile(r"(\.\*|\(\?t<=?\d+\)|\(\?t>=0\))$")


def combinations():
    """Every legal combination of modes."""
    for size in range(len(MODES) + 1):
        for modes in itertools.combinations(MODES, size):
            yield modes
            if "strict_order" in modes:
                yield modes + ("allow_reentry",)


class Users:
    """One batch of random users in both engines."""

    def __init__(self, folder, corong, chdb_session, number, draw, ties):
        self.session = chdb_session
        self.rows = [(user, *event) for user in range(1, BATCH + 1) for event in self.history(draw, ties)]
        self.stores = {}
        self.log = folder / f"{number}.jsonl"
        self.log.write_text("".join(f'{{"u":"{user}","t":{at},"n":"{name}","s":{index}}}\n'
                                    for index, (user, at, name) in enumerate(self.rows)))
        self.corong, self.folder, self.number = corong, folder, number
        table = folder / f"{number}.csv"
        table.write_text("".join(f"{user},{at},{name}\n" for user, at, name in self.rows))
        self.session.query("DROP TABLE IF EXISTS e")
        self.session.query(f"""CREATE TABLE e ENGINE = Memory AS
            SELECT * FROM file('{table}', 'CSV', 'u UInt32, t UInt64, n String')
            SETTINGS max_threads = 1, input_format_parallel_parsing = 0""")

    @staticmethod
    def history(draw, ties):
        """Times are drawn from few, so they are often equal; their order of arrival is any."""
        count = draw.choice((1, 2, 3, 4, 5, 6, 8, 10, 12))
        span = draw.choice((2, 4, 8, 16))
        names = NAMES[:draw.randint(2, len(NAMES))]
        times = [draw.randint(1, span) for _ in range(count)] if ties else draw.sample(range(1, 40), count)
        return [(at, draw.choice(names)) for at in times]

    def store(self, sequence):
        """The store of these users, loaded by the CLI when it is first asked for."""
        if sequence not in self.stores:
            mapping = {"format": "json", "user": "u", "time": {"path": "t", "unit": "us"}, "name": "n",
                       **({"sequence": "s"} if sequence else {})}
            config = self.folder / "corong.yaml"
            config.write_text(json.dumps({"mapping": mapping}))
            path = self.folder / f"{self.number}-{sequence}.store"
            subprocess.run([self.corong / "corong", "replay", "--quiet", "--config", config, "--store", path,
                            self.log], check=True, capture_output=True)
            self.stores[sequence] = subprocess.Popen([self.corong / "corong-levels", path], text=True,
                                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self.stores[sequence]

    def ask(self, question, sequence=True):
        runner = self.store(sequence)
        runner.stdin.write(json.dumps(question) + "\n")
        runner.stdin.flush()
        line = runner.stdout.readline()
        if not line:
            sys.exit(f"corong-levels ended at {question}")
        return {int(user): answer for user, answer in json.loads(line).items()}

    def query(self, figures, where):
        """One row per user, as ClickHouse computes it."""
        rows = self.session.query(f"SELECT u, {figures} FROM e WHERE {where} GROUP BY u SETTINGS max_threads = 1",
                                  "JSONCompactEachRow")
        return {int(row[0]): row[1:] for row in map(json.loads, str(rows).splitlines())}

    def close(self):
        for runner in self.stores.values():
            runner.stdin.close()
            runner.wait()

    def events_of(self, user):
        return [row[1:] for row in self.rows if row[0] == user]


def conditions(steps):
    return ", ".join("n IN ({})".format(", ".join(f"'{name}'" for name in step)) for step in steps)


def random_steps(draw, count):
    """Mostly one name a step; some steps share names, so that a row fits several."""
    return [draw.sample(NAMES, draw.choice((1, 1, 1, 2, 3))) for _ in range(count)]


def random_sight(draw):
    """What is seen of the events: for Corong as keys of the question, and as a WHERE of SQL."""
    sight, where = {}, "1"
    if draw.random() < 0.3:
        sight["from_us"] = draw.randint(1, 10)
        where += f" AND t >= {sight['from_us']}"
    if draw.random() < 0.3:
        sight["to_us"] = sight.get("from_us", 1) + draw.randint(0, 10)
        where += f" AND t < {sight['to_us']}"
    if draw.random() < 0.3:
        name = draw.choice(NAMES)
        sight["where"] = f"event != '{name}'"
        where += f" AND n != '{name}'"
    return sight, where


def compare(users, what, question, found, expected):
    """Compares per user; prints the first difference whole and ends."""
    for user, value in expected.items():
        if found.get(user, 0 if isinstance(value, int) else None) != value:
            sys.exit(f"{what}: {question}\n  user {user}: {users.events_of(user)}\n"
                     f"  ClickHouse {value}, Corong {found.get(user)}")
    return len(expected)


def check_levels(users, draw):
    compared = 0
    for modes in combinations():
        steps = random_steps(draw, draw.choice((1, 2, 3, 3, 4, 5)))
        window = draw.choice((0, 1, 2, 4, 8, 30))
        parameters = "".join(f", '{mode}'" for mode in modes)
        level = f"windowFunnel({window}{parameters})(t, {conditions(steps)})"
        sight, where = random_sight(draw)
        expected = {user: row[0] for user, row in users.query(level, where).items()}
        question = {"steps": steps, "window_us": window, **sight,
                    "dialect": "clickhouse" + (":" + ",".join(modes) if modes else "")}
        compared += compare(users, "dialect", question, users.ask(question), expected)
        if modes == ("strict_once",):
            alias = {**question, "dialect": "clickhouse_strict_once"}
            compared += compare(users, "alias", alias, users.ask(alias, sequence=False), expected)
    return compared


def check_ours(users, draw, rounds):
    """Our default rule is strict_once, and with `ties: strict` strict_increase as well."""
    compared = 0
    for number in range(rounds):
        steps = random_steps(draw, draw.randint(2, 5))
        window = draw.choice((0, 1, 2, 4, 8, 30))
        more, ties = (", 'strict_increase'", "strict") if number % 2 else ("", "any")
        rows = users.query(f"windowFunnel({window}, 'strict_once'{more})(t, {conditions(steps)})", "1")
        ours = {"steps": steps, "window_us": window, "ties": ties}
        compared += compare(users, "our own rule", ours, users.ask(ours, sequence=False),
                            {user: row[0] for user, row in rows.items()})
    return compared


def random_pattern(draw, step_count):
    """A time must stand behind an event, '.' or '.*'; most patterns end on an event, as people write them."""
    pattern, after_time = "", draw.random() < 0.9
    for _ in range(draw.randint(0, 5)):
        part = draw.choice(PARTS)
        if part.startswith("(?t"):
            part = "" if after_time else part.format(draw.choice(OPERATORS), draw.choice((0, 1, 2, 3, 5, 9, 20)))
        after_time = part.startswith("(?t") if part else after_time
        pattern += part.format(draw.randint(1, step_count))
    return pattern + (f"(?{draw.randint(1, step_count)})" if draw.random() < 0.7 else "")


def at_least(expected, found):
    """What ClickHouse says, or ours where that is more; the events as ClickHouse has them."""
    return {user: [*map(max, value[:2], found.get(user, value)[:2]), value[2]] for user, value in expected.items()}


def check_patterns(users, draw, rounds):
    compared = 0
    for _ in range(rounds):
        steps = random_steps(draw, draw.randint(2, 4))
        pattern = random_pattern(draw, len(steps))
        arguments = f"('{pattern}')(t, {conditions(steps)})"
        any_event = " OR ".join(conditions([step]) for step in steps)
        sight, where = random_sight(draw)
        rows = users.query(f"sequenceMatch{arguments}, sequenceCount{arguments}, sequenceMatchEvents{arguments}",
                           f"({any_event}) AND {where}")
        expected = {user: [row[0], int(row[1]), [int(at) for at in row[2]]] for user, row in rows.items()}
        question = {"steps": steps, "pattern": pattern, "unit_us": 1, **sight}
        found = users.ask(question)
        if EMPTY_END.search(pattern):
            expected = at_least(expected, found)
        compared += compare(users, "pattern", question, found, expected)
    return compared


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--users", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="corong-chdb-"))
    chdb_session = chdb.session.Session(str(folder / "chdb"))
    begun, levels, ours, patterns = time.monotonic(), 0, 0, 0
    batches = -(-given.users // BATCH)
    try:
        for number in range(batches):
            users = Users(folder, given.bin.resolve(), chdb_session, number, draw, ties=True)
            levels += check_levels(users, draw)
            ours += check_ours(users, draw, 6)
            users.close()
        for number in range(batches, batches + max(1, batches // 4)):
            users = Users(folder, given.bin.resolve(), chdb_session, number, draw, ties=False)
            patterns += check_patterns(users, draw, 30)
            users.close()
    finally:
        chdb_session.close()
        shutil.rmtree(folder)
    version = str(chdb.query("SELECT version()")).strip().strip('"')
    print(f"beside ClickHouse {version}: {batches * BATCH:,} random users, {levels:,} levels in "
          f"{len(list(combinations()))} combinations of modes, {ours:,} by our own rules, {patterns:,} users' patterns, "
          f"0 differences (seed {given.seed}, {time.monotonic() - begun:.0f} s)")


if __name__ == "__main__":
    main()
