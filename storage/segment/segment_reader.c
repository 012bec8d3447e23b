// SPDX-License-Identifier: Apache-2.0
/// Opens segments and decodes what is asked for. A block is used only after its place, header and
/// hash were good, and decoded values only after they were checked against the counts they index.
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/segment/segment_cache.h"
#include "storage/segment/segment_guide.h"
#include "storage/segment/segment_numbers.h"
#include "storage/segment/segment_private.h"

#include <errno.h>

#define FILE_SIZE_MIN (SEGMENT_HEADER_SIZE + SEGMENT_TRAILER_SIZE)

static enum corong_status map_descriptor(struct segment_reader *reader, int descriptor,
                                         struct corong_error *error)
{
    int64_t size = 0;
    TRY(file_size(descriptor, &size, error));
    if (size < (int64_t)FILE_SIZE_MIN) {
        return error_set(error, CORONG_CORRUPT, "segment '%s' is only %lld bytes long",
                         reader->path, (long long)size);
    }
    const void *bytes = NULL;
    TRY_IN(file_map(descriptor, (size_t)size, &bytes, error), error, "segment '%s'", reader->path);
    reader->bytes = bytes;
    reader->size = (size_t)size;
    return CORONG_OK;
}

static enum corong_status map_file(struct segment_reader *reader, struct corong_error *error)
{
    int descriptor;
    TRY(file_open_read(reader->path, &descriptor, error));
    enum corong_status status = map_descriptor(reader, descriptor, error);
    enum corong_status closed = file_close(descriptor, reader->path, error);
    return status != CORONG_OK ? status : closed;
}

static bool meta_equal(const struct segment_meta *left, const struct segment_meta *right)
{
    return memcmp(left->uuid, right->uuid, SEGMENT_UUID_SIZE) == 0 &&
           left->size_bytes == right->size_bytes && left->row_count == right->row_count &&
           left->user_count == right->user_count && left->period == right->period &&
           left->time_min_us == right->time_min_us && left->time_max_us == right->time_max_us &&
           left->as_of_us == right->as_of_us && hash128_equal(left->key_min, right->key_min) &&
           hash128_equal(left->key_max, right->key_max) &&
           hash128_equal(left->row_digest, right->row_digest) &&
           hash128_equal(left->footer_hash, right->footer_hash);
}

static enum corong_status parse_file(struct segment_reader *reader, const uint8_t *uuid,
                                     struct corong_error *error)
{
    struct segment_trailer trailer;
    TRY(segment_header_check(reader->bytes, uuid, error));
    TRY(segment_trailer_parse(reader->bytes + reader->size - SEGMENT_TRAILER_SIZE, reader->size,
                              &trailer, error));
    const uint8_t *footer = reader->bytes + trailer.footer_offset;
    if (!hash128_equal(hash_bytes128(footer, trailer.footer_size), trailer.footer_hash)) {
        return error_set(error, CORONG_CORRUPT, "the footer does not match its checksum");
    }
    TRY(segment_footer_parse(footer, trailer.footer_size, segment_header_features(reader->bytes),
                             trailer.footer_offset, &reader->arena, &reader->footer, error));
    reader->footer.meta.size_bytes = reader->size;
    reader->footer.meta.footer_hash = trailer.footer_hash;
    if (memcmp(reader->footer.meta.uuid, uuid, SEGMENT_UUID_SIZE) != 0) {
        return error_set(error, CORONG_CORRUPT, "the footer has the uuid of another segment");
    }
    return CORONG_OK;
}

// Where a segment is: a file of a directory, or a descriptor.
struct place {
    const char *directory;
    int descriptor; // where directory is NULL
    const uint8_t *uuid;
    const struct segment_meta *meta; // NULL: the footer is believed
};

