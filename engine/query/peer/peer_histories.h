// SPDX-License-Identifier: Apache-2.0
/// Users one after the other, each with all rows that hold any of some stages: what a rule needs
/// that looks at more than one attempt. Users come in order of their keys; one worker.
#pragma once

#include "engine/query/query_plan.h"
#include "engine/query/query_slices.h"

struct peer_event {
    int64_t time_us;
    uint32_t stages; ///< bit i: stage i holds
    uint32_t value;  ///< number of the values of `by`; peer_histories_texts()
    uint32_t name;   ///< number of the event name, where names are asked for
    bool ordered;    ///< as match_event.ordered
};

/// What to gather. Borrowed.
struct peer_ask {
    const struct stage *stages; ///< at most FUNNEL_STEP_COUNT_MAX
    uint32_t stage_count;
    uint32_t not_hidden; ///< stages, as bits, that `where` hides nothing from
    struct text where;   ///< may be missing
    const struct text *by;
    uint32_t by_count;
    bool names;
    struct query_range rows; ///< half-open
    int64_t as_of_us;        ///< QUERY_TIME_NONE: the data's own
    const struct query_limits *limits;
};

struct peer_history {
    uint8_t user_namespace;
    struct text user_id;
    const struct peer_event *events; ///< canonical order, at least one
    uint32_t count;
};

struct peer_histories;

typedef enum corong_status peer_visit_function(void *context, struct peer_histories *histories,
                                               const struct peer_history *history,
                                               struct corong_error *error);

/// Visits every user with at least one such row. Memory for one user's rows is within the limits.
CORONG_MUST_CHECK enum corong_status peer_histories_run(struct store_snapshot *snapshot,
                                                        const struct peer_ask *ask,
                                                        peer_visit_function *visit, void *context,
                                                        struct corong_error *error);
/// Texts of a value number, `by_count` of them; missing ones are missing. Memory: `arena`.
struct text *peer_histories_texts(const struct peer_histories *histories, uint32_t value,
                                  struct arena *arena);
/// An event name's text; valid while the histories run.
struct text peer_histories_name(const struct peer_histories *histories, uint32_t name);
/// Books memory that a visit keeps.
CORONG_MUST_CHECK enum corong_status
peer_histories_charge(struct peer_histories *histories, uint64_t bytes, struct corong_error *error);
