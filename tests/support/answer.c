// SPDX-License-Identifier: Apache-2.0
#include "tests/support/answer.h"

#include <stdio.h>

#define STEP_COUNT 3
#define DAY_US INT64_C(86400000000)
#define FIRST_DAY_US INT64_C(1767312000000000) // 2026-01-02

static const char *const STEP_NAMES[STEP_COUNT] = {"visit", "cart", "order"};

static void fill_slice(struct answer *answer, struct query_slice *slice, uint64_t entered)
{
    slice->won = entered / 100;
    slice->open = entered * 29 / 100;
    slice->lost = entered - slice->won - slice->open;
    slice->steps = arena_allocate_zeroed(&answer->arena, STEP_COUNT, sizeof(slice->steps[0]));
    for (uint32_t index = 0; index < STEP_COUNT; index++) {
        struct query_step *step = &slice->steps[index];
        step->name = text_from(STEP_NAMES[index]);
        step->reached = index == 0 ? entered : slice->steps[index - 1].reached / 10;
        if (index > 0) {
            step->from_previous = (struct query_durations){
                step->reached, 15e6, {1e6, 12.4e6, 30e6, 40e6, 50e6}, 0, 60000000, {0}};
            step->from_entry = step->from_previous;
        }
    }
    slice->steps[0].dropped = entered - entered / 10;
    slice->steps[0].open = entered * 25 / 100;
    slice->steps[0].lost = slice->steps[0].dropped - slice->steps[0].open;
    slice->steps[1].dropped = entered / 10 - entered / 100;
    slice->steps[1].open = entered * 4 / 100;
    slice->steps[1].lost = slice->steps[1].dropped - slice->steps[1].open;
}

static void add_money(struct answer *answer)
{
    struct query_step *order = &answer->result.total.steps[STEP_COUNT - 1];
    order->money = arena_allocate_zeroed(&answer->arena, 1, sizeof(order->money[0]));
    order->money[0] = (struct query_money){TEXT_LITERAL("EUR"), 12345000, 2, 0, 0};
    order->money_count = 1;
}

static void add_slices(struct answer *answer)
{
    struct query_funnel_result *result = &answer->result;
    result->slices = arena_allocate_zeroed(&answer->arena, 2, sizeof(result->slices[0]));
    result->slice_count = 2;
    fill_slice(answer, &result->slices[0], 600);
    fill_slice(answer, &result->slices[1], 300);
    for (uint32_t index = 0; index < 2; index++) {
        result->slices[index].values =
            arena_allocate_zeroed(&answer->arena, 1, sizeof(struct text));
    }
    result->slices[0].values[0] = TEXT_LITERAL("D\x1b"
                                               "E");
    result->has_other = true;
    result->other_slice_count = 3;
    fill_slice(answer, &result->other, 100);
}

static void add_days(struct answer *answer)
{
    static const int64_t OFFSETS[] = {0, 1, 3};
    struct query_funnel_result *result = &answer->result;
    result->days = arena_allocate_zeroed(&answer->arena, 3, sizeof(result->days[0]));
    result->day_count = 3;
    for (uint32_t day = 0; day < 3; day++) {
        result->days[day].day_start_us = FIRST_DAY_US + OFFSETS[day] * DAY_US;
        result->days[day].reached =
            arena_allocate_zeroed(&answer->arena, STEP_COUNT, sizeof(uint64_t));
        result->days[day].reached[0] = 100 * (day + 1);
    }
}

static void add_provenance(struct answer *answer)
{
    struct query_provenance *provenance = &answer->result.provenance;
    snprintf(provenance->definition_hash, sizeof(provenance->definition_hash), "%032d", 1);
    snprintf(provenance->result_digest, sizeof(provenance->result_digest), "%032d", 2);
    snprintf(provenance->store_digest, sizeof(provenance->store_digest), "%032d", 3);
    provenance->as_of_us = FIRST_DAY_US + 3 * DAY_US;
    provenance->rows_stored = 123456;
    provenance->events_read = 2345;
    provenance->complete = true;
}

void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    struct funnel *funnel = &answer->query.funnel;
    funnel->name = TEXT_LITERAL("checkout");
    funnel->steps = arena_allocate_zeroed(&answer->arena, STEP_COUNT, sizeof(funnel->steps[0]));
    funnel->step_count = STEP_COUNT;
    funnel->window_us = FUNNEL_WINDOW_DEFAULT_US;
    for (uint32_t index = 0; index < STEP_COUNT; index++) {
        funnel->steps[index].name = text_from(STEP_NAMES[index]);
    }
    answer->query.range = (struct query_range){QUERY_TIME_NONE, QUERY_TIME_NONE};
    answer->query.as_of_us = QUERY_TIME_NONE;
    answer->query.by[0] = TEXT_LITERAL("country");
    answer->query.by_count = 1;
    fill_slice(answer, &answer->result.total, 1000);
    add_money(answer);
    add_slices(answer);
    add_days(answer);
    add_provenance(answer);
}

void answer_empty(struct answer *answer)
{
    answer->query.by_count = 0;
    answer->result = (struct query_funnel_result){.provenance = {.as_of_us = INT64_MIN}};
    fill_slice(answer, &answer->result.total, 0);
    for (uint32_t index = 0; index < STEP_COUNT; index++) {
        answer->result.total.steps[index].from_previous = (struct query_durations){0};
        answer->result.total.steps[index].from_entry = (struct query_durations){0};
    }
}

void answer_deinit(struct answer *answer)
{
    arena_deinit(&answer->arena);
}
