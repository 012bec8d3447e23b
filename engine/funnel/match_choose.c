// SPDX-License-Identifier: Apache-2.0
/// The events of the reported attempt, once its entry and its end are known. Steps are put into
/// blocks one after the other, required ones first: each into the earliest block from which the end
/// can still be reached. For that a pass backwards marks the states that lead on to the end, a pass
/// forwards those that the entry leads to.
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"

#include <string.h>

struct choose {
    struct general *general;
    struct general_search search;
    uint32_t fixed[FUNNEL_STEP_COUNT_MAX];
    uint32_t entry;
    uint32_t last; ///< block behind the last one that matters
    uint32_t goal; ///< the step that ends the assignment
};

/// Backwards, by pair: the blocks in which the pair's step may follow and lead to the goal.
struct choose_back {
    uint32_t counts[GENERAL_PAIR_COUNT_MAX]; ///< of general->queues[pair], blocks falling
    uint32_t at[GENERAL_PAIR_COUNT_MAX];     ///< the last of them that is late enough
    uint32_t limits[GENERAL_PAIR_COUNT_MAX]; ///< none beyond this block
    uint32_t ends[FUNNEL_STEP_COUNT_MAX];    ///< strict order: the state cannot pass this block
};

static bool pair_holds(const struct choose *choose, uint32_t pair)
{
    const struct general_pair *steps = &choose->general->pairs[pair];
    uint32_t inner = 0;
    for (uint32_t step = steps->from + 1u; step < steps->to; step++) {
        inner |= UINT32_C(1) << step;
    }
    return steps->from >= choose->search.entry_step && steps->to <= choose->goal &&
           (inner & choose->search.required) == 0;
}

/// Whether state (pair.from, block) may be followed by the pair's step.
static bool leads_on(const struct choose *choose, struct choose_back *back, uint32_t pair,
                     uint32_t block)
{
    const struct general *general = choose->general;
    const struct general_block *blocks = general->blocks;
    const struct general_pair *steps = &general->pairs[pair];
    const uint32_t *items = general->queues[pair];
    int64_t least_us = blocks[block].time_us + general->min_us[steps->to];
    uint32_t *at = &back->at[pair];
    if (back->counts[pair] == 0 || blocks[items[0]].time_us < least_us) {
        return false;
    }
    while (*at + 1 < back->counts[pair] && blocks[items[*at + 1]].time_us >= least_us) {
        (*at)++;
    }
    uint32_t next = items[*at];
    return next <= back->limits[pair] && next <= back->ends[steps->from] &&
           blocks[next].time_us - blocks[block].time_us <= general->max_us[steps->to];
}

/// Moves of an attempt in a block that lead to the goal, as last matches.
static uint32_t leading(const struct choose *choose, struct general_moves *moves, uint32_t before,
                        uint32_t first, uint32_t block)
{
    uint32_t final = general_moves_final(moves, before, first);
    uint32_t goal = final & UINT32_C(1) << choose->goal;
    uint32_t lasting = general_moves_lasting(moves, before, first, final);
    return goal | (lasting & choose->general->continued[block]);
}

static void look_back_block(struct choose *choose, struct choose_back *back, uint32_t block)
{
    struct general *general = choose->general;
    struct general_moves moves;
    general->continued[block] = 0;
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        if (pair_holds(choose, pair) && leads_on(choose, back, pair, block)) {
            general->continued[block] |= UINT32_C(1) << general->pairs[pair].from;
        }
    }
    general_moves_init(&moves, general, &choose->search, block);
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        const struct general_pair *steps = &general->pairs[pair];
        if (pair_holds(choose, pair) &&
            leading(choose, &moves, steps->from, steps->to, block) != 0) {
            general->queues[pair][back->counts[pair]++] = block;
        }
    }
    general_part(general, block, choose->search.active, back->limits, back->ends);
}

/// Marks, per block, the states that lead to the goal. False where the entry does not.
static bool look_back(struct choose *choose)
{
    struct choose_back back;
    struct general_moves moves;
    memset(back.counts, 0, sizeof(back.counts));
    memset(back.at, 0, sizeof(back.at));
    memset(back.limits, 0xff, sizeof(back.limits));
    memset(back.ends, 0xff, sizeof(back.ends));
    for (uint32_t block = choose->last; block-- > choose->entry;) {
        look_back_block(choose, &back, block);
    }
    general_moves_init(&moves, choose->general, &choose->search, choose->entry);
    return leading(choose, &moves, GENERAL_NONE, choose->search.entry_step, choose->entry) != 0;
}

/// Forwards, by pair: the latest block that is early enough in which the state was reached.
struct choose_forth {
    uint32_t waiting[GENERAL_PAIR_COUNT_MAX];
    uint32_t reached[GENERAL_PAIR_COUNT_MAX];
    uint32_t bounds[GENERAL_PAIR_COUNT_MAX];
    uint32_t broken[FUNNEL_STEP_COUNT_MAX];
};

static bool comes_from(const struct choose *choose, struct choose_forth *forth, uint32_t pair,
                       uint32_t block)
{
    const struct general *general = choose->general;
    const struct general_block *blocks = general->blocks;
    const struct general_pair *steps = &general->pairs[pair];
    int64_t last_us = blocks[block].time_us - general->min_us[steps->to];
    uint32_t *waiting = &forth->waiting[pair];
    for (; *waiting < block && blocks[*waiting].time_us <= last_us; (*waiting)++) {
        if ((general->reached[*waiting] >> steps->from & 1) != 0) {
            forth->reached[pair] = *waiting;
        }
    }
    uint32_t from = forth->reached[pair];
    return from != GENERAL_NONE && from >= forth->bounds[pair] &&
           from >= forth->broken[steps->from] &&
           blocks[block].time_us - blocks[from].time_us <= general->max_us[steps->to];
}

