// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_gather.h"

#include "engine/query/people/people_value.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 64u

enum corong_status people_gather_plan_init(struct people_gather_plan *plan,
                                           struct store_snapshot *snapshot,
                                           const struct text *names, uint32_t count,
                                           const struct query_funnel *funnel,
                                           struct query_tasks *tasks, struct corong_error *error)
{
    *plan = (struct people_gather_plan){0};
    for (uint32_t i = 0; i < count; i++) {
        TRY_IN(query_plan_attribute(store_snapshot_schema(snapshot), names[i], &plan->columns[i],
                                    error),
               error, "gather");
    }
    plan->session_timeout_us =
        funnel->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : funnel->session_timeout_us;
    bool sessions = funnel->funnel.unit == FUNNEL_UNIT_SESSION;
    if (count == 0 && !sessions) {
        return CORONG_OK;
    }
    struct query_ask ask = {
        .rows = {INT64_MIN, INT64_MAX},
        .as_of_us = funnel->as_of_us,
        .order = QUERY_ORDER_ALL,
        .every_row = true,
        .columns = plan->columns,
        .column_count = count,
        .tasks = tasks,
    };
    TRY(query_plan_init(&plan->plan, snapshot, &ask, 1, error));
    plan->count = count;
    plan->walks = true;
    plan->sessions = sessions;
    return CORONG_OK;
}

void people_gather_plan_deinit(struct people_gather_plan *plan)
{
    if (plan->walks) {
        query_plan_deinit(&plan->plan);
    }
    plan->walks = false;
}

void people_gather_init(struct people_gather *gather, const struct people_gather_plan *plan,
                        struct query_tasks *tasks)
{
    *gather = (struct people_gather){.plan = plan};
    if (plan->walks) {
        people_walk_init(&gather->walk, &plan->plan, tasks, NULL);
    }
}

void people_gather_deinit(struct people_gather *gather)
{
    people_walk_deinit(&gather->walk);
    memory_free(gather->times_us);
    memory_free(gather->values);
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

static enum corong_status grow(struct people_gather *gather, struct corong_error *error)
{
    uint32_t capacity = gather->capacity == 0 ? CAPACITY_MIN : gather->capacity * 2;
    uint32_t values = gather->plan->count;
    uint64_t size = sizeof(*gather->times_us) + values * sizeof(*gather->values);
    TRY(query_tasks_charge(gather->walk.tasks, (capacity - gather->capacity) * size,
                           "the events of one user", error));
    gather->times_us = memory_resize_array(gather->times_us, capacity, sizeof(*gather->times_us));
    gather->values = memory_resize_array(gather->values, (size_t)capacity * (values + 1),
                                         sizeof(*gather->values));
    gather->capacity = capacity;
    return CORONG_OK;
}

/// Keeps the rows: a user may have several attempts.
static enum corong_status take_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    struct people_gather *gather = context;
    uint32_t count = gather->plan->count;
    const struct row_group *rows = NULL;
    if (count > 0 && end > begin) {
        TRY(query_source_look(source, source->group, &rows, error));
    }
    for (uint32_t row = begin; row < end; row++) {
        if (gather->row_count == gather->capacity) {
            TRY(grow(gather, error));
        }
        uint32_t at = gather->row_count++;
        gather->times_us[at] = query_source_time(source, row);
        for (uint32_t i = 0; i < count; i++) {
            TRY(people_value(source, rows, gather->plan->columns[i], row, &gather->arena,
                             &gather->values[(size_t)at * count + i], error));
        }
    }
    return CORONG_OK;
}

static enum corong_status keep_user(struct people_gather *gather, struct hash128 key,
                                    struct corong_error *error)
{
    if (gather->known && hash128_equal(gather->key, key)) {
        return CORONG_OK;
    }
    if (gather->known && hash128_compare(key, gather->key) < 0) {
        people_walk_restart(&gather->walk);
    }
    arena_reset(&gather->arena);
    gather->known = false;
    gather->row_count = 0;
    gather->key = key;
    TRY(people_walk_user(&gather->walk, key, take_rows, gather, error));
    gather->known = true;
    return CORONG_OK;
}

enum corong_status people_gather_between(struct people_gather *gather, struct hash128 key,
                                         int64_t from_us, int64_t to_us,
                                         struct people_gathered *gathered_out,
                                         struct corong_error *error)
{
    const struct people_gather_plan *plan = gather->plan;
    gather->session = (struct query_session_rule){.timeout_us = plan->session_timeout_us};
    if (!plan->walks) {
        return CORONG_OK;
    }
    TRY(keep_user(gather, key, error));
    for (uint32_t i = 0; i < plan->count; i++) {
        gathered_out[i].count = 0;
        gathered_out[i].more = false;
    }
    for (uint32_t row = 0; row < gather->row_count && gather->times_us[row] <= to_us; row++) {
        if (plan->sessions && gather->times_us[row] <= from_us) {
            query_session_step(&gather->session, gather->times_us[row]);
        }
        for (uint32_t i = 0; i < plan->count && gather->times_us[row] >= from_us; i++) {
            note(&gathered_out[i], gather->values[(size_t)row * plan->count + i]);
        }
    }
    return CORONG_OK;
}
