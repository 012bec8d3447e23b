// SPDX-License-Identifier: Apache-2.0
/// Columns of moved rows: copied out of the segment group by group, once per snapshot, when some
/// question needs them.
#include "engine/query/identity/identity_private.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

struct identity_scratch {
    uint32_t column_count;
    struct column_values *values;
    struct column_packed *packed;
    struct text_buffer ids;
    uint32_t *id_offsets;
    uint32_t id_capacity;
};

struct fill_worker {
    struct segment_scratch *scratch;
    uint64_t booked_bytes; ///< of the scratch
};

/// One pass over a segment for the columns that are not there yet.
struct fill_pass {
    struct identity_rows *rows;
    struct query_tasks *tasks;
    struct segment_selection selection;                 ///< of those that some moved row may have
    uint64_t done[(SCHEMA_COLUMN_COUNT_MAX + 63) / 64]; ///< columns that will be there
    uint32_t columns[SCHEMA_COLUMN_COUNT_MAX];
    struct column_values values[SCHEMA_COLUMN_COUNT_MAX];
    uint32_t column_count;
    uint64_t bytes;   ///< of the values
    uint32_t *groups; ///< those with moved rows
    uint32_t group_count;
    struct fill_worker workers[QUERY_THREAD_COUNT_MAX];
};

struct identity_scratch *identity_scratch_create(uint32_t column_count)
{
    struct identity_scratch *scratch = memory_allocate_zeroed(1, sizeof(*scratch));
    scratch->column_count = column_count;
    scratch->values = memory_allocate_zeroed((size_t)column_count + 1, sizeof(*scratch->values));
    scratch->packed = memory_allocate_zeroed((size_t)column_count + 1, sizeof(*scratch->packed));
    return scratch;
}

void identity_scratch_destroy(struct identity_scratch *scratch)
{
    if (scratch != NULL) {
        text_buffer_deinit(&scratch->ids);
        memory_free(scratch->id_offsets);
        memory_free(scratch->values);
        memory_free(scratch->packed);
        memory_free(scratch);
    }
}

static bool is_string(const struct identity_rows *rows, uint32_t column)
{
    return segment_reader_schema(rows->reader)->columns[column].type == COLUMN_STRING;
}

static uint64_t width_of(const struct identity_rows *rows, uint32_t column)
{
    return is_string(rows, column) ? sizeof(uint32_t) : sizeof(int64_t);
}

static bool is_filled(const struct identity_rows *rows, uint32_t column)
{
    return (rows->filled[column / 64] >> (column % 64) & 1) != 0;
}

static void copy_codes(const uint32_t *from, const struct identity_place *place, uint32_t *to)
{
    if (from != NULL) {
        memcpy(to + place->target, from + place->first_row, place->row_count * sizeof(*to));
        return;
    }
    for (uint32_t i = 0; i < place->row_count; i++) {
        to[place->target + i] = COLUMN_CODE_MISSING;
    }
}

static void copy_integers(const int64_t *from, const struct identity_place *place, int64_t missing,
                          int64_t *to)
{
    if (from != NULL) {
        memcpy(to + place->target, from + place->first_row, place->row_count * sizeof(*to));
        return;
    }
    for (uint32_t i = 0; i < place->row_count; i++) {
        to[place->target + i] = missing;
    }
}

static void copy_column(const struct fill_pass *pass, uint32_t which, uint32_t group,
                        const struct row_group *rows)
{
    const struct identity_rows *moved = pass->rows;
    uint32_t column = pass->columns[which];
    enum column_type type = segment_reader_schema(moved->reader)->columns[column].type;
    int64_t missing =
        type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
    for (uint32_t i = moved->group_places[group]; i < moved->group_places[group + 1]; i++) {
        if (type == COLUMN_STRING) {
            copy_codes(rows->columns[column].codes, &moved->places[i], pass->values[which].codes);
        } else {
            copy_integers(rows->columns[column].integers, &moved->places[i], missing,
                          pass->values[which].integers);
        }
    }
}

/// Books what a worker's buffers have grown by.
static enum corong_status book_scratch(struct fill_pass *pass, struct fill_worker *worker,
                                       struct corong_error *error)
{
    uint64_t bytes = segment_scratch_bytes(worker->scratch);
    uint64_t grown = bytes > worker->booked_bytes ? bytes - worker->booked_bytes : 0;
    worker->booked_bytes += grown;
    return query_tasks_charge(pass->tasks, grown, "decoded rows of linked ids", error);
}

static enum corong_status fill_group(void *context, uint32_t worker_index, uint32_t index,
                                     struct corong_error *error)
{
    struct fill_pass *pass = context;
    struct fill_worker *worker = &pass->workers[worker_index];
    uint32_t group = pass->groups[index];
    struct row_group rows;
    if (worker->scratch == NULL) {
        worker->scratch = segment_scratch_create();
    }
    TRY(segment_reader_read(pass->rows->reader, group, &pass->selection, worker->scratch, &rows,
                            error));
    for (uint32_t i = 0; i < pass->column_count; i++) {
        copy_column(pass, i, group, &rows);
    }
    return book_scratch(pass, worker, error);
}

