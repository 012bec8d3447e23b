// SPDX-License-Identifier: Apache-2.0
/// The footer: what the file holds and where. Parsed only after its hash was good, and still
/// nothing in it is trusted: counts are bounded by the bytes left before memory is taken for them.
#include "storage/segment/segment_private.h"

#define GROUP_SIZE_MIN 78u ///< a group's bytes without its columns
#define BLOCK_ENTRY_SIZE 12u
#define COLUMN_SIZE_MIN 6u
#define COLUMN_ABSENT ((uint8_t)0)
#define COLUMN_PRESENT ((uint8_t)1)

static void append_hash128(struct text_buffer *out, struct hash128 value)
{
    text_buffer_append_u64(out, value.high);
    text_buffer_append_u64(out, value.low);
}

static struct hash128 take_hash128(struct byte_cursor *cursor)
{
    struct hash128 value = {.high = byte_cursor_u64(cursor)};
    value.low = byte_cursor_u64(cursor);
    return value;
}

static void append_meta(struct text_buffer *out, const struct segment_meta *meta)
{
    text_buffer_append(out, meta->uuid, SEGMENT_UUID_SIZE);
    text_buffer_append_u64(out, meta->row_count);
    text_buffer_append_u64(out, meta->user_count);
    text_buffer_append_i64(out, meta->period);
    text_buffer_append_i64(out, meta->time_min_us);
    text_buffer_append_i64(out, meta->time_max_us);
    text_buffer_append_i64(out, meta->as_of_us);
    append_hash128(out, meta->key_min);
    append_hash128(out, meta->key_max);
    append_hash128(out, meta->row_digest);
}

static void take_meta(struct byte_cursor *cursor, struct segment_meta *meta)
{
    const void *uuid = byte_cursor_take(cursor, SEGMENT_UUID_SIZE);
    if (uuid != NULL) {
        memcpy(meta->uuid, uuid, SEGMENT_UUID_SIZE);
    }
    meta->row_count = byte_cursor_u64(cursor);
    meta->user_count = byte_cursor_u64(cursor);
    meta->period = byte_cursor_i64(cursor);
    meta->time_min_us = byte_cursor_i64(cursor);
    meta->time_max_us = byte_cursor_i64(cursor);
    meta->as_of_us = byte_cursor_i64(cursor);
    meta->key_min = take_hash128(cursor);
    meta->key_max = take_hash128(cursor);
    meta->row_digest = take_hash128(cursor);
}

static void append_strings(struct text_buffer *out, const struct segment_strings *strings)
{
    text_buffer_append_u32(out, strings->count);
    text_buffer_append_u32(out, strings->first_block);
    text_buffer_append_u64(out, strings->size_bytes);
}

static struct segment_strings take_strings(struct byte_cursor *cursor)
{
    struct segment_strings strings = {.count = byte_cursor_u32(cursor)};
    strings.first_block = byte_cursor_u32(cursor);
    strings.size_bytes = byte_cursor_u64(cursor);
    return strings;
}

static void append_array(struct text_buffer *out, const struct segment_array *array)
{
    text_buffer_append_u8(out, (uint8_t)array->kind);
    if (array->kind == SEGMENT_ARRAY_MISSING) {
        return;
    }
    text_buffer_append_i64(out, array->minimum);
    if (array->kind == SEGMENT_ARRAY_BLOCK) {
        text_buffer_append_i64(out, array->maximum);
        text_buffer_append_u32(out, array->present_count);
        text_buffer_append_u32(out, array->block);
    }
}

static struct segment_array take_array(struct byte_cursor *cursor, uint32_t row_count)
{
    struct segment_array array = {.kind = byte_cursor_u8(cursor)};
    if (array.kind == SEGMENT_ARRAY_MISSING) {
        return array;
    }
    array.minimum = byte_cursor_i64(cursor);
    array.maximum = array.minimum;
    array.present_count = row_count;
    if (array.kind == SEGMENT_ARRAY_BLOCK) {
        array.maximum = byte_cursor_i64(cursor);
        array.present_count = byte_cursor_u32(cursor);
        array.block = byte_cursor_u32(cursor);
    }
    return array;
}

