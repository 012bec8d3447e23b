// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer.h"
#include "engine/query/peer/peer_histories.h"
#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct pinot_run {
    const struct peer_pinot *question;
    struct pinot_rule rule;
    struct text columns[QUERY_SLICE_ATTRIBUTE_COUNT_MAX]; ///< GROUP BY, then CORRELATE_BY
    uint32_t column_count;
    const struct peer_history *history;
    uint32_t *order; ///< of the user's rows, those of one unit together
    struct pinot_row *rows;
    struct match_event *events;
    uint32_t capacity;
    struct query_table keys;         ///< of groups
    struct peer_pinot_group *groups; ///< by key number
    uint32_t group_capacity;
};

static struct peer_pinot_group *group_at(struct pinot_run *run, uint32_t number)
{
    if (number >= run->group_capacity) {
        uint32_t capacity = number < 8 ? 16 : number * 2;
        run->groups = memory_resize_array(run->groups, capacity, sizeof(*run->groups));
        memset(run->groups + run->group_capacity, 0,
               (capacity - run->group_capacity) * sizeof(*run->groups));
        run->group_capacity = capacity;
    }
    return &run->groups[number];
}

static struct peer_pinot_group *group_of(struct pinot_run *run, struct peer_histories *histories,
                                         uint32_t value)
{
    uint32_t by_count = run->question->query->by_count;
    struct text_buffer key = {0};
    struct arena arena = {0};
    const struct text *texts = by_count > 0 ? peer_histories_texts(histories, value, &arena) : NULL;
    for (uint32_t i = 0; i < by_count; i++) {
        text_buffer_append_sized(&key, texts[i].bytes == NULL ? TEXT_LITERAL("") : texts[i]);
    }
    struct text bytes = {key.bytes == NULL ? "" : key.bytes, key.size};
    uint32_t number = query_table_number(&run->keys, bytes);
    text_buffer_deinit(&key);
    arena_deinit(&arena);
    return group_at(run, number);
}

static uint32_t run_function(struct pinot_run *run, uint32_t count, struct peer_pinot_unit *unit,
                             struct pinot_durations *durations)
{
    struct pinot_match match;
    if (run->question->function == PEER_PINOT_FUNNEL_COUNT) {
        struct pinot_set set;
        pinot_funnel_count(&run->rule, run->events, count, &set);
        return set.level;
    }
    pinot_sort(run->rows, count);
    if (run->question->function == PEER_PINOT_COMPLETE_COUNT) {
        unit->complete_count = pinot_complete_count(&run->rule, run->rows, count);
    } else if (run->question->function == PEER_PINOT_STEP_DURATIONS) {
        pinot_durations(&run->rule, run->rows, count, durations);
        unit->durations = durations;
    }
    pinot_max_step(&run->rule, run->rows, count, &match);
    return match.level;
}

/// The rows of one unit, all with one value.
static void run_unit(struct pinot_run *run, struct peer_histories *histories, const uint32_t *order,
                     uint32_t order_count)
{
    const struct peer_event *events = run->history->events;
    uint32_t steps_mask =
        run->rule.step_count >= 32 ? UINT32_MAX : (UINT32_C(1) << run->rule.step_count) - 1;
    uint32_t count = 0;
    for (uint32_t i = 0; i < order_count; i++) {
        const struct peer_event *event = &events[order[i]];
        uint32_t steps = event->stages & steps_mask;
        if (steps != 0 || (run->rule.modes & PINOT_KEEP_ALL) != 0) {
            run->events[count] = (struct match_event){.time_us = event->time_us, .steps = steps};
            run->rows[count] =
                (struct pinot_row){.time_us = event->time_us, .step = pinot_step(steps)};
            run->rows[count].event = count;
            count++;
        }
    }
    struct pinot_durations durations = {.matched = false};
    struct peer_pinot_unit unit = {.user_namespace = run->history->user_namespace,
                                   .user_id = run->history->user_id};
    unit.level = run_function(run, count, &unit, &durations);
    struct peer_pinot_group *group = group_of(run, histories, events[order[0]].value);
    for (uint32_t k = 0; k < unit.level; k++) {
        group->reached[k]++;
    }
    group->complete_count += unit.complete_count;
    if (run->question->visit != NULL) {
        run->question->visit(run->question->context, &unit);
    }
    pinot_durations_deinit(&durations);
}

static enum corong_status reserve(struct pinot_run *run, struct peer_histories *histories,
                                  uint32_t count, struct corong_error *error)
{
    if (count <= run->capacity) {
        return CORONG_OK;
    }
    uint64_t each = sizeof(*run->order) + sizeof(*run->rows) + sizeof(*run->events);
    TRY(peer_histories_charge(histories, (count - run->capacity) * each, error));
    run->order = memory_resize_array(run->order, count, sizeof(*run->order));
    run->rows = memory_resize_array(run->rows, count, sizeof(*run->rows));
    run->events = memory_resize_array(run->events, count, sizeof(*run->events));
    run->capacity = count;
    return CORONG_OK;
}

