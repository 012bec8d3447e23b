// SPDX-License-Identifier: Apache-2.0
/// One person: the question's own pass over this user's key, then each event told.
#include "engine/query/people/people_attempt.h"
#include "engine/query/people/people_because.h"
#include "engine/query/people/people_gather.h"
#include "engine/query/people/people_value.h"
#include "engine/query/query_funnel.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>

/// A reported attempt and where its events are.
struct trace_attempt {
    struct people_attempt shown;
    uint64_t places[FUNNEL_STEP_COUNT_MAX];
};

struct trace_run {
    const struct people_trace *query;
    struct store_snapshot *snapshot;
    struct query_tasks *tasks;
    struct query_funnel_asked asked;
    struct query_plan plan;
    struct query_ask ask;
    struct query_units units;
    struct people_fill fill;
    struct people_history history;
    struct people_gather_plan gathering;
    struct people_gather gather;
    struct people_because_rule rule;
    struct arena arena;
    struct trace_attempt **attempts;
    uint32_t attempt_capacity;
    struct people_trace_result result;
    const struct people_trace_visitor *visitor;
    struct arena scratch; ///< of the event in hand
};

static struct text copy(struct trace_run *run, struct text text)
{
    return arena_copy_text(&run->arena, text);
}

/// Copies what people_attempt_fill() gives only for a moment.
static void keep_unit(struct trace_run *run, struct people_unit *unit)
{
    unit->user_id = copy(run, unit->user_id);
    for (uint32_t i = 0; i < run->query->funnel->by_count; i++) {
        unit->values[i] = copy(run, unit->values[i]);
    }
    for (uint32_t i = 0; i < run->ask.unit_column_count; i++) {
        unit->unit_values[i] = copy(run, unit->unit_values[i]);
    }
    struct query_money *money =
        arena_allocate(&run->arena, ((size_t)unit->money_count + 1) * sizeof(*money));
    for (uint32_t i = 0; i < unit->money_count; i++) {
        money[i] = unit->money[i];
        money[i].currency = copy(run, money[i].currency);
    }
    unit->money = money;
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct trace_run *run = context;
    uint32_t count = run->result.attempt_count;
    TRY(query_tasks_charge(run->tasks, sizeof(struct trace_attempt) + sizeof(void *),
                           "the attempts of one person", error));
    if (count == run->attempt_capacity) {
        run->attempt_capacity = count == 0 ? 16 : count * 2;
        run->attempts = memory_resize_array(run->attempts, run->attempt_capacity,
                                            sizeof(struct trace_attempt *));
    }
    struct trace_attempt *kept = arena_allocate_zeroed(&run->arena, 1, sizeof(*kept));
    TRY(people_attempt_fill(&run->fill, units, attempt, &kept->shown.unit, error));
    keep_unit(run, &kept->shown.unit);
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if (kept->shown.unit.made >> k & 1) {
            kept->places[k] = people_walk_place(&run->plan, attempt->places[k]);
        }
    }
    run->attempts[count] = kept;
    run->result.attempt_count++;
    return CORONG_OK;
}

static int compare_ids(const void *left, const void *right)
{
    const struct people_id *a = left;
    const struct people_id *b = right;
    return a->user_namespace != b->user_namespace ? a->user_namespace - b->user_namespace
                                                  : text_compare(a->id, b->id);
}

/// All ids of a person who has several.
static void list_ids(struct trace_run *run)
{
    const struct identity_view *view = run->plan.identity;
    const struct identity_person *person = identity_person_at(view, run->history.key);
    if (person == NULL) {
        return;
    }
    uint32_t number = (uint32_t)(person - view->resolution.persons);
    struct people_trace_result *result = &run->result;
    result->ids =
        arena_allocate_zeroed(&run->arena, IDENTITY_PERSON_ID_COUNT_MAX, sizeof(*result->ids));
    result->ids[result->id_count++] = (struct people_id){0, person->id};
    for (uint32_t i = 0; i < view->resolution.member_count; i++) {
        const struct identity_member *member = &view->resolution.members[i];
        if (member->person == number) {
            ASSERT(result->id_count < IDENTITY_PERSON_ID_COUNT_MAX);
            result->ids[result->id_count++] =
                (struct people_id){member->user_namespace, member->id};
        }
    }
    qsort(result->ids + 1, result->id_count - 1, sizeof(*result->ids), compare_ids);
}

/// The question's answer for this user alone.
static enum corong_status ask_question(struct trace_run *run, struct corong_error *error)
{
    const struct query_funnel *funnel = run->query->funnel;
    TRY(query_plan_init(&run->plan, run->snapshot, &run->ask, 1, error));
    run->history.key = identity_key(run->plan.identity, run->history.key);
    list_ids(run);
    people_walk_narrow(&run->plan, run->history.key);
    query_units_init(&run->units, &run->plan, funnel, run->tasks, report, run);
    run->fill.query = funnel;
    query_attribution_init(&run->fill.attribution, funnel, run->asked.columns);
    return run->plan.task_count == 0 ? CORONG_OK : query_units_task(&run->units, 0, error);
}

