// SPDX-License-Identifier: Apache-2.0
/// The general path where each block is one event and no step is optional: then the newest state of
/// a step (where the next one has a least gap, the newest that is old enough) is all that a later
/// event needs to know of it. It has the latest entry of all that were, because whatever made an
/// older one could have made it; it is the closest for a greatest gap; and what ends it ends the
/// older ones as well.
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
    // Where a step has a least gap:
    struct line_state ripe[FUNNEL_STEP_COUNT_MAX]; ///< the newest state that it may follow by now
    uint32_t waiting[FUNNEL_STEP_COUNT_MAX];       ///< the first block that is not ripe yet
    uint32_t ended[FUNNEL_STEP_COUNT_MAX]; ///< by last step: states of earlier blocks are void
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
    for (uint32_t step = 0; general->steep != 0 && step < general->rule->step_count; step++) {
        walk->ripe[step].start = GENERAL_NONE;
        walk->waiting[step] = search->from;
        walk->ended[step] = 0;
    }
}

/// The newest state that a step with a least gap may follow in a block; NULL: none. Seldom needed.
__attribute__((noinline)) static const struct line_state *ripe_state(struct line_walk *walk,
                                                                     uint32_t step, uint32_t block)
{
    const struct general *general = walk->general;
    const uint32_t *starts = general->starts[step - 1];
    int64_t last_us = general->blocks[block].time_us - general->min_us[step];
    struct line_state *ripe = &walk->ripe[step];
    uint32_t *waiting = &walk->waiting[step];
    for (; *waiting < block && general->blocks[*waiting].time_us <= last_us; ++*waiting) {
        if (starts[*waiting] != GENERAL_NONE) {
            *ripe = (struct line_state){starts[*waiting], *waiting};
        }
    }
    return ripe->start != GENERAL_NONE && ripe->at >= walk->ended[step - 1] ? ripe : NULL;
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
static inline uint32_t line_start(struct line_walk *walk, uint32_t step, uint32_t block)
{
    const struct general *general = walk->general;
    const struct general_block *blocks = general->blocks;
    const struct line_state *state = &walk->states[step - 1];
    int64_t time_us = blocks[block].time_us;
    if ((general->steep >> step & 1) != 0) {
        state = ripe_state(walk, step, block);
    }
    bool holds = state != NULL && state->start != GENERAL_NONE &&
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
        uint32_t step = (uint32_t)__builtin_ctz(ends.ended);
        walk->states[step].start = GENERAL_NONE;
        walk->ended[step] = block;
    }
    for (uint32_t kept = walk->general->steep >> 1; kept != 0; kept &= kept - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(kept);
        bool stands = (reached >> step & 1) != 0;
        walk->general->starts[step][block] = stands ? starts[step] : GENERAL_NONE;
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

/// Whether some state of a step goes on to the next one, which has a least gap: older ones get
/// there sooner. From the newest that stands to those that are too old for a greatest gap.
__attribute__((noinline)) static bool steep_goes_on(const struct line_walk *walk, uint32_t step,
                                                    int64_t as_of_us, int64_t last_us)
{
    const struct general *general = walk->general;
    int64_t slack_us = general->rule->tie_tolerance_us;
    if (walk->states[step].start == GENERAL_NONE) {
        return false;
    }
    uint32_t first =
        walk->ended[step] > walk->search->from ? walk->ended[step] : walk->search->from;
    for (uint32_t block = walk->states[step].at + 1; block-- > first;) {
        uint32_t start = general->starts[step][block];
        if (as_of_us - general->blocks[block].time_us - slack_us > general->max_us[step + 1]) {
            return false;
        }
        if (start != GENERAL_NONE &&
            general_may_follow(general, walk->search, step + 1, general->blocks[block].time_us,
                               general->blocks[start].time_us, as_of_us, last_us)) {
            return true;
        }
    }
    return false;
}

/// As general_goes_on(): of the states of a step the newest gets furthest.
static bool line_goes_on(const struct line_walk *walk, uint32_t end, int64_t as_of_us)
{
    const struct general *general = walk->general;
    int64_t last_us = general_last_us(general, end);
    for (uint32_t step = walk->search->entry_step; step + 1 < general->rule->step_count; step++) {
        const struct line_state *state = &walk->states[step];
        if ((general->steep >> (step + 1) & 1) != 0) {
            if (steep_goes_on(walk, step, as_of_us, last_us)) {
                return true;
            }
        } else if (state->start != GENERAL_NONE &&
                   general_may_follow(general, walk->search, step + 1,
                                      general->blocks[state->at].time_us,
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

/// Where a search backwards stands, by step.
struct line_back {
    uint32_t next[FUNNEL_STEP_COUNT_MAX];    ///< the closest block that leads on, or NONE
    uint32_t limits[FUNNEL_STEP_COUNT_MAX];  ///< what follows the step lies no later than this
    uint32_t scanned[FUNNEL_STEP_COUNT_MAX]; ///< with a least gap: the last block not looked at yet
};

/// Where `to` has a least gap: the closest block that leads on and is late enough.
__attribute__((noinline)) static void scan_ripe(const struct general *general,
                                                struct line_back *back, uint32_t to, uint32_t block)
{
    const struct general_block *blocks = general->blocks;
    int64_t least_us = blocks[block].time_us + general->min_us[to];
    uint32_t *scanned = &back->scanned[to];
    for (; *scanned > block && blocks[*scanned].time_us >= least_us; --*scanned) {
        bool leads = (general->continued[*scanned] >> to & 1) != 0;
        back->next[to] = leads ? *scanned : back->next[to];
    }
}

/// Whether a match of `step` in the block may be followed by one of the next step that leads on.
/// The closest such block decides: a later one is further away and behind more that parts.
static inline bool leads_on(const struct general *general, struct line_back *back, uint32_t step,
                            uint32_t block)
{
    const struct general_block *blocks = general->blocks;
    uint32_t to = step + 1;
    if ((general->steep >> to & 1) != 0) {
        scan_ripe(general, back, to, block);
    }
    uint32_t next = back->next[to];
    return next != GENERAL_NONE && next <= back->limits[step] &&
           blocks[next].time_us - blocks[block].time_us <= general->max_us[to];
}

/// Marks, back from the end, the steps that each block may fill on a way to the end.
static void line_mark(struct general *general, const struct general_search *search,
                      const struct general_found *found)
{
    struct line_back back;
    uint32_t below = (UINT32_C(1) << found->step) - 1;
    for (uint32_t step = 0; step <= found->step; step++) {
        back.next[step] = GENERAL_NONE;
        back.limits[step] = GENERAL_NONE;
        back.scanned[step] = found->end;
    }
    general->continued[found->end] = UINT32_C(1) << found->step;
    back.next[found->step] = (general->steep >> found->step & 1) != 0 ? GENERAL_NONE : found->end;
    for (uint32_t block = found->end; block-- > found->entry;) {
        const struct general_block *here = &general->blocks[block];
        struct line_ends ends = {0, 0};
        if ((here->hits | here->in_scope) != 0) {
            ends = ends_of(general, block, search->active);
        }
        uint32_t steps = here->steps & below & ~ends.barred;
        uint32_t leading = 0;
        for (; steps != 0; steps &= steps - 1) {
            uint32_t step = (uint32_t)__builtin_ctz(steps);
            leading |= (uint32_t)leads_on(general, &back, step, block) << step;
        }
        for (uint32_t ended = ends.ended & below; ended != 0; ended &= ended - 1) {
            back.limits[__builtin_ctz(ended)] = block;
        }
        general->continued[block] = leading;
        for (leading &= ~general->steep; leading != 0; leading &= leading - 1) {
            back.next[__builtin_ctz(leading)] = block;
        }
    }
}

void general_line_choose(struct general *general, const struct general_search *search,
                         const struct general_found *found, uint32_t *blocks_out)
{
    const struct general_block *blocks = general->blocks;
    uint32_t block = found->entry;
    line_mark(general, search, found);
    blocks_out[search->entry_step] = block;
    for (uint32_t step = search->entry_step + 1; step <= found->step; step++) {
        int64_t least_us = blocks[block].time_us + general->min_us[step];
        do {
            block++;
        } while ((general->continued[block] >> step & 1) == 0 || blocks[block].time_us < least_us);
        blocks_out[step] = block;
    }
}
