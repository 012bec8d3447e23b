// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"

#include <string.h>

/// Completions of a level whose next step has a gap, as a queue of blocks whose entries fall: the
/// latest entry of those within the gap stands in front.
struct find_queue {
    uint32_t head;
    uint32_t tail;
    uint32_t waiting; ///< the first block whose completion is not in the queue yet
};

struct find_walk {
    struct general *general;
    struct general_search *search;
    uint32_t latest[FUNNEL_STEP_COUNT_MAX]; ///< levels without a gap: the latest entry block
    uint32_t from[FUNNEL_STEP_COUNT_MAX];   ///< completions of earlier blocks are void
    struct find_queue queues[FUNNEL_STEP_COUNT_MAX];
    uint32_t hits_end[FUNNEL_STEP_COUNT_MAX];  ///< by exclusion: behind its last block
    uint32_t added[FUNNEL_STEP_COUNT_MAX + 1]; ///< entries that the present block brings to a level
};

static int64_t add_times(int64_t time_us, int64_t more_us)
{
    int64_t sum;
    return __builtin_add_overflow(time_us, more_us, &sum) ? INT64_MAX : sum;
}

/// The latest entry among the completions of a gapped level from which `block` may go on.
static uint32_t latest_within(struct find_walk *walk, uint32_t level, uint32_t block)
{
    const struct general *general = walk->general;
    const struct general_block *blocks = general->blocks;
    struct find_queue *queue = &walk->queues[level];
    uint32_t *items = general->queues[level];
    const uint32_t *starts = general->starts[level];
    int64_t time_us = blocks[block].time_us;
    for (; queue->waiting < block &&
           blocks[queue->waiting].time_us + general->min_us[level] <= time_us;
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
    while (queue->head < queue->tail &&
           (items[queue->head] < walk->from[level] ||
            time_us - blocks[items[queue->head]].time_us > general->max_us[level])) {
        queue->head++;
    }
    return queue->head < queue->tail ? starts[items[queue->head]] : GENERAL_NONE;
}

/// The latest entry of an assignment at `level` that may go on in `block`.
static uint32_t latest_at(struct find_walk *walk, uint32_t level, uint32_t block)
{
    if (level == 0) {
        return block;
    }
    bool gapped = (walk->general->gapped >> level & 1) != 0;
    uint32_t start = gapped ? latest_within(walk, level, block) : walk->latest[level];
    if (start == GENERAL_NONE) {
        return GENERAL_NONE;
    }
    const struct general_block *blocks = walk->general->blocks;
    int64_t elapsed_us = blocks[block].time_us - blocks[start].time_us;
    return elapsed_us <= walk->general->scope.window_us ? start : GENERAL_NONE;
}

static void add_moves(struct find_walk *walk, uint32_t block)
{
    struct general_moves moves;
    uint32_t cap = walk->search->cap;
    general_moves_at(walk->general, block, walk->search->active, &moves);
    for (uint32_t level = 0; level <= cap; level++) {
        walk->added[level] = GENERAL_NONE;
    }
    for (uint32_t level = 0; level < cap; level++) {
        if (moves.low[level] > moves.reach[level] || moves.low[level] > cap) {
            continue;
        }
        uint32_t start = latest_at(walk, level, block);
        for (uint32_t to = moves.low[level];
             start != GENERAL_NONE && to <= moves.reach[level] && to <= cap; to++) {
            if (walk->added[to] == GENERAL_NONE || walk->added[to] < start) {
                walk->added[to] = start;
            }
        }
    }
}

/// Completions between the steps of an exclusion of this block are void from here on.
static void void_hit(struct find_walk *walk, uint32_t block)
{
    uint32_t hits = walk->general->blocks[block].hits & walk->search->active;
    for (; hits != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion =
            &walk->general->rule->exclusions[__builtin_ctz(hits)];
        for (uint32_t level = exclusion->after; level < exclusion->before; level++) {
            walk->latest[level] = GENERAL_NONE;
            walk->from[level] = block;
        }
    }
}

static void keep_added(struct find_walk *walk, uint32_t block)
{
    struct general *general = walk->general;
    struct general_search *search = walk->search;
    for (uint32_t level = 1; level <= search->cap; level++) {
        uint32_t start = walk->added[level];
        if (level < general->scope.step_count && (general->gapped >> level & 1) != 0) {
            general->starts[level][block] = start;
        }
        if (start == GENERAL_NONE) {
            continue;
        }
        if (level > search->level) {
            search->level = level;
            search->entry = start;
            search->end = block;
        }
        if (level < general->scope.step_count &&
            (walk->latest[level] == GENERAL_NONE || walk->latest[level] < start)) {
            walk->latest[level] = start;
        }
    }
}

/// ---- open: further events come at T or later, each as early as its gap allows

/// True where an attempt at `level`, completed at `time_us`, could be won by events at T or later.
/// Hits from block `since` on are those of the last instant.
static bool may_go_on(const struct find_walk *walk, uint32_t level, int64_t time_us,
                      int64_t entry_us, uint32_t since)
{
    const struct general *general = walk->general;
    const struct match_rule *rule = general->rule;
    int64_t times[FUNNEL_STEP_COUNT_MAX + 1];
    times[level] = time_us;
    for (uint32_t k = level; k < rule->step_count; k++) {
        int64_t earliest_us = add_times(times[k], general->min_us[k]);
        times[k + 1] = earliest_us > rule->as_of_us ? earliest_us : rule->as_of_us;
        if (times[k + 1] - times[k] > general->max_us[k]) {
            return false;
        }
    }
    int64_t won_us = times[rule->step_count];
    if (won_us > entry_us + general->scope.window_us || won_us >= rule->until_us) {
        return false;
    }
    for (uint32_t hits = walk->search->active; hits != 0; hits &= hits - 1) {
        uint32_t number = (uint32_t)__builtin_ctz(hits);
        const struct funnel_exclusion *exclusion = &rule->exclusions[number];
        if (exclusion->after <= level && level < exclusion->before &&
            times[exclusion->before] > rule->as_of_us && walk->hits_end[number] > since) {
            return false;
        }
    }
    return true;
}

static void note_hits(struct find_walk *walk, uint32_t first)
{
    for (uint32_t block = first; block < walk->general->block_count; block++) {
        for (uint32_t hits = walk->general->blocks[block].hits; hits != 0; hits &= hits - 1) {
            walk->hits_end[__builtin_ctz(hits)] = block + 1;
        }
    }
}

/// The completions of a gapped level before block `end`.
static bool gapped_may_go_on(const struct find_walk *walk, uint32_t level, uint32_t end)
{
    const struct general *general = walk->general;
    for (uint32_t block = walk->from[level]; block < end; block++) {
        uint32_t start = general->starts[level][block];
        if (start != GENERAL_NONE && may_go_on(walk, level, general->blocks[block].time_us,
                                               general->blocks[start].time_us, end)) {
            return true;
        }
    }
    return false;
}

/// Whether the unit may still be won; blocks [0, end) are done, the others are at T. Of the events
/// at T only entries matter: what else they fill, further ones can fill as well.
static bool judge(struct find_walk *walk, uint32_t end)
{
    const struct general *general = walk->general;
    note_hits(walk, end);
    const struct general_block *blocks = general->blocks;
    for (uint32_t level = 1; level < general->scope.step_count; level++) {
        uint32_t start = walk->latest[level];
        bool gapped = (general->gapped >> level & 1) != 0;
        if (gapped ? gapped_may_go_on(walk, level, end)
                   : start != GENERAL_NONE && may_go_on(walk, level, general->rule->as_of_us,
                                                        blocks[start].time_us, end)) {
            return true;
        }
    }
    for (uint32_t block = end; block < general->block_count; block++) {
        if ((blocks[block].steps & 1) != 0 &&
            may_go_on(walk, 1, blocks[block].time_us, blocks[block].time_us, block + 1)) {
            return true;
        }
    }
    return false;
}

void general_find(struct general *general, struct general_search *search)
{
    struct find_walk walk = {.general = general, .search = search};
    bool judged = !search->judge;
    for (uint32_t level = 0; level < FUNNEL_STEP_COUNT_MAX; level++) {
        walk.latest[level] = GENERAL_NONE;
    }
    search->level = 0;
    for (uint32_t block = 0; block < general->block_count; block++) {
        if (!judged && general->blocks[block].time_us >= general->rule->as_of_us) {
            search->open = judge(&walk, block);
            judged = true;
        }
        add_moves(&walk, block);
        void_hit(&walk, block);
        keep_added(&walk, block);
        if (search->level == search->cap &&
            (!search->judge || search->cap == general->scope.step_count)) {
            break;
        }
    }
    bool won = search->level == general->scope.step_count;
    search->open = !won && (judged ? search->open : judge(&walk, general->block_count));
}
