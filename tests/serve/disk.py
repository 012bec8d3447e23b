# SPDX-License-Identifier: Apache-2.0
"""A disk that is full while a server takes events in: it pauses, answers, and goes on by itself."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

import life
import server as kit

SIZE_MIB = 64
BEGINNING_LINES = 2000  # more than the 64 KiB by which a file is known
QUESTION = ["funnel", "--step", "view", "--step", "add_to_cart"]


@contextlib.contextmanager
def small_disk():
    """A folder whose shop.store is a file system of its own; None where mounting is not allowed."""
    with tempfile.TemporaryDirectory(prefix="corong-disk-") as folder:
        store = pathlib.Path(folder) / "shop.store"
        store.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "corong-test", str(store)],
                              capture_output=True, check=False)
        try:
            yield pathlib.Path(folder) if done.returncode == 0 else None
        finally:
            if done.returncode == 0:
                subprocess.run(["umount", "-l", str(store)], check=True)


def fill(store):
    """Takes what is left, to the last byte."""
    ballast = store / "ballast"
    with open(ballast, "wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while out.write(bytes(size)) == size:
                    pass
    return ballast


def state(server):
    status = server.json("status")
    return status["events"], status["store"]["commits"]


def commit_the_beginning(rig, server):
    """The file's first lines, so that something can be asked while the rest waits; returns how many."""
    beginning = server.store.parent / "beginning.jsonl"
    with open(rig.log, "rb") as log:
        lines = [next(log) for _ in range(BEGINNING_LINES)]
    beginning.write_bytes(b"".join(lines))
    life.end_replay(life.start_replay(rig, server, beginning))
    return len(lines)


def stands_still(server):
    """Nothing comes in any more: everything between the files and the disk is full."""
    before = state(server)
    time.sleep(1.2)
    return state(server) == before


def a_full_disk_is_waited_for(rig):
    with small_disk() as folder:
        if folder is None:
            return "SKIP: mounting is not allowed here"
        with kit.Server(rig.binaries, "--commit-interval", "100ms", folder=folder, limit="64MiB") as server:
            committed = commit_the_beginning(rig, server)
            ballast = fill(server.store)
            replay = life.start_replay(rig, server)
            server.wait_for(lambda: state(server)[0] > committed and stands_still(server), "a pause")
            begun, answers, before = time.monotonic(), 0, state(server)
            while time.monotonic() < begun + (40 if rig.long else 4):  # long: beyond the watch over barriers
                server.run(*QUESTION)
                answers += 1
            rig.require(server.json("status")["waits_for_disk"] and "DISK IS FULL" in server.run("status"),
                        "the status does not tell")
            rig.require(replay.poll() is None, "the replay ended on a full disk")
            rig.require(state(server) == before, f"{before} before, {state(server)} after, on a full disk")
            rows = server.json("stages", "--durable")["provenance"]["rows_stored"]
            rig.require(rows == committed, f"{rows} rows on a disk that was full after {committed}")
            os.unlink(ballast)
            freed = time.monotonic()
            server.wait_for(lambda: state(server)[1] > before[1], "a commit after the disk was free")
            seconds = time.monotonic() - freed
            life.end_replay(replay)
            server.end()
            rig.require_whole(server)
            return f"{answers} answers while {before[0]} events stood still, committed {seconds:.1f} s after"


def a_stop_on_a_full_disk_loses_nothing(rig):
    with small_disk() as folder:
        if folder is None:
            return "SKIP: mounting is not allowed here"
        with kit.Server(rig.binaries, "--commit-interval", "100ms", folder=folder, limit="64MiB") as server:
            committed = commit_the_beginning(rig, server)
            ballast = fill(server.store)
            replay = life.start_replay(rig, server)
            server.wait_for(lambda: state(server)[0] > committed and stands_still(server), "a pause")
            begun = time.monotonic()
            server.end(code=1)
            seconds = time.monotonic() - begun
            life.end_replay(replay, code=None)
            os.unlink(ballast)
            server.start()
            life.end_replay(life.start_replay(rig, server))
            server.end()
            rig.require_whole(server)
            return f"SIGTERM on a full disk: gone after {seconds:.1f} s"


TESTS = [a_full_disk_is_waited_for, a_stop_on_a_full_disk_loses_nothing]
