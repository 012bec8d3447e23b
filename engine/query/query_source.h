// SPDX-License-Identifier: Apache-2.0
/// One worker's view of one segment: row groups decoded one after the other, with the steps that
/// each row may fill, standing at one user at a time. Thread: one worker.
#pragma once

#include "engine/query/query_plan.h"
#include "engine/query/query_tasks.h"

/// What a worker reads, for provenance.
struct query_reading {
    uint64_t rows;    ///< of users that the task owns
    uint64_t bytes;   ///< compressed
    int64_t read_us;  ///< reading and decoding
    int64_t match_us; ///< all else
};

/// Some columns of some group, decoded apart from the scan. `group` is UINT32_MAX while empty.
struct query_look {
    struct segment_scratch *scratch;
    struct identity_scratch *moved; ///< instead, of a layer
    uint32_t group;                 ///< position in query_segment.groups
    struct row_group rows;
};

/// Times of the loaded group: base + units[row] * power where `units` is set, else wide[row].
struct query_times {
    const uint32_t *units;
    uint64_t base;
    uint64_t power;
    const int64_t *wide;
};

struct query_source {
    const struct query_plan *plan;
    const struct query_segment *segment;
    struct query_tasks *tasks;
    struct query_reading *reading;
    uint32_t index;     ///< of the segment
    struct hash128 end; ///< first key that is not the task's
    bool has_end;
    bool done; ///< no user left

    uint32_t group;                  ///< position in query_segment.groups of the loaded group
    struct segment_scratch *scratch; ///< NULL: a layer, which has ...
    struct identity_scratch *moved_scratch; ///< ... this
    const uint64_t *moved; ///< users of the loaded group to pass over, as bits; NULL: none
    struct row_group rows;
    struct query_times times;
    const struct column_packed *names; ///< NULL where rows.columns has them
    /// By row a class, which says by `steps_of_class` what its name and its folded columns do: the
    /// stored names, or where there are such columns `class_bytes`. NULL: none.
    const uint8_t *classes;
    /// By row of `slice_group` a byte that names the slice, where there is one: by these a row that
    /// is to be counted is fetched ahead. Not read, since the group may have gone. NULL: none.
    const uint8_t *slice_bytes;
    uint32_t slice_group;
    uint64_t steps_of_class[256];
    uint8_t *class_bytes;
    uint8_t *class_of_rank[QUERY_FOLD_COUNT_MAX]; ///< by fold and rank + 1, where codes are ranked
    const int64_t *sequences;                     ///< NULL where they never differ
    struct column_values *columns;                ///< of the plan's schema, for filters
    uint64_t *steps;   ///< by row; filled only where some filter is asked row by row
    uint64_t *entries; ///< bitmap: rows that may fill step 1
    uint64_t *later;   ///< bitmap: rows that may fill a later step
    /// Bitmap: rows that begin a session, if the loaded group has all rows of its users; NULL where
    /// the plan does not ask for sessions or times are not stored in 32 bits.
    const uint64_t *session_starts;
    uint64_t *session_bits; ///< memory of it
    uint8_t *matches;       ///< scratch of filters and of the bitmaps
    uint8_t *allowed;       ///< by row: may be an entry by where_entry; NULL: all may
    int64_t *wide_times;    ///< memory of times.wide where times are not stored in 32 bits
    uint32_t row_capacity;
    struct arena filter_scratch;

    uint32_t user; ///< index in the group
    struct hash128 key;
    uint32_t row;     ///< next row of this user ...
    uint32_t row_end; ///< ... and the end of its rows in this group

    struct query_look looks[2]; ///< the group before stays, for users that cross groups
    uint32_t look_turn;
    uint64_t charged_bytes; ///< of buffers, booked so far
    struct query_look full; ///< all columns, for the order of simultaneous rows
    struct query_look keys; ///< of a layer: what decides that order most of the time
};

void query_source_init(struct query_source *source, const struct query_plan *plan, uint32_t index,
                       struct query_tasks *tasks, struct query_reading *reading);
void query_source_deinit(struct query_source *source);
/// Goes to the first user with a key of `from` or more; `end` (NULL: none) ends the task.
CORONG_MUST_CHECK enum corong_status query_source_seek(struct query_source *source,
                                                       struct hash128 from,
                                                       const struct hash128 *end,
                                                       struct corong_error *error);
