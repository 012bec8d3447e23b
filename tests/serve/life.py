# SPDX-License-Identifier: Apache-2.0
"""A server's life: start, answers while it reads, signals, one holder a store, kill -9."""

import os
import random
import signal
import subprocess
import time

import server as kit

STEPS = ["--step", "view", "--step", "add_to_cart", "--step", "checkout", "--by", "country"]


def start_replay(rig, server, path=None, *options, mapping="generic"):
    """`mapping` None: that of `options`."""
    given = [] if mapping is None else ["--mapping", mapping]
    return subprocess.Popen([server.corong, "replay", "--store", str(server.store), str(path or rig.log), "--quiet",
                             *given, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def end_replay(client, code=0, seconds=kit.PATIENCE):
    words = client.communicate(timeout=seconds)[1]
    if code is not None and client.returncode != code:
        raise kit.Failure(f"replay: exit {client.returncode}, expected {code}\n{words}")
    return words


def answers_are_of_what_is_visible(rig):
    """Events of one input become visible in its order: an answer over N of them is that of its first N lines."""
    with kit.Server(rig.binaries, "--commit-interval", "1s") as server:
        client = subprocess.Popen([server.corong, "replay", "--store", str(server.store), "--mapping", "generic",
                                   "--quiet", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        answers, lines = [], rig.log.read_bytes()
        for piece in range(12):
            client.stdin.write(lines[piece * len(lines) // 12:(piece + 1) * len(lines) // 12])
            client.stdin.flush()
            for _ in range(3):
                done = server.run("funnel", *STEPS, "--format", "json", code=None)
                if done.returncode == 0:
                    answers.append(rig.parse(done.stdout))
        client.stdin.close()
        words = client.stderr.read()
        rig.require(client.wait(kit.PATIENCE) == 0, words)
        partial = [a for a in answers if 0 < a["provenance"]["rows_stored"] < rig.event_count]
        rig.require(len(partial) >= 3, f"only {len(partial)} answers came while the file was read")
        seen = [a["provenance"]["rows_stored"] for a in answers]
        rig.require(seen == sorted(seen), "a later answer saw less")
        tail = [a for a in partial if a["provenance"]["rows_stored"] > a["provenance"]["rows_committed"]]
        rig.require(bool(tail), "no answer saw what was not on disk yet")
        for answer in {id(a): a for a in (tail[0], tail[len(tail) // 2], partial[-1])}.values():
            expected = rig.plain(answer["provenance"]["rows_stored"], STEPS)
            for key in ("result_digest", "store_digest"):
                rig.require(answer["provenance"][key] == expected[key],
                            f"{key} over {answer['provenance']['rows_stored']} events differs from a plain replay's")
        server.end()
        whole = rig.plain(rig.event_count, STEPS)
        after = server.json("funnel", *STEPS)["provenance"]
        rig.require(after["store_digest"] == whole["store_digest"], "after SIGTERM the store differs from a plain one")
        rig.require(after["result_digest"] == whole["result_digest"], "after SIGTERM the answer differs")
        rig.require("the books balance" in server.words(), "no books at the end")
        return f"{len(partial)} answers while reading, {len(tail)} of them with events not on disk"


def durable_leaves_memory_out(rig):
    with kit.Server(rig.binaries, "--commit-interval", "1h") as server:
        client = start_replay(rig, server)
        server.wait_for(lambda: server.json("status")["events"] > 1000, "events")
        view = server.run("funnel", "--step", "view", "--format", "json", code=None)
        rows = rig.parse(view.stdout)["provenance"]["rows_stored"] if view.returncode == 0 else 0
        durable = server.json("stages", "--durable")["provenance"]
        rig.require(durable["rows_stored"] == durable["rows_committed"], "--durable saw what is not durable")
        end_replay(client)
        after = server.json("stages", "--durable")["provenance"]
        rig.require(after["rows_stored"] == rig.event_count, "a replay that is done is durable")
        server.end()
        return f"{rows} rows visible, {durable['rows_stored']} durable"


def merging_goes_on_in_the_background(rig):
    with kit.Server(rig.binaries, "--commit-interval", "100ms") as server:
        end_replay(start_replay(rig, server))
        server.run("compact")
        server.wait_for(lambda: server.json("status")["merges"]["runs"] <= 1
                        and server.json("status")["merges"]["running"] == 0, "one run a period")
        merges = server.json("status")["merges"]
        server.end()
        rig.require_whole(server)
        return f"{merges['done']} merges, {merges['segments']} segments at the end"


def one_server_a_store(rig):
    with kit.Server(rig.binaries) as server:
        second = subprocess.run([server.corong, "serve", "--store", str(server.store)], capture_output=True, text=True,
                                timeout=kit.PATIENCE, check=False)
        rig.require(second.returncode == 1, f"a second server ended with {second.returncode}")
        rig.require(f"process {server.process.pid}" in second.stderr, f"the holder is not named: {second.stderr}")
        server.json("status")  # and the first one still has its socket
        server.end(signal.SIGINT)
        rig.require(not (server.store / "socket").exists(), "the socket stays behind")
        words = server.run("status", code=None)
        rig.require(words.returncode == 1 and "corong serve --store" in words.stderr, words.stderr)


def dead_sockets_are_replaced(rig):
    with kit.Server(rig.binaries) as server:
        server.end(signal.SIGKILL, code=-9)
        rig.require((server.store / "socket").exists(), "a killed server leaves its socket")
        rig.require(server.run("status", code=None).returncode == 1, "a dead server answered")
        server.run("stages")  # a question needs none
        server.start()
        mode = os.stat(server.store / "socket").st_mode & 0o777
        rig.require(mode == 0o600, f"the socket's mode is {mode:o}")
        server.end()


def long_paths_work(rig):
    folder = rig.folder / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    with kit.Server(rig.binaries, folder=folder) as server:
        rig.require(server.json("status")["process"] == server.process.pid, "another process answered")
        server.end()


def a_second_signal_ends_at_once(rig):
    with kit.Server(rig.binaries) as server:
        client = start_replay(rig, server)
        server.wait_for(lambda: server.json("status")["events"] > 1000, "events")
        server.send(signal.SIGTERM)
        server.send(signal.SIGTERM)
        begun = time.monotonic()
        server.process.wait(kit.PATIENCE)
        seconds = time.monotonic() - begun
        end_replay(client, code=None)
        rig.require(server.process.returncode in (0, -15), f"it ended with {server.process.returncode}")
        server.start()
        end_replay(start_replay(rig, server))
        server.end()
        rig.require_whole(server)
        return f"gone after {seconds * 1000:.0f} ms"


def stop_in_the_middle(rig, server):
    """The rows that a replay had brought when ^C came."""
    client = start_replay(rig, server)
    server.wait_for(lambda: server.ask({"request": "status"})["events"] > 0, "events")
    client.send_signal(signal.SIGINT)
    words = end_replay(client, code=None)
    rows = server.json("stages")["provenance"]["rows_stored"]
    rig.require("the same command continues" in words or rows == rig.event_count, words)
    return rows


def a_stopped_replay_goes_on(rig):
    for _ in range(5):  # a fast machine may be through before the signal comes
        with kit.Server(rig.binaries) as server:
            if stop_in_the_middle(rig, server) < rig.event_count:
                end_replay(start_replay(rig, server))
                server.end()
                rig.require_whole(server)
                return
    raise kit.Failure("no stop came in the middle")


def a_dead_client_stops_its_replay(rig):
    with kit.Server(rig.binaries) as server:
        client = start_replay(rig, server)
        server.wait_for(lambda: server.ask({"request": "status"})["messages"] > 0, "messages")
        client.kill()
        client.communicate()
        server.wait_for(lambda: server.json("status")["replays_waiting"] == 0, "its end")
        end_replay(start_replay(rig, server))
        server.end()
        rig.require_whole(server)


def replays_wait_for_each_other(rig):
    with kit.Server(rig.binaries) as server:
        parts = rig.split(4)
        clients = [start_replay(rig, server, path) for path in parts] + [start_replay(rig, server, parts[0])]
        for client in clients:
            end_replay(client)
        server.end()
        rig.require_whole(server)
        return f"{len(clients)} replays at a time"


def standard_input_goes_through(rig):
    with kit.Server(rig.binaries) as server:
        client = subprocess.Popen([server.corong, "replay", "--store", str(server.store), "--mapping", "generic", "-"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(rig.log, "rb") as log:
            client.communicate(log.read(), timeout=kit.PATIENCE)
        rig.require(client.returncode == 0, f"exit {client.returncode}")
        # One that says nothing holds nobody up, neither the server's end nor its own.
        silent = subprocess.Popen([server.corong, "replay", "--store", str(server.store), "--mapping", "generic", "-"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        server.wait_for(lambda: server.json("status")["replays_waiting"] == 1, "the silent replay")
        server.end()
        silent.communicate(timeout=kit.PATIENCE)
        rig.require_whole(server)


def kill_9_loses_and_doubles_nothing(rig):
    rounds = 60 if rig.long else 6
    random_numbers = random.Random(rig.seed)
    with kit.Server(rig.binaries, "--commit-interval", "100ms") as server:
        for _ in range(rounds):
            client = start_replay(rig, server)
            time.sleep(random_numbers.uniform(0.0, rig.replay_seconds * 1.2))
            server.end(signal.SIGKILL, code=-9)
            end_replay(client, code=None)
            server.start()
        end_replay(start_replay(rig, server))
        server.end()
        rig.require_whole(server)
        return f"{rounds} times kill -9 at random moments, lost 0, doubled 0"


TESTS = [answers_are_of_what_is_visible, durable_leaves_memory_out, merging_goes_on_in_the_background,
         one_server_a_store, dead_sockets_are_replaced,
         long_paths_work, a_second_signal_ends_at_once, a_stopped_replay_goes_on,
         a_dead_client_stops_its_replay, replays_wait_for_each_other,
         standard_input_goes_through, kill_9_loses_and_doubles_nothing]
