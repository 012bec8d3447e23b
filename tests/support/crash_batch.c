// SPDX-License-Identifier: Apache-2.0
#include "tests/support/crash_batch.h"

#include "storage/manifest/manifest_record.h"
#include "tests/support/test_random.h"

#include <string.h>

bool crash_batch_torn_records_pass;

bool __real_manifest_record_decode(const void *bytes, size_t size, uint64_t seed,
                                   struct manifest_record *record_out);
bool __wrap_manifest_record_decode(const void *bytes, size_t size, uint64_t seed,
                                   struct manifest_record *record_out);

/// The mutant that takes a torn record for a whole one: it finds the fields where they should be
/// and does not look at the checksum.
bool __wrap_manifest_record_decode(const void *bytes, size_t size, uint64_t seed,
                                   struct manifest_record *record_out)
{
    if (__real_manifest_record_decode(bytes, size, seed, record_out)) {
        return true;
    }
    uint32_t magic;
    struct text_buffer whole = {0};
    struct manifest_record empty = {0};
    manifest_record_encode(&empty, seed, &whole);
    memcpy(&magic, whole.bytes, sizeof(magic));
    text_buffer_deinit(&whole);
    uint32_t head[2];
    if (!crash_batch_torn_records_pass || size < MANIFEST_RECORD_SIZE_MIN) {
        return false;
    }
    memcpy(head, bytes, sizeof(head));
    if (head[0] != magic || head[1] > size || head[1] < MANIFEST_RECORD_SIZE_MIN) {
        return false;
    }
    struct text payload = {(const char *)bytes + MANIFEST_RECORD_HEADER_SIZE,
                           head[1] - MANIFEST_RECORD_SIZE_MIN};
    *record_out = (struct manifest_record){.payload = payload, .size_bytes = head[1]};
    memcpy(&record_out->type, (const char *)bytes + 8, 2);
    memcpy(&record_out->sequence, (const char *)bytes + 16, 8);
    memcpy(&record_out->previous_hash.low, (const char *)bytes + 24, 8);
    memcpy(&record_out->previous_hash.high, (const char *)bytes + 32, 8);
    record_out->hash = hash_bytes128(bytes, head[1]);
    return true;
}

/// The rows of a batch: the same ones in every run. Ids repeat over batches, so that merges find
/// duplicates, but not within one.
uint32_t crash_batch_rows(int64_t batch, int64_t period_us, struct store_row *rows)
{
    static const char *const users[] = {"ann", "bob", "cyd", "dee", "eve"};
    static const char *const names[] = {"visit", "cart", "order"};
    static const char *const countries[] = {NULL, "DE", "FR"};
    struct test_random random = test_random_start((uint64_t)batch + 77);
    uint32_t count = 4 + test_random_below(&random, CRASH_BATCH_ROW_COUNT_MAX - 3);
    for (uint32_t index = 0; index < count; index++) {
        bool has_id = test_random_below(&random, 2) == 0;
        rows[index] = (struct store_row){
            .user = users[test_random_below(&random, 5)],
            .name = names[test_random_below(&random, 3)],
            .country = countries[test_random_below(&random, 3)],
            .time_us = (int64_t)(index % 2) * period_us + test_random_below(&random, 3),
            .id_hash = has_id ? (int64_t)index : COLUMN_INTEGER_MISSING,
            .amount = COLUMN_INTEGER_MISSING,
        };
    }
    return count;
}

uint64_t crash_batch_rows_until(int64_t batches)
{
    uint64_t rows = 0;
    for (int64_t batch = 0; batch < batches; batch++) {
        struct store_row scratch[CRASH_BATCH_ROW_COUNT_MAX + 1];
        rows += crash_batch_rows(batch, 1, scratch);
    }
    return rows;
}
