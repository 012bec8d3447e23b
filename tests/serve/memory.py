# SPDX-License-Identifier: Apache-2.0
"""A server's memory on input that tries to break it: what is resident and what lies in memory files stay together
under the limit and a fixed part, while questions come four times a second and merges run."""

import importlib.util
import itertools
import pathlib
import subprocess
import time

import life
import server as kit
from memory_watch import ALLOWANCE_MIB, Watcher, forget_peak, resident_peak

LIMITS_MIB = (64, 128)  # the smallest that is allowed, and a common one

_spec = importlib.util.spec_from_file_location(
    "real_memory", pathlib.Path(__file__).resolve().parent.parent / "real" / "memory.py")
hostile_logs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hostile_logs)


def put_in(rig, server, name):
    """One hostile log through the server; the most that was used meanwhile, and what the parts were."""
    log = rig.folder / f"{name}.jsonl"
    if not log.exists():
        make = getattr(hostile_logs, name)
        lines = make() if rig.long else itertools.islice(make(), 250_000)
        hostile_logs.write_input(log, lines)
    forget_peak(server.process.pid)
    watcher = Watcher(server)
    watcher.start()
    try:
        config = str(rig.folder / "memory.yaml")
        life.end_replay(life.start_replay(rig, server, log, "--config", config, mapping=None),
                        seconds=20 * kit.PATIENCE)
    finally:
        watcher.stop()
    return resident_peak(server.process.pid), watcher


def under_limit(rig, limit_mib, names):
    config = rig.folder / "memory.yaml"
    config.write_text(hostile_logs.CONFIG)
    worst, lines = 0.0, []
    options = ["--config", str(config), "--commit-interval", "1s"]
    with kit.Server(rig.binaries, *options, limit=f"{limit_mib}MiB") as server:
        for name in names:
            begun = time.monotonic()
            peak, watcher = put_in(rig, server, name)
            total = peak + watcher.chunks_mib
            worst = max(worst, total)
            lines.append(f"    {limit_mib} MiB, {name}: {peak:.0f} MiB resident, {watcher.chunks_mib:.1f} in chunks, "
                         f"{watcher.views} views, {time.monotonic() - begun:.1f} s; at most {watcher.words()}")
        server.end()
        server.run("verify")
    rig.require(worst <= limit_mib + ALLOWANCE_MIB,
                f"{worst:.0f} MiB, {limit_mib} and {ALLOWANCE_MIB} are allowed\n" + "\n".join(lines))
    return worst - limit_mib, lines


def memory_stays_under_its_limit(rig):
    version = subprocess.run([rig.binaries / "corong", "version"], capture_output=True, text=True, check=True).stdout
    if "not in this build" in version:
        return "SKIP: not with this allocator"
    names = [make.__name__ for make in hostile_logs.INPUTS]
    names = names if rig.long else ["many_users", "one_user", "many_values"]
    over, lines = -1e9, []
    for limit in LIMITS_MIB if rig.long else LIMITS_MIB[:1]:
        most, said = under_limit(rig, limit, names)
        over, lines = max(over, most), lines + said
    return f"at most {over:.0f} MiB over the limit, {ALLOWANCE_MIB} allowed\n" + "\n".join(lines)


TESTS = [memory_stays_under_its_limit]