static enum corong_status map_place(struct segment_reader *reader, const struct place *place,
                                    struct corong_error *error)
{
    if (place->directory == NULL) {
        reader->path = arena_copy_string(&reader->arena, "a descriptor");
        return map_descriptor(reader, place->descriptor, error);
    }
    reader->path = arena_allocate(&reader->arena, SEGMENT_PATH_SIZE);
    TRY(segment_path(reader->path, place->directory, place->uuid, error));
    return map_file(reader, error);
}

static enum corong_status open_place(struct segment_reader *reader, const struct place *place,
                                     struct corong_error *error)
{
    TRY(map_place(reader, place, error));
    const struct segment_meta *meta = place->meta;
    const uint8_t *uuid =
        place->directory == NULL ? segment_header_uuid(reader->bytes) : place->uuid;
    TRY_IN(parse_file(reader, uuid, error), error, "segment '%s'", reader->path);
    if (meta != NULL && !meta_equal(meta, &reader->footer.meta)) {
        return error_set(error, CORONG_CORRUPT,
                         "segment '%s' is not the one that the manifest describes", reader->path);
    }
    uint32_t columns = reader->footer.schema.column_count;
    reader->ranked_codes =
        arena_allocate_zeroed(&reader->arena, columns, sizeof(*reader->ranked_codes));
    reader->dictionaries =
        arena_allocate_zeroed(&reader->arena, columns, sizeof(*reader->dictionaries));
    reader->columns.schema = reader->footer.schema;
    return CORONG_OK;
}

static enum corong_status reader_open(struct segment_reader **reader_out, const struct place *place,
                                      struct corong_error *error)
{
    struct segment_reader *reader = memory_allocate_zeroed(1, sizeof(*reader));
    ASSERT(pthread_mutex_init(&reader->mutex, NULL) == 0);
    enum corong_status status = open_place(reader, place, error);
    if (status != CORONG_OK) {
        segment_reader_close(reader);
        return status;
    }
    *reader_out = reader;
    return CORONG_OK;
}

enum corong_status segment_reader_open(struct segment_reader **reader_out, const char *directory,
                                       const struct segment_meta *meta, struct corong_error *error)
{
    struct place place = {.directory = directory, .uuid = meta->uuid, .meta = meta};
    return reader_open(reader_out, &place, error);
}

enum corong_status segment_reader_open_bare(struct segment_reader **reader_out,
                                            const char *directory, const uint8_t *uuid,
                                            struct corong_error *error)
{
    struct place place = {.directory = directory, .uuid = uuid};
    return reader_open(reader_out, &place, error);
}

enum corong_status segment_reader_open_descriptor(struct segment_reader **reader_out,
                                                  int descriptor, struct corong_error *error)
{
    struct place place = {.descriptor = descriptor};
    return reader_open(reader_out, &place, error);
}

void segment_reader_present(struct segment_reader *reader, const struct schema *schema)
{
    const struct schema *own = &reader->footer.schema;
    uint32_t *places = arena_allocate(&reader->arena, own->column_count * sizeof(*places));
    uint32_t *own_columns =
        arena_allocate(&reader->arena, schema->column_count * sizeof(*own_columns));
    memset(own_columns, 0xff, schema->column_count * sizeof(*own_columns));
    bool moved = false;
    uint32_t end = 0;
    for (uint32_t column = 0; column < own->column_count; column++) {
        int32_t place = schema_find(schema, own->columns[column].name);
        ASSERT(place >= 0 && schema->columns[place].type == own->columns[column].type);
        places[column] = (uint32_t)place;
        own_columns[place] = column;
        moved |= places[column] != column;
        end = places[column] >= end ? places[column] + 1 : end;
    }
    reader->columns.schema = (struct schema){schema->columns, end};
    reader->columns.places = moved ? places : NULL;
    reader->columns.own_columns = moved ? own_columns : NULL;
}

