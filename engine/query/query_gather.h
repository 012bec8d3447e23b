// SPDX-License-Identifier: Apache-2.0
/// The events of one unit that match some step, as the matcher wants them: 16 bytes each, and 8
/// that say where the row is. What cannot matter any more is not kept. Thread: one worker.
#pragma once

#include "engine/query/query_source.h"

/// Where a row is: source index, group position and row, packed.
struct query_place {
    uint32_t source;
    uint32_t group;
    uint32_t row;
};

struct query_gather {
    struct query_tasks *tasks;
    struct query_range entries; ///< half-open, with the ends filled in
    int64_t window_us;
    struct match_event *events;
    uint64_t *places; ///< see query_gather_place()
    int64_t *own_us;  ///< with a tolerance: when events were, whatever they count as
    uint32_t count;
    uint32_t kept_count; ///< of these, the ones that matter whatever comes
    uint32_t capacity;
    bool has_entry;
    int64_t first_entry_us;
    int64_t last_entry_us;
    int64_t last_sequence; ///< of the last event kept
    uint32_t step_count;   ///< bits below are steps, those above exclusions
    uint32_t entry_steps;  ///< steps whose events may be entries
    int64_t tolerance_us;  ///< events so close to the first of a block count as at its time
    int64_t block_us;      ///< of the present block,
    bool in_block;         ///< if there is one
    bool keep_all;         ///< a dialect's matcher sees every event of the range
    bool time_only;        ///< a larger sequence number does not make an event later
};

void query_gather_deinit(struct query_gather *gather);
/// Forgets the events.
void query_gather_reset(struct query_gather *gather);

/// A row as it is gathered.
struct query_gathered {
    int64_t time_us;
    int64_t sequence;
    uint64_t stages; ///< steps and exclusions, as bits
    uint64_t place;  ///< packed
    bool allowed;    ///< may be an entry, if its step and the range say so, too
};

/// A row of the loaded group that has these steps and exclusions.
struct query_gathered query_gather_row(const struct query_source *source, uint32_t row,
                                       uint64_t stages);
/// Adds a row. Rows come in canonical order.
CORONG_MUST_CHECK enum corong_status query_gather_add(struct query_gather *gather,
                                                      const struct query_gathered *row,
                                                      struct corong_error *error);
/// A row as the matcher wants it, where query_gather_rows() may be used.
struct match_event query_gather_event(const struct query_gather *gather,
                                      const struct query_source *source, uint32_t row,
                                      uint64_t stages, int64_t time_us);
/// As in query_gather.places.
uint64_t query_gather_packed(const struct query_place *place);
/// The same of a row of the loaded group.
uint64_t query_gather_pack(const struct query_source *source, uint32_t row);
/// Adds an event of a unit that is whole: nothing is left out.
CORONG_MUST_CHECK enum corong_status query_gather_put(struct query_gather *gather,
                                                      const struct match_event *event,
                                                      uint64_t place, struct corong_error *error);
/// Adds rows [begin, end) of the loaded group that have a step or an exclusion and whose time lies
/// within `rows` (both ends included); adds their number to `*matched`. As query_gather_add() for
/// each, but only where nothing tells rows of one instant apart: no sequence numbers, no tolerance,
/// not `keep_all`.
CORONG_MUST_CHECK enum corong_status
query_gather_rows(struct query_gather *gather, const struct query_source *source, uint32_t begin,
                  uint32_t end, const struct query_range *rows, uint64_t *matched,
                  struct corong_error *error);
struct query_place query_gather_place(const struct query_gather *gather, uint32_t event);
/// The same of a packed place.
struct query_place query_gather_unpack(uint64_t place);
