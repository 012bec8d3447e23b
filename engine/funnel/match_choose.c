// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"

/// Backwards over the blocks from the one in which the level is reached to the entry's: which
/// levels may go on to that end.
struct choose_walk {
    struct general *general;
    const struct general_search *search;
    uint32_t seen[FUNNEL_STEP_COUNT_MAX];  ///< blocks from here on are far enough for the gap
    uint32_t next[FUNNEL_STEP_COUNT_MAX];  ///< the first of them that the level may go on in
    uint32_t limit[FUNNEL_STEP_COUNT_MAX]; ///< beyond this block an exclusion hits
};

/// Whether an attempt that stands at `level` after `block` may go on.
static bool goes_on(struct choose_walk *walk, uint32_t level, uint32_t block)
{
    const struct general *general = walk->general;
    const struct general_block *blocks = general->blocks;
    int64_t least_us = blocks[block].time_us + general->min_us[level];
    while (walk->seen[level] - 1 > block && blocks[walk->seen[level] - 1].time_us >= least_us) {
        uint32_t seen = --walk->seen[level];
        if ((general->used[seen] >> level & 1) != 0) {
            walk->next[level] = seen;
        }
    }
    uint32_t next = walk->next[level];
    return next != GENERAL_NONE && next <= walk->limit[level] &&
           blocks[next].time_us - blocks[block].time_us <= general->max_us[level];
}

/// The highest level that an attempt at `level` gets to in a block and that leads to the end; 0:
/// none.
static uint32_t highest_move(const struct choose_walk *walk, const struct general_moves *moves,
                             uint32_t level, uint32_t block)
{
    const struct general_search *search = walk->search;
    uint32_t to = moves->reach[level] < search->level ? moves->reach[level] : search->level;
    for (; to >= moves->low[level]; to--) {
        bool leads = to == search->level ? block == search->end
                                         : (walk->general->continued[block] >> to & 1) != 0;
        if (leads) {
            return to;
        }
    }
    return 0;
}

static void look_back(struct choose_walk *walk, uint32_t block)
{
    struct general *general = walk->general;
    struct general_moves moves;
    uint32_t level_count = walk->search->level;
    general->continued[block] = 0;
    general->used[block] = 0;
    for (uint32_t level = 1; level < level_count; level++) {
        general->continued[block] |= (uint32_t)goes_on(walk, level, block) << level;
    }
    general_moves_at(general, block, walk->search->active, &moves);
    for (uint32_t level = 0; level < level_count; level++) {
        bool leads = highest_move(walk, &moves, level, block) > 0;
        general->used[block] |= (uint32_t)leads << level;
    }
    uint32_t hits = general->blocks[block].hits & walk->search->active;
    for (; hits != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion = &general->rule->exclusions[__builtin_ctz(hits)];
        for (uint32_t level = exclusion->after; level < exclusion->before; level++) {
            walk->limit[level] = block;
        }
    }
}

/// The first block after `block` in which an attempt at `level` goes on.
static uint32_t next_block(const struct general *general, uint32_t level, uint32_t block)
{
    int64_t least_us = general->blocks[block].time_us + general->min_us[level];
    do {
        block++;
        DCHECK(block < general->block_count);
    } while (general->blocks[block].time_us < least_us || (general->used[block] >> level & 1) == 0);
    return block;
}

void general_choose(struct general *general, const struct general_search *search,
                    uint32_t *events_out)
{
    struct choose_walk walk = {.general = general, .search = search};
    for (uint32_t level = 0; level < FUNNEL_STEP_COUNT_MAX; level++) {
        walk.seen[level] = search->end + 1;
        walk.next[level] = GENERAL_NONE;
        walk.limit[level] = GENERAL_NONE;
    }
    for (uint32_t block = search->end + 1; block-- > search->entry;) {
        look_back(&walk, block);
    }
    // Each later step as early as it can be: as many steps as possible in every block.
    uint32_t block = search->entry;
    for (uint32_t level = 0;; block = next_block(general, level, block)) {
        struct general_moves moves;
        general_moves_at(general, block, search->active, &moves);
        uint32_t to = highest_move(&walk, &moves, level, block);
        ASSERT(to > level);
        level = match_choose_many(&general->scope, general->blocks[block].first,
                                  general->blocks[block].end, level, to, events_out);
        ASSERT(level == to);
        if (level == search->level) {
            return;
        }
    }
}