void segment_reader_close(struct segment_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    for (uint32_t column = 0;
         reader->dictionaries != NULL && column < reader->footer.schema.column_count; column++) {
        memory_free((void *)reader->dictionaries[column].offsets);
        memory_free((void *)reader->dictionaries[column].bytes);
        memory_free(reader->ranked_codes[column]);
    }
    if (reader->bytes != NULL) {
        file_unmap(reader->bytes, reader->size);
    }
    pthread_mutex_destroy(&reader->mutex);
    arena_deinit(&reader->arena);
    memory_free(reader);
}

const struct hash_secret *segment_reader_secret(const struct segment_reader *reader)
{
    return reader->footer.has_secret ? &reader->footer.secret : NULL;
}

const struct segment_meta *segment_reader_meta(const struct segment_reader *reader)
{
    return &reader->footer.meta;
}

const struct schema *segment_reader_schema(const struct segment_reader *reader)
{
    return &reader->columns.schema;
}

uint32_t segment_reader_name_bit(const struct segment_reader *reader, uint32_t name_code)
{
    for (uint32_t bit = 0; bit < reader->footer.name_bit_count; bit++) {
        if (reader->footer.name_codes[bit] == name_code) {
            return bit;
        }
    }
    return SEGMENT_NAME_BIT_OTHER;
}

uint32_t segment_reader_group_count(const struct segment_reader *reader)
{
    return reader->footer.group_count;
}

void segment_reader_zone(const struct segment_reader *reader, uint32_t group_index,
                         struct segment_group_zone *zone_out)
{
    ASSERT(group_index < reader->footer.group_count);
    *zone_out = reader->footer.groups[group_index].zone;
}

bool segment_reader_column_zone(const struct segment_reader *reader, uint32_t group_index,
                                uint32_t column_index, int64_t *min_out, int64_t *max_out)
{
    ASSERT(group_index < reader->footer.group_count);
    uint32_t column = segment_columns_own(&reader->columns, column_index);
    if (column == SEGMENT_NO_COLUMN) {
        return false;
    }
    const struct segment_array *array = segment_footer_array(&reader->footer, group_index, column);
    bool number = reader->footer.schema.columns[column].type == COLUMN_NUMBER;
    *min_out = number ? segment_number_order(array->minimum) : array->minimum;
    *max_out = number ? segment_number_order(array->maximum) : array->maximum;
    return array->kind != SEGMENT_ARRAY_MISSING;
}

struct segment_scratch *segment_scratch_create(void)
{
    struct segment_scratch *scratch = memory_allocate_zeroed(1, sizeof(*scratch));
    scratch->decoder = encoding_decoder_create();
    return scratch;
}

void segment_scratch_destroy(struct segment_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    struct segment_buffer *const buffers[] = {
        &scratch->keys,         &scratch->key_high,    &scratch->key_low,
        &scratch->row_counts,   &scratch->flags,       &scratch->flags_wide,
        &scratch->masks,        &scratch->id_offsets,  &scratch->id_bytes,
        &scratch->string_sizes, &scratch->guide_names, &scratch->guide_times,
        &scratch->standing_ids, &scratch->id_order,
    };
    for (size_t index = 0; index < sizeof(buffers) / sizeof(buffers[0]); index++) {
        memory_free(buffers[index]->bytes);
    }
    for (uint32_t column = 0; column < SCHEMA_COLUMN_COUNT_MAX; column++) {
        memory_free(scratch->columns[column].bytes);
    }
    segment_cache_unpin(scratch);
    memory_free((void *)scratch->pins);
    encoding_decoder_destroy(scratch->decoder);
    memory_free(scratch);
}

#define SEGMENT_DECODER_SIZE (UINT64_C(160) << 10)

