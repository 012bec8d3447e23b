#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Corong beside DuckDB and ClickHouse (chdb) on the same data in the same run.

Phases: generate -> load (JSON lines, `--ingest-events` of them) -> query (`--events`, loaded from CSV) -> table
and JSON. Each engine runs in a process of its own, so that peak memory is its own; answers are compared and a
difference ends the run. Medians of `--runs` after one warm-up, with minimum and maximum."""
import argparse
import hashlib
import json
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

STEPS = ["view", "add_to_cart", "checkout", "order"]
WINDOW_S = 7 * 86400
MAPPING = """\
format: {format}
user: user_id
time: time
name: event
revenue: {{ amount: revenue, currency: {{ const: EUR }} }}
attributes: {{ country: country, device: device, campaign: campaign, page: page, product: product }}
"""


def measured(arguments):
    """Runs a command; (standard output, wall seconds, CPU seconds, peak MiB)."""
    before = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(list(map(str, arguments)), stdout=out, stderr=subprocess.PIPE, text=True)
        errors = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - before
        if child.returncode != 0:
            sys.exit(f"{arguments}: exit {child.returncode}\n{errors[-3000:]}")
        out.seek(0)
        return out.read(), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def folder_bytes(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())


# --- one process per rival: this file calls itself as `rivals.py engine NAME ACTION ...` ----------------------

def duckdb_open(work):
    import duckdb
    connection = duckdb.connect(str(work / "duck.db"))
    connection.execute("set threads = 2")
    return connection


DUCK_COLUMNS = ("time TIMESTAMP, event VARCHAR, user_id VARCHAR, country VARCHAR, device VARCHAR, "
                "campaign VARCHAR, page VARCHAR, product VARCHAR, revenue DOUBLE")


def duckdb_load(work, source, table):
    connection = duckdb_open(work)
    columns = "{" + ", ".join(f"'{c.split()[0]}': '{c.split()[1]}'" for c in DUCK_COLUMNS.split(", ")) + "}"
    reader = "read_json" if source.suffix == ".jsonl" else "read_csv"
    extra = ", format = 'newline_delimited'" if reader == "read_json" else ", header = true"
    connection.execute(f"create table {table} as select * from {reader}('{source}', columns = {columns}{extra})")
    connection.execute("checkpoint")


def duckdb_query(work, runs):
    connection = duckdb_open(work)
    chain = ("with a as (select user_id, country, event, epoch(time) t from events where event in "
             f"({', '.join(repr(step) for step in STEPS)})), "
             "b as (select *, max(case when event = 'view' then t end) over w s1 from a window w as "
             "(partition by user_id order by t range unbounded preceding)), "
             f"c as (select *, max(case when event = 'add_to_cart' and t - s1 <= {WINDOW_S} then s1 end) over w s2 "
             "from b window w as (partition by user_id order by t range unbounded preceding)), "
             f"d as (select *, max(case when event = 'checkout' and t - s2 <= {WINDOW_S} then s2 end) over w s3 "
             "from c window w as (partition by user_id order by t range unbounded preceding)), "
             "u as (select user_id, any_value(country) country, bool_or(s1 is not null) l1, "
             "bool_or(s2 is not null) l2, bool_or(s3 is not null) l3, "
             f"bool_or(event = 'order' and t - s3 <= {WINDOW_S}) l4 from d group by user_id) "
             "select country, count(*) filter (l1), count(*) filter (l2), count(*) filter (l3), "
             "count(*) filter (l4) from u group by country order by country")
    return time_query(lambda: connection.execute(chain).fetchall(), runs)


def chdb_open(work):
    from chdb import session
    opened = session.Session(str(work / "chdb"))
    opened.query("create database if not exists bench engine = Atomic")
    opened.query("use bench")
    return opened


def chdb_load(work, source, table):
    opened = chdb_open(work)
    opened.query(f"create table bench.{table} (time DateTime, event LowCardinality(String), user_id String, "
                 "country LowCardinality(String), device LowCardinality(String), campaign LowCardinality(String), "
                 "page LowCardinality(String), product LowCardinality(String), revenue Nullable(Float64)) "
                 "engine = MergeTree order by (user_id, time)")
    format_name = "JSONEachRow" if source.suffix == ".jsonl" else "CSVWithNames"
    opened.query(f"insert into bench.{table} select * from file('{source}', '{format_name}', "
                 "'time DateTime, event String, user_id String, country String, device String, campaign String, "
                 "page String, product String, revenue Nullable(Float64)') settings max_threads = 2, "
                 "date_time_input_format = 'best_effort', input_format_skip_unknown_fields = 1, "
                 "max_insert_threads = 2, max_memory_usage = 12000000000")
    if table == "events":
        opened.query(f"optimize table bench.{table} final")


def chdb_query(work, runs):
    opened = chdb_open(work)
    conditions = ", ".join(f"event = '{step}'" for step in STEPS)
    names = ", ".join(f"'{step}'" for step in STEPS)

    def phrase(where, settings):
        return ("select country, countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4) "
                f"from (select user_id, any(country) country, windowFunnel({WINDOW_S})(time, {conditions}) level "
                f"from bench.events {where} group by user_id) where level >= 1 group by country order by country "
                f"settings max_threads = 2{settings}")

    phrases = {"plain": phrase("", ""),
               "in order": phrase("", ", optimize_aggregation_in_order = 1"),
               "step filter": phrase(f"where event in ({names})", ""),
               "in order + step filter": phrase(f"where event in ({names})", ", optimize_aggregation_in_order = 1")}
    best = None
    for name, text in phrases.items():
        timed = time_query(lambda: json.loads(str(opened.query(text, "JSONCompact")))["data"], runs)
        timed["phrase"] = name
        if best is None or timed["seconds"] < best["seconds"]:
            best = timed
    return best


def time_query(run, runs):
    rows, seconds = run(), []
    for _ in range(runs):
        before = time.perf_counter()
        rows = run()
        seconds.append(time.perf_counter() - before)
    answer = {row[0]: [int(count) for count in row[1:]] for row in rows}
    return {"seconds": statistics.median(seconds), "min": min(seconds), "max": max(seconds), "answer": answer}


def engine_main(words):
    name, action, work = words[0], words[1], pathlib.Path(words[2])
    if action == "load":
        {"duckdb": duckdb_load, "chdb": chdb_load}[name](work, pathlib.Path(words[3]), words[4])
        print("{}")
    else:
        result = {"duckdb": duckdb_query, "chdb": chdb_query}[name](work, int(words[3]))
        result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(result))


# --- the run ---------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, options):
        self.options = options
        self.bin = pathlib.Path(options.bin)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="corong-bench-", dir=options.work))
        self.rows = []
        self.rivals = [] if options.no_rivals else ["chdb", "duckdb"]

    def say(self, words):
        print(words, file=sys.stderr, flush=True)

    def generate(self, count, file_format):
        path = self.work / {"json": "events.jsonl", "csv": "events.csv"}[file_format]
        users = max(1000, count // 25)
        self.say(f"generating {count:,} events as {file_format}")
        with path.open("wb") as out:
            subprocess.run([self.bin / "clickgen", "--events", str(count), "--users", str(users), "--format",
                            file_format], stdout=out, check=True)
        return path

    def row(self, what, engine, **figures):
        self.rows.append({"what": what, "engine": engine, **figures})
        shown = ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                          for key, value in figures.items() if key != "answer")
        self.say(f"  {what:<18} {engine:<8} {shown}")

    def corong_load(self, source, store, file_format):
        mapping = self.work / f"{file_format}.yaml"
        mapping.write_text(MAPPING.format(format=file_format))
        shutil.rmtree(store, ignore_errors=True)
        return measured([self.bin / "corong", "replay", "--quiet", "--store", store, "--mapping", mapping,
                         "--format", "json", source])

    def load(self, count):
        source = self.generate(count, "json")
        lines_bytes = source.stat().st_size
        figures = []
        for _ in range(self.options.load_runs):
            figures.append(self.corong_load(source, self.work / "load.store", "json"))
        wall = statistics.median(figure[1] for figure in figures)
        self.row("replay JSON lines", "corong", seconds=wall, events_per_s=count / wall,
                 cpu_seconds=figures[0][2], mb_per_s=lines_bytes / wall / 1e6, peak_mib=figures[0][3],
                 bytes_per_event=folder_bytes(self.work / "load.store") / count)
        for rival in self.rivals:
            _, wall, cpu, peak = self.rival(rival, "load", source, "load")
            self.row("replay JSON lines", rival, seconds=wall, events_per_s=count / wall, cpu_seconds=cpu,
                     peak_mib=peak)
        source.unlink()

    def rival(self, name, action, *words):
        return measured([sys.executable, __file__, "engine", name, action, self.work, *words])

    def query(self, count):
        source = self.generate(count, "csv")
        store = self.work / "query.store"
        _, wall, cpu, peak = self.corong_load(source, store, "csv")
        self.row("load CSV", "corong", seconds=wall, events_per_s=count / wall, cpu_seconds=cpu, peak_mib=peak)
        self.row("size on disk", "corong", bytes_per_event=folder_bytes(store) / count)
        self.corong_query(store, count)
        for rival, folder in (("chdb", "chdb"), ("duckdb", "duck.db")):
            if rival not in self.rivals:
                continue
            _, wall, cpu, peak = self.rival(rival, "load", source, "events")
            self.row("load CSV", rival, seconds=wall, events_per_s=count / wall, cpu_seconds=cpu, peak_mib=peak)
            self.row("size on disk", rival, bytes_per_event=self.rival_bytes(rival, folder) / count)
            result = json.loads(self.rival(rival, "query", self.options.runs)[0])
            self.row("4-step funnel", rival, events_per_s=count / result["seconds"], **result)

    def rival_bytes(self, rival, folder):
        if rival == "duckdb":
            return (self.work / folder).stat().st_size
        out = measured([sys.executable, "-c",
                        "import sys; from chdb import session; s = session.Session(sys.argv[1]); "
                        "print(str(s.query(\"select sum(bytes_on_disk) from system.parts where active and "
                        "table = 'events'\", 'CSV')))", self.work / folder])
        return int(out[0].strip())

    def corong_query(self, store, count):
        words = [word for step in STEPS for word in ("--step", step)]
        seconds, inner, answer = [], [], {}
        for run in range(self.options.runs + 1):
            out, wall, cpu, peak = measured([self.bin / "corong", "funnel", "--store", store, *words, "--window",
                                             "7d", "--by", "country", "--top", "100", "--timing", "--format",
                                             "json"])
            result = json.loads(out)
            answer = {row["values"][0]: [step["reached"] for step in row["steps"]] for row in result["slices"]}
            if run > 0:
                seconds.append(wall)
                inner.append(result["provenance"]["work"]["seconds_total"])
        timing = {key: value for key, value in result["provenance"]["work"].items() if key.startswith("seconds_")}
        self.row("4-step funnel", "corong", seconds=statistics.median(seconds), min=min(seconds),
                 max=max(seconds), seconds_inside=statistics.median(inner), peak_mib=peak, cpu_seconds=cpu,
                 events_per_s=count / statistics.median(seconds), answer=answer, **timing)

    def check(self):
        answers = {row["engine"]: row["answer"] for row in self.rows if "answer" in row}
        for engine, answer in answers.items():
            if answer != answers["corong"]:
                sys.exit(f"answers differ: {engine} {answer}\ncorong {answers['corong']}")
        return hashlib.sha256(json.dumps(answers["corong"], sort_keys=True).encode()).hexdigest()[:16]

    def report(self):
        digest = self.check()
        print(f"{'what':<18} {'engine':<8} {'median s':>9} {'min':>8} {'max':>8} {'M events/s':>11} "
              f"{'CPU s':>7} {'peak MiB':>9} {'B/event':>8} {'ratio':>7}")
        ours = {row["what"]: row for row in self.rows if row["engine"] == "corong"}
        for row in self.rows:
            key = "bytes_per_event" if "seconds" not in row else "seconds"
            ratio = row[key] / ours[row["what"]][key]

            def cell(name, width, scale=1.0, digits=2):
                return f"{row[name] * scale:>{width}.{digits}f}" if name in row else " " * width
            print(f"{row['what']:<18} {row['engine']:<8} {cell('seconds', 9, 1, 3)} {cell('min', 8, 1, 3)} "
                  f"{cell('max', 8, 1, 3)} {cell('events_per_s', 11, 1e-6)} {cell('cpu_seconds', 7)} "
                  f"{cell('peak_mib', 9, 1, 0)} {cell('bytes_per_event', 8)} {ratio:>6.2f}x")
        machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.release()}"
        print(f"answers equal; answer hash {digest}; {machine}; events {self.options.events:,}, "
              f"JSON lines {self.options.ingest_events:,}, runs {self.options.runs}")
        if self.options.output:
            for row in self.rows:
                row.pop("answer", None)
            pathlib.Path(self.options.output).write_text(json.dumps(
                {"machine": machine, "events": self.options.events, "ingest_events": self.options.ingest_events,
                 "answer_hash": digest, "rows": self.rows}, indent=1) + "\n")


def main():
    if sys.argv[1:2] == ["engine"]:
        engine_main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--ingest-events", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--load-runs", type=int, default=3)
    parser.add_argument("--no-rivals", action="store_true")
    parser.add_argument("--work", default=None, help="folder for the data (about 100 bytes per event)")
    parser.add_argument("--output", default=None, help="JSON file")
    run = Run(parser.parse_args())
    try:
        run.load(run.options.ingest_events)
        run.query(run.options.events)
        run.report()
    finally:
        shutil.rmtree(run.work, ignore_errors=True)


if __name__ == "__main__":
    main()
