# SPDX-License-Identifier: Apache-2.0
"""Programs run and measured; timings summed up."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


class Refused(Exception):
    """A program did not do what was asked; the text is its last words."""


def measured(arguments):
    """Runs a command: (standard output, {seconds, cpu_seconds, peak_mib}). Raises Refused."""
    before = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(list(map(str, arguments)), stdout=out, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - before
        if child.returncode != 0:
            errors.seek(0)
            raise Refused(f"{pathlib.Path(str(arguments[0])).name} {arguments[1]}: exit {child.returncode}: "
                          f"{errors.read()[-2000:].strip()}")
        out.seek(0)
        return out.read(), {"seconds": wall, "cpu_seconds": usage.ru_utime + usage.ru_stime,
                            "peak_mib": usage.ru_maxrss / 1024}


def folder_bytes(path):
    path = pathlib.Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def spread(samples):
    """Median, ends and the samples themselves."""
    return {"seconds": statistics.median(samples), "min": min(samples), "max": max(samples), "runs": samples}


def cpu_seconds():
    """Of this process, all its threads, as the program counts its own (CLOCK_PROCESS_CPUTIME_ID)."""
    return time.process_time()


def clocks():
    return time.perf_counter(), cpu_seconds()


def since(before):
    """What an action took that began at `before`: of the process alone, without its start."""
    return {"seconds": time.perf_counter() - before[0], "cpu_seconds": cpu_seconds() - before[1]}


def timed(action, runs, most_seconds=None):
    """The action's seconds, `runs` times or until they took `most_seconds` together, the processor's, and what it
    gave last."""
    samples, spent, given = [], [], None
    while len(samples) < runs and (not samples or most_seconds is None or sum(samples) < most_seconds):
        before, cpu_before = time.perf_counter(), cpu_seconds()
        given = action()
        samples.append(time.perf_counter() - before)
        spent.append(cpu_seconds() - cpu_before)
    return {**spread(samples), "cpu_seconds": statistics.median(spent)}, given


NEAR = 1.3  # phrases this near to the fastest when first asked are all timed


def fastest(phrases, ask, read, runs, most_seconds=None):
    """Asks each phrase once, the first of them twice, as the first asking of all fills caches. Then times those that
    were nearly the fastest, each up to `runs` times or `most_seconds`, and takes the one with the lowest median. All
    phrases must give the same answer, which `read` makes of what `ask` gave; it is not timed."""
    ask(next(iter(phrases.values())))
    first, answers = {}, {}
    for name, text in phrases.items():
        first[name], given = timed(lambda: ask(text), 1)
        answers[name] = read(given)
    lowest = min(once["seconds"] for once in first.values())
    figures = {}
    for name, text in phrases.items():
        if first[name]["seconds"] <= NEAR * lowest:
            figures[name], given = timed(lambda: ask(text), runs, most_seconds)
            answers[name + ", again"] = read(given)
    best = min(figures, key=lambda name: figures[name]["seconds"])
    for name, answer in answers.items():
        if answer != answers[best]:
            raise Refused(f"phrases '{name}' and '{best}' differ: {answer} and {answers[best]}")
    return {**figures[best], "phrase": best, "phrases_first": {name: once["seconds"] for name, once in first.items()},
            "answer": answers[best]}


def say(words):
    print(words, file=sys.stderr, flush=True)
