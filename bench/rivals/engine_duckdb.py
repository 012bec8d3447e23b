# SPDX-License-Identifier: Apache-2.0
"""DuckDB inside a Python process. Two threads."""

import process
import questions

COLUMNS = {"time": "TIMESTAMP", "event": "VARCHAR", "user_id": "VARCHAR", "country": "VARCHAR", "device": "VARCHAR",
           "campaign": "VARCHAR", "page": "VARCHAR", "product": "VARCHAR", "revenue": "DOUBLE"}
# An access log read as a table between spaces; twice as fast as by a regular expression. The zone is +0000 here.
LOG = {"ip": "VARCHAR", "ident": "VARCHAR", "authuser": "VARCHAR", "stamp": "VARCHAR", "zone": "VARCHAR",
       "request": "VARCHAR", "status": "USMALLINT", "bytes": "UINTEGER", "referrer": "VARCHAR", "agent": "VARCHAR"}


LAYOUT = "sorted"  # of the table of the questions; a kept one of another layout is made anew


def version():
    import duckdb
    return duckdb.__version__


def open_work(work):
    import duckdb
    connection = duckdb.connect(str(work / "duck.db"))
    connection.execute("set threads = 2; set preserve_insertion_order = false")  # the others keep no order either
    return connection


def load(work, source, table):
    connection, before = open_work(work), process.clocks()
    connection.execute(f"drop table if exists {table}")
    if source.suffix == ".log":
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in LOG.items())
        connection.execute(
            f"create table {table} as select strptime(stamp, '[%d/%b/%Y:%H:%M:%S') as time, ip, "
            "split_part(request, ' ', 1) as method, split_part(request, ' ', 2) as path, status, bytes, referrer, agent "
            f"from read_csv('{source}', columns = {{{types}}}, delim = ' ', quote = '\"', escape = '\"', header = false, "
            "auto_detect = false)")
    else:
        columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items()) + "}"
        reader = "read_json" if source.suffix == ".jsonl" else "read_csv"
        extra = "format = 'newline_delimited'" if reader == "read_json" else "header = true"
        connection.execute(f"create table {table} as select * from {reader}('{source}', columns = {columns}, {extra})")
    connection.execute("checkpoint")
    spent = process.since(before)
    if table == "events":  # of the questions: laid out as the others have it; asof joins take half the time
        connection.execute("create table sorted as select * from events order by user_id, time; drop table events; "
                           "alter table sorted rename to events; checkpoint")
    return {"rows": connection.execute(f"select count(*) from {table}").fetchone()[0], **spent}


def ask(work, name, runs, most_seconds):
    connection = open_work(work)
    question = next(question for question in questions.QUESTIONS if question.name == name)

    def run(text):
        return connection.execute(text).fetchall()
    return process.fastest(questions.duckdb_phrases(question), run,
                           lambda rows: questions.rows_answer(question, rows), runs, most_seconds)


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
