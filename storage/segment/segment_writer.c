// SPDX-License-Identifier: Apache-2.0
/// Writes segments: groups become blocks at once, everything else waits for the footer.
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/segment/segment_choices.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/segment_names.h"
#include "storage/segment/segment_numbers.h"

struct segment_writer {
    char path[SEGMENT_PATH_SIZE];
    int descriptor;
    bool in_memory;
    bool quick; ///< no ranks
    bool sealed;
    struct arena arena;
    struct encoding_encoder *encoder;
    const struct dictionary *dictionaries;
    struct segment_footer footer;
    uint32_t group_capacity;
    uint32_t block_capacity;
    uint64_t offset;          ///< where the next block begins
    struct text_buffer block; ///< the block being built
    uint64_t *work;           ///< one value per row
    uint32_t work_capacity;
    struct segment_choices *choices;
    struct segment_choices *own_choices; ///< NULL where they are somebody's
    struct segment_choice_set *chosen;   ///< of `choices`: those for groups of this size
    struct segment_names names;
    uint32_t *ranks[SCHEMA_COLUMN_COUNT_MAX]; ///< by code, made from the first group with values
    bool ranks_made[SCHEMA_COLUMN_COUNT_MAX];
};

static void copy_schema(struct segment_writer *writer, const struct schema *schema)
{
    struct schema *copy = &writer->footer.schema;
    copy->column_count = schema->column_count;
    copy->columns =
        arena_allocate_zeroed(&writer->arena, schema->column_count, sizeof(*copy->columns));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        copy->columns[column].name = arena_copy_text(&writer->arena, schema->columns[column].name);
        copy->columns[column].type = schema->columns[column].type;
    }
    writer->footer.dictionaries = arena_allocate_zeroed(&writer->arena, schema->column_count,
                                                        sizeof(*writer->footer.dictionaries));
}

static void init_ranks(struct segment_writer *writer)
{
    uint32_t count = writer->footer.schema.column_count;
    writer->footer.rank_blocks = arena_allocate(&writer->arena, count * sizeof(uint32_t));
    for (uint32_t column = 0; column < count; column++) {
        writer->footer.rank_blocks[column] = SEGMENT_NO_RANKS;
    }
}

enum corong_status segment_writer_create(struct segment_writer **writer_out,
                                         const struct segment_writer_options *options,
                                         struct corong_error *error)
{
    ASSERT(options->zstd_level >= 0 && options->zstd_level <= 12);
    ASSERT(options->schema->column_count >= COLUMN_SYSTEM_COUNT);
    ASSERT(options->schema->column_count <= SCHEMA_COLUMN_COUNT_MAX);
    struct segment_writer *writer = memory_allocate_zeroed(1, sizeof(*writer));
    writer->descriptor = -1;
    writer->in_memory = options->directory == NULL;
    enum corong_status status = segment_file_create(writer->path, options->directory, options->uuid,
                                                    &writer->descriptor, error);
    if (status != CORONG_OK) {
        memory_free(writer);
        return status;
    }
    writer->encoder = encoding_encoder_create(options->zstd_level);
    writer->quick = options->zstd_level == 0;
    writer->own_choices = options->choices == NULL ? segment_choices_create() : NULL;
    writer->choices = options->choices == NULL ? writer->own_choices : options->choices;
    writer->dictionaries = options->dictionaries;
    memcpy(writer->footer.meta.uuid, options->uuid, SEGMENT_UUID_SIZE);
    writer->footer.meta.period = options->period;
    writer->offset = SEGMENT_HEADER_SIZE;
    if (options->secret != NULL) {
        writer->footer.has_secret = true;
        writer->footer.secret = *options->secret;
    }
    copy_schema(writer, options->schema);
    segment_names_init(&writer->names, &writer->arena, writer->dictionaries[COLUMN_NAME].count);
    init_ranks(writer);
    uint8_t header[SEGMENT_HEADER_SIZE];
    segment_header_build(header, options);
    status = file_write_all(writer->descriptor, header, sizeof(header), error);
    if (status != CORONG_OK) {
        segment_writer_destroy(writer);
        return status;
    }
    *writer_out = writer;
    return CORONG_OK;
}

