// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"

#include <string.h>

/// An open entry's score: steps covered, then how far.
#define SCORE_STEP 64u

uint32_t general_exclusions(const struct match_rule *rule, uint32_t entry_step, uint32_t level,
                            bool remove_only)
{
    uint32_t within = 0;
    for (uint32_t i = 0; i < rule->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &rule->exclusions[i];
        within |= (uint32_t)(exclusion->before <= level && exclusion->after > entry_step &&
                             (exclusion->remove || !remove_only))
                  << i;
    }
    return within;
}

struct general_search general_search_over(const struct general *general, uint32_t entry_step,
                                          uint32_t from, uint32_t end)
{
    return (struct general_search){
        .entry_step = entry_step,
        .entry_first = from,
        .entry_last = end == 0 ? 0 : end - 1,
        .from = from,
        .end = end,
        .cap = general->rule->step_count - 1,
        .active = general_exclusions(general->rule, entry_step, general->rule->step_count, false),
        .required = general->required | UINT32_C(1) << entry_step,
    };
}

/// Attempts begin at one of these steps.
static uint32_t entry_step_count(const struct general *general)
{
    return general->rule->entry_open ? general->rule->step_count : 1;
}

bool general_entries(const struct general *general, uint32_t from, uint32_t end, uint32_t *first,
                     uint32_t *last)
{
    uint32_t steps = match_rule_entry_steps(general->rule);
    bool any = false;
    for (uint32_t block = from; block < end; block++) {
        if ((general->blocks[block].entries & steps) != 0) {
            *first = any ? *first : block;
            *last = block;
            any = true;
        }
    }
    return any;
}

uint32_t general_next_entry(const struct general *general, uint32_t from, uint32_t end)
{
    uint32_t steps = match_rule_entry_steps(general->rule);
    while (from < end && (general->blocks[from].entries & steps) == 0) {
        from++;
    }
    return from;
}

/// How good it is to get from the search's entry to `step`; comparable for all entries of a rule.
static uint32_t score_of(const struct general *general, uint32_t entry_step, uint32_t step)
{
    if (step == GENERAL_NONE) {
        return 0;
    }
    if (!general->rule->entry_open) {
        return step + 1;
    }
    uint32_t upto = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - 1 - step);
    uint32_t covered = general->required & upto & (UINT32_MAX << entry_step);
    return (uint32_t)__builtin_popcount(covered) * SCORE_STEP + step + 1;
}

/// The largest `before` of the active exclusions: steps from it on are judged by all of them.
static uint32_t highest_before(const struct match_rule *rule, uint32_t active)
{
    uint32_t highest = 0;
    for (; active != 0; active &= active - 1) {
        uint32_t before = rule->exclusions[__builtin_ctz(active)].before;
        highest = before > highest ? before : highest;
    }
    return highest;
}

/// An exclusion counts for assignments that reach its later step, so steps are looked for from the
/// top: those of each range in which the same exclusions count in turn.
static void find_best(struct general *general, struct general_search *search,
                      struct general_found *found)
{
    for (;;) {
        search->active =
            general_exclusions(general->rule, search->entry_step, search->cap + 1, false);
        general_find(general, search, general->rule->entry_open, found);
        uint32_t least = highest_before(general->rule, search->active);
        if (least == 0 || (found->step != GENERAL_NONE && found->step + 1 >= least)) {
            return;
        }
        search->cap = least - 2;
    }
}

/// Fills a result from what was found.
static void report(struct general *general, const struct general_search *search,
                   const struct general_found *found, struct match_result *result)
{
    uint32_t blocks[FUNNEL_STEP_COUNT_MAX];
    const struct match_rule *rule = general->rule;
    result->made = general_choose(general, search, found, blocks);
    result->entered = search->entry_step + 1;
    result->ended = found->step + 1;
    result->level = FUNNEL_STEP_COUNT_MAX - (uint32_t)__builtin_clz(result->made);
    result->won = result->level == rule->step_count;
    struct general_search entry = *search;
    entry.entry_first = found->entry;
    entry.entry_last = found->entry;
    entry.cap = rule->step_count - 1;
    for (uint32_t made = general->line ? 0 : result->made; made != 0;) {
        uint32_t block = blocks[__builtin_ctz(made)];
        uint32_t together = 0;
        for (uint32_t left = made; left != 0; left &= left - 1) {
            uint32_t step = (uint32_t)__builtin_ctz(left);
            together |= (uint32_t)(blocks[step] == block) << step;
        }
        general_pick(general, &entry, block, together, result->events);
        made &= ~together;
    }
    for (uint32_t made = result->made; made != 0; made &= made - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(made);
        result->times_us[step] = general->blocks[blocks[step]].time_us;
        if (general->line) {
            result->events[step] = general->blocks[blocks[step]].first;
        }
        result->steps[step] = (uint8_t)step;
    }
}

