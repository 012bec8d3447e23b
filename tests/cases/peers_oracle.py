# SPDX-License-Identifier: Apache-2.0
"""What PostHog and Pinot answer, slowly and from their own descriptions: lists of what each event may do, replayed
step by step. Shares nothing with the product. Times are whole milliseconds."""
import datetime
import math

# ---------------------------------------------------------------- PostHog, ordered and strict


class Chain:
    """An attempt that stands at some step: when it began and which events it has (step -> (event, time))."""

    def __init__(self, start, taken=(), excluded=False):
        self.start, self.taken, self.excluded = start, dict(taken), excluded


def posthog_groups(events, tied):
    group = []
    for event in events:
        if group and event["t"] - group[0]["t"] > tied:
            yield group
            group = []
        group.append(event)
    if group:
        yield group


def posthog_ordered(events, steps, window, strict, optional, tied, value=None, value_step=None):
    """events: {t, steps: numbers from 1 (negative: forbidden while that step is awaited), value}; optional: numbers.
    Returns the furthest attempt or None."""
    slots = [None] * (steps + 1)
    best, best_step = None, 0
    if strict or any(number < 0 for event in events for number in event["steps"]):
        tied = 0

    def before(number, time):
        at = number - 1
        while slots[at] is None or time - slots[at].start > window:
            if at == 0 or at not in optional:
                return None
            at -= 1
        if slots[number] is not None and slots[number].start == slots[at].start:
            return None
        return at

    def act(number, event, time, several):
        nonlocal best, best_step
        at = before(abs(number), time)
        if at is None:
            return
        source = slots[at]
        if number < 0:
            if not source.excluded:
                source.excluded = True
                if best_step == at and time - best.start <= window:
                    best.excluded = True
            return
        if value_step is not None and at == value_step and event["value"] != value:
            return
        if several and any(taken is event for step, (taken, _) in source.taken.items() if step not in optional):
            return
        chain = Chain(source.start, {**source.taken, number: (event, time)}, source.excluded)
        if not source.excluded:
            slots[number] = chain
        if number > best_step or (number == best_step and best.excluded):
            best_step = number
            best = Chain(chain.start, chain.taken, chain.excluded)

    for group in posthog_groups(events, tied):
        slots[0] = Chain(group[0]["t"])
        if all(event["steps"] == group[0]["steps"] for event in group):
            for event in group:
                for number in reversed(event["steps"]):
                    act(number, event, event["t"], False)
                if strict:
                    for number in range(1, steps + 1):
                        if number not in event["steps"]:
                            slots[number] = None
        else:
            pairs = [(number, index) for index, event in enumerate(group) for number in event["steps"] if number > 0]
            for number, index in sorted(pairs):
                act(number, group[index], group[0]["t"], True)
        if slots[steps] is not None:
            break
    return None if best is None or best.excluded else best


# ---------------------------------------------------------------- PostHog, unordered


class Queues:
    def __init__(self, steps, window, value, value_step):
        self.lists = [[] for _ in range(steps)]
        self.window, self.value, self.value_step = window, value, value_step

    def filled(self):
        return sum(1 for queue in self.lists if queue)

    def oldest(self):
        heads = [(queue[0]["t"], index) for index, queue in enumerate(self.lists) if queue]
        return min(heads)[1] if heads else None

    def retire(self, time, judge, last=False):
        while self.oldest() is not None:
            index = self.oldest()
            complete = self.filled() == len(self.lists)
            if not (last or complete or self.lists[index][0]["t"] + self.window < time):
                return
            judge(self.lists[index][0])
            self.lists[index].pop(0)

    def take(self, event):
        if all(number < 0 for number in event["steps"]):
            self.lists = [[] for _ in self.lists]
            return
        numbers = [number for number in event["steps"] if number > 0]
        ages = [(self.lists[n - 1][-1]["t"] if self.lists[n - 1] else -math.inf, n) for n in numbers]
        if self.value_step is not None and self.filled() == self.value_step and event["value"] != self.value:
            return
        self.lists[min(ages)[1] - 1].append(event)


def posthog_unordered(events, steps, window, value=None, value_step=None):
    """Times of the attempt with the most steps, or None."""
    queues = Queues(steps, window, value, value_step)
    best = []

    def judge(_=None):
        nonlocal best
        if queues.filled() > len(best):
            best = sorted(queue[0]["t"] for queue in queues.lists if queue)

    for event in events:
        queues.retire(event["t"], judge)
        queues.take(event)
        if len(best) == steps:
            break
    judge()
    return best or None


# ---------------------------------------------------------------- PostHog, trends


def bucket(interval, time):
    day = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc).replace(minute=0, second=0)
    if interval == "hour":
        return day.strftime("%Y-%m-%d %H:00:00")
    day = day.replace(hour=0)
    if interval == "week":
        day -= datetime.timedelta(days=(day.weekday() + 1) % 7)
    elif interval == "month":
        day = day.replace(day=1)
    return day.strftime("%Y-%m-%d")


def trend_unordered(events, steps, window, interval, from_step, to_step, value, value_step):
    queues = Queues(steps, window, value, value_step)
    most = {}

    def judge(head):
        name = bucket(interval, head["t"])
        most[name] = max(most.get(name, 0), queues.filled())

    for event in events:
        queues.retire(event["t"], judge)
        queues.take(event)
    queues.retire(0, judge, last=True)
    return {name: count > to_step for name, count in most.items() if count > from_step}


