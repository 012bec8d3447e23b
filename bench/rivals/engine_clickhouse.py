# SPDX-License-Identifier: Apache-2.0
"""ClickHouse inside a Python process (chdb). Two threads."""
import json

import process
import questions

NAMES = ("event", "country", "device", "campaign", "page", "product")
# Of more values than ClickHouse keeps in one dictionary: a plain string is smaller under ZSTD. The bytes per event are
# those of the better way.
MANY = "product"
TUNED = {"time": "DateTime codec(Delta, ZSTD(1))", "user_id": "String codec(ZSTD(1))",
         "revenue": "Nullable(Float64) codec(ZSTD(1))",
         **{name: "LowCardinality(String) codec(ZSTD(1))" for name in NAMES}}
PLAIN = {"time": "DateTime", "user_id": "String", "revenue": "Nullable(Float64)",
         **{name: "LowCardinality(String)" for name in NAMES}}
ORDER = ("time", "event", "user_id", "country", "device", "campaign", "page", "product", "revenue")
READ = ("time DateTime, event String, user_id String, country String, device String, campaign String, "
        "page String, product String, revenue Nullable(Float64)")
SETTINGS = (" settings max_threads = 2, max_insert_threads = 2, date_time_input_format = 'best_effort', "
            "input_format_skip_unknown_fields = 1, max_memory_usage = 12000000000")
# An access log read as a table between spaces; twice as fast as by a regular expression. The zone is +0000 here.
LOG = ("ip String, ident String, authuser String, at String, zone String, request String, status UInt16, "
       "bytes UInt32, referrer String, agent String")


CACHE_BYTES = 6_000_000_000
LAYOUT = ""  # of the table of the questions; a kept one of another layout is made anew


def version():
    import chdb
    return chdb.engine_version if hasattr(chdb, "engine_version") else chdb.__version__


def open_work(work):
    from chdb import session
    opened = session.Session(str(work / "chdb"))
    opened.query("create database if not exists bench engine = Atomic")
    return opened


def create(opened, table, types):
    columns = ", ".join(f"{name} {types[name]}" for name in ORDER)
    opened.query(f"drop table if exists bench.{table}")
    opened.query(f"create table bench.{table} ({columns}) engine = MergeTree order by (user_id, time)")


def load(work, source, table):
    opened, before = open_work(work), process.clocks()
    if source.suffix == ".log":
        load_combined(opened, source, table)
        return {"rows": count(opened, table), **process.since(before)}
    create(opened, table, PLAIN)
    file_format = "JSONEachRow" if source.suffix == ".jsonl" else "CSVWithNames"
    opened.query(f"insert into bench.{table} select * from file('{source}', '{file_format}', '{READ}'){SETTINGS}")
    spent = process.since(before)
    if table == "events":
        opened.query(f"optimize table bench.{table} final")
    return {"rows": count(opened, table), **spent}


def load_combined(opened, source, table):
    opened.query(f"drop table if exists bench.{table}")
    opened.query(f"create table bench.{table} (time DateTime, ip String, method LowCardinality(String), path "
                 "LowCardinality(String), status UInt16, bytes UInt32, referrer LowCardinality(String), "
                 "agent LowCardinality(String)) engine = MergeTree order by (ip, time)")
    opened.query(f"insert into bench.{table} select parseDateTime(at, '[%d/%b/%Y:%H:%i:%s'), ip, "
                 "splitByChar(' ', request)[1], splitByChar(' ', request)[2], status, bytes, referrer, agent from "
                 f"file('{source}', 'CustomSeparated', '{LOG}'){SETTINGS}, format_custom_escaping_rule = 'CSV', "
                 "format_custom_field_delimiter = ' '")


def count(opened, table):
    return int(str(opened.query(f"select count() from bench.{table}", "CSV")).strip())


def open_with_cache(work):
    """Keeps uncompressed blocks, as Corong's warm questions keep decoded ones; not ClickHouse's default."""
    from chdb import session
    config = work / "clickhouse.xml"
    config.write_text(f"<clickhouse><uncompressed_cache_size>{CACHE_BYTES}</uncompressed_cache_size></clickhouse>")
    opened = session.Session(f"{work / 'chdb'}?config-file={config.resolve()}")
    opened.query(f"set use_uncompressed_cache = 1, merge_tree_max_rows_to_use_cache = {10**12}, "
                 f"merge_tree_max_bytes_to_use_cache = {10**13}")
    return opened


def ask(work, name, runs, most_seconds):
    opened = open_with_cache(work)
    question = next(question for question in questions.QUESTIONS if question.name == name)

    def run(text):
        return str(opened.query(text, "JSONCompact"))

    def read(text):
        return questions.rows_answer(question, json.loads(text)["data"])
    return process.fastest(questions.clickhouse_phrases(question), run, read, runs, most_seconds)


def table_bytes(opened, table):
    text = opened.query("select sum(bytes_on_disk) from system.parts where active and database = 'bench' and "
                        f"table = '{table}'", "CSV")
    return int(str(text).strip())


def copied_bytes(opened, types):
    create(opened, "other", types)
    opened.query(f"insert into bench.other select * from bench.events{SETTINGS}")
    opened.query("optimize table bench.other final")
    size = table_bytes(opened, "other")
    opened.query("drop table bench.other")
    return size


def sizes(work, events):
    """Bytes per event: as it comes, and with Delta and ZSTD everywhere."""
    opened = open_work(work)
    parquet = work / "events.parquet"
    parquet.unlink(missing_ok=True)
    opened.query(f"select * from bench.events order by user_id, time into outfile '{parquet}' format Parquet "
                 "settings output_format_parquet_compression_method = 'zstd', max_threads = 2")
    plain = min(table_bytes(opened, "events"), copied_bytes(opened, {**PLAIN, MANY: "String"}))
    tuned = min(copied_bytes(opened, types) for types in (TUNED, {**TUNED, MANY: "String codec(ZSTD(1))"}))
    parquet_bytes = parquet.stat().st_size
    parquet.unlink()
    return {"chdb": plain / events, "chdb, Delta + ZSTD": tuned / events,
            "Parquet zstd (chdb)": parquet_bytes / events}
