// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_history.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 256u

void query_history_init(struct query_history *history, const struct query_plan *plan,
                        struct query_tasks *tasks)
{
    *history = (struct query_history){.plan = plan, .tasks = tasks};
    if (plan->history_count == 0) {
        return;
    }
    history->lists = memory_allocate_zeroed(plan->history_count, sizeof(*history->lists));
    history->values = memory_allocate_zeroed(plan->schema->column_count, sizeof(*history->values));
    history->judged = memory_allocate_zeroed(plan->history_count, sizeof(*history->judged));
}

void query_history_deinit(struct query_history *history)
{
    for (uint32_t i = 0; i < history->plan->history_count; i++) {
        memory_free(history->lists[i].rows);
    }
    memory_free(history->lists);
    memory_free(history->values);
    memory_free(history->judged);
}

void query_history_reset(struct query_history *history)
{
    for (uint32_t i = 0; i < history->plan->history_count; i++) {
        history->lists[i].count = 0;
        history->lists[i].asked = 0;
    }
}

struct query_raw query_history_raw(const struct query_source *source, const struct row_group *rows,
                                   uint32_t column, uint32_t row)
{
    struct query_raw value = {.source = source};
    if (column >= source->segment->schema->column_count) {
        return value;
    }
    enum column_type type = source->plan->schema->columns[column].type;
    const struct column_packed *packed = &rows->packed[column];
    if (type == COLUMN_STRING) {
        uint32_t code = COLUMN_CODE_MISSING;
        if (packed->exists) {
            code = column_packed_code(packed, row);
        } else if (rows->columns[column].codes != NULL) {
            code = rows->columns[column].codes[row];
        }
        value.present = code != COLUMN_CODE_MISSING;
        value.bits = code;
        return value;
    }
    if (!packed->exists && rows->columns[column].integers == NULL) {
        return value;
    }
    value.bits =
        packed->exists ? column_packed_integer(packed, row) : rows->columns[column].integers[row];
    value.present = !canonical_is_missing(type, value.bits);
    return value;
}

static enum corong_status reserve(struct query_history *history, struct query_history_list *list,
                                  struct corong_error *error)
{
    if (list->count < list->capacity) {
        return CORONG_OK;
    }
    uint32_t capacity = list->capacity == 0 ? CAPACITY_MIN : list->capacity * 2;
    TRY(query_tasks_charge(history->tasks,
                           (uint64_t)(capacity - list->capacity) * sizeof(*list->rows),
                           "the values of one user", error));
    list->rows = memory_resize_array(list->rows, capacity, sizeof(*list->rows));
    list->capacity = capacity;
    return CORONG_OK;
}

enum corong_status query_history_add(struct query_history *history,
                                     const struct query_source *source, uint32_t begin,
                                     uint32_t end, struct corong_error *error)
{
    for (uint32_t i = 0; i < history->plan->history_count; i++) {
        struct query_history_list *list = &history->lists[i];
        for (uint32_t row = begin; row < end; row++) {
            struct query_raw value =
                query_history_raw(source, &source->rows, history->plan->history_columns[i], row);
            if (!value.present) {
                continue;
            }
            TRY(reserve(history, list, error));
            list->rows[list->count++] = (struct query_history_row){
                .time_us = query_source_time(source, row),
                .sequence = source->sequences == NULL ? 0 : source->sequences[row],
                .bits = value.bits,
                .source = source,
            };
        }
    }
    return CORONG_OK;
}

static bool is_after(const struct query_history_row *row, int64_t time_us, int64_t sequence)
{
    return row->time_us > time_us || (row->time_us == time_us && row->sequence > sequence);
}

/// How many rows lie at or before (time, sequence). Moments are mostly asked for in order.
static uint32_t rows_until(struct query_history_list *list, int64_t time_us, int64_t sequence)
{
    uint32_t count = list->asked;
    while (count > 0 && is_after(&list->rows[count - 1], time_us, sequence)) {
        count--;
    }
    while (count < list->count && !is_after(&list->rows[count], time_us, sequence)) {
        count++;
    }
    list->asked = count;
    return count;
}

struct query_raw query_history_value(const struct query_history *history, uint32_t which,
                                     int64_t time_us, int64_t sequence)
{
    DCHECK(which < history->plan->history_count);
    struct query_history_list *list = &history->lists[which];
    uint32_t count = rows_until(list, time_us, sequence);
    if (count == 0 || list->rows[count - 1].time_us < query_time_add(time_us, -QUERY_HISTORY_US)) {
        return (struct query_raw){0};
    }
    const struct query_history_row *row = &list->rows[count - 1];
    return (struct query_raw){row->source, true, row->bits};
}

/// The filter's operand.
static union canonical_value operand(const struct query_plan *plan, uint32_t column,
                                     const struct query_raw *value)
{
    enum column_type type = plan->schema->columns[column].type;
    union canonical_value operand;
    if (type == COLUMN_STRING) {
        operand.string = TEXT_MISSING;
        if (value->present) {
            const struct dictionary *dictionary =
                value->source->segment->history_dictionaries[column];
            operand.string = dictionary_text(dictionary, (uint32_t)value->bits);
        }
        return operand;
    }
    operand.integer = value->present          ? value->bits
                      : type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                              : COLUMN_INTEGER_MISSING;
    return operand;
}

static bool same_value(const struct query_raw *left, const struct query_raw *right)
{
    return left->present == right->present &&
           (!left->present || (left->bits == right->bits && left->source == right->source));
}

bool query_history_allows(struct query_history *history, int64_t time_us, int64_t sequence)
{
    const struct query_plan *plan = history->plan;
    if (plan->where_user == NULL) {
        return true;
    }
    bool known = history->any_judged; // the filter reads nothing else
    for (uint32_t i = plan->history_by_count; i < plan->history_count; i++) {
        struct query_raw value = query_history_value(history, i, time_us, sequence);
        known = known && same_value(&value, &history->judged[i]);
        history->judged[i] = value;
    }
    if (known) {
        return history->allowed;
    }
    for (uint32_t i = plan->history_by_count; i < plan->history_count; i++) {
        uint32_t column = plan->history_columns[i];
        history->values[column] = operand(plan, column, &history->judged[i]);
    }
    history->any_judged = true;
    history->allowed = filter_matches_event(plan->where_user, history->values, time_us);
    return history->allowed;
}
