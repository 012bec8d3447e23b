// SPDX-License-Identifier: Apache-2.0
/// Answers that only another tool gives, by its own rules: PostHog's breakdowns, trends, time to
/// convert and correlation, Pinot's funnel functions; and who is counted differently by a dialect
/// and by us. The rules themselves lie in engine/dialect/.
///
/// Thread: each call is one worker's. Memory: results live in the arena given; working memory is
/// bounded by the question's limits.
#pragma once

#include "engine/dialect/dialect.h"
#include "engine/query/query.h"

/// Whose value names a user's group in PostHog's breakdowns.
enum peer_attribution {
    PEER_FIRST_TOUCH = 0, ///< first matching event with a value
    PEER_LAST_TOUCH,      ///< last one
    PEER_ALL_EVENTS,      ///< each value by itself, with its events only
    PEER_STEP             ///< every value seen at a step; groups overlap
};

enum peer_view { PEER_STEPS = 0, PEER_TRENDS, PEER_TIME_TO_CONVERT, PEER_CORRELATION };

/// A question by PostHog's rules. `query` gives steps, window, order, exclusions, optional steps,
/// `where`, `by`, the range (rows outside it do not exist) and limits; its other options are not
/// looked at.
struct peer_posthog {
    const struct query_funnel *query;
    enum peer_view view;
    enum peer_attribution attribution;
    uint32_t attribution_step; ///< from 0
    uint32_t optional;         ///< bit k: step k + 1 may be skipped
    uint32_t first_time;       ///< bit k: only the user's first event of that name, if it matches
    uint32_t first_matching;   ///< bit k: only the user's first event that matches
    int64_t tie_window_us;     ///< POSTHOG_TIE_WINDOW_US is PostHog's
    uint32_t limit;            ///< groups shown, the rest is Other; 0: all
    enum posthog_interval interval;
    uint32_t from_step; ///< from 0
    uint32_t to_step;   ///< from 0; 0: the last one
    uint32_t bin_count; ///< 0: automatic
    /// Called for every user and group that reached something, serially; may be NULL.
    void (*visit)(void *context, uint8_t user_namespace, struct text user_id,
                  const struct posthog_match *match);
    void *context;
};

struct peer_trend_row {
    int64_t bucket_us;
    uint64_t entered;
    uint64_t converted;
};

struct peer_group {
    struct text *values; ///< by_count, missing ones empty; NULL: no breakdown, or Other
    bool other;
    uint64_t reached[FUNNEL_STEP_COUNT_MAX];
    bool timed[FUNNEL_STEP_COUNT_MAX]; ///< someone took time to this step; by required step
    double average_us[FUNNEL_STEP_COUNT_MAX];
    double median_us[FUNNEL_STEP_COUNT_MAX];
    struct peer_trend_row *trend; ///< every interval of the range, ascending
    uint32_t trend_count;
};

struct peer_correlation {
    struct text event;
    struct posthog_contingency cells;
    double odds_ratio;
};

struct peer_posthog_result {
    struct peer_group *groups; ///< best last step first; Other last
    uint32_t group_count;
    struct posthog_bins bins;
    struct peer_correlation *correlations; ///< highest odds ratio first
    uint32_t correlation_count;
};

CORONG_MUST_CHECK enum corong_status peer_posthog_run(struct store_snapshot *snapshot,
                                                      const struct peer_posthog *question,
                                                      struct arena *arena,
                                                      struct peer_posthog_result *result_out,
                                                      struct corong_error *error);

enum peer_pinot_function {
    PEER_PINOT_MAX_STEP = 0, ///< also funnelMatchStep
    PEER_PINOT_COMPLETE_COUNT,
    PEER_PINOT_STEP_DURATIONS,
    PEER_PINOT_FUNNEL_COUNT ///< sets: no time and no order
};

/// One group of rows of a user: what Pinot's GROUP BY or CORRELATE_BY makes one sequence.
struct peer_pinot_unit {
    uint8_t user_namespace;
    struct text user_id;
    uint32_t level;
    uint64_t complete_count;                 ///< COMPLETE_COUNT only
    const struct pinot_durations *durations; ///< STEP_DURATIONS only
};

/// A question by Pinot's rules. `query` gives steps, window, `where`, `by` (rows are split by these
/// values before they are matched), the range of rows and limits.
struct peer_pinot {
    const struct query_funnel *query;
    enum peer_pinot_function function;
    uint32_t modes; ///< of enum pinot_mode
    int64_t max_step_duration_us;
    const struct text *correlate; ///< further attributes that split a user's rows
    uint32_t correlate_count;
    /// Called for every unit, serially; may be NULL.
    void (*visit)(void *context, const struct peer_pinot_unit *unit);
    void *context;
};

struct peer_pinot_group {
    struct text *values; ///< by_count, missing ones empty; NULL: no GROUP BY
    uint64_t reached[FUNNEL_STEP_COUNT_MAX];
    uint64_t complete_count;
};

struct peer_pinot_result {
    struct peer_pinot_group *groups; ///< by value; one where there is no GROUP BY
    uint32_t group_count;
};

CORONG_MUST_CHECK enum corong_status peer_pinot_run(struct store_snapshot *snapshot,
                                                    const struct peer_pinot *question,
                                                    struct arena *arena,
                                                    struct peer_pinot_result *result_out,
                                                    struct corong_error *error);

/// A user whom a dialect and our rule count differently.
struct peer_diff_user {
    uint8_t user_namespace;
    struct text user_id;
    uint32_t level[2];          ///< ours, the dialect's
    const int64_t *times_us[2]; ///< of the matched events, `level` entries
    const char *why;            ///< static
};

struct peer_diff_reason {
    const char *why;
    uint64_t users;
};

#define PEER_DIFF_REASON_COUNT_MAX 16u

struct peer_diff_result {
    uint64_t users;                             ///< who have a level by either rule
    uint64_t reached[2][FUNNEL_STEP_COUNT_MAX]; ///< by step: ours, the dialect's
    struct peer_diff_user *list;                ///< in order of keys
    uint64_t count;
    uint64_t level_count; ///< of them, those with another level
    struct peer_diff_reason reasons[PEER_DIFF_REASON_COUNT_MAX]; ///< most users first
    uint32_t reason_count;
    int64_t as_of_us;
};

/// Asks `ours` twice, once with the dialect words (dialect_parse()) applied to its funnel, and
/// compares user by user. Why they differ is found by asking again with one rule of ours changed to
/// the dialect's, and, where none of them explains it, from what is odd about the user's events.
/// `ours` names no dialect; CORONG_UNSUPPORTED where a user is not one unit with one attempt.
CORONG_MUST_CHECK enum corong_status
peer_diff_run(struct store_snapshot *snapshot, const struct query_funnel *ours, struct text dialect,
              struct arena *arena, struct peer_diff_result *result_out, struct corong_error *error);
