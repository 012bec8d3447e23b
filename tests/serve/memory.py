# SPDX-License-Identifier: Apache-2.0
"""A server's memory on input that tries to break it: what is resident and what lies in memory files stay together
under the limit and a fixed part, while questions come four times a second and merges run."""

import importlib.util
import itertools
import os
import pathlib
import subprocess
import threading
import time

import life
import server as kit

ALLOWANCE_MIB = 64  # the program, stacks, zstd, what the allocator keeps; engine/README.md
LIMITS_MIB = (64, 128)  # the smallest that is allowed, and a common one
VIEW_SECONDS = 0.25
MIB = 1 << 20

_spec = importlib.util.spec_from_file_location(
    "real_memory", pathlib.Path(__file__).resolve().parent.parent / "real" / "memory.py")
hostile_logs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hostile_logs)


def resident_peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as refs:
        refs.write("5")


def memory_files(pid):
    """MiB in memory files that the process holds: chunks of views. They are nobody's resident memory."""
    sizes, folder = {}, f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            if os.readlink(f"{folder}/{name}").startswith("/memfd:"):
                found = os.stat(f"{folder}/{name}")
                sizes[found.st_ino] = found.st_blocks * 512
        except OSError:
            pass  # closed meanwhile
    return sum(sizes.values()) / MIB


class Watcher(threading.Thread):
    """Asks for views and looks at the process, until it is told to stop."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.ended = threading.Event()
        self.views = 0
        self.chunks_mib = 0.0
        self.fault = None
        self.parts = {}

    def run(self):
        try:
            while not self.ended.wait(VIEW_SECONDS):
                self.look()
        except Exception as fault:  # it is the test's
            self.fault = fault

    def look(self):
        with self.server.connect() as client:
            reply = kit.exchange(client, {"request": "view"})
            if not reply.get("ok"):
                if not reply.get("retriable"):
                    raise kit.Failure(f"{reply}")
                return
            descriptors = kit.receive_descriptors(client, reply["descriptors"])
            self.views += 1
            self.chunks_mib = max(self.chunks_mib, memory_files(self.server.process.pid))
            for descriptor in descriptors:
                os.close(descriptor)
        memory = (self.server.ask({"request": "status"}) or {}).get("memory", {})
        for name, value in memory.items():
            if isinstance(value, (int, float)):
                self.parts[name] = max(self.parts.get(name, 0), value)

    def words(self):
        """The most that each part of the server's own account was."""
        return ", ".join(f"{name.removesuffix('_bytes')} {value / MIB:.1f}"
                         for name, value in sorted(self.parts.items()) if name.endswith("_bytes"))

    def stop(self):
        self.ended.set()
        self.join()
        if self.fault is not None:
            raise self.fault


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
        life.end_replay(life.start_replay(rig, server, log, "--config", config, mapping=None))
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