static int compare_by_value(const void *left, const void *right, void *context)
{
    const struct peer_event *events = context;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    if (events[a].value != events[b].value) {
        return events[a].value < events[b].value ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

static enum corong_status visit_user(void *context, struct peer_histories *histories,
                                     const struct peer_history *history, struct corong_error *error)
{
    struct pinot_run *run = context;
    run->history = history;
    TRY(reserve(run, histories, history->count, error));
    for (uint32_t i = 0; i < history->count; i++) {
        run->order[i] = i;
    }
    if (run->column_count > 0) {
        qsort_r(run->order, history->count, sizeof(*run->order), compare_by_value,
                (void *)(uintptr_t)history->events);
    }
    uint32_t begin = 0;
    for (uint32_t i = 1; i <= history->count; i++) {
        bool ends = i == history->count || history->events[run->order[i]].value !=
                                               history->events[run->order[begin]].value;
        if (ends) {
            run_unit(run, histories, run->order + begin, i - begin);
            begin = i;
        }
    }
    return CORONG_OK;
}

static int compare_groups(const void *left, const void *right, void *context)
{
    const struct peer_pinot_group *a = left;
    const struct peer_pinot_group *b = right;
    for (uint32_t i = 0; i < *(const uint32_t *)context; i++) {
        int order = text_compare(a->values[i], b->values[i]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static void fill(struct pinot_run *run, struct arena *arena, struct peer_pinot_result *result_out)
{
    uint32_t by_count = run->question->query->by_count;
    if (by_count == 0) {
        group_at(run, query_table_number(&run->keys, TEXT_LITERAL("")));
    }
    result_out->group_count = run->keys.count;
    result_out->groups =
        arena_allocate_zeroed(arena, run->keys.count + 1, sizeof(*result_out->groups));
    for (uint32_t i = 0; i < run->keys.count; i++) {
        struct peer_pinot_group *group = &result_out->groups[i];
        *group = run->groups[i];
        const char *at = run->keys.keys[i].bytes;
        group->values =
            by_count == 0 ? NULL : arena_allocate(arena, by_count * sizeof(struct text));
        for (uint32_t k = 0; k < by_count; k++) {
            uint32_t size = bytes_load_u32(at);
            group->values[k] = arena_copy_text(arena, (struct text){at + 4, size});
            at += 4 + size;
        }
    }
    qsort_r(result_out->groups, result_out->group_count, sizeof(*result_out->groups),
            compare_groups, &by_count);
}

static enum corong_status check(const struct peer_pinot *question, struct corong_error *error)
{
    const struct query_funnel *query = question->query;
    if (query->funnel.step_count == 0 || query->funnel.step_count >= FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "Pinot's rules take 1 to %u steps here, not %u",
                         FUNNEL_STEP_COUNT_MAX - 1, query->funnel.step_count);
    }
    if (query->by_count + question->correlate_count > QUERY_SLICE_ATTRIBUTE_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "rows are split by %u attributes, at most %u",
                         query->by_count + question->correlate_count,
                         QUERY_SLICE_ATTRIBUTE_COUNT_MAX);
    }
    return CORONG_OK;
}

static void lay_out(struct pinot_run *run, struct stage *stages, struct peer_ask *ask)
{
    const struct peer_pinot *question = run->question;
    const struct query_funnel *query = question->query;
    uint32_t step_count = query->funnel.step_count;
    memcpy(run->columns, query->by, query->by_count * sizeof(*run->columns));
    run->column_count = query->by_count + question->correlate_count;
    for (uint32_t i = 0; i < question->correlate_count; i++) {
        run->columns[query->by_count + i] = question->correlate[i];
    }
    memcpy(stages, query->funnel.steps, step_count * sizeof(*stages));
    bool all = (question->modes & PINOT_KEEP_ALL) != 0;
    if (all) {
        stages[step_count] = (struct stage){.name = TEXT_LITERAL("every row")};
    }
    run->rule = (struct pinot_rule){.step_count = step_count,
                                    .window_us = query->funnel.window_us,
                                    .max_step_duration_us = question->max_step_duration_us,
                                    .modes = question->modes};
    *ask = (struct peer_ask){.stages = stages,
                             .stage_count = step_count + all,
                             .where = query->where,
                             .by = run->columns,
                             .by_count = run->column_count,
                             .rows = query->range,
                             .as_of_us = query->as_of_us,
                             .limits = &query->limits};
}

enum corong_status peer_pinot_run(struct store_snapshot *snapshot,
                                  const struct peer_pinot *question, struct arena *arena,
                                  struct peer_pinot_result *result_out, struct corong_error *error)
{
    struct pinot_run run = {.question = question};
    struct stage stages[FUNNEL_STEP_COUNT_MAX];
    struct peer_ask ask;
    *result_out = (struct peer_pinot_result){.group_count = 0};
    TRY(check(question, error));
    lay_out(&run, stages, &ask);
    enum corong_status status = peer_histories_run(snapshot, &ask, visit_user, &run, error);
    if (status == CORONG_OK) {
        fill(&run, arena, result_out);
    }
    memory_free(run.order);
    memory_free(run.rows);
    memory_free(run.events);
    memory_free(run.groups);
    query_table_deinit(&run.keys);
    return status;
}
