// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_history.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 256u

void people_history_deinit(struct people_history *history)
{
    query_tasks_return(history->tasks, (uint64_t)history->capacity * sizeof(*history->records));
    memory_free(history->records);
    history->records = NULL;
}

/// What the person was at each event decides whether it may be an entry.
static void refuse_by_person(struct people_history *history)
{
    for (uint32_t i = 0; i < history->count; i++) {
        struct people_record *record = &history->records[i];
        record->refused =
            record->refused ||
            !query_history_allows(&history->person, record->time_us, record->sequence);
    }
}

enum corong_status people_history_walk(struct people_history *history, struct query_ask ask,
                                       query_run_function *run, void *context,
                                       struct corong_error *error)
{
    struct query_plan plan;
    struct people_walk walk;
    ask.rows = (struct query_range){INT64_MIN, INT64_MAX};
    ask.order = QUERY_ORDER_ALL;
    ask.every_row = true;
    ask.tasks = history->tasks;
    ask.as_of_us = history->as_of_us;
    TRY(query_plan_init(&plan, history->snapshot, &ask, 1, error));
    history->until_us = plan.as_of_us;
    history->next = 0;
    people_walk_init(&walk, &plan, history->tasks, people_walk_narrow(&plan, history->key));
    query_history_init(&history->person, &plan, history->tasks);
    enum corong_status status = people_walk_user(&walk, history->key, run, context, error);
    if (status == CORONG_OK && ask.where_user.bytes != NULL) {
        refuse_by_person(history);
    }
    query_history_deinit(&history->person);
    people_walk_deinit(&walk);
    query_plan_deinit(&plan);
    return status;
}

static enum corong_status grow(struct people_history *history, struct corong_error *error)
{
    uint32_t capacity = history->capacity == 0 ? CAPACITY_MIN : history->capacity * 2;
    uint64_t added = (uint64_t)(capacity - history->capacity) * sizeof(*history->records);
    TRY(query_tasks_charge(history->tasks, added, "the events of one person", error));
    history->records = memory_resize_array(history->records, capacity, sizeof(*history->records));
    history->capacity = capacity;
    return CORONG_OK;
}

static enum corong_status add_record(struct people_history *history,
                                     const struct query_source *source, uint32_t row,
                                     struct corong_error *error)
{
    if (history->count == history->capacity) {
        TRY(grow(history, error));
    }
    int64_t time_us = query_source_time(source, row);
    int64_t sequence = source->sequences == NULL ? 0 : source->sequences[row];
    const struct people_record *last =
        history->count == 0 ? NULL : &history->records[history->count - 1];
    bool same = last != NULL && last->time_us == time_us && history->last_sequence == sequence;
    uint32_t session = last == NULL ? 0 : last->session;
    if (time_us > history->until_us) {
        session = 0;
    } else if (query_session_step(&history->session, time_us)) {
        session++;
    }
    history->last_sequence = sequence;
    struct query_place place = {source->index, source->group, row};
    history->records[history->count] = (struct people_record){
        .time_us = time_us,
        .sequence = sequence,
        .place = people_walk_place(source->plan, place),
        .named = source->segment->steps_of_name[query_source_name(source, row)],
        .held = query_source_steps(source, row),
        .session = session,
        .instant = last == NULL ? 1 : last->instant + !same,
    };
    history->records[history->count].kept = history->records[history->count].held;
    history->count++;
    return CORONG_OK;
}

static enum corong_status add_rows(void *context, struct query_source *source, uint32_t begin,
                                   uint32_t end, struct corong_error *error)
{
    for (uint32_t row = begin; row < end; row++) {
        TRY(add_record(context, source, row, error));
    }
    return CORONG_OK;
}

static enum corong_status hide_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    (void)error;
    struct people_history *history = context;
    for (uint32_t row = begin; row < end; row++) {
        ASSERT(history->next < history->count);
        history->records[history->next++].kept = query_source_steps(source, row);
    }
    return CORONG_OK;
}

/// Rows that lose step 1 because they may not be entries.
static enum corong_status refuse_rows(void *context, struct query_source *source, uint32_t begin,
                                      uint32_t end, struct corong_error *error)
{
    struct people_history *history = context;
    uint32_t until = begin; // the person's values come from rows that the question can see
    for (uint32_t row = begin; row < end; row++) {
        struct people_record *record = &history->records[history->next++];
        record->refused = (record->held & ~query_source_steps(source, row) & 1) != 0;
        until = record->time_us <= history->until_us ? row + 1 : until;
    }
    return query_history_add(&history->person, source, begin, until, error);
}

enum corong_status people_history_read(struct people_history *history, const struct query_ask *ask,
                                       struct corong_error *error)
{
    struct query_ask steps = {
        .steps = ask->steps, .step_count = ask->step_count, .not_hidden = ask->not_hidden};
    TRY(people_history_walk(history, steps, add_rows, history, error));
    if (ask->where_entry.bytes != NULL || ask->where_user.bytes != NULL) {
        struct query_ask entries = steps;
        entries.where_entry = ask->where_entry;
        entries.entry_hides = true;
        entries.where_user = ask->where_user;
        TRY(people_history_walk(history, entries, refuse_rows, history, error));
    }
    if (ask->where.bytes == NULL) {
        return CORONG_OK;
    }
    steps.where = ask->where;
    return people_history_walk(history, steps, hide_rows, history, error);
}

static enum corong_status label_rows(void *context, struct query_source *source, uint32_t begin,
                                     uint32_t end, struct corong_error *error)
{
    (void)error;
    struct people_history *history = context;
    for (uint32_t row = begin; row < end; row++) {
        struct people_record *record = &history->records[history->next++];
        for (uint64_t bits = query_source_steps(source, row); bits != 0; bits &= bits - 1) {
            uint32_t stage = history->stage_base + (uint32_t)__builtin_ctzll(bits);
            if (record->label == 0 ||
                history->stages[stage].priority > history->stages[record->label - 1].priority) {
                record->label = stage + 1;
            }
        }
    }
    return CORONG_OK;
}

enum corong_status people_history_label(struct people_history *history, const struct stage *stages,
                                        uint32_t stage_count, struct corong_error *error)
{
    history->stages = stages;
    for (uint32_t base = 0; base < stage_count; base += FUNNEL_STEP_COUNT_MAX) {
        uint32_t left = stage_count - base;
        history->stage_base = base;
        struct query_ask ask = {.steps = stages + base,
                                .step_count =
                                    left < FUNNEL_STEP_COUNT_MAX ? left : FUNNEL_STEP_COUNT_MAX};
        TRY(people_history_walk(history, ask, label_rows, history, error));
    }
    return CORONG_OK;
}

struct people_record *people_history_find(const struct people_history *history, int64_t time_us,
                                          int64_t slack_us, uint64_t place)
{
    uint32_t low = 0;
    uint32_t high = history->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (history->records[middle].time_us < time_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < history->count && history->records[low].time_us - time_us <= slack_us; low++) {
        if (history->records[low].place == place) {
            return &history->records[low];
        }
    }
    return NULL;
}
