// SPDX-License-Identifier: Apache-2.0
/// Order any: steps and events as a bipartite matching. Events are offered in order of time; one
/// that finds a step keeps one, so after each block as many steps are filled as can be, and every
/// rank is reached at its earliest instant. With `ties: strict` a whole block is one event.
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"

#include <string.h>

#define REFUSED_COUNT_MAX 64u
#define NO_EVENT UINT32_MAX

/// Steps that have an event, and the steps that this event could fill.
struct any_matching {
    uint32_t filled;
    uint32_t choices[FUNNEL_STEP_COUNT_MAX];
    uint32_t refused[REFUSED_COUNT_MAX]; ///< choices that found no step: they never will
    uint32_t refused_count;
};

/// What an entry leads to.
struct any_attempt {
    uint32_t level;
    uint32_t end;                           ///< block in which it is reached
    uint32_t blocks[FUNNEL_STEP_COUNT_MAX]; ///< by rank
};

struct any_scan {
    const struct general *general;
    uint32_t entry;
    uint32_t end;  ///< blocks [entry, end) exist
    uint32_t skip; ///< an event that is kept for the last anchor, or NO_EVENT
    uint32_t active;
};

static uint32_t anchor_bit(uint32_t anchor)
{
    return anchor == 0 ? 0 : UINT32_C(1) << (anchor - 1);
}

/// The last anchor; of a single step it says nothing.
static uint32_t last_anchor(const struct match_rule *rule)
{
    return rule->step_count == 1 ? 0 : anchor_bit(rule->anchor_last);
}

static bool place(struct any_matching *matching, uint32_t choices, uint32_t *visited)
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
        if (place(matching, matching->choices[step], visited)) {
            matching->choices[step] = choices;
            return true;
        }
    }
    return false;
}

/// Offers an event that could fill `choices`; true where it gets a step.
static bool offer(struct any_matching *matching, uint32_t choices)
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
    if (place(matching, choices, &visited)) {
        return true;
    }
    if (matching->refused_count < REFUSED_COUNT_MAX) {
        matching->refused[matching->refused_count++] = choices;
    }
    return false;
}

static uint32_t filled_count(const struct any_matching *matching)
{
    return (uint32_t)__builtin_popcount(matching->filled);
}

/// The steps that an event may fill: the first anchor only at the entry, the last one never.
static uint32_t choices_of(const struct any_scan *scan, uint32_t block, uint32_t event)
{
    const struct match_rule *rule = scan->general->rule;
    const struct match_event *at = &scan->general->scope.events[event];
    bool entry = block == scan->entry && at->entry_allowed;
    uint32_t barred = last_anchor(rule) | (entry ? 0 : anchor_bit(rule->anchor_first));
    return event == scan->skip ? 0 : at->steps & scan->general->scope.step_mask & ~barred;
}

/// The steps that a block may fill where at most one of its events is matched.
static uint32_t choices_together(const struct any_scan *scan, uint32_t block)
{
    const struct general_block *events = &scan->general->blocks[block];
    uint32_t together = 0;
    for (uint32_t event = events->first; event < events->end; event++) {
        bool entry = block != scan->entry || scan->general->scope.events[event].entry_allowed;
        together |= entry ? choices_of(scan, block, event) : 0;
    }
    return together;
}

/// An event may be the entry: it fills the first anchor, or any step where there is none.
static uint32_t entry_choices(const struct any_scan *scan, uint32_t event)
{
    uint32_t anchor = anchor_bit(scan->general->rule->anchor_first);
    uint32_t choices =
        scan->general->scope.events[event].entry_allowed ? choices_of(scan, scan->entry, event) : 0;
    return anchor == 0 || (choices & anchor) != 0 ? choices : 0;
}

