// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_cursor.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

static void remap_codes(const uint32_t *remap, const uint32_t *from, uint32_t *to, uint32_t count)
{
    for (uint32_t row = 0; row < count; row++) {
        to[row] = from[row] == COLUMN_CODE_MISSING ? COLUMN_CODE_MISSING : remap[from[row]];
    }
}

static void reserve_codes(struct compact_cursor *cursor, uint32_t row_count)
{
    if (row_count <= cursor->code_capacity) {
        return;
    }
    for (uint32_t column = 0; column < cursor->column_count; column++) {
        memory_free(cursor->codes[column]);
        cursor->codes[column] = NULL;
    }
    cursor->code_capacity = row_count;
}

static void adopt_columns(struct compact_cursor *cursor, const struct compact_input *input)
{
    const struct schema *schema = segment_reader_schema(input->reader);
    reserve_codes(cursor, cursor->group.row_count);
    for (uint32_t column = 0; column < cursor->column_count; column++) {
        cursor->columns[column] = column < schema->column_count ? cursor->group.columns[column]
                                                                : (struct column_values){0};
        const uint32_t *codes = cursor->columns[column].codes;
        if (codes == NULL || input->remaps[column] == NULL) {
            continue;
        }
        if (cursor->codes[column] == NULL) {
            cursor->codes[column] =
                memory_allocate(cursor->code_capacity * sizeof(*cursor->codes[column]));
        }
        remap_codes(input->remaps[column], codes, cursor->codes[column], cursor->group.row_count);
        cursor->columns[column].codes = cursor->codes[column];
    }
}

static void select_all(const struct segment_reader *reader, struct segment_selection *selection)
{
    *selection = (struct segment_selection){.ids = true};
    for (uint32_t column = 0; column < segment_reader_schema(reader)->column_count; column++) {
        segment_select(selection, column);
    }
}

/// Reads the group at (input_index, group_index), or finds that none is left.
static enum corong_status load_group(struct compact_cursor *cursor, struct corong_error *error)
{
    while (cursor->input_index < cursor->input_count) {
        const struct compact_input *input = &cursor->inputs[cursor->input_index];
        if (cursor->group_index < segment_reader_group_count(input->reader)) {
            struct segment_selection selection;
            select_all(input->reader, &selection);
            TRY(segment_reader_read(input->reader, cursor->group_index, &selection, cursor->scratch,
                                    &cursor->group, error));
            if (cursor->group.user_count == 0) {
                return error_set(error, CORONG_CORRUPT, "a row group without rows");
            }
            adopt_columns(cursor, input);
            cursor->user = 0;
            cursor->row = 0;
            cursor->rows_left = cursor->group.user_row_counts[0];
            return CORONG_OK;
        }
        cursor->input_index++;
        cursor->group_index = 0;
    }
    cursor->is_done = true;
    return CORONG_OK;
}

enum corong_status compact_cursor_init(struct compact_cursor *cursor,
                                       const struct compact_input *inputs, uint32_t input_count,
                                       const struct schema *schema, struct corong_error *error)
{
    *cursor = (struct compact_cursor){
        .inputs = inputs,
        .input_count = input_count,
        .column_count = schema->column_count,
        .scratch = segment_scratch_create(),
        .columns = memory_allocate_zeroed(schema->column_count, sizeof(*cursor->columns)),
        .codes = memory_allocate_zeroed(schema->column_count, sizeof(*cursor->codes)),
    };
    return load_group(cursor, error);
}

void compact_cursor_deinit(struct compact_cursor *cursor)
{
    for (uint32_t column = 0; cursor->codes != NULL && column < cursor->column_count; column++) {
        memory_free(cursor->codes[column]);
    }
    memory_free(cursor->codes);
    memory_free(cursor->columns);
    if (cursor->scratch != NULL) {
        segment_scratch_destroy(cursor->scratch);
    }
    *cursor = (struct compact_cursor){0};
}

static enum corong_status to_user(struct compact_cursor *cursor, uint32_t user,
                                  struct corong_error *error)
{
    cursor->user = user;
    if (user < cursor->group.user_count) {
        cursor->rows_left = cursor->group.user_row_counts[user];
        return CORONG_OK;
    }
    ASSERT(cursor->row == cursor->group.row_count);
    cursor->group_index++;
    return load_group(cursor, error);
}

enum corong_status compact_cursor_take(struct compact_cursor *cursor, uint32_t count,
                                       struct corong_error *error)
{
    ASSERT(count <= cursor->rows_left);
    cursor->row += count;
    cursor->rows_left -= count;
    return cursor->rows_left > 0 ? CORONG_OK : to_user(cursor, cursor->user + 1, error);
}

enum corong_status compact_cursor_take_users(struct compact_cursor *cursor, uint32_t user_count,
                                             uint32_t row_count, struct corong_error *error)
{
    ASSERT(user_count > 0 && cursor->user + user_count <= cursor->group.user_count);
    cursor->row += row_count;
    return to_user(cursor, cursor->user + user_count, error);
}