uint64_t segment_scratch_bytes(const struct segment_scratch *scratch)
{
    if (scratch == NULL) {
        return 0;
    }
    // A zstd context has about 160 KiB, whatever it decodes.
    uint64_t bytes = SEGMENT_DECODER_SIZE + scratch->keys.capacity + scratch->key_high.capacity +
                     scratch->key_low.capacity + scratch->row_counts.capacity +
                     scratch->flags.capacity + scratch->flags_wide.capacity +
                     scratch->masks.capacity + scratch->id_offsets.capacity +
                     scratch->id_bytes.capacity + scratch->string_sizes.capacity +
                     scratch->guide_names.capacity + scratch->guide_times.capacity +
                     scratch->standing_ids.capacity + scratch->id_order.capacity;
    for (uint32_t column = 0; column < SCHEMA_COLUMN_COUNT_MAX; column++) {
        bytes += scratch->columns[column].capacity;
    }
    return bytes;
}

void *segment_buffer_reserve(struct segment_buffer *buffer, size_t size)
{
    if (size > buffer->capacity || buffer->bytes == NULL) {
        memory_free(buffer->bytes);
        buffer->bytes = memory_allocate(size);
        buffer->capacity = size;
    }
    return buffer->bytes;
}

enum corong_status segment_block_error(const struct segment_reader *reader, uint32_t index,
                                       const char *what, struct corong_error *error)
{
    return error_set(error, CORONG_CORRUPT, "segment '%s', block %u: %s", reader->path, index,
                     what);
}

static void block_parse(const uint8_t *header, struct segment_block *block)
{
    block->raw_size = bytes_load_u32(header + 12);
    block->payload_size = bytes_load_u32(header + 16);
    block->value_count = bytes_load_u32(header + 20);
    block->owner = bytes_load_u16(header + 24);
    block->kind = header[26];
    block->compressed = header[27] == 1;
    block->payload = header + SEGMENT_BLOCK_HEADER_SIZE;
}

enum corong_status segment_block_open(const struct segment_reader *reader, uint32_t index,
                                      struct segment_block *block, struct corong_error *error)
{
    if (index >= reader->footer.block_count) {
        return segment_block_error(reader, index, "no such block", error);
    }
    const struct segment_block_entry *entry = &reader->footer.blocks[index];
    const uint8_t *header = reader->bytes + entry->offset;
    size_t hashed_size = segment_aligned(entry->size) - 8;
    uint64_t seed = segment_block_seed(reader->footer.meta.uuid, index);
    if (bytes_load_u64(header) != entry->hash ||
        hash_bytes64_seeded(header + 8, hashed_size, seed) != entry->hash) {
        return segment_block_error(reader, index, "the checksum does not match", error);
    }
    block_parse(header, block);
    bool kind = block->kind == SEGMENT_BLOCK_ARRAY || block->kind == SEGMENT_BLOCK_BYTES;
    if (!kind || bytes_load_u32(header + 8) != index || header[27] > 1 ||
        block->payload_size != entry->size - SEGMENT_BLOCK_HEADER_SIZE ||
        (!block->compressed && block->raw_size != block->payload_size)) {
        return segment_block_error(reader, index, "the header is wrong", error);
    }
    return CORONG_OK;
}

// An array block of the right owner and count; its transform and where the node begins.
enum corong_status segment_array_open(const struct segment_reader *reader, uint32_t index,
                                      uint32_t owner, uint32_t count, struct segment_block *block,
                                      struct segment_transform *transform,
                                      struct corong_error *error)
{
    TRY(segment_block_open(reader, index, block, error));
    if (block->kind != SEGMENT_BLOCK_ARRAY || block->owner != owner ||
        block->value_count != count || block->compressed ||
        block->payload_size < SEGMENT_TRANSFORM_SIZE ||
        !segment_transform_parse(block->payload, transform)) {
        return segment_block_error(reader, index, "not the array that belongs here", error);
    }
    block->payload += SEGMENT_TRANSFORM_SIZE;
    block->payload_size -= SEGMENT_TRANSFORM_SIZE;
    return CORONG_OK;
}

