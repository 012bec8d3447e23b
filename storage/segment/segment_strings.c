// SPDX-License-Identifier: Apache-2.0
/// Lists of strings: user ids of a group, dictionaries of a segment.
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/segment/segment_private.h"

static enum corong_status read_string_sizes(const struct segment_reader *reader,
                                            const struct segment_strings *strings, uint32_t owner,
                                            struct segment_scratch *scratch, uint32_t *offsets,
                                            struct corong_error *error)
{
    uint64_t at = 0;
    offsets[0] = 0;
    uint32_t block_index = strings->first_block;
    for (uint32_t from = 0; from < strings->count; from += ENCODING_COUNT_MAX, block_index++) {
        uint32_t left = strings->count - from;
        uint32_t count = left < ENCODING_COUNT_MAX ? left : ENCODING_COUNT_MAX;
        uint32_t *sizes = segment_buffer_reserve(&scratch->string_sizes, count * sizeof(*sizes));
        struct segment_block block;
        struct segment_transform transform;
        TRY(segment_array_open(reader, block_index, owner, count, &block, &transform, error));
        TRY_IN(encoding_decode32(scratch->decoder, block.payload, block.payload_size, NULL, sizes,
                                 count, error),
               error, "segment '%s', block %u", reader->path, block_index);
        for (uint32_t index = 0; index < count; index++) {
            at += sizes[index];
            if (at > strings->size_bytes) {
                return segment_block_error(reader, block_index, "sizes sum to too much", error);
            }
            offsets[from + index + 1] = (uint32_t)at;
        }
    }
    return at == strings->size_bytes ? CORONG_OK
                                     : segment_block_error(reader, strings->first_block,
                                                           "sizes sum to too little", error);
}

enum corong_status segment_strings_read(const struct segment_reader *reader,
                                        const struct segment_strings *strings, uint32_t sizes_owner,
                                        uint32_t bytes_owner, struct segment_scratch *scratch,
                                        uint32_t *offsets, char *bytes, struct corong_error *error)
{
    TRY(read_string_sizes(reader, strings, sizes_owner, scratch, offsets, error));
    uint32_t block_index = strings->first_block + segment_strings_size_blocks(strings);
    for (uint64_t from = 0; from < strings->size_bytes;
         from += SEGMENT_STRING_BLOCK_SIZE, block_index++) {
        uint64_t left = strings->size_bytes - from;
        size_t size = left < SEGMENT_STRING_BLOCK_SIZE ? left : SEGMENT_STRING_BLOCK_SIZE;
        struct segment_block block;
        TRY(segment_block_open(reader, block_index, &block, error));
        if (block.kind != SEGMENT_BLOCK_BYTES || block.owner != bytes_owner ||
            block.raw_size != size || block.value_count != size) {
            return segment_block_error(reader, block_index, "not the strings that belong here",
                                       error);
        }
        if (!block.compressed) {
            memcpy(bytes + from, block.payload, size);
        } else if (!encoding_decompress(scratch->decoder, block.payload, block.payload_size,
                                        bytes + from, size)) {
            return segment_block_error(reader, block_index, "does not decompress", error);
        }
    }
    return CORONG_OK;
}

static enum corong_status check_sorted(const struct segment_reader *reader, uint32_t column,
                                       const struct dictionary *dictionary,
                                       struct corong_error *error)
{
    for (uint32_t code = 1; code < dictionary->count; code++) {
        if (text_compare(dictionary_text(dictionary, code - 1),
                         dictionary_text(dictionary, code)) >= 0) {
            return error_set(error, CORONG_CORRUPT,
                             "segment '%s': the dictionary of column %u is not sorted",
                             reader->path, column);
        }
    }
    return CORONG_OK;
}

static enum corong_status decode_dictionary(struct segment_reader *reader, uint32_t column,
                                            struct corong_error *error)
{
    const struct segment_strings *strings = &reader->footer.dictionaries[column];
    struct segment_scratch *scratch = segment_scratch_create();
    uint32_t *offsets = memory_allocate(((size_t)strings->count + 1) * sizeof(*offsets));
    char *bytes = memory_allocate(strings->size_bytes);
    enum corong_status status = segment_strings_read(
        reader, strings, SEGMENT_OWNER_DICTIONARY_SIZES + column,
        SEGMENT_OWNER_DICTIONARY_BYTES + column, scratch, offsets, bytes, error);
    struct dictionary dictionary = {strings->count, offsets, bytes};
    if (status == CORONG_OK) {
        status = check_sorted(reader, column, &dictionary, error);
    }
    segment_scratch_destroy(scratch);
    if (status != CORONG_OK) {
        memory_free(offsets);
        memory_free(bytes);
        return status;
    }
    reader->dictionaries[column] = dictionary;
    return CORONG_OK;
}

enum corong_status segment_reader_dictionary(struct segment_reader *reader, uint32_t column_index,
                                             const struct dictionary **dictionary_out,
                                             struct corong_error *error)
{
    static const uint32_t no_offset = 0;
    static const struct dictionary none = {0, &no_offset, ""};
    ASSERT(column_index < reader->columns.schema.column_count);
    uint32_t column = segment_columns_own(&reader->columns, column_index);
    if (column == SEGMENT_NO_COLUMN) {
        *dictionary_out = &none;
        return CORONG_OK;
    }
    enum corong_status status = CORONG_OK;
    ASSERT(pthread_mutex_lock(&reader->mutex) == 0);
    if (reader->dictionaries[column].offsets == NULL) {
        status = decode_dictionary(reader, column, error);
    }
    ASSERT(pthread_mutex_unlock(&reader->mutex) == 0);
    *dictionary_out = &reader->dictionaries[column];
    return status;
}

uint64_t segment_reader_dictionary_bytes(const struct segment_reader *reader, uint32_t column_index)
{
    uint32_t column = segment_columns_own(&reader->columns, column_index);
    if (column == SEGMENT_NO_COLUMN) {
        return 0;
    }
    const struct segment_strings *strings = &reader->footer.dictionaries[column];
    return strings->size_bytes + strings->count * sizeof(uint32_t);
}
