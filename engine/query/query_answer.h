// SPDX-License-Identifier: Apache-2.0
/// The numbers of a funnel question over one range: levels, durations, money, days, by slices that
/// are ranked here or were listed before. Thread: the caller's.
#pragma once

#include "engine/query/query_buckets.h"
#include "engine/query/query_listing.h"

struct query_answer {
    struct store_snapshot *snapshot;
    const struct query_funnel *query;
    const struct query_listing *listing; ///< the slices that are counted; NULL: rank them
    struct query_listing *listing_out;   ///< what was ranked; NULL: not wanted
    bool frugal;  ///< the listing was made in passes: dictionaries stay as stored
    bool lean;    ///< durations are not kept; needs a listing, the total is counted apart
    bool overlap; ///< slices overlap, so that the total is counted apart; only with a listing
    const struct query_buckets *buckets; ///< of throughput; NULL: not wanted
    struct arena *arena;                 ///< where the result lives
    int64_t start_us;
};

/// Rows of throughput: one per listed slice, one for `(other)`, the total last.
static inline uint32_t query_answer_output_count(const struct query_answer *answer)
{
    return answer->listing == NULL ? 1 : answer->listing->count + 2;
}

/// Goes through all users once and fills the result but for its hashes.
CORONG_MUST_CHECK enum corong_status query_answer_pass(const struct query_answer *answer,
                                                       struct query_funnel_result *result_out,
                                                       struct corong_error *error);

/// The same question for the entries of each bucket by themselves, in one pass, over the listed
/// slices: fills `trend`, one row per bucket; where `result_out` is not NULL, also what
/// query_answer_pass() does. CORONG_NO_MEMORY where that is too much at once.
CORONG_MUST_CHECK enum corong_status query_answer_trend(const struct query_answer *answer,
                                                        const struct query_buckets *buckets,
                                                        struct query_trend *trend,
                                                        struct query_funnel_result *result_out,
                                                        struct corong_error *error);
/// Whether query_answer_trend() can answer a question, and whether with the whole result.
bool query_answer_trends(const struct query_funnel *query);
bool query_answer_trends_whole(const struct query_answer *answer);