static void append_columns(struct text_buffer *out, const struct segment_footer *footer)
{
    text_buffer_append_u32(out, footer->schema.column_count);
    for (uint32_t column = 0; column < footer->schema.column_count; column++) {
        text_buffer_append_u8(out, (uint8_t)footer->schema.columns[column].type);
        text_buffer_append_sized(out, footer->schema.columns[column].name);
        if (footer->schema.columns[column].type == COLUMN_STRING) {
            append_strings(out, &footer->dictionaries[column]);
            text_buffer_append_u32(out, footer->rank_blocks[column]);
        }
    }
    text_buffer_append_u8(out, (uint8_t)footer->name_bit_count);
    for (uint32_t bit = 0; bit < footer->name_bit_count; bit++) {
        text_buffer_append_u32(out, footer->name_codes[bit]);
    }
    if (footer->has_secret) {
        text_buffer_append(out, footer->secret.bytes, HASH_SECRET_SIZE);
    }
}

static void append_numbers(struct text_buffer *out, const struct segment_strings *strings)
{
    text_buffer_append_u8(out, strings->digits);
    if (strings->digits > 0) {
        text_buffer_append_u8(out, (uint8_t)strings->prefix.size);
        text_buffer_append_text(out, strings->prefix);
    }
}

static void append_group(struct text_buffer *out, const struct segment_footer *footer,
                         const struct segment_group *group)
{
    const struct segment_group_zone *zone = &group->zone;
    text_buffer_append_u32(out, zone->row_count);
    text_buffer_append_u32(out, zone->user_count);
    text_buffer_append_i64(out, zone->time_min_us);
    text_buffer_append_i64(out, zone->time_max_us);
    append_hash128(out, zone->key_min);
    append_hash128(out, zone->key_max);
    text_buffer_append_u8(out,
                          (uint8_t)(zone->first_user_continues | zone->last_user_continues << 1 |
                                    group->ids.ascending << 2));
    for (unsigned part = 0; part < SEGMENT_PART_COUNT; part++) {
        append_array(out, &group->parts[part]);
    }
    append_strings(out, &group->ids);
    if (footer->has_secret) {
        append_numbers(out, &group->ids);
    }
}

static bool column_is_absent(const struct segment_footer *footer, uint32_t column)
{
    for (uint32_t group = 0; group < footer->group_count; group++) {
        if (segment_footer_array(footer, group, column)->kind != SEGMENT_ARRAY_MISSING) {
            return false;
        }
    }
    return true;
}

static void append_arrays(struct text_buffer *out, const struct segment_footer *footer)
{
    for (uint32_t column = 0; column < footer->schema.column_count; column++) {
        bool absent = column_is_absent(footer, column);
        text_buffer_append_u8(out, (uint8_t)(absent ? COLUMN_ABSENT : COLUMN_PRESENT));
        for (uint32_t group = 0; !absent && group < footer->group_count; group++) {
            append_array(out, segment_footer_array(footer, group, column));
        }
    }
}

void segment_footer_append(const struct segment_footer *footer, struct text_buffer *out)
{
    append_meta(out, &footer->meta);
    append_columns(out, footer);
    text_buffer_append_u32(out, footer->group_count);
    for (uint32_t group = 0; group < footer->group_count; group++) {
        append_group(out, footer, &footer->groups[group]);
    }
    append_arrays(out, footer);
    text_buffer_append_u32(out, footer->block_count);
    for (uint32_t block = 0; block < footer->block_count; block++) {
        text_buffer_append_u32(out, footer->blocks[block].size);
        text_buffer_append_u64(out, footer->blocks[block].hash);
    }
}

static enum corong_status corrupt(struct corong_error *error, const char *what)
{
    return error_set(error, CORONG_CORRUPT, "the footer is wrong: %s", what);
}

static bool system_column_fits(const struct schema *schema, const struct schema *system,
                               uint32_t column)
{
    return text_equal(schema->columns[column].name, system->columns[column].name) &&
           schema->columns[column].type == system->columns[column].type;
}

