// SPDX-License-Identifier: Apache-2.0
/// What may still be won: further events come at T or later, as many as one likes, each as early as
/// the gaps allow.
#include "engine/funnel/match_general.h"

static int64_t add_times(int64_t time_us, int64_t more_us)
{
    int64_t sum;
    return __builtin_add_overflow(time_us, more_us, &sum) ? INT64_MAX : sum;
}

/// The earliest time of a further event at `earliest_us` or later; those close to the block that
/// began at `block_us` count as part of it.
static int64_t further_time(const struct general *general, int64_t block_us, int64_t earliest_us)
{
    if (earliest_us <= block_us) {
        return block_us;
    }
    int64_t next_us = add_times(block_us, add_times(general->rule->tie_tolerance_us, 1));
    return earliest_us > next_us ? earliest_us : next_us;
}

int64_t general_last_us(const struct general *general, uint32_t end)
{
    for (uint32_t block = end; block-- > 0;) {
        if (general->blocks[block].steps != 0) {
            return general->blocks[block].time_us;
        }
    }
    return INT64_MIN / 2;
}

bool general_may_follow(const struct general *general, const struct general_search *search,
                        uint32_t first, int64_t time_us, int64_t entry_us, int64_t as_of_us,
                        int64_t last_us)
{
    const struct match_rule *rule = general->rule;
    int64_t tolerance_us = rule->tie_tolerance_us;
    last_us = time_us > last_us ? time_us : last_us; // a further event began a block
    int64_t now_us = as_of_us - last_us <= tolerance_us ? last_us : as_of_us;
    int64_t least_us = add_times(time_us, general->min_us[first]);
    int64_t at_us = further_time(general, last_us, least_us > now_us ? least_us : now_us);
    if (tolerance_us == 0) {
        at_us = least_us > as_of_us ? least_us : as_of_us;
    }
    if (at_us - time_us > general->max_us[first]) {
        return false;
    }
    for (uint32_t step = first + 1; step < rule->step_count; step++) {
        if ((search->required >> step & 1) == 0) {
            continue;
        }
        int64_t next_us = further_time(general, at_us, add_times(at_us, general->min_us[step]));
        if (next_us - at_us > general->max_us[step]) {
            return false;
        }
        at_us = next_us;
    }
    int64_t own_us = at_us > as_of_us ? at_us : as_of_us;
    return at_us <= add_times(entry_us, general->scope.window_us) && own_us < rule->until_us;
}

/// The states of one pair, newest first.
static bool pair_goes_on(const struct general_walk *walk, uint32_t pair, uint32_t end,
                         int64_t as_of_us, int64_t last_us)
{
    const struct general *general = walk->general;
    const struct general_block *blocks = general->blocks;
    const struct general_pair *steps = &general->pairs[pair];
    const uint32_t *starts = general->starts[steps->from];
    uint32_t broken = walk->broken[steps->from];
    uint32_t bound = walk->bounds[pair] > broken ? walk->bounds[pair] : broken;
    bound = bound > walk->search->from ? bound : walk->search->from;
    int64_t slack_us = general->rule->tie_tolerance_us;
    bool one_entry = walk->search->entry_first == walk->search->entry_last;
    uint32_t newest = walk->newest[steps->from];
    if (newest == GENERAL_NONE) {
        return false;
    }
    bool steep = (general->steep >> steps->to & 1) != 0;
    for (uint32_t block = newest < end ? newest + 1 : end; block-- > bound;) {
        if (as_of_us - blocks[block].time_us - slack_us > general->max_us[steps->to]) {
            return false;
        }
        if (starts[block] != GENERAL_NONE &&
            general_may_follow(general, walk->search, steps->to, blocks[block].time_us,
                               blocks[starts[block]].time_us, as_of_us, last_us)) {
            return true;
        }
        // Without a least gap an older state gets no further unless its entry is later.
        if (starts[block] != GENERAL_NONE && !steep && one_entry) {
            return false;
        }
    }
    return false;
}

bool general_goes_on(const struct general_walk *walk, uint32_t end, int64_t as_of_us)
{
    const struct general *general = walk->general;
    int64_t last_us = general_last_us(general, end);
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        const struct general_pair *steps = &general->pairs[pair];
        // Steps between are skipped: they must be optional for this search, too.
        uint32_t between = (UINT32_C(1) << steps->to) - (UINT32_C(1) << steps->from) -
                           (UINT32_C(1) << steps->from);
        if (steps->from >= walk->search->entry_step &&
            (steps->to < steps->from + 2u || (between & walk->search->required) == 0) &&
            pair_goes_on(walk, pair, end, as_of_us, last_us)) {
            return true;
        }
    }
    return false;
}

/// The instant from which further events count, and the first block that lies there.
static uint32_t block_at(const struct general *general, uint32_t from, int64_t as_of_us)
{
    int64_t last_us = general_last_us(general, general->block_count);
    int64_t now_us = as_of_us - last_us <= general->rule->tie_tolerance_us ? last_us : as_of_us;
    uint32_t block = general->block_count;
    while (block > from && general->blocks[block - 1].time_us >= now_us) {
        block--;
    }
    return block;
}

bool general_is_open(struct general *general, const struct general_search *search)
{
    struct general_walk walk;
    int64_t as_of_us = general->rule->as_of_us;
    uint32_t present = block_at(general, search->from, as_of_us);
    if (general->line && present == search->end) {
        return general_line_open(general, search);
    }
    general_reserve(general);
    general_walk_init(&walk, general, search);
    for (uint32_t block = search->from; block < present; block++) {
        general_walk_block(&walk, block);
    }
    // Of the events at T only entries and what they part from each other matter: whatever else they
    // fill, further ones can fill as well.
    struct general_search wild = *search;
    wild.wild = true;
    walk.search = &wild;
    walk.found.step = GENERAL_NONE;
    for (uint32_t block = present; block < search->end; block++) {
        general_walk_block(&walk, block);
        if (walk.found.step == search->cap) {
            return as_of_us < general->rule->until_us;
        }
    }
    return general_goes_on(&walk, search->end, as_of_us);
}