void segment_writer_destroy(struct segment_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->in_memory) {
        if (writer->descriptor >= 0) {
            file_close_quietly(writer->descriptor);
        }
    } else if (!writer->sealed) {
        // The first failure was reported; what is left over here is found as an orphan at start.
        if (writer->descriptor >= 0) {
            (void)!file_close(writer->descriptor, writer->path, NULL);
        }
        (void)!file_remove(writer->path, NULL);
    }
    encoding_encoder_destroy(writer->encoder);
    segment_choices_destroy(writer->own_choices);
    text_buffer_deinit(&writer->block);
    memory_free(writer->footer.groups);
    memory_free(writer->footer.arrays);
    memory_free(writer->footer.blocks);
    memory_free(writer->work);
    for (uint32_t column = 0; column < SCHEMA_COLUMN_COUNT_MAX; column++) {
        memory_free(writer->ranks[column]);
    }
    arena_deinit(&writer->arena);
    memory_free(writer);
}

static void block_begin(struct segment_writer *writer)
{
    text_buffer_reset(&writer->block);
    char *header = text_buffer_reserve(&writer->block, SEGMENT_BLOCK_HEADER_SIZE);
    memset(header, 0, SEGMENT_BLOCK_HEADER_SIZE);
    writer->block.size = SEGMENT_BLOCK_HEADER_SIZE;
}

static void block_fill_header(const struct segment_writer *writer,
                              const struct segment_block *block)
{
    char *header = writer->block.bytes;
    bytes_store_u32(header + 8, writer->footer.block_count);
    bytes_store_u32(header + 12, block->raw_size);
    bytes_store_u32(header + 16, block->payload_size);
    bytes_store_u32(header + 20, block->value_count);
    bytes_store_u16(header + 24, (uint16_t)block->owner);
    header[26] = (char)block->kind;
    header[27] = (char)block->compressed;
}

static void remember_block(struct segment_writer *writer, struct segment_block_entry entry)
{
    struct segment_footer *footer = &writer->footer;
    if (footer->block_count == writer->block_capacity) {
        writer->block_capacity = writer->block_capacity == 0 ? 256 : writer->block_capacity * 2;
        footer->blocks =
            memory_resize_array(footer->blocks, writer->block_capacity, sizeof(*footer->blocks));
    }
    footer->blocks[footer->block_count++] = entry;
}

// Writes what was appended since block_begin(); sizes of `block` are filled here, raw_size only
// where it is 0.
static enum corong_status block_end(struct segment_writer *writer, struct segment_block *block,
                                    struct corong_error *error)
{
    size_t size = writer->block.size;
    ASSERT(size <= SEGMENT_BLOCK_HEADER_SIZE + SEGMENT_BLOCK_SIZE_MAX);
    block->payload_size = (uint32_t)(size - SEGMENT_BLOCK_HEADER_SIZE);
    block->raw_size = block->raw_size == 0 ? block->payload_size : block->raw_size;
    block_fill_header(writer, block);
    static const char padding[SEGMENT_BLOCK_ALIGNMENT];
    text_buffer_append(&writer->block, padding, segment_aligned(size) - size);
    uint64_t seed = segment_block_seed(writer->footer.meta.uuid, writer->footer.block_count);
    uint64_t hash = hash_bytes64_seeded(writer->block.bytes + 8, writer->block.size - 8, seed);
    bytes_store_u64(writer->block.bytes, hash);
    TRY_IN(file_write_all(writer->descriptor, writer->block.bytes, writer->block.size, error),
           error, "segment '%s'", writer->path);
    remember_block(writer, (struct segment_block_entry){writer->offset, (uint32_t)size, hash});
    writer->offset += writer->block.size;
    return CORONG_OK;
}

static enum corong_status
write_array(struct segment_writer *writer, uint32_t owner, struct encoding_choice *choice,
            const struct segment_transform *transform, const uint64_t *values, uint32_t count,
            const struct encoding_users *users, struct corong_error *error)
{
    block_begin(writer);
    segment_transform_append(transform, &writer->block);
    (void)encoding_encode_again(writer->encoder, choice, values, count, users, &writer->block);
    struct segment_block block = {
        .owner = owner, .kind = SEGMENT_BLOCK_ARRAY, .value_count = count};
    return block_end(writer, &block, error);
}