def trend_ordered(events, steps, window, strict, interval, from_step, to_step, value, value_step):
    lists, done = {}, {}
    for event in events:
        name = bucket(interval, event["t"])
        for number in reversed(event["steps"]):
            step, forbids = abs(number), number < 0
            other = value_step == step - 1 and event["value"] != value
            if step == 1:
                if other or name in done:
                    continue
                data = lists.get(name)
                if data is None or (data["best"] == 1 and data["taint"]):
                    lists[name] = data = {"best": 1, "at": event["t"], "taint": "", "slots": [None] * (steps + 1)}
                data["slots"][1] = [event["t"], False]
                continue
            for key in list(lists):
                data = lists[key]
                was, now = data["slots"][step - 1], data["slots"][step]
                if was is None or event["t"] - was[0] > window or (now is not None and now[0] == was[0]):
                    continue
                if forbids:
                    if not was[1]:
                        was[1] = True
                        if data["best"] == step - 1 and event["t"] - data["at"] <= window:
                            data["taint"] = "partial"
                    continue
                if other:
                    continue
                if not was[1]:
                    data["slots"][step] = [was[0], False]
                if data["slots"][to_step + 1] is not None:
                    done[key] = True
                    del lists[key]
                elif step > data["best"] or (step == data["best"] and data["taint"] == "partial"):
                    data.update(best=step, at=event["t"], taint="full" if was[1] else "")
        if strict:
            for data in lists.values():
                for step in range(1, steps + 1):
                    if step not in event["steps"]:
                        data["slots"][step] = None
    if not any(data["taint"] == "full" for data in lists.values()):
        for key, data in lists.items():
            if key not in done and data["best"] > from_step and data["taint"] != "partial":
                done[key] = False
    return done


# ---------------------------------------------------------------- PostHog, one user's groups


def posthog_values(events, attribution, step, unordered):
    texts = [event["value"] for event in events]
    if attribution in ("first_touch", "last_touch"):
        present = [text for text in (texts if attribution == "first_touch" else texts[::-1]) if text]
        return [present[0] if present else ""]
    if attribution == "step" and not unordered:
        texts = [event["value"] for event in events if step + 1 in event["steps"]]
    return list(dict.fromkeys(texts))


def median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def bins(times, count):
    if not times:
        return []
    number = min(90, count) or min(60, max(1, math.ceil(round(len(times) ** (1 / 3), 9))))
    low, high = min(times) // 1000, math.ceil(max(times) / 1000)
    width = math.ceil((high - low) / number) or 60
    edges = [low + index * width for index in range(number + 1)]
    return [[edge, sum(1 for time in times if (time - low * 1000) // (width * 1000) == index)]
            for index, edge in enumerate(edges)]


# ---------------------------------------------------------------- Pinot


def pinot_windows(rows, window, longest):
    """Each window, a list of rows, as Pinot's queue and sliding window give them; send back how many rows go."""
    queue, held = sorted(rows), []
    while queue:
        while held and held[0][1] != 0:
            held.pop(0)
        if not held:
            while queue and queue[0][1] != 0:
                queue.pop(0)
            if not queue:
                return
            held.append(queue.pop(0))
        while queue and queue[0][0] < held[0][0] + window:
            if longest and queue[0][0] - held[-1][0] > longest:
                break
            held.append(queue.pop(0))
        until = yield list(held)
        if held:
            held.pop(0)
        while until is not None and held and held[0][0] < until:
            held.pop(0)


def pinot_level(rows, steps, modes):
    level, last = 0, None
    for time, step in rows:
        if "strict_deduplication" in modes and step == level - 1:
            return level
        if "strict_order" in modes and step != level:
            return level
        if "strict_increase" in modes and time == last:
            continue
        if step == level:
            level, last = level + 1, time
        if level == steps:
            return level
    return level


def pinot_max_step(rows, steps, window, modes, longest):
    best = 0
    for held in pinot_windows(rows, window, longest):
        best = max(best, pinot_level(held, steps, modes))
        if best == steps:
            break
    return best


def pinot_complete_count(rows, steps, window, modes, longest):
    total, walk = 0, pinot_windows(rows, window, longest)
    held = next(walk, None)
    while held is not None:
        level, last, until = 0, None, held[0][0]
        for time, step in held:
            if "strict_deduplication" in modes and step == level - 1:
                level = 0
            if "strict_order" in modes and step != level:
                level = 0
            if "strict_increase" in modes and time == last:
                continue
            last = time
            level += step == level
            if level == steps:
                total, level, until = total + 1, 0, time
        try:
            held = walk.send(until)
        except StopIteration:
            held = None
    return total


def pinot_durations(rows, steps, window, modes, longest, functions):
    lists, counted, matched = [[] for _ in range(steps)], [0] * steps, False
    for held in pinot_windows(rows, window, longest):
        level = pinot_level(held, steps, modes)
        if level < steps:
            counted[:level] = [1] * level
            continue
        matched = True
        times = []
        for time, step in held:
            if len(times) <= step:
                times.append(time)
        for index in range(len(times) - 1):
            lists[index].append(times[index + 1] - times[index])
            counted[index] = 1
        counted[-1] = 1
    if not matched and "count" not in functions:
        return []
    answer = []
    for step in range(steps):
        values = sorted(lists[step])
        for function in functions:
            if function == "count":
                answer.append(counted[step])
            elif not matched or step == steps - 1:
                answer.append(0)
            elif function == "avg":
                answer.append(sum(values) / len(values))
            else:
                share = {"min": 0, "median": 0.5, "max": 1}[function]
                above = [value for rank, value in enumerate(values, 1) if rank > share * len(values)]
                answer.append(above[0] if above else values[-1])
    return answer
