# SPDX-License-Identifier: Apache-2.0
"""How long after a broker has acknowledged an event does an answer of a serving corong hold it?"""

import datetime
import json
import time

import rig as kit


def visible(rig):
    """One probe after the other, each with a name that occurs nowhere else, under a steady load."""
    topic = kit.Topic(rig, rig.cluster(1), partitions=3)
    follower = kit.Follower(rig, [topic], options=["--commit-interval", "5s"]).start()
    count = 300 if rig.long else 25
    producer = topic.producer(**{"linger.ms": 0})
    seconds = []
    with kit.Writer(topic, per_second=5_000):
        follower.wait_messages(1)
        for number in range(count):
            now = datetime.datetime.now(datetime.timezone.utc).isoformat()
            probe = json.dumps({"time": now, "event": f"probe-{number}", "user_id": f"probe-{number}"})
            topic.produce([probe.encode()], producer=producer)
            begun = time.monotonic()
            while not follower.sees(f"probe-{number}"):
                if time.monotonic() - begun > 10:
                    raise kit.Failure(f"probe-{number} is not visible after 10 s: {follower.words()[-2000:]}")
            seconds.append(time.monotonic() - begun)
    follower.wait_ends(topic)
    follower.stop()
    seconds.sort()
    note = (f"acknowledged to visible: p50 {seconds[count // 2] * 1000:.0f} ms, "
            f"p99 {seconds[min(count - 1, count * 99 // 100)] * 1000:.0f} ms, commits every 5 s")
    return kit.Figures("freshness under load", *rig.compare_with(follower, topic, f"{count} probes"), [], note)


SCENARIOS = [visible]
