// SPDX-License-Identifier: Apache-2.0
/// The general path where each block is one event, no step is optional and none has a least gap:
/// then the newest state of a step is all that a later event needs to know of it. It has the latest
/// entry of all that were, because whatever made an older one could have made it; it is the closest
/// for a greatest gap; and what ends it ends the older ones as well.
#include "engine/funnel/match_general.h"

struct line_state {
    uint32_t start; ///< block of its entry; NONE: there is no such state
    uint32_t at;    ///< block of its last match
};

struct line_walk {
    const struct general *general;
    const struct general_search *search;
    struct general_found found;
    bool latest;                                     ///< as in general_find()
    struct line_state states[FUNNEL_STEP_COUNT_MAX]; ///< by the step that was matched last
};

/// Steps as bits: of states that a block ends, and of matches that are void in it.
struct line_ends {
    uint32_t ended;
    uint32_t barred;
};

static void line_init(struct line_walk *walk, const struct general *general,
                      const struct general_search *search)
{
    walk->general = general;
    walk->search = search;
    walk->latest = false;
    walk->found = (struct general_found){GENERAL_NONE, GENERAL_NONE, GENERAL_NONE};
    for (uint32_t step = 0; step < general->rule->step_count; step++) {
        walk->states[step].start = GENERAL_NONE;
    }
}

/// What a block's event parts: between the steps of an exclusion that it hits, or in strict order
/// all but what it repeats.
static struct line_ends ends_of(const struct general *general, uint32_t block, uint32_t active)
{
    const struct general_block *here = &general->blocks[block];
    struct line_ends ends = {0, 0};
    for (uint32_t hits = here->hits & active; hits != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion = &general->rule->exclusions[__builtin_ctz(hits)];
        uint32_t before = (UINT32_C(1) << (exclusion->before - 1)) - 1;
        ends.ended |= before & UINT32_MAX << (exclusion->after - 1);
        ends.barred |= before & ~((UINT32_C(2) << (exclusion->after - 1)) - 1);
    }
    if (here->in_scope > 0) {
        bool allowed = general->rule->repeat == FUNNEL_REPEAT_ALLOW;
        ends.ended |= general->scope.step_mask & ~(allowed ? here->common : 0);
    }
    return ends;
}

/// The entry from which a step is reached in a block, through the newest state of the step before.
static uint32_t line_start(const struct line_walk *walk, uint32_t step, uint32_t block)
{
    const struct general *general = walk->general;
    const struct general_block *blocks = general->blocks;
    const struct line_state *state = &walk->states[step - 1];
    int64_t time_us = blocks[block].time_us;
    bool holds = state->start != GENERAL_NONE &&
                 time_us - blocks[state->at].time_us <= general->max_us[step] &&
                 time_us - blocks[state->start].time_us <= general->scope.window_us;
    return holds ? state->start : GENERAL_NONE;
}

static inline void line_note(struct line_walk *walk, uint32_t step, uint32_t start, uint32_t block)
{
    struct general_found *found = &walk->found;
    bool higher = found->step == GENERAL_NONE || step > found->step;
    if (higher || (walk->latest && step == found->step && start > found->entry)) {
        *found = (struct general_found){step, start, block};
    }
}

/// Goes through one block: its event fills one of its steps, coming from what stood before it.
static inline void line_block(struct line_walk *walk, uint32_t block)
{
    const struct general_block *here = &walk->general->blocks[block];
    const struct general_search *search = walk->search;
    uint32_t entry_step = search->entry_step;
    struct line_ends ends = {0, 0};
    uint32_t reached = 0;
    uint32_t starts[FUNNEL_STEP_COUNT_MAX];
    if ((here->hits | here->in_scope) != 0) {
        ends = ends_of(walk->general, block, search->active);
    }
    for (uint32_t steps = here->steps & ~ends.barred; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        starts[step] = GENERAL_NONE;
        if (step > entry_step && step <= search->cap) {
            starts[step] = line_start(walk, step, block);
        } else if (step == entry_step && (here->entries >> step & 1) != 0 &&
                   block >= search->entry_first && block <= search->entry_last) {
            starts[step] = block;
        }
        reached |= (uint32_t)(starts[step] != GENERAL_NONE) << step;
    }
    for (; ends.ended != 0; ends.ended &= ends.ended - 1) {
        walk->states[__builtin_ctz(ends.ended)].start = GENERAL_NONE;
    }
    for (; reached != 0; reached &= reached - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(reached);
        walk->states[step] = (struct line_state){starts[step], block};
        line_note(walk, step, starts[step], block);
    }
}

