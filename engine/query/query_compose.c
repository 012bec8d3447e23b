// SPDX-License-Identifier: Apache-2.0
/// A funnel question as a whole: the answer itself, and what was asked for beside it, each a pass
/// of its own over the same users: overlapping slices, another range, buckets of entries,
/// conversion by time. One digest over all of it.
#include "engine/query/query_answer.h"
#include "engine/query/query_certainty.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_funnel.h"
#include "engine/query/query_ranking.h"
#include "engine/query/query_survival.h"
#include "storage/base/clock.h"

/// A question on its way.
struct composition {
    struct store_snapshot *snapshot;
    const struct query_funnel *query;
    struct arena *arena;
    struct query_listing listing;
    struct query_buckets buckets; ///< of throughput
    bool frugal;                  ///< slices were ranked in passes
    int64_t start_us;
};

static bool overlaps(const struct query_funnel *query)
{
    return query->attribution == QUERY_ATTRIBUTION_EACH && query->by_count > 0;
}

/// Times of the store's rows; false where it has none.
static bool stored_times(const struct store_snapshot *snapshot, int64_t *min_out, int64_t *max_out)
{
    *min_out = INT64_MAX;
    *max_out = INT64_MIN;
    for (uint32_t i = 0; i < store_snapshot_segment_count(snapshot); i++) {
        const struct segment_meta *meta = segment_reader_meta(store_snapshot_segment(snapshot, i));
        *min_out = meta->time_min_us < *min_out ? meta->time_min_us : *min_out;
        *max_out = meta->time_max_us > *max_out ? meta->time_max_us : *max_out;
    }
    return *min_out <= *max_out;
}

/// Buckets over what of the range has data; matched events may lie behind its end.
static enum corong_status make_buckets(const struct composition *composition,
                                       enum query_bucket kind, bool entries,
                                       struct query_buckets *buckets_out,
                                       struct corong_error *error)
{
    const struct query_range *range = &composition->query->range;
    int64_t from_us;
    int64_t to_us;
    *buckets_out = (struct query_buckets){0};
    if (!stored_times(composition->snapshot, &from_us, &to_us)) {
        return CORONG_OK;
    }
    to_us++;
    from_us = range->from_us > from_us ? range->from_us : from_us;
    if (entries && range->to_us != QUERY_TIME_NONE && range->to_us < to_us) {
        to_us = range->to_us;
    }
    return query_buckets_init(buckets_out, kind, composition->query->zone, from_us, to_us,
                              composition->arena, error);
}

/// A pass over listed slices; without keeping durations where they take too much memory.
static enum corong_status ask_listed(const struct query_answer *asked,
                                     struct query_funnel_result *result_out,
                                     struct corong_error *error)
{
    struct query_answer answer = *asked;
    struct corong_error inner = {0};
    answer.lean = answer.lean || answer.query->limits.ranking_bytes != 0;
    enum corong_status status = query_answer_pass(&answer, result_out, &inner);
    if (status == CORONG_NO_MEMORY && !answer.lean && answer.listing != NULL) {
        answer.lean = true;
        return query_answer_pass(&answer, result_out, error);
    }
    if (status != CORONG_OK && error != NULL) {
        *error = inner;
    }
    return status;
}

/// One pass about a range, over the listed slices where there are some.
static enum corong_status ask_range(const struct composition *composition,
                                    const struct query_range *range,
                                    struct query_funnel_result *result_out,
                                    struct corong_error *error)
{
    struct query_funnel query = *composition->query;
    query.range = *range;
    const struct query_answer answer = {
        .snapshot = composition->snapshot,
        .query = &query,
        .listing = query.by_count > 0 || composition->frugal ? &composition->listing : NULL,
        .frugal = composition->frugal,
        .overlap = overlaps(&query),
        .arena = composition->arena,
    };
    return ask_listed(&answer, result_out, error);
}

