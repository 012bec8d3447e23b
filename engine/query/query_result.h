// SPDX-License-Identifier: Apache-2.0
/// What a funnel's answer holds: the results behind query.h, which includes this. Thread: values.
/// Memory: the arena of the answer.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define QUERY_EDGE_COUNT 12u
/// Edges of the histogram of durations: 1 s, 10 s, 30 s, 1 m, 5 m, 15 m, 1 h, 6 h, 1 d, 3 d, 7 d,
/// 30 d.
extern const int64_t QUERY_EDGES_US[QUERY_EDGE_COUNT];

/// Parts of an answer beside the counts, which are always there.
enum query_output {
    QUERY_OUTPUT_TIMES = 1, ///< times to each step
    QUERY_OUTPUT_MONEY = 2, ///< revenue and orders
    QUERY_OUTPUT_DAYS = 4,  ///< matched events by day
};

/// Exact distribution of integer durations.
struct query_durations {
    uint64_t count;
    double mean_us;
    double percentiles_us[5]; ///< 10, 50, 90, 95, 99 by linear interpolation; in that order
    int64_t min_us;
    int64_t max_us;
    uint64_t histogram[QUERY_EDGE_COUNT + 1]; ///< below the first edge, from it on, ...
};
#define QUERY_PERCENTILE_COUNT 5

struct query_money {
    struct text currency;   ///< missing: the events name none
    int64_t revenue;        ///< 1/10000 of the unit
    uint64_t orders;        ///< matched events with an amount
    int64_t repeat_revenue; ///< of further orders of the same people within the window
    uint64_t repeat_orders;
};

struct query_step {
    struct text name;
    uint64_t reached;
    uint64_t entered; ///< attempts that begin here; all at step 1, or entry open
    uint64_t dropped; ///< reported attempt ends here; 0 for the last step
    uint64_t open;    ///< of dropped: may still convert
    uint64_t lost;    ///< of dropped: cannot
    struct query_durations from_previous; ///< over attempts that made this step; empty for step 1
    struct query_durations from_entry;
    struct query_money *money; ///< one per currency, by currency text
    uint32_t money_count;
};

/// One slice, the total, or `(other)`.
struct query_slice {
    struct text *values; ///< by_count values; missing is shown as (none). NULL for total and other
    uint64_t won;
    uint64_t open;
    uint64_t lost;
    struct query_step *steps; ///< step_count
    bool tested;              ///< listed, and it and the rest have closed units
    double p_value;           ///< that its won/closed is that of all other units: z-test, two-sided
    double q_value;           ///< of Benjamini and Hochberg over the slices tested
    uint32_t left_out;        ///< enum query_output: what was not asked for, and is empty here
};

/// Units whose matched step-k event lies in a day (UTC).
struct query_day {
    int64_t day_start_us;
    uint64_t *reached; ///< step_count
};

/// Units whose matched step-k event lies in a bucket, by slice.
struct query_throughput {
    int64_t begin_us;
    int64_t end_us;
    uint64_t *total;  ///< step_count
    uint64_t *slices; ///< slice_count + 1 rows of step_count: those listed, then `(other)`
};

/// The question asked for the entries of one bucket.
struct query_trend {
    int64_t begin_us;
    int64_t end_us;
    struct query_slice total;
    struct query_slice *slices; ///< as listed for the whole range
    struct query_slice other;
};

/// Why an attempt's time ends (SEMANTICS 5).
enum query_end {
    QUERY_END_WON = 0,
    QUERY_END_EXCLUDED, ///< competing: an exclusion
    QUERY_END_STRICT,   ///< competing: an event between
    QUERY_END_GAP,      ///< competing: the next step is late
    QUERY_END_SESSION,  ///< competing: the session is over
    QUERY_END_OPEN,     ///< censored at as-of
    QUERY_END_WINDOW,   ///< censored at the window's end
    QUERY_END_COUNT,
};
#define QUERY_END_COMPETING_COUNT 4u ///< EXCLUDED to SESSION

/// The share won up to a time since the entry, with its 95 % band.
struct query_survival_point {
    int64_t after_us;
    uint64_t at_risk; ///< attempts whose time has not ended before
    uint64_t won;     ///< up to and including this time
    double estimate;
    double low;
    double high;
};

