# SPDX-License-Identifier: Apache-2.0
"""Corong beside ClickHouse (chdb) and DuckDB on the same data in the same run: `corong bench rivals`.

Loads (JSON lines with repeating and with changing key order, CSV, access log), bytes per event, and funnel
questions, warm and cold. Every engine runs in a process of its own with two threads; every answer is compared with
Corong's, and a difference ends the run with exit status 1. Medians with minimum and maximum; each rival's fastest
phrasing counts."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import engine_clickhouse
import engine_corong
import engine_duckdb
import process
import questions
import table

RIVALS = {"chdb": engine_clickhouse, "duckdb": engine_duckdb}
INSTALL = """\
corong bench rivals: neither chdb nor duckdb can be imported by {python}. They are Python wheels; install them with

  python3 -m venv rivals && rivals/bin/pip install chdb duckdb

and then run with that Python first on the PATH:

  PATH="$PWD/rivals/bin:$PATH" corong bench rivals
"""
LOADS = (  # what is loaded, file name, clickgen's words
    ("JSON lines, repeating keys", "load.jsonl", ("--format", "json")),
    ("JSON lines, keys in any order", "shuffled.jsonl", ("--format", "json", "--shuffle-keys")),
    ("CSV", "load.csv", ("--format", "csv")),
    ("access log", "load.log", ("--format", "combined")),
)


def engine_main(words):
    """This file calls itself as `engine NAME ACTION WORK ...`: a process per engine and action."""
    module, action, work = RIVALS[words[0]], words[1], pathlib.Path(words[2])
    if action == "load":
        result = module.load(work, pathlib.Path(words[3]), words[4])
    elif action == "ask":
        result = module.ask(work, words[3], int(words[4]), float(words[5]) or None)
    elif action == "sizes":
        result = module.sizes(work, int(words[3]))
    else:
        result = {"version": module.version()}
    print(json.dumps(result))


def installed(wanted):
    found = {}
    for name in wanted:
        try:
            found[name] = rival(name, "version", "/")[0]["version"]
        except process.Refused:
            process.say(f"{name} is not installed here; it is left out (pip install {name})")
    return found


def rival(name, action, work, *words):
    out, cost = process.measured([sys.executable, pathlib.Path(__file__).parent, "engine", name, action, work, *words])
    return json.loads(out), cost


class Run:
    def __init__(self, options, rivals):
        self.options, self.rivals, self.table = options, rivals, table.Table()
        self.bin = pathlib.Path(options.bin)
        self.work = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="corong-rivals-", dir=options.work))
        self.work.mkdir(parents=True, exist_ok=True)
        self.corong = engine_corong.Corong(self.bin, self.work)

    def add(self, what, engine, figures, events):
        if "seconds" in figures:
            figures = {**figures, "events_per_s": events / figures["seconds"]}
        self.table.add(what, engine, figures)
        process.say("  " + table.line_of(self.table.rows[-1]).strip())

    def enough(self, seconds):
        return 0 < self.options.most_seconds <= seconds

    def generate(self, count, name, words):
        path = self.work / name
        process.say(f"generating {count:,} events: {name}")
        with path.open("wb") as out:
            subprocess.run([self.bin / "clickgen", "--events", str(count), "--users", str(max(1000, count // 25)),
                            *words], stdout=out, check=True)
        return path

    def load_with(self, name, source, events_table, runs=1):
        """Seconds of the load alone: starting Python and importing the wheel are not counted, Corong's start is."""
        loads = []
        while len(loads) < runs and not self.enough(sum(given["seconds"] for given, _ in loads)):
            loads.append(rival(name, "load", self.work, source, events_table))
        return {**process.spread([given["seconds"] for given, _ in loads]), "rows": loads[0][0]["rows"],
                "cpu_seconds": statistics.median(given["cpu_seconds"] for given, _ in loads),
                "peak_mib": max(cost["peak_mib"] for _, cost in loads)}

    def loads(self):
        count = self.options.ingest_events
        for what, file_name, words in LOADS:
            source = self.generate(count, file_name, words)
            ours = engine_corong.median_load(self.corong, source, "load", self.options.load_runs)
            size = source.stat().st_size
            self.add(what, "corong", {**ours, "mb_per_s": size / ours["seconds"] / 1e6, "answer": ours["rows"]}, count)
            for name in self.rivals:
                theirs = self.load_with(name, source, "load", self.options.load_runs)
                self.add(what, name, {**theirs, "answer": theirs["rows"]}, count)
            source.unlink()
        shutil.rmtree(self.work / "load.store")

    def sizes(self, count):
        self.table.add("bytes per event", "corong", {"bytes_per_event": self.corong.bytes("events") / count})
        for name in self.rivals:
            given, _ = rival(name, "sizes", self.work, count)
            for engine, size in given.items():
                self.table.add("bytes per event", engine, {"bytes_per_event": size})

    def fill(self, count):
        """Tables and stores of the questions; with --keep those that are there are taken."""
        kept = self.work / "filled.json"
        layouts = {name: RIVALS[name].LAYOUT for name in self.rivals}
        wanted = {"events": count, "rivals": self.rivals, "layouts": layouts}
        there = json.loads(kept.read_text()) if kept.exists() else {}
        names = [name for name in self.rivals if there.get("events") != count or name not in there["rivals"] or
                 there["rivals"][name] != self.rivals[name] or there.get("layouts", {}).get(name, "") != layouts[name]]
        ours = there.get("events") != count or there.get("corong") != self.corong.version()
        if not names and not ours:
            process.say(f"tables and stores of {count:,} events are taken from {self.work}")
            return
        source = self.generate(count, "events.csv", ("--format", "csv"))
        if ours:
            self.corong.load(source, "events")
        for name in names:
            self.load_with(name, source, "events")
        source.unlink()
        kept.write_text(json.dumps({**wanted, "corong": self.corong.version()}))

    def questions(self):
        count = self.options.events
        self.fill(count)
        if not self.options.no_sizes:
            self.sizes(count)
        for question in questions.QUESTIONS:
            if not self.options.only or question.name in self.options.only.split(","):
                self.ask(question, count)

    def ask(self, question, count):
        cold, warm = self.corong.ask(question, self.options.runs)
        self.add(f"{question.title}, warm", "corong", warm, count)
        theirs = {name: rival(name, "ask", self.work, question.name, self.options.runs, self.options.most_seconds)
                  for name in self.rivals}
        for temperature, ours in (("warm", None), ("cold", cold)):
            if ours is not None:
                self.add(f"{question.title}, cold", "corong", ours, count)
            for name, (given, cost) in theirs.items():
                engine = name if ours is None else f"{name} (warm)"  # it keeps its process: there is no other
                self.add(f"{question.title}, {temperature}", engine, {**given, "peak_mib": cost["peak_mib"]}, count)

    def facts(self):
        return {"machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
                           f"{platform.system()} {platform.release()}",
                "events": self.options.events, "ingest_events": self.options.ingest_events,
                "runs": self.options.runs, "load_runs": self.options.load_runs,
                "most_seconds": self.options.most_seconds, "threads": 2,
                "versions": {"corong": self.corong.version(), **self.rivals}}


