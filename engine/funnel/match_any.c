// SPDX-License-Identifier: Apache-2.0
/// Order any: steps and events as a bipartite matching. Events are offered in order of time; one
/// that finds a step keeps one, so after each block as many steps are filled as can be, and every
/// rank is reached at its earliest instant. With `ties: strict` a whole block is one event.
#include "engine/funnel/match_any.h"

#include <string.h>

bool any_place(struct any_matching *matching, uint32_t choices, uint32_t *visited)
{
    uint32_t open = choices & ~matching->filled;
    if (open != 0) {
        uint32_t step = (uint32_t)__builtin_ctz(open);
        matching->filled |= UINT32_C(1) << step;
        matching->choices[step] = choices;
        return true;
    }
    for (uint32_t left = choices & ~*visited; left != 0; left = choices & ~*visited) {
        uint32_t step = (uint32_t)__builtin_ctz(left);
        *visited |= UINT32_C(1) << step;
        if (any_place(matching, matching->choices[step], visited)) {
            matching->choices[step] = choices;
            return true;
        }
    }
    return false;
}

/// Offers an event that could fill `choices`; true where it gets a step.
bool any_offer(struct any_matching *matching, uint32_t choices)
{
    uint32_t visited = 0;
    if (choices == 0) {
        return false;
    }
    for (uint32_t i = 0; i < matching->refused_count; i++) {
        if (matching->refused[i] == choices) {
            return false;
        }
    }
    if (any_place(matching, choices, &visited)) {
        return true;
    }
    if (matching->refused_count < ANY_REFUSED_COUNT_MAX) {
        matching->refused[matching->refused_count++] = choices;
    }
    return false;
}

static uint32_t filled_count(const struct any_matching *matching)
{
    return (uint32_t)__builtin_popcount(matching->filled);
}

/// The steps that an event may fill: the first anchor only at the entry, the last one never.
uint32_t any_choices_of(const struct any_scan *scan, uint32_t block, uint32_t event)
{
    const struct match_rule *rule = scan->general->rule;
    const struct match_event *at = &scan->general->scope.events[event];
    bool entry = block == scan->entry && at->entry_allowed;
    uint32_t barred = any_last_anchor(rule) | (entry ? 0 : any_anchor_bit(rule->anchor_first));
    return event == scan->skip ? 0 : at->steps & scan->general->scope.step_mask & ~barred;
}

/// The steps that a block may fill where at most one of its events is matched.
uint32_t any_choices_together(const struct any_scan *scan, uint32_t block)
{
    const struct general_block *events = &scan->general->blocks[block];
    uint32_t together = 0;
    for (uint32_t event = events->first; event < events->end; event++) {
        bool entry = block != scan->entry || scan->general->scope.events[event].entry_allowed;
        together |= entry ? any_choices_of(scan, block, event) : 0;
    }
    return together;
}

/// An event may be the entry: it fills the first anchor, or any step where there is none.
uint32_t any_entry_choices(const struct any_scan *scan, uint32_t event)
{
    uint32_t anchor = any_anchor_bit(scan->general->rule->anchor_first);
    uint32_t choices = scan->general->scope.events[event].entry_allowed
                           ? any_choices_of(scan, scan->entry, event)
                           : 0;
    return anchor == 0 || (choices & anchor) != 0 ? choices : 0;
}

/// Offers the events of a block, the entry first.
static void offer_block(const struct any_scan *scan, struct any_matching *matching, uint32_t block)
{
    const struct general *general = scan->general;
    const struct general_block *events = &general->blocks[block];
    uint32_t anchor = any_anchor_bit(general->rule->anchor_first);
    if (!general->scope.ties_any) {
        uint32_t choices = any_choices_together(scan, block);
        any_offer(matching, block == scan->entry && anchor != 0 ? choices & anchor : choices);
        return;
    }
    uint32_t entry = ANY_NO_EVENT;
    for (uint32_t event = events->first; block == scan->entry && event < events->end; event++) {
        uint32_t choices = any_entry_choices(scan, event);
        if (choices != 0) {
            entry = event;
            uint32_t step = (uint32_t)__builtin_ctz(anchor != 0 ? anchor : choices);
            matching->filled |= UINT32_C(1) << step;
            matching->choices[step] = choices;
            break;
        }
    }
    if (block == scan->entry && entry == ANY_NO_EVENT) {
        return; // without an entry nothing begins
    }
    uint32_t all = general->scope.step_mask & ~any_last_anchor(general->rule);
    for (uint32_t event = events->first; event < events->end && matching->filled != all; event++) {
        if (event != entry) {
            any_offer(matching, any_choices_of(scan, block, event));
        }
    }
}

