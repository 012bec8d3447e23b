#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small benchmarks of every kind, so that none rots: the document has every part, its figures agree with
each other, what is temporary is gone afterwards, and what cannot work says why. No figure is judged.

usage: tests/bench/run.py BIN_FOLDER [NAME...]
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT.parent / "shared" / "data" / "rees46_2019-10-01_first_rows.csv.zst"
SIGINT_SECONDS = 20
PARTS = ["machine", "parameters", "generator", "sustainable", "hold", "ingest_stages", "queries", "memory", "merge",
         "loads", "growth", "bytes_per_event", "cores", "model", "examples", "seconds"]


class Place:
    """A folder to work in, and one for temporary stores, which must be empty in the end."""

    def __init__(self, binaries, folder):
        self.binaries = binaries
        self.folder = pathlib.Path(folder)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()

    def start(self, *words, **variables):
        environment = {**os.environ, "TMPDIR": str(self.temporary), **variables}
        return subprocess.Popen([str(self.binaries / "corong"), "bench", *words], cwd=self.folder, env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words, exit_code=0):
        child = self.start(*words)
        out, errors = child.communicate(timeout=200)
        require(child.returncode == exit_code,
                f"bench {' '.join(words)}: exit {child.returncode}, not {exit_code}: {errors}")
        return out, errors

    def document(self, name="corong-bench.json"):
        return json.loads((self.folder / name).read_text())


def require(good, words):
    if not good:
        sys.exit(f"FAILED: {words}")


def check_histogram(row, words):
    require(sum(count for _, count in row["histogram"]) == row["count"], f"{words}: the histogram's sum")
    order = [row[key] for key in ("p50_us", "p90_us", "p99_us", "p999_us", "max_us")]
    require(order == sorted(order), f"{words}: percentiles {order}")


def check_document(document):
    for part in PARTS:
        require(part in document, f"the document has no '{part}'")
    require(document["sustainable"]["events_per_second"] > 0, "no rate was found that lasts")
    steady = [step["asked"] for step in document["sustainable"]["steps"] if step["steady"]]
    require(document["sustainable"]["events_per_second"] == max(steady), "the rate is not the highest steady one")
    check_histogram(document["hold"]["freshness"], "freshness")
    for row in document["queries"]:
        check_histogram(row, row["name"])
    sizes = [row["events"] for row in document["growth"]]
    require(len(sizes) == 5 and sizes[4] >= 2.7 * sizes[3], f"sizes {sizes}")
    per_event = sum(row["bytes"] for row in document["bytes_per_event"])
    largest = document["growth"][-1]
    require(abs(per_event / (largest["bytes"] / largest["events"]) - 1) < 0.02,
            f"columns make {per_event} bytes an event, files {largest['bytes'] / largest['events']}")
    checks = {row["what"] for row in document["model"]["held_out"]}
    require({"cores, merging apart", "bytes on disk", "resident memory"} <= checks, f"only these were checked: {checks}")
    terms = {row["name"]: row for row in document["model"]["terms"]}
    for row in terms.values():
        require(row["low"] <= row["coefficient"] + 1e-9 and row["coefficient"] <= row["high"] + 1e-9, f"band of {row}")
        constant = row["from"] == "parameters"
        require(constant or row["coefficient"] == 0 or row["high"] > row["coefficient"] * 1.005, f"no band: {row}")
    require(terms["bytes_per_event"]["coefficient"] > 0.5, "bytes_per_event")
    require({"merge_ns_per_row", "rewrites_per_tier", "flushed_bytes_per_event", "reader_ns_per_event",
             "restart_start_ns"} <= set(terms), f"terms {set(terms)}")
    system = sum(row["cpu_ns_per_event"] for row in document["ingest_stages"] if row["system"])
    require(system > 100, f"{system} ns an event")
    everything = sum(row["cpu_ns_per_event"] for row in document["ingest_stages"])
    require(abs(everything / document["hold"]["process_cpu_ns_per_event"] - 1) < 0.02,
            f"stages make {everything} ns an event, the process {document['hold']['process_cpu_ns_per_event']}")
    require(all("measured" in row for row in document["model"]["held_out"]), "a prediction that was not checked")
    largest_users = max(row["users"] for row in document["growth"])
    if document["hold"]["live_users"] > largest_users > 1000:
        users = document["hold"]["live_users"]
        live = (terms["live_bytes_per_user"]["coefficient"] + terms["live_base_bytes"]["coefficient"] / users
                ) / document["memory"]["per_live_user_bytes"]
        require(0.5 < live < 2, f"live_bytes_per_user is {live} times what was held")


