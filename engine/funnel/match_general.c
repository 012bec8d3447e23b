// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

static void take_gaps(struct general *general)
{
    const struct match_rule *rule = general->rule;
    for (uint32_t level = 1; rule->gaps != NULL && level < rule->step_count; level++) {
        const struct funnel_gap *gap = &rule->gaps[level];
        general->min_us[level] = gap->min_us < MATCH_WINDOW_MAX ? gap->min_us : MATCH_WINDOW_MAX;
        general->max_us[level] = gap->max_us;
        bool gapped = gap->min_us > 0 || gap->max_us != FUNNEL_WINDOW_NONE;
        general->gapped |= (uint32_t)gapped << level;
        general->steep |= (uint32_t)(gap->min_us > 0) << level;
    }
}

static struct general_block block_at(const struct general *general, uint32_t first)
{
    const struct match_scope *scope = &general->scope;
    uint32_t step_count = scope->step_count;
    struct general_block block = {.time_us = scope->events[first].time_us, .first = first};
    block.end = match_block_end(scope, first);
    for (uint32_t index = first; index < block.end; index++) {
        uint32_t steps = match_steps(scope, index);
        block.steps |= steps;
        block.several |= (steps & (steps - 1)) != 0;
        if (step_count < FUNNEL_STEP_COUNT_MAX) {
            block.hits |= scope->events[index].steps >> step_count;
        }
    }
    return block;
}

static void cut_blocks(struct general *general)
{
    uint32_t count = general->scope.event_count;
    general->blocks = memory_resize_array(NULL, (size_t)count + 1, sizeof(*general->blocks));
    for (uint32_t index = 0; index < count;) {
        struct general_block block = block_at(general, index);
        index = block.end;
        if ((block.steps | block.hits) != 0) {
            general->blocks[general->block_count++] = block;
        }
    }
}

static void general_init(struct general *general, const struct match_rule *rule,
                         const struct match_event *events, uint32_t event_count)
{
    *general = (struct general){.rule = rule};
    for (uint32_t level = 0; level < FUNNEL_STEP_COUNT_MAX; level++) {
        general->max_us[level] = INT64_MAX;
    }
    match_scope_init(&general->scope, rule, events, event_count);
    take_gaps(general);
    cut_blocks(general);
    size_t count = (size_t)general->block_count + 1;
    for (uint32_t levels = general->gapped; levels != 0; levels &= levels - 1) {
        uint32_t level = (uint32_t)__builtin_ctz(levels);
        general->starts[level] = memory_resize_array(NULL, count, sizeof(uint32_t));
        general->queues[level] = memory_resize_array(NULL, count, sizeof(uint32_t));
    }
    general->used = memory_resize_array(NULL, count, sizeof(uint32_t));
    general->continued = memory_resize_array(NULL, count, sizeof(uint32_t));
}

static void general_deinit(struct general *general)
{
    memory_free(general->blocks);
    memory_free(general->used);
    memory_free(general->continued);
    for (uint32_t level = 0; level < FUNNEL_STEP_COUNT_MAX; level++) {
        memory_free(general->starts[level]);
        memory_free(general->queues[level]);
    }
}

uint64_t funnel_match_bytes(const struct match_rule *rule, uint32_t event_count)
{
    if (match_rule_is_plain(rule)) {
        return 0;
    }
    uint64_t block = sizeof(struct general_block) + 2 * sizeof(uint32_t);
    uint64_t levels = rule->gaps == NULL ? 0 : rule->step_count;
    return ((uint64_t)event_count + 1) * (block + levels * 2 * sizeof(uint32_t));
}

static void reach_several(const struct general *general, const struct general_block *block,
                          struct general_moves *moves)
{
    struct match_block matching;
    uint32_t right = 0;
    match_block_init(&matching, &general->scope, block->first, block->end, block->steps);
    for (uint32_t level = 0; level < general->scope.step_count; level++) {
        right = match_block_slide(&matching, level, right, general->scope.step_count);
        moves->reach[level] = (uint8_t)(right > level ? right : level);
    }
}

