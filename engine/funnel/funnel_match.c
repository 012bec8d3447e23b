// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_scope.h"

#include "storage/base/invariant.h"

#include <string.h>

#define MATCH_NONE INT64_MIN

/// An entry: the first event of its block. Blocks of one time differ in their index only.
struct match_start {
    int64_t time_us;
    uint64_t index;
};

/// starts[k]: the latest entry of an assignment that covers steps 1..k, MATCH_NONE where there is
/// none. Never later with a larger k, because whatever covers k + 1 steps covers k with the same
/// entry.
struct match_walk {
    struct match_start starts[FUNNEL_STEP_COUNT_MAX + 1];
    uint32_t level; ///< the highest reached
    struct match_start entry;
    int64_t completed_us;
};

static inline void match_note(struct match_walk *walk, uint32_t level, int64_t time_us)
{
    if (level > walk->level) {
        walk->level = level;
        walk->entry = walk->starts[level];
        walk->completed_us = time_us;
    }
}

/// Comes to the block that starts at events[index]: a new entry stands at level 0.
static inline int64_t match_begin(struct match_walk *walk, const struct match_scope *scope,
                                  uint32_t index)
{
    int64_t time_us = scope->events[index].time_us;
    walk->starts[0] = (struct match_start){time_us, index};
    return time_us;
}

/// A block that can add one step at most: from high to low, so that every level sees the values
/// from before the block. Which levels stand is hard to predict, so the value is chosen without a
/// branch; a new highest level is rare.
static inline void match_advance_one(struct match_walk *walk, int64_t time_us, int64_t window_us,
                                     uint32_t steps)
{
    int64_t earliest_us = time_us - window_us;
    while (steps != 0) {
        uint32_t step = 31 - (uint32_t)__builtin_clz(steps);
        steps ^= UINT32_C(1) << step;
        const struct match_start *from = &walk->starts[step];
        bool alive = from->time_us >= earliest_us;
        walk->starts[step + 1] = alive ? from[0] : from[1];
        if (alive && step >= walk->level) {
            match_note(walk, step + 1, time_us);
        }
    }
}

/// Simultaneous events that fill one step each, under `ties: any`: whoever stands before a run of
/// consecutive steps gets to its end. Runs do not touch, so none reads what another wrote.
static inline void match_advance_runs(struct match_walk *walk, int64_t time_us, int64_t window_us,
                                      uint32_t steps)
{
    while (steps != 0) {
        uint32_t first = (uint32_t)__builtin_ctz(steps);
        uint64_t shifted = (uint64_t)steps >> first;
        uint32_t end = first + (uint32_t)__builtin_ctzll(~shifted);
        steps &= (uint32_t)(UINT64_MAX << end);
        struct match_start start = walk->starts[first];
        if (start.time_us < time_us - window_us) {
            continue;
        }
        for (uint32_t level = first + 1; level <= end; level++) {
            walk->starts[level] = start;
        }
        match_note(walk, end, time_us);
    }
}

/// A block of simultaneous events of which some fill several steps, under `ties: any`. Levels
/// ascend, so that each step gets its latest entry first; they read the values from before the
/// block.
__attribute__((noinline)) static void match_advance_block(struct match_walk *walk,
                                                          const struct match_scope *scope,
                                                          uint32_t first, uint32_t end,
                                                          uint32_t steps)
{
    struct match_block block;
    struct match_start before[FUNNEL_STEP_COUNT_MAX + 1];
    memcpy(before, walk->starts, scope->step_count * sizeof(*before));
    match_block_init(&block, scope, first, end, steps);
    int64_t time_us = scope->events[first].time_us;
    int64_t earliest_us = time_us - scope->window_us;
    uint32_t right = 0;
    for (uint32_t level = 0; level < scope->step_count && before[level].time_us >= earliest_us;
         level++) {
        uint32_t filled = right > level ? right : level;
        right = match_block_slide(&block, level, right, scope->step_count);
        for (uint32_t reached = filled + 1; reached <= right; reached++) {
            walk->starts[reached] = before[level];
            match_note(walk, reached, time_us);
        }
    }
}

