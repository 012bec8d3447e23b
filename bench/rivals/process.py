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


def fastest(phrases, ask, runs, most_seconds=None):
    """Asks each phrase once (which also warms the caches), times the fastest of them, and makes sure that all
    phrases gave the same answer. What the first asking took counts towards `most_seconds`, and is the one sample where
    it is more than that."""
    first, answers = {}, {}
    for name, text in phrases.items():
        first[name], answers[name] = timed(lambda: ask(text), 1)
    best = min(first, key=lambda name: first[name]["seconds"])
    for name, answer in answers.items():
        if answer != answers[best]:
            raise Refused(f"phrases '{name}' and '{best}' differ: {answer} and {answers[best]}")
    left = None if most_seconds is None else most_seconds - sum(once["seconds"] for once in first.values())
    figures, answer = first[best], answers[best]
    if left is None or left > 0:
        figures, answer = timed(lambda: ask(phrases[best]), runs, left)
    return {**figures, "phrase": best, "phrases_first": {name: once["seconds"] for name, once in first.items()},
            "answer": answer}


def say(words):
    print(words, file=sys.stderr, flush=True)
