// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_digest.h"

#include "storage/base/memory.h"

void compact_digest_init(struct compact_digest *digest, const struct schema *schema,
                         const struct dictionary *dictionaries)
{
    *digest = (struct compact_digest){.schema = schema, .dictionaries = dictionaries};
    canonical_order_init(&digest->order, schema);
    digest->values = memory_allocate_zeroed(schema->column_count, sizeof(*digest->values));
}

void compact_digest_deinit(struct compact_digest *digest)
{
    memory_free(digest->values);
    text_buffer_deinit(&digest->canonical);
    text_buffer_deinit(&digest->scratch);
}

static int64_t integer_at(const struct column_values *columns, enum column_type type, uint32_t row)
{
    if (columns->integers != NULL) {
        return columns->integers[row];
    }
    return type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
}

static void collect_values(struct compact_digest *digest, const struct column_values *columns,
                           uint32_t row)
{
    for (uint32_t at = 0; at < digest->order.count; at++) {
        uint32_t column = digest->order.columns[at];
        enum column_type type = digest->schema->columns[column].type;
        if (type == COLUMN_STRING) {
            const uint32_t *codes = columns[column].codes;
            uint32_t code = codes == NULL ? COLUMN_CODE_MISSING : codes[row];
            digest->values[column].string = dictionary_text(&digest->dictionaries[column], code);
        } else {
            digest->values[column].integer = integer_at(&columns[column], type, row);
        }
    }
}

struct hash128 compact_digest_row(struct compact_digest *digest,
                                  const struct column_values *columns, uint32_t row,
                                  uint8_t user_namespace, struct text user_id)
{
    collect_values(digest, columns, row);
    text_buffer_reset(&digest->canonical);
    canonical_row_append(&digest->order, digest->schema, digest->values, &digest->canonical);
    struct text canonical = {digest->canonical.bytes, digest->canonical.size};
    return canonical_row_digest(user_namespace, user_id, columns[COLUMN_TIME].integers[row],
                                integer_at(&columns[COLUMN_SEQUENCE], COLUMN_INTEGER, row),
                                integer_at(&columns[COLUMN_ID_HASH], COLUMN_INTEGER, row),
                                canonical, &digest->scratch);
}

struct hash128 compact_digest_group(struct compact_digest *digest, const struct row_group *group)
{
    struct hash128 sum = {0};
    uint32_t row = 0;
    for (uint32_t user = 0; user < group->user_count; user++) {
        uint32_t from = group->id_offsets[user];
        struct text id = {group->id_bytes + from, group->id_offsets[user + 1] - from};
        uint8_t user_namespace = group->user_flags[user] & USER_NAMESPACE_MASK;
        for (uint32_t left = group->user_row_counts[user]; left > 0; left--) {
            sum = hash128_add(sum,
                              compact_digest_row(digest, group->columns, row, user_namespace, id));
            row++;
        }
    }
    return sum;
}
