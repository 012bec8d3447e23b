// SPDX-License-Identifier: Apache-2.0
/// Questions and answers. One query object and one result object serve the CLI, HTTP and the
/// dashboard.
///
/// Thread: query_funnel() and its siblings may be called from any thread; they start their own
/// workers. Memory: results live in the arena given; working memory is bounded by `limits`.
#pragma once

#include "engine/funnel/funnel.h"
#include "engine/query/query_result.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/storage.h"
#include "storage/zone/zone.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define QUERY_SLICE_ATTRIBUTE_COUNT_MAX 8u
#define QUERY_TOP_DEFAULT 20u
#define QUERY_TIME_NONE INT64_MIN

struct query_memo;

struct query_limits {
    uint32_t thread_count;       ///< 0: one per core
    uint64_t memory_limit_bytes; ///< 0: 1 GiB
    int64_t deadline_us;         ///< monotonic clock; 0: none
    atomic_bool *cancelled;      ///< set by the caller to stop; may be NULL
    struct query_memo *memo;     ///< what is kept from question to question; NULL: nothing
    uint64_t ranking_bytes; ///< not 0: slices are ranked in passes with tables of this size (tests)
};

/// What questions that are asked again and again found of each user, under a byte budget: the same
/// answers at less cost where few users have new events. Thread: any. Ownership: nothing else is
/// held when it is destroyed; questions that use it have ended.
struct query_memo *query_memo_create(uint64_t budget_bytes);
/// NULL-safe.
void query_memo_destroy(struct query_memo *memo);
uint64_t query_memo_bytes(struct query_memo *memo);

/// Half-open range of entries (funnels), events (stages) or session starts (sessions).
struct query_range {
    int64_t from_us; ///< QUERY_TIME_NONE: from the first event
    int64_t to_us;   ///< QUERY_TIME_NONE: to the end
};

/// Whose value puts a unit into a slice (SEMANTICS 6). All but EACH partition the units.
enum query_attribution {
    QUERY_ATTRIBUTION_ENTRY = 0, ///< of the entry event
    QUERY_ATTRIBUTION_FIRST,     ///< first present one over the attempt's matched events
    QUERY_ATTRIBUTION_LAST,      ///< last present one over them
    QUERY_ATTRIBUTION_STEP,      ///< of the event that fills step `attribution_step`
    QUERY_ATTRIBUTION_USER, ///< the person's latest present one at the entry, 30 days old at most
    QUERY_ATTRIBUTION_EACH, ///< every one seen at step `attribution_step`: slices overlap
};

/// Calendar buckets in a zone. Weeks begin on Monday (ISO 8601).
enum query_bucket {
    QUERY_BUCKET_NONE = 0,
    QUERY_BUCKET_HOUR,
    QUERY_BUCKET_DAY,
    QUERY_BUCKET_WEEK,
    QUERY_BUCKET_MONTH,
};

