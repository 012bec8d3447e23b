// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer_gather.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <string.h>

static enum corong_status check(const struct peer_posthog *question, struct corong_error *error)
{
    const struct funnel *funnel = &question->query->funnel;
    bool any = funnel->order == FUNNEL_ORDER_ANY;
    if (any && question->query->by_count > 0 && question->attribution == PEER_STEP &&
        question->attribution_step != 0) {
        return error_set(error, CORONG_INVALID,
                         "PostHog names the groups of an unordered funnel "
                         "by the first step only");
    }
    for (uint32_t i = 0; any && i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        if (exclusion->after != 1 || exclusion->before != funnel->step_count) {
            return error_set(error, CORONG_INVALID,
                             "an exclusion of PostHog's unordered funnels "
                             "spans all steps: 1 to %u",
                             funnel->step_count);
        }
    }
    if (question->attribution_step >= funnel->step_count ||
        question->from_step >= funnel->step_count || question->to_step >= funnel->step_count) {
        return error_set(error, CORONG_INVALID, "the funnel has %u steps", funnel->step_count);
    }
    return CORONG_OK;
}

static uint32_t add_stage(struct peer_gather *gather, const struct stage *stage, bool hidden)
{
    uint32_t bit = UINT32_C(1) << gather->stage_count;
    gather->not_hidden |= hidden ? 0 : bit;
    gather->stages[gather->stage_count++] = *stage;
    return bit;
}

/// Further bits: rows that only strictness or correlation sees, and names whose first row counts.
static void add_extra(struct peer_gather *gather)
{
    const struct peer_posthog *question = gather->question;
    const struct funnel *funnel = &question->query->funnel;
    struct stage every = {.name = TEXT_LITERAL("every event"), .where = TEXT_MISSING};
    if (funnel->order == FUNNEL_ORDER_STRICT) {
        gather->bits.seen |= add_stage(gather, &every, true);
    }
    if (question->view == PEER_CORRELATION) {
        gather->bits.every = add_stage(gather, &every, false);
    }
    for (uint32_t k = 0; k < funnel->step_count; k++) {
        if ((question->first_time >> k & 1) != 0) {
            struct stage name = funnel->steps[k];
            name.where = TEXT_MISSING;
            gather->bits.first[k] = add_stage(gather, &name, false);
        } else if ((question->first_matching >> k & 1) != 0) {
            gather->bits.first[k] = UINT32_C(1) << k;
        }
    }
}

enum corong_status peer_gather_init(struct peer_gather *gather, const struct peer_posthog *question,
                                    struct corong_error *error)
{
    const struct funnel *funnel = &question->query->funnel;
    *gather = (struct peer_gather){.question = question};
    uint32_t stages = funnel->step_count + funnel->exclusion_count + 2 +
                      (uint32_t)__builtin_popcount(question->first_time);
    if (funnel->step_count == 0 || stages > FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_INVALID,
                         "PostHog's rules ask for %u conditions on an event, at most %u", stages,
                         FUNNEL_STEP_COUNT_MAX);
    }
    TRY(check(question, error));
    for (uint32_t k = 0; k < funnel->step_count; k++) {
        gather->bits.steps |= add_stage(gather, &funnel->steps[k], true);
    }
    gather->bits.seen = gather->bits.steps;
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        gather->bits.seen |= add_stage(gather, &exclusion->stage, true);
        gather->bits.forbids[i] = posthog_forbids(exclusion->after, exclusion->before);
    }
    add_extra(gather);
    return CORONG_OK;
}

void peer_gather_deinit(struct peer_gather *gather)
{
    memory_free(gather->events);
    memory_free(gather->value_of_slice);
    memory_free(gather->has_text);
    query_table_deinit(&gather->values);
}

static uint32_t new_value(struct peer_gather *gather, const struct text *texts)
{
    struct text_buffer key = {0};
    bool some = false;
    for (uint32_t i = 0; i < gather->question->query->by_count; i++) {
        struct text text = texts[i].bytes == NULL ? TEXT_LITERAL("") : texts[i];
        text_buffer_append_sized(&key, text);
        some |= text.size > 0;
    }
    uint32_t value = query_table_number(&gather->values, (struct text){key.bytes, key.size});
    text_buffer_deinit(&key);
    while (value >= gather->value_capacity) {
        gather->value_capacity = gather->value_capacity == 0 ? 64 : gather->value_capacity * 2;
        gather->has_text = memory_resize_array(gather->has_text, gather->value_capacity,
                                               sizeof(*gather->has_text));
    }
    gather->has_text[value] = some;
    return value;
}