static uint64_t *work_of(struct segment_writer *writer, uint32_t count)
{
    if (count > writer->work_capacity) {
        memory_free(writer->work);
        writer->work = memory_allocate(count * sizeof(*writer->work));
        writer->work_capacity = count;
    }
    return writer->work;
}

static enum corong_status write_part(struct segment_writer *writer, enum segment_part part,
                                     const uint64_t *values, uint32_t count,
                                     struct segment_array *array, struct corong_error *error)
{
    static const struct segment_transform none = {0};
    bool constant = true;
    for (uint32_t index = 1; index < count && constant; index++) {
        constant = values[index] == values[0];
    }
    *array = (struct segment_array){.kind = SEGMENT_ARRAY_CONSTANT, .present_count = count};
    if (constant) {
        array->minimum = (int64_t)values[0];
        return CORONG_OK;
    }
    array->kind = SEGMENT_ARRAY_BLOCK;
    array->block = writer->footer.block_count;
    return write_array(writer, SEGMENT_OWNER_PART + (uint32_t)part, &writer->chosen->parts[part],
                       &none, values, count, NULL, error);
}

static enum corong_status write_string_bytes(struct segment_writer *writer, uint32_t owner,
                                             const char *bytes, uint64_t size,
                                             struct corong_error *error)
{
    for (uint64_t from = 0; from < size; from += SEGMENT_STRING_BLOCK_SIZE) {
        uint64_t left = size - from;
        size_t piece = left < SEGMENT_STRING_BLOCK_SIZE ? left : SEGMENT_STRING_BLOCK_SIZE;
        block_begin(writer);
        struct segment_block block = {.owner = owner,
                                      .kind = SEGMENT_BLOCK_BYTES,
                                      .raw_size = (uint32_t)piece,
                                      .value_count = (uint32_t)piece};
        block.compressed = encoding_compress(writer->encoder, bytes + from, piece, &writer->block);
        if (!block.compressed) {
            text_buffer_append(&writer->block, bytes + from, piece);
        }
        TRY(block_end(writer, &block, error));
    }
    return CORONG_OK;
}

static enum corong_status write_strings(struct segment_writer *writer, uint32_t sizes_owner,
                                        uint32_t bytes_owner, struct encoding_choice *choice,
                                        const struct dictionary *strings,
                                        struct segment_strings *strings_out,
                                        struct corong_error *error)
{
    static const struct segment_transform none = {0};
    uint64_t size = strings->count == 0 ? 0 : strings->offsets[strings->count];
    if (size > SEGMENT_STRINGS_SIZE_MAX) {
        return error_set(
            error, CORONG_INVALID,
            "segment '%s': strings of %llu bytes in one list; at most %llu are allowed",
            writer->path, (unsigned long long)size, (unsigned long long)SEGMENT_STRINGS_SIZE_MAX);
    }
    *strings_out = (struct segment_strings){
        .count = strings->count, .first_block = writer->footer.block_count, .size_bytes = size};
    for (uint32_t from = 0; from < strings->count; from += ENCODING_COUNT_MAX) {
        uint32_t left = strings->count - from;
        uint32_t piece = left < ENCODING_COUNT_MAX ? left : ENCODING_COUNT_MAX;
        uint64_t *sizes = work_of(writer, piece);
        for (uint32_t index = 0; index < piece; index++) {
            sizes[index] = strings->offsets[from + index + 1] - strings->offsets[from + index];
        }
        TRY(write_array(writer, sizes_owner, choice, &none, sizes, piece, NULL, error));
    }
    return write_string_bytes(writer, bytes_owner, strings->bytes, size, error);
}

static void rank_codes(struct segment_writer *writer, uint32_t column, const uint32_t *codes,
                       bool nullable, uint64_t *encoded, uint32_t count)
{
    if (!writer->ranks_made[column] && !writer->quick) {
        writer->ranks_made[column] = true;
        writer->ranks[column] =
            segment_ranks_make(codes, count, writer->dictionaries[column].count);
    }
    if (writer->ranks[column] != NULL) {
        segment_ranks_apply(writer->ranks[column], nullable, encoded, count);
    }
}

