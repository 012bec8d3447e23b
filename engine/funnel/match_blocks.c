// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"
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

/// Memory that goes with general_deinit(), not cleared.
static void *take_memory(struct general *general, size_t count, size_t size)
{
    size_t bytes = (count * size + 15) / 16 * 16;
    if (bytes <= GENERAL_SPACE_SIZE - general->space_used) {
        void *memory = general->space->bytes + general->space_used;
        general->space_used += (uint32_t)bytes;
        return memory;
    }
    ASSERT(general->heap_count < GENERAL_HEAP_COUNT_MAX);
    void *memory = memory_resize_array(NULL, count, size);
    general->heaps[general->heap_count++] = memory;
    return memory;
}

/// The pairs of steps that may follow each other.
static void list_pairs(struct general *general)
{
    uint32_t count = general->rule->step_count;
    general->pairs = take_memory(general, (size_t)count * count, sizeof(*general->pairs));
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

/// Sums up a block of one event.
static struct general_block single_block(const struct general *general, uint32_t index)
{
    const struct match_event *event = &general->scope.events[index];
    const struct match_rule *rule = general->rule;
    uint32_t steps = event->steps & general->scope.step_mask;
    bool seen = steps != 0 || rule->scope == FUNNEL_SCOPE_ALL;
    return (struct general_block){
        .time_us = event->time_us,
        .first = index,
        .end = index + 1,
        .steps = steps,
        .entries = event->entry_allowed ? steps : 0,
        .common = seen ? steps : general->scope.step_mask,
        .in_scope = seen && rule->order == FUNNEL_ORDER_STRICT,
        .hits = event->hits,
        .several = (steps & (steps - 1)) != 0,
    };
}

/// Cuts the events into blocks; true where each is a block by itself.
static bool cut_blocks(struct general *general)
{
    const struct match_scope *scope = &general->scope;
    uint32_t count = scope->event_count;
    bool single = true;
    general->block_count = 0;
    for (uint32_t index = 0; index < count;) {
        struct general_block *block = &general->blocks[general->block_count];
        uint32_t end = match_block_end(scope, index);
        if (end == index + 1) {
            *block = single_block(general, index);
        } else {
            *block = (struct general_block){
                .time_us = scope->events[index].time_us, .first = index, .end = end};
            sum_up(general, block, false);
            single = false;
        }
        index = end;
        general->block_count += (block->steps | block->hits | block->in_scope) != 0;
    }
    return single;
}

/// True where times change: two events that are neither simultaneous nor further apart than the
/// tolerance, or are told apart by a sequence number.
static bool blurs(const struct general *general)
{
    const struct match_event *events = general->scope.events;
    int64_t tolerance_us = general->rule->tie_tolerance_us;
    for (uint32_t index = 1; tolerance_us > 0 && index < general->scope.event_count; index++) {
        int64_t apart_us = events[index].time_us - events[index - 1].time_us;
        if ((apart_us != 0 && apart_us <= tolerance_us) || events[index].ordered) {
            return true;
        }
    }
    return false;
}

/// A copy of the events, where blocks lose some or change their times.
static void copy_events(struct general *general)
{
    uint32_t count = general->scope.event_count;
    general->events = take_memory(general, (size_t)count + 1, sizeof(*general->events));
    general->origins = take_memory(general, (size_t)count + 1, sizeof(*general->origins));
    for (uint32_t index = 0; index < count; index++) {
        general->events[index] = general->scope.events[index];
        general->origins[index] = index;
    }
    general->scope.events = general->events;
}

void general_reserve(struct general *general)
{
    if (general->pairs != NULL) {
        return;
    }
    list_pairs(general);
    uint32_t step_count = general->rule->step_count;
    size_t each = (size_t)general->block_count + 1;
    uint32_t *states =
        take_memory(general, (step_count + general->pair_count) * each + each, sizeof(uint32_t));
    general->queues = take_memory(general, (size_t)general->pair_count + 1, sizeof(uint32_t *));
    for (uint32_t step = 0; step < step_count; step++) {
        general->starts[step] = states;
        states += each;
    }
    for (uint32_t pair = 0; pair < general->pair_count; pair++) {
        general->queues[pair] = states;
        states += each;
    }
    general->reached = states;
}

void general_init(struct general *general, struct general_space *space,
                  const struct match_rule *rule, const struct match_event *events,
                  uint32_t event_count)
{
    *general = (struct general){.rule = rule, .space = space};
    struct match_rule unrestricted = *rule;
    unrestricted.attempts = FUNNEL_ATTEMPTS_BEST;
    match_scope_init(&general->scope, &unrestricted, events, event_count);
    general->required = general->scope.step_mask & ~rule->optional;
    take_gaps(general);
    if (blurs(general)) {
        copy_events(general);
        blur_times(general);
    }
    general->blocks = take_memory(general, (size_t)event_count + 1, sizeof(*general->blocks));
    bool single = cut_blocks(general);
    if (!single && rule->attempts == FUNNEL_ATTEMPTS_ALL && general->events == NULL) {
        copy_events(general);
    }
    if (rule->order == FUNNEL_ORDER_ANY) {
        return;
    }
    general->line = single && rule->optional == 0;
    general->continued =
        take_memory(general, (size_t)general->block_count + 1, sizeof(*general->continued));
    if (!general->line || general->steep != 0) {
        general_reserve(general);
    }
}

void general_deinit(struct general *general)
{
    for (uint32_t i = 0; i < general->heap_count; i++) {
        memory_free(general->heaps[i]);
    }
}

void general_part(const struct general *general, uint32_t block, uint32_t active,
                  uint32_t *pair_marks, uint32_t *step_marks)
{
    const struct match_rule *rule = general->rule;
    for (uint32_t hits = general->blocks[block].hits & active; hits != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion = &rule->exclusions[__builtin_ctz(hits)];
        for (uint32_t pair = 0; pair < general->pair_count; pair++) {
            if (general->pairs[pair].from + 1u < exclusion->before &&
                general->pairs[pair].to + 1u > exclusion->after) {
                pair_marks[pair] = block;
            }
        }
    }
    for (uint32_t step = 0; general->blocks[block].in_scope > 0 && step < rule->step_count;
         step++) {
        step_marks[step] = general_passes(general, block, step) ? step_marks[step] : block;
    }
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
    bool copies = rule->tie_tolerance_us > 0 || rule->attempts == FUNNEL_ATTEMPTS_ALL;
    bytes += copies ? sizeof(struct match_event) + sizeof(uint32_t) : 0;
    if (rule->order != FUNNEL_ORDER_ANY) {
        uint64_t optional = (uint64_t)__builtin_popcount(rule->optional);
        uint64_t pairs = rule->step_count + optional * rule->step_count;
        bytes += (rule->step_count + pairs + 2) * sizeof(uint32_t);
    }
    return ((uint64_t)event_count + 1) * bytes;
}