static uint32_t value_at(struct peer_gather *gather, const struct peer_histories *histories,
                         uint32_t slice)
{
    if (slice >= gather->slice_capacity) {
        uint32_t capacity = slice < 32 ? 64 : slice * 2;
        gather->value_of_slice =
            memory_resize_array(gather->value_of_slice, capacity, sizeof(*gather->value_of_slice));
        memset(gather->value_of_slice + gather->slice_capacity, 0,
               (capacity - gather->slice_capacity) * sizeof(*gather->value_of_slice));
        gather->slice_capacity = capacity;
    }
    if (gather->value_of_slice[slice] == 0) {
        struct arena arena = {0};
        const struct text *texts = peer_histories_texts(histories, slice, &arena);
        gather->value_of_slice[slice] = new_value(gather, texts) + 1;
        arena_deinit(&arena);
    }
    return gather->value_of_slice[slice] - 1;
}

struct text *peer_gather_texts(const struct peer_gather *gather, uint32_t value,
                               struct arena *arena)
{
    uint32_t count = gather->question->query->by_count;
    struct text *texts = arena_allocate(arena, (count + 1) * sizeof(*texts));
    const char *at = gather->values.keys[value].bytes;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = bytes_load_u32(at);
        texts[i] = arena_copy_text(arena, (struct text){at + 4, size});
        at += 4 + size;
    }
    return texts;
}

/// The steps that a row may fill: one whose first row alone counts, only in that row.
static uint32_t steps_of(const struct peer_gather *gather, uint32_t stages, uint32_t *passed)
{
    uint32_t steps = stages & gather->bits.steps;
    for (uint32_t k = 0; k < gather->question->query->funnel.step_count; k++) {
        uint32_t first = gather->bits.first[k];
        if (first != 0 && (stages & first) != 0) {
            steps &= (*passed >> k & 1) != 0 ? ~(UINT32_C(1) << k) : UINT32_MAX;
            *passed |= UINT32_C(1) << k;
        }
    }
    return steps;
}

static uint32_t forbids_of(const struct peer_gather *gather, uint32_t stages)
{
    const struct funnel *funnel = &gather->question->query->funnel;
    uint32_t forbids = 0;
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        bool held = (stages >> (funnel->step_count + i) & 1) != 0;
        forbids |= held ? gather->bits.forbids[i] : 0;
    }
    return forbids;
}

static enum corong_status reserve(struct peer_gather *gather, struct peer_histories *histories,
                                  uint32_t count, struct corong_error *error)
{
    if (count <= gather->capacity) {
        return CORONG_OK;
    }
    // A copy of them is made where a breakdown takes each value by itself.
    uint64_t bytes = 2 * (uint64_t)(count - gather->capacity) * sizeof(*gather->events);
    TRY(peer_histories_charge(histories, bytes, error));
    gather->events = memory_resize_array(gather->events, count, 2 * sizeof(*gather->events));
    gather->capacity = count;
    return CORONG_OK;
}

enum corong_status peer_gather_user(struct peer_gather *gather, struct peer_histories *histories,
                                    const struct peer_history *history, struct corong_error *error)
{
    const struct peer_posthog *question = gather->question;
    uint32_t passed = 0;
    gather->count = 0;
    TRY(reserve(gather, histories, history->count, error));
    for (uint32_t i = 0; i < history->count; i++) {
        const struct peer_event *row = &history->events[i];
        uint32_t steps = steps_of(gather, row->stages, &passed);
        uint32_t others = row->stages & gather->bits.seen & ~gather->bits.steps;
        bool early = row->time_us < question->query->range.from_us;
        if (early || (steps == 0 && others == 0)) {
            continue;
        }
        gather->events[gather->count++] = (struct posthog_event){
            .time_us = row->time_us,
            .bucket_us = posthog_interval_start(question->interval, row->time_us),
            .steps = steps,
            .forbids = forbids_of(gather, row->stages),
            .value = question->query->by_count == 0 ? 0 : value_at(gather, histories, row->value),
        };
    }
    return CORONG_OK;
}