static void list_groups(struct fill_pass *pass)
{
    const struct identity_rows *rows = pass->rows;
    uint32_t group_count = segment_reader_group_count(rows->reader);
    pass->groups = memory_allocate_zeroed((size_t)group_count + 1, sizeof(*pass->groups));
    for (uint32_t group = 0; group < group_count; group++) {
        if (rows->group_places[group] < rows->group_places[group + 1]) {
            pass->groups[pass->group_count++] = group;
        }
    }
}

/// False where all moved rows lack the column: there is nothing to be copied.
static bool some_row_has(const struct fill_pass *pass, uint32_t column)
{
    int64_t least;
    int64_t largest;
    for (uint32_t i = 0; i < pass->group_count; i++) {
        if (segment_reader_column_zone(pass->rows->reader, pass->groups[i], column, &least,
                                       &largest)) {
            return true;
        }
    }
    return false;
}

/// Chooses the columns that are asked for, not there yet, and not missing everywhere.
static void choose_columns(struct fill_pass *pass, const struct segment_selection *selection)
{
    const struct identity_rows *rows = pass->rows;
    uint32_t column_count = segment_reader_schema(rows->reader)->column_count;
    for (uint32_t column = 0; column < column_count; column++) {
        if (!segment_selected(selection, column) || is_filled(rows, column)) {
            continue;
        }
        pass->done[column / 64] |= UINT64_C(1) << (column % 64);
        if (some_row_has(pass, column)) {
            segment_select(&pass->selection, column);
            pass->columns[pass->column_count++] = column;
            pass->bytes += rows->row_count * width_of(rows, column);
        }
    }
}

static void allocate_columns(struct fill_pass *pass)
{
    size_t room = (size_t)pass->rows->row_count + 1;
    for (uint32_t i = 0; i < pass->column_count; i++) {
        if (is_string(pass->rows, pass->columns[i])) {
            pass->values[i].codes = memory_allocate(room * sizeof(uint32_t));
        } else {
            pass->values[i].integers = memory_allocate(room * sizeof(int64_t));
        }
    }
}

static enum corong_status run_pass(struct fill_pass *pass, bool all_threads,
                                   struct corong_error *error)
{
    if (all_threads) {
        return query_tasks_run(pass->tasks, pass->group_count, fill_group, pass, error);
    }
    for (uint32_t i = 0; i < pass->group_count; i++) {
        TRY(query_tasks_check(pass->tasks, error));
        TRY(fill_group(pass, 0, i, error));
    }
    return CORONG_OK;
}

/// Hands the columns over where the pass went well. One that no row has stays NULL.
static void end_pass(struct fill_pass *pass, bool done)
{
    struct identity_rows *rows = pass->rows;
    for (uint32_t i = 0; i < QUERY_THREAD_COUNT_MAX; i++) {
        segment_scratch_destroy(pass->workers[i].scratch);
        query_tasks_return(pass->tasks, pass->workers[i].booked_bytes);
    }
    pthread_mutex_lock(&rows->gate.mutex);
    for (uint32_t i = 0; i < pass->column_count; i++) {
        if (done) {
            rows->columns[pass->columns[i]] = pass->values[i];
        } else {
            memory_free(pass->values[i].codes);
            memory_free(pass->values[i].integers);
        }
    }
    for (size_t i = 0; done && i < sizeof(pass->done) / sizeof(pass->done[0]); i++) {
        rows->filled[i] |= pass->done[i];
    }
    pthread_mutex_unlock(&rows->gate.mutex);
    memory_free(pass->groups);
}

/// Fills what is missing; the caller is inside the gate. `all_threads`: those of `tasks`, which has
/// booked the columns then.
static enum corong_status fill(struct identity_rows *rows,
                               const struct segment_selection *selection, struct query_tasks *tasks,
                               bool all_threads, struct corong_error *error)
{
    struct fill_pass *pass = memory_allocate_zeroed(1, sizeof(*pass));
    pass->rows = rows;
    pass->tasks = tasks;
    pass->selection.rows_only = true;
    list_groups(pass);
    choose_columns(pass, selection);
    enum corong_status status =
        all_threads ? CORONG_OK
                    : query_tasks_charge(tasks, pass->bytes, "events of linked ids", error);
    if (status == CORONG_OK && pass->column_count > 0) {
        allocate_columns(pass);
        status = run_pass(pass, all_threads, error);
    }
    end_pass(pass, status == CORONG_OK);
    memory_free(pass);
    return status;
}

