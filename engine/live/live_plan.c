// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool can_follow(const struct funnel *funnel)
{
    return funnel->step_count > 0 && funnel->step_count <= FUNNEL_STEP_COUNT_MAX &&
           funnel_live_obstacle(funnel) == NULL;
}

static enum corong_status follow(struct live_plan *plan, const struct funnel *funnel,
                                 struct corong_error *error)
{
    struct live_followed *followed = &plan->followed[plan->followed_count++];
    bool sliced = funnel->live_slice.bytes != NULL;
    *followed = (struct live_followed){
        .funnel = funnel,
        .rule = {funnel->step_count, funnel->window_us, funnel->ties,
                 funnel->attempts == FUNNEL_ATTEMPTS_FIRST, sliced},
        .slice_column = sliced ? schema_find(plan->schema, funnel->live_slice) : -1,
        .filters = arena_allocate_zeroed(&plan->arena, funnel->step_count, sizeof(struct filter *)),
    };
    if (sliced && followed->slice_column < 0) {
        return error_set(error, CORONG_INVALID, "live attribute '%.*s' does not exist",
                         (int)funnel->live_slice.size, funnel->live_slice.bytes);
    }
    for (uint32_t i = 0; i < funnel->step_count; i++) {
        if (funnel->steps[i].where.bytes != NULL) {
            TRY_IN(filter_compile(&followed->filters[i], &plan->arena, funnel->steps[i].where,
                                  plan->schema, error),
                   error, "step %u", (unsigned)i + 1);
            followed->filter_steps |= UINT32_C(1) << i;
        }
    }
    return CORONG_OK;
}

static void note_column(struct live_plan *plan, uint32_t column)
{
    for (uint32_t i = 0; i < plan->column_count; i++) {
        if (plan->columns[i] == column) {
            return;
        }
    }
    plan->columns[plan->column_count++] = column;
}

static void note_columns(struct live_plan *plan)
{
    plan->columns =
        arena_allocate_zeroed(&plan->arena, plan->schema->column_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        const struct live_followed *followed = &plan->followed[i];
        if (followed->slice_column >= 0) {
            note_column(plan, (uint32_t)followed->slice_column);
        }
        for (uint32_t step = 0; step < followed->rule.step_count; step++) {
            const uint32_t *columns = NULL;
            uint32_t count = followed->filters[step] == NULL
                                 ? 0
                                 : filter_columns(followed->filters[step], &columns);
            for (uint32_t k = 0; k < count; k++) {
                note_column(plan, columns[k]);
            }
        }
    }
}

enum corong_status live_plan_init(struct live_plan *plan, const struct definitions *definitions,
                                  const struct schema *schema, struct corong_error *error)
{
    *plan = (struct live_plan){.schema = schema};
    // A link brings two users' events together, backwards too: such funnels are answered by asking.
    bool none = definitions == NULL || schema_has_links(schema);
    uint32_t funnel_count = none ? 0 : definitions->funnel_count;
    plan->followed =
        arena_allocate_zeroed(&plan->arena, funnel_count, sizeof(struct live_followed));
    for (uint32_t i = 0; i < funnel_count; i++) {
        const struct funnel *funnel = &definitions->funnels[i];
        enum corong_status status = can_follow(funnel) ? follow(plan, funnel, error) : CORONG_OK;
        if (status != CORONG_OK) {
            error_prepend(error, "funnel '%.*s'", (int)funnel->name.size, funnel->name.bytes);
            live_plan_deinit(plan);
            return status;
        }
    }
    note_columns(plan);
    return CORONG_OK;
}

uint32_t live_plan_state_size(const struct live_plan *plan)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        size += live_funnel_packed_size(&plan->followed[i].rule);
    }
    return size;
}

struct text live_plan_slice_text(enum column_type type, int64_t integer, char *buffer)
{
    int size = 0;
    double number;
    memcpy(&number, &integer, sizeof(number));
    bool missing = type == COLUMN_NUMBER ? (uint64_t)integer == COLUMN_NUMBER_MISSING_BITS
                                         : integer == COLUMN_INTEGER_MISSING;
    if (missing) {
        return TEXT_MISSING;
    }
    if (type == COLUMN_BOOLEAN) {
        size = snprintf(buffer, LIVE_PLAN_TEXT_SIZE, "%s", integer != 0 ? "true" : "false");
    } else if (type == COLUMN_INTEGER) {
        size = snprintf(buffer, LIVE_PLAN_TEXT_SIZE, "%" PRId64, integer);
    } else {
        size = snprintf(buffer, LIVE_PLAN_TEXT_SIZE, "%.12g", number);
    }
    return (struct text){buffer, (size_t)size};
}

void live_plan_deinit(struct live_plan *plan)
{
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        for (uint32_t step = 0; step < plan->followed[i].rule.step_count; step++) {
            filter_destroy(plan->followed[i].filters[step]);
        }
    }
    arena_deinit(&plan->arena);
    *plan = (struct live_plan){0};
}

static bool stage_has_name(const struct stage *stage, struct text name)
{
    for (uint32_t i = 0; i < stage->event_count; i++) {
        if (text_equal(stage->events[i], name)) {
            return true;
        }
    }
    return stage->event_count == 0;
}

uint32_t live_plan_name_steps(const struct live_followed *followed, struct text name)
{
    uint32_t steps = 0;
    for (uint32_t i = 0; i < followed->rule.step_count; i++) {
        if (stage_has_name(&followed->funnel->steps[i], name)) {
            steps |= UINT32_C(1) << i;
        }
    }
    return steps;
}

uint32_t live_plan_filter_steps(const struct live_followed *followed, uint32_t steps,
                                const union canonical_value *values, int64_t time_us)
{
    for (uint32_t left = steps & followed->filter_steps; left != 0; left &= left - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(left);
        if (!filter_matches_event(followed->filters[step], values, time_us)) {
            steps &= ~(UINT32_C(1) << step);
        }
    }
    return steps;
}