enum corong_status segment_codes_read(struct segment_reader *reader, uint32_t column,
                                      const struct segment_array *array,
                                      struct segment_scratch *scratch,
                                      const struct row_group *group, uint32_t *codes,
                                      struct corong_error *error)
{
    uint32_t count = group->row_count;
    if (array->kind != SEGMENT_ARRAY_BLOCK) {
        bool missing = array->kind == SEGMENT_ARRAY_MISSING;
        uint32_t value = missing ? COLUMN_CODE_MISSING : (uint32_t)array->minimum;
        for (uint32_t row = 0; row < count; row++) {
            codes[row] = value;
        }
        return CORONG_OK;
    }
    struct segment_block block;
    struct segment_transform transform;
    struct encoding_users users;
    TRY(segment_array_open(reader, array->block, column, count, &block, &transform, error));
    TRY(segment_guide(reader, scratch, group, column, &block, &users, error));
    TRY_IN(encoding_decode32(scratch->decoder, block.payload, block.payload_size, &users, codes,
                             count, error),
           error, "segment '%s', block %u", reader->path, array->block);
    segment_codes_restore(&transform, codes, count);
    if (!segment_codes_within(codes, count, reader->footer.dictionaries[column].count,
                              column != COLUMN_NAME)) {
        return segment_block_error(reader, array->block, "a code past the dictionary", error);
    }
    return segment_ranks_restore(reader, column, codes, count, error);
}

enum corong_status segment_integers_read(struct segment_reader *reader, uint32_t column,
                                         const struct segment_array *array,
                                         struct segment_scratch *scratch,
                                         const struct row_group *group, int64_t *integers,
                                         struct corong_error *error)
{
    uint32_t count = group->row_count;
    bool number = reader->footer.schema.columns[column].type == COLUMN_NUMBER;
    if (array->kind != SEGMENT_ARRAY_BLOCK) {
        int64_t missing = number ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
        int64_t constant = number ? segment_number_order(array->minimum) : array->minimum;
        int64_t value = array->kind == SEGMENT_ARRAY_MISSING ? missing : constant;
        for (uint32_t row = 0; row < count; row++) {
            integers[row] = value;
        }
        return CORONG_OK;
    }
    struct segment_block block;
    struct segment_transform transform;
    struct encoding_users users;
    TRY(segment_array_open(reader, array->block, column, count, &block, &transform, error));
    TRY(segment_guide(reader, scratch, group, column, &block, &users, error));
    TRY_IN(encoding_decode64(scratch->decoder, block.payload, block.payload_size, &users,
                             (uint64_t *)integers, count, error),
           error, "segment '%s', block %u", reader->path, array->block);
    segment_integers_restore(&transform, number, integers, count);
    return CORONG_OK;
}

// A column that no group of this segment has stays NULL, as one that is younger than the segment.
bool segment_column_exists(const struct segment_reader *reader, uint32_t column)
{
    for (uint32_t group = 0; group < reader->footer.group_count; group++) {
        if (segment_footer_array(&reader->footer, group, column)->kind != SEGMENT_ARRAY_MISSING) {
            return true;
        }
    }
    return false;
}

enum corong_status segment_column_read(struct segment_reader *reader, uint32_t group_index,
                                       uint32_t column, struct segment_scratch *scratch,
                                       const struct row_group *group, struct corong_error *error)
{
    const struct segment_array *array = segment_footer_array(&reader->footer, group_index, column);
    if (array->kind == SEGMENT_ARRAY_MISSING && !segment_column_exists(reader, column)) {
        return CORONG_OK;
    }
    struct segment_buffer *buffer = &scratch->columns[column];
    struct column_values *values =
        &scratch->values[segment_columns_place(&reader->columns, column)];
    if (reader->footer.schema.columns[column].type == COLUMN_STRING) {
        values->codes = segment_buffer_reserve(buffer, group->row_count * sizeof(uint32_t));
        return segment_codes_read(reader, column, array, scratch, group, values->codes, error);
    }
    values->integers = segment_buffer_reserve(buffer, group->row_count * sizeof(int64_t));
    return segment_integers_read(reader, column, array, scratch, group, values->integers, error);
}