def parse():
    parser = argparse.ArgumentParser(prog="corong bench rivals", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin", help="folder of corong and clickgen")
    parser.add_argument("--events", type=int, default=50_000_000, help="of the questions")
    parser.add_argument("--ingest-events", type=int, default=4_000_000, help="of each load")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--load-runs", type=int, default=5)
    parser.add_argument("--most-seconds", type=float, default=90,
                        help="a rival's question or load is repeated no further once it took this long, its first "
                             "asking in every phrasing counted (default 90; 0: never ends early)")
    parser.add_argument("--rivals", default=",".join(RIVALS), help="which of them (default all that are installed)")
    parser.add_argument("--keep", default=None, metavar="FOLDER",
                        help="tables and stores of the questions stay there, and are taken from there")
    parser.add_argument("--no-sizes", action="store_true", help="no bytes per event")
    parser.add_argument("--only", default="", help="questions: " + ",".join(q.name for q in questions.QUESTIONS))
    parser.add_argument("--no-loads", action="store_true", help="ask only")
    parser.add_argument("--no-rivals", action="store_true", help="Corong alone, as tests without wheels run it")
    parser.add_argument("--work", default=None, help="folder for the data (about 200 bytes per event)")
    parser.add_argument("--output", default=None, help="JSON file")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["engine"]:
        engine_main(sys.argv[2:])
        return 0
    options = parse()
    unknown = [name for name in options.rivals.split(",") if name not in RIVALS]
    if unknown:
        print(f"corong bench rivals: --rivals '{unknown[0]}' is none of {', '.join(RIVALS)}", file=sys.stderr)
        return 2
    rivals = {} if options.no_rivals else installed(options.rivals.split(","))
    if not rivals and not options.no_rivals:
        print(INSTALL.format(python=sys.executable), end="", file=sys.stderr)
        return 1
    run = Run(options, rivals)
    try:
        if not options.no_loads:
            run.loads()
        run.questions()
        agreed = run.table.settle()
        run.table.print()
        facts = run.facts()
        print(f"answers {'equal' if agreed else 'DIFFER'}; {facts['machine']}; {facts['versions']}")
        if options.output:
            pathlib.Path(options.output).write_text(run.table.document(facts))
        return 0 if agreed else 1
    except process.Refused as refused:
        process.say(f"corong bench rivals: {refused}")
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(run.work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