/// A block of several events; returns its end.
__attribute__((noinline)) static uint32_t
match_advance_many(struct match_walk *walk, const struct match_scope *scope, uint32_t first)
{
    int64_t time_us = match_begin(walk, scope, first);
    uint32_t together = match_steps(scope, first);
    uint32_t several = together & (together - 1); // not 0 where some event fills several steps
    uint32_t end = first + 1;
    for (; end < scope->event_count && match_joins(scope, end); end++) {
        uint32_t steps = match_steps(scope, end);
        together |= steps;
        several |= steps & (steps - 1);
    }
    if (!scope->ties_any) {
        match_advance_one(walk, time_us, scope->window_us, together);
    } else if (several == 0) {
        match_advance_runs(walk, time_us, scope->window_us, together);
    } else {
        match_advance_block(walk, scope, first, end, together);
    }
    return end;
}

static void match_walk_all(struct match_walk *walk, const struct match_scope *scope)
{
    for (uint32_t level = 0; level <= scope->step_count; level++) {
        walk->starts[level] = (struct match_start){MATCH_NONE, 0};
    }
    walk->level = 0;
    walk->entry = (struct match_start){0};
    walk->completed_us = 0;
    const struct match_scope local =
        *scope; // its fields stay in registers while the walk is written
    for (uint32_t index = 0; index < local.event_count && walk->level < local.step_count;) {
        DCHECK(local.events[index].time_us >= -MATCH_TIME_MAX);
        DCHECK(local.events[index].time_us <= MATCH_TIME_MAX);
        DCHECK(index == 0 || local.events[index - 1].time_us <= local.events[index].time_us);
        if (__builtin_expect(index + 1 < local.event_count && match_joins(&local, index + 1), 0)) {
            index = match_advance_many(walk, scope, index);
            continue;
        }
        int64_t time_us = match_begin(walk, &local, index);
        match_advance_one(walk, time_us, local.window_us, match_steps(&local, index));
        index++;
    }
}

/// From a given entry, taking as many steps as possible in every block reaches each level at its
/// earliest instant, all at once: a higher level before a block never reaches less after it.
static void match_choose(const struct match_scope *scope, uint32_t index, uint32_t limit,
                         uint32_t *chosen)
{
    uint32_t level = 0;
    while (level < limit) {
        DCHECK(index < scope->event_count);
        uint32_t end = match_block_end(scope, index);
        if (end - index > 1) {
            level = match_choose_many(scope, index, end, level, limit, chosen);
        } else if ((match_steps(scope, index) >> level & 1) != 0) {
            chosen[level++] = index;
        }
        index = end;
    }
}

void funnel_match_level(const struct match_rule *rule, const struct match_event *events,
                        uint32_t event_count, struct match_summary *summary_out)
{
    struct match_scope scope;
    struct match_walk walk;
    match_scope_init(&scope, rule, events, event_count);
    match_walk_all(&walk, &scope);
    *summary_out = (struct match_summary){walk.level, walk.entry.time_us, walk.completed_us};
}

void funnel_match(const struct match_rule *rule, const struct match_event *events,
                  uint32_t event_count, struct match_result *result_out)
{
    if (!match_rule_is_plain(rule)) {
        match_general(rule, events, event_count, result_out);
        return;
    }
    struct match_scope scope;
    struct match_walk walk;
    match_scope_init(&scope, rule, events, event_count);
    match_walk_all(&walk, &scope);
    result_out->open = false;
    result_out->out = false;
    result_out->best_level = 0;
    result_out->level = walk.level;
    result_out->entered = 1;
    result_out->ended = walk.level;
    result_out->score = walk.level;
    result_out->won = walk.level == rule->step_count;
    result_out->made = walk.level == 0 ? 0 : UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - walk.level);
    match_choose(&scope, (uint32_t)walk.entry.index, walk.level, result_out->events);
    for (uint32_t step = 0; step < walk.level; step++) {
        result_out->times_us[step] = events[result_out->events[step]].time_us;
        result_out->steps[step] = (uint8_t)step;
    }
}
