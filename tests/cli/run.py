#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs transcripts of the command line: NAME.sh in a fresh folder, NAME.out is its exact standard output,
NAME.err (if there) a pattern per line of standard error, where * is any text. `# exit: N` in the script
is the expected exit status (0 where it says none).

    tests/cli/run.py --corong build/debug/bin/corong [--update] [--no-kafka] [NAME...]

--no-kafka leaves out the scripts that say `# needs: kafka` (Debian's librdkafka does not run under TSan).
--update writes what was found as expectation: read the difference before you commit it."""
import argparse
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT_SECONDS = 60


def pattern_of(line):
    """A line of an .err file: every character stands for itself but *."""
    return ".*".join(re.escape(part) for part in line.split("*"))


def stderr_fits(expected, found):
    pattern = "\n".join(pattern_of(line) for line in expected.splitlines())
    return re.fullmatch(pattern, found.rstrip("\n")) is not None


def expected_exit(script):
    match = re.search(r"^# exit: (\d+)$", script.read_text(), re.MULTILINE)
    return int(match.group(1)) if match else 0


def run_script(script, corong, folder):
    environment = {
        "PATH": f"{corong.parent}:{os.environ['PATH']}",
        "DATA": str(HERE / "data"),
        "TOOLS": str(HERE.parent.parent / "tools" / "corong"),
        "HOME": folder,
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
        "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", ""),
    }
    return subprocess.run(["bash", "-u", str(script)], cwd=folder, env=environment, timeout=TIMEOUT_SECONDS,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def difference(expected, found, name):
    return "".join(difflib.unified_diff(expected.splitlines(True), found.splitlines(True),
                                        f"{name} expected", f"{name} found"))


def faults_of(script, done):
    out, err = script.with_suffix(".out"), script.with_suffix(".err")
    expected = out.read_text() if out.exists() else ""
    if done.returncode != expected_exit(script):
        yield f"exit {done.returncode}, expected {expected_exit(script)}\nstderr:\n{done.stderr}"
    if done.stdout != expected:
        yield difference(expected, done.stdout, out.name)
    if err.exists() and not stderr_fits(err.read_text(), done.stderr):
        yield difference(err.read_text(), done.stderr, err.name)
    if "Sanitizer" in done.stderr:
        yield done.stderr


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--corong", required=True, type=pathlib.Path)
    arguments.add_argument("--update", action="store_true")
    arguments.add_argument("--no-kafka", action="store_true")
    arguments.add_argument("names", nargs="*")
    options = arguments.parse_args()
    corong = options.corong.resolve()
    scripts = [s for s in sorted(HERE.glob("*.sh")) if not options.names or s.stem in options.names]
    if options.no_kafka:
        scripts = [s for s in scripts if "\n# needs: kafka\n" not in s.read_text()]
    failed = 0
    for script in scripts:
        folder = tempfile.mkdtemp(prefix="corong-cli-")
        try:
            done = run_script(script, corong, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if options.update:
            script.with_suffix(".out").write_text(done.stdout)
        faults = list(faults_of(script, done))
        failed += bool(faults)
        print(f"{'FAIL' if faults else 'ok  '} {script.stem}")
        for fault in faults:
            print(fault)
    print(f"{len(scripts)} transcripts, {failed} failed")
    sys.exit(1 if failed or not scripts else 0)


if __name__ == "__main__":
    main()
