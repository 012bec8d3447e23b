// SPDX-License-Identifier: Apache-2.0
/// Rows of one user who stands in several segments. Most of the time one source is ahead alone and
/// a whole run of its rows is handed on; only where sources hold the same instant are rows
/// compared.
#include "engine/query/query_cursor.h"

#include "engine/query/query_table.h"
#include "storage/base/invariant.h"

struct merge {
    struct query_cursor *cursor;
    query_run_function *run;
    void *context;
    int64_t last_id;        ///< id of the last row of this instant, or missing
    struct query_table ids; ///< all ids of this instant, where sequence numbers part equal ids
};

static int64_t head_time(const struct query_source *head)
{
    return query_source_time(head, head->row);
}

/// Hands rows up to `end` on and moves the head there; without further rows it leaves the merge.
static enum corong_status take_rows(struct merge *merge, uint32_t which, uint32_t end,
                                    struct corong_error *error)
{
    struct query_cursor *cursor = merge->cursor;
    struct query_source *head = cursor->heads[which];
    if (end > head->row) {
        TRY(merge->run(merge->context, head, head->row, end, error));
    }
    head->row = end;
    if (end < head->row_end) {
        return CORONG_OK;
    }
    TRY(query_source_next(head, error));
    if (head->done || !hash128_equal(head->key, cursor->key)) {
        cursor->heads[which] = cursor->heads[--cursor->head_count];
    }
    return CORONG_OK;
}

/// As take_rows() for one row that is a copy of one already handed on.
static enum corong_status drop_row(struct merge *merge, uint32_t which, struct corong_error *error)
{
    struct query_source *head = merge->cursor->heads[which];
    head->row++;
    return head->row < head->row_end ? CORONG_OK : take_rows(merge, which, head->row_end, error);
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int64_t integer_at(const struct row_group *rows, enum system_column column, uint32_t row)
{
    const int64_t *integers = rows->columns[column].integers;
    return integers == NULL ? COLUMN_INTEGER_MISSING : integers[row];
}

static union canonical_value missing_value(enum column_type type)
{
    union canonical_value value;
    if (type == COLUMN_STRING) {
        value.string = TEXT_MISSING;
    } else {
        value.integer =
            type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
    }
    return value;
}

static enum corong_status value_at(const struct query_source *source, const struct row_group *rows,
                                   uint32_t column, uint32_t row, union canonical_value *value_out,
                                   struct corong_error *error)
{
    const struct schema *schema = source->plan->schema;
    *value_out = missing_value(schema->columns[column].type);
    if (column >= source->segment->schema->column_count) {
        return CORONG_OK;
    }
    const struct column_values *values = &rows->columns[column];
    if (values->codes != NULL) {
        const struct dictionary *dictionary;
        TRY(segment_reader_dictionary(source->segment->reader, column, &dictionary, error));
        value_out->string = dictionary_text(dictionary, values->codes[row]);
    } else if (values->integers != NULL) {
        value_out->integer = values->integers[row];
    }
    return CORONG_OK;
}

/// The canonical bytes of a head's row, into cursor->canonical[side].
static enum corong_status build_canonical(struct query_cursor *cursor, struct query_source *head,
                                          uint32_t side, struct corong_error *error)
{
    const struct schema *schema = cursor->plan->schema;
    const struct row_group *rows;
    TRY(query_source_full(head, &rows, error));
    for (uint32_t i = 0; i < schema->column_count; i++) {
        TRY(value_at(head, rows, i, head->row, &cursor->values[i], error));
    }
    text_buffer_reset(&cursor->canonical[side]);
    canonical_row_append(&cursor->plan->canonical, schema, cursor->values,
                         &cursor->canonical[side]);
    return CORONG_OK;
}

/// Order of two rows of one instant: sequence, id hash, canonical bytes.
static enum corong_status compare_rows(struct query_cursor *cursor, struct query_source *left,
                                       struct query_source *right, int *order_out,
                                       struct corong_error *error)
{
    const struct row_group *left_rows;
    const struct row_group *right_rows;
    TRY(query_source_keys(left, &left_rows, error));
    TRY(query_source_keys(right, &right_rows, error));
    static const enum system_column keys[] = {COLUMN_SEQUENCE, COLUMN_ID_HASH};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        *order_out = compare_integers(integer_at(left_rows, keys[i], left->row),
                                      integer_at(right_rows, keys[i], right->row));
        if (*order_out != 0) {
            return CORONG_OK;
        }
    }
    TRY(build_canonical(cursor, left, 0, error));
    TRY(build_canonical(cursor, right, 1, error));
    *order_out = text_compare((struct text){cursor->canonical[0].bytes, cursor->canonical[0].size},
                              (struct text){cursor->canonical[1].bytes, cursor->canonical[1].size});
    return CORONG_OK;
}

/// Index of the head that comes first at this instant; head_count where none stands there.
static enum corong_status first_head(struct query_cursor *cursor, int64_t time_us,
                                     uint32_t *first_out, struct corong_error *error)
{
    uint32_t first = cursor->head_count;
    for (uint32_t i = 0; i < cursor->head_count; i++) {
        if (head_time(cursor->heads[i]) != time_us) {
            continue;
        }
        int order = -1;
        if (first < cursor->head_count) {
            TRY(compare_rows(cursor, cursor->heads[i], cursor->heads[first], &order, error));
        }
        first = order < 0 ? i : first;
    }
    *first_out = first;
    return CORONG_OK;
}