void general_line_find(const struct general *general, const struct general_search *search,
                       bool latest, struct general_found *found_out)
{
    struct line_walk walk;
    line_init(&walk, general, search);
    walk.latest = latest;
    for (uint32_t block = search->from; block < search->end; block++) {
        line_block(&walk, block);
        if (!latest && walk.found.step == search->cap) {
            break;
        }
    }
    *found_out = walk.found;
}

/// As general_goes_on(): of the states of a step the newest gets furthest.
static bool line_goes_on(const struct line_walk *walk, uint32_t end, int64_t as_of_us)
{
    const struct general *general = walk->general;
    int64_t last_us = general_last_us(general, end);
    for (uint32_t step = walk->search->entry_step; step + 1 < general->rule->step_count; step++) {
        const struct line_state *state = &walk->states[step];
        if (state->start != GENERAL_NONE &&
            general_may_follow(general, walk->search, step + 1, general->blocks[state->at].time_us,
                               general->blocks[state->start].time_us, as_of_us, last_us)) {
            return true;
        }
    }
    return false;
}

bool general_line_open(const struct general *general, const struct general_search *search)
{
    struct line_walk walk;
    line_init(&walk, general, search);
    for (uint32_t block = search->from; block < search->end; block++) {
        line_block(&walk, block);
    }
    return line_goes_on(&walk, search->end, general->rule->as_of_us);
}

uint32_t general_line_life(const struct general *general, const struct general_search *search)
{
    struct line_walk walk;
    line_init(&walk, general, search);
    for (uint32_t block = search->from; block < search->end; block++) {
        line_block(&walk, block);
        if (walk.found.step == search->cap) {
            break; // won: it does not end any more
        }
        if (!line_goes_on(&walk, block + 1, general->blocks[block].time_us)) {
            return block;
        }
    }
    return search->end;
}

/// Marks, back from the end, the steps that each block may fill on a way to the end. The next block
/// that leads on is the closest, so it decides whether there is a way through it.
static void line_mark(struct general *general, const struct general_search *search,
                      const struct general_found *found)
{
    uint32_t next[FUNNEL_STEP_COUNT_MAX]; // by step: the next block that leads on, or NONE
    for (uint32_t step = 0; step <= found->step; step++) {
        next[step] = GENERAL_NONE;
    }
    next[found->step] = found->end;
    general->continued[found->end] = UINT32_C(1) << found->step;
    for (uint32_t block = found->end; block-- > found->entry;) {
        const struct general_block *here = &general->blocks[block];
        struct line_ends ends = ends_of(general, block, search->active);
        uint32_t leading = 0;
        uint32_t below = (UINT32_C(1) << found->step) - 1;
        for (uint32_t steps = here->steps & below & ~ends.barred; steps != 0; steps &= steps - 1) {
            uint32_t step = (uint32_t)__builtin_ctz(steps);
            bool leads = next[step + 1] != GENERAL_NONE &&
                         general->blocks[next[step + 1]].time_us - here->time_us <=
                             general->max_us[step + 1];
            leading |= (uint32_t)leads << step;
        }
        for (uint32_t ended = ends.ended & below; ended != 0; ended &= ended - 1) {
            next[__builtin_ctz(ended) + 1] = GENERAL_NONE;
        }
        general->continued[block] = leading;
        for (; leading != 0; leading &= leading - 1) {
            next[__builtin_ctz(leading)] = block;
        }
    }
}

void general_line_choose(struct general *general, const struct general_search *search,
                         const struct general_found *found, uint32_t *blocks_out)
{
    uint32_t block = found->entry;
    line_mark(general, search, found);
    blocks_out[search->entry_step] = block;
    for (uint32_t step = search->entry_step + 1; step <= found->step; step++) {
        do {
            block++;
        } while ((general->continued[block] >> step & 1) == 0);
        blocks_out[step] = block;
    }
}
