// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer_histories.h"

#include "engine/query/query_cursor.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 256u

struct peer_histories {
    const struct peer_ask *ask;
    struct query_plan plan;
    struct query_tasks *tasks;
    struct query_cursor cursor;
    struct query_reading reading;
    struct query_slices slices;
    struct query_table names;
    uint32_t columns[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    peer_visit_function *visit;
    void *context;
    struct peer_event *events;
    uint32_t count;
    uint32_t capacity;
    int64_t last_sequence;
    uint64_t charged_bytes; ///< of value and name tables
};

static enum corong_status grow(struct peer_histories *histories, struct corong_error *error)
{
    uint32_t capacity = histories->capacity == 0 ? CAPACITY_MIN : histories->capacity * 2;
    uint64_t added = (uint64_t)(capacity - histories->capacity) * sizeof(*histories->events);
    TRY(query_tasks_charge(histories->tasks, added, "the events of one user", error));
    histories->events =
        memory_resize_array(histories->events, capacity, sizeof(*histories->events));
    histories->capacity = capacity;
    return CORONG_OK;
}

static enum corong_status look_up(struct peer_histories *histories, struct query_source *source,
                                  uint32_t row, struct peer_event *event,
                                  struct corong_error *error)
{
    if (histories->slices.count > 0) {
        const struct row_group *rows;
        TRY(query_source_look(source, source->group, &rows, error));
        TRY(query_slices_at(&histories->slices, source, rows, row, &event->value, error));
    }
    if (histories->ask->names) {
        uint32_t code = query_source_name(source, row);
        event->name =
            query_table_number(&histories->names, dictionary_text(source->segment->names, code));
    }
    return CORONG_OK;
}

static enum corong_status add_row(struct peer_histories *histories, struct query_source *source,
                                  uint32_t row, uint32_t stages, struct corong_error *error)
{
    if (histories->count == histories->capacity) {
        TRY(grow(histories, error));
    }
    int64_t time_us = query_source_time(source, row);
    int64_t sequence = source->sequences == NULL ? 0 : source->sequences[row];
    bool same_time =
        histories->count > 0 && histories->events[histories->count - 1].time_us == time_us;
    struct peer_event event = {.time_us = time_us,
                               .stages = stages,
                               .ordered = same_time && sequence != histories->last_sequence};
    TRY(look_up(histories, source, row, &event, error));
    histories->last_sequence = sequence;
    histories->events[histories->count++] = event;
    return CORONG_OK;
}

static enum corong_status take_run(void *context, struct query_source *source, uint32_t begin,
                                   uint32_t end, struct corong_error *error)
{
    struct peer_histories *histories = context;
    const struct query_range *rows = &histories->plan.ask.rows;
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        uint32_t stages = (uint32_t)query_source_steps(source, row);
        if (stages != 0 && time_us >= rows->from_us && time_us <= rows->to_us &&
            time_us <= histories->plan.as_of_us) {
            TRY(add_row(histories, source, row, stages, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status visit_user(struct peer_histories *histories, struct text id,
                                     uint8_t user_namespace, struct corong_error *error)
{
    struct peer_history history = {.user_namespace = user_namespace,
                                   .user_id = id,
                                   .events = histories->events,
                                   .count = histories->count};
    TRY(histories->visit(histories->context, histories, &history, error));
    uint64_t bytes = query_slices_bytes(&histories->slices) + query_table_bytes(&histories->names);
    uint64_t grown = bytes - histories->charged_bytes;
    histories->charged_bytes = bytes;
    return query_tasks_charge(histories->tasks, grown, "the values of users", error);
}

static enum corong_status take_user(struct peer_histories *histories, struct text_buffer *id,
                                    struct corong_error *error)
{
    const struct query_source *source = &histories->cursor.sources[histories->cursor.parts[0]];
    const struct row_group *rows = &source->rows;
    uint32_t start = rows->id_offsets[source->user];
    uint8_t user_namespace = rows->user_flags[source->user] & USER_NAMESPACE_MASK;
    text_buffer_reset(id);
    text_buffer_append(id, rows->id_bytes + start, rows->id_offsets[source->user + 1] - start);
    histories->count = 0;
    TRY(query_cursor_rows(&histories->cursor, take_run, histories, error));
    struct text user_id = {id->bytes == NULL ? "" : id->bytes, id->size};
    return histories->count == 0 ? CORONG_OK
                                 : visit_user(histories, user_id, user_namespace, error);
}

static enum corong_status run_task(void *context, uint32_t worker, uint32_t index,
                                   struct corong_error *error)
{
    (void)worker;
    struct peer_histories *histories = context;
    struct text_buffer id = {0};
    enum corong_status status = query_cursor_seek(&histories->cursor, index, error);
    while (status == CORONG_OK && query_cursor_next(&histories->cursor)) {
        status = histories->cursor.possible == 0 ? query_cursor_skip(&histories->cursor, error)
                                                 : take_user(histories, &id, error);
    }
    text_buffer_deinit(&id);
    return status;
}

static enum corong_status bind(struct peer_histories *histories, struct store_snapshot *snapshot,
                               struct corong_error *error)
{
    const struct peer_ask *ask = histories->ask;
    const struct schema *schema = store_snapshot_schema(snapshot);
    for (uint32_t i = 0; i < ask->by_count; i++) {
        TRY_IN(query_plan_attribute(schema, ask->by[i], &histories->columns[i], error), error,
               "by");
    }
    struct query_ask plan_ask = {
        .steps = ask->stages,
        .step_count = ask->stage_count,
        .where = ask->where,
        .not_hidden = ask->not_hidden,
        .rows = ask->rows,
        .as_of_us = ask->as_of_us,
        .order = QUERY_ORDER_STEPS,
        .ids = true,
        .columns = histories->columns,
        .column_count = ask->by_count,
        .tasks = histories->tasks,
    };
    plan_ask.rows.to_us =
        ask->rows.to_us == QUERY_TIME_NONE ? INT64_MAX : query_time_add(ask->rows.to_us, -1);
    return query_plan_init(&histories->plan, snapshot, &plan_ask, 1, error);
}

enum corong_status peer_histories_run(struct store_snapshot *snapshot, const struct peer_ask *ask,
                                      peer_visit_function *visit, void *context,
                                      struct corong_error *error)
{
    struct peer_histories histories = {.ask = ask, .visit = visit, .context = context};
    struct query_limits limits = *ask->limits;
    limits.thread_count = 1;
    histories.tasks = query_tasks_create(&limits);
    enum corong_status status = bind(&histories, snapshot, error);
    if (status == CORONG_OK) {
        query_cursor_init(&histories.cursor, &histories.plan, histories.tasks, &histories.reading);
        query_slices_init(&histories.slices, &histories.plan, histories.columns, ask->by_count);
        status = query_tasks_run(histories.tasks, histories.plan.task_count, run_task, &histories,
                                 error);
        query_cursor_deinit(&histories.cursor);
        query_slices_deinit(&histories.slices);
        query_plan_deinit(&histories.plan);
    }
    query_table_deinit(&histories.names);
    memory_free(histories.events);
    query_tasks_destroy(histories.tasks);
    return status;
}

struct text *peer_histories_texts(const struct peer_histories *histories, uint32_t value,
                                  struct arena *arena)
{
    return query_slices_texts(&histories->slices, value, arena);
}

struct text peer_histories_name(const struct peer_histories *histories, uint32_t name)
{
    return histories->names.keys[name];
}

enum corong_status peer_histories_charge(struct peer_histories *histories, uint64_t bytes,
                                         struct corong_error *error)
{
    return query_tasks_charge(histories->tasks, bytes, "what is kept of users", error);
}
