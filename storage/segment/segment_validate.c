// SPDX-License-Identifier: Apache-2.0
/// The full check: everything that the footer says is computed again from the blocks.
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"
#include "storage/segment/segment_numbers.h"
#include "storage/segment/segment_private.h"

#define USER_FLAGS_ALL (USER_NAMESPACE_MASK | USER_LINKED)

struct validation {
    struct segment_reader *reader;
    const struct segment_footer *footer;
    struct segment_scratch *scratch;
    struct canonical_order order;
    const struct dictionary *dictionaries[SCHEMA_COLUMN_COUNT_MAX];
    union canonical_value values[SCHEMA_COLUMN_COUNT_MAX];
    struct text_buffer canonical;
    struct text_buffer digest_bytes;
    struct segment_buffer work;
    struct segment_meta found; ///< what the groups add up to
    uint32_t group_index;
    struct hash128 last_key;
    /// The last row of the group before, as a group of one row.
    struct column_values last_row[SCHEMA_COLUMN_COUNT_MAX];
    uint32_t last_codes[SCHEMA_COLUMN_COUNT_MAX];
    int64_t last_integers[SCHEMA_COLUMN_COUNT_MAX];
    struct corong_error *error;
};

static enum corong_status wrong(const struct validation *validation, const char *what)
{
    return error_set(validation->error, CORONG_CORRUPT, "segment '%s', group %u: %s",
                     validation->reader->path, validation->group_index, what);
}

static void use_block(uint8_t *uses, uint32_t block)
{
    uses[block] = uses[block] < 2 ? uses[block] + 1 : 2;
}

static void use_strings(uint8_t *uses, const struct segment_strings *strings)
{
    uint32_t end = segment_strings_end(strings);
    for (uint32_t block = strings->first_block; block < end; block++) {
        use_block(uses, block);
    }
}

static void use_all(const struct segment_footer *footer, uint8_t *uses)
{
    for (uint32_t column = 0; column < footer->schema.column_count; column++) {
        use_strings(uses, &footer->dictionaries[column]);
        if (footer->rank_blocks[column] != SEGMENT_NO_RANKS) {
            use_block(uses, footer->rank_blocks[column]);
        }
    }
    for (uint32_t group = 0; group < footer->group_count; group++) {
        use_strings(uses, &footer->groups[group].ids);
        for (unsigned part = 0; part < SEGMENT_PART_COUNT; part++) {
            if (footer->groups[group].parts[part].kind == SEGMENT_ARRAY_BLOCK) {
                use_block(uses, footer->groups[group].parts[part].block);
            }
        }
        for (uint32_t column = 0; column < footer->schema.column_count; column++) {
            const struct segment_array *array = segment_footer_array(footer, group, column);
            if (array->kind == SEGMENT_ARRAY_BLOCK) {
                use_block(uses, array->block);
            }
        }
    }
}

// Every block is whole, and belongs to exactly one thing.
static enum corong_status check_blocks(struct validation *validation)
{
    const struct segment_footer *footer = validation->footer;
    uint8_t *uses = memory_allocate_zeroed(footer->block_count, 1);
    use_all(footer, uses);
    enum corong_status status = CORONG_OK;
    for (uint32_t block = 0; block < footer->block_count && status == CORONG_OK; block++) {
        struct segment_block opened;
        status = segment_block_open(validation->reader, block, &opened, validation->error);
        if (status == CORONG_OK && uses[block] != 1) {
            status = segment_block_error(validation->reader, block, "not used exactly once",
                                         validation->error);
        }
    }
    memory_free(uses);
    return status;
}

static enum corong_status check_dictionaries(struct validation *validation)
{
    const struct schema *schema = &validation->footer->schema;
    for (uint32_t column = 0; column < schema->column_count; column++) {
        if (schema->columns[column].type == COLUMN_STRING) {
            TRY(segment_reader_dictionary(validation->reader, column,
                                          &validation->dictionaries[column], validation->error));
        }
        for (uint32_t other = 0; other < column; other++) {
            if (text_equal(schema->columns[column].name, schema->columns[other].name)) {
                return wrong(validation, "two columns have one name");
            }
        }
    }
    return CORONG_OK;
}

