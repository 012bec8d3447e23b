# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what changed is said and applied, what is wrong changes nothing, and no event is lost over it."""

import signal

import life
import server as kit

BEFORE = """
stages:
  look: { events: [view] }
  bag: { events: [add_to_cart] }
funnels:
  short: { steps: [look, bag], window: 7d }
  old: { steps: [look, bag], window: 1d }
"""
AFTER = """
stages:
  look: { events: [view, page_view] }
  bag: { events: [add_to_cart] }
  paid: { events: [order] }
funnels:
  short: { steps: [look, bag, paid], window: 7d }
  new: { steps: [bag, paid], window: 7d }
limits: { shards: 1 }
"""


def reload(server, expected):
    count = server.words().count(expected)
    server.send(signal.SIGHUP)
    server.wait_for(lambda: server.words().count(expected) > count, f"'{expected}'")


def changes_are_said_and_applied(rig):
    with kit.Server(rig.binaries, "--config", "corong.yaml") as server:
        server_names = lambda: sorted(f["name"] for f in server.json("status")["live"]["funnels"])
        rig.require(server_names() == ["old", "short"], f"{server_names()} are followed")
        (server.folder / "corong.yaml").write_text(AFTER)
        reload(server, "reloaded; ingestion paused for")
        for words in ("new stage 'paid': events order", "changed stage 'look': events view, page_view",
                      "new funnel 'new'", "changed funnel 'short'", "removed funnel 'old'",
                      "the number of shards changed; that needs a restart"):
            rig.require(words in server.words(), f"'{words}' is not in the log:\n{server.words()}")
        rig.require("stage 'bag'" not in server.words(), "a stage that is the same was said to differ")
        rig.require(server_names() == ["new", "short"], f"{server_names()} are followed")
        reload(server, "reload: nothing changed")
        server.end()


def bad_files_change_nothing(rig):
    with kit.Server(rig.binaries, "--config", "corong.yaml") as server:
        for text in ("stages: [", "stages: { look: { evnts: [view] } }", "funnels: { f: { steps: [nothing] } }"):
            (server.folder / "corong.yaml").write_text(text)
            reload(server, "reload refused, nothing changed")
        (server.folder / "corong.yaml").write_text(
            BEFORE.replace("events: [view]", "events: [view], where: \"nosuch = 1\""))
        reload(server, "reload")
        (server.folder / "corong.yaml").unlink()
        reload(server, "reload refused, nothing changed")
        rig.require(server.json("status")["live"]["funnels"] != [], "the funnels are gone")
        life.end_replay(life.start_replay(rig, server))
        server.end()
        rig.require_whole(server)


def storms_lose_nothing(rig):
    with kit.Server(rig.binaries, "--config", "corong.yaml") as server:
        client = life.start_replay(rig, server)
        reloads = 0
        while client.poll() is None and reloads < 400:
            (server.folder / "corong.yaml").write_text((BEFORE, AFTER)[reloads % 2])
            server.send(signal.SIGHUP)
            reloads += 1
            server.json("status")
        life.end_replay(client)
        status = server.json("status")
        server.end()
        rig.require_whole(server)
        rig.require(status["reloads"] > 0, "no reload came through")
        return f"{status['reloads']} reloads under a replay, last pause {status['pause_last_us'] / 1000:.0f} ms"


def live_counts(server):
    live = server.json("status")["live"]
    return live["pending"], {f["name"]: f["reached"] for f in live["funnels"]}, live["range_from"]


def asked_counts(server, range_from):
    since = ["--from", range_from] if range_from else []
    answers = {name: server.json("funnel", name, "--config", "corong.yaml", *since) for name in ("short", "old")}
    return {name: [step["reached"] for step in answer["total"]["steps"]] for name, answer in answers.items()}


def live_funnels_equal_the_query(rig):
    """Whatever happened before: two replays in the wrong order, a restart, a reload, another range."""
    first, second = rig.split(2)
    notes = []
    with kit.Server(rig.binaries, "--config", "corong.yaml") as server:
        def compare(what):
            server.wait_for(lambda: live_counts(server)[0] == 0, f"end of pending {what}")
            _, live, range_from = live_counts(server)
            asked = asked_counts(server, range_from)
            rig.require(live == asked, f"{what}: live {live}, asked {asked}")
            notes.append(sum(sum(counts) for counts in live.values()))

        (server.folder / "corong.yaml").write_text(BEFORE + "live: all\n")
        reload(server, "reloaded; ingestion")
        life.end_replay(life.start_replay(rig, server, second))
        compare("after the later half")
        life.end_replay(life.start_replay(rig, server, first))
        compare("after the earlier half")
        server.end(signal.SIGKILL, code=-9)
        server.start()
        compare("after a restart")
        (server.folder / "corong.yaml").write_text(BEFORE + "live: { range: day, zone: Asia/Tokyo }\n")
        reload(server, "reloaded; ingestion")
        compare("of the day")
        server.end()
    rig.require(notes[1] > notes[0] and notes[2] == notes[1] and 0 < notes[3] < notes[2], f"{notes}")
    return "4 times"


def prepare(server):
    (server.folder / "corong.yaml").write_text(BEFORE)


class Configured(kit.Server):
    def start(self):
        if not (self.folder / "corong.yaml").exists():
            prepare(self)
        return super().start()


def with_file(test):
    def run(rig):
        plain, kit.Server = kit.Server, Configured
        try:
            return test(rig)
        finally:
            kit.Server = plain
    run.__name__ = test.__name__
    return run


TESTS = [with_file(test) for test in (changes_are_said_and_applied, bad_files_change_nothing, storms_lose_nothing,
                                           live_funnels_equal_the_query)]