/// Offers the events of a block, the entry first.
static void offer_block(const struct any_scan *scan, struct any_matching *matching, uint32_t block)
{
    const struct general *general = scan->general;
    const struct general_block *events = &general->blocks[block];
    uint32_t anchor = anchor_bit(general->rule->anchor_first);
    if (!general->scope.ties_any) {
        uint32_t choices = choices_together(scan, block);
        offer(matching, block == scan->entry && anchor != 0 ? choices & anchor : choices);
        return;
    }
    uint32_t entry = NO_EVENT;
    for (uint32_t event = events->first; block == scan->entry && event < events->end; event++) {
        uint32_t choices = entry_choices(scan, event);
        if (choices != 0) {
            entry = event;
            uint32_t step = (uint32_t)__builtin_ctz(anchor != 0 ? anchor : choices);
            matching->filled |= UINT32_C(1) << step;
            matching->choices[step] = choices;
            break;
        }
    }
    if (block == scan->entry && entry == NO_EVENT) {
        return; // without an entry nothing begins
    }
    for (uint32_t event = events->first; event < events->end; event++) {
        if (event != entry) {
            offer(matching, choices_of(scan, block, event));
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
static uint32_t anchor_event(const struct any_scan *scan, uint32_t block, uint32_t from)
{
    const struct general_block *events = &scan->general->blocks[block];
    uint32_t anchor = last_anchor(scan->general->rule);
    for (uint32_t event = from > events->first ? from : events->first; event < events->end;
         event++) {
        if ((scan->general->scope.events[event].steps & anchor) != 0) {
            return event;
        }
    }
    return NO_EVENT;
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
    uint64_t seen[REFUSED_COUNT_MAX];
    uint32_t seen_count = 0;
    for (uint32_t event = anchor_event(scan, attempt->end, 0); event != NO_EVENT;
         event = anchor_event(scan, attempt->end, event + 1)) {
        const struct match_event *at = &scan->general->scope.events[event];
        uint64_t kind = (uint64_t)at->steps << 1 | at->entry_allowed;
        bool known = false;
        for (uint32_t i = 0; i < seen_count; i++) {
            known = known || seen[i] == kind;
        }
        if (!known && can_spare(scan, event, attempt)) {
            return true;
        }
        if (!known && seen_count < REFUSED_COUNT_MAX) {
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
        if (anchor_event(scan, block, 0) != NO_EVENT) {
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
    uint32_t others = rule->step_count - (last_anchor(rule) != 0);
    fill_ranks(scan, others, attempt);
    if (last_anchor(rule) != 0 && attempt->level == others) {
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

/// ---- the events of the attempt

/// Chosen events in order of their ranks, with what each could fill.
struct any_choice {
    uint32_t events[FUNNEL_STEP_COUNT_MAX];
    uint32_t choices[FUNNEL_STEP_COUNT_MAX];
    uint32_t count;
};

/// The canonically first events that fill as many steps block by block, from a given entry.
static bool choose_from(const struct any_scan *scan, uint32_t entry, uint32_t entry_choice,
                        const struct any_attempt *attempt, uint32_t level,
                        struct any_choice *choice)
{
    struct any_matching matching;
    uint32_t step = (uint32_t)__builtin_ctz(entry_choice);
    matching.refused_count = 0;
    matching.filled = UINT32_C(1) << step;
    matching.choices[step] = entry_choice;
    choice->events[0] = entry;
    choice->choices[0] = entry_choice;
    choice->count = 1;
    for (uint32_t rank = 1; rank < level;) {
        uint32_t block = attempt->blocks[rank];
        const struct general_block *events = &scan->general->blocks[block];
        uint32_t before = choice->count;
        for (uint32_t event = events->first; event < events->end && choice->count < level;
             event++) {
            uint32_t choices = choices_of(scan, block, event);
            choices &= ~anchor_bit(scan->general->rule->anchor_first);
            if (event != entry && offer(&matching, choices)) {
                choice->events[choice->count] = event;
                choice->choices[choice->count++] = choices;
            }
        }
        while (rank < level && attempt->blocks[rank] == block) {
            rank++;
        }
        if (choice->count != rank || choice->count == before) {
            return false;
        }
    }
    return true;
}

/// With the entry canonically first; the last anchor aside.
static void choose_others(const struct any_scan *scan, const struct any_attempt *attempt,
                          uint32_t level, struct any_choice *choice)
{
    const struct general_block *events = &scan->general->blocks[scan->entry];
    uint32_t anchor = anchor_bit(scan->general->rule->anchor_first);
    choice->count = 0;
    for (uint32_t event = events->first; event < events->end; event++) {
        uint32_t choices = entry_choices(scan, event);
        if (choices != 0 &&
            choose_from(scan, event, anchor != 0 ? anchor : choices, attempt, level, choice)) {
            return;
        }
    }
    choice->count = 0;
}

/// Whether the choices from `first` on have steps of their own outside `taken`.
static bool can_fill(const uint32_t *choices, uint32_t first, uint32_t count, uint32_t taken)
{
    struct any_matching matching;
    matching.filled = 0;
    matching.refused_count = 0;
    for (uint32_t rank = first; rank < count; rank++) {
        uint32_t visited = 0;
        if ((choices[rank] & ~taken) == 0 || !place(&matching, choices[rank] & ~taken, &visited)) {
            return false;
        }
    }
    return true;
}

/// With `ties: strict`: one event per block, canonically first, that leaves the others a step.
static void choose_strictly(const struct any_scan *scan, const struct any_attempt *attempt,
                            uint32_t level, struct any_choice *choice)
{
    uint32_t anchor = anchor_bit(scan->general->rule->anchor_first);
    for (uint32_t rank = 0; rank < level; rank++) {
        choice->choices[rank] = choices_together(scan, attempt->blocks[rank]);
        if (anchor != 0) {
            choice->choices[rank] = rank == 0 ? anchor : choice->choices[rank] & ~anchor;
        }
    }
    choice->count = level;
    for (uint32_t rank = 0; rank < level; rank++) {
        uint32_t block = attempt->blocks[rank];
        uint32_t together = choice->choices[rank];
        for (uint32_t event = scan->general->blocks[block].first;; event++) {
            ASSERT(event < scan->general->blocks[block].end);
            bool entry = rank > 0 || scan->general->scope.events[event].entry_allowed;
            choice->choices[rank] = choices_of(scan, block, event) & together;
            if (entry && choice->choices[rank] != 0 && can_fill(choice->choices, 0, level, 0)) {
                choice->events[rank] = event;
                break;
            }
        }
    }
}

static bool is_before(const struct any_choice *left, const struct any_choice *right)
{
    for (uint32_t rank = 0; rank < left->count; rank++) {
        if (left->events[rank] != right->events[rank]) {
            return left->events[rank] < right->events[rank];
        }
    }
    return false;
}

static bool has_event(const struct any_choice *choice, uint32_t event)
{
    for (uint32_t rank = 0; rank < choice->count; rank++) {
        if (choice->events[rank] == event) {
            return true;
        }
    }
    return false;
}

/// The last anchor takes an event that the others do not need; where they need all of them in their
/// block, the one without which they are canonically first.
static void choose_with_anchor(struct any_scan *scan, const struct any_attempt *attempt,
                               struct any_choice *choice)
{
    uint32_t others = attempt->level - 1;
    uint32_t block = attempt->blocks[others];
    uint32_t event = anchor_event(scan, block, 0);
    if (!scan->general->scope.ties_any) {
        choose_strictly(scan, attempt, others, choice);
    } else {
        choose_others(scan, attempt, others, choice);
        while (event != NO_EVENT && has_event(choice, event)) {
            event = anchor_event(scan, block, event + 1);
        }
    }
    struct any_choice best = {.count = 0};
    uint32_t given = anchor_event(scan, block, 0);
    for (; event == NO_EVENT && given != NO_EVENT; given = anchor_event(scan, block, given + 1)) {
        struct any_choice other;
        scan->skip = given;
        choose_others(scan, attempt, others, &other);
        if (other.count == others && (best.count == 0 || is_before(&other, &best))) {
            best = other;
            best.events[others] = given;
        }
    }
    scan->skip = NO_EVENT;
    if (event == NO_EVENT) {
        *choice = best;
        event = best.events[others];
    }
    ASSERT(choice->count == others);
    choice->events[others] = event;
    choice->choices[others] = last_anchor(scan->general->rule);
    choice->count = attempt->level;
}

static void report(struct any_scan *scan, const struct any_attempt *attempt,
                   struct match_result *result)
{
    const struct match_rule *rule = scan->general->rule;
    struct any_choice choice;
    if (last_anchor(rule) != 0 && attempt->level == rule->step_count) {
        choose_with_anchor(scan, attempt, &choice);
    } else if (scan->general->scope.ties_any) {
        choose_others(scan, attempt, attempt->level, &choice);
    } else {
        choose_strictly(scan, attempt, attempt->level, &choice);
    }
    ASSERT(choice.count == attempt->level);
    uint32_t taken = 0;
    for (uint32_t rank = 0; rank < choice.count; rank++) {
        uint32_t left = choice.choices[rank] & ~taken;
        uint32_t step = (uint32_t)__builtin_ctz(left);
        while (!can_fill(choice.choices, rank + 1, choice.count, taken | UINT32_C(1) << step)) {
            left &= left - 1;
            ASSERT(left != 0);
            step = (uint32_t)__builtin_ctz(left);
        }
        taken |= UINT32_C(1) << step;
        result->steps[rank] = (uint8_t)step;
        result->events[rank] = choice.events[rank];
        result->times_us[rank] = scan->general->blocks[attempt->blocks[rank]].time_us;
    }
    result->level = choice.count;
    result->ended = choice.count;
    result->entered = 1;
    result->score = choice.count;
    result->made = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - choice.count);
    result->won = choice.count == rule->step_count;
}

/// ---- what the general path asks

void any_best(struct general *general, uint32_t from, uint32_t end, uint32_t entry_first,
              uint32_t entry_last, struct match_result *result)
{
    struct any_scan scan = {.general = general, .end = end, .skip = NO_EVENT};
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
        report(&scan, &best, result);
    }
}

void any_win(struct general *general, uint32_t from, struct match_result *result,
             uint32_t *entry_out, uint32_t *end_out)
{
    struct any_scan scan = {.general = general, .end = general->block_count, .skip = NO_EVENT};
    struct any_attempt best;
    result->level = 0;
    scan.active = exclusion_bits(general->rule, false);
    if (general->block_count > from &&
        best_from(&scan, from, general->block_count - 1, entry_out, &best) &&
        best.level == general->rule->step_count) {
        scan.entry = *entry_out;
        *end_out = best.end;
        report(&scan, &best, result);
    }
}

bool any_may_win(struct general *general, uint32_t from, uint32_t entry_first, uint32_t entry_last,
                 uint32_t score)
{
    (void)score;
    const struct match_rule *rule = general->rule;
    struct any_scan scan = {.general = general, .skip = NO_EVENT};
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
    struct any_scan scan = {.general = general, .entry = entry, .end = end, .skip = NO_EVENT};
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
    struct any_scan scan = {.general = general, .end = general->block_count, .skip = NO_EVENT};
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