static enum corong_status check_name_bits(struct validation *validation)
{
    for (uint32_t bit = 0; bit < validation->footer->name_bit_count; bit++) {
        if (segment_reader_name_bit(validation->reader, validation->footer->name_codes[bit]) !=
            bit) {
            return wrong(validation, "a name has two bits");
        }
    }
    return CORONG_OK;
}

static enum corong_status check_users(struct validation *validation, const struct row_group *group,
                                      const struct segment_group_zone *zone)
{
    bool first = validation->group_index == 0;
    bool continues = !first && hash128_equal(validation->last_key, group->user_keys[0]);
    if (!first && hash128_compare(validation->last_key, group->user_keys[0]) > 0) {
        return wrong(validation, "users come before those of the group before");
    }
    bool last = validation->group_index + 1 == validation->footer->group_count;
    const struct segment_group *next = &validation->footer->groups[validation->group_index + 1];
    bool goes_on = !last && hash128_equal(next->zone.key_min, zone->key_max);
    if (zone->first_user_continues != continues || zone->last_user_continues != goes_on) {
        return wrong(validation, "the flags of users that span groups are wrong");
    }
    for (uint32_t user = 0; user < group->user_count; user++) {
        if ((group->user_flags[user] & ~USER_FLAGS_ALL) != 0) {
            return wrong(validation, "unknown user flags");
        }
    }
    validation->found.user_count += group->user_count - continues;
    validation->last_key = group->user_keys[group->user_count - 1];
    return CORONG_OK;
}

static enum corong_status check_masks(struct validation *validation, const struct row_group *group)
{
    const uint32_t *name = group->columns[COLUMN_NAME].codes;
    for (uint32_t user = 0; user < group->user_count; user++) {
        uint64_t mask = 0;
        for (uint32_t row = 0; row < group->user_row_counts[user]; row++) {
            mask |= UINT64_C(1) << segment_reader_name_bit(validation->reader, *name++);
        }
        if (mask != group->user_name_masks[user]) {
            return wrong(validation, "a mask of names is wrong");
        }
    }
    return CORONG_OK;
}

static enum corong_status check_values(struct validation *validation, uint32_t column,
                                       const struct column_values *values, uint32_t count)
{
    enum column_type type = validation->footer->schema.columns[column].type;
    for (uint32_t row = 0; values->integers != NULL && row < count; row++) {
        int64_t value = values->integers[row];
        if (type == COLUMN_NUMBER || value == COLUMN_INTEGER_MISSING) {
            continue;
        }
        if (type == COLUMN_BOOLEAN && value != 0 && value != 1) {
            return wrong(validation, "a boolean is neither 0 nor 1");
        }
        if (column == COLUMN_ID_HASH && (value < 0 || value > UINT32_MAX)) {
            return wrong(validation, "an id hash is wider than 32 bits");
        }
    }
    return CORONG_OK;
}

static bool zone_agrees(const struct segment_array *stated, const struct segment_array *found)
{
    return stated->present_count == found->present_count && stated->minimum == found->minimum &&
           stated->maximum == found->maximum;
}

static enum corong_status check_columns(struct validation *validation,
                                        const struct row_group *group)
{
    uint32_t count = group->row_count;
    uint64_t *work = segment_buffer_reserve(&validation->work, count * sizeof(*work));
    for (uint32_t column = 0; column < validation->footer->schema.column_count; column++) {
        enum column_type type = validation->footer->schema.columns[column].type;
        const struct column_values *values = &group->columns[column];
        struct segment_transform transform;
        struct segment_array found =
            type == COLUMN_STRING
                ? segment_codes_prepare(values->codes, count, &transform, work)
                : segment_integers_prepare(values->integers, count, type == COLUMN_NUMBER,
                                           &transform, work);
        if (!zone_agrees(segment_footer_array(validation->footer, validation->group_index, column),
                         &found)) {
            return wrong(validation, "a column is not what its zone map says");
        }
        TRY(check_values(validation, column, values, count));
    }
    return CORONG_OK;
}

