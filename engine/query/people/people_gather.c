// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_gather.h"

#include "engine/query/people/people_value.h"

enum corong_status people_gather_plan_init(struct people_gather_plan *plan,
                                           struct store_snapshot *snapshot,
                                           const struct text *names, uint32_t count,
                                           int64_t as_of_us, struct query_tasks *tasks,
                                           struct corong_error *error)
{
    *plan = (struct people_gather_plan){0};
    for (uint32_t i = 0; i < count; i++) {
        TRY_IN(query_plan_attribute(store_snapshot_schema(snapshot), names[i], &plan->columns[i],
                                    error),
               error, "gather");
    }
    if (count == 0) {
        return CORONG_OK;
    }
    struct query_ask ask = {
        .rows = {INT64_MIN, INT64_MAX},
        .as_of_us = as_of_us,
        .order = QUERY_ORDER_ALL,
        .every_row = true,
        .columns = plan->columns,
        .column_count = count,
        .tasks = tasks,
    };
    TRY(query_plan_init(&plan->plan, snapshot, &ask, 1, error));
    plan->count = count;
    return CORONG_OK;
}

void people_gather_plan_deinit(struct people_gather_plan *plan)
{
    if (plan->count > 0) {
        query_plan_deinit(&plan->plan);
    }
    plan->count = 0;
}

void people_gather_init(struct people_gather *gather, const struct people_gather_plan *plan,
                        struct query_tasks *tasks)
{
    *gather = (struct people_gather){.plan = plan};
    if (plan->count > 0) {
        people_walk_init(&gather->walk, &plan->plan, tasks, NULL);
    }
}

void people_gather_deinit(struct people_gather *gather)
{
    people_walk_deinit(&gather->walk);
    arena_deinit(&gather->arena);
}

static void note(struct people_gathered *gathered, struct text value)
{
    if (value.bytes == NULL) {
        return;
    }
    for (uint32_t i = 0; i < gathered->count; i++) {
        if (text_equal(gathered->values[i], value)) {
            return;
        }
    }
    if (gathered->count == PEOPLE_GATHERED_VALUE_COUNT_MAX) {
        gathered->more = true;
        return;
    }
    gathered->values[gathered->count++] = value;
}

static enum corong_status take_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    struct people_gather *gather = context;
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        if (time_us < gather->from_us || time_us > gather->to_us) {
            continue;
        }
        const struct row_group *rows;
        TRY(query_source_look(source, source->group, &rows, error));
        for (uint32_t i = 0; i < gather->plan->count; i++) {
            struct text value;
            TRY(people_value(source, rows, gather->plan->columns[i], row, &gather->arena, &value,
                             error));
            note(&gather->gathered[i], value);
        }
    }
    return CORONG_OK;
}

enum corong_status people_gather_between(struct people_gather *gather, struct hash128 key,
                                         int64_t from_us, int64_t to_us,
                                         struct people_gathered *gathered_out,
                                         struct corong_error *error)
{
    if (gather->plan->count == 0) {
        return CORONG_OK;
    }
    arena_reset(&gather->arena);
    gather->gathered = gathered_out;
    gather->from_us = from_us;
    gather->to_us = to_us;
    for (uint32_t i = 0; i < gather->plan->count; i++) {
        gathered_out[i].count = 0;
        gathered_out[i].more = false;
    }
    return people_walk_user(&gather->walk, key, take_rows, gather, error);
}
