# SPDX-License-Identifier: Apache-2.0
"""window_funnel of Doris and StarRocks, written down from their sources in the plainest way, for comparison:
lists of (time, condition) as the engines keep them. Conditions count from 0. Rows are (time, set of conditions),
in order of arrival."""


def doris_v1(rows, steps, window, mode):
    """aggregate_function_window_funnel.h: every row of condition 0 is a start."""
    rows = sorted(rows, key=lambda row: row[0])
    best = 0
    for start, (first, found) in enumerate(rows):
        if 0 not in found:
            continue
        level, at, before = 1, start, first
        while level < steps:
            if mode == "fixed":
                at += 1
                if at >= len(rows) or level not in rows[at][1] or rows[at][0] > first + window:
                    break
                level += 1
                continue
            later = [index for index in range(at + 1, len(rows)) if level in rows[index][1]]
            if not later or rows[later[0]][0] > first + window:
                break
            now = rows[later[0]][0]
            if mode == "increase" and now <= before:
                break
            between = rows[at + 1:later[0]]
            if mode == "deduplication" and any(set(range(level)) & found for _, found in between):
                break
            at, before, level = later[0], now, level + 1
        best = max(best, level)
    return best


def doris_pairs(rows):
    """What v2 keeps: (time, condition, goes on with the row before), the highest condition of a row first."""
    pairs = []
    for time, found in sorted(rows, key=lambda row: row[0]):
        for index, condition in enumerate(sorted(found, reverse=True)):
            pairs.append((time, condition, index > 0))
    return pairs


def same_row(pairs, earlier, later):
    return later > earlier and all(pairs[index][2] for index in range(earlier + 1, later + 1))


def doris_v2(rows, steps, window, mode):
    """aggregate_function_window_funnel_v2.h, the revision that marks further conditions of a row."""
    pairs = doris_pairs(rows)
    return {"default": doris_v2_default, "increase": doris_v2_increase, "deduplication": doris_v2_deduplication,
            "fixed": doris_v2_fixed}[mode](pairs, steps, window)


def doris_v2_default(pairs, steps, window):
    levels = [None] * steps
    for index, (time, condition, _) in enumerate(pairs):
        if condition == 0:
            levels[0] = (time, time, index)
        elif levels[condition - 1] and not same_row(pairs, levels[condition - 1][2], index):
            if time <= levels[condition - 1][0] + window:
                levels[condition] = (levels[condition - 1][0], time, index)
    return max([level + 1 for level in range(steps) if levels[level]], default=0)


def doris_v2_increase(pairs, steps, window):
    best = 0
    for start, (first, condition, _) in enumerate(pairs):
        if condition != 0:
            continue
        levels = [None] * steps
        levels[0] = (first, first, start)
        for index in range(start + 1, len(pairs)):
            time, condition, _ = pairs[index]
            if condition > 0 and levels[condition - 1] and not same_row(pairs, levels[condition - 1][2], index):
                if levels[condition - 1][1] < time <= levels[condition - 1][0] + window:
                    levels[condition] = (first, time, index)
        best = max(best, max(level + 1 for level in range(steps) if levels[level]))
    return best


def row_bounds(pairs, index):
    begin = index
    while begin > 0 and pairs[begin][2]:
        begin -= 1
    end = index + 1
    while end < len(pairs) and pairs[end][2]:
        end += 1
    return begin, end


def doris_v2_deduplication(pairs, steps, window):
    best = 0
    for start, (first, condition, _) in enumerate(pairs):
        if condition != 0:
            continue
        level, last = 0, start
        for index in range(start + 1, len(pairs)):
            time, condition, _ = pairs[index]
            if level + 1 == steps:
                break
            if condition != level + 1 or same_row(pairs, last, index):
                continue
            gap = pairs[row_bounds(pairs, last)[1]:row_bounds(pairs, index)[0]]
            if time > first + window or any(found < condition for _, found, _ in gap):
                break
            level, last = condition, index
        best = max(best, level + 1)
    return best


def doris_v2_fixed(pairs, steps, window):
    best = 0
    for start, (first, condition, _) in enumerate(pairs):
        if condition != 0:
            continue
        level, index = 1, row_bounds(pairs, start)[1]
        while index < len(pairs) and level < steps:
            begin, end = row_bounds(pairs, index)
            if pairs[begin][0] > first + window or level not in [pair[1] for pair in pairs[begin:end]]:
                break
            level, index = level + 1, end
        best = max(best, level)
    return best


def starrocks(rows, steps, window, modes):
    """be/src/exprs/agg/window_funnel.h; times and window in whole seconds."""
    start, last = [-1] * steps, [-1] * steps
    best = present = -1
    entered = False
    chained = "deduplication" in modes or "fixed" in modes
    for time, condition in sorted((time, condition) for time, found in rows for condition in found):
        broken = False
        if condition == 0:
            start[0] = time
            present, entered = max(present, 0), True
            if not chained:
                last[0] = time
            continue
        if "deduplication" in modes and start[condition] >= 0:
            broken = True
        elif "fixed" in modes and entered and start[condition - 1] < 0:
            broken = present >= 0
        elif start[condition - 1] >= 0:
            fits = time <= start[condition - 1] + window
            if "increase" in modes:
                fits = fits and last[condition - 1] < time
            if fits:
                start[condition], last[condition] = start[condition - 1], time
                present = max(present, condition)
                if condition + 1 == steps:
                    return steps
        if broken:
            best = max(best, present)
            for level in range(present + 1):
                start[level] = -1
            present = -1
    if not chained:
        return max([level + 1 for level in range(steps) if start[level] >= 0], default=0)
    return max(best, present) + 1
