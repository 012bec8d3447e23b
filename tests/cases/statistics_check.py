#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The statistics of a funnel's answer against plain ones: first attempts, Kaplan-Meier and Greenwood in exact
fractions, Wilson by bisection, z-tests by NormalDist, Benjamini and Hochberg by their definition, mix and rate in
fractions, buckets by zoneinfo. Random crowds go through the whole product; it shares nothing with this file.

    statistics_check.py BIN_FOLDER [SEED]"""
import datetime
import fractions
import math
import pathlib
import random
import statistics
import sys
import zoneinfo

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from claims import BASE, DAY, HOUR, MINUTE, Shop, definition, time  # noqa: E402

Z = 1.959963984540054
ZONE = "Europe/Berlin"
START = 86 * DAY  # 2026-03-28: the clocks go forward on the 29th


def near(found, expected, what):
    if found is None or abs(found - expected) > 1e-9 * max(1, abs(expected)):
        raise AssertionError(f"{what}: {found}, expected {expected}")


def crowd(dice, people):
    """(user, microseconds from BASE, name, country)."""
    events = []
    for number in range(people):
        user, country = f"u{number}", dice.choice(["DE", "DE", "FR", "US", None])
        entries = [START + dice.randrange(6 * DAY // MINUTE) * MINUTE for _ in range(dice.randrange(1, 4))]
        for entry in entries:
            events.append((user, entry, "A", country))
            if dice.random() < (0.5 if country == "DE" else 0.3):
                events.append((user, entry + dice.randrange(1, 30) * HOUR, "B", country))
    return events


def first_attempts(events, window, as_of):
    """Per user (entry, kind, time since the entry, country): the first A, and the first B behind it in time."""
    found = []
    for user in sorted({event[0] for event in events}):
        own = [event for event in events if event[0] == user and event[1] <= as_of]
        entries = [event for event in own if event[2] == "A"]
        if not entries:
            continue
        entry = min(event[1] for event in entries)
        wins = [event[1] for event in own if event[2] == "B" and entry <= event[1] <= entry + window]
        country = [event[3] for event in entries if event[1] == entry][0]
        if wins:
            found.append((entry, "won", min(wins) - entry, country))
        elif as_of <= entry + window:
            found.append((entry, "open", as_of - entry, country))
        else:
            found.append((entry, "window", window, country))
    return found


def kaplan_meier(attempts):
    """[(time, at risk, wins so far, share won, its variance)] in fractions."""
    points, rest, greenwood, wins = [], fractions.Fraction(1), fractions.Fraction(0), 0
    for moment in sorted({after for _, kind, after, _ in attempts if kind == "won"}):
        risk = sum(after >= moment for _, _, after, _ in attempts)
        died = sum(kind == "won" and after == moment for _, kind, after, _ in attempts)
        wins += died
        rest *= 1 - fractions.Fraction(died, risk)
        if died < risk:
            greenwood += fractions.Fraction(died, risk * (risk - died))
        points.append((moment, risk, wins, 1 - rest, rest * rest * greenwood))
    return points


def wilson(part, whole):
    """Both roots of (share - p)^2 = Z^2 p (1 - p) / n, by bisection."""
    def root(low, high):
        def gap(p):
            return (part / whole - p) ** 2 - Z * Z * p * (1 - p) / whole
        for _ in range(200):
            middle = (low + high) / 2
            if (gap(low) > 0) == (gap(middle) > 0):
                low = middle
            else:
                high = middle
        return low
    share = part / whole
    return (0 if part == 0 else root(0, share), 1 if part == whole else root(share, 1))


def check_survival(answer, attempts):
    survival = answer["survival"]
    assert survival["attempts"] == "first" and survival["count"] == len(attempts)
    for kind in ("won", "open", "window"):
        assert survival["ends"][kind] == sum(attempt[1] == kind for attempt in attempts), kind
    expected = kaplan_meier(attempts)
    assert survival["win_times"] == len(expected)
    assert len(expected) <= 100, "choose fewer people: then every time is a point"
    assert [point["after_us"] for point in survival["points"]] == [point[0] for point in expected]
    for point, (_, risk, wins, share, variance) in zip(survival["points"], expected):
        assert (point["at_risk"], point["won"]) == (risk, wins)
        near(point["estimate"], float(share), "estimate")
        if share == 1:
            continue
        rest = 1 - float(share)
        width = Z * math.sqrt(variance) / (rest * abs(math.log(rest)))
        near(point["low"], 1 - rest ** math.exp(-width), "low")
        near(point["high"], 1 - rest ** math.exp(width), "high")


def check_slices(answer):
    total, normal = answer["total"], statistics.NormalDist()
    tests = []
    for row in answer["slices"] + [total]:
        closed = row["won"] + row["lost"]
        if closed:
            low, high = wilson(row["won"], closed)
            near(row["won_of_closed_95"][0], low, "low")
            near(row["won_of_closed_95"][1], high, "high")
    for row in answer["slices"]:
        own, rest = row["won"] + row["lost"], total["won"] + total["lost"] - row["won"] - row["lost"]
        if own == 0 or rest == 0:
            assert row["p_value"] is None and row["q_value"] is None
            continue
        pooled = total["won"] / (own + rest)
        spread = math.sqrt(pooled * (1 - pooled) * (1 / own + 1 / rest))
        difference = row["won"] / own - (total["won"] - row["won"]) / rest
        p = 2 * (1 - normal.cdf(abs(difference) / spread)) if spread else 1
        near(row["p_value"], p, "p-value")
        tests.append((row["p_value"], row["q_value"]))
    for p, q in tests:
        least = min(other * len(tests) / sum(third <= other for third, _ in tests) for other, _ in tests if other >= p)
        near(q, min(1, least), "q-value")


def units(row):
    return row["won"] + row["open"] + row["lost"]


def check_comparison(answer):
    comparison, share = answer["comparison"], fractions.Fraction
    pairs = list(zip(answer["slices"], comparison["slices"]))
    now, then = answer["total"], comparison["total"]
    mean = (share(now["won"], units(now)) + share(then["won"], units(then))) / 2
    mix = rate = 0
    for left, right in pairs:
        rates = [share(row["won"], units(row)) if units(row) else None for row in (left, right)]
        rates = [rates[1] if rates[0] is None else rates[0], rates[0] if rates[1] is None else rates[1]]
        if rates[0] is None:
            continue
        shares = share(units(left), units(now)), share(units(right), units(then))
        own_mix = (shares[0] - shares[1]) * ((rates[0] + rates[1]) / 2 - mean)
        own_rate = (rates[0] - rates[1]) * (shares[0] + shares[1]) / 2
        near(right["change"]["mix"], float(own_mix), "mix")
        near(right["change"]["rate"], float(own_rate), "rate")
        mix, rate = mix + own_mix, rate + own_rate
    assert mix + rate == share(now["won"], units(now)) - share(then["won"], units(then))
    near(then["change"]["mix"], float(mix), "mix of the total")
    near(then["change"]["rate"], float(rate), "rate of the total")
    shares = [row["won"] / units(row) for row in (now, then)]
    (low, high), (other_low, other_high) = [wilson(row["won"], units(row)) for row in (now, then)]
    difference = then["differences"]["won_of_entered"]
    near(difference["value"], shares[0] - shares[1], "difference")
    near(difference["low"], shares[0] - shares[1] - math.hypot(shares[0] - low, other_high - shares[1]), "its low")
    near(difference["high"], shares[0] - shares[1] + math.hypot(high - shares[0], shares[1] - other_low), "its high")


def local(us):
    return datetime.datetime.fromtimestamp((BASE + us) // 10**6, zoneinfo.ZoneInfo(ZONE))


def label(us, bucket):
    moment = local(us)
    offset = moment.strftime("%z")
    return {"hour": f"{moment:%Y-%m-%d %H}:00 {offset[:3]}:{offset[3:]}", "day": f"{moment:%Y-%m-%d}",
            "week": "{}-W{:02}".format(*moment.isocalendar()[:2]), "month": f"{moment:%Y-%m}"}[bucket]


def seconds(stamp):
    moment = datetime.datetime.fromisoformat(stamp.removesuffix("Z"))
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp()


def check_buckets(shop, events, attempts, as_of, rules):
    """Entries of a bucket are the first attempts of those who enter in it; wins by their own time."""
    for bucket in ("hour", "day", "week", "month"):
        answer = shop.funnel("A B", "--throughput", bucket, "--trend", bucket, "--zone", ZONE, "--as-of",
                             time(as_of), **rules)
        wins, labels = {}, []
        for entry, kind, after, _ in attempts:
            if kind == "won":
                wins[label(entry + after, bucket)] = wins.get(label(entry + after, bucket), 0) + 1
        for row in answer["throughput"]:
            assert row["reached"][1] == wins.get(row["label"], 0), (bucket, row["label"])
            near(row["per_second"][1], row["reached"][1] / (seconds(row["end"]) - seconds(row["begin"])), "per second")
        for row in answer["trend"]:
            inside = [event for event in events if not (event[2] == "A" and label(event[1], bucket) != row["label"])]
            expected = first_attempts(inside, rules_window(rules), as_of)
            assert row["total"]["won"] == sum(attempt[1] == "won" for attempt in expected), (bucket, row["label"])
            assert units(row["total"]) == len(expected), (bucket, row["label"])
            labels.append(row["label"])
        assert len(set(labels)) == len(labels)


def rules_window(rules):
    return {"1d": DAY, "12h": 12 * HOUR}[rules["window"]]


def check(seed):
    dice = random.Random(seed)
    events = crowd(dice, dice.choice([3, 20, 60]))
    as_of = START + dice.choice([3 * DAY, 5 * DAY, 9 * DAY])
    rules = {"window": dice.choice(["1d", "12h"]), "attempts": "first"}
    shop = Shop([{"u": user, "t": BASE + at, "n": name, **({"a": country} if country else {})}
                 for user, at, name, country in events])
    try:
        attempts = first_attempts(events, rules_window(rules), as_of)
        answer = shop.funnel("A B", "--by", "a", "--survival", "--as-of", time(as_of), "--compare",
                             f"{time(START)}..{time(START + 2 * DAY)}", **rules)
        assert units(answer["total"]) == len(attempts)
        check_survival(answer, attempts)
        check_slices(answer)
        if units(answer["comparison"]["total"]):
            check_comparison(answer)
        check_buckets(shop, events, attempts, as_of, rules)
    finally:
        shop.remove()


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**9)
    count = 1 if len(sys.argv) > 2 else 4
    for number in range(seed, seed + count):
        try:
            check(number)
        except Exception:
            print(f"repeat with: {sys.argv[0]} {sys.argv[1]} {number}", file=sys.stderr)
            raise
    print(f"statistics: {count} crowds, 0 differences, seed {seed}")


if __name__ == "__main__":
    main()
