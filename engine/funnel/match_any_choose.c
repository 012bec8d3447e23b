// SPDX-License-Identifier: Apache-2.0
/// Order any: which events are reported. Ranks are at their earliest instants already; of the
/// events there the canonically first ones are taken, the entry first, then steps in their order.
#include "engine/funnel/match_any.h"

#include "storage/base/invariant.h"

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
            uint32_t choices = any_choices_of(scan, block, event);
            choices &= ~any_anchor_bit(scan->general->rule->anchor_first);
            if (event != entry && any_offer(&matching, choices)) {
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
    uint32_t anchor = any_anchor_bit(scan->general->rule->anchor_first);
    choice->count = 0;
    for (uint32_t event = events->first; event < events->end; event++) {
        uint32_t choices = any_entry_choices(scan, event);
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
        if ((choices[rank] & ~taken) == 0 ||
            !any_place(&matching, choices[rank] & ~taken, &visited)) {
            return false;
        }
    }
    return true;
}

/// With `ties: strict`: one event per block, canonically first, that leaves the others a step.
static void choose_strictly(const struct any_scan *scan, const struct any_attempt *attempt,
                            uint32_t level, struct any_choice *choice)
{
    uint32_t anchor = any_anchor_bit(scan->general->rule->anchor_first);
    for (uint32_t rank = 0; rank < level; rank++) {
        choice->choices[rank] = any_choices_together(scan, attempt->blocks[rank]);
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
            choice->choices[rank] = any_choices_of(scan, block, event) & together;
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
    uint32_t event = any_anchor_event(scan, block, 0);
    if (!scan->general->scope.ties_any) {
        choose_strictly(scan, attempt, others, choice);
    } else {
        choose_others(scan, attempt, others, choice);
        while (event != ANY_NO_EVENT && has_event(choice, event)) {
            event = any_anchor_event(scan, block, event + 1);
        }
    }
    struct any_choice best = {.count = 0};
    uint32_t given = any_anchor_event(scan, block, 0);
    for (; event == ANY_NO_EVENT && given != ANY_NO_EVENT;
         given = any_anchor_event(scan, block, given + 1)) {
        struct any_choice other;
        scan->skip = given;
        choose_others(scan, attempt, others, &other);
        if (other.count == others && (best.count == 0 || is_before(&other, &best))) {
            best = other;
            best.events[others] = given;
        }
    }
    scan->skip = ANY_NO_EVENT;
    if (event == ANY_NO_EVENT) {
        *choice = best;
        event = best.events[others];
    }
    ASSERT(choice->count == others);
    choice->events[others] = event;
    choice->choices[others] = any_last_anchor(scan->general->rule);
    choice->count = attempt->level;
}

void any_report(struct any_scan *scan, const struct any_attempt *attempt,
                struct match_result *result)
{
    const struct match_rule *rule = scan->general->rule;
    struct any_choice choice;
    if (any_last_anchor(rule) != 0 && attempt->level == rule->step_count) {
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