static void restrict_entries(struct general_search *search, uint32_t first, uint32_t last)
{
    search->entry_first = first;
    search->entry_last = last;
}

void general_best(struct general *general, uint32_t from, uint32_t end, uint32_t entry_first,
                  uint32_t entry_last, struct match_result *result)
{
    struct general_search best_search = {0};
    struct general_found best = {.step = GENERAL_NONE};
    result->level = 0;
    result->made = 0;
    result->won = false;
    result->score = 0;
    for (uint32_t step = 0; step < entry_step_count(general); step++) {
        struct general_search search = general_search_over(general, step, from, end);
        struct general_found found;
        restrict_entries(&search, entry_first, entry_last);
        find_best(general, &search, &found);
        uint32_t score = score_of(general, step, found.step);
        bool later =
            found.entry > best.entry || (found.entry == best.entry && found.end < best.end);
        if (score > result->score || (score == result->score && score > 0 && later)) {
            result->score = score;
            best_search = search;
            best = found;
        }
    }
    if (result->score > 0) {
        report(general, &best_search, &best, result);
    }
}

void general_win(struct general *general, uint32_t from, struct match_result *result,
                 uint32_t *entry_out, uint32_t *end_out)
{
    struct general_search best_search = {0};
    struct general_found best = {.step = GENERAL_NONE};
    uint32_t last = general->rule->step_count - 1;
    result->level = 0;
    for (uint32_t step = 0; step < entry_step_count(general); step++) {
        struct general_search search =
            general_search_over(general, step, from, general->block_count);
        struct general_found found;
        general_find(general, &search, false, &found);
        if (found.step != last || (best.step == last && best.end < found.end)) {
            continue;
        }
        uint32_t score = score_of(general, step, last);
        uint32_t best_score = best.step == last && best.end == found.end
                                  ? score_of(general, best_search.entry_step, last)
                                  : 0;
        if (score > best_score || (score == best_score && found.entry > best.entry)) {
            best_search = search;
            best = found;
        }
    }
    if (best.step == last) {
        result->score = score_of(general, best_search.entry_step, last);
        report(general, &best_search, &best, result);
        *entry_out = best.entry;
        *end_out = best.end;
    }
}

bool general_may_win(struct general *general, uint32_t from, uint32_t entry_first,
                     uint32_t entry_last, uint32_t score)
{
    for (uint32_t step = 0; step < entry_step_count(general); step++) {
        struct general_search search =
            general_search_over(general, step, from, general->block_count);
        restrict_entries(&search, entry_first, entry_last);
        if (score_of(general, step, search.cap) > score && general_is_open(general, &search)) {
            return true;
        }
    }
    return false;
}

/// The block in which attempts that begin at `step` in block `entry` end; `end` where they do not.
static uint32_t life_from(struct general *general, uint32_t step, uint32_t entry, uint32_t end)
{
    struct general_walk walk;
    struct general_search search = general_search_over(general, step, entry, end);
    restrict_entries(&search, entry, entry);
    if (general->line) {
        return general_line_life(general, &search);
    }
    general_walk_init(&walk, general, &search);
    for (uint32_t block = entry; block < end; block++) {
        general_walk_block(&walk, block);
        if (walk.found.step != search.cap &&
            !general_goes_on(&walk, block + 1, general->blocks[block].time_us)) {
            return block;
        }
    }
    return end;
}

uint32_t general_life(struct general *general, uint32_t entry, uint32_t end)
{
    uint32_t life = entry;
    for (uint32_t step = 0; step < entry_step_count(general); step++) {
        if ((general->blocks[entry].entries >> step & 1) != 0) {
            uint32_t own = life_from(general, step, entry, end);
            life = own > life ? own : life;
        }
    }
    return life;
}

void general_out(struct general *general, uint32_t entry_first, uint32_t entry_last,
                 struct match_result *result)
{
    const struct match_rule *rule = general->rule;
    bool kept_any = false;
    result->out = false;
    result->best_level = 0;
    for (uint32_t step = 0; step < entry_step_count(general); step++) {
        struct general_found best;
        struct general_found kept;
        struct general_search search = general_search_over(general, step, 0, general->block_count);
        restrict_entries(&search, entry_first, entry_last);
        search.active = 0;
        general_find(general, &search, false, &best);
        uint32_t score = score_of(general, step, best.step);
        if (score == 0 || score < result->best_level) {
            continue;
        }
        search.cap = best.step;
        search.active = general_exclusions(rule, step, best.step + 1, true);
        general_find(general, &search, false, &kept);
        bool keeps = kept.step == best.step;
        kept_any = score > result->best_level ? keeps : kept_any || keeps;
        result->best_level = score;
    }
    result->out = result->best_level > 0 && !kept_any;
}