/// True where `wanted`, which is required, is matched in the block by an attempt that leads to the
/// goal. Else the states that the block adds are kept.
static bool look_forth_block(struct choose *choose, struct choose_forth *forth, uint32_t wanted,
                             uint32_t block)
{
    struct general *general = choose->general;
    struct general_moves moves;
    uint32_t beyond = UINT32_MAX << wanted;
    general_moves_init(&moves, general, &choose->search, block);
    general->reached[block] = 0;
    if (block == choose->entry) {
        uint32_t entry = choose->search.entry_step;
        uint32_t to = leading(choose, &moves, GENERAL_NONE, entry, block);
        general->reached[block] |= to;
        if ((to & beyond) != 0 && (moves.allowed >> wanted & 1) != 0) {
            return true;
        }
    }
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        const struct general_pair *steps = &general->pairs[pair];
        if (!pair_holds(choose, pair) || steps->to > wanted ||
            !comes_from(choose, forth, pair, block)) {
            continue;
        }
        uint32_t to = leading(choose, &moves, steps->from, steps->to, block);
        general->reached[block] |= to;
        if ((to & beyond) != 0) {
            return true;
        }
    }
    general_part(general, block, choose->search.active, forth->bounds, forth->broken);
    return false;
}

/// The earliest block that can hold `wanted`, after look_back().
static uint32_t look_forth(struct choose *choose, uint32_t wanted)
{
    struct choose_forth forth;
    memset(forth.bounds, 0, sizeof(forth.bounds));
    memset(forth.broken, 0, sizeof(forth.broken));
    memset(forth.reached, 0xff, sizeof(forth.reached));
    for (uint32_t pair = 0; pair < choose->general->pair_count; pair++) {
        forth.waiting[pair] = choose->entry;
    }
    for (uint32_t block = choose->entry; block < choose->last; block++) {
        if (look_forth_block(choose, &forth, wanted, block)) {
            return block;
        }
    }
    ASSERT(false); // look_back() found a way
    return GENERAL_NONE;
}

/// Required steps in order, each at its earliest.
static void put_required(struct choose *choose)
{
    bool known = look_back(choose);
    ASSERT(known);
    for (uint32_t step = choose->search.entry_step + 1; step < choose->goal; step++) {
        if ((choose->search.required >> step & 1) != 0) {
            choose->fixed[step] = look_forth(choose, step);
        }
    }
}

/// Optional steps in order: taken where that keeps all that is settled, at the earliest.
static void put_optional(struct choose *choose, uint32_t step)
{
    const struct match_rule *rule = choose->general->rule;
    struct choose before = *choose;
    if (step > choose->goal) {
        choose->goal = step;
        choose->search.cap = step;
        choose->search.active =
            general_exclusions(rule, choose->search.entry_step, step + 1, false);
    }
    choose->search.required |= UINT32_C(1) << step;
    choose->search.banned &= ~(UINT32_C(1) << step);
    if (look_back(choose)) {
        choose->fixed[step] = look_forth(choose, step);
        return;
    }
    *choose = before;
    choose->search.fixed = choose->fixed;
    choose->search.banned |= UINT32_C(1) << step;
}

/// The block behind the last one within the window of the entry.
static uint32_t window_end(const struct general *general, const struct general_search *search,
                           uint32_t entry)
{
    uint32_t block = entry;
    while (block < search->end && general->blocks[block].time_us - general->blocks[entry].time_us <=
                                      general->scope.window_us) {
        block++;
    }
    return block;
}

/// The same where blocks are a line: all steps are required.
static uint32_t choose_line(struct general *general, const struct general_search *search,
                            const struct general_found *found, uint32_t *blocks_out)
{
    struct general_search own = *search;
    own.active = general_exclusions(general->rule, search->entry_step, found->step + 1, false);
    general_line_choose(general, &own, found, blocks_out);
    uint32_t upto = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - 1 - found->step);
    return upto & UINT32_MAX << search->entry_step;
}

uint32_t general_choose(struct general *general, const struct general_search *search,
                        const struct general_found *found, uint32_t *blocks_out)
{
    struct choose choose = {.general = general, .search = *search, .entry = found->entry};
    uint32_t step_count = general->rule->step_count;
    if (general->line) {
        return choose_line(general, search, found, blocks_out);
    }
    memset(choose.fixed, 0xff, sizeof(choose.fixed));
    choose.search.fixed = choose.fixed;
    choose.search.cap = found->step;
    choose.search.active =
        general_exclusions(general->rule, search->entry_step, found->step + 1, false);
    choose.search.entry_first = found->entry;
    choose.search.entry_last = found->entry;
    choose.goal = found->step;
    choose.last = found->end + 1;
    choose.fixed[search->entry_step] = found->entry;
    choose.fixed[found->step] = found->end;
    put_required(&choose);
    uint32_t optional = general->scope.step_mask & ~choose.search.required;
    choose.last =
        optional >> 1 >> found->step == 0 ? choose.last : window_end(general, search, found->entry);
    for (uint32_t step = search->entry_step + 1; step < step_count; step++) {
        if ((choose.search.required >> step & 1) == 0) {
            put_optional(&choose, step);
        } else if (step > found->step) {
            break;
        }
    }
    uint32_t made = 0;
    for (uint32_t step = search->entry_step; step < step_count; step++) {
        blocks_out[step] = choose.fixed[step];
        made |= (uint32_t)(choose.fixed[step] != GENERAL_NONE) << step;
    }
    return made;
}
