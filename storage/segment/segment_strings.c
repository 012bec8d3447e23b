// SPDX-License-Identifier: Apache-2.0
/// Lists of strings: user ids of a group, dictionaries of a segment.
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/segment/segment_numbers.h"

/// Decodes the sizes of `count` strings, which are one block.
static enum corong_status read_size_block(const struct segment_reader *reader, uint32_t block_index,
                                          uint32_t owner, uint32_t count,
                                          struct segment_scratch *scratch, uint32_t **sizes_out,
                                          struct corong_error *error)
{
    *sizes_out = segment_buffer_reserve(&scratch->string_sizes, count * sizeof(uint32_t));
    struct segment_block block;
    struct segment_transform transform;
    TRY(segment_array_open(reader, block_index, owner, count, &block, &transform, error));
    TRY_IN(encoding_decode32(scratch->decoder, block.payload, block.payload_size, NULL, *sizes_out,
                             count, error),
           error, "segment '%s', block %u", reader->path, block_index);
    return CORONG_OK;
}

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
        uint32_t *sizes;
        TRY(read_size_block(reader, block_index, owner, count, scratch, &sizes, error));
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

/// Decodes the block of string bytes that begins at byte `from` of the list.
static enum corong_status read_byte_block(const struct segment_reader *reader,
                                          const struct segment_strings *strings, uint32_t owner,
                                          uint64_t from, struct segment_scratch *scratch,
                                          char *bytes, struct corong_error *error)
{
    uint32_t block_index = strings->first_block + segment_strings_size_blocks(strings) +
                           (uint32_t)(from / SEGMENT_STRING_BLOCK_SIZE);
    uint64_t left = strings->size_bytes - from;
    size_t size = left < SEGMENT_STRING_BLOCK_SIZE ? left : SEGMENT_STRING_BLOCK_SIZE;
    struct segment_block block;
    TRY(segment_block_open(reader, block_index, &block, error));
    if (block.kind != SEGMENT_BLOCK_BYTES || block.owner != owner || block.raw_size != size ||
        block.value_count != size) {
        return segment_block_error(reader, block_index, "not the strings that belong here", error);
    }
    if (!block.compressed) {
        memcpy(bytes, block.payload, size);
    } else if (!encoding_decompress(scratch->decoder, block.payload, block.payload_size, bytes,
                                    size)) {
        return segment_block_error(reader, block_index, "does not decompress", error);
    }
    return CORONG_OK;
}

enum corong_status segment_strings_read(const struct segment_reader *reader,
                                        const struct segment_strings *strings, uint32_t sizes_owner,
                                        uint32_t bytes_owner, struct segment_scratch *scratch,
                                        uint32_t *offsets, char *bytes, struct corong_error *error)
{
    if (strings->digits > 0) {
        return segment_numbers_read(reader, strings, scratch, offsets, bytes, error);
    }
    TRY(read_string_sizes(reader, strings, sizes_owner, scratch, offsets, error));
    for (uint64_t from = 0; from < strings->size_bytes; from += SEGMENT_STRING_BLOCK_SIZE) {
        TRY(read_byte_block(reader, strings, bytes_owner, from, scratch, bytes + from, error));
    }
    return CORONG_OK;
}

/// A dictionary on its way from the first entry to the last.
struct dictionary_walk {
    const struct segment_reader *reader;
    const struct segment_strings *strings;
    struct segment_scratch *scratch;
    uint32_t column;
    char *block;   ///< the bytes block in which `at` lies
    uint64_t at;   ///< of all bytes
    char *carried; ///< an entry that spans blocks
    size_t carried_capacity;
};

/// The next `size` bytes.
static enum corong_status walk_bytes(struct dictionary_walk *walk, uint32_t size,
                                     struct text *text_out, struct corong_error *error)
{
    uint64_t into = walk->at % SEGMENT_STRING_BLOCK_SIZE;
    if (size > walk->strings->size_bytes - walk->at) {
        return segment_block_error(walk->reader, walk->strings->first_block,
                                   "sizes sum to too much", error);
    }
    if (into > 0 && into + size <= SEGMENT_STRING_BLOCK_SIZE) {
        *text_out = (struct text){walk->block + into, size};
        walk->at += size;
        return CORONG_OK;
    }
    if (size > walk->carried_capacity) {
        walk->carried = memory_resize_array(walk->carried, size, 1);
        walk->carried_capacity = size;
    }
    for (uint32_t done = 0; done < size;) {
        into = walk->at % SEGMENT_STRING_BLOCK_SIZE;
        if (into == 0) {
            TRY(read_byte_block(walk->reader, walk->strings,
                                SEGMENT_OWNER_DICTIONARY_BYTES + walk->column, walk->at,
                                walk->scratch, walk->block, error));
        }
        uint64_t room = SEGMENT_STRING_BLOCK_SIZE - into;
        uint32_t part = size - done < room ? size - done : (uint32_t)room;
        memcpy(walk->carried + done, walk->block + into, part);
        walk->at += part;
        done += part;
    }
    *text_out = (struct text){walk->carried == NULL ? "" : walk->carried, size};
    return CORONG_OK;
}

