// SPDX-License-Identifier: Apache-2.0
#include "engine/query/memo/memo_entry.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

/// Of segments that are new, so many at most are tried together.
#define TRIED_COUNT_MAX 16u
#define RADIX_BITS 11u
#define RADIX_SIZE (1u << RADIX_BITS)
#define RADIX_COUNT 3u
/// Records grow by this part beyond what they need.
#define ROOM_PART 16u

void memo_records_add(struct memo_records *records, struct memo_record record)
{
    if (records->count == records->capacity) {
        records->capacity = records->capacity == 0 ? 1024 : records->capacity * 2;
        records->records =
            memory_resize_array(records->records, records->capacity, sizeof(*records->records));
    }
    records->records[records->count++] = record;
}

void memo_records_deinit(struct memo_records *records)
{
    memory_free(records->records);
    *records = (struct memo_records){0};
}

static void sort_digit(const struct memo_record *from, struct memo_record *to, size_t count,
                       uint32_t shift)
{
    size_t places[RADIX_SIZE] = {0};
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        places[from[i].high >> shift & (RADIX_SIZE - 1)]++;
    }
    for (uint32_t digit = 0; digit < RADIX_SIZE; digit++) {
        size_t here = places[digit];
        places[digit] = next;
        next += here;
    }
    for (size_t i = 0; i < count; i++) {
        to[places[from[i].high >> shift & (RADIX_SIZE - 1)]++] = from[i];
    }
}

/// Half keys are random: the bits that were sorted by leave few out of place.
static void sort_rest(struct memo_records *records)
{
    for (size_t i = 1; i < records->count; i++) {
        const struct memo_record record = records->records[i];
        size_t at = i;
        for (; at > 0 && records->records[at - 1].high > record.high; at--) {
            records->records[at] = records->records[at - 1];
        }
        records->records[at] = record;
    }
}

/// A further record of the half key.
static inline void join(struct memo_record *record, const struct memo_record *other)
{
    bool shared = record->low != other->low || record->what == MEMO_LEVEL_SHARED ||
                  other->what == MEMO_LEVEL_SHARED;
    record->what = shared ? MEMO_LEVEL_SHARED : MEMO_LEVEL_UNKNOWN;
}

/// Records of one half key become one.
static void unite(struct memo_records *records)
{
    size_t kept = 0;
    for (size_t i = 0; i < records->count; i++) {
        const struct memo_record record = records->records[i];
        if (kept > 0 && records->records[kept - 1].high == record.high) {
            join(&records->records[kept - 1], &record);
        } else {
            records->records[kept++] = record;
        }
    }
    records->count = kept;
}

void memo_records_sort(struct memo_records *records)
{
    if (records->count == 0) {
        return;
    }
    struct memo_record *other = memory_allocate(records->count * sizeof(*other));
    struct memo_record *from = records->records;
    struct memo_record *to = other;
    for (uint32_t shift = 64 - RADIX_COUNT * RADIX_BITS; shift < 64; shift += RADIX_BITS) {
        sort_digit(from, to, records->count, shift);
        struct memo_record *swap = from;
        from = to;
        to = swap;
    }
    // An odd number of digits: the records are in the other array now.
    memory_free(to);
    records->records = from;
    records->capacity = records->count;
    sort_rest(records);
    unite(records);
}

size_t memo_records_place(const struct memo_records *records, uint64_t high)
{
    size_t low = 0;
    size_t end = records->count;
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        if (records->records[middle].high < high) {
            low = middle + 1;
        } else {
            end = middle;
        }
    }
    return low;
}

void memo_records_insert(struct memo_records *records, const struct memo_records *more)
{
    size_t count = records->count + more->count;
    if (count > records->capacity) {
        records->capacity = count + count / ROOM_PART;
        records->records =
            memory_resize_array(records->records, records->capacity, sizeof(*records->records));
    }
    struct memo_record *all = records->records;
    size_t left = records->count;
    size_t to = count;
    // From the end, so that nothing is overwritten before it is moved.
    for (size_t i = more->count; i > 0; i--) {
        const struct memo_record record = more->records[i - 1];
        while (left > 0 && all[left - 1].high > record.high) {
            all[--to] = all[--left];
        }
        if (left > 0 && all[left - 1].high == record.high) {
            join(&all[left - 1], &record);
        } else {
            all[--to] = record;
        }
    }
    if (to > left) {
        memmove(all + left, all + to, (count - to) * sizeof(*all));
    }
    records->count = left + count - to;
}

