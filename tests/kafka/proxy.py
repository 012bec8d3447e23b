# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy before a broker that may flip bytes, hold back, cut in the middle or reset connections."""

import random
import socket
import struct
import threading
import time

CHUNK = 65536
BATCH_GUARDED_FROM = 17  # base offset, length, leader epoch and magic are outside the checksum, by Kafka's design
BATCH_HEADER = struct.Struct(">qiibi")
BATCH_SIZE_MIN = 61


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def is_batch(frame, begin, end):
    """Its checksum is right; what only looks like a batch is left alone."""
    return crc32c(frame[begin + 21:end]) == int.from_bytes(frame[begin + 17:begin + 21], "big")


def batches(frame):
    """(begin, end) of what looks like a record batch in a response."""
    found, at = [], 0
    while at + BATCH_SIZE_MIN <= len(frame):
        offset, length, epoch, magic, _ = BATCH_HEADER.unpack_from(frame, at)
        end = at + 12 + length
        if magic == 2 and 0 <= offset < 1 << 40 and epoch < 1 << 16 and at + BATCH_SIZE_MIN <= end <= len(frame):
            found.append((at, end))
            at = end
        else:
            at += 1
    return found


class Faults:
    """Chances per chunk (a flip: per response) that comes from the broker, changed while connections live."""

    def __init__(self):
        self.flip = self.reset = self.delay = 0.0
        self.flipped = self.resets = self.delays = 0


class Frames:
    """Responses, whole: each begins with its length."""

    def __init__(self, source):
        self.source = source

    def exactly(self, size):
        found = bytearray()
        while len(found) < size:
            chunk = self.source.recv(min(CHUNK, size - len(found)))
            if not chunk:
                return b""
            found += chunk
        return found

    def read(self, _):
        head = self.exactly(4)
        return head and head + self.exactly(int.from_bytes(head, "big"))


class Proxy:
    """Listens on a port of its own; one thread per connection."""

    def __init__(self, port, target_port, seed):
        self.target_port = target_port
        self.faults = Faults()
        self.random = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(near,), daemon=True).start()

    def carry(self, near):
        """One thread for each way."""
        try:
            far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self.pass_on, args=(near, far, near.recv), daemon=True).start()
        frames = Frames(far)
        self.pass_on(far, near, lambda size: self.spoil(frames.read(size), near))

    def pass_on(self, source, target, receive):
        try:
            while self.open:
                chunk = receive(CHUNK)
                if not chunk:
                    break
                target.sendall(chunk)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()

    def spoil(self, frame, near):
        """What comes from the broker; nothing after a reset."""
        faults = self.faults
        if self.random.random() < faults.delay:
            faults.delays += 1
            time.sleep(self.random.uniform(0.05, 0.5))
        if frame and self.random.random() < faults.reset:
            faults.resets += 1
            near.sendall(frame[:self.random.randrange(len(frame))])
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return b""
        if self.random.random() < faults.flip:
            frame = self.flip(frame)
        return frame

    def flip(self, frame):
        """One bit, in what the checksum of a batch covers."""
        places = batches(frame)
        begin, end = self.random.choice(places) if places else (0, 0)
        if end > 0 and is_batch(frame, begin, end):
            self.faults.flipped += 1
            frame = bytearray(frame)
            frame[self.random.randrange(begin + BATCH_GUARDED_FROM, end)] ^= 1 << self.random.randrange(8)
        return frame

    def close(self):
        self.open = False
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which would keep the port
        self.listener.close()