static enum corong_status walk_entries(struct dictionary_walk *walk, segment_entry_function *take,
                                       void *context, struct corong_error *error)
{
    uint32_t block_index = walk->strings->first_block;
    for (uint32_t from = 0; from < walk->strings->count;
         from += ENCODING_COUNT_MAX, block_index++) {
        uint32_t left = walk->strings->count - from;
        uint32_t count = left < ENCODING_COUNT_MAX ? left : ENCODING_COUNT_MAX;
        uint32_t *sizes;
        TRY(read_size_block(walk->reader, block_index,
                            SEGMENT_OWNER_DICTIONARY_SIZES + walk->column, count, walk->scratch,
                            &sizes, error));
        for (uint32_t index = 0; index < count; index++) {
            struct text text;
            TRY(walk_bytes(walk, sizes[index], &text, error));
            take(context, from + index, text);
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

uint32_t segment_reader_dictionary_count(const struct segment_reader *reader, uint32_t column_index)
{
    uint32_t column = segment_columns_own(&reader->columns, column_index);
    return column == SEGMENT_NO_COLUMN ? 0 : reader->footer.dictionaries[column].count;
}

enum corong_status segment_reader_walk_dictionary(struct segment_reader *reader,
                                                  uint32_t column_index,
                                                  segment_entry_function *take, void *context,
                                                  struct corong_error *error)
{
    uint32_t column = segment_columns_own(&reader->columns, column_index);
    if (column == SEGMENT_NO_COLUMN) {
        return CORONG_OK;
    }
    struct dictionary_walk walk = {.reader = reader,
                                   .strings = &reader->footer.dictionaries[column],
                                   .scratch = segment_scratch_create(),
                                   .column = column,
                                   .block = memory_allocate(SEGMENT_STRING_BLOCK_SIZE)};
    enum corong_status status = walk_entries(&walk, take, context, error);
    segment_scratch_destroy(walk.scratch);
    memory_free(walk.block);
    memory_free(walk.carried);
    return status;
}

/// Texts that are looked for while entries go by.
struct code_search {
    const struct text *texts;
    uint32_t count;
    uint32_t at;
    uint32_t *codes;
};

static void take_entry(void *context, uint32_t code, struct text text)
{
    struct code_search *search = context;
    while (search->at < search->count && text_compare(search->texts[search->at], text) < 0) {
        search->codes[search->at++] = COLUMN_CODE_MISSING;
    }
    if (search->at < search->count && text_equal(search->texts[search->at], text)) {
        search->codes[search->at++] = code;
    }
}

enum corong_status segment_reader_find_codes(struct segment_reader *reader, uint32_t column_index,
                                             const struct text *texts, uint32_t count,
                                             uint32_t *codes_out, struct corong_error *error)
{
    uint32_t column = segment_columns_own(&reader->columns, column_index);
    bool decoded = false;
    if (column != SEGMENT_NO_COLUMN) {
        ASSERT(pthread_mutex_lock(&reader->mutex) == 0);
        decoded = reader->dictionaries[column].offsets != NULL;
        ASSERT(pthread_mutex_unlock(&reader->mutex) == 0);
    }
    for (uint32_t i = 0; i < count && decoded; i++) {
        codes_out[i] = dictionary_find(&reader->dictionaries[column], texts[i]);
    }
    if (decoded) {
        return CORONG_OK;
    }
    struct code_search search = {texts, count, 0, codes_out};
    TRY(segment_reader_walk_dictionary(reader, column_index, take_entry, &search, error));
    for (uint32_t i = search.at; i < count; i++) {
        codes_out[i] = COLUMN_CODE_MISSING;
    }
    return CORONG_OK;
}