/// The answer where its slices are ranked on the way. `done_out` is false where that takes too much
/// memory, or where more is asked than that pass can give.
static enum corong_status ask_ranking(struct composition *composition, bool first_of_two,
                                      struct query_funnel_result *result, bool *done_out,
                                      struct corong_error *error)
{
    const struct query_funnel *query = composition->query;
    bool sliced = query->by_count > 0;
    struct query_funnel asked = *query;
    // Before another pass only the ranks are of use.
    asked.left_out |=
        first_of_two ? QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS : 0;
    struct query_answer answer = {
        .snapshot = composition->snapshot,
        .query = &asked,
        .listing_out = &composition->listing,
        .buckets = query->throughput != QUERY_BUCKET_NONE && !sliced ? &composition->buckets : NULL,
        .arena = composition->arena,
        .start_us = composition->start_us};
    *done_out = false;
    composition->frugal = sliced && query_ranking_needed(composition->snapshot, query);
    if (!composition->frugal) {
        struct corong_error inner;
        enum corong_status status = query_answer_pass(&answer, result, &inner);
        if (status == CORONG_OK) {
            *done_out = !first_of_two;
            return CORONG_OK;
        }
        if (status != CORONG_NO_MEMORY) {
            if (error != NULL) {
                *error = inner;
            }
            return status;
        }
        composition->frugal = true;
    }
    // Without attributes the listing is empty and all is one other.
    return !sliced ? CORONG_OK
                   : query_ranking_list(composition->snapshot, query, composition->arena,
                                        &composition->listing, error);
}

/// The answer itself; in a second pass what only listed slices can have: overlap, throughput, and
/// whatever has to do with little memory.
static enum corong_status ask_main(struct composition *composition,
                                   struct query_funnel_result *result, struct corong_error *error)
{
    const struct query_funnel *query = composition->query;
    bool sliced = query->by_count > 0;
    bool throughput = query->throughput != QUERY_BUCKET_NONE;
    bool done;
    if (throughput) {
        TRY(make_buckets(composition, query->throughput, false, &composition->buckets, error));
    }
    TRY(ask_ranking(composition, sliced && (throughput || overlaps(query)), result, &done, error));
    if (done) {
        return CORONG_OK;
    }
    const struct query_answer answer = {.snapshot = composition->snapshot,
                                        .query = query,
                                        .listing = &composition->listing,
                                        .frugal = composition->frugal,
                                        .overlap = overlaps(query),
                                        .buckets = throughput ? &composition->buckets : NULL,
                                        .arena = composition->arena,
                                        .start_us = composition->start_us};
    return ask_listed(&answer, result, error);
}

static enum corong_status ask_comparison(const struct composition *composition,
                                         struct query_funnel_result *result,
                                         struct corong_error *error)
{
    struct query_funnel_result other;
    TRY(ask_range(composition, &composition->query->compare, &other, error));
    result->comparison = arena_allocate_zeroed(composition->arena, 1, sizeof(*result->comparison));
    result->comparison->total = other.total;
    result->comparison->slices = other.slices;
    result->comparison->other = other.other;
    query_certainty_split(result, composition->arena);
    return CORONG_OK;
}

/// Each bucket by a pass of its own.
static enum corong_status ask_each_bucket(const struct composition *composition,
                                          const struct query_buckets *buckets,
                                          struct query_trend *trend, struct corong_error *error)
{
    const struct query_range *range = &composition->query->range;
    for (uint32_t b = 0; b < buckets->count; b++) {
        struct query_range part = {buckets->begins[b], buckets->begins[b + 1]};
        struct query_funnel_result answer;
        part.from_us = range->from_us > part.from_us ? range->from_us : part.from_us;
        if (range->to_us != QUERY_TIME_NONE && range->to_us < part.to_us) {
            part.to_us = range->to_us;
        }
        TRY(ask_range(composition, &part, &answer, error));
        trend[b] = (struct query_trend){.begin_us = buckets->begins[b],
                                        .end_us = buckets->begins[b + 1],
                                        .total = answer.total,
                                        .slices = answer.slices,
                                        .other = answer.other};
    }
    return CORONG_OK;
}