/// Conversion by time since the entry: Kaplan-Meier, with competing ends Aalen-Johansen.
struct query_survival {
    bool all_attempts; ///< else the first of each unit
    uint64_t ends[QUERY_END_COUNT];
    uint64_t win_time_count; ///< distinct times to the last step
    uint64_t attempts;
    bool plateau; ///< the window ends all attempts: the last estimate is final
    struct query_survival_point *points; ///< all distinct win times, or an even choice of them
    uint32_t point_count;
    struct query_survival_point final; ///< at the window's end; without a window at the last win
    double competing[QUERY_END_COMPETING_COUNT]; ///< share ended so, at the same time
};

/// What of the change of won/entered a slice brings: `mix` by its share of the units, `rate` by its
/// own conversion. All of them sum to the whole change.
struct query_change {
    double mix;
    double rate;
};

/// Difference of two shares, this range minus the other, with its 95 % interval (Newcombe).
struct query_difference {
    bool known; ///< both have units
    double value;
    double low;
    double high;
};

/// The same question about another range.
struct query_comparison {
    struct query_slice total;
    struct query_slice *slices; ///< those listed for this range
    struct query_slice other;
    bool split;                   ///< both ranges have units: mix and rate exist
    struct query_change *changes; ///< slice_count + 1: those listed, then `(other)`
    struct query_change change;   ///< their sums
};

/// Why engine/query/block left a user to the general way.
enum query_block_reason {
    QUERY_BLOCK_TIE = 0,   ///< step rows at one instant
    QUERY_BLOCK_ORDER,     ///< rows in several segments that are not one after the other in time
    QUERY_BLOCK_CONTINUES, ///< rows go on in the next row group
    QUERY_BLOCK_KEY,       ///< another user's key begins with the same 64 bits
    QUERY_BLOCK_WIDE,      ///< more segments at once than it merges
    QUERY_BLOCK_REASON_COUNT,
};

/// What every answer says about where it comes from.
struct query_provenance {
    char definition_hash[33]; ///< hex
    char result_digest[33];   ///< hex; covers definition and result, never positions
    char store_digest[33];    ///< hex; of the stored rows, copies that await a merge included
    uint64_t store_sequence;
    int64_t as_of_us;
    uint64_t after_as_of;       ///< events later than as_of, not part of the answer
    uint64_t events_outside;    ///< events of steps that lack a value of the unit's attributes
    uint64_t rows_stored;       ///< seen: committed ones and those of chunks
    uint64_t rows_committed;    ///< of these, durable
    int64_t visible_through_us; ///< how far the data reaches (its own as-of); QUERY_TIME_NONE: none
    int64_t committed_through_us; ///< how far the durable part of it reaches
    uint64_t events_read;         ///< rows decoded
    uint64_t events_matched;      ///< rows that match some step
    uint64_t users_read;
    uint64_t users_remembered; ///< beside users_read: what was found of them earlier is true still
    uint64_t users_skipped;    ///< answered by name mask or zone map alone
    uint64_t users_in_blocks;  ///< of users_read: done by engine/query/block ...
    uint64_t users_left[QUERY_BLOCK_REASON_COUNT]; ///< ... and left by it, by reason
    uint64_t bytes_read;                           ///< compressed
    uint64_t type_mismatches;
    double seconds_total; ///< wall; not part of the digest, nor is what was read
    double seconds_read;  ///< summed over threads: reading and decoding
    double seconds_match; ///< summed over threads: predicates and matching
    uint32_t thread_count;
    uint32_t source_count;
    bool complete;
    const double *repeat_seconds;     ///< where the caller asked again: wall, one per time
    const double *repeat_cpu_seconds; ///< the same of the processor, all threads together
    uint32_t repeat_count;
};

struct query_funnel_result {
    struct query_slice total;
    struct query_slice *slices; ///< top N by reached[1], ties by value
    uint32_t slice_count;
    bool has_other;
    struct query_slice other;   ///< exact rest
    uint64_t other_slice_count; ///< how many values are in it
    struct query_day *days;     ///< throughput per day, ascending
    uint32_t day_count;
    struct query_provenance provenance;
    bool overlap; ///< a unit may be in several slices: they need not sum to the total
    struct query_trend *trend;
    uint32_t trend_count;
    struct query_throughput *throughput;
    uint32_t throughput_count;
    struct query_survival *survival;     ///< NULL: not asked for
    struct query_comparison *comparison; ///< NULL: not asked for
};