static enum corong_status write_column(struct segment_writer *writer, uint32_t column,
                                       const struct row_group *group,
                                       const struct encoding_users *users,
                                       struct segment_array *array, struct corong_error *error)
{
    const struct column_values *values = &group->columns[column];
    enum column_type type = writer->footer.schema.columns[column].type;
    uint64_t *work = work_of(writer, group->row_count);
    struct segment_transform transform;
    if (type == COLUMN_STRING) {
        *array = segment_codes_prepare(values->codes, group->row_count, &transform, work);
        ASSERT(array->kind == SEGMENT_ARRAY_MISSING ||
               array->maximum < writer->dictionaries[column].count);
        if (array->kind == SEGMENT_ARRAY_BLOCK) {
            rank_codes(writer, column, values->codes, transform.nullable, work, group->row_count);
        }
    } else {
        *array = segment_integers_prepare(values->integers, group->row_count, type == COLUMN_NUMBER,
                                          &transform, work);
    }
    if (column == COLUMN_SEQUENCE && values->integers == NULL) {
        array->kind = SEGMENT_ARRAY_CONSTANT; // without a mapped sequence every one is 0
        array->present_count = group->row_count;
    }
    ASSERT((column != COLUMN_TIME && column != COLUMN_NAME) ||
           array->present_count == group->row_count);
    if (array->kind != SEGMENT_ARRAY_BLOCK) {
        return CORONG_OK;
    }
    array->block = writer->footer.block_count;
    encoding_encoder_favour_speed(writer->encoder, column == COLUMN_TIME || column == COLUMN_NAME);
    return write_array(writer, column, &writer->chosen->columns[column], &transform, work,
                       group->row_count, users, error);
}

// What tells other columns of names and visits cannot lean on them itself.
static struct encoding_users users_for(const struct row_group *group, uint32_t column)
{
    struct encoding_users users = {.row_counts = group->user_row_counts,
                                   .user_count = group->user_count};
    if (column != COLUMN_TIME && column != COLUMN_NAME) {
        users.names = group->columns[COLUMN_NAME].codes;
        users.times_us = group->columns[COLUMN_TIME].integers;
    }
    return users;
}

static void fill_part(const struct segment_writer *writer, const struct row_group *group,
                      enum segment_part part, uint64_t *values)
{
    if (part == SEGMENT_MASKS) {
        segment_names_masks(&writer->names, group, values);
        return;
    }
    for (uint32_t user = 0; user < group->user_count; user++) {
        switch (part) {
        case SEGMENT_KEY_HIGH:
            values[user] = group->user_keys[user].high;
            break;
        case SEGMENT_KEY_LOW:
            values[user] = group->user_keys[user].low;
            break;
        case SEGMENT_ROW_COUNTS:
            values[user] = group->user_row_counts[user];
            break;
        default:
            values[user] = group->user_flags[user];
            break;
        }
    }
}

static enum corong_status write_users(struct segment_writer *writer, const struct row_group *group,
                                      struct segment_group *entry, struct corong_error *error)
{
    segment_names_assign(&writer->names, &writer->footer, group);
    // Without a block the parts before are of kind SEGMENT_ARRAY_MISSING, as add_group() left them.
    unsigned first = writer->footer.has_secret && segment_keys_follow(&writer->footer.secret, group)
                         ? SEGMENT_ROW_COUNTS
                         : SEGMENT_KEY_HIGH;
    for (unsigned part = first; part < SEGMENT_PART_COUNT; part++) {
        uint64_t *values = work_of(writer, group->user_count);
        fill_part(writer, group, (enum segment_part)part, values);
        TRY(write_part(writer, (enum segment_part)part, values, group->user_count,
                       &entry->parts[part], error));
    }
    return CORONG_OK;
}

static void check_group(const struct segment_writer *writer, const struct row_group *group)
{
    const struct encoding_users users = {.row_counts = group->user_row_counts,
                                         .user_count = group->user_count};
    ASSERT(group->row_count > 0 && group->row_count <= SEGMENT_GROUP_ROW_COUNT_MAX);
    ASSERT(group->id_offsets != NULL);
    uint64_t rows = 0;
    for (uint32_t user = 0; user < users.user_count; user++) {
        ASSERT(group->user_row_counts[user] > 0);
        ASSERT(user == 0 ||
               hash128_compare(group->user_keys[user - 1], group->user_keys[user]) < 0);
        rows += group->user_row_counts[user];
    }
    ASSERT(rows == group->row_count);
    ASSERT(writer->footer.group_count == 0 ||
           hash128_compare(writer->footer.meta.key_max, group->user_keys[0]) <= 0);
}