static enum corong_status parse_schema(struct byte_cursor *cursor, struct arena *arena,
                                       struct segment_footer *footer, struct corong_error *error)
{
    struct schema *schema = &footer->schema;
    struct schema system;
    schema_init(&system, arena);
    schema->column_count = byte_cursor_u32(cursor);
    if (schema->column_count < COLUMN_SYSTEM_COUNT ||
        schema->column_count > SCHEMA_COLUMN_COUNT_MAX) {
        return corrupt(error, "column count");
    }
    schema->columns = arena_allocate_zeroed(arena, schema->column_count, sizeof(*schema->columns));
    footer->dictionaries =
        arena_allocate_zeroed(arena, schema->column_count, sizeof(*footer->dictionaries));
    footer->rank_blocks = arena_allocate(arena, schema->column_count * sizeof(uint32_t));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        enum column_type type = byte_cursor_u8(cursor);
        schema->columns[column].type = type;
        footer->rank_blocks[column] = SEGMENT_NO_RANKS;
        schema->columns[column].name = byte_cursor_text(cursor);
        if (cursor->failed || type < COLUMN_STRING || type > COLUMN_BOOLEAN) {
            return corrupt(error, "column");
        }
        if (column < COLUMN_SYSTEM_COUNT && !system_column_fits(schema, &system, column)) {
            return corrupt(error, "system column");
        }
        if (type == COLUMN_STRING) {
            footer->dictionaries[column] = take_strings(cursor);
            footer->rank_blocks[column] = byte_cursor_u32(cursor);
        }
    }
    return CORONG_OK;
}

// A list is possible if it is bounded and its blocks exist.
static bool strings_fit(const struct segment_strings *strings, uint32_t block_count)
{
    if (strings->size_bytes > SEGMENT_STRINGS_SIZE_MAX || strings->first_block > block_count) {
        return false;
    }
    uint64_t blocks =
        (uint64_t)segment_strings_size_blocks(strings) + segment_strings_byte_blocks(strings);
    return blocks <= block_count - strings->first_block;
}

static bool numbers_fit(const struct segment_strings *strings)
{
    if (strings->digits == 0) {
        return true;
    }
    if (strings->digits == SEGMENT_DIGITS_NATURAL) {
        uint64_t least = strings->count * ((uint64_t)strings->prefix.size + 1);
        uint64_t most = strings->count * ((uint64_t)strings->prefix.size + SEGMENT_DIGITS_MAX);
        return strings->size_bytes >= least && strings->size_bytes <= most;
    }
    return strings->digits <= SEGMENT_DIGITS_MAX &&
           strings->size_bytes == strings->count * (strings->prefix.size + strings->digits);
}

// Without an order of their own, users have that of keys which follow from ids of one namespace.
static bool order_fits(const struct segment_group *group)
{
    return !group->ids.ascending || (group->ids.digits > 0 && segment_keys_derive(group) &&
                                     group->parts[SEGMENT_FLAGS].kind == SEGMENT_ARRAY_CONSTANT);
}

static enum corong_status parse_name_bits(struct byte_cursor *cursor, struct segment_footer *footer,
                                          struct corong_error *error)
{
    footer->name_bit_count = byte_cursor_u8(cursor);
    if (footer->name_bit_count > SEGMENT_NAME_BIT_COUNT) {
        return corrupt(error, "name bit count");
    }
    for (uint32_t bit = 0; bit < footer->name_bit_count; bit++) {
        footer->name_codes[bit] = byte_cursor_u32(cursor);
        if (footer->name_codes[bit] >= footer->dictionaries[COLUMN_NAME].count) {
            return corrupt(error, "name bit");
        }
    }
    return CORONG_OK;
}

static void take_secret(struct byte_cursor *cursor, struct segment_footer *footer)
{
    const void *secret = byte_cursor_take(cursor, HASH_SECRET_SIZE);
    if (secret != NULL) {
        memcpy(footer->secret.bytes, secret, HASH_SECRET_SIZE);
    }
}

static void take_numbers(struct byte_cursor *cursor, struct segment_strings *strings)
{
    strings->digits = byte_cursor_u8(cursor);
    if (strings->digits > 0) {
        size_t size = byte_cursor_u8(cursor);
        const void *prefix = byte_cursor_take(cursor, size);
        strings->prefix = prefix == NULL ? (struct text){"", 0} : (struct text){prefix, size};
    }
}

