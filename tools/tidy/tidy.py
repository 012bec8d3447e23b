#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of STYLE.md that a program can check. Prints one line per fault, exits 1 if any."""
import fnmatch
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAYERS = ["storage", "engine", "ingest", "tools"]
OPEN_FOLDERS = {"storage/base", "storage/column", "engine/event"}
TOP_LEVEL = {"CMakeLists.txt", "ingest", "engine", "storage", "bench", "tests", "tools", "README.md",
             "LICENSE", "CHANGELOG.md", "CMakePresets.json"}
FUNCTION_LINES_MAX, FILE_LINES_MAX, HEADER_LINES_MAX, COLUMNS_MAX = 70, 600, 300, 100
BANNED = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strcpy|strcat|sprintf|atoi|gets|strtok)\s*\(")
ATOMIC_FILES = {
    "storage/base/pages.c",
    "engine/event/lane.h", "engine/event/parker.h", "engine/route/route.h", "engine/shard/sealed_chunk.h",
    "engine/shard/shard_counters.h", "engine/shard/shard_mail.h", "engine/live/live_counts.h",
    "engine/live/live_range.h", "engine/engine_state.h", "engine/engine_merge.h",
    "engine/query/query.h", "engine/query/query_tasks.c",
    "storage/merge/merge.c", "tools/corong/cmd_replay.c", "ingest/pump_shared.h", "storage/base/cpu.c",
}
SHELVES = LAYERS + ["bench"]  # whose every folder says on a page what lies in it
PROGRAMS = {".c", ".h", ".py", ".sh", ".js", ".mjs", ".ts"}
VARIANT = re.compile(r"_(avx2|sse2|kernels?)$")  # of a file that is named
faults = []


def fault(path, line, words):
    faults.append(f"{path}:{line}: {words}")


def tracked():
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                         capture_output=True, text=True, check=True)
    return [pathlib.PurePath(name) for name in out.stdout.splitlines() if (ROOT / name).exists()]


def door_of(path):
    """The header through which others use the folder of `path`."""
    folder = path.parent
    return folder / (folder.name + ".h")


def check_include(path, number, target):
    mine, theirs = path.parts[0], target.parts[0]
    if theirs not in LAYERS or mine not in LAYERS:
        return
    if LAYERS.index(theirs) > LAYERS.index(mine):
        fault(path, number, f"includes upward: {target}")
    same_house = str(path.parent).startswith(str(target.parent)) or target.parent == path.parent
    if same_house or str(target.parent) in OPEN_FOLDERS or target == door_of(target):
        return
    if str(target.parent) == "ingest":  # reject.h and source.h are the vocabulary of the layer
        return
    fault(path, number, f"includes {target}, which is private to {target.parent}/")


def check_functions(path, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"^\{\s*$", line) or re.match(r"^[A-Za-z_].*\)\s*\{\s*$", line):
            start = number
        if line.startswith("}") and start:
            if number - start > FUNCTION_LINES_MAX:
                fault(path, start, f"function of {number - start} lines, at most {FUNCTION_LINES_MAX}")
            start = None


def check_source(path):
    lines = (ROOT / path).read_text().splitlines()
    if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        fault(path, 1, "first line is not the SPDX line")
    most = HEADER_LINES_MAX if path.suffix == ".h" else FILE_LINES_MAX
    if len(lines) > most:
        fault(path, len(lines), f"{len(lines)} lines, at most {most}")
    product = path.parts[0] in LAYERS
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            fault(path, number, f"{len(line)} columns, at most {COLUMNS_MAX}")
        include = re.match(r'#include "([^"]+)"', line)
        if include:
            target = pathlib.PurePath(include.group(1))
            if not (ROOT / target).exists():
                fault(path, number, f"include not written from the root: {target}")
            check_include(path, number, target)
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
        if product and str(path) != "storage/base/memory.c" and BANNED.search(code):
            fault(path, number, f"banned call: {BANNED.search(code).group(1)}")
        if product and "<stdatomic.h>" in line and str(path) not in ATOMIC_FILES:
            fault(path, number, "atomics outside the listed files")
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            fault(path, number, "unfinished work is an issue, not a comment")
    check_functions(path, lines)


def check_text(path):
    """A formatter of C that went over Markdown leaves headings such as '##Files' and '#storage / file'."""
    fenced = False
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        fenced ^= line.startswith("```")
        if not fenced and re.match(r"\s*#+[^#\s!]", line):
            fault(path, number, "a heading without a space, or a text that was formatted as C")


def check_names(paths):
    stems = {}
    for path in paths:
        if path.suffix in {".c", ".cpp"} and path.name not in {"main.c"}:
            if path.name in stems:
                fault(path, 1, f"file name used twice: {stems[path.name]}")
            stems[path.name] = path


def is_program(path):
    return path.suffix in PROGRAMS or (not path.suffix and os.access(ROOT / path, os.X_OK))


def check_shelf(folder, paths):
    """A README that names each source: its stem as a word, or a pattern such as `json_*` at a code span's start."""
    if not (ROOT / folder / "README.md").exists():
        fault(folder, 1, "a folder with sources and no README.md")
        return
    text = (ROOT / folder / "README.md").read_text()
    named, patterns = set(re.findall(r"\w+", text)), re.findall(r"`([a-z]\w*\*)[`.]", text)
    stems = {path.stem for path in paths if path.suffix in {".c", ".h"}}
    missing = [stem for stem in sorted(stems) if not {stem, VARIANT.sub("", stem)} & named and
               not any(fnmatch.fnmatch(stem, pattern) for pattern in patterns)]
    if missing:
        fault(folder / "README.md", 1, f"does not name {', '.join(missing)}")


def main():
    paths = tracked()
    for top in sorted({path.parts[0] for path in paths}):
        if top not in TOP_LEVEL and not top.startswith("."):
            fault(top, 1, "not a name the top level may have")
    for path in paths:
        if path.suffix in {".c", ".h", ".cpp"}:
            check_source(path)
        elif path.suffix == ".md":
            check_text(path)
    check_names(paths)
    programs = [path for path in paths if path.parts[0] in SHELVES and is_program(path)]
    for folder in sorted({path.parent for path in programs}):
        check_shelf(folder, [path for path in programs if path.parent == folder])
    for line in faults:
        print(line)
    print(f"tidy: {len(paths)} files, {len(faults)} faults", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