static int compare_attempts(const void *left, const void *right)
{
    const struct trace_attempt *a = *(struct trace_attempt *const *)left;
    const struct trace_attempt *b = *(struct trace_attempt *const *)right;
    int64_t order = a->shown.unit.entry_us - b->shown.unit.entry_us;
    return order < 0 ? -1 : order > 0;
}

/// Marks the events that fill steps.
static void mark(struct trace_run *run, uint32_t index)
{
    const struct trace_attempt *attempt = run->attempts[index];
    bool first = true;
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if ((attempt->shown.unit.made >> k & 1) == 0) {
            continue;
        }
        struct people_record *record =
            people_history_find(&run->history, attempt->shown.unit.matched_us[k],
                                run->query->funnel->funnel.tie_tolerance_us, attempt->places[k]);
        ASSERT(record != NULL);
        record->reported = index + 1;
        record->step = attempt->shown.unit.steps[k];
        record->entry = first;
        first = false;
    }
}

static void set_rule(struct trace_run *run)
{
    const struct query_funnel *funnel = run->query->funnel;
    run->rule = (struct people_because_rule){
        .query = funnel,
        .entries = funnel->range,
        .as_of_us = run->plan.as_of_us,
        .in_sessions = run->units.in_sessions,
        .attempts = run->result.attempts,
        .attempt_count = run->result.attempt_count,
    };
    if (funnel->range.to_us == QUERY_TIME_NONE) {
        run->rule.entries.to_us = INT64_MAX;
    }
    run->rule.end_us = run->units.end_us;
}

/// Until when an open attempt of this person may convert at the latest.
static int64_t open_until(const struct trace_run *run)
{
    const struct people_history *history = &run->history;
    int64_t entry_us = INT64_MIN;
    int64_t last_us = INT64_MIN;
    for (uint32_t i = 0; i < history->count; i++) {
        const struct people_record *record = &history->records[i];
        bool entry = record->attempt != 0;
        entry_us = entry ? record->time_us : entry_us;
        last_us = record->session != 0 ? record->time_us : last_us;
    }
    int64_t until_us = query_time_add(entry_us, run->query->funnel->funnel.window_us);
    if (run->rule.in_sessions) {
        int64_t session_us = query_time_add(last_us, history->session.timeout_us);
        until_us = session_us < until_us ? session_us : until_us;
    }
    if (run->rule.end_us != INT64_MAX && until_us >= run->rule.end_us) {
        until_us = run->rule.end_us - 1;
    }
    return until_us;
}

static void place_attempts(struct trace_run *run)
{
    struct people_trace_result *result = &run->result;
    uint32_t count = result->attempt_count;
    if (count > 0) {
        qsort(run->attempts, count, sizeof(struct trace_attempt *), compare_attempts);
    }
    result->attempts = arena_allocate_zeroed(&run->arena, count + 1, sizeof(*result->attempts));
    for (uint32_t i = 0; i < count; i++) {
        mark(run, i);
        result->attempts[i] = run->attempts[i]->shown;
    }
    set_rule(run);
    result->opened_count = people_because_number(&run->rule, &run->history);
    for (uint32_t i = 0; i < run->history.count; i++) {
        const struct people_record *record = &run->history.records[i];
        if (record->reported != 0 && record->entry) {
            result->attempts[record->reported - 1].number = record->attempt;
            result->attempts[record->reported - 1].session = record->session;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        result->attempts[i].open_until_us = result->attempts[i].unit.open ? open_until(run) : 0;
    }
}

static enum corong_status gather_attempts(struct trace_run *run, struct corong_error *error)
{
    uint32_t count = run->gathering.count;
    for (uint32_t i = 0; i < run->result.attempt_count && run->gathering.walks; i++) {
        struct people_unit *unit = &run->result.attempts[i].unit;
        TRY(people_gather_between(&run->gather, run->history.key, unit->entry_us,
                                  people_attempt_end(unit), unit->gathered, error));
        unit->session_us = run->gather.session.start_us;
        for (uint32_t g = 0; g < count; g++) {
            for (uint32_t v = 0; v < unit->gathered[g].count; v++) {
                unit->gathered[g].values[v] = copy(run, unit->gathered[g].values[v]);
            }
        }
    }
    return CORONG_OK;
}

static enum corong_status tell_row(struct trace_run *run, struct query_source *source, uint32_t row,
                                   struct corong_error *error)
{
    uint32_t index = run->history.next++;
    const struct people_record *record = &run->history.records[index];
    const struct row_group *rows;
    struct people_event event = {.time_us = record->time_us, .session = record->session};
    arena_reset(&run->scratch);
    event.name = dictionary_text(source->segment->names, query_source_name(source, row));
    if (record->label != 0) {
        event.label = run->query->stages[record->label - 1].name;
    }
    people_because_tell(&run->rule, &run->history, index, &event);
    for (uint32_t g = 0; g < run->gathering.count; g++) {
        TRY(query_source_look(source, source->group, &rows, error));
        TRY(people_value(source, rows, run->gathering.columns[g], row, &run->scratch,
                         &event.values[g], error));
    }
    return run->visitor->event(run->visitor->context, &event, error);
}

static enum corong_status tell_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    for (uint32_t row = begin; row < end; row++) {
        TRY(tell_row(context, source, row, error));
    }
    return CORONG_OK;
}