static void parse_group(struct byte_cursor *cursor, bool has_numbers, struct segment_group *group)
{
    struct segment_group_zone *zone = &group->zone;
    zone->row_count = byte_cursor_u32(cursor);
    zone->user_count = byte_cursor_u32(cursor);
    zone->time_min_us = byte_cursor_i64(cursor);
    zone->time_max_us = byte_cursor_i64(cursor);
    zone->key_min = take_hash128(cursor);
    zone->key_max = take_hash128(cursor);
    uint8_t flags = byte_cursor_u8(cursor);
    zone->first_user_continues = (flags & 1) != 0;
    zone->last_user_continues = (flags & 2) != 0;
    for (unsigned part = 0; part < SEGMENT_PART_COUNT; part++) {
        group->parts[part] = take_array(cursor, zone->user_count);
    }
    group->ids = take_strings(cursor);
    group->ids.ascending = (flags & 4) != 0;
    if (has_numbers) {
        take_numbers(cursor, &group->ids);
    }
}

static enum corong_status parse_groups(struct byte_cursor *cursor, struct arena *arena,
                                       struct segment_footer *footer, struct corong_error *error)
{
    footer->group_count = byte_cursor_u32(cursor);
    if (footer->group_count > byte_cursor_left(cursor) / GROUP_SIZE_MIN) {
        return corrupt(error, "group count");
    }
    footer->groups = arena_allocate_zeroed(arena, footer->group_count, sizeof(*footer->groups));
    for (uint32_t at = 0; at < footer->group_count; at++) {
        struct segment_group *group = &footer->groups[at];
        parse_group(cursor, footer->has_secret, group);
        const struct segment_group_zone *zone = &group->zone;
        if (cursor->failed || zone->row_count == 0 ||
            zone->row_count > SEGMENT_GROUP_ROW_COUNT_MAX || zone->user_count == 0 ||
            zone->user_count > zone->row_count || group->ids.count != zone->user_count) {
            return corrupt(error, "group");
        }
    }
    return CORONG_OK;
}

static enum corong_status parse_arrays(struct byte_cursor *cursor, struct arena *arena,
                                       struct segment_footer *footer, struct corong_error *error)
{
    uint32_t columns = footer->schema.column_count;
    footer->arrays = arena_allocate_zeroed(arena, (size_t)footer->group_count * columns,
                                           sizeof(*footer->arrays));
    for (uint32_t column = 0; column < columns; column++) {
        unsigned presence = byte_cursor_u8(cursor);
        if (presence > COLUMN_PRESENT) {
            return corrupt(error, "column presence");
        }
        for (uint32_t group = 0; presence == COLUMN_PRESENT && group < footer->group_count;
             group++) {
            footer->arrays[(size_t)group * columns + column] =
                take_array(cursor, footer->groups[group].zone.row_count);
        }
    }
    return cursor->failed ? corrupt(error, "columns are cut short") : CORONG_OK;
}

static enum corong_status parse_blocks(struct byte_cursor *cursor, uint64_t blocks_end,
                                       struct arena *arena, struct segment_footer *footer,
                                       struct corong_error *error)
{
    footer->block_count = byte_cursor_u32(cursor);
    if (byte_cursor_left(cursor) != (uint64_t)footer->block_count * BLOCK_ENTRY_SIZE) {
        return corrupt(error, "block count");
    }
    footer->blocks = arena_allocate_zeroed(arena, footer->block_count, sizeof(*footer->blocks));
    uint64_t offset = SEGMENT_HEADER_SIZE;
    for (uint32_t at = 0; at < footer->block_count; at++) {
        struct segment_block_entry *block = &footer->blocks[at];
        block->offset = offset;
        block->size = byte_cursor_u32(cursor);
        block->hash = byte_cursor_u64(cursor);
        offset += segment_aligned(block->size);
        if (block->size < SEGMENT_BLOCK_HEADER_SIZE ||
            block->size > SEGMENT_BLOCK_HEADER_SIZE + SEGMENT_BLOCK_SIZE_MAX ||
            offset > blocks_end) {
            return corrupt(error, "block size");
        }
    }
    return offset == blocks_end ? CORONG_OK : corrupt(error, "blocks do not fill the file");
}

static bool array_fits(const struct segment_array *array, uint32_t count, uint32_t block_count)
{
    switch (array->kind) {
    case SEGMENT_ARRAY_MISSING:
        return array->present_count == 0;
    case SEGMENT_ARRAY_CONSTANT:
        return true;
    case SEGMENT_ARRAY_BLOCK:
        return array->present_count > 0 && array->present_count <= count &&
               array->minimum <= array->maximum && array->block < block_count;
    }
    return false;
}

