// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include <string.h>

void general_walk_init(struct general_walk *walk, struct general *general,
                       const struct general_search *search)
{
    walk->general = general;
    walk->search = search;
    walk->latest = false;
    walk->found = (struct general_found){GENERAL_NONE, GENERAL_NONE, GENERAL_NONE};
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        walk->bounds[pair] = 0;
        walk->queues[pair] = (struct general_queue){0, 0, search->from};
    }
    memset(walk->broken, 0, sizeof(walk->broken));
    memset(walk->newest, 0xff, sizeof(walk->newest));
}

static uint32_t bound_of(const struct general_walk *walk, uint32_t pair)
{
    uint32_t broken = walk->broken[walk->general->pairs[pair].from];
    return walk->bounds[pair] > broken ? walk->bounds[pair] : broken;
}

/// Takes the states up to the least gap before `block` into the pair's queue: blocks whose entries
/// fall, so that the latest entry of those within the greatest gap stands in front.
static void fill_queue(struct general_walk *walk, uint32_t pair, uint32_t block)
{
    const struct general *general = walk->general;
    const struct general_pair *steps = &general->pairs[pair];
    const uint32_t *starts = general->starts[steps->from];
    struct general_queue *queue = &walk->queues[pair];
    uint32_t *items = general->queues[pair];
    int64_t last_us = general->blocks[block].time_us - general->min_us[steps->to];
    for (; queue->waiting < block && general->blocks[queue->waiting].time_us <= last_us;
         queue->waiting++) {
        uint32_t start = starts[queue->waiting];
        if (start == GENERAL_NONE) {
            continue;
        }
        while (queue->tail > queue->head && starts[items[queue->tail - 1]] <= start) {
            queue->tail--;
        }
        items[queue->tail++] = queue->waiting;
    }
}

/// The latest entry of the states from which the pair's step may follow in `block`.
static uint32_t latest_entry(struct general_walk *walk, uint32_t pair, uint32_t block)
{
    const struct general *general = walk->general;
    const struct general_block *blocks = general->blocks;
    const struct general_pair *steps = &general->pairs[pair];
    struct general_queue *queue = &walk->queues[pair];
    const uint32_t *items = general->queues[pair];
    int64_t time_us = blocks[block].time_us;
    uint32_t bound = bound_of(walk, pair);
    fill_queue(walk, pair, block);
    while (queue->head < queue->tail &&
           (items[queue->head] < bound ||
            time_us - blocks[items[queue->head]].time_us > general->max_us[steps->to])) {
        queue->head++;
    }
    if (queue->head == queue->tail) {
        return GENERAL_NONE;
    }
    uint32_t start = general->starts[steps->from][items[queue->head]];
    return time_us - blocks[start].time_us <= general->scope.window_us ? start : GENERAL_NONE;
}

/// Entries that a block brings to each step: to be the last one matched, and to go on from.
struct walk_block {
    uint32_t final[FUNNEL_STEP_COUNT_MAX];
    uint32_t lasting[FUNNEL_STEP_COUNT_MAX];
};

static void add_moves(uint32_t *starts, uint32_t steps, uint32_t start)
{
    for (; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        if (starts[step] == GENERAL_NONE || starts[step] < start) {
            starts[step] = start;
        }
    }
}

static void move(struct general_moves *moves, uint32_t before, uint32_t first, uint32_t start,
                 struct walk_block *added)
{
    uint32_t final = general_moves_final(moves, before, first);
    add_moves(added->final, final, start);
    add_moves(added->lasting, general_moves_lasting(moves, before, first, final), start);
}

static void note(struct general_walk *walk, uint32_t block, const struct walk_block *added)
{
    struct general_found *found = &walk->found;
    const struct general_search *search = walk->search;
    for (uint32_t step = search->entry_step; step <= search->cap; step++) {
        uint32_t start = added->final[step];
        bool counts = start != GENERAL_NONE && (search->required >> step & 1) != 0;
        bool higher = counts && (found->step == GENERAL_NONE || step > found->step);
        bool later = counts && walk->latest && step == found->step && start > found->entry;
        if (higher || later) {
            *found = (struct general_found){step, start, block};
        }
    }
}

/// Steps above the entry's that may be matched in the block.
static uint32_t later_steps(const struct general_walk *walk, const struct general_moves *moves)
{
    const struct general_search *search = walk->search;
    uint32_t later =
        search->entry_step + 1 < FUNNEL_STEP_COUNT_MAX ? UINT32_MAX << (search->entry_step + 1) : 0;
    uint32_t steps = search->wild ? UINT32_MAX : walk->general->blocks[moves->block].steps;
    return steps & moves->allowed & later;
}