def a_run_has_every_part(place):
    out, told = place.run("--quick", "--questions", "20")
    told = told.splitlines()
    first = [index for index, line in enumerate(told) if "before it is run: bytes on disk" in line]
    last = [index for index, line in enumerate(told) if "130000 events:" in line]
    require(first and last and first[0] < last[0], f"the largest size was not predicted before it was run: {told}")
    require("sustains" in out and "would need" in out and "--quick run" in out, out)
    document = place.document()
    check_document(document)
    require(document["parameters"]["through"] == "mock" and document["parameters"]["kind"] == "synthetic", "kind")
    require(all(row["count"] > 0 for row in document["queries"]), "a question was never asked")
    out, _ = place.run("plan", "--events-per-day", "2e9", "--users", "40e6", "--days", "400", "--format", "json")
    projection = json.loads(out)["projection"]
    needs = projection["needs"]
    peak = projection["asked"]["peak_events_per_second"]
    require(abs(peak - 2e9 / 86400 * 3) < 1, f"the peak: {peak}")
    require(all(need["low"] <= need["value"] <= need["high"] for need in needs.values()), f"bands {needs}")
    require(needs["disk_bytes"]["extrapolated"] and needs["disk_bytes"]["value"] > 1e12, "the disk")
    out, _ = place.run("plan", "--events-per-day", "2e9", "--users", "40e6")
    require("(extrapolated)" in out and "cpu_ns_per_event" in out, out)


def through_files_from_a_sample(place):
    """Calibrated where there is a sample, else synthetic."""
    if SAMPLE.exists():
        place.run("--quick", "--through", "files", "--like", str(SAMPLE), "--mapping",
                  str(ROOT / "tests" / "real" / "rees46.yaml"), "--output", "like.json", "--quiet")
        document = place.document("like.json")
        fit = {row["quantity"]: row for row in document["fit"]}
        for quantity in ("users", "events per user", "events per session", "events that are view",
                         "product: distinct values", "brand: as in the event before"):
            require(abs(fit[quantity]["difference"]) < 0.1, f"{quantity}: {fit[quantity]}")
        check_document(document)
        return
    require(os.environ.get("CI") != "true", f"{SAMPLE} is not there")
    print("SKIP the sample: ../shared/data is not there")
    place.run("--quick", "--through", "files", "--shape", "late=2%:600", "--shape", "copies=1%", "--quiet")
    check_document(place.document())


def a_recording_is_replayed(place):
    log = place.folder / "shop.jsonl"
    with open(log, "wb") as out:
        subprocess.run([str(place.binaries / "clickgen"), "--events", "20000", "--users", "900", "--days", "1"],
                       stdout=out, check=True)
    place.run("--quick", "--replay", str(log), "--mapping", "generic")
    document = place.document()
    require(document["recording"]["messages"] == 20000 and document["hold"]["events"] == 20000, "events")
    place.run("--quick", "--replay", str(log), "--speed", "86400")
    hold = place.document()["hold"]
    require(0.5 < hold["seconds"] < 20 and hold["events"] == 20000, f"a day a second: {hold['seconds']} s")
    few = place.folder / "few.jsonl"
    few.write_text("".join(f'{{"user":"u{i}","ts":{1700000000 + i},"event":"view"}}\n' for i in range(4)))
    place.run("--quick", "--replay", str(few), "--mapping", "generic", "--speed", "2")
    require(1.4 < place.document()["hold"]["seconds"] < 20, "lines were sent before their time")