static bool column_fits(const struct segment_footer *footer, uint32_t group, uint32_t column)
{
    const struct segment_array *array = segment_footer_array(footer, group, column);
    uint32_t rows = footer->groups[group].zone.row_count;
    if (!array_fits(array, rows, footer->block_count)) {
        return false;
    }
    bool required = column == COLUMN_TIME || column == COLUMN_NAME;
    if (required && array->present_count != rows) {
        return false;
    }
    bool codes = footer->schema.columns[column].type == COLUMN_STRING;
    return !codes || array->kind == SEGMENT_ARRAY_MISSING ||
           (array->minimum >= 0 && array->maximum < footer->dictionaries[column].count);
}

// Keys are the only parts whose 64 bits are unsigned, so their bounds say nothing.
static bool part_fits(const struct segment_footer *footer, const struct segment_group *group,
                      unsigned part)
{
    const struct segment_array *array = &group->parts[part];
    uint32_t block_count = footer->block_count;
    if (part == SEGMENT_KEY_HIGH || part == SEGMENT_KEY_LOW) {
        // Both halves are there, or both follow from the ids.
        bool derive = array->kind == SEGMENT_ARRAY_MISSING;
        if (derive != segment_keys_derive(group)) {
            return false;
        }
        if (derive) {
            return footer->has_secret;
        }
    }
    return (array->kind == SEGMENT_ARRAY_CONSTANT || array->kind == SEGMENT_ARRAY_BLOCK) &&
           array_fits(array, group->zone.user_count, block_count) &&
           array->present_count == group->zone.user_count;
}

static enum corong_status check_references(const struct segment_footer *footer,
                                           struct corong_error *error)
{
    for (uint32_t column = 0; column < footer->schema.column_count; column++) {
        const struct segment_strings *strings = &footer->dictionaries[column];
        // Entries differ, so at most one is empty.
        if (!strings_fit(strings, footer->block_count) ||
            strings->count > strings->size_bytes + 1) {
            return corrupt(error, "dictionary");
        }
        uint32_t ranks = footer->rank_blocks[column];
        if (ranks != SEGMENT_NO_RANKS &&
            (ranks >= footer->block_count || strings->count > ENCODING_COUNT_MAX)) {
            return corrupt(error, "ranks of a dictionary");
        }
    }
    for (uint32_t group = 0; group < footer->group_count; group++) {
        for (uint32_t column = 0; column < footer->schema.column_count; column++) {
            if (!column_fits(footer, group, column)) {
                return corrupt(error, "column of a group");
            }
        }
        for (unsigned part = 0; part < SEGMENT_PART_COUNT; part++) {
            if (!part_fits(footer, &footer->groups[group], part)) {
                return corrupt(error, "users of a group");
            }
        }
        const struct segment_strings *ids = &footer->groups[group].ids;
        if (!strings_fit(ids, footer->block_count) || !numbers_fit(ids) ||
            !order_fits(&footer->groups[group])) {
            return corrupt(error, "user ids of a group");
        }
    }
    return CORONG_OK;
}

enum corong_status segment_footer_parse(const uint8_t *bytes, size_t size, uint32_t features,
                                        uint64_t blocks_end, struct arena *arena,
                                        struct segment_footer *footer, struct corong_error *error)
{
    struct byte_cursor cursor = byte_cursor_over(bytes, size);
    memset(footer, 0, sizeof(*footer));
    take_meta(&cursor, &footer->meta);
    if (byte_cursor_left(&cursor) / COLUMN_SIZE_MIN < COLUMN_SYSTEM_COUNT) {
        return corrupt(error, "cut short");
    }
    TRY(parse_schema(&cursor, arena, footer, error));
    TRY(parse_name_bits(&cursor, footer, error));
    footer->has_secret = (features & SEGMENT_FEATURE_DERIVED_KEYS) != 0;
    if (footer->has_secret) {
        take_secret(&cursor, footer);
    }
    TRY(parse_groups(&cursor, arena, footer, error));
    TRY(parse_arrays(&cursor, arena, footer, error));
    TRY(parse_blocks(&cursor, blocks_end, arena, footer, error));
    return check_references(footer, error);
}
