// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_record.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"

#include <string.h>

#define RECORD_MAGIC UINT32_C(0x4352464d) // "MFRC"

void manifest_record_encode(struct manifest_record *record, uint64_t seed, struct text_buffer *out)
{
    size_t start = out->size;
    size_t size = MANIFEST_RECORD_SIZE_MIN + record->payload.size;
    ASSERT(size <= UINT32_MAX);
    text_buffer_append_u32(out, RECORD_MAGIC);
    text_buffer_append_u32(out, (uint32_t)size);
    text_buffer_append_u16(out, record->type);
    text_buffer_append_u16(out, record->flags);
    text_buffer_append_u32(out, 0);
    text_buffer_append_u64(out, record->sequence);
    text_buffer_append_u64(out, record->previous_hash.low);
    text_buffer_append_u64(out, record->previous_hash.high);
    ASSERT(out->size - start == MANIFEST_RECORD_HEADER_SIZE);
    text_buffer_append_text(out, record->payload);
    uint64_t checksum = hash_bytes64_seeded(out->bytes + start, out->size - start, seed);
    text_buffer_append_u64(out, checksum);
    record->size_bytes = size;
    record->hash = hash_bytes128(out->bytes + start, size);
}

bool manifest_record_decode(const void *bytes, size_t size, uint64_t seed,
                            struct manifest_record *record_out)
{
    const uint8_t *at = bytes;
    if (size < MANIFEST_RECORD_SIZE_MIN || bytes_load_u32(at) != RECORD_MAGIC) {
        return false;
    }
    size_t record_size = bytes_load_u32(at + 4);
    if (record_size < MANIFEST_RECORD_SIZE_MIN || record_size > size) {
        return false;
    }
    uint64_t checksum = hash_bytes64_seeded(at, record_size - 8, seed);
    if (bytes_load_u64(at + record_size - 8) != checksum) {
        return false;
    }
    *record_out = (struct manifest_record){
        .type = bytes_load_u16(at + 8),
        .flags = bytes_load_u16(at + 10),
        .sequence = bytes_load_u64(at + 16),
        .previous_hash = {.low = bytes_load_u64(at + 24), .high = bytes_load_u64(at + 32)},
        .payload = {(const char *)at + MANIFEST_RECORD_HEADER_SIZE,
                    record_size - MANIFEST_RECORD_SIZE_MIN},
        .size_bytes = record_size,
        .hash = hash_bytes128(at, record_size),
    };
    return true;
}

int64_t manifest_record_search(const void *bytes, size_t size, size_t from, uint64_t seed)
{
    uint8_t magic[4];
    bytes_store_u32(magic, RECORD_MAGIC);
    const uint8_t *start = bytes;
    size_t at = from;
    while (at < size) {
        const uint8_t *found = memmem(start + at, size - at, magic, sizeof(magic));
        if (found == NULL) {
            return -1;
        }
        at = (size_t)(found - start);
        struct manifest_record record;
        if (manifest_record_decode(found, size - at, seed, &record)) {
            return (int64_t)at;
        }
        at++;
    }
    return -1;
}
