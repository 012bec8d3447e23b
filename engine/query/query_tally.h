// SPDX-License-Identifier: Apache-2.0
/// Sums of one worker over reported attempts: levels and open attempts per slice, durations per
/// step, money per slice, step and currency, throughput per day. All integers: the order of
/// additions and the number of workers cannot be seen in a result. Thread: one worker, then the
/// caller.
#pragma once

#include "engine/query/query_attribution.h"
#include "engine/query/query_table.h"

/// Durations of the attempts that made one step, with their slices.
struct query_samples {
    uint32_t *slices;
    int64_t *from_entry_us;
    int64_t *from_previous_us; ///< NULL for step 2, where it equals from_entry_us
    uint64_t count;
    uint64_t capacity;
};

struct query_money_key {
    uint32_t slice;
    uint32_t step;
    uint32_t currency; ///< value number
    uint32_t repeat;   ///< 1: of further orders
};

struct query_money_sum {
    __int128 revenue;
    uint64_t orders;
};

#define QUERY_MONEY_RECENT_COUNT 256u

/// A key of the money table that was found before.
struct query_money_recent {
    struct query_money_key key;
    uint32_t number; ///< from 1; 0: free
};

/// Attempts of one slice at one step.
struct query_cell {
    uint64_t reached;
    uint64_t entered; ///< begin here
    uint64_t dropped; ///< end here and are not won
    uint64_t open;    ///< of these
    uint64_t won;     ///< at the last step only
};

/// What is kept of durations whose values are not: of one slice, step and kind.
struct query_extent {
    __int128 sum;
    uint64_t count;
    int64_t min_us;
    int64_t max_us;
    uint64_t histogram[QUERY_EDGE_COUNT + 1];
};

struct query_tally {
    uint32_t step_count;
    uint32_t slice_count;
    uint32_t slice_capacity;
    struct query_cell *cells;     ///< by slice and step
    uint32_t left_out;            ///< enum query_output: what is not added up
    bool lean;                    ///< durations are not kept, only their extents
    struct query_extent *extents; ///< lean: by slice, step and kind (from entry, from previous)
    struct query_samples samples[FUNNEL_STEP_COUNT_MAX]; ///< from step 2 on
    struct query_table money_keys;
    struct query_money_sum *money;
    uint32_t money_capacity;
    struct query_money_recent *recent; ///< by a hash of the key
    int64_t first_day;
    uint32_t day_count;
    uint64_t *days; ///< by day and step
    uint64_t charged_bytes;
};

/// Days from that of `plan->time_min_us` to that of `plan->time_max_us`.
void query_tally_init(struct query_tally *tally, const struct query_plan *plan,
                      uint32_t step_count);
void query_tally_deinit(struct query_tally *tally);
/// Counts one attempt in a slice, and with `days` also by day.
void query_tally_attempt(struct query_tally *tally, uint32_t slice,
                         const struct query_attempt *attempt, bool days);
/// Counts `count` attempts of a closed entry that ended at a level, all open or none.
void query_tally_levels(struct query_tally *tally, uint32_t slice, uint32_t level, bool open,
                        uint64_t count);
void query_tally_money(struct query_tally *tally, const struct query_money_key *key,
                       const struct query_money_sum *sum);
uint64_t query_tally_bytes(const struct query_tally *tally);