/// The smallest copy comes first among equal sequence numbers; its later copies are known by their
/// id.
static enum corong_status is_copy(struct merge *merge, struct query_source *head, bool *copy_out,
                                  struct corong_error *error)
{
    const struct row_group *rows;
    TRY(query_source_keys(head, &rows, error));
    int64_t id = integer_at(rows, COLUMN_ID_HASH, head->row);
    *copy_out = false;
    if (id == COLUMN_INTEGER_MISSING) {
        return CORONG_OK;
    }
    if (merge->cursor->plan->sequences) {
        uint32_t known = merge->ids.count;
        uint32_t number =
            query_table_number(&merge->ids, (struct text){(const char *)&id, sizeof(id)});
        *copy_out = number < known;
    } else {
        *copy_out = id == merge->last_id;
    }
    merge->last_id = id;
    return CORONG_OK;
}

/// One instant that several heads hold, row by row.
static enum corong_status order_instant(struct merge *merge, int64_t time_us,
                                        struct corong_error *error)
{
    struct query_cursor *cursor = merge->cursor;
    merge->last_id = COLUMN_INTEGER_MISSING;
    for (;;) {
        uint32_t first;
        TRY(first_head(cursor, time_us, &first, error));
        if (first == cursor->head_count) {
            return CORONG_OK;
        }
        struct query_source *head = cursor->heads[first];
        bool copy = false;
        if (cursor->plan->duplicates) {
            TRY(is_copy(merge, head, &copy, error));
        }
        TRY(copy ? drop_row(merge, first, error) : take_rows(merge, first, head->row + 1, error));
    }
}

static uint32_t end_of_instant(const struct query_source *head, int64_t time_us)
{
    uint32_t row = head->row;
    while (row < head->row_end && query_source_time(head, row) == time_us) {
        row++;
    }
    return row;
}

/// True where nobody can see in which order the rows of this instant come.
static bool order_is_hidden(const struct query_cursor *cursor, int64_t time_us)
{
    const struct query_ask *ask = &cursor->plan->ask;
    if (cursor->plan->duplicates || ask->order == QUERY_ORDER_ALL) {
        return false;
    }
    uint32_t step_rows = 0;
    for (uint32_t i = 0; i < cursor->head_count; i++) {
        const struct query_source *head = cursor->heads[i];
        uint32_t end = end_of_instant(head, time_us);
        for (uint32_t row = head->row; ask->order == QUERY_ORDER_STEPS && row < end; row++) {
            step_rows += query_source_steps(head, row) != 0;
        }
        if (end == head->row_end && query_source_continues(head)) {
            return false; // the instant may go on in a group that is not loaded
        }
    }
    return step_rows <= 1;
}

/// Hands an instant on source by source.
static enum corong_status pass_instant(struct merge *merge, int64_t time_us,
                                       struct corong_error *error)
{
    struct query_cursor *cursor = merge->cursor;
    for (uint32_t i = cursor->head_count; i-- > 0;) {
        uint32_t end = end_of_instant(cursor->heads[i], time_us);
        if (end > cursor->heads[i]->row) {
            TRY(take_rows(merge, i, end, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status merge_instant(struct merge *merge, int64_t time_us,
                                        struct corong_error *error)
{
    if (order_is_hidden(merge->cursor, time_us)) {
        return pass_instant(merge, time_us, error);
    }
    enum corong_status status = order_instant(merge, time_us, error);
    query_table_deinit(&merge->ids);
    return status;
}

/// The earliest head, and the time up to which it is ahead alone.
static uint32_t earliest_head(const struct query_cursor *cursor, int64_t *alone_until_us)
{
    uint32_t earliest = 0;
    *alone_until_us = INT64_MAX;
    for (uint32_t i = 1; i < cursor->head_count; i++) {
        int64_t time_us = head_time(cursor->heads[i]);
        int64_t least_us = head_time(cursor->heads[earliest]);
        int64_t later_us = time_us < least_us ? least_us : time_us;
        *alone_until_us = later_us < *alone_until_us ? later_us : *alone_until_us;
        earliest = time_us < least_us ? i : earliest;
    }
    return earliest;
}

enum corong_status query_merge_rows(struct query_cursor *cursor, query_run_function *run,
                                    void *context, struct corong_error *error)
{
    struct merge merge = {.cursor = cursor, .run = run, .context = context};
    cursor->head_count = cursor->part_count;
    for (uint32_t i = 0; i < cursor->part_count; i++) {
        cursor->heads[i] = &cursor->sources[cursor->parts[i]];
    }
    while (cursor->head_count > 0) {
        int64_t alone_until_us;
        uint32_t earliest = earliest_head(cursor, &alone_until_us);
        struct query_source *head = cursor->heads[earliest];
        if (cursor->head_count > 1 && head_time(head) == alone_until_us) {
            TRY(merge_instant(&merge, head_time(head), error));
            continue;
        }
        uint32_t end = head->row;
        while (end < head->row_end && query_source_time(head, end) < alone_until_us) {
            end++;
        }
        TRY(take_rows(&merge, earliest, end, error));
    }
    return CORONG_OK;
}