/// Goes on to the first user with a key of `from` or more, unless the source stands there already.
CORONG_MUST_CHECK enum corong_status
query_source_advance(struct query_source *source, struct hash128 from, struct corong_error *error);
/// The next user, or the same user's rows in the next group, or done.
CORONG_MUST_CHECK enum corong_status query_source_next(struct query_source *source,
                                                       struct corong_error *error);
/// Leaves the present user, groups that hold no other user are not decoded.
CORONG_MUST_CHECK enum corong_status query_source_skip(struct query_source *source,
                                                       struct corong_error *error);
/// True where the rows of the loaded group's last user go on in the next group.
bool query_source_group_continues(const struct query_source *source);
/// True where the present user's rows go on in the next group.
bool query_source_continues(const struct query_source *source);
/// Steps that the present user's rows in this group can fill at most, by name masks.
uint64_t query_source_possible(const struct query_source *source);
/// The looked-up columns of a group, by its position. Valid until the next but one call.
CORONG_MUST_CHECK enum corong_status query_source_look(struct query_source *source, uint32_t group,
                                                       const struct row_group **rows_out,
                                                       struct corong_error *error);
/// All columns of the loaded group. Valid until the next call.
CORONG_MUST_CHECK enum corong_status query_source_full(struct query_source *source,
                                                       const struct row_group **rows_out,
                                                       struct corong_error *error);

/// Sequence numbers and id hashes of the loaded group, perhaps more: columns of a layer are copied
/// for all its rows, so that its other ones are read only where these do not decide.
CORONG_MUST_CHECK enum corong_status query_source_keys(struct query_source *source,
                                                       const struct row_group **rows_out,
                                                       struct corong_error *error);

/// Time of a row of the loaded group.
static inline int64_t query_source_time(const struct query_source *source, uint32_t row)
{
    const struct query_times *times = &source->times;
    return times->units != NULL ? (int64_t)(times->base + times->units[row] * times->power)
                                : times->wide[row];
}

/// Code of the event name of a row of the loaded group.
static inline uint32_t query_source_name(const struct query_source *source, uint32_t row)
{
    return source->names != NULL ? column_packed_code(source->names, row)
                                 : source->rows.columns[COLUMN_NAME].codes[row];
}

/// Place in a fold's table of a row of the loaded group.
static inline uint32_t query_source_folded(const struct query_source *source, uint32_t column,
                                           uint32_t row)
{
    const struct column_packed *packed = &source->rows.packed[column];
    const uint32_t *codes = source->rows.columns[column].codes;
    uint32_t code = packed->exists  ? column_packed_code(packed, row)
                    : codes != NULL ? codes[row]
                                    : COLUMN_CODE_MISSING;
    return code + 1;
}

/// Steps that a row of the loaded group may fill by its name and the filters that are tables.
static inline uint64_t query_source_listed(const struct query_source *source, uint32_t row)
{
    if (source->classes != NULL) {
        return source->steps_of_class[source->classes[row]];
    }
    const struct query_segment *segment = source->segment;
    uint64_t steps = segment->steps_of_name[query_source_name(source, row)];
    for (uint32_t i = 0; i < segment->folds.count; i++) {
        const struct query_fold *fold = &segment->folds.folds[i];
        steps &= fold->keep[query_source_folded(source, fold->column, row)];
    }
    return steps;
}

/// Steps that a row of the loaded group may fill.
static inline uint64_t query_source_steps(const struct query_source *source, uint32_t row)
{
    return source->segment->filtered ? source->steps[row] : query_source_listed(source, row);
}

/// Rows of [begin, end), of the word of 64 rows, as bits.
static inline uint64_t query_source_row_bits(uint32_t word, uint32_t begin, uint32_t end)
{
    uint32_t first = word * 64;
    uint64_t bits = begin > first ? UINT64_MAX << (begin - first) : UINT64_MAX;
    return end - first < 64 ? bits & ((UINT64_C(1) << (end - first)) - 1) : bits;
}

/// Those of them that may fill some step.
static inline uint64_t query_source_step_bits(const struct query_source *source, uint32_t word,
                                              uint32_t begin, uint32_t end)
{
    return (source->entries[word] | source->later[word]) & query_source_row_bits(word, begin, end);
}