static int64_t integer_at(const struct column_values *columns, uint32_t column, uint32_t row)
{
    return columns[column].integers == NULL ? COLUMN_INTEGER_MISSING
                                            : columns[column].integers[row];
}

static int compare_rows(const struct validation *validation, const struct column_values *left,
                        uint32_t left_row, const struct column_values *right, uint32_t right_row)
{
    static const uint32_t first[] = {COLUMN_TIME, COLUMN_SEQUENCE, COLUMN_ID_HASH};
    for (size_t at = 0; at < sizeof(first) / sizeof(first[0]); at++) {
        int64_t a = integer_at(left, first[at], left_row);
        int64_t b = integer_at(right, first[at], right_row);
        if (a != b) {
            return a < b ? -1 : 1;
        }
    }
    return canonical_row_compare(&validation->order, &validation->footer->schema, left, left_row,
                                 right, right_row);
}

static enum corong_status check_order(struct validation *validation, const struct row_group *group)
{
    bool continues = validation->footer->groups[validation->group_index].zone.first_user_continues;
    if (continues && compare_rows(validation, validation->last_row, 0, group->columns, 0) > 0) {
        return wrong(validation, "rows of a user that spans groups are not in order");
    }
    uint32_t row = 0;
    for (uint32_t user = 0; user < group->user_count; user++) {
        for (uint32_t at = 1; at < group->user_row_counts[user]; at++) {
            if (compare_rows(validation, group->columns, row + at - 1, group->columns, row + at) >
                0) {
                return wrong(validation, "rows of a user are not in order");
            }
        }
        row += group->user_row_counts[user];
    }
    return CORONG_OK;
}

static void keep_last_row(struct validation *validation, const struct row_group *group)
{
    uint32_t row = group->row_count - 1;
    for (uint32_t column = 0; column < validation->footer->schema.column_count; column++) {
        const struct column_values *values = &group->columns[column];
        struct column_values *kept = &validation->last_row[column];
        *kept = (struct column_values){0};
        if (values->codes != NULL) {
            validation->last_codes[column] = values->codes[row];
            kept->codes = &validation->last_codes[column];
        }
        if (values->integers != NULL) {
            validation->last_integers[column] = values->integers[row];
            kept->integers = &validation->last_integers[column];
        }
    }
}

static void fill_values(struct validation *validation, const struct row_group *group, uint32_t row)
{
    const struct schema *schema = &validation->footer->schema;
    for (uint32_t column = 0; column < schema->column_count; column++) {
        const struct column_values *values = &group->columns[column];
        union canonical_value *value = &validation->values[column];
        if (schema->columns[column].type == COLUMN_STRING) {
            uint32_t code = values->codes == NULL ? COLUMN_CODE_MISSING : values->codes[row];
            value->string = dictionary_text(validation->dictionaries[column], code);
        } else if (values->integers != NULL) {
            value->integer = values->integers[row];
        } else {
            value->integer = schema->columns[column].type == COLUMN_NUMBER
                                 ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                 : COLUMN_INTEGER_MISSING;
        }
    }
}

static void add_row(struct validation *validation, const struct row_group *group, uint32_t user,
                    uint32_t row)
{
    const struct text id = {group->id_bytes + group->id_offsets[user],
                            group->id_offsets[user + 1] - group->id_offsets[user]};
    int64_t time = group->columns[COLUMN_TIME].integers[row];
    fill_values(validation, group, row);
    text_buffer_reset(&validation->canonical);
    canonical_row_append(&validation->order, &validation->footer->schema, validation->values,
                         &validation->canonical);
    struct hash128 digest =
        canonical_row_digest(group->user_flags[user] & USER_NAMESPACE_MASK, id, time,
                             integer_at(group->columns, COLUMN_SEQUENCE, row),
                             integer_at(group->columns, COLUMN_ID_HASH, row),
                             (struct text){validation->canonical.bytes, validation->canonical.size},
                             &validation->digest_bytes);
    validation->found.row_digest = hash128_add(validation->found.row_digest, digest);
}

