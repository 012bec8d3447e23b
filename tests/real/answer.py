# SPDX-License-Identifier: Apache-2.0
"""Slow, obvious answers for real logs, in plain Python and with no code of the product: the level of each user
for steps that are single event names, loose order, ties any."""
import collections


def walk(events, start, steps, window_us):
    """Earliest completion from the entry events[start]: (level, completed at). Simultaneous events may be
    used in any order, each once."""
    entry_us, begin = events[start][0], start
    while begin > 0 and events[begin - 1][0] == entry_us:
        begin -= 1
    level, at, index = 0, entry_us, begin
    while index < len(events) and level < len(steps):
        time_us = events[index][0]
        if window_us is not None and time_us - entry_us > window_us:
            break
        block = collections.Counter()
        while index < len(events) and events[index][0] == time_us:
            block[events[index][1]] += 1
            index += 1
        while level < len(steps) and block[steps[level]] > 0:
            block[steps[level]] -= 1
            level, at = level + 1, time_us
    return level, at


def best(events, steps, window_us):
    """(level, slice value of the reported entry) of one user's sorted events; level 0 without an entry. Of
    simultaneous entries the smallest value is reported: the tests slice by the first attribute in byte order."""
    reported, value_of = (0, 0, 0), None
    for index, (time_us, name, value) in enumerate(events):
        if name == steps[0]:
            level, at = walk(events, index, steps, window_us)
            found = (level, -at, time_us)
            if found > reported or (found == reported and (value is None, value) < (value_of is None, value_of)):
                reported, value_of = found, value
    return reported[0], value_of


def reached(events_by_user, steps, window_us=None):
    counts = [0] * len(steps)
    by_value = collections.defaultdict(lambda: [0] * len(steps))
    for events in events_by_user.values():
        level, value = best(sorted(events, key=lambda event: event[0]), steps, window_us)
        for step in range(level):
            counts[step] += 1
            by_value[value][step] += 1
    return counts, dict(by_value)


def sessions(events_by_user, timeout_us):
    """(sessions, bounces) by gaps alone; for data without runs of a day."""
    count = bounces = 0
    for events in events_by_user.values():
        times = sorted(event[0] for event in events)
        size = 0
        for index, time_us in enumerate(times):
            if index == 0 or time_us - times[index - 1] > timeout_us:
                bounces += size == 1
                count, size = count + 1, 0
            size += 1
        bounces += size == 1
    return count, bounces
