#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays real logs of ../shared/data and compares every count with answer.py. Where the folder is absent
the skip is printed; in CI its absence fails. Usage: run.py CORONG"""
import csv
import datetime
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import answer  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent.parent.parent / "shared" / "data"
DAY_US = 86400 * 10**6
checks = 0


def corong(*arguments):
    out = subprocess.run([CORONG, *map(str, arguments)], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"corong {' '.join(map(str, arguments))}: exit {out.returncode}\n{out.stderr[-3000:]}")
    return out.stdout, out.stderr


def ask(verb, store, *arguments):
    return json.loads(corong(verb, "--store", store, "--format", "json", *arguments)[0])


def expect(what, found, expected):
    global checks
    checks += 1
    if found != expected:
        sys.exit(f"{what}: expected {expected}, found {found}")


def replay(work, name, paths, mapping):
    store = work / f"{name}.store"
    books = corong("replay", "--store", store, "--mapping", mapping, "--format", "json", "--quiet",
                   *paths)[0]
    corong("verify", "--store", store)
    return store, json.loads(books)


def levels(result):
    return [step["reached"] for step in result["total"]["steps"]]


def steps_of(names):
    return [word for name in names for word in ("--step", name)]


def compare_funnel(name, store, events, names, window_us=None, by=None):
    window = "none" if window_us is None else f"{window_us}us"
    arguments = steps_of(names) + ["--window", window] + (["--by", by, "--top", "1000"] if by else [])
    result = ask("funnel", store, *arguments)
    counts, by_value = answer.reached(events, names, window_us)
    expect(f"{name}: {' > '.join(names)} in {window}", levels(result), counts)
    for row in result["slices"] if by else []:
        value = row["values"][0]
        expect(f"{name}: slice {value}", [step["reached"] for step in row["steps"]], by_value.pop(value))
    if by:
        expect(f"{name}: slices not listed", by_value, {})
    return result


def parse_utc(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
               .timestamp() * 10**6 + 0.5)


def add(events, user, time_us, name, value=None):
    events.setdefault(user, []).append((time_us, name, value))


def decompress(name):
    return subprocess.run(["zstd", "-dcq", str(DATA / name)], capture_output=True, check=True).stdout


def otto(work):
    path = DATA / "otto_test_train.jsonl"
    events, count = {}, 0
    for line in path.read_text().splitlines():
        session = json.loads(line)
        for event in session["events"]:
            name = {"clicks": "click", "carts": "cart", "orders": "order"}[event["type"]]
            add(events, session["session"], event["ts"] * 1000, name)
            count += 1
    store, books = replay(work, "otto", [path], "otto")
    expect("otto: events stored", books["run"]["stored"], count)
    for window_us in (None, DAY_US, 7 * DAY_US):
        compare_funnel("otto", store, events, ["click", "cart", "order"], window_us)
    found = ask("sessions", store)["total"]
    expect("otto: sessions", (found["sessions"], found["bounces"]),
           answer.sessions(events, 30 * 60 * 10**6))


def rees46(work):
    name = "rees46_2019-10-01_first_rows.csv.zst"
    text = decompress(name).decode()
    events = {}
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows[:-1]:
        add(events, row["user_id"], parse_utc(row["event_time"].removesuffix(" UTC")),
            row["event_type"], row["brand"] or None)
    store, books = replay(work, "rees46", [DATA / name], HERE / "rees46.yaml")
    expect("rees46: rows stored", books["run"]["stored"], 17434)
    expect("rees46: cut line rejected", books["run"]["rejected"], {"column_count": 1})
    result = compare_funnel("rees46", store, events, ["view", "cart", "purchase"], None)
    expect("rees46: published figures", levels(result), [4504, 111, 62])
    compare_funnel("rees46", store, events, ["view", "cart", "purchase"], 600 * 10**6)
    compare_funnel("rees46", store, events, ["view", "purchase"], None, "brand")


def homepage(work):
    name = "homepage_actions.csv.zst"
    events = {}
    for row in csv.DictReader(io.StringIO(decompress(name).decode())):
        add(events, row["id"], parse_utc(row["timestamp"]), row["action"], row["group"])
    store, _ = replay(work, "homepage", [DATA / name], HERE / "homepage.yaml")
    result = compare_funnel("homepage", store, events, ["view", "click"], None, "group")
    groups = {row["values"][0]: [step["reached"] for step in row["steps"]] for row in result["slices"]}
    expect("homepage: published figures", groups,
           {"control": [3332, 932], "experiment": [2996, 928]})


LOG_LINE = re.compile(r'^(\S+) \S+ (\S+) \[([^]]+)\] "(\S+) ([^" ?]*)[^"]*" (\d+) (\S+) "((?:[^"\\]|\\.)*)" '
                      r'"((?:[^"\\]|\\.)*)"$')


def combined(work):
    name = "apache_combined_10000.log.zst"
    events, outside = {}, 0
    for line in decompress(name).decode().splitlines():
        found = LOG_LINE.match(line)
        if not found:
            outside += 1
            continue
        stamp = datetime.datetime.strptime(found.group(3), "%d/%b/%Y:%H:%M:%S %z")
        add(events, found.group(1) + found.group(9), int(stamp.timestamp()) * 10**6, "visit",
            found.group(6))
    store, books = replay(work, "combined", [DATA / name], "combined")
    expect("combined: lines", books["run"]["messages"], 10000)
    expect("combined: stored", books["run"]["stored"], 10000 - outside)
    expect("combined: visitors", levels(ask("funnel", store, "--step", "visit"))[0], len(events))
    compare_funnel("combined", store, events, ["visit", "visit", "visit"], 3600 * 10**6)
    found = ask("sessions", store)["total"]
    expect("combined: sessions", (found["sessions"], found["bounces"]),
           answer.sessions(events, 30 * 60 * 10**6))


def bitly(work):
    name = "bitly_usagov_clicks.ndjson.zst"
    events, heartbeats = {}, 0
    for line in decompress(name).decode().splitlines():
        click = json.loads(line)
        if "_heartbeat_" in click:
            heartbeats += 1
            continue
        add(events, click["a"], click["t"] * 10**6, "click", click["c"] or None)
    store, books = replay(work, "bitly", [DATA / name], HERE / "bitly.yaml")
    expect("bitly: heartbeats are no messages", books["run"]["blank"], heartbeats)
    empty = len(events.pop("", []))
    expect("bitly: stored", books["run"]["stored"], sum(map(len, events.values())))
    expect("bitly: clicks of nobody rejected", books["run"]["messages_rejected"], empty)
    compare_funnel("bitly", store, events, ["click", "click"], 600 * 10**6)


def msnbc(work):
    path = work / "msnbc.csv"
    pages = ["frontpage", "news", "tech", "local", "opinion", "on-air", "misc", "weather", "msn-news",
             "health", "living", "business", "msn-sports", "sports", "summary", "bbs", "travel"]
    names = ["frontpage", "news", "sports"]
    wanted = [str(pages.index(name) + 1) for name in names]
    counts, views, user = [0, 0, 0], 0, 0
    with zipfile.ZipFile(DATA / "msnbc990928.zip") as archive, path.open("w") as out:
        out.write("user,second,page\n")
        for line in archive.read("msnbc990928.seq").decode().splitlines():
            codes = line.split()
            if not codes or not codes[0].isdigit():
                continue
            level = 0
            for second, code in enumerate(codes):
                out.write(f"v{user},{800000000 + second},{pages[int(code) - 1]}\n")
                if level < 3 and code == wanted[level]:
                    counts[level] += 1
                    level += 1
            views, user = views + len(codes), user + 1
    store, books = replay(work, "msnbc", [path], HERE / "msnbc.yaml")
    path.unlink()
    expect("msnbc: page views", books["run"]["stored"], views)
    expect("msnbc: funnel", levels(ask("funnel", store, *steps_of(names), "--window", "none")), counts)
    print(f"msnbc: {views} page views of {user} visitors: {' > '.join(names)}: {counts}")


def main():
    if not DATA.is_dir():
        if os.environ.get("CI") == "true":
            sys.exit(f"{DATA} is missing")
        print(f"SKIP real logs: {DATA} is not here")
        return
    with tempfile.TemporaryDirectory(prefix="corong-real-") as folder:
        for run in (otto, rees46, homepage, combined, bitly, msnbc):
            run(pathlib.Path(folder))
            print(f"{run.__name__}: equal")
    print(f"real logs: 6 sets, {checks} checks, 0 differences")


CORONG = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/corong"
if __name__ == "__main__":
    main()