/// A funnel question. Borrowed during the call.
struct query_funnel {
    struct funnel funnel;
    struct query_range range;
    struct text where; ///< hides events from the steps; may be missing
    struct text by[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    uint32_t by_count;
    uint32_t top;               ///< slices listed; 0 means QUERY_TOP_DEFAULT
    int64_t as_of_us;           ///< QUERY_TIME_NONE: the data's own
    int64_t session_timeout_us; ///< 0 means 30 minutes
    struct query_limits limits;
    enum query_attribution attribution;
    uint32_t attribution_step;    ///< from 1; 0 means 1
    struct text where_entry;      ///< which events may be entries; may be missing
    struct text where_user;       ///< the same by the person's values at the entry; may be missing
    enum query_bucket trend;      ///< also asked for each bucket of entries
    enum query_bucket throughput; ///< of matched events, by slice too; NONE: UTC days, total only
    const struct zone *zone;      ///< of buckets; NULL: UTC
    bool survival;                ///< also the conversion by time since the entry
    bool compared;                ///< also asked for the range `compare`, and the change split
    struct query_range compare;
    uint32_t left_out;            ///< enum query_output: parts that are not computed
    const struct stage *customer; ///< who has done it before the entry is returning, for
                                  ///< `$customer`; NULL: not asked for
};

CORONG_MUST_CHECK enum corong_status query_funnel_run(struct store_snapshot *snapshot,
                                                      const struct query_funnel *query,
                                                      struct arena *arena,
                                                      struct query_funnel_result *result_out,
                                                      struct corong_error *error);

/// Wilson score interval at 95 %; [0, 1] where whole is 0.
void query_interval(uint64_t part, uint64_t whole, double *low_out, double *high_out);
/// part / whole minus other_part / other_whole, by Newcombe's hybrid score method.
struct query_difference query_difference(uint64_t part, uint64_t whole, uint64_t other_part,
                                         uint64_t other_whole);

/// Raw events per stage and bucket, independent of any funnel.
struct query_stages {
    const struct stage *stages; ///< none: one per event name, by count
    uint32_t stage_count;
    struct query_range range;
    struct text where;
    int64_t bucket_us; ///< day by default (0)
    int64_t as_of_us;
    struct query_limits limits;
};
struct query_stage_row {
    struct text name;
    uint64_t events;
    uint64_t users;
    uint64_t *bucket_events; ///< bucket_count
};
struct query_stages_result {
    struct query_stage_row *rows;
    uint32_t row_count;
    int64_t bucket_us;
    int64_t first_bucket_us;
    uint32_t bucket_count;
    struct query_provenance provenance;
};
/// The bucket of a zone (NULL: UTC) that a moment lies in: [from, to). `kind` is not NONE.
struct query_range query_bucket_around(enum query_bucket kind, const struct zone *zone,
                                       int64_t time_us);
CORONG_MUST_CHECK enum corong_status query_stages_run(struct store_snapshot *snapshot,
                                                      const struct query_stages *query,
                                                      struct arena *arena,
                                                      struct query_stages_result *result_out,
                                                      struct corong_error *error);

/// Sessions whose start lies in the range.
struct query_sessions {
    struct query_range range;
    int64_t session_timeout_us; ///< 0 means 30 minutes; at most 24 h
    struct text by;             ///< attribute of the session's first event; may be missing
    uint32_t top;
    int64_t as_of_us;
    struct query_limits limits;
};
struct query_session_row {
    struct text value; ///< missing for the total and for (none)
    uint64_t sessions;
    uint64_t users;
    uint64_t events;
    uint64_t bounces; ///< sessions with exactly one event
    uint64_t live;    ///< sessions that may still go on at as_of
    struct query_durations length;
};
struct query_sessions_result {
    struct query_session_row total;
    struct query_session_row *rows;
    uint32_t row_count;
    bool has_other;
    struct query_session_row other;
    struct query_provenance provenance;
};
CORONG_MUST_CHECK enum corong_status query_sessions_run(struct store_snapshot *snapshot,
                                                        const struct query_sessions *query,
                                                        struct arena *arena,
                                                        struct query_sessions_result *result_out,
                                                        struct corong_error *error);

/// Users' levels, for tests, `corong-cases` and lists: calls `visit` for each user with level > 0.
/// Serialised; `matched_us` has `level` entries, QUERY_TIME_NONE where a step was skipped. With
/// `attempts: all` each attempt is visited.
CORONG_MUST_CHECK enum corong_status
query_funnel_users(struct store_snapshot *snapshot, const struct query_funnel *query,
                   void (*visit)(void *context, uint8_t user_namespace, struct text user_id,
                                 uint32_t level, const int64_t *matched_us, bool open),
                   void *context, struct corong_error *error);

/// What one user's events say to a pattern.
struct query_pattern_user {
    uint8_t user_namespace;
    struct text id;
    bool matches;
    bool counted;              ///< false: `count` would take more steps than ClickHouse allows
    uint64_t count;            ///< matches that do not overlap
    const int64_t *longest_us; ///< times of the longest chain met (pattern_longest())
    uint32_t longest_count;
};
/// Called for each user with an event of some step in the range, in order of keys.
typedef void query_pattern_visit(void *context, const struct query_pattern_user *user);

/// Whose events contain a pattern (engine/pattern/pattern.h), and how often. Borrowed.
struct query_pattern {
    struct text pattern;
    const struct stage *steps; ///< (?1) is the first
    uint32_t step_count;
    int64_t unit_us; ///< of bare numbers in times; 0: a second
    struct query_range range;
    struct text where; ///< hides events altogether
    int64_t as_of_us;
    struct query_limits limits;
};
struct query_pattern_result {
    uint64_t users;    ///< with an event of some step in the range
    uint64_t matching; ///< of these, those whose events contain the pattern
    uint64_t matches;  ///< over the users that could be counted
    uint64_t
        uncounted; ///< users whose matches would take more steps to count than ClickHouse allows
    struct query_provenance provenance;
};
/// `visit` may be NULL; with it one thread answers. CORONG_UNSUPPORTED where a user's events are
/// too many for a pattern with times, as in ClickHouse.
CORONG_MUST_CHECK enum corong_status query_pattern_run(struct store_snapshot *snapshot,
                                                       const struct query_pattern *query,
                                                       query_pattern_visit *visit, void *context,
                                                       struct query_pattern_result *result_out,
                                                       struct corong_error *error);