static enum corong_status take_column(struct segment_reader *reader, uint32_t group_index,
                                      uint32_t column, struct segment_scratch *scratch,
                                      const struct row_group *group, struct corong_error *error)
{
    const uint32_t part = SEGMENT_CACHED_WIDE + column;
    bool text = reader->footer.schema.columns[column].type == COLUMN_STRING;
    struct column_values *values =
        &scratch->values[segment_columns_place(&reader->columns, column)];
    const void *found = segment_cache_find(reader, group_index, part, scratch);
    if (found != NULL) {
        // Nobody writes through a reader's columns.
        values->codes = text ? (uint32_t *)(uintptr_t)found : NULL;
        values->integers = text ? NULL : (int64_t *)(uintptr_t)found;
        return CORONG_OK;
    }
    TRY(segment_column_read(reader, group_index, column, scratch, group, error));
    const void *bytes = text ? (const void *)values->codes : (const void *)values->integers;
    if (bytes != NULL) {
        size_t width = text ? sizeof(uint32_t) : sizeof(int64_t);
        struct cache_bytes part_bytes = {bytes, group->row_count * width};
        segment_cache_put(reader, group_index, part, &part_bytes, 1);
    }
    return CORONG_OK;
}

enum corong_status segment_ids_read(const struct segment_reader *reader,
                                    const struct segment_group *group,
                                    struct segment_scratch *scratch, struct row_group *group_out,
                                    struct hash128 *keys_out, struct corong_error *error)
{
    size_t offsets_size = ((size_t)group->ids.count + 1) * sizeof(uint32_t);
    group_out->id_offsets = segment_buffer_reserve(&scratch->id_offsets, offsets_size);
    group_out->id_bytes = segment_buffer_reserve(&scratch->id_bytes, group->ids.size_bytes);
    if (group->ids.ascending) {
        return segment_numbers_read_ordered(reader, group, scratch, group_out->id_offsets,
                                            group_out->id_bytes, keys_out, error);
    }
    return segment_strings_read(reader, &group->ids, SEGMENT_OWNER_ID_SIZES, SEGMENT_OWNER_ID_BYTES,
                                scratch, group_out->id_offsets, group_out->id_bytes, error);
}

enum corong_status segment_reader_read(struct segment_reader *reader, uint32_t group_index,
                                       const struct segment_selection *selection,
                                       struct segment_scratch *scratch, struct row_group *group_out,
                                       struct corong_error *error)
{
    ASSERT(group_index < reader->footer.group_count);
    const struct segment_group *group = &reader->footer.groups[group_index];
    segment_cache_unpin(scratch);
    memset(scratch->values, 0, sizeof(scratch->values));
    memset(scratch->packed, 0, sizeof(scratch->packed));
    scratch->group_index = group_index;
    scratch->names = NULL;
    scratch->times_us = NULL;
    *group_out = (struct row_group){.user_count = group->zone.user_count,
                                    .row_count = group->zone.row_count,
                                    .columns = scratch->values,
                                    .packed = scratch->packed};
    TRY(segment_row_counts_read(reader, group_index, scratch, group_out, error));
    if (!selection->rows_only) {
        TRY(segment_users_read(reader, group_index, selection->ids, scratch, group_out, error));
    }
    for (uint32_t column = 0; column < reader->footer.schema.column_count; column++) {
        uint32_t place = segment_columns_place(&reader->columns, column);
        if (segment_selected_packed(selection, place)) {
            TRY(segment_packed_read(reader, group_index, column, scratch, group_out, error));
        } else if (segment_selected(selection, place)) {
            TRY(take_column(reader, group_index, column, scratch, group_out, error));
        }
    }
    // Keys that were made of ids may have left them there.
    if (!selection->ids) {
        group_out->id_offsets = NULL;
        group_out->id_bytes = NULL;
        return CORONG_OK;
    }
    return group_out->id_offsets != NULL
               ? CORONG_OK
               : segment_ids_read(reader, group, scratch, group_out, NULL, error);
}