static enum corong_status tell_events(struct trace_run *run, struct corong_error *error)
{
    struct query_ask ask = {
        .names = true, .columns = run->gathering.columns, .column_count = run->gathering.count};
    return people_history_walk(&run->history, ask, tell_rows, run, error);
}

static void digest_unit(struct text_buffer *out, const struct people_attempt *attempt)
{
    const struct people_unit *unit = &attempt->unit;
    query_digest_integer(out, "attempt", attempt->number);
    query_digest_integer(out, "level", unit->level);
    query_digest_integer(out, "open", unit->open);
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if (unit->made >> k & 1) {
            query_digest_integer(out, "matched", unit->matched_us[k]);
        }
    }
}

static void seal(struct trace_run *run, int64_t start_us)
{
    struct query_work work = {.start_us = start_us, .thread_count = 1};
    struct people_trace_result *result = &run->result;
    query_units_add_work(&run->units, &work);
    query_digest_provenance(&run->plan, run->snapshot, &work, &result->provenance);
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    query_digest_text(&definition, "question", TEXT_LITERAL("trace"));
    query_funnel_describe(run->query->funnel, &definition);
    query_digest_integer(&definition, "namespace", result->user_namespace);
    query_digest_text(&definition, "user", run->query->user_id);
    text_buffer_append_u64(&bytes, result->event_count);
    for (uint32_t i = 0; i < result->attempt_count; i++) {
        digest_unit(&bytes, &result->attempts[i]);
    }
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static enum corong_status trace(struct trace_run *run, struct corong_error *error)
{
    const struct people_trace *query = run->query;
    int64_t start_us = clock_monotonic_us();
    TRY(ask_question(run, error));
    TRY(people_history_read(&run->history, &run->ask, error));
    TRY(people_history_label(&run->history, query->stages, query->stage_count, error));
    run->result.event_count = run->history.count;
    run->result.found = run->history.count > 0;
    place_attempts(run);
    TRY(people_gather_plan_init(&run->gathering, run->snapshot, query->gather, query->gather_count,
                                query->funnel, run->tasks, error));
    people_gather_init(&run->gather, &run->gathering, run->tasks);
    TRY(gather_attempts(run, error));
    seal(run, start_us);
    TRY(run->visitor->begin(run->visitor->context, &run->result, error));
    TRY(tell_events(run, error));
    return run->visitor->end == NULL ? CORONG_OK : run->visitor->end(run->visitor->context, error);
}

enum corong_status people_trace_run(struct store_snapshot *snapshot,
                                    const struct people_trace *query, uint8_t user_namespace,
                                    const struct people_trace_visitor *visitor,
                                    struct corong_error *error)
{
    struct trace_run run = {.query = query, .snapshot = snapshot, .visitor = visitor};
    TRY(query_funnel_ask(snapshot, query->funnel, &run.asked, &run.ask, error));
    struct query_limits limits = query->funnel->limits;
    limits.thread_count = 1;
    run.tasks = query_tasks_create(&limits);
    run.ask.tasks = run.tasks;
    run.ask.ids = true;
    run.result.user_namespace = user_namespace;
    run.history = (struct people_history){
        .snapshot = snapshot,
        .tasks = run.tasks,
        .key = hash_user(store_snapshot_secret(snapshot), user_namespace, query->user_id),
        .as_of_us = query->funnel->as_of_us,
        .session = {.timeout_us = query->funnel->session_timeout_us == 0
                                      ? SESSION_TIMEOUT_DEFAULT_US
                                      : query->funnel->session_timeout_us},
    };
    enum corong_status status = trace(&run, error);
    if (run.units.plan != NULL) {
        query_units_deinit(&run.units);
        query_plan_deinit(&run.plan);
    }
    people_gather_deinit(&run.gather);
    people_gather_plan_deinit(&run.gathering);
    people_history_deinit(&run.history);
    arena_deinit(&run.fill.arena);
    arena_deinit(&run.arena);
    arena_deinit(&run.scratch);
    memory_free(run.attempts);
    query_tasks_destroy(run.tasks);
    return status;
}
