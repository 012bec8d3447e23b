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


def timed(action, runs):
    """The action's seconds, `runs` times, and what it gave last."""
    samples, given = [], None
    for _ in range(runs):
        before = time.perf_counter()
        given = action()
        samples.append(time.perf_counter() - before)
    return spread(samples), given


def fastest(phrases, ask, runs):
    """Asks each phrase once (which also warms the caches), times the fastest of them, and makes sure that all
    phrases gave the same answer."""
    first, answers = {}, {}
    for name, text in phrases.items():
        once, answers[name] = timed(lambda: ask(text), 1)
        first[name] = once["seconds"]
    best = min(first, key=first.get)
    for name, answer in answers.items():
        if answer != answers[best]:
            raise Refused(f"phrases '{name}' and '{best}' differ: {answer} and {answers[best]}")
    figures, answer = timed(lambda: ask(phrases[best]), runs)
    return {**figures, "phrase": best, "phrases_first": first, "answer": answer}


def say(words):
    print(words, file=sys.stderr, flush=True)
