# SPDX-License-Identifier: Apache-2.0
"""A `corong serve` of a test's own, its clients, and its protocol byte by byte."""

import array
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

PATIENCE = 120


class Failure(Exception):
    """What a test found wrong."""


class Server:
    """Starts on a store of its own in a folder that goes with it."""

    def __init__(self, binaries, *options, folder=None, environment=None, limit="256MiB"):
        self.binaries = pathlib.Path(binaries)
        self.corong = str(self.binaries / "corong")
        self.owned = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="corong-serve-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = self.folder / "shop.store"
        self.options = ["--memory-limit", limit, *options]
        self.environment = {**os.environ, **(environment or {})}
        self.log = self.folder / "serve.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.corong, "serve", "--store", str(self.store), *self.options],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        self.wait_for(lambda: self.ask({"request": "status"}) is not None, "the socket")
        return self

    def wait_for(self, is_there, what, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Failure(f"the server ended with {self.process.returncode}:\n{self.words()}")
            if is_there():
                return
            time.sleep(0.02)
        raise Failure(f"no {what} within {seconds} s:\n{self.words()}")

    def words(self):
        return self.log.read_text(errors="replace")

    def run(self, *words, code=0, text=None):
        """Runs a verb on the store; gives standard output. `code` None: any."""
        done = subprocess.run([self.corong, words[0], "--store", str(self.store), *map(str, words[1:])],
                              cwd=self.folder, input=text, capture_output=True, text=True, timeout=PATIENCE,
                              check=False, env=self.environment)
        if code is not None and done.returncode != code:
            raise Failure(f"{' '.join(map(str, words))}: exit {done.returncode}, expected {code}\n"
                          f"{done.stderr}\n{self.words()[-2000:]}")
        if "Sanitizer" in done.stderr:
            raise Failure(done.stderr)
        return done.stdout if code is not None else done

    def json(self, *words):
        return json.loads(self.run(*words, "--format", "json"))

    def connect(self):
        """Through /proc, as a store's path may be longer than a socket's address."""
        descriptor = os.open(self.store, os.O_PATH | os.O_DIRECTORY)
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        try:
            client.connect(f"/proc/self/fd/{descriptor}/socket")
        except OSError:
            client.close()
            raise
        finally:
            os.close(descriptor)
        return client

    def ask(self, request):
        """One request, one reply; None where no server listens."""
        try:
            client = self.connect()
        except OSError:
            return None
        with client:
            return exchange(client, request)

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, code=0):
        self.send(number)
        found = self.process.wait(PATIENCE)
        if code is not None and found != code:
            raise Failure(f"the server ended with {found}, expected {code}:\n{self.words()}")
        if "Sanitizer" in self.words():
            raise Failure(self.words())

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.owned:
            shutil.rmtree(self.folder, ignore_errors=True)


def frame(document):
    body = document if isinstance(document, bytes) else json.dumps({"corong": 1, **document}).encode()
    return struct.pack("<I", len(body)) + body


def receive(client):
    size = struct.unpack("<I", receive_exactly(client, 4))[0]
    return json.loads(receive_exactly(client, size))


def receive_exactly(client, size):
    had = b""
    while len(had) < size:
        piece = client.recv(size - len(had))
        if not piece:
            raise EOFError
        had += piece
    return had


def receive_descriptors(client, count):
    found = []
    while len(found) < count:
        _, control, flags, _ = client.recvmsg(1, socket.CMSG_SPACE(256 * 4))
        if flags & socket.MSG_CTRUNC:
            raise Failure("descriptors were cut off")
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(data)
                found += list(numbers)
    return found


def exchange(client, request):
    client.sendall(frame(request))
    return receive(client)