static struct segment_group *add_group(struct segment_writer *writer)
{
    struct segment_footer *footer = &writer->footer;
    if (footer->group_count == writer->group_capacity) {
        writer->group_capacity = writer->group_capacity == 0 ? 16 : writer->group_capacity * 2;
        footer->groups =
            memory_resize_array(footer->groups, writer->group_capacity, sizeof(*footer->groups));
        footer->arrays = memory_resize_array(
            footer->arrays, (size_t)writer->group_capacity * footer->schema.column_count,
            sizeof(*footer->arrays));
    }
    struct segment_group *entry = &footer->groups[footer->group_count];
    memset(entry, 0, sizeof(*entry));
    return entry;
}

static void note_zone(struct segment_writer *writer, const struct row_group *group,
                      struct segment_group *entry, const struct segment_array *time)
{
    struct segment_meta *meta = &writer->footer.meta;
    bool first = writer->footer.group_count == 0;
    bool continues = !first && hash128_equal(meta->key_max, group->user_keys[0]);
    entry->zone = (struct segment_group_zone){
        .row_count = group->row_count,
        .user_count = group->user_count,
        .time_min_us = time->minimum,
        .time_max_us = time->maximum,
        .key_min = group->user_keys[0],
        .key_max = group->user_keys[group->user_count - 1],
        .first_user_continues = continues,
    };
    if (continues) {
        entry[-1].zone.last_user_continues = true;
    }
    meta->row_count += group->row_count;
    meta->user_count += group->user_count - continues;
    meta->key_min = first ? entry->zone.key_min : meta->key_min;
    meta->key_max = entry->zone.key_max;
    meta->time_min_us =
        first || time->minimum < meta->time_min_us ? time->minimum : meta->time_min_us;
    meta->time_max_us =
        first || time->maximum > meta->time_max_us ? time->maximum : meta->time_max_us;
}

static enum corong_status write_ids(struct segment_writer *writer, const struct row_group *group,
                                    const struct segment_array *parts, struct segment_strings *out,
                                    struct corong_error *error)
{
    static const struct segment_transform none = {0};
    const struct dictionary ids = {group->user_count, group->id_offsets, group->id_bytes};
    uint64_t *numbers = work_of(writer, ids.count);
    *out = (struct segment_strings){.count = ids.count,
                                    .first_block = writer->footer.block_count,
                                    .size_bytes = ids.offsets[ids.count]};
    if (!writer->footer.has_secret || !segment_numbers_find(&ids, numbers, out)) {
        return write_strings(writer, SEGMENT_OWNER_ID_SIZES, SEGMENT_OWNER_ID_BYTES,
                             &writer->chosen->parts[SEGMENT_CHOICE_ID_SIZES], &ids, out, error);
    }
    out->prefix = arena_copy_text(&writer->arena, out->prefix);
    // Numbers in order are steps, a few bits each; keys, which follow from them, tell the users'.
    out->ascending = parts[SEGMENT_KEY_HIGH].kind == SEGMENT_ARRAY_MISSING &&
                     parts[SEGMENT_FLAGS].kind == SEGMENT_ARRAY_CONSTANT;
    if (out->ascending) {
        segment_numbers_sort(numbers, ids.count);
    }
    return write_array(writer, SEGMENT_OWNER_ID_NUMBERS,
                       &writer->chosen->parts[SEGMENT_CHOICE_ID_NUMBERS], &none, numbers, ids.count,
                       NULL, error);
}

enum corong_status segment_writer_append(struct segment_writer *writer,
                                         const struct row_group *group, struct corong_error *error)
{
    ASSERT(!writer->sealed);
    check_group(writer, group);
    writer->chosen = segment_choices_for(writer->choices, group->row_count);
    struct segment_footer *footer = &writer->footer;
    struct segment_group *entry = add_group(writer);
    struct segment_array *arrays =
        &footer->arrays[(size_t)footer->group_count * footer->schema.column_count];
    TRY(write_users(writer, group, entry, error));
    for (uint32_t column = 0; column < footer->schema.column_count; column++) {
        const struct encoding_users users = users_for(group, column);
        TRY(write_column(writer, column, group, &users, &arrays[column], error));
    }
    TRY(write_ids(writer, group, entry->parts, &entry->ids, error));
    note_zone(writer, group, entry, &arrays[COLUMN_TIME]);
    footer->group_count++;
    return CORONG_OK;
}