def a_broker_by_address(place):
    """librdkafka's broker in a process of its own, whose topic has events already: they are not ours."""
    server = place.binaries / "kafka_store_test"
    if not server.exists():
        print("SKIP a broker by address: kafka_store_test is not built")
        return
    log = place.folder / "more.jsonl"
    with open(log, "wb") as out:
        subprocess.run([str(place.binaries / "clickgen"), "--events", "6000", "--users", "300", "--days", "1"],
                       stdout=out, check=True)
    with subprocess.Popen([str(server), "--serve", "bench", str(log)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as broker:
        address = broker.stdout.readline().decode().strip()
        place.run("--quick", "--brokers", address, "--kafka-topic", "bench", "--kafka-property", "log_level=0",
                  "--replay", str(log), "--mapping", "generic", "--speed", "43200")
        document = place.document()
        require(document["parameters"]["through"] == "brokers" and document["hold"]["events"] == 6000, "events")
        child = place.start("--quick", "--brokers", address, "--like", "topic:bench", "--kafka-property",
                            "log_level=0", "--mapping", "generic", "--through", "files")
        learned = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=SIGINT_SECONDS)
        broker.stdin.close()
    require("learned from 12000 events" in learned and child.returncode == 1, learned)


def what_cannot_work_says_why(place):
    cases = [
        (2, "--shape", "user=1", "did you mean 'users'"),
        (2, "--budget", "1s", "budget"),
        (2, "--speed", "10", "--speed is of --replay"),
        (2, "--rate", "10000", "--rate is of --prefill"),
        (2, "--growth", "many", "such as 100M or 1e8"),
        (2, "--growth", "1M", "--budget", "1m", "--growth measures all that it is told to"),
        (2, "--brokers", "localhost:1", "--kafka-topic go together"),
        (2, "plan", "--events-per-day and --users say"),
        (2, "plan", "--events-per-day", "lots", "--users", "1", "is no number"),
        (1, "--output", "absent/run.json", "cannot write the run to 'absent/run.json'"),
        (1, "plan", "--run", "absent.json", "--events-per-day", "1", "--users", "1", "'corong bench' makes one"),
        (1, "--quick", "--like", "absent.jsonl", "--mapping", "generic", "absent.jsonl"),
    ]
    unreachable = place.start("--quick", "--brokers", "127.0.0.1:1", "--kafka-topic", "x",
                              "--kafka-property", "log_level=0")
    for exit_code, *words, expected in cases:
        _, errors = place.run(*words, exit_code=exit_code)
        require(expected in errors, f"{words}: {errors}")
    (place.folder / "empty.jsonl").write_text("\n\n")
    _, errors = place.run("--quick", "--like", "empty.jsonl", "--mapping", "generic", exit_code=2)
    require("nothing can be learned" in errors, errors)
    _, errors = unreachable.communicate(timeout=60)
    require(unreachable.returncode == 1 and "cannot ask any broker" in errors, errors)
    require(not list(place.temporary.iterdir()), f"left behind: {list(place.temporary.iterdir())}")


def an_interrupt_leaves_nothing_behind(place):
    for pause in (0.5, 2):
        child = place.start("--output", "never.json")
        time.sleep(pause)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=SIGINT_SECONDS)
        require(child.returncode == 1 and "interrupted" in errors, f"exit {child.returncode}: {errors}")
        require(not list(place.temporary.iterdir()), f"left behind: {list(place.temporary.iterdir())}")
        require(not (place.folder / "never.json").exists(), "a document of an interrupted run")


def fill(folder):
    """Takes what is left, to the last byte."""
    with open(folder / "ballast", "wb", buffering=0) as out, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while out.write(bytes(size)) == size:
                    pass


def on_a_small_disk(place, size, fills):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "corong-test", str(place.temporary)],
                          capture_output=True, check=False)
    if done.returncode != 0:
        print("SKIP a full disk: mounting is not allowed here")
        return
    try:
        child = place.start("--quick")
        while fills and child.poll() is None and not list(place.temporary.glob("corong-bench-*/seg")):
            time.sleep(0.05)
        if fills:
            fill(place.temporary)
        _, errors = child.communicate(timeout=120)
        require(child.returncode == 1 and "space" in errors, f"exit {child.returncode}: {errors}")
        left = [path.name for path in place.temporary.iterdir() if path.name != "ballast"]
        require(not left, f"left behind: {left}")
    finally:
        subprocess.run(["umount", "-l", str(place.temporary)], check=True)


def a_full_disk_ends_the_run(place):
    on_a_small_disk(place, 3, False)  # before anything
    on_a_small_disk(place, 64, True)  # in the middle


RECORDED = ROOT / "tests" / "bench" / "recorded"


