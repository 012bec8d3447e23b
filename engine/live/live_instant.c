// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_instant.h"

#include "storage/base/memory.h"
#include "storage/column/column.h"

#include <stdlib.h>
#include <string.h>

struct live_instant_row {
    int64_t id_hash;
    size_t bytes_offset;
    size_t bytes_size; // 0: the canonical bytes are not needed
    struct live_record *record;
};

void live_instant_init(struct live_instant *instant, uint32_t followed_count, uint32_t state_size)
{
    memset(instant, 0, sizeof(*instant));
    instant->rows =
        memory_allocate_zeroed(LIVE_INSTANT_RECORD_COUNT_MAX, sizeof(struct live_instant_row));
    instant->states = memory_allocate_zeroed(followed_count, sizeof(struct live_state));
    instant->packed = memory_allocate(state_size);
}

void live_instant_deinit(struct live_instant *instant)
{
    memory_free(instant->rows);
    memory_free(instant->states);
    memory_free(instant->packed);
    text_buffer_deinit(&instant->bytes);
}

static int compare_instant_rows(const void *left_pointer, const void *right_pointer, void *bytes)
{
    const struct live_instant_row *left = left_pointer;
    const struct live_instant_row *right = right_pointer;
    if (left->id_hash != right->id_hash) {
        return left->id_hash < right->id_hash ? -1 : 1;
    }
    return text_compare((struct text){(char *)bytes + left->bytes_offset, left->bytes_size},
                        (struct text){(char *)bytes + right->bytes_offset, right->bytes_size});
}

static bool add_row(struct live_instant *instant, const struct live_recent *recent,
                    struct live_record *record)
{
    if (instant->row_count == LIVE_INSTANT_RECORD_COUNT_MAX) {
        return false;
    }
    instant->rows[instant->row_count++] = (struct live_instant_row){record->id_hash, 0, 0, record};
    instant->before = live_recent_state(recent, record);
    return true;
}

static void sort_instant_rows(struct live_instant *instant)
{
    // Rows may have no bytes at all yet: an offset, even 0, needs an address.
    static char nothing[1];
    char *bytes = instant->bytes.bytes == NULL ? nothing : instant->bytes.bytes;
    qsort_r(instant->rows, instant->row_count, sizeof(struct live_instant_row),
            compare_instant_rows, bytes);
}

static bool same_slices(const struct live_recent *recent, struct live_record *left,
                        struct live_record *right)
{
    for (uint32_t i = 0; i < recent->followed_count; i++) {
        if (live_recent_events(left)[i].slice != live_recent_events(right)[i].slice) {
            return false;
        }
    }
    return true;
}

// Rows sorted by id hash: canonical bytes matter only among equal ones, to find the copy that stays
// or, where slices differ, the entry that is named.
static bool needs_bytes(const struct live_instant *instant, const struct live_recent *recent)
{
    for (uint32_t i = 1; i < instant->row_count; i++) {
        const struct live_instant_row *left = &instant->rows[i - 1];
        const struct live_instant_row *right = &instant->rows[i];
        if (left->id_hash == right->id_hash &&
            (left->id_hash != COLUMN_INTEGER_MISSING ||
             !same_slices(recent, left->record, right->record))) {
            return true;
        }
    }
    return false;
}

static bool add_bytes(struct live_instant *instant, const struct live_recent *recent,
                      const struct live_rows *rows)
{
    for (uint32_t i = 0; i < instant->row_count; i++) {
        size_t offset = instant->bytes.size;
        if (!live_recent_canonical(recent, instant->rows[i].record, rows, &instant->bytes)) {
            return false;
        }
        instant->rows[i].bytes_offset = offset;
        instant->rows[i].bytes_size = instant->bytes.size - offset;
    }
    return true;
}

// True where an earlier sequence number of this time has a copy of an event of the instant.
static bool is_copied(const struct live_instant *instant, const struct live_record *record)
{
    for (uint32_t i = 0; i < instant->row_count; i++) {
        if (record->id_hash != COLUMN_INTEGER_MISSING &&
            record->id_hash == instant->rows[i].id_hash) {
            return true;
        }
    }
    return false;
}

// Of the copies of one event the canonically first stays.
static void drop_copies(struct live_instant *instant)
{
    uint32_t kept = 1;
    for (uint32_t i = 1; i < instant->row_count; i++) {
        if (instant->rows[i].id_hash == COLUMN_INTEGER_MISSING ||
            instant->rows[i].id_hash != instant->rows[kept - 1].id_hash) {
            instant->rows[kept++] = instant->rows[i];
        }
    }
    instant->row_count = kept;
}

bool live_instant_gather(struct live_instant *instant, const struct live_recent *recent,
                         const struct live_rows *rows, uint32_t reference, uint32_t key_high,
                         int64_t time_us)
{
    instant->row_count = 0;
    text_buffer_reset(&instant->bytes);
    int64_t sequence = 0;
    for (uint32_t at = reference; at != LIVE_RECENT_NONE;) {
        struct live_record *record = live_recent_find(recent, at, key_high, time_us);
        if (record == NULL) {
            return false;
        }
        sequence = at == reference ? record->sequence : sequence;
        if (record->sequence != sequence ? is_copied(instant, record)
                                         : !add_row(instant, recent, record)) {
            return false;
        }
        at = record->previous;
    }
    sort_instant_rows(instant);
    if (needs_bytes(instant, recent)) {
        if (!add_bytes(instant, recent, rows)) {
            return false;
        }
        sort_instant_rows(instant);
        drop_copies(instant);
    }
    return true;
}

uint32_t live_instant_events(struct live_instant *instant, uint32_t funnel)
{
    for (uint32_t i = 0; i < instant->row_count; i++) {
        instant->events[i] = live_recent_events(instant->rows[i].record)[funnel];
    }
    return instant->row_count;
}