static bool all_filled(struct identity_rows *rows, const struct segment_selection *selection)
{
    bool all = true;
    pthread_mutex_lock(&rows->gate.mutex);
    uint32_t words = (segment_reader_schema(rows->reader)->column_count + 63) / 64;
    for (uint32_t i = 0; i < words; i++) {
        all = all && (selection->columns[i] & ~rows->filled[i]) == 0;
    }
    pthread_mutex_unlock(&rows->gate.mutex);
    return all;
}

static enum corong_status fill_missing(struct identity_rows *rows,
                                       const struct segment_selection *selection,
                                       struct query_tasks *tasks, bool all_threads,
                                       struct corong_error *error)
{
    if (all_filled(rows, selection)) {
        return CORONG_OK;
    }
    TRY(identity_gate_enter(&rows->gate, tasks, error));
    enum corong_status status = fill(rows, selection, tasks, all_threads, error);
    identity_gate_leave(&rows->gate);
    return status;
}

enum corong_status identity_prepare(struct identity_view *view, uint32_t segment,
                                    const struct segment_selection *selection,
                                    struct query_tasks *tasks, struct corong_error *error)
{
    struct identity_rows *rows = &view->rows[segment];
    if (rows->row_count == 0 || tasks == NULL) {
        return CORONG_OK;
    }
    uint64_t width = 0;
    uint32_t column_count = segment_reader_schema(rows->reader)->column_count;
    for (uint32_t column = 0; column < column_count; column++) {
        width += segment_selected(selection, column) ? width_of(rows, column) : 0;
    }
    TRY(query_tasks_charge(tasks, width * rows->row_count, "events of linked ids", error));
    return fill_missing(rows, selection, tasks, true, error);
}

/// The ids of a group's persons, as a segment has them.
static void give_ids(const struct identity_layer *layer, const struct identity_group *group,
                     struct identity_scratch *scratch, struct row_group *group_out)
{
    uint32_t count = group->zone.user_count;
    if (count >= scratch->id_capacity) {
        scratch->id_capacity = count + 1;
        scratch->id_offsets = memory_resize_array(scratch->id_offsets, scratch->id_capacity,
                                                  sizeof(*scratch->id_offsets));
    }
    text_buffer_reset(&scratch->ids);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t person = layer->persons[group->first_user + i];
        scratch->id_offsets[i] = (uint32_t)scratch->ids.size;
        text_buffer_append_text(&scratch->ids, layer->resolution->persons[person].id);
    }
    scratch->id_offsets[count] = (uint32_t)scratch->ids.size;
    group_out->id_offsets = scratch->id_offsets;
    group_out->id_bytes = scratch->ids.bytes;
}

static void give_column(const struct identity_rows *rows, uint32_t column, uint32_t first_row,
                        bool packed, struct identity_scratch *scratch)
{
    struct column_values values = rows->columns[column];
    if (values.codes == NULL && values.integers == NULL) {
        return;
    }
    values.codes = values.codes == NULL ? NULL : values.codes + first_row;
    values.integers = values.integers == NULL ? NULL : values.integers + first_row;
    if (!packed) {
        scratch->values[column] = values;
        return;
    }
    scratch->packed[column] = (struct column_packed){
        .values = values.codes == NULL ? (const void *)values.integers : (const void *)values.codes,
        .width = values.codes == NULL ? sizeof(int64_t) : sizeof(uint32_t),
        .exists = true,
        .power = 1,
    };
}

enum corong_status identity_layer_read(struct identity_layer *layer, uint32_t group_index,
                                       const struct segment_selection *selection,
                                       struct query_tasks *tasks, struct identity_scratch *scratch,
                                       struct row_group *group_out, struct corong_error *error)
{
    struct identity_rows *rows = layer->rows;
    const struct identity_group *group = &layer->groups[group_index];
    uint32_t column_count = segment_reader_schema(rows->reader)->column_count;
    ASSERT(group_index < layer->group_count && column_count <= scratch->column_count);
    TRY(fill_missing(rows, selection, tasks, false, error));
    memset(scratch->values, 0, scratch->column_count * sizeof(*scratch->values));
    memset(scratch->packed, 0, scratch->column_count * sizeof(*scratch->packed));
    *group_out = (struct row_group){
        .user_count = group->zone.user_count,
        .row_count = group->zone.row_count,
        .user_keys = layer->keys + group->first_user,
        .user_row_counts = layer->row_counts + group->first_user,
        .user_flags = layer->flags + group->first_user,
        .user_name_masks = layer->masks + group->first_user,
        .columns = scratch->values,
        .packed = scratch->packed,
    };
    for (uint32_t column = 0; column < column_count; column++) {
        if (segment_selected(selection, column)) {
            give_column(rows, column, layer->first_row + group->first_row,
                        segment_selected_packed(selection, column), scratch);
        }
    }
    if (selection->ids) {
        give_ids(layer, group, scratch, group_out);
    }
    return CORONG_OK;
}
