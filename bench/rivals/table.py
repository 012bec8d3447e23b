# SPDX-License-Identifier: Apache-2.0
"""Rows of a run: compared, printed, written as JSON."""
import hashlib
import json
import sys

HEAD = f"{'what':<30} {'engine':<22} {'median s':>9} {'min':>8} {'max':>8} {'M events/s':>11} {'CPU s':>7} " \
       f"{'peak MiB':>9} {'B/event':>8} {'runs':>4} {'ratio':>8} {'of CPU':>8}"


class Table:
    """Rows {what, engine, figures..., answer}. The first row of a `what` is Corong's: ratios are to it."""

    def __init__(self):
        self.rows = []

    def add(self, what, engine, figures):
        self.rows.append({"what": what, "engine": engine, **figures})

    def first(self, what):
        return next(row for row in self.rows if row["what"] == what)

    def settle(self):
        """Ratios, and a word for each row whose answer is not Corong's. True where all agree."""
        agreed = True
        for row in self.rows:
            ours = self.first(row["what"])
            key = "seconds" if "seconds" in row else "bytes_per_event"
            if key in row and key in ours:
                row["ratio"] = row[key] / ours[key]
            if row.get("cpu_seconds") and ours.get("cpu_seconds"):
                row["cpu_ratio"] = row["cpu_seconds"] / ours["cpu_seconds"]
            if "answer" in row and "answer" in ours and row["answer"] != ours["answer"]:
                agreed = False
                tell_difference(row, ours)
        return agreed

    def print(self):
        print(HEAD)
        for row in self.rows:
            print(line_of(row))

    def document(self, facts):
        """As JSON; answers as hashes."""
        rows = []
        for row in self.rows:
            shown = {key: value for key, value in row.items() if key != "answer"}
            if "answer" in row:
                shown["answer_hash"] = hash_of(row["answer"])
            rows.append(shown)
        return json.dumps({"corong_rivals": 1, **facts, "rows": rows}, indent=1) + "\n"


def line_of(row):
    def cell(name, width, scale=1.0, digits=2):
        return f"{row[name] * scale:>{width}.{digits}f}" if name in row else " " * width
    words = (f"{row['what']:<30} {row['engine']:<22} {cell('seconds', 9, 1, 4)} {cell('min', 8, 1, 4)} "
             f"{cell('max', 8, 1, 4)} {cell('events_per_s', 11, 1e-6)} {cell('cpu_seconds', 7)} "
             f"{cell('peak_mib', 9, 1, 0)} {cell('bytes_per_event', 8)} "
             f"{len(row['runs']) if 'runs' in row else '':>4} ")
    if "ratio" not in row:
        return words + row.get("note", "")
    return words + f"{row['ratio']:>7.2f}x" + (f"{row['cpu_ratio']:>8.2f}x" if "cpu_ratio" in row else "")


def hash_of(answer):
    return hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:16]


def tell_difference(row, ours):
    mine, theirs = ours["answer"], row["answer"]
    if not isinstance(mine, dict):
        print(f"{row['what']}: {row['engine']} says {theirs}, corong {mine}", file=sys.stderr)
        return
    keys = [key for key in sorted(set(mine) | set(theirs)) if mine.get(key) != theirs.get(key)]
    print(f"{row['what']}: {row['engine']} answers differently in {len(keys)} of {len(mine)} rows, such as "
          f"'{keys[0]}': {theirs.get(keys[0])}, corong {mine.get(keys[0])}", file=sys.stderr)
