// SPDX-License-Identifier: Apache-2.0
#include "storage/column/canonical_row.h"

#include "storage/base/bytes.h"

#define ROW_END 0xff
#define STRING_ESCAPE 0xff
#define STRING_END 0x01

static bool takes_part(uint32_t column)
{
    return column != COLUMN_TIME && column != COLUMN_SEQUENCE && column != COLUMN_ID_HASH;
}

void canonical_order_init(struct canonical_order *order, const struct schema *schema)
{
    order->count = 0;
    for (uint32_t column = 0; column < schema->column_count; column++) {
        if (!takes_part(column)) {
            continue;
        }
        uint32_t at = order->count++;
        while (at > 0 && text_compare(schema->columns[column].name,
                                      schema->columns[order->columns[at - 1]].name) < 0) {
            order->columns[at] = order->columns[at - 1];
            at--;
        }
        order->columns[at] = column;
    }
}

static void append_string(struct text_buffer *out, struct text string)
{
    size_t from = 0;
    while (from < string.size) {
        const char *zero = memchr(string.bytes + from, 0, string.size - from);
        size_t until = zero == NULL ? string.size : (size_t)(zero - string.bytes) + 1;
        text_buffer_append(out, string.bytes + from, until - from);
        if (zero != NULL) {
            text_buffer_append_u8(out, STRING_ESCAPE);
        }
        from = until;
    }
    text_buffer_append_u8(out, 0);
    text_buffer_append_u8(out, STRING_END);
}

static void append_heading(struct text_buffer *out, const struct schema_column *column)
{
    text_buffer_append_text(out, column->name);
    text_buffer_append_u8(out, 0);
    text_buffer_append_u8(out, (uint8_t)column->type);
}

void canonical_row_append(const struct canonical_order *order, const struct schema *schema,
                          const union canonical_value *values, struct text_buffer *out)
{
    for (uint32_t at = 0; at < order->count; at++) {
        uint32_t index = order->columns[at];
        const struct schema_column *column = &schema->columns[index];
        if (column->type == COLUMN_STRING) {
            if (values[index].string.bytes != NULL) {
                append_heading(out, column);
                append_string(out, values[index].string);
            }
        } else if (!canonical_is_missing(column->type, values[index].integer)) {
            append_heading(out, column);
            text_buffer_append_u64(
                out, __builtin_bswap64(canonical_sortable(column->type, values[index].integer)));
        }
    }
    text_buffer_append_u8(out, ROW_END);
}

struct hash128 canonical_row_digest(uint8_t user_namespace, struct text user_id, int64_t time_us,
                                    int64_t sequence, int64_t id_hash, struct text canonical_bytes,
                                    struct text_buffer *scratch)
{
    text_buffer_reset(scratch);
    text_buffer_append_u8(scratch, user_namespace);
    text_buffer_append_sized(scratch, user_id);
    text_buffer_append_i64(scratch, time_us);
    text_buffer_append_i64(scratch, sequence);
    text_buffer_append_i64(scratch, id_hash);
    text_buffer_append_text(scratch, canonical_bytes);
    return hash_bytes128(scratch->bytes, scratch->size);
}

static int compare_presence(bool left, bool right)
{
    // The row that has the value goes on with this name; the other with a greater one, or with
    // 0xff.
    return (int)right - (int)left;
}

static int compare_codes(const uint32_t *left, uint32_t left_row, const uint32_t *right,
                         uint32_t right_row)
{
    uint32_t left_code = left == NULL ? COLUMN_CODE_MISSING : left[left_row];
    uint32_t right_code = right == NULL ? COLUMN_CODE_MISSING : right[right_row];
    if (left_code == right_code) {
        return 0;
    }
    if (left_code == COLUMN_CODE_MISSING || right_code == COLUMN_CODE_MISSING) {
        return compare_presence(left_code != COLUMN_CODE_MISSING,
                                right_code != COLUMN_CODE_MISSING);
    }
    return left_code < right_code ? -1 : 1;
}

static int compare_integers(enum column_type type, const int64_t *left, uint32_t left_row,
                            const int64_t *right, uint32_t right_row)
{
    int64_t missing =
        type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
    int64_t left_value = left == NULL ? missing : left[left_row];
    int64_t right_value = right == NULL ? missing : right[right_row];
    if (left_value == right_value) {
        return 0;
    }
    if (left_value == missing || right_value == missing) {
        return compare_presence(left_value != missing, right_value != missing);
    }
    return canonical_sortable(type, left_value) < canonical_sortable(type, right_value) ? -1 : 1;
}

int canonical_row_compare(const struct canonical_order *order, const struct schema *schema,
                          const struct column_values *left_columns, uint32_t left_row,
                          const struct column_values *right_columns, uint32_t right_row)
{
    for (uint32_t at = 0; at < order->count; at++) {
        uint32_t index = order->columns[at];
        const struct column_values *left = &left_columns[index];
        const struct column_values *right = &right_columns[index];
        enum column_type type = schema->columns[index].type;
        int result =
            type == COLUMN_STRING
                ? compare_codes(left->codes, left_row, right->codes, right_row)
                : compare_integers(type, left->integers, left_row, right->integers, right_row);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}
