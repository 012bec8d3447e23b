// SPDX-License-Identifier: Apache-2.0
/// One run of a funnel question over all users, whatever is done with the reported attempts: plan,
/// workers, and a state of the caller's for each of them. Thread: the caller's; states belong to
/// one worker each while it runs.
#pragma once

#include "engine/query/query_funnel.h"
#include "engine/query/query_units.h"

struct query_pass;

/// What a kind of pass does. A state is zeroed before `init`.
struct query_pass_calls {
    size_t state_size;
    void (*init)(struct query_pass *pass, void *state);
    query_report_function *report; ///< its context is the state
    query_brief_function *brief;   ///< its short form; NULL: there is none
    /// After each task, to book memory. May be NULL.
    enum corong_status (*settle)(void *state, struct query_units *units,
                                 struct corong_error *error);
    void (*deinit)(void *state);
    /// See query_units.note; NULL: not needed.
    void (*note)(const struct query_units *units, struct query_attempt *attempt);
    /// The state's trail, which the worker fills; NULL: attempts alone are enough.
    struct query_trail *(*trail)(void *state);
};

struct query_pass_worker {
    struct query_units units;
    void *state;
};

struct query_pass {
    const struct query_funnel *query;
    struct query_tasks *tasks;
    const struct query_pass_calls *calls;
    const struct query_buckets *buckets;
    bool brief;
    void *context; ///< the caller's, for `init`
    struct query_funnel_asked asked;
    struct query_plan plan;
    struct query_memo_run *memo; ///< what is kept from question to question; NULL: nothing
    struct query_pass_worker *workers;
    uint32_t worker_count;
    bool succeeded; ///< all users were gone through
};

/// What a pass leaves out.
struct query_pass_options {
    const struct query_buckets *buckets; ///< see query_units_by_bucket(); NULL: none
    bool no_slices;                      ///< attributes are not looked up
    bool no_money;                       ///< nor amounts
    bool brief;                          ///< `brief` is enough
    bool no_texts;                       ///< the dictionaries of slice attributes stay as stored
    const uint32_t *trail_column;        ///< looked up on rows of the trail; NULL: no trail
    void *context;                       ///< goes to query_pass.context
};

/// Binds the question; `query` lives as long as the pass. On failure nothing is left.
CORONG_MUST_CHECK enum corong_status
query_pass_open(struct query_pass *pass, struct store_snapshot *snapshot,
                const struct query_funnel *query, const struct query_pass_calls *calls,
                const struct query_pass_options *options, struct corong_error *error);
/// Starts the workers' states and goes through all users. Once.
CORONG_MUST_CHECK enum corong_status query_pass_run(struct query_pass *pass,
                                                    struct corong_error *error);
void query_pass_close(struct query_pass *pass);