/// How far an attempt at each level gets in a block, exclusions aside.
static void reach_in(const struct general *general, const struct general_block *block,
                     struct general_moves *moves)
{
    bool one = !general->scope.ties_any || block->end - block->first == 1;
    if (!one && block->several) {
        reach_several(general, block, moves);
    }
    for (uint32_t level = general->scope.step_count; level-- > 0;) {
        if (one || !block->several) {
            bool fills = (block->steps >> level & 1) != 0;
            bool on = fills && !one && level + 1 < general->scope.step_count;
            moves->reach[level] = (uint8_t)(on ? moves->reach[level + 1] : level + fills);
        }
    }
    // A step with a least gap is not filled in the block of the step before it. Taken last, so
    // that no level builds on a reach cut short for another.
    for (uint32_t level = 0; level < general->scope.step_count; level++) {
        uint64_t steep = (uint64_t)general->steep >> (level + 1) << (level + 1);
        if (steep != 0 && (uint32_t)__builtin_ctzll(steep) < moves->reach[level]) {
            moves->reach[level] = (uint8_t)__builtin_ctzll(steep);
        }
    }
}

void general_moves_at(const struct general *general, uint32_t index, uint32_t active,
                      struct general_moves *moves_out)
{
    const struct general_block *block = &general->blocks[index];
    reach_in(general, block, moves_out);
    for (uint32_t level = 0; level < general->scope.step_count; level++) {
        moves_out->low[level] = (uint8_t)(level + 1);
    }
    for (uint32_t hits = block->hits & active; hits != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion = &general->rule->exclusions[__builtin_ctz(hits)];
        for (uint32_t level = exclusion->after; level < exclusion->before; level++) {
            if (moves_out->low[level] < exclusion->before) {
                moves_out->low[level] = (uint8_t)exclusion->before;
            }
        }
    }
}

/// The exclusions whose later step is one of 1..level.
static uint32_t exclusions_within(const struct match_rule *rule, uint32_t level, bool remove_only)
{
    uint32_t within = 0;
    for (uint32_t i = 0; i < rule->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &rule->exclusions[i];
        within |= (uint32_t)(exclusion->before <= level && (exclusion->remove || !remove_only))
                  << i;
    }
    return within;
}

/// Finds out whether every assignment of the best level is hit by an exclusion that removes.
static void find_out(struct general *general, struct match_result *result)
{
    result->out = false;
    result->best_level = 0;
    if (exclusions_within(general->rule, general->scope.step_count, true) == 0) {
        return;
    }
    struct general_search best = {.cap = general->scope.step_count};
    general_find(general, &best);
    struct general_search kept = {.cap = best.level};
    kept.active = exclusions_within(general->rule, best.level, true);
    result->best_level = best.level;
    if (best.level > 0 && kept.active != 0) {
        general_find(general, &kept);
        result->out = kept.level < best.level;
    }
}

/// The largest `before` of the active exclusions: levels from it on are judged by all of them.
static uint32_t highest_before(const struct match_rule *rule, uint32_t active)
{
    uint32_t highest = 0;
    for (; active != 0; active &= active - 1) {
        uint32_t before = rule->exclusions[__builtin_ctz(active)].before;
        highest = before > highest ? before : highest;
    }
    return highest;
}

/// An exclusion counts for assignments that reach its later step, so levels are looked for from the
/// top: those of each range in which the same exclusions count in turn.
static void find_best(struct general *general, struct general_search *found)
{
    uint32_t cap = general->scope.step_count;
    bool open = false;
    for (bool first = true;; first = false) {
        *found = (struct general_search){.cap = cap, .judge = first};
        found->active = exclusions_within(general->rule, cap, false);
        general_find(general, found);
        open = first ? found->open : open;
        uint32_t least = highest_before(general->rule, found->active);
        if (found->level >= least) {
            break;
        }
        cap = least - 1;
    }
    found->open = open && found->level > 0;
}

void match_general(const struct match_rule *rule, const struct match_event *events,
                   uint32_t event_count, struct match_result *result_out)
{
    struct general general;
    struct general_search found;
    general_init(&general, rule, events, event_count);
    find_out(&general, result_out);
    find_best(&general, &found);
    result_out->level = found.level;
    result_out->open = found.open;
    if (found.level > 0) {
        general_choose(&general, &found, result_out->events);
    }
    general_deinit(&general);
}