/// Fills steps from the entry on, the last anchor aside; `wanted` is enough.
static void fill_ranks(const struct any_scan *scan, uint32_t wanted, struct any_attempt *attempt)
{
    const struct general_block *blocks = scan->general->blocks;
    struct any_matching matching;
    matching.filled = 0;
    matching.refused_count = 0;
    attempt->level = 0;
    for (uint32_t block = scan->entry; block < scan->end && attempt->level < wanted; block++) {
        if (blocks[block].time_us - blocks[scan->entry].time_us > scan->general->scope.window_us) {
            return;
        }
        if (blocks[block].steps == 0) {
            continue;
        }
        offer_block(scan, &matching, block);
        for (; attempt->level < filled_count(&matching); attempt->level++) {
            attempt->blocks[attempt->level] = block;
            attempt->end = block;
        }
        if (attempt->level == 0) {
            return;
        }
    }
}

/// An event of the block, not before `from`, that may fill the last anchor.
uint32_t any_anchor_event(const struct any_scan *scan, uint32_t block, uint32_t from)
{
    const struct general_block *events = &scan->general->blocks[block];
    uint32_t anchor = any_last_anchor(scan->general->rule);
    for (uint32_t event = from > events->first ? from : events->first; event < events->end;
         event++) {
        if ((scan->general->scope.events[event].steps & anchor) != 0) {
            return event;
        }
    }
    return ANY_NO_EVENT;
}

/// True where the others can be filled by the end without `event`, which is in the last block.
static bool can_spare(const struct any_scan *scan, uint32_t event,
                      const struct any_attempt *attempt)
{
    struct any_scan without = *scan;
    struct any_attempt others;
    without.skip = event;
    fill_ranks(&without, attempt->level, &others);
    return others.level == attempt->level && others.end == attempt->end;
}

/// True where an event of the last block can fill the last anchor. Of events that can fill the same
/// steps and may equally be entries one is looked at.
static bool spares_one(const struct any_scan *scan, const struct any_attempt *attempt)
{
    uint64_t seen[ANY_REFUSED_COUNT_MAX];
    uint32_t seen_count = 0;
    for (uint32_t event = any_anchor_event(scan, attempt->end, 0); event != ANY_NO_EVENT;
         event = any_anchor_event(scan, attempt->end, event + 1)) {
        const struct match_event *at = &scan->general->scope.events[event];
        uint64_t kind = (uint64_t)at->steps << 1 | at->entry_allowed;
        bool known = false;
        for (uint32_t i = 0; i < seen_count; i++) {
            known = known || seen[i] == kind;
        }
        if (!known && can_spare(scan, event, attempt)) {
            return true;
        }
        if (!known && seen_count < ANY_REFUSED_COUNT_MAX) {
            seen[seen_count++] = kind;
        }
    }
    return false;
}

/// Fills the last anchor, once all others are: in their last block by an event that they can spare,
/// else in a later one.
static void fill_anchor(const struct any_scan *scan, struct any_attempt *attempt)
{
    const struct general *general = scan->general;
    const struct general_block *blocks = general->blocks;
    if (general->scope.ties_any && spares_one(scan, attempt)) {
        attempt->blocks[attempt->level++] = attempt->end;
        return;
    }
    for (uint32_t block = attempt->end + 1; block < scan->end; block++) {
        if (blocks[block].time_us - blocks[scan->entry].time_us > general->scope.window_us) {
            return;
        }
        if (any_anchor_event(scan, block, 0) != ANY_NO_EVENT) {
            attempt->end = block;
            attempt->blocks[attempt->level++] = block;
            return;
        }
    }
}

/// True where an excluded event lies strictly between two blocks.
static bool hit_between(const struct any_scan *scan, uint32_t first, uint32_t last)
{
    for (uint32_t block = first + 1; block < last; block++) {
        if ((scan->general->blocks[block].hits & scan->active) != 0) {
            return true;
        }
    }
    return false;
}

static void attempt_from(const struct any_scan *scan, struct any_attempt *attempt)
{
    const struct match_rule *rule = scan->general->rule;
    uint32_t others = rule->step_count - (any_last_anchor(rule) != 0);
    fill_ranks(scan, others, attempt);
    if (any_last_anchor(rule) != 0 && attempt->level == others) {
        fill_anchor(scan, attempt);
    }
    if (attempt->level == rule->step_count && scan->active != 0 &&
        hit_between(scan, scan->entry, attempt->end)) {
        attempt->level--; // only a whole assignment is judged by an exclusion
        attempt->end = attempt->level == 0 ? scan->entry : attempt->blocks[attempt->level - 1];
    }
}

static uint32_t exclusion_bits(const struct match_rule *rule, bool remove_only)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < rule->exclusion_count; i++) {
        bits |= (uint32_t)(rule->exclusions[i].remove || !remove_only) << i;
    }
    return bits;
}

