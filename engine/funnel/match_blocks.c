// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/memory.h"

#include <string.h>

static void take_gaps(struct general *general)
{
    const struct match_rule *rule = general->rule;
    for (uint32_t step = 0; step < rule->step_count; step++) {
        const struct funnel_gap *gap = rule->gaps == NULL || step == 0 ? NULL : &rule->gaps[step];
        int64_t min_us = gap == NULL ? 0 : gap->min_us;
        general->min_us[step] = min_us < MATCH_WINDOW_MAX ? min_us : MATCH_WINDOW_MAX;
        general->max_us[step] = gap == NULL ? INT64_MAX : gap->max_us;
        general->steep |= (uint32_t)(min_us > 0) << step;
    }
}

/// The pairs of steps that may follow each other.
static void list_pairs(struct general *general)
{
    uint32_t count = general->rule->step_count;
    general->pairs = memory_allocate((size_t)count * count * sizeof(*general->pairs));
    for (uint32_t to = 0; to < count; to++) {
        general->pairs_of[to] = general->pair_count;
        for (uint32_t from = to; from-- > 0;) {
            general->pairs[general->pair_count++] =
                (struct general_pair){(uint8_t)from, (uint8_t)to};
            if ((general->required >> from & 1) != 0) {
                break; // whatever comes before it must be followed by it
            }
        }
    }
    general->pairs_of[count] = general->pair_count;
}

/// With a tolerance: blocks are cut greedily over events that match a step; their times become
/// those of the first event, and sequence numbers order nothing within.
static void blur_times(struct general *general)
{
    int64_t tolerance_us = general->rule->tie_tolerance_us;
    int64_t first_us = 0;
    bool any = false;
    for (uint32_t index = 0; index < general->scope.event_count; index++) {
        struct match_event *event = &general->events[index];
        event->ordered = false;
        if (any && event->time_us - first_us <= tolerance_us) {
            event->time_us = first_us;
        } else if ((event->steps & general->scope.step_mask) != 0) {
            first_us = event->time_us;
            any = true;
        }
    }
}

/// Sums up a block. One that is summed up `again` because it lost events can only have less of all,
/// so that looking may stop where it has as much. What lies between steps (`common`, `in_scope`)
/// does not matter in it any more: attempts only begin there.
static void sum_up(const struct general *general, struct general_block *block, bool again)
{
    const struct match_rule *rule = general->rule;
    const struct general_block before = *block;
    uint32_t mask = general->scope.step_mask;
    block->steps = 0;
    block->entries = 0;
    block->common = mask;
    block->in_scope = 0;
    block->hits = 0;
    block->several = false;
    for (uint32_t index = block->first; index < block->end; index++) {
        const struct match_event *event = &general->scope.events[index];
        uint32_t steps = event->steps & mask;
        block->steps |= steps;
        block->entries |= event->entry_allowed ? steps : 0;
        block->several |= (steps & (steps - 1)) != 0;
        block->hits |= event->hits;
        if (steps != 0 || rule->scope == FUNNEL_SCOPE_ALL) {
            block->common &= steps;
            block->in_scope++;
        }
        if (again && block->steps == before.steps && block->entries == before.entries &&
            block->several == before.several && block->hits == before.hits) {
            break;
        }
    }
    if (rule->order != FUNNEL_ORDER_STRICT) {
        block->in_scope = 0;
    }
}

static void cut_blocks(struct general *general)
{
    const struct match_scope *scope = &general->scope;
    uint32_t count = scope->event_count;
    general->blocks = memory_resize_array(NULL, (size_t)count + 1, sizeof(*general->blocks));
    for (uint32_t index = 0; index < count;) {
        struct general_block block = {.time_us = scope->events[index].time_us, .first = index};
        block.end = match_block_end(scope, index);
        sum_up(general, &block, false);
        index = block.end;
        if ((block.steps | block.hits | block.in_scope) != 0) {
            general->blocks[general->block_count++] = block;
        }
    }
}

/// True where blocks lose events or change their times.
static bool needs_copy(const struct match_rule *rule)
{
    return rule->tie_tolerance_us > 0 || rule->attempts == FUNNEL_ATTEMPTS_ALL;
}

