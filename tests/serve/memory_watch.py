# SPDX-License-Identifier: Apache-2.0
"""Looks at a server's memory while it asks for views."""

import os
import threading

import server as kit

ALLOWANCE_MIB = 64  # the program, stacks, zstd, what the allocator keeps; engine/README.md
VIEW_SECONDS = 0.25
MIB = 1 << 20


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
