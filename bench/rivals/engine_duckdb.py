# SPDX-License-Identifier: Apache-2.0
"""DuckDB inside a Python process. Two threads."""

import process
import questions

COLUMNS = {"time": "TIMESTAMP", "event": "VARCHAR", "user_id": "VARCHAR", "country": "VARCHAR", "device": "VARCHAR",
           "campaign": "VARCHAR", "page": "VARCHAR", "product": "VARCHAR", "revenue": "DOUBLE"}
COMBINED = (r'^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) \S+" (\d+) (\d+) "([^"]*)" "([^"]*)"$')
GROUPS = "['ip', 'authuser', 'time', 'method', 'path', 'status', 'bytes', 'referrer', 'agent']"


def version():
    import duckdb
    return duckdb.__version__


def open_work(work):
    import duckdb
    connection = duckdb.connect(str(work / "duck.db"))
    connection.execute("set threads = 2")
    return connection


def load(work, source, table):
    connection, before = open_work(work), process.clocks()
    connection.execute(f"drop table if exists {table}")
    if source.suffix == ".log":
        connection.execute(
            f"create table {table} as select strptime(g.time, '%d/%b/%Y:%H:%M:%S %z') time, g.ip, g.method, g.path, "
            "g.status::usmallint status, g.bytes::uinteger bytes, g.referrer, g.agent from (select "
            f"regexp_extract(line, '{COMBINED}', {GROUPS}) g from read_csv('{source}', columns = {{'line': 'VARCHAR'}}, "
            "delim = '\\x01', quote = '', escape = '', header = false, auto_detect = false))")
    else:
        columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items()) + "}"
        reader = "read_json" if source.suffix == ".jsonl" else "read_csv"
        extra = "format = 'newline_delimited'" if reader == "read_json" else "header = true"
        connection.execute(f"create table {table} as select * from {reader}('{source}', columns = {columns}, {extra})")
    connection.execute("checkpoint")
    spent = process.since(before)
    return {"rows": connection.execute(f"select count(*) from {table}").fetchone()[0], **spent}


def ask(work, name, runs, most_seconds):
    connection = open_work(work)
    question = next(question for question in questions.QUESTIONS if question.name == name)

    def run(text):
        return questions.rows_answer(question, connection.execute(text).fetchall())
    return process.fastest(questions.duckdb_phrases(question), run, runs, most_seconds)


def sizes(work, events):
    """Bytes per event of the table in a file of its own, sorted as the others are, and as Parquet."""
    connection = open_work(work)
    other, parquet = work / "sorted.db", work / "duck.parquet"
    connection.execute(f"attach '{other}' as sorted")
    connection.execute("create table sorted.events as select * from events order by user_id, time")
    connection.execute("checkpoint sorted")
    connection.execute(f"copy (select * from events order by user_id, time) to '{parquet}' "
                       "(format parquet, compression zstd)")
    connection.execute("detach sorted")
    given = {"duckdb": other.stat().st_size / events, "Parquet zstd (duckdb)": parquet.stat().st_size / events}
    other.unlink()
    parquet.unlink()
    return given
