// SPDX-License-Identifier: Apache-2.0
/// The last events of a shard that may have to be taken again, because another event of the same
/// user and instant may follow: their steps and slices, the user's state before the instant, and
/// where their place in the canonical order can be read. A ring: what is overwritten is forgotten,
/// and an event that would have needed it makes its user pending.
///
/// Thread: the shard's.
#pragma once

#include "engine/live/live_funnel.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_RECENT_NONE 0u ///< references count from 1
#define LIVE_RECENT_COUNT_MIN 256u
#define LIVE_RECENT_COUNT_MAX 32768u
#define LIVE_RECENT_BYTES_MAX (32u << 20) ///< of canonical bytes kept over a flush

/// Reads canonical bytes of a row that is still in the tail.
struct live_rows {
    void *context;
    void (*canonical)(void *context, uint32_t row, struct text_buffer *out);
};

/// Followed in the ring by `followed_count` live_events and the packed states before the instant.
struct live_record {
    int64_t time_us;
    int64_t sequence;
    int64_t id_hash;
    uint32_t key_high; ///< of the user, to notice that the slot is another's
    uint32_t previous; ///< of the same user and time, or LIVE_RECENT_NONE
    uint32_t row;      ///< in the tail, while `generation` is the ring's
    uint32_t generation;
    uint64_t bytes_offset; ///< of the canonical bytes, once the row is gone
    uint32_t bytes_size;   ///< 0: not kept
    uint32_t depth;        ///< how many records `previous` leads to
};

struct live_recent {
    uint32_t followed_count;
    uint32_t state_size;
    uint32_t record_size;
    uint32_t capacity; ///< a power of two
    uint8_t *records;
    uint32_t head; ///< the next reference
    uint32_t generation;
    uint64_t bytes_max; ///< of canonical bytes kept over a flush
    struct text_buffer bytes;
};

/// Bytes of one record.
uint64_t live_recent_record_size(uint32_t followed_count, uint32_t state_size);
/// As many records as fit into `budget_bytes`, within the limits above; as much again for canonical
/// bytes, within theirs.
void live_recent_init(struct live_recent *recent, uint32_t followed_count, uint32_t state_size,
                      uint64_t budget_bytes);
/// What all that takes at most: of a large budget not all.
uint64_t live_recent_share(uint32_t followed_count, uint32_t state_size, uint64_t budget_bytes);
void live_recent_deinit(struct live_recent *recent);
uint64_t live_recent_memory(const struct live_recent *recent);
/// Overwrites the oldest record; the caller fills it.
struct live_record *live_recent_add(struct live_recent *recent, uint32_t *reference_out);
/// NULL where it was overwritten or is not this user's at this time.
struct live_record *live_recent_find(const struct live_recent *recent, uint32_t reference,
                                     uint32_t key_high, int64_t time_us);
static inline struct live_event *live_recent_events(struct live_record *record)
{
    return (struct live_event *)(void *)(record + 1);
}
static inline uint8_t *live_recent_state(const struct live_recent *recent,
                                         struct live_record *record)
{
    return (uint8_t *)(live_recent_events(record) + recent->followed_count);
}
/// Canonical bytes of a record's event, appended to `out`. False where they were not kept.
bool live_recent_canonical(const struct live_recent *recent, const struct live_record *record,
                           const struct live_rows *rows, struct text_buffer *out);
/// Forgets all events.
void live_recent_forget(struct live_recent *recent);
/// The tail is about to forget its rows: copies the canonical bytes, newest events first.
void live_recent_before_flush(struct live_recent *recent, const struct live_rows *rows);
