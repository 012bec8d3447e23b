// SPDX-License-Identifier: Apache-2.0
/// What the matchers share: one unit's events with the rule in the form that their loops need, and
/// simultaneous events as a bipartite matching. Thread: values.
#pragma once

#include "engine/funnel/funnel.h"

/// Longer windows than this never end for times that an event may have.
#define MATCH_WINDOW_MAX (INT64_MAX / 2)
#define MATCH_TIME_MAX (INT64_MAX / 4)
#define MATCH_NODE_COUNT_MAX (FUNNEL_STEP_COUNT_MAX * FUNNEL_STEP_COUNT_MAX)
#define MATCH_NO_STEP UINT8_MAX

/// One unit's events with the rule in the form that the loops need.
struct match_scope {
    const struct match_event *events;
    uint32_t event_count;
    uint32_t step_count;
    uint32_t step_mask;
    int64_t window_us;
    bool ties_any;
    uint32_t entry_bit;   ///< the step that only entries fill
    uint32_t entry_first; ///< attempts first and last allow the entries of one block only
    uint32_t entry_count;
};

/// Simultaneous events as a bipartite graph: steps on one side, events ("nodes") on the other. Per
/// step the first `step_count` candidates are enough: an assignment that uses a later one leaves
/// one of them free, and swapping to it is as good and canonically earlier. So a block of any size
/// costs one scan.
struct match_block {
    uint32_t node_count;
    uint32_t candidate_counts[FUNNEL_STEP_COUNT_MAX];
    uint16_t candidates[FUNNEL_STEP_COUNT_MAX][FUNNEL_STEP_COUNT_MAX]; ///< nodes, canonical order
    uint16_t chosen[FUNNEL_STEP_COUNT_MAX];                            ///< node per assigned step
    uint32_t node_events[MATCH_NODE_COUNT_MAX];
    uint8_t node_steps[MATCH_NODE_COUNT_MAX]; ///< step that uses the node, or MATCH_NO_STEP
};

/// The steps that an event may fill. Only the edge to the entry's step depends on entry_allowed: an
/// event outside the range may still complete an attempt.
static inline uint32_t match_steps(const struct match_scope *scope, uint32_t index)
{
    const struct match_event *event = &scope->events[index];
    bool entry = event->entry_allowed && index - scope->entry_first < scope->entry_count;
    uint32_t barred = entry ? 0 : scope->entry_bit;
    return event->steps & scope->step_mask & ~barred;
}

/// Whether an event is simultaneous with the one before it.
static inline bool match_joins(const struct match_scope *scope, uint32_t index)
{
    const struct match_event *event = &scope->events[index];
    return event[0].time_us == event[-1].time_us && !event[0].ordered;
}

static inline uint32_t match_block_end(const struct match_scope *scope, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < scope->event_count && match_joins(scope, end)) {
        end++;
    }
    return end;
}

void match_scope_init(struct match_scope *scope, const struct match_rule *rule,
                      const struct match_event *events, uint32_t event_count);

/// Collects the candidates of the `wanted` steps among events [first, end).
void match_block_init(struct match_block *block, const struct match_scope *scope, uint32_t first,
                      uint32_t end, uint32_t wanted);
/// Steps [level, right) have events of their own; lets go of step level - 1 and extends. What level
/// reaches never shrinks as level grows, so all levels together cost 2 n augmentations.
uint32_t match_block_slide(struct match_block *block, uint32_t level, uint32_t right,
                           uint32_t limit);
/// Chooses the events [first, end) of one block for an attempt that stands at `level`: of as many
/// steps as it allows, at most `limit`, the canonically smallest ones. Returns the new level.
uint32_t match_choose_many(const struct match_scope *scope, uint32_t first, uint32_t end,
                           uint32_t level, uint32_t limit, uint32_t *chosen);

/// Of the steps in `order`, gives `step` an event; those in `visited` keep theirs. False, and
/// nothing changed, where it cannot have one.
bool match_block_assign(struct match_block *block, uint32_t step, uint32_t *visited);
/// Makes the matching of the steps in `steps` the canonically smallest: each in turn takes its
/// first candidate that leaves the later ones a matching.
void match_block_settle(struct match_block *block, uint32_t steps);

/// funnel_match() of a rule that is not plain.
void match_general(const struct match_rule *rule, const struct match_event *events,
                   uint32_t event_count, struct match_result *result_out);
/// The same by blocks, whatever the events are.
void match_general_blocks(const struct match_rule *rule, const struct match_event *events,
                          uint32_t event_count, struct match_result *result_out);
