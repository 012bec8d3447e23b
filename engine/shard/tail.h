// SPDX-License-Identifier: Apache-2.0
/// The rows of one shard since its last flush: columns that grow at the end, strings as codes of
/// tables that live until the flush. A flush sorts the rows, drops duplicates, and writes one
/// segment for each period that occurs.
///
/// Thread: the shard's. Memory: bounded by the caller, who asks tail_has_room() and flushes.
#pragma once

#include "engine/event/event_batch.h"
#include "engine/shard/symbol_table.h"
#include "engine/shard/user_table.h"
#include "storage/base/error.h"
#include "storage/column/canonical_row.h"
#include "storage/column/column.h"
#include "storage/segment/segment.h"

#include <stdbool.h>
#include <stdint.h>

struct tail_options {
    const struct event_format *format;
    const struct hash_secret *secret;
    const char *directory; ///< of the segments; NULL: they are made in memory
    int64_t period_us;
    int zstd_level; ///< 0: segments are written quickly
    uint64_t budget_bytes;
};

/// What flushes made since the last report to the committer.
struct tail_output {
    struct segment_meta *metas;
    uint32_t meta_count;
    uint32_t meta_capacity;
    uint64_t event_count; ///< events that went in
    uint64_t row_count;   ///< rows that came out
    uint64_t duplicate_count;
};

/// Parts of time whose rows a flush brings together before it sorts them.
#define TAIL_PART_COUNT_MAX 4u

/// A flush under way; kept when writing fails, so that a retry goes on where it stopped.
struct tail_flush {
    bool active;
    uint32_t *user_order; ///< user by rank
    uint32_t *rows;       ///< by place: which of the tail's
    uint32_t row_count;   ///< without duplicates
    uint32_t duplicate_count;
    int64_t
        dropped_as_of_us;  ///< maximum of min(time, received) over the duplicates; INT64_MIN: none
    int64_t *periods;      ///< ascending
    uint32_t *period_ends; ///< rows[period_ends[i - 1]..period_ends[i]) lie in periods[i]
    uint32_t period_count;
    uint32_t period_done;
    bool is_parted; ///< a period's rows lie together in the tail: those before its part_ends
    uint32_t part_ends[TAIL_PART_COUNT_MAX];
    uint32_t *symbol_orders[SCHEMA_COLUMN_COUNT_MAX]; ///< code by rank, of string columns
};

/// Arrays of row_capacity values that wait for their next use: memory that was returned to the
/// system and taken again would cost more than what is done in it.
struct tail_spares {
    void *words[SCHEMA_COLUMN_COUNT_MAX];    ///< uint32_t
    void *integers[SCHEMA_COLUMN_COUNT_MAX]; ///< int64_t
    uint32_t word_count;
    uint32_t integer_count;
};

struct tail {
    struct tail_options options;
    const struct schema *schema;
    struct canonical_order canonical;
    uint32_t row_count;
    uint32_t row_capacity;
    uint64_t row_bytes; ///< per row, of the columns that exist
    struct tail_spares spares;
    uint32_t *users; ///< number in user_table
    uint8_t *future;
    /// By schema column; NULL until the first value that is not missing (a sequence number: not 0).
    /// Time is COLUMN_TIME.
    struct column_values columns[SCHEMA_COLUMN_COUNT_MAX];
    struct symbol_table symbols[SCHEMA_COLUMN_COUNT_MAX]; ///< of string columns
    struct user_table user_table;
    struct segment_choices *choices; ///< of encodings, from flush to flush
    struct tail_flush flush;
    uint64_t chunk_bytes; ///< of chunks that hold some of these rows; they count against the budget
    union canonical_value *values; ///< of one row, for tail_canonical()
};

struct tail *tail_create(const struct tail_options *options);
void tail_destroy(struct tail *tail);
/// False where this batch would take the tail beyond its budget: flush first. Always true when
/// empty.
bool tail_has_room(const struct tail *tail, const struct event_batch *batch);
/// Copies the rows of a batch.
void tail_append(struct tail *tail, const struct event_batch *batch);
/// Copies all values of a row that is not flushed yet; texts live until the next flush. `tail` is a
/// struct tail.
void tail_values(void *tail, uint32_t row, union canonical_value *values_out);
/// Appends the canonical bytes of a row that is not flushed yet. `tail` is a struct tail.
void tail_canonical(void *tail, uint32_t row, struct text_buffer *out);
/// Bytes held.
uint64_t tail_memory(const struct tail *tail);
/// Bytes that the rows at hand fill of it; what a flush leaves behind is not counted.
uint64_t tail_fill(const struct tail *tail);
/// Sorts and writes everything and adds what came out to `output`. After an error the tail is
/// unchanged except for what was written already, and the call may be repeated.
CORONG_MUST_CHECK enum corong_status tail_flush(struct tail *tail, struct tail_output *output,
                                                struct corong_error *error);
/// Forgets all rows. Used when the engine has failed.
void tail_discard(struct tail *tail);

/// Fills tail->flush: ranks strings and users, sorts, drops duplicates, splits by period.
/// tail_sort.c.
void tail_sort(struct tail *tail);
/// Numbers of users and codes of strings become ranks; rows of one part of time, and in it those of
/// users with neighbouring ranks, are brought together. A user's stay in order of arrival.
/// tail_cluster.c.
struct tail_moves {
    const uint32_t *user_ranks;
    /// Of string columns that exist, by code plus one: the first is COLUMN_CODE_MISSING, for
    /// itself.
    uint32_t *symbol_ranks[SCHEMA_COLUMN_COUNT_MAX];
    uint32_t part_count;                         ///< 1 where the rows are few
    int64_t part_starts_us[TAIL_PART_COUNT_MAX]; ///< ascending; the first is not looked at
    uint32_t part_ends[TAIL_PART_COUNT_MAX];     ///< filled: where the rows of each end
};
#define TAIL_CLUSTER_ROW_COUNT_MIN (1u << 11) ///< fewer rows lie in the cache as they are
void tail_cluster(struct tail *tail, struct tail_moves *moves);
/// Frees what tail_sort() made.
void tail_sort_release(struct tail *tail);
/// Writes the next period's segment; one in memory gives its descriptor, which becomes the
/// caller's. tail_write.c.
CORONG_MUST_CHECK enum corong_status tail_write_period(struct tail *tail,
                                                       struct segment_meta *meta_out,
                                                       int *descriptor_out,
                                                       struct corong_error *error);
/// Makes room for this many rows in all.
void tail_reserve_rows(struct tail *tail, uint32_t wanted);
/// Makes a column whose rows so far are all missing.
void tail_add_column(struct tail *tail, uint32_t column);
/// An array of row_capacity codes (or users), or of integers; it may be a used one.
uint32_t *tail_take_words(struct tail *tail);
int64_t *tail_take_integers(struct tail *tail);
/// Gives one back for the next use. NULL: nothing.
void tail_give_words(struct tail *tail, uint32_t *words);
void tail_give_integers(struct tail *tail, int64_t *integers);
/// A tail of its own with the rows [first, first + count) of one that is not being flushed; its
/// segments are made in memory, one for all periods. tail_copy.c.
struct tail *tail_copy_rows(const struct tail *tail, uint32_t first, uint32_t count);
/// About what tail_copy_rows() of this many rows takes.
uint64_t tail_copy_memory(const struct tail *tail, uint32_t count);
