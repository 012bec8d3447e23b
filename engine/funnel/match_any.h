// SPDX-License-Identifier: Apache-2.0
/// What the two halves of order any share: how far an entry leads (match_any.c), and which events
/// are reported (match_any_choose.c). Thread: values.
#pragma once

#include "engine/funnel/match_general.h"

#define ANY_REFUSED_COUNT_MAX 64u
#define ANY_NO_EVENT UINT32_MAX

/// Steps that have an event, and the steps that this event could fill.
struct any_matching {
    uint32_t filled;
    uint32_t choices[FUNNEL_STEP_COUNT_MAX];
    uint32_t refused[ANY_REFUSED_COUNT_MAX]; ///< choices that found no step: they never will
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
    uint32_t skip; ///< an event that is kept for the last anchor, or ANY_NO_EVENT
    uint32_t active;
};

static inline uint32_t any_anchor_bit(uint32_t anchor)
{
    return anchor == 0 ? 0 : UINT32_C(1) << (anchor - 1);
}

/// The last anchor; of a single step it says nothing.
static inline uint32_t any_last_anchor(const struct match_rule *rule)
{
    return rule->step_count == 1 ? 0 : any_anchor_bit(rule->anchor_last);
}

/// Gives an event that could fill `choices` a step, moving others where needed. False, and nothing
/// changed but `visited`, where it cannot have one.
bool any_place(struct any_matching *matching, uint32_t choices, uint32_t *visited);
/// Offers an event that could fill `choices`; true where it gets a step.
bool any_offer(struct any_matching *matching, uint32_t choices);
/// The steps that an event may fill: the first anchor only at the entry, the last one never.
uint32_t any_choices_of(const struct any_scan *scan, uint32_t block, uint32_t event);
/// The steps that a block may fill where at most one of its events is matched.
uint32_t any_choices_together(const struct any_scan *scan, uint32_t block);
/// An event may be the entry: it fills the first anchor, or any step where there is none.
uint32_t any_entry_choices(const struct any_scan *scan, uint32_t event);
/// An event of the block, not before `from`, that may fill the last anchor; ANY_NO_EVENT: none.
uint32_t any_anchor_event(const struct any_scan *scan, uint32_t block, uint32_t from);
/// Fills the result with the canonically first events of an attempt.
void any_report(struct any_scan *scan, const struct any_attempt *attempt,
                struct match_result *result);
/// funnel_match() of order any where no two events are simultaneous, each is an entry and fills one
/// step, and the rule has no further options. False, and nothing said, where it is not so.
bool match_any_quick(const struct match_rule *rule, const struct match_event *events,
                     uint32_t event_count, struct match_result *result);
