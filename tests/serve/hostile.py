# SPDX-License-Identifier: Apache-2.0
"""Clients that mean ill, or are broken: each gets its error or its end, and the next one is served."""

import os
import random
import select
import socket
import struct
import threading
import time

import server as kit

CONNECTION_COUNT_MAX = 64
REQUEST_SIZE_MAX = 1 << 20


def resident(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def reply_to(server, bytes_):
    """The reply to raw bytes, or None where the connection was closed without one."""
    with server.connect() as client:
        try:
            client.sendall(bytes_)
            client.shutdown(socket.SHUT_WR)
            return kit.receive(client)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return None


BAD_REQUESTS = [
    (b"", "not a JSON object"), (b"{", "not a JSON object"), (b"[]", "not a JSON object"),
    (b'{"corong":1}', "a request needs"), (b'{"corong":2,"request":"status"}', "version 2"),
    (b'{"corong":1,"request":"shutdown"}', "unknown request"),
    (b'{"corong":1,"request":"status","force":true}', "does not know"),
    (b'{"corong":1,"corong":1,"request":"status"}', "not a JSON object"),
    (b'{"corong":1,"request":"view","age_max_us":-1}', "age_max_us"),
    (b'{"corong":1,"request":"view","age_max_us":1e99}', "age_max_us"),
    (b'{"corong":1,"request":"replay","mapping":"preset: generic","paths":[]}', "paths"),
    (b'{"corong":1,"request":"replay","mapping":"preset: generic","paths":["here"]}', "absolute"),
    (b'{"corong":1,"request":"replay","mapping":"preset: generic","paths":["-"]}', "descriptor"),
    (b'{"corong":1,"request":"replay","mapping":"presets: generic","paths":["/x"]}', "preset"),
    (b'{"corong":1,"request":"replay","mapping":"&a [*a]","paths":["/x"]}', ""),
    (b'{"corong":1,"request":"replay","mapping":"preset: generic","paths":["/\\u0000"]}', "not a JSON object"),
    (b'{"corong":1,"request":"stop"}', "no replay"), (b'"' + b"\xff" * 100 + b'"', "not a JSON object"),
    (b"[" * 100000, "not a JSON object"),
]


def bad_requests_get_their_error(rig):
    with kit.Server(rig.binaries) as server:
        for request, words in BAD_REQUESTS:
            reply = reply_to(server, kit.frame(request))
            rig.require(reply is not None and reply["ok"] is False, f"{request[:80]}: {reply}")
            rig.require(words in reply["error"], f"{request[:80]}: '{words}' is not in '{reply['error']}'")
        reply = reply_to(server, struct.pack("<I", REQUEST_SIZE_MAX + 1))
        rig.require(reply is not None and "too large" in reply["error"], f"{reply}")
        at_limit = b'{"corong":1,"request":"status","x":"' + b"y" * (REQUEST_SIZE_MAX - 40) + b'"}'
        reply = reply_to(server, kit.frame(at_limit))
        rig.require(reply is not None and "does not know" in reply["error"], f"{reply}")
        server.json("status")
        server.end()
        return f"{len(BAD_REQUESTS) + 2} requests"


def garbage_costs_nothing(rig):
    random_numbers = random.Random(rig.seed)
    with kit.Server(rig.binaries) as server:
        before = descriptors(server)
        rounds = 5000 if rig.long else 400
        for _ in range(rounds):
            size = random_numbers.choice([0, 1, 3, 4, 5, 60, 70000])
            bytes_ = random_numbers.randbytes(size)
            if random_numbers.random() < 0.5:
                bytes_ = struct.pack("<I", random_numbers.choice([size, size + 5, 1 << 31])) + bytes_
            reply_to(server, bytes_)
        server.json("status")
        rig.require(resident(server) < 200 << 20, f"{resident(server) >> 20} MiB are resident")
        server.wait_for(lambda: descriptors(server) <= before + 1, "end of the connections", 30)
        server.end()
        return f"{rounds} connections of garbage"


def promises_are_not_believed(rig):
    """A size is announced and nothing follows: memory is given for what came."""
    with kit.Server(rig.binaries) as server:
        clients = [server.connect() for _ in range(CONNECTION_COUNT_MAX - 4)]
        before = resident(server)
        for client in clients:
            client.sendall(struct.pack("<I", REQUEST_SIZE_MAX) + b"{")
        time.sleep(0.2)
        rig.require(resident(server) - before < 32 << 20, "memory went to promises")
        server.json("status")
        for client in clients:
            client.close()
        server.end()


def is_served(server):
    """A client that is refused may find its connection closed before it has asked."""
    try:
        return (server.ask({"request": "status"}) or {}).get("ok")
    except (OSError, EOFError):
        return False


def too_many_are_told(rig):
    with kit.Server(rig.binaries) as server:
        # The connection by which the start was waited for may still be there: then it is not the last one that is refused.
        clients = [server.connect() for _ in range(CONNECTION_COUNT_MAX + 1)]
        refused, _, _ = select.select(clients, [], [], kit.PATIENCE)
        rig.require(refused, "nobody is refused")
        reply = kit.receive(refused[0])
        rig.require(reply["status"] == "busy" and reply["retriable"], f"{reply}")
        for client in clients:
            client.close()
        server.wait_for(lambda: is_served(server), "a free connection")
        server.end()


def descriptors_nobody_wants_are_closed(rig):
    with kit.Server(rig.binaries) as server:
        before = descriptors(server)
        with open("/dev/null", "rb") as null:
            for _ in range(20):
                with server.connect() as client:
                    socket.send_fds(client, [kit.frame({"request": "status"})], [null.fileno()] * 100)
                    rig.require(kit.receive(client)["ok"], "no status")
        server.wait_for(lambda: descriptors(server) <= before + 1, "end of the descriptors", 30)
        server.end()


def readers_that_do_not_read_hold_nobody_up(rig):
    """A client that asks for ever and reads nothing is dropped; a reload does not wait for it."""
    with kit.Server(rig.binaries) as server:
        client = server.connect()
        client.settimeout(0.2)
        try:
            while True:
                client.sendall(kit.frame({"request": "status"}))
        except (socket.timeout, BrokenPipeError):
            pass
        begun = time.monotonic()
        for _ in range(20):
            server.json("status")
        seconds = time.monotonic() - begun
        server.end()
        client.close()
        rig.require(seconds < 20, f"20 requests took {seconds:.1f} s")


def many_ask_at_once(rig):
    with kit.Server(rig.binaries) as server:
        faults = []

        def ask():
            for _ in range(20):
                with server.connect() as client:
                    reply = kit.exchange(client, {"request": "view", "positions": True})
                    if not reply.get("ok"):
                        faults.append(reply)
                        return
                    for descriptor in kit.receive_descriptors(client, reply["descriptors"]):
                        os.close(descriptor)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        replay = rig.start_replay(server)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rig.end_replay(replay)
        rig.require(not [f for f in faults if not f.get("retriable")], f"{faults[:3]}")
        server.end()
        rig.require_whole(server)
        return "16 clients, 320 views during a replay"


TESTS = [bad_requests_get_their_error, garbage_costs_nothing, promises_are_not_believed, too_many_are_told,
         descriptors_nobody_wants_are_closed, readers_that_do_not_read_hold_nobody_up, many_ask_at_once]
