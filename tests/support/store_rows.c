// SPDX-License-Identifier: Apache-2.0
#include "tests/support/store_rows.h"

#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"

#include <stdlib.h>

/// A row with what it is sorted by.
struct sorted_row {
    const struct store_row *row;
    struct hash128 key;
    struct text_buffer canonical;
};

static void row_canonical(const struct schema *schema, const struct store_row *row,
                          struct text_buffer *out)
{
    struct canonical_order order;
    canonical_order_init(&order, schema);
    union canonical_value *values = memory_allocate_zeroed(schema->column_count, sizeof(*values));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        if (schema->columns[column].type != COLUMN_STRING) {
            values[column].integer = COLUMN_INTEGER_MISSING;
        }
    }
    values[COLUMN_NAME].string = text_from(row->name);
    values[COLUMN_AMOUNT].integer = row->amount;
    int32_t country = schema_find(schema, TEXT_LITERAL("country"));
    if (country >= 0) {
        values[country].string = text_from(row->country);
    }
    canonical_row_append(&order, schema, values, out);
    memory_free(values);
}

struct hash128 store_row_digest(const struct schema *schema, const struct store_row *row)
{
    struct text_buffer canonical = {0};
    struct text_buffer scratch = {0};
    row_canonical(schema, row, &canonical);
    struct hash128 digest =
        canonical_row_digest(0, text_from(row->user), row->time_us, row->sequence, row->id_hash,
                             (struct text){canonical.bytes, canonical.size}, &scratch);
    text_buffer_deinit(&canonical);
    text_buffer_deinit(&scratch);
    return digest;
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_rows(const void *left, const void *right)
{
    const struct sorted_row *a = left;
    const struct sorted_row *b = right;
    int order = hash128_compare(a->key, b->key);
    order = order != 0 ? order : compare_integers(a->row->time_us, b->row->time_us);
    order = order != 0 ? order : compare_integers(a->row->sequence, b->row->sequence);
    order = order != 0 ? order : compare_integers(a->row->id_hash, b->row->id_hash);
    return order != 0 ? order
                      : text_compare((struct text){a->canonical.bytes, a->canonical.size},
                                     (struct text){b->canonical.bytes, b->canonical.size});
}

static int compare_strings(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static const char *row_string(const struct store_row *row, bool is_name)
{
    return is_name ? row->name : row->country;
}

static struct dictionary build_dictionary(const struct sorted_row *rows, uint32_t count,
                                          bool is_name)
{
    const char **strings = memory_allocate((count + 1) * sizeof(*strings));
    uint32_t string_count = 0;
    for (uint32_t index = 0; index < count; index++) {
        const char *string = row_string(rows[index].row, is_name);
        if (string != NULL) {
            strings[string_count++] = string;
        }
    }
    qsort(strings, string_count, sizeof(*strings), compare_strings);
    uint32_t *offsets = memory_allocate((string_count + 1) * sizeof(*offsets));
    struct text_buffer bytes = {0};
    uint32_t distinct = 0;
    for (uint32_t index = 0; index < string_count; index++) {
        if (index == 0 || strcmp(strings[index], strings[index - 1]) != 0) {
            offsets[distinct++] = (uint32_t)bytes.size;
            text_buffer_append_string(&bytes, strings[index]);
        }
    }
    offsets[distinct] = (uint32_t)bytes.size;
    memory_free(strings);
    return (struct dictionary){distinct, offsets, bytes.bytes};
}

static void group_reserve(struct row_group *group, const struct schema *schema, uint32_t count)
{
    *group = (struct row_group){
        .row_count = count,
        .user_keys = memory_allocate_zeroed(count, sizeof(struct hash128)),
        .user_row_counts = memory_allocate_zeroed(count, sizeof(uint32_t)),
        .user_flags = memory_allocate_zeroed(count, 1),
        .user_name_masks = memory_allocate_zeroed(count, sizeof(uint64_t)),
        .columns = memory_allocate_zeroed(schema->column_count, sizeof(struct column_values)),
        .id_offsets = memory_allocate_zeroed(count + 1, sizeof(uint32_t)),
    };
    for (uint32_t column = 0; column < schema->column_count; column++) {
        if (schema->columns[column].type == COLUMN_STRING) {
            group->columns[column].codes = memory_allocate(count * sizeof(uint32_t));
            memset(group->columns[column].codes, 0xff, count * sizeof(uint32_t));
        } else {
            group->columns[column].integers = memory_allocate(count * sizeof(int64_t));
            for (uint32_t row = 0; row < count; row++) {
                group->columns[column].integers[row] = COLUMN_INTEGER_MISSING;
            }
        }
    }
}

static void group_release(struct row_group *group, const struct schema *schema)
{
    for (uint32_t column = 0; column < schema->column_count; column++) {
        memory_free(group->columns[column].codes);
        memory_free(group->columns[column].integers);
    }
    memory_free(group->columns);
    memory_free(group->user_keys);
    memory_free(group->user_row_counts);
    memory_free(group->user_flags);
    memory_free(group->user_name_masks);
    memory_free(group->id_offsets);
    memory_free(group->id_bytes);
}

static void group_fill_users(struct row_group *group, const struct sorted_row *rows)
{
    struct text_buffer ids = {0};
    for (uint32_t row = 0; row < group->row_count; row++) {
        if (row == 0 || !hash128_equal(rows[row].key, rows[row - 1].key)) {
            group->user_keys[group->user_count++] = rows[row].key;
            text_buffer_append_string(&ids, rows[row].row->user);
            group->id_offsets[group->user_count] = (uint32_t)ids.size;
        }
        group->user_row_counts[group->user_count - 1]++;
    }
    group->id_bytes = ids.bytes;
}

static void group_fill_rows(struct row_group *group, const struct sorted_row *rows,
                            const struct dictionary *dictionaries, int32_t country)
{
    for (uint32_t index = 0; index < group->row_count; index++) {
        const struct store_row *row = rows[index].row;
        group->columns[COLUMN_TIME].integers[index] = row->time_us;
        group->columns[COLUMN_SEQUENCE].integers[index] = row->sequence;
        group->columns[COLUMN_ID_HASH].integers[index] = row->id_hash;
        group->columns[COLUMN_AMOUNT].integers[index] = row->amount;
        group->columns[COLUMN_NAME].codes[index] =
            dictionary_find(&dictionaries[COLUMN_NAME], text_from(row->name));
        if (country >= 0 && row->country != NULL) {
            group->columns[country].codes[index] =
                dictionary_find(&dictionaries[country], text_from(row->country));
        }
    }
}

static enum corong_status write_groups(const struct store *store, struct row_group *group,
                                       const struct dictionary *dictionaries, int64_t period,
                                       struct segment_writer **writer, struct corong_error *error)
{
    struct segment_writer_options options = {
        .directory = store_segment_directory(store),
        .schema = store_schema(store),
        .dictionaries = dictionaries,
        .period = period,
        .zstd_level = 1,
    };
    hash_random_bytes(options.uuid, SEGMENT_UUID_SIZE);
    TRY(segment_writer_create(writer, &options, error));
    return segment_writer_append(*writer, group, error);
}

static enum corong_status write_sorted(const struct store *store, const struct sorted_row *rows,
                                       uint32_t count, struct segment_meta *meta_out,
                                       struct corong_error *error)
{
    const struct schema *schema = store_schema(store);
    static const uint32_t none[1];
    struct dictionary *dictionaries =
        memory_allocate_zeroed(schema->column_count, sizeof(*dictionaries));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        dictionaries[column] = (struct dictionary){0, none, ""};
    }
    int32_t country = schema_find(schema, TEXT_LITERAL("country"));
    dictionaries[COLUMN_NAME] = build_dictionary(rows, count, true);
    if (country >= 0) {
        dictionaries[country] = build_dictionary(rows, count, false);
    }
    struct row_group group;
    group_reserve(&group, schema, count);
    group_fill_users(&group, rows);
    group_fill_rows(&group, rows, dictionaries, country);
    struct hash128 digest = {0};
    int64_t as_of_us = INT64_MIN;
    for (uint32_t index = 0; index < count; index++) {
        digest = hash128_add(digest, store_row_digest(schema, rows[index].row));
        int64_t time_us = rows[index].row->time_us;
        as_of_us = time_us > as_of_us ? time_us : as_of_us;
    }
    int64_t length = store_period_us(store);
    int64_t time_us = rows[0].row->time_us;
    struct segment_writer *writer = NULL;
    enum corong_status status = write_groups(
        store, &group, dictionaries, time_us / length - (time_us % length < 0), &writer, error);
    if (status == CORONG_OK) {
        status = segment_writer_seal(writer, digest, as_of_us, meta_out, error);
    }
    segment_writer_destroy(writer);
    group_release(&group, schema);
    for (uint32_t column = 0; column < schema->column_count; column++) {
        if (dictionaries[column].offsets != none) {
            memory_free((void *)(uintptr_t)dictionaries[column].offsets);
            memory_free((void *)(uintptr_t)dictionaries[column].bytes);
        }
    }
    memory_free(dictionaries);
    return status;
}

enum corong_status store_rows_write(const struct store *store, const struct store_row *rows,
                                    uint32_t count, struct segment_meta *meta_out,
                                    struct corong_error *error)
{
    struct sorted_row *sorted = memory_allocate_zeroed(count, sizeof(*sorted));
    for (uint32_t index = 0; index < count; index++) {
        sorted[index].row = &rows[index];
        sorted[index].key = hash_user(store_secret(store), 0, text_from(rows[index].user));
        row_canonical(store_schema(store), &rows[index], &sorted[index].canonical);
    }
    qsort(sorted, count, sizeof(*sorted), compare_rows);
    enum corong_status status = write_sorted(store, sorted, count, meta_out, error);
    for (uint32_t index = 0; index < count; index++) {
        text_buffer_deinit(&sorted[index].canonical);
    }
    memory_free(sorted);
    return status;
}