def repeated_runs_are_noise_and_a_slow_one_is_not(place):
    """Recorded growths of one machine, taken in turn: five and five of the same program, five of a slow build of it."""
    for before, after, worse in (("before", "again", False), ("before", "slower", True), ("again", "slower", True)):
        words = [str(place.binaries / "corong"), "bench", "compare", str(RECORDED / before), str(RECORDED / after)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        require(done.returncode == (1 if worse else 0), f"{before} and {after}: exit {done.returncode}: {done.stdout}")
        named = "cpu_ns_per_event" in done.stdout
        require(named or not worse, f"{before} and {after}: what is slow is not named: {done.stdout}")


def check_refused_growths(place, words):
    """What a stopped growth is not: said in words, and its file stays as it is."""
    before = (place.folder / "grown.json").read_bytes()
    other_folder = place.folder / "elsewhere"
    other_folder.mkdir()
    cases = [(("--shape", "session=3"), {}, 'shape.words was [] and is now ["session=3"]'),
             (("--seed", "9"), {}, "seed was 1 and is now 9"),
             (("--memory-limit", "2GiB"), {}, "memory_limit_bytes was 1073741824 and is now 2147483648"),
             ((), {"TMPDIR": str(other_folder)}, 'elsewhere"'),
             (("--growth", "10k"), {}, "growth_events was 30000 and is now 10000")]
    for more, variables, expected in cases:
        child = place.start(*words, *more, **variables)
        _, errors = child.communicate(timeout=60)
        require(child.returncode == 2 and expected in errors and "--output" in errors, f"{more}: {errors}")
        require((place.folder / "grown.json").read_bytes() == before, f"{more}: the file was written")


def a_growth_goes_on_where_it_was_stopped(place):
    words = ["--growth", "30k", "--output", "grown.json"]
    child = place.start(*words)
    until = time.monotonic() + 60
    grown = place.folder / "grown.json"
    while not grown.exists() and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=SIGINT_SECONDS)
    require(child.returncode == 1 and "interrupted" in errors, f"exit {child.returncode}: {errors}")
    require(not list(place.temporary.iterdir()), f"left behind: {list(place.temporary.iterdir())}")
    first = place.document("grown.json")
    require(first["unfinished"] and first["growth"], "nothing was kept")
    check_refused_growths(place, words)
    _, told = place.run(*words)
    require("as measured before" in told, told)
    whole = place.document("grown.json")
    require(whole["growth"][0] == first["growth"][0], "the first size was measured anew")
    require("unfinished" not in whole and whole["growth"][-1]["events"] == 30000, "it was not finished")
    for row in whole["growth"]:
        require(row["stored"] == row["events"] and row["restart_seconds"] > 0 and row["settle_seconds"] > 0, f"{row}")
    require(whole["merging"]["rows_merged"] > 0, "nothing was merged")
    check_larger_growth(place, whole)


def check_larger_growth(place, smaller):
    """A finished one goes on to a larger size, and keeps what it has until the next size is there."""
    child = place.start("--growth", "80k", "--output", "grown.json")
    until = time.monotonic() + 60
    while place.document("grown.json") == smaller and child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    larger = place.document("grown.json")
    sizes = [row["events"] for row in larger["growth"]]
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=SIGINT_SECONDS)
    require(sizes[-1] == 31000 and larger["growth"][:-1] == smaller["growth"][:-1], f"sizes {sizes}")


def a_full_store_is_asked_while_it_grows(place):
    out, _ = place.run("--prefill", "50k", "--quick", "--questions", "20", "--output", "full.json")
    require("over a store of 50,000 events" in out, out)
    require("already held 50 k events" in (place.folder / "full.html").read_text(), "the page does not say so")
    document = place.document("full.json")
    require(document["prefill"]["events"] == 50000 and document["hold"]["events"] > 0, "events")
    require(document["parameters"]["outputs"] == "counts", "it was asked for more than counts")
    counts = {row["name"]: row["count"] for row in document["queries"]}
    require(counts["funnel"] > 0 and counts["week"] > 0 and counts["stages"] == 0, f"questions {counts}")
    held = document["hold"]["asked"] / document["sustainable"]["events_per_second"]
    require(abs(held - 0.8) < 0.001, f"held {held} of what is sustainable")
    require(document["hold"]["question_cpu_ns"] > 0, "questions took no time")


def a_named_rate_is_held_over_a_full_store(place):
    _, said = place.run("--prefill", "50k", "--quick", "--rate", "20000", "--questions", "5", "--output", "rate.json")
    require("ms of CPU a question" in said, said)
    document = place.document("rate.json")
    require(document["hold"]["asked"] == 20000 and "sustainable" not in document, "it was looked for a rate")


# Two lanes at a time, as much of each is waiting for what is due; the first one looks for rates that last, and
# what waits longest stands beside it.
LANES = [[a_run_has_every_part, through_files_from_a_sample, a_full_store_is_asked_while_it_grows,
          a_named_rate_is_held_over_a_full_store, an_interrupt_leaves_nothing_behind],
         [what_cannot_work_says_why, a_broker_by_address, a_recording_is_replayed,
          a_growth_goes_on_where_it_was_stopped, repeated_runs_are_noise_and_a_slow_one_is_not,
          a_full_disk_ends_the_run]]


def run_lane(tests, binaries):
    """What fails is a SystemExit, which the pool hands on."""
    for test in tests:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="corong-bench-test-") as folder:
            place = Place(binaries, folder)
            test(place)
            require(not list(place.temporary.iterdir()), f"left behind: {list(place.temporary.iterdir())}")
        print(f"ok   {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binaries = pathlib.Path(sys.argv[1]).resolve()
    lanes = [[test for test in lane if len(sys.argv) == 2 or test.__name__ in sys.argv[2:]] for lane in LANES]
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for lane in [pool.submit(run_lane, lane, binaries) for lane in lanes]:
            lane.result()


if __name__ == "__main__":
    main()
