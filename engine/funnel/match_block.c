// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_scope.h"

#include "storage/base/invariant.h"

#include <string.h>

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

void match_scope_init(struct match_scope *scope, const struct match_rule *rule,
                      const struct match_event *events, uint32_t event_count)
{
    ASSERT(rule->step_count >= 1 && rule->step_count <= FUNNEL_STEP_COUNT_MAX);
    ASSERT(rule->window_us >= 0);
    *scope = (struct match_scope){
        .events = events,
        .event_count = event_count,
        .step_count = rule->step_count,
        .step_mask = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - rule->step_count),
        .window_us = rule->window_us < MATCH_WINDOW_MAX ? rule->window_us : MATCH_WINDOW_MAX,
        .ties_any = rule->ties == FUNNEL_TIES_ANY,
        .entry_bit = 1,
        .entry_first = 0,
        .entry_count = UINT32_MAX,
    };
    if (rule->attempts == FUNNEL_ATTEMPTS_FIRST || rule->attempts == FUNNEL_ATTEMPTS_LAST) {
        match_restrict_entries(scope, rule->attempts);
    }
}

void match_block_init(struct match_block *block, const struct match_scope *scope, uint32_t first,
                      uint32_t end, uint32_t wanted)
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
bool match_block_assign(struct match_block *block, uint32_t step, uint32_t *visited)
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

uint32_t match_block_slide(struct match_block *block, uint32_t level, uint32_t right,
                           uint32_t limit)
{
    if (level > 0 && right >= level) {
        block->node_steps[block->chosen[level - 1]] = MATCH_NO_STEP;
    }
    return match_block_extend(block, right > level ? right : level, limit);
}

void match_block_settle(struct match_block *block, uint32_t steps)
{
    uint32_t settled = 0;
    for (; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
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

uint32_t match_choose_many(const struct match_scope *scope, uint32_t first, uint32_t end,
                           uint32_t level, uint32_t limit, uint32_t *chosen)
{
    struct match_block block;
    uint32_t right = scope->ties_any ? limit : level + 1;
    uint32_t wanted = (UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - right)) & (UINT32_MAX << level);
    match_block_init(&block, scope, first, end, wanted);
    right = match_block_extend(&block, level, right);
    uint32_t filled = right == 0 ? 0 : UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - right);
    match_block_settle(&block, level < right ? filled & UINT32_MAX << level : 0);
    for (uint32_t step = level; step < right; step++) {
        chosen[step] = block.node_events[block.chosen[step]];
    }
    return right;
}