static void copy_events(struct general *general)
{
    uint32_t count = general->scope.event_count;
    general->events = memory_resize_array(NULL, (size_t)count + 1, sizeof(*general->events));
    general->origins = memory_resize_array(NULL, (size_t)count + 1, sizeof(*general->origins));
    for (uint32_t index = 0; index < count; index++) {
        general->events[index] = general->scope.events[index];
        general->origins[index] = index;
    }
    general->scope.events = general->events;
    if (general->rule->tie_tolerance_us > 0) {
        blur_times(general);
    }
}

static uint32_t *block_array(const struct general *general)
{
    return memory_resize_array(NULL, (size_t)general->block_count + 1, sizeof(uint32_t));
}

void general_init(struct general *general, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count)
{
    *general = (struct general){.rule = rule};
    struct match_rule unrestricted = *rule;
    unrestricted.attempts = FUNNEL_ATTEMPTS_BEST;
    match_scope_init(&general->scope, &unrestricted, events, event_count);
    general->required = general->scope.step_mask & ~rule->optional;
    take_gaps(general);
    list_pairs(general);
    if (needs_copy(rule)) {
        copy_events(general);
    }
    cut_blocks(general);
    if (rule->order == FUNNEL_ORDER_ANY) {
        return;
    }
    for (uint32_t step = 0; step < rule->step_count; step++) {
        general->starts[step] = block_array(general);
    }
    general->queues =
        memory_resize_array(NULL, (size_t)general->pair_count + 1, sizeof(uint32_t *));
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        general->queues[pair] = block_array(general);
    }
    general->reached = block_array(general);
    general->continued = block_array(general);
}

void general_deinit(struct general *general)
{
    for (uint32_t step = 0; step < FUNNEL_STEP_COUNT_MAX; step++) {
        memory_free(general->starts[step]);
    }
    for (uint32_t pair = 0; general->queues != NULL && pair < general->pair_count; pair++) {
        memory_free(general->queues[pair]);
    }
    memory_free(general->queues);
    memory_free(general->pairs);
    memory_free(general->reached);
    memory_free(general->continued);
    memory_free(general->blocks);
    memory_free(general->events);
    memory_free(general->origins);
}

void general_spend(struct general *general, uint32_t index, const uint32_t *events, uint32_t count)
{
    struct general_block *block = &general->blocks[index];
    uint32_t kept = count == 0 ? block->first : events[count - 1] + 1;
    uint32_t left = count;
    // Attempts take the canonically first events, so that little has to move up.
    for (uint32_t event = kept; event-- > block->first;) {
        if (left > 0 && events[left - 1] == event) {
            left--;
            continue;
        }
        kept--;
        general->events[kept] = general->events[event];
        general->origins[kept] = general->origins[event];
    }
    block->first = kept;
    sum_up(general, block, true);
}

bool match_rule_is_plain(const struct match_rule *rule)
{
    return rule->order == FUNNEL_ORDER_LOOSE && rule->attempts != FUNNEL_ATTEMPTS_ALL &&
           rule->gaps == NULL && rule->exclusion_count == 0 && rule->optional == 0 &&
           !rule->entry_open && rule->tie_tolerance_us == 0;
}

uint32_t match_rule_entry_steps(const struct match_rule *rule)
{
    uint32_t all = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - rule->step_count);
    if (rule->order != FUNNEL_ORDER_ANY) {
        return rule->entry_open ? all : 1;
    }
    if (rule->anchor_first != 0) {
        return UINT32_C(1) << (rule->anchor_first - 1);
    }
    bool last = rule->anchor_last != 0 && rule->step_count > 1;
    return last ? all & ~(UINT32_C(1) << (rule->anchor_last - 1)) : all;
}

uint64_t funnel_match_bytes(const struct match_rule *rule, uint32_t event_count)
{
    if (match_rule_is_plain(rule)) {
        return 0;
    }
    uint64_t bytes = sizeof(struct general_block);
    bytes += needs_copy(rule) ? sizeof(struct match_event) + sizeof(uint32_t) : 0;
    if (rule->order != FUNNEL_ORDER_ANY) {
        uint64_t optional = (uint64_t)__builtin_popcount(rule->optional);
        uint64_t pairs = rule->step_count + optional * rule->step_count;
        bytes += (rule->step_count + pairs + 2) * sizeof(uint32_t);
    }
    return ((uint64_t)event_count + 1) * bytes;
}