static void add_rows(struct validation *validation, const struct row_group *group)
{
    uint32_t row = 0;
    for (uint32_t user = 0; user < group->user_count; user++) {
        for (uint32_t end = row + group->user_row_counts[user]; row < end; row++) {
            add_row(validation, group, user, row);
        }
    }
    validation->found.row_count += group->row_count;
}

static enum corong_status check_group(struct validation *validation,
                                      const struct segment_selection *everything)
{
    const struct segment_group *entry = &validation->footer->groups[validation->group_index];
    const struct segment_group_zone *zone = &entry->zone;
    struct row_group group;
    if (entry->ids.ascending) {
        TRY(segment_numbers_check(validation->reader, &entry->ids, validation->scratch,
                                  validation->error));
    }
    TRY(segment_reader_read(validation->reader, validation->group_index, everything,
                            validation->scratch, &group, validation->error));
    TRY(check_users(validation, &group, zone));
    TRY(check_masks(validation, &group));
    TRY(check_columns(validation, &group));
    const struct segment_array *time =
        segment_footer_array(validation->footer, validation->group_index, COLUMN_TIME);
    if (zone->time_min_us != time->minimum || zone->time_max_us != time->maximum) {
        return wrong(validation, "the times of the zone map are wrong");
    }
    struct segment_meta *found = &validation->found;
    bool first = validation->group_index == 0;
    found->time_min_us =
        first || time->minimum < found->time_min_us ? time->minimum : found->time_min_us;
    found->time_max_us =
        first || time->maximum > found->time_max_us ? time->maximum : found->time_max_us;
    TRY(check_order(validation, &group));
    keep_last_row(validation, &group);
    add_rows(validation, &group);
    return CORONG_OK;
}

static enum corong_status check_totals(struct validation *validation)
{
    const struct segment_footer *footer = validation->footer;
    const struct segment_meta *stated = &footer->meta;
    const struct segment_meta *found = &validation->found;
    if (footer->group_count == 0 || stated->row_count != found->row_count ||
        stated->user_count != found->user_count || stated->time_min_us != found->time_min_us ||
        stated->time_max_us != found->time_max_us) {
        return wrong(validation, "rows, users or times do not add up to those of the footer");
    }
    if (!hash128_equal(stated->key_min, footer->groups[0].zone.key_min) ||
        !hash128_equal(stated->key_max, footer->groups[footer->group_count - 1].zone.key_max)) {
        return wrong(validation, "the keys of the footer are wrong");
    }
    if (!hash128_equal(stated->row_digest, found->row_digest)) {
        return wrong(validation, "the digest of the rows is wrong");
    }
    return CORONG_OK;
}

static enum corong_status validate_all(struct validation *validation)
{
    struct segment_selection everything = {.ids = true};
    for (uint32_t column = 0; column < validation->footer->schema.column_count; column++) {
        segment_select(&everything, column);
    }
    TRY(check_blocks(validation));
    TRY(check_dictionaries(validation));
    TRY(check_name_bits(validation));
    for (uint32_t group = 0; group < validation->footer->group_count; group++) {
        validation->group_index = group;
        TRY(check_group(validation, &everything));
    }
    return check_totals(validation);
}

enum corong_status segment_validate(struct segment_reader *reader, struct corong_error *error)
{
    struct validation *validation = memory_allocate_zeroed(1, sizeof(*validation));
    validation->reader = reader;
    validation->footer = &reader->footer;
    validation->error = error;
    validation->scratch = segment_scratch_create();
    canonical_order_init(&validation->order, &reader->footer.schema);
    enum corong_status status = validate_all(validation);
    text_buffer_deinit(&validation->canonical);
    text_buffer_deinit(&validation->digest_bytes);
    memory_free(validation->work.bytes);
    segment_scratch_destroy(validation->scratch);
    memory_free(validation);
    return status;
}