static enum corong_status write_ranks(struct segment_writer *writer, uint32_t column,
                                      struct corong_error *error)
{
    static const struct segment_transform none = {0};
    const uint32_t *ranks = writer->ranks[column];
    uint32_t count = writer->dictionaries[column].count;
    if (ranks == NULL) {
        return CORONG_OK;
    }
    uint64_t *codes = work_of(writer, count);
    for (uint32_t code = 0; code < count; code++) {
        codes[ranks[code]] = code;
    }
    struct encoding_choice choice = {0};
    writer->footer.rank_blocks[column] = writer->footer.block_count;
    return write_array(writer, SEGMENT_OWNER_RANKS + column, &choice, &none, codes, count, NULL,
                       error);
}

static enum corong_status write_dictionaries(struct segment_writer *writer,
                                             struct corong_error *error)
{
    for (uint32_t column = 0; column < writer->footer.schema.column_count; column++) {
        if (writer->footer.schema.columns[column].type == COLUMN_STRING) {
            struct encoding_choice choice = {0};
            TRY(write_strings(writer, SEGMENT_OWNER_DICTIONARY_SIZES + column,
                              SEGMENT_OWNER_DICTIONARY_BYTES + column, &choice,
                              &writer->dictionaries[column], &writer->footer.dictionaries[column],
                              error));
            TRY(write_ranks(writer, column, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status write_footer(struct segment_writer *writer,
                                       struct segment_trailer *trailer, struct corong_error *error)
{
    struct text_buffer *buffer = &writer->block;
    text_buffer_reset(buffer);
    segment_footer_append(&writer->footer, buffer);
    if (buffer->size > SEGMENT_FOOTER_SIZE_MAX) {
        return error_set(error, CORONG_INVALID, "segment '%s' has too many groups", writer->path);
    }
    *trailer = (struct segment_trailer){
        .footer_offset = writer->offset,
        .footer_size = buffer->size,
        .footer_hash = hash_bytes128(buffer->bytes, buffer->size),
        .file_size = writer->offset + buffer->size + SEGMENT_TRAILER_SIZE,
    };
    char *bytes = text_buffer_reserve(buffer, SEGMENT_TRAILER_SIZE);
    segment_trailer_build((uint8_t *)bytes, trailer);
    buffer->size += SEGMENT_TRAILER_SIZE;
    return file_write_all(writer->descriptor, buffer->bytes, buffer->size, error);
}

enum corong_status segment_writer_seal(struct segment_writer *writer, struct hash128 row_digest,
                                       int64_t as_of_us, struct segment_meta *meta_out,
                                       struct corong_error *error)
{
    ASSERT(!writer->sealed && writer->footer.group_count > 0);
    struct segment_trailer trailer;
    writer->footer.meta.row_digest = row_digest;
    writer->footer.meta.as_of_us = as_of_us;
    TRY(write_dictionaries(writer, error));
    TRY_IN(write_footer(writer, &trailer, error), error, "segment '%s'", writer->path);
    if (writer->in_memory) {
        TRY_IN(file_seal(writer->descriptor, error), error, "segment '%s'", writer->path);
    } else {
        int descriptor = writer->descriptor;
        TRY(segment_file_finish(descriptor, writer->path, &writer->footer, &trailer, &writer->block,
                                error));
        writer->descriptor = -1;
        TRY(file_close(descriptor, writer->path, error));
    }
    writer->sealed = true;
    *meta_out = writer->footer.meta;
    meta_out->size_bytes = trailer.file_size;
    meta_out->footer_hash = trailer.footer_hash;
    return CORONG_OK;
}

int segment_writer_take(struct segment_writer *writer)
{
    ASSERT(writer->sealed && writer->in_memory && writer->descriptor >= 0);
    int descriptor = writer->descriptor;
    writer->descriptor = -1;
    return descriptor;
}
