// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"

#include "storage/base/invariant.h"

#include <string.h>

#define MATCH_NONE INT64_MIN
/// Longer windows than this never end for times that an event may have.
#define MATCH_WINDOW_MAX (INT64_MAX / 2)
#define MATCH_TIME_MAX (INT64_MAX / 4)
#define MATCH_NODE_COUNT_MAX (FUNNEL_STEP_COUNT_MAX * FUNNEL_STEP_COUNT_MAX)
#define MATCH_NO_STEP UINT8_MAX

/// One unit's events with the rule in the form that the loops need.
struct match_scope {
    const struct match_event *events;
    uint32_t event_count;
    uint32_t step_count;
    uint32_t step_mask;
    int64_t window_us;
    bool ties_any;
    uint32_t entry_first; ///< attempts first and last allow the entries of one block only
    uint32_t entry_count;
};

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

/// Simultaneous events as a bipartite graph: steps on one side, events ("nodes") on the other. Per
/// step the first `step_count` candidates are enough: an assignment that uses a later one leaves
/// one of them free, and swapping to it is as good and canonically earlier. So a block of any size
/// costs one scan.
struct match_block {
    uint32_t node_count;
    uint32_t candidate_counts[FUNNEL_STEP_COUNT_MAX];
    uint16_t candidates[FUNNEL_STEP_COUNT_MAX][FUNNEL_STEP_COUNT_MAX]; ///< nodes, canonical order
    uint16_t chosen[FUNNEL_STEP_COUNT_MAX];                            ///< node per assigned step
    uint32_t node_events[MATCH_NODE_COUNT_MAX];
    uint8_t node_steps[MATCH_NODE_COUNT_MAX]; ///< step that uses the node, or MATCH_NO_STEP
};

/// The steps that an event may fill. Only the edge to step 1 depends on entry_allowed: an event
/// outside the range may still complete an attempt.
static inline uint32_t match_steps(const struct match_scope *scope, uint32_t index)
{
    const struct match_event *event = &scope->events[index];
    bool entry = event->entry_allowed && index - scope->entry_first < scope->entry_count;
    uint32_t barred = entry ? 0 : 1;
    return event->steps & scope->step_mask & ~barred;
}

/// Whether an event is simultaneous with the one before it.
static inline bool match_joins(const struct match_scope *scope, uint32_t index)
{
    const struct match_event *event = &scope->events[index];
    return event[0].time_us == event[-1].time_us && !event[0].ordered;
}

static uint32_t match_block_end(const struct match_scope *scope, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < scope->event_count && match_joins(scope, end)) {
        end++;
    }
    return end;
}

static void match_restrict_entries(struct match_scope *scope, enum funnel_attempts attempts)
{
    uint32_t count = scope->event_count;
    for (uint32_t seen = 0; seen < count; seen++) {
        uint32_t index = attempts == FUNNEL_ATTEMPTS_FIRST ? seen : count - 1 - seen;
        if ((match_steps(scope, index) & 1) != 0) {
            uint32_t first = index;
            while (first > 0 && match_joins(scope, first)) {
                first--;
            }
            scope->entry_first = first;
            scope->entry_count = match_block_end(scope, first) - first;
            return;
        }
    }
}

static void match_scope_init(struct match_scope *scope, const struct match_rule *rule,
                             const struct match_event *events, uint32_t event_count)
{
    ASSERT(rule->step_count >= 1 && rule->step_count <= FUNNEL_STEP_COUNT_MAX);
    ASSERT(rule->window_us >= 0);
    ASSERT(rule->attempts != FUNNEL_ATTEMPTS_ALL);
    *scope = (struct match_scope){
        .events = events,
        .event_count = event_count,
        .step_count = rule->step_count,
        .step_mask = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - rule->step_count),
        .window_us = rule->window_us < MATCH_WINDOW_MAX ? rule->window_us : MATCH_WINDOW_MAX,
        .ties_any = rule->ties == FUNNEL_TIES_ANY,
        .entry_first = 0,
        .entry_count = UINT32_MAX,
    };
    if (rule->attempts != FUNNEL_ATTEMPTS_BEST) {
        match_restrict_entries(scope, rule->attempts);
    }
}

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