/// The best attempt with an entry in [first, last]: highest level, earliest end, latest entry.
static bool best_from(struct any_scan *scan, uint32_t first, uint32_t last, uint32_t *entry_out,
                      struct any_attempt *best)
{
    const struct general_block *blocks = scan->general->blocks;
    uint32_t steps = match_rule_entry_steps(scan->general->rule);
    uint32_t step_count = scan->general->rule->step_count;
    bool any = false;
    best->level = 0;
    for (uint32_t entry = first; entry <= last && entry < scan->end; entry++) {
        struct any_attempt attempt;
        if ((blocks[entry].entries & steps) == 0) {
            continue;
        }
        scan->entry = entry;
        attempt_from(scan, &attempt);
        if (attempt.level > best->level ||
            (attempt.level == best->level && attempt.level > 0 && attempt.end <= best->end)) {
            *best = attempt;
            *entry_out = entry;
            any = true;
        }
        // Once all is filled, or an entry has seen all that later ones see, only what ends as early
        // is better.
        bool saw_all = scan->active == 0 && blocks[scan->end - 1].time_us - blocks[entry].time_us <=
                                                scan->general->scope.window_us;
        if (any && (best->level == step_count || saw_all)) {
            scan->end = best->end + 1;
        }
    }
    return any;
}

/// ---- what the general path asks

void any_best(struct general *general, uint32_t from, uint32_t end, uint32_t entry_first,
              uint32_t entry_last, struct match_result *result)
{
    struct any_scan scan = {.general = general, .end = end, .skip = ANY_NO_EVENT};
    struct any_attempt best;
    uint32_t entry = 0;
    (void)from;
    result->level = 0;
    result->made = 0;
    result->won = false;
    result->score = 0;
    scan.active = exclusion_bits(general->rule, false);
    if (best_from(&scan, entry_first, entry_last, &entry, &best)) {
        scan.entry = entry;
        any_report(&scan, &best, result);
    }
}

void any_win(struct general *general, uint32_t from, struct match_result *result,
             uint32_t *entry_out, uint32_t *end_out)
{
    struct any_scan scan = {.general = general, .end = general->block_count, .skip = ANY_NO_EVENT};
    struct any_attempt best;
    result->level = 0;
    scan.active = exclusion_bits(general->rule, false);
    if (general->block_count > from &&
        best_from(&scan, from, general->block_count - 1, entry_out, &best) &&
        best.level == general->rule->step_count) {
        scan.entry = *entry_out;
        *end_out = best.end;
        any_report(&scan, &best, result);
    }
}

bool any_may_win(struct general *general, uint32_t from, uint32_t entry_first, uint32_t entry_last,
                 uint32_t score)
{
    (void)score;
    const struct match_rule *rule = general->rule;
    struct any_scan scan = {.general = general, .skip = ANY_NO_EVENT};
    uint32_t steps = match_rule_entry_steps(rule);
    int64_t last_us = INT64_MIN / 2;
    for (uint32_t block = from; block < general->block_count; block++) {
        last_us = general->blocks[block].steps != 0 ? general->blocks[block].time_us : last_us;
    }
    int64_t now_us = rule->as_of_us - last_us <= rule->tie_tolerance_us ? last_us : rule->as_of_us;
    uint32_t past = general->block_count;
    while (past > from && general->blocks[past - 1].time_us >= now_us) {
        past--;
    }
    scan.active = exclusion_bits(rule, false);
    for (uint32_t entry = entry_first; entry <= entry_last; entry++) {
        scan.entry = entry;
        if ((general->blocks[entry].entries & steps) != 0 && rule->as_of_us < rule->until_us &&
            now_us - general->blocks[entry].time_us <= general->scope.window_us &&
            !hit_between(&scan, entry, past)) {
            return true;
        }
    }
    return false;
}

uint32_t any_life(struct general *general, uint32_t entry, uint32_t end)
{
    struct any_scan scan = {.general = general, .entry = entry, .end = end, .skip = ANY_NO_EVENT};
    struct any_attempt attempt;
    scan.active = exclusion_bits(general->rule, false);
    attempt_from(&scan, &attempt);
    if (attempt.level == general->rule->step_count) {
        return end;
    }
    for (uint32_t block = entry + 1; block < end; block++) {
        bool over = general->blocks[block].time_us - general->blocks[entry].time_us >
                    general->scope.window_us;
        if (over || (general->blocks[block].hits & scan.active) != 0) {
            return block;
        }
    }
    return end;
}

void any_out(struct general *general, uint32_t entry_first, uint32_t entry_last,
             struct match_result *result)
{
    struct any_scan scan = {.general = general, .end = general->block_count, .skip = ANY_NO_EVENT};
    struct any_attempt best;
    struct any_attempt kept;
    uint32_t entry;
    best_from(&scan, entry_first, entry_last, &entry, &best);
    scan.active = exclusion_bits(general->rule, true);
    scan.end = general->block_count;
    best_from(&scan, entry_first, entry_last, &entry, &kept);
    result->best_level = best.level;
    result->out = kept.level < best.level;
}
