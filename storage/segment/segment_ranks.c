// SPDX-License-Identifier: Apache-2.0
/// Ranks of dictionary codes by how common they are. Codes must sort like their strings, so common
/// and rare ones are mixed and look like noise; their ranks are small numbers, which pack well.
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/segment/segment_private.h"

#include <stdlib.h>

#define ENTRY_COUNT_MIN 64u   ///< fewer codes are narrow in any order
#define ROWS_PER_ENTRY_MIN 3u ///< else the table costs more than it saves

struct counted_code {
    uint32_t count;
    uint32_t code;
};

static int compare_counted(const void *left, const void *right)
{
    const struct counted_code *a = left;
    const struct counted_code *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return a->code < b->code ? -1 : a->code > b->code;
}

uint32_t *segment_ranks_make(const uint32_t *codes, uint32_t count, uint32_t entry_count)
{
    if (entry_count < ENTRY_COUNT_MIN || entry_count > count / ROWS_PER_ENTRY_MIN) {
        return NULL;
    }
    struct counted_code *counted = memory_allocate(entry_count * sizeof(*counted));
    for (uint32_t code = 0; code < entry_count; code++) {
        counted[code] = (struct counted_code){0, code};
    }
    for (uint32_t row = 0; row < count; row++) {
        if (codes[row] != COLUMN_CODE_MISSING) {
            counted[codes[row]].count++;
        }
    }
    qsort(counted, entry_count, sizeof(*counted), compare_counted);
    uint32_t *ranks = memory_allocate(entry_count * sizeof(*ranks));
    for (uint32_t rank = 0; rank < entry_count; rank++) {
        ranks[counted[rank].code] = rank;
    }
    memory_free(counted);
    return ranks;
}

void segment_ranks_apply(const uint32_t *ranks, bool nullable, uint64_t *encoded, uint32_t count)
{
    for (uint32_t row = 0; !nullable && row < count; row++) {
        encoded[row] = ranks[encoded[row]];
    }
    for (uint32_t row = 0; nullable && row < count; row++) {
        // A load that is not needed costs less than a guess that fails.
        uint64_t present = encoded[row] != 0;
        encoded[row] = (ranks[encoded[row] - present] + UINT64_C(1)) & -present;
    }
}

// The table read back: [0] is missing, [1 + rank] the code of a rank, so that one load maps both.
static enum corong_status decode_ranks(struct segment_reader *reader, uint32_t column,
                                       struct corong_error *error)
{
    uint32_t count = reader->footer.dictionaries[column].count;
    uint32_t index = reader->footer.rank_blocks[column];
    struct segment_block block;
    struct segment_transform transform;
    TRY(segment_array_open(reader, index, SEGMENT_OWNER_RANKS + column, count, &block, &transform,
                           error));
    struct encoding_decoder *decoder = encoding_decoder_create();
    uint32_t *codes = memory_allocate(((size_t)count + 1) * sizeof(*codes));
    codes[0] = COLUMN_CODE_MISSING;
    enum corong_status status = encoding_decode32(decoder, block.payload, block.payload_size, NULL,
                                                  codes + 1, count, error);
    encoding_decoder_destroy(decoder);
    if (status == CORONG_OK && !segment_codes_within(codes + 1, count, count, false)) {
        status = segment_block_error(reader, index, "a rank of no dictionary entry", error);
    }
    if (status != CORONG_OK) {
        memory_free(codes);
        return status;
    }
    reader->ranked_codes[column] = codes;
    return CORONG_OK;
}

enum corong_status segment_ranks_table(struct segment_reader *reader, uint32_t column,
                                       const uint32_t **table_out, struct corong_error *error)
{
    enum corong_status status = CORONG_OK;
    *table_out = NULL;
    if (reader->footer.rank_blocks[column] == SEGMENT_NO_RANKS) {
        return CORONG_OK;
    }
    ASSERT(pthread_mutex_lock(&reader->mutex) == 0);
    if (reader->ranked_codes[column] == NULL) {
        status = decode_ranks(reader, column, error);
    }
    *table_out = reader->ranked_codes[column];
    ASSERT(pthread_mutex_unlock(&reader->mutex) == 0);
    return status;
}

enum corong_status segment_ranks_restore(struct segment_reader *reader, uint32_t column,
                                         uint32_t *codes, uint32_t count,
                                         struct corong_error *error)
{
    const uint32_t *table;
    TRY(segment_ranks_table(reader, column, &table, error));
    for (uint32_t row = 0; table != NULL && row < count; row++) {
        codes[row] = table[codes[row] + 1]; // missing + 1 is 0
    }
    return CORONG_OK;
}