/// Collects the candidates of the `wanted` steps among events [first, end).
static void match_block_init(struct match_block *block, const struct match_scope *scope,
                             uint32_t first, uint32_t end, uint32_t wanted)
{
    block->node_count = 0;
    memset(block->candidate_counts, 0, sizeof(block->candidate_counts));
    for (uint32_t index = first; index < end && wanted != 0; index++) {
        uint32_t steps = match_steps(scope, index) & wanted;
        if (steps == 0) {
            continue;
        }
        uint32_t node = block->node_count++;
        block->node_events[node] = index;
        block->node_steps[node] = MATCH_NO_STEP;
        for (; steps != 0; steps &= steps - 1) {
            uint32_t step = (uint32_t)__builtin_ctz(steps);
            block->candidates[step][block->candidate_counts[step]++] = (uint16_t)node;
            if (block->candidate_counts[step] == scope->step_count) {
                wanted &= ~(UINT32_C(1) << step);
            }
        }
    }
}

static void match_block_take(struct match_block *block, uint32_t step, uint32_t node)
{
    block->node_steps[node] = (uint8_t)step;
    block->chosen[step] = (uint16_t)node;
}

/// Kuhn's augmenting path: gives `step` an event, moving others where needed; changes nothing where
/// it fails. Steps in `visited` keep theirs. Depth is at most the number of steps.
static bool match_block_assign(struct match_block *block, uint32_t step, uint32_t *visited)
{
    *visited |= UINT32_C(1) << step;
    for (uint32_t at = 0; at < block->candidate_counts[step]; at++) {
        uint32_t node = block->candidates[step][at];
        if (block->node_steps[node] == MATCH_NO_STEP) {
            match_block_take(block, step, node);
            return true;
        }
    }
    for (uint32_t at = 0; at < block->candidate_counts[step]; at++) {
        uint32_t node = block->candidates[step][at];
        uint32_t holder = block->node_steps[node];
        if ((*visited >> holder & 1) == 0 && match_block_assign(block, holder, visited)) {
            match_block_take(block, step, node);
            return true;
        }
    }
    return false;
}

/// Extends a matching of steps [level, right) as far as it goes.
static uint32_t match_block_extend(struct match_block *block, uint32_t right, uint32_t limit)
{
    for (; right < limit; right++) {
        uint32_t visited = 0;
        if (!match_block_assign(block, right, &visited)) {
            break;
        }
    }
    return right;
}

/// Steps [level, right) have events of their own; lets go of step level - 1 and extends. What level
/// reaches never shrinks as level grows, so all levels together cost 2 n augmentations.
static uint32_t match_block_slide(struct match_block *block, uint32_t level, uint32_t right,
                                  uint32_t limit)
{
    if (level > 0 && right >= level) {
        block->node_steps[block->chosen[level - 1]] = MATCH_NO_STEP;
    }
    return match_block_extend(block, right > level ? right : level, limit);
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

/// Makes the matching of steps [level, right) the canonically smallest: each step in turn takes its
/// first candidate that leaves the later steps a matching; earlier steps keep theirs.
static void match_block_settle(struct match_block *block, uint32_t level, uint32_t right)
{
    uint32_t settled = 0;
    for (uint32_t step = level; step < right; step++) {
        settled |= UINT32_C(1) << step;
        uint32_t old = block->chosen[step];
        for (uint32_t at = 0; block->candidates[step][at] != old; at++) {
            uint32_t node = block->candidates[step][at];
            uint32_t holder = block->node_steps[node];
            if (holder != MATCH_NO_STEP && (settled >> holder & 1) != 0) {
                continue;
            }
            block->node_steps[old] = MATCH_NO_STEP;
            match_block_take(block, step, node);
            uint32_t visited = settled;
            if (holder == MATCH_NO_STEP || match_block_assign(block, holder, &visited)) {
                break;
            }
            block->node_steps[node] = (uint8_t)holder;
            match_block_take(block, step, old);
        }
    }
}

/// Chooses the events of one block for an attempt that stands at `level`; returns the new level.
__attribute__((noinline)) static uint32_t match_choose_many(const struct match_scope *scope,
                                                            uint32_t first, uint32_t end,
                                                            uint32_t level, uint32_t limit,
                                                            uint32_t *chosen)
{
    struct match_block block;
    uint32_t right = scope->ties_any ? limit : level + 1;
    uint32_t wanted = (UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - right)) & (UINT32_MAX << level);
    match_block_init(&block, scope, first, end, wanted);
    right = match_block_extend(&block, level, right);
    match_block_settle(&block, level, right);
    for (uint32_t step = level; step < right; step++) {
        chosen[step] = block.node_events[block.chosen[step]];
    }
    return right;
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
    struct match_scope scope;
    struct match_walk walk;
    match_scope_init(&scope, rule, events, event_count);
    match_walk_all(&walk, &scope);
    result_out->level = walk.level;
    match_choose(&scope, (uint32_t)walk.entry.index, walk.level, result_out->events);
}
