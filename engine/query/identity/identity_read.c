// SPDX-License-Identifier: Apache-2.0
/// Columns of moved rows: copied out of the segment group by group, once per snapshot, when some
/// question needs them.
#include "engine/query/identity/identity_private.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <string.h>

/// Held while columns are filled or looked at. A filled column never changes.
static pthread_mutex_t filling = PTHREAD_MUTEX_INITIALIZER;

struct identity_scratch {
    struct column_values values[SCHEMA_COLUMN_COUNT_MAX];
    struct column_packed packed[SCHEMA_COLUMN_COUNT_MAX];
    struct text_buffer ids;
    uint32_t *id_offsets;
    uint32_t id_capacity;
};

/// One pass over a segment for the columns that are not there yet.
struct fill_pass {
    struct identity_rows *rows;
    struct segment_selection selection;
    uint32_t columns[SCHEMA_COLUMN_COUNT_MAX];
    bool found[SCHEMA_COLUMN_COUNT_MAX]; ///< some group has a value
    struct column_values values[SCHEMA_COLUMN_COUNT_MAX];
    uint32_t column_count;
    uint32_t *groups; ///< those with moved rows
    uint32_t group_count;
    struct segment_scratch **scratches; ///< by worker
    pthread_mutex_t mutex;              ///< of `found`
};

struct identity_scratch *identity_scratch_create(void)
{
    return memory_allocate_zeroed(1, sizeof(struct identity_scratch));
}

void identity_scratch_destroy(struct identity_scratch *scratch)
{
    if (scratch != NULL) {
        text_buffer_deinit(&scratch->ids);
        memory_free(scratch->id_offsets);
        memory_free(scratch);
    }
}

static bool is_string(const struct identity_rows *rows, uint32_t column)
{
    return segment_reader_schema(rows->reader)->columns[column].type == COLUMN_STRING;
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

static enum corong_status fill_group(void *context, uint32_t worker, uint32_t index,
                                     struct corong_error *error)
{
    struct fill_pass *pass = context;
    uint32_t group = pass->groups[index];
    struct row_group rows;
    TRY(segment_reader_read(pass->rows->reader, group, &pass->selection, pass->scratches[worker],
                            &rows, error));
    bool found[SCHEMA_COLUMN_COUNT_MAX];
    for (uint32_t i = 0; i < pass->column_count; i++) {
        const struct column_values *values = &rows.columns[pass->columns[i]];
        found[i] = values->codes != NULL || values->integers != NULL;
        copy_column(pass, i, group, &rows);
    }
    pthread_mutex_lock(&pass->mutex);
    for (uint32_t i = 0; i < pass->column_count; i++) {
        pass->found[i] = pass->found[i] || found[i];
    }
    pthread_mutex_unlock(&pass->mutex);
    return CORONG_OK;
}

static void pass_init(struct fill_pass *pass, struct identity_rows *rows,
                      const struct segment_selection *selection)
{
    uint32_t column_count = segment_reader_schema(rows->reader)->column_count;
    *pass = (struct fill_pass){.rows = rows, .selection = {.rows_only = true}};
    for (uint32_t column = 0; column < column_count; column++) {
        if (!segment_selected(selection, column) || is_filled(rows, column)) {
            continue;
        }
        segment_select(&pass->selection, column);
        pass->columns[pass->column_count] = column;
        size_t room = (size_t)rows->row_count + 1;
        if (is_string(rows, column)) {
            pass->values[pass->column_count].codes = memory_allocate(room * sizeof(uint32_t));
        } else {
            pass->values[pass->column_count].integers = memory_allocate(room * sizeof(int64_t));
        }
        pass->column_count++;
    }
    uint32_t group_count = segment_reader_group_count(rows->reader);
    pass->groups = memory_allocate_zeroed((size_t)group_count + 1, sizeof(*pass->groups));
    for (uint32_t group = 0; group < group_count; group++) {
        if (rows->group_places[group] < rows->group_places[group + 1]) {
            pass->groups[pass->group_count++] = group;
        }
    }
    pthread_mutex_init(&pass->mutex, NULL);
}

/// Hands the columns over where the pass went well. One that the segment does not have stays NULL.
static void pass_deinit(struct fill_pass *pass, bool done)
{
    struct identity_rows *rows = pass->rows;
    for (uint32_t i = 0; i < pass->column_count; i++) {
        uint32_t column = pass->columns[i];
        if (done) {
            rows->filled[column / 64] |= UINT64_C(1) << (column % 64);
        }
        if (done && pass->found[i]) {
            rows->columns[column] = pass->values[i];
        } else {
            memory_free(pass->values[i].codes);
            memory_free(pass->values[i].integers);
        }
    }
    memory_free(pass->groups);
    pthread_mutex_destroy(&pass->mutex);
}

/// Fills what is missing, with the threads of `tasks` where there are some.
static enum corong_status fill(struct identity_rows *rows,
                               const struct segment_selection *selection, struct query_tasks *tasks,
                               struct corong_error *error)
{
    struct fill_pass pass;
    pass_init(&pass, rows, selection);
    enum corong_status status = CORONG_OK;
    if (pass.column_count > 0) {
        uint32_t worker_count = tasks == NULL ? 1 : query_tasks_thread_count(tasks);
        struct segment_scratch *scratches[QUERY_THREAD_COUNT_MAX];
        pass.scratches = scratches;
        for (uint32_t i = 0; i < worker_count; i++) {
            scratches[i] = segment_scratch_create();
        }
        if (tasks != NULL) {
            status = query_tasks_run(tasks, pass.group_count, fill_group, &pass, error);
        }
        for (uint32_t i = 0; i < pass.group_count && tasks == NULL && status == CORONG_OK; i++) {
            status = fill_group(&pass, 0, i, error);
        }
        for (uint32_t i = 0; i < worker_count; i++) {
            segment_scratch_destroy(scratches[i]);
        }
    }
    pass_deinit(&pass, status == CORONG_OK);
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
        if (segment_selected(selection, column)) {
            width += is_string(rows, column) ? sizeof(uint32_t) : sizeof(int64_t);
        }
    }
    TRY(query_tasks_charge(tasks, width * rows->row_count, "events of linked ids", error));
    pthread_mutex_lock(&filling);
    enum corong_status status = fill(rows, selection, tasks, error);
    pthread_mutex_unlock(&filling);
    return status;
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
                                       struct identity_scratch *scratch,
                                       struct row_group *group_out, struct corong_error *error)
{
    ASSERT(group_index < layer->group_count);
    struct identity_rows *rows = layer->rows;
    const struct identity_group *group = &layer->groups[group_index];
    memset(scratch->values, 0, sizeof(scratch->values));
    memset(scratch->packed, 0, sizeof(scratch->packed));
    pthread_mutex_lock(&filling);
    enum corong_status status = fill(rows, selection, NULL, error);
    pthread_mutex_unlock(&filling);
    TRY(status);
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
    uint32_t column_count = segment_reader_schema(rows->reader)->column_count;
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