static void walk_stored(struct general_walk *walk, struct general_moves *moves,
                        struct walk_block *added)
{
    const struct general *general = walk->general;
    const struct general_search *search = walk->search;
    for (uint32_t steps = later_steps(walk, moves); steps != 0; steps &= steps - 1) {
        uint32_t first = (uint32_t)__builtin_ctz(steps);
        for (uint32_t pair = general->pairs_of[first]; pair < general->pairs_of[first + 1];
             pair++) {
            uint32_t before = general->pairs[pair].from;
            if (before < search->entry_step) {
                break;
            }
            uint32_t start = latest_entry(walk, pair, moves->block);
            if (start != GENERAL_NONE) {
                move(moves, before, first, start, added);
            }
            if ((search->required >> before & 1) != 0) {
                break; // an earlier step would be followed by this one
            }
        }
    }
}

/// Whether an excluded event of the block parts an attempt at `step` from all that follows.
static bool parts_all(const struct general_walk *walk, uint32_t block, uint32_t step)
{
    const struct match_rule *rule = walk->general->rule;
    uint32_t hits = walk->general->blocks[block].hits & walk->search->active;
    bool parts = false;
    for (; hits != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion = &rule->exclusions[__builtin_ctz(hits)];
        parts = parts || (step + 1 < exclusion->before && exclusion->after <= step + 1);
    }
    return parts;
}

/// `ties: strict` with further events: some may come before the block's instant, each strictly
/// after the other, and one step may be matched in it. Those after it come with the next block.
static void walk_further(struct general_walk *walk, struct general_moves *moves,
                         struct walk_block *added)
{
    const struct general *general = walk->general;
    const struct general_search *search = walk->search;
    uint32_t ahead[FUNNEL_STEP_COUNT_MAX]; // entries of attempts that stand before the instant
    memset(ahead, 0xff, sizeof(ahead));
    for (uint32_t steps = later_steps(walk, moves); steps != 0; steps &= steps - 1) {
        uint32_t first = (uint32_t)__builtin_ctz(steps);
        bool steep = (general->steep >> first & 1) != 0;
        for (uint32_t pair = general->pairs_of[first]; pair < general->pairs_of[first + 1];
             pair++) {
            uint32_t before = general->pairs[pair].from;
            if (before < search->entry_step) {
                break;
            }
            const uint32_t starts[2] = {latest_entry(walk, pair, moves->block),
                                        steep ? GENERAL_NONE : ahead[before]};
            for (uint32_t which = 0; which < 2; which++) {
                if (starts[which] != GENERAL_NONE) {
                    move(moves, before, first, starts[which], added);
                    add_moves(ahead, UINT32_C(1) << first, starts[which]);
                }
            }
            if ((search->required >> before & 1) != 0) {
                break;
            }
        }
    }
    for (uint32_t step = 0; step <= search->cap; step++) {
        if (ahead[step] != GENERAL_NONE) {
            uint32_t bit = UINT32_C(1) << step;
            bool passes =
                general_passes(general, moves->block, step) && !parts_all(walk, moves->block, step);
            add_moves(added->final, bit, ahead[step]);
            add_moves(added->lasting, passes ? bit : 0, ahead[step]);
        }
    }
}

void general_walk_block(struct general_walk *walk, uint32_t block)
{
    struct general *general = walk->general;
    const struct general_search *search = walk->search;
    struct walk_block added;
    struct general_moves moves;
    memset(&added, 0xff, sizeof(added)); // GENERAL_NONE
    general_moves_init(&moves, general, search, block);
    move(&moves, GENERAL_NONE, search->entry_step, block, &added);
    if (search->wild && !general->scope.ties_any) {
        walk_further(walk, &moves, &added);
    } else {
        walk_stored(walk, &moves, &added);
    }
    for (uint32_t step = 0; step < general->rule->step_count; step++) {
        general->starts[step][block] = added.lasting[step];
        walk->newest[step] = added.lasting[step] == GENERAL_NONE ? walk->newest[step] : block;
    }
    note(walk, block, &added);
    // States that an excluded event or, in strict order, any event would part from what follows.
    general_part(general, block, search->active, walk->bounds, walk->broken);
}

void general_find(struct general *general, const struct general_search *search, bool latest,
                  struct general_found *found_out)
{
    if (general->line) {
        general_line_find(general, search, latest, found_out);
        return;
    }
    struct general_walk walk;
    general_walk_init(&walk, general, search);
    walk.latest = latest;
    for (uint32_t block = search->from; block < search->end; block++) {
        general_walk_block(&walk, block);
        if (!latest && walk.found.step == search->cap) {
            break;
        }
    }
    *found_out = walk.found;
}
