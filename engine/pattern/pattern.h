// SPDX-License-Identifier: Apache-2.0
/// Event patterns as ClickHouse's sequenceMatch, sequenceCount and sequenceMatchEvents have them.
///
/// (?N) an event of condition N, from 1; `.` any event; `.*` any number of events; (?t OP NUMBER)
/// the time since the event matched before, OP one of <= < >= > ==. Events of no condition are not
/// seen, so (?1)(?2) means "next to each other among those of some condition". A pattern may start
/// anywhere. NUMBER counts the caller's unit (a second), or is a duration such as 30m.
///
/// Thread: a parsed pattern is immutable; each thread brings its own scratch.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define PATTERN_ACTION_COUNT_MAX 63u
/// ClickHouse gives up here too: "Pattern application proves too difficult".
#define PATTERN_STEP_COUNT_MAX 1000000u

enum pattern_action_kind {
    PATTERN_EVENT = 0,
    PATTERN_ANY,
    PATTERN_STAR,
    PATTERN_TIME_AT_MOST,
    PATTERN_TIME_LESS,
    PATTERN_TIME_AT_LEAST,
    PATTERN_TIME_MORE,
    PATTERN_TIME_EQUAL,
};

struct pattern_action {
    enum pattern_action_kind kind;
    uint32_t condition; ///< of an event, from 0
    int64_t time_us;
};

/// A parsed pattern. actions[0] is a star: it may start anywhere.
struct pattern {
    struct pattern_action actions[PATTERN_ACTION_COUNT_MAX + 1];
    uint32_t action_count;
    uint32_t conditions; ///< bits of those it names
    bool has_time;
};

/// Errors say the column and what would be right.
CORONG_MUST_CHECK enum corong_status pattern_parse(struct text source, uint32_t condition_count,
                                                   int64_t unit_us, struct pattern *pattern_out,
                                                   struct corong_error *error);

/// An event of some condition; in canonical order.
struct pattern_event {
    int64_t time_us;
    uint32_t conditions;
};

/// Where to go back to. Start from {0}; pattern_scratch_deinit() frees it. It grows to at most
/// PATTERN_SCRATCH_BYTES_MAX.
struct pattern_mark {
    uint32_t event;
    uint32_t base;
    uint8_t action;
    uint8_t matched_count;
};
struct pattern_scratch {
    struct pattern_mark *marks;
    uint32_t mark_count;
    uint32_t mark_capacity;
};
#define PATTERN_SCRATCH_BYTES_MAX ((UINT64_C(1) << 20) * sizeof(struct pattern_mark))
void pattern_scratch_deinit(struct pattern_scratch *scratch);

/// What one unit's events say. Both fail (CORONG_UNSUPPORTED) where the search takes more than
/// PATTERN_STEP_COUNT_MAX steps, as ClickHouse does; pattern_match() without times never does.
CORONG_MUST_CHECK enum corong_status pattern_match(const struct pattern *pattern,
                                                   struct pattern_scratch *scratch,
                                                   const struct pattern_event *events,
                                                   uint32_t event_count, bool *matches_out,
                                                   struct corong_error *error);
/// Matches that do not overlap: each begins behind the one before.
CORONG_MUST_CHECK enum corong_status pattern_count(const struct pattern *pattern,
                                                   struct pattern_scratch *scratch,
                                                   const struct pattern_event *events,
                                                   uint32_t event_count, uint64_t *count_out,
                                                   struct corong_error *error);
/// The events of the longest chain that the search met, whole or not: indices of those that (?N)
/// matched; `matched` has room for PATTERN_ACTION_COUNT_MAX.
CORONG_MUST_CHECK enum corong_status
pattern_longest(const struct pattern *pattern, struct pattern_scratch *scratch,
                const struct pattern_event *events, uint32_t event_count, uint32_t *matched,
                uint32_t *matched_count_out, struct corong_error *error);
