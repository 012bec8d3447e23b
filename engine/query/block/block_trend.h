// SPDX-License-Identifier: Apache-2.0
/// Users counted by the buckets of their entries, and at once by all of them: which bucket each row
/// of a group lies in, and the sums. A place is a bucket + 1, or 0 outside of them; the sums of
/// place `count` + 1 are of all entries. Private to this folder. Thread: one worker.
#pragma once

#include "engine/query/block/block_lane.h"
#include "engine/query/query_buckets.h"

#define BLOCK_TREND_BUCKET_COUNT_MAX (UINT16_MAX - 2u)

/// Whether attempts that begin in a place may still be won.
enum block_trend_open {
    BLOCK_TREND_CLOSED,
    BLOCK_TREND_OPEN,
    BLOCK_TREND_ASK, ///< some may: their moments say it
};

/// A stretch of time no longer than a bucket: it meets two of them at most.
struct block_trend_slot {
    uint64_t end_us; ///< of the bucket in which it begins, from the begin of all
    uint64_t place;  ///< of that bucket
};

/// A bucket in which a user gets further than step 1.
struct block_raise {
    uint32_t place;
    uint32_t level;
};

/// At most 64 rows of a user, of one run: bit b is row `row` + b.
struct block_chunk {
    uint32_t run;
    uint32_t row;
    uint64_t entries;
    uint64_t firsts; ///< of the entries, the first of each bucket
    uint64_t later;
    uint64_t turns; ///< rows before which no row of the same bucket comes
};

struct block_trend {
    const struct query_buckets *buckets; ///< NULL: none are asked for
    int64_t begin_us;                    ///< of all buckets
    uint64_t span_us;
    uint64_t width_us; ///< of each bucket; 0: they differ
    uint32_t shift;    ///< a slot is 2^shift microseconds
    struct block_trend_slot *slots;
    uint32_t step_count;
    uint8_t *open;   ///< by place
    uint64_t *cells; ///< by place, level from 1, and not open or open
    uint64_t bytes;  ///< of what there is room for by place
    // Of the present user:
    struct block_raise *raises; ///< the last bucket first; room for every place
    uint32_t raise_count;
    struct block_chunk *chunks;
    uint32_t chunk_count;
    uint32_t chunk_capacity;
};

/// `buckets` outlive it; attempts that begin at `open_from_us` or later may still be won. False,
/// and nothing made, where there are too many, they differ too much in length or take more than
/// `room_bytes`.
bool block_trend_init(struct block_trend *trend, const struct query_buckets *buckets,
                      uint32_t step_count, int64_t open_from_us, uint64_t room_bytes);
void block_trend_deinit(struct block_trend *trend);
/// Fills in the places of all rows of the group that the lane has taken, and where they turn.
void block_trend_mark(const struct block_trend *trend, struct block_lane *lane);

/// The sums of a place: by level from 1, and not open or open.
static inline uint64_t *block_trend_cells(const struct block_trend *trend, uint32_t place)
{
    return trend->cells + (size_t)place * trend->step_count * 2;
}