/// Each bucket is the question asked for that part of the range: of all in one pass, where units
/// can be asked so and memory suffices.
static enum corong_status ask_trend(const struct composition *composition,
                                    struct query_funnel_result *result, struct corong_error *error)
{
    struct query_buckets buckets;
    TRY(make_buckets(composition, composition->query->trend, true, &buckets, error));
    result->trend = arena_allocate_zeroed(composition->arena, (size_t)buckets.count + 1,
                                          sizeof(*result->trend));
    result->trend_count = buckets.count;
    const struct query_answer answer = {
        .snapshot = composition->snapshot,
        .query = composition->query,
        .listing = composition->query->by_count > 0 ? &composition->listing : NULL,
        .frugal = composition->frugal,
        .arena = composition->arena,
    };
    if (query_answer_trends(composition->query) && !composition->frugal) {
        struct corong_error inner = {0};
        enum corong_status status =
            query_answer_trend(&answer, &buckets, result->trend, NULL, &inner);
        if (status != CORONG_NO_MEMORY) {
            if (status != CORONG_OK && error != NULL) {
                *error = inner;
            }
            return status;
        }
    }
    return ask_each_bucket(composition, &buckets, result->trend, error);
}

/// The answer and its trend in one pass, where counts alone are asked for. `done_out` is false
/// where that takes too much memory, or where more is asked.
static enum corong_status ask_together(const struct composition *composition,
                                       struct query_funnel_result *result, bool *done_out,
                                       struct corong_error *error)
{
    const struct query_funnel *query = composition->query;
    const struct query_answer answer = {.snapshot = composition->snapshot,
                                        .query = query,
                                        .arena = composition->arena,
                                        .start_us = composition->start_us};
    struct query_buckets buckets;
    struct corong_error inner = {0};
    *done_out = false;
    if (query->trend == QUERY_BUCKET_NONE || query->throughput != QUERY_BUCKET_NONE ||
        !query_answer_trends_whole(&answer)) {
        return CORONG_OK;
    }
    TRY_IN(make_buckets(composition, query->trend, true, &buckets, error), error, "trend");
    result->trend = arena_allocate_zeroed(composition->arena, (size_t)buckets.count + 1,
                                          sizeof(*result->trend));
    result->trend_count = buckets.count;
    enum corong_status status =
        query_answer_trend(&answer, &buckets, result->trend, result, &inner);
    *done_out = status == CORONG_OK;
    if (status == CORONG_OK || status == CORONG_NO_MEMORY) {
        return CORONG_OK;
    }
    if (error != NULL) {
        *error = inner;
    }
    return status;
}

static void seal(const struct composition *composition, struct query_funnel_result *result)
{
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    const struct query_funnel *query = composition->query;
    query_digest_text(&definition, "question", TEXT_LITERAL("funnel"));
    query_funnel_describe(query, &definition);
    query_digest_funnel(&bytes, result, query->funnel.step_count, query->by_count);
    query_digest_beside(&bytes, result, query->funnel.step_count, query->by_count);
    query_digest_seal(&result->provenance, &definition, &bytes);
    result->provenance.seconds_total = (double)(clock_monotonic_us() - composition->start_us) / 1e6;
}

enum corong_status query_funnel_run(struct store_snapshot *snapshot,
                                    const struct query_funnel *query, struct arena *arena,
                                    struct query_funnel_result *result_out,
                                    struct corong_error *error)
{
    struct composition composition = {
        .snapshot = snapshot, .query = query, .arena = arena, .start_us = clock_monotonic_us()};
    *result_out = (struct query_funnel_result){0};
    bool together;
    TRY(ask_together(&composition, result_out, &together, error));
    if (!together) {
        TRY(ask_main(&composition, result_out, error));
    }
    query_certainty_test(result_out);
    if (query->compared) {
        TRY_IN(ask_comparison(&composition, result_out, error), error, "compare");
    }
    if (query->trend != QUERY_BUCKET_NONE && !together) {
        TRY_IN(ask_trend(&composition, result_out, error), error, "trend");
    }
    if (query->survival) {
        TRY_IN(query_survival_pass(snapshot, query, arena, &result_out->survival, error), error,
               "survival");
    }
    seal(&composition, result_out);
    return CORONG_OK;
}