void memo_records_sweep(struct memo_records *records)
{
    size_t kept = 0;
    for (size_t i = 0; i < records->count; i++) {
        const struct memo_record record = records->records[i];
        records->records[kept] = record;
        kept += (record.what & MEMO_LEVEL_MASK) != MEMO_LEVEL_GONE;
    }
    records->count = kept;
}

void memo_entry_name(struct memo_entry *entry, const struct query_plan *plan)
{
    memory_free(entry->uuids);
    entry->rows = 0;
    entry->digest = (struct hash128){0};
    entry->uuid_count = plan->committed_count;
    entry->uuids = memory_allocate_zeroed((size_t)plan->committed_count + 1, SEGMENT_UUID_SIZE);
    for (uint32_t i = 0; i < plan->committed_count; i++) {
        const struct segment_meta *meta = segment_reader_meta(plan->segments[i].reader);
        memcpy(entry->uuids[i], meta->uuid, SEGMENT_UUID_SIZE);
        entry->rows += meta->row_count;
        entry->digest = hash128_add(entry->digest, meta->row_digest);
    }
}

void memo_entry_destroy(struct memo_entry *entry)
{
    if (entry != NULL) {
        memory_free(entry->uuids);
        memo_records_deinit(&entry->users);
        query_table_deinit(&entry->slices);
        memory_free(entry);
    }
}

uint64_t memo_entry_bytes(const struct memo_entry *entry)
{
    return sizeof(*entry) + entry->users.capacity * sizeof(struct memo_record) +
           (uint64_t)entry->uuid_count * SEGMENT_UUID_SIZE + query_table_bytes(&entry->slices);
}

static bool names(const struct memo_entry *entry, const uint8_t *uuid)
{
    for (uint32_t i = 0; i < entry->uuid_count; i++) {
        if (memcmp(entry->uuids[i], uuid, SEGMENT_UUID_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

/// What is looked for: so many rows, and the sum of their digests.
struct rest {
    uint64_t rows;
    struct hash128 digest;
};

static struct rest rest_without(struct rest rest, const struct segment_meta *meta)
{
    return (struct rest){rest.rows - meta->row_count,
                         hash128_subtract(rest.digest, meta->row_digest)};
}

static bool is_done(const struct rest *rest)
{
    return rest->rows == 0 && hash128_equal(rest->digest, (struct hash128){0});
}

/// Some of the tried segments that hold exactly the rest, as bits; 0: there are none.
static uint32_t choose(const struct segment_meta *const *tried, uint32_t count,
                       const struct rest *rest)
{
    struct rest left = *rest;
    uint32_t chosen = 0;
    // Subsets in the order of a Gray code: each differs from the one before by one segment.
    for (uint32_t i = 1; i < UINT32_C(1) << count; i++) {
        uint32_t at = (uint32_t)__builtin_ctz(i);
        chosen ^= UINT32_C(1) << at;
        if ((chosen >> at & 1) != 0) {
            left = rest_without(left, tried[at]);
        } else {
            left.rows += tried[at]->row_count;
            left.digest = hash128_add(left.digest, tried[at]->row_digest);
        }
        if (is_done(&left)) {
            return chosen;
        }
    }
    return 0;
}

bool memo_entry_find(const struct memo_entry *entry, const struct query_plan *plan, bool *known)
{
    const struct segment_meta *tried[TRIED_COUNT_MAX];
    uint32_t places[TRIED_COUNT_MAX];
    uint32_t count = 0;
    struct rest rest = {entry->rows, entry->digest};
    for (uint32_t i = 0; i < plan->committed_count; i++) {
        const struct segment_meta *meta = segment_reader_meta(plan->segments[i].reader);
        known[i] = names(entry, meta->uuid);
        rest = known[i] ? rest_without(rest, meta) : rest;
    }
    for (uint32_t i = 0; i < plan->committed_count && !is_done(&rest); i++) {
        const struct segment_meta *meta = segment_reader_meta(plan->segments[i].reader);
        if (known[i] || meta->row_count == 0 || meta->row_count > rest.rows) {
            continue;
        }
        if (count == TRIED_COUNT_MAX) {
            return false;
        }
        tried[count] = meta;
        places[count++] = i;
    }
    if (is_done(&rest)) {
        return true;
    }
    uint32_t chosen = choose(tried, count, &rest);
    for (uint32_t i = 0; i < count; i++) {
        known[places[i]] = (chosen >> i & 1) != 0;
    }
    return chosen != 0;
}
