// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_peer.h"

#include "storage/base/calendar.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void visit(void *context, uint8_t user_namespace, struct text user_id,
                  const struct posthog_match *match)
{
    (void)user_namespace;
    struct case_peer *peer = context;
    char user[256];
    snprintf(user, sizeof(user), "%.*s", (int)user_id.size, user_id.bytes);
    json_t *times = json_array();
    uint32_t level = 0;
    for (uint32_t k = 0; k < peer->query.funnel.step_count; k++) {
        if ((match->made >> k & 1) != 0) {
            json_array_append_new(times, json_integer(match->times_us[k] / peer->run->unit_us));
            level = k + 1;
        }
    }
    const json_t *known = json_object_get(peer->levels, user);
    if (known == NULL || json_integer_value(known) < level) {
        json_object_set_new(peer->levels, user, json_integer(level));
        json_object_set(peer->matched, user, times);
    }
    json_decref(times);
}

/// "First time for user" and its like: bits of the steps that have this word.
static bool fill_math(const struct case_peer *peer, struct peer_posthog *question)
{
    size_t index;
    json_t *step;
    json_array_foreach((json_t *)(uintptr_t)json_object_get(peer->run->funnel, "steps"), index,
                       step)
    {
        const char *math = json_string_value(json_object_get(step, "math"));
        uint32_t bit = UINT32_C(1) << index;
        question->optional |= json_is_true(json_object_get(step, "optional")) ? bit : 0;
        if (math == NULL || strcmp(math, "total") == 0) {
            continue;
        }
        bool filtered = strstr(math, "with_filters") != NULL;
        if (strncmp(math, "first_time", 10) != 0) {
            return false;
        }
        question->first_matching |= filtered ? bit : 0;
        question->first_time |= filtered ? 0 : bit;
    }
    return true;
}

static const char *fill_view(const struct case_peer *peer, struct peer_posthog *question)
{
    static const char *const views[] = {"steps", "trends", "time_to_convert", "correlation"};
    static const char *const intervals[] = {"hour", "day", "week", "month"};
    const char *view = json_string_value(json_object_get(peer->run->funnel, "viz"));
    const char *interval = json_string_value(json_object_get(peer->run->funnel, "interval"));
    question->interval = POSTHOG_DAY;
    for (uint32_t i = 0; i < 4; i++) {
        question->view = view != NULL && strcmp(view, views[i]) == 0 ? i : question->view;
        question->interval =
            interval != NULL && strcmp(interval, intervals[i]) == 0 ? i : question->interval;
    }
    if (view != NULL && strcmp(view, views[question->view]) != 0) {
        return "a view that PostHog's rules do not have here";
    }
    return interval == NULL || strcmp(interval, intervals[question->interval]) == 0
               ? NULL
               : "an interval other than hour, day, week and month";
}

static const char *fill_breakdown(const struct case_peer *peer, struct peer_posthog *question)
{
    static const char *const words[] = {"first_touch", "last_touch", "all_events", "step"};
    const json_t *breakdown = json_object_get(peer->run->funnel, "breakdown");
    const char *attribution = json_string_value(json_object_get(breakdown, "attribution"));
    question->attribution_step = (uint32_t)json_integer_value(json_object_get(breakdown, "step"));
    question->limit = (uint32_t)json_integer_value(json_object_get(breakdown, "limit"));
    for (uint32_t i = 0; attribution != NULL && i < 4; i++) {
        question->attribution = strcmp(attribution, words[i]) == 0 ? i : question->attribution;
    }
    return attribution == NULL || strcmp(attribution, words[question->attribution]) == 0
               ? NULL
               : "an unknown attribution";
}

static json_t *step_counts(const struct case_peer *peer, const struct peer_group *group)
{
    json_t *counts = json_array();
    for (uint32_t k = 0; k < peer->query.funnel.step_count; k++) {
        json_array_append_new(counts, json_integer((json_int_t)group->reached[k]));
    }
    return counts;
}

static json_t *number(double value)
{
    return floor(value) == value ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *times(const struct case_peer *peer, const struct peer_group *group,
                     const double *times_us)
{
    json_t *list = json_array();
    for (uint32_t k = 0; k < peer->query.funnel.step_count; k++) {
        json_array_append_new(list, group->timed[k] ? number(times_us[k] / 1000) : json_null());
    }
    return list;
}

/// The figures of a group; `asked` (NULL: all) says which.
static void add_group(const struct case_peer *peer, const struct peer_group *group,
                      const json_t *asked, json_t *to)
{
    json_object_set_new(to, "step_counts", step_counts(peer, group));
    if (asked == NULL || json_object_get(asked, "avg_times_ms") != NULL) {
        json_object_set_new(to, "avg_times_ms", times(peer, group, group->average_us));
    }
    if (asked == NULL || json_object_get(asked, "median_times_ms") != NULL) {
        json_object_set_new(to, "median_times_ms", times(peer, group, group->median_us));
    }
}

static json_t *trend(const struct peer_posthog *question, const struct peer_group *group)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < group->trend_count; i++) {
        const struct peer_trend_row *row = &group->trend[i];
        char bucket[32];
        struct tm date;
        time_t second = (time_t)(row->bucket_us / 1000000);
        gmtime_r(&second, &date);
        strftime(bucket, sizeof(bucket),
                 question->interval == POSTHOG_HOUR ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d", &date);
        double rate = row->entered == 0
                          ? 0
                          : round((double)row->converted / (double)row->entered * 10000) / 100;
        json_array_append_new(rows, json_pack("[s, I, I, f]", bucket, (json_int_t)row->entered,
                                              (json_int_t)row->converted, rate));
    }
    return rows;
}

static void add_groups(struct case_peer *peer, const struct peer_posthog *question,
                       const struct peer_posthog_result *result)
{
    json_t *groups = json_object();
    json_t *trends = json_object();
    for (uint32_t i = 0; i < result->group_count; i++) {
        const struct peer_group *group = &result->groups[i];
        const char *key =
            group->other ? "Other" : case_peer_key(peer, group->values, peer->query.by_count);
        json_t *figures = json_object();
        const json_t *asked = json_object_get(
            json_object_get(json_object_get(peer->run->given, "expected"), "breakdown"), key);
        add_group(peer, group, asked, figures);
        json_object_set_new(groups, key, figures);
        json_object_set_new(trends, key, trend(question, group));
    }
    case_peer_add(peer, "breakdown", groups);
    case_peer_add(peer, "trend_by_breakdown", trends);
}

static void add_bins(struct case_peer *peer, const struct posthog_bins *bins)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < bins->count; i++) {
        json_array_append_new(
            rows, json_pack("[I, I]", (json_int_t)bins->from_s[i], (json_int_t)bins->people[i]));
    }
    case_peer_add(peer, "bins_s", rows);
    case_peer_add(peer, "avg_time_ms",
                  bins->count == 0 ? json_null() : number(bins->average_us / 1000));
}

static void add_correlations(struct case_peer *peer, const struct peer_posthog_result *result)
{
    json_t *rows = json_object();
    for (uint32_t i = 0; i < result->correlation_count; i++) {
        const struct peer_correlation *row = &result->correlations[i];
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)row->event.size, row->event.bytes);
        json_object_set_new(rows, name,
                            json_pack("{s:I, s:I, s:o}", "success_count",
                                      (json_int_t)row->cells.success, "failure_count",
                                      (json_int_t)row->cells.failure, "odds_ratio",
                                      number(row->odds_ratio)));
    }
    case_peer_add(peer, "correlation", rows);
}

/// For each step that is asked for, the users who made it, by name.
static void add_users(struct case_peer *peer)
{
    json_t *steps = json_object();
    const char *step;
    json_t *ignored;
    json_object_foreach(
        json_object_get(json_object_get(peer->run->given, "expected"), "users_at_step"), step,
        ignored)
    {
        json_t *sorted = json_object();
        const char *user;
        json_t *level;
        json_object_foreach(peer->levels, user, level)
        {
            if (json_integer_value(level) >= strtol(step, NULL, 10)) {
                json_object_set_new(sorted, user, json_null());
            }
        }
        // jansson sorts keys when it writes them.
        char *text = json_dumps(sorted, JSON_SORT_KEYS);
        json_t *read = json_loads(text, 0, NULL);
        json_t *users = json_array();
        json_object_foreach(read, user, level)
        {
            json_array_append_new(users, json_string(user));
        }
        json_object_set_new(steps, step, users);
        json_decref(read);
        json_decref(sorted);
        free(text);
    }
    case_peer_add(peer, "users_at_step", steps);
}

static void add_figures(struct case_peer *peer, const struct peer_posthog *question,
                        const struct peer_posthog_result *result)
{
    if (peer->query.by_count == 0) {
        add_group(peer, &result->groups[0], NULL, peer->run->line);
        case_peer_add(peer, "trend", trend(question, &result->groups[0]));
        add_users(peer);
        if (json_object_get(peer->run->funnel, "aggregate_by") == NULL) {
            case_kind_add_absent(peer->run, peer->levels, json_integer(0));
            case_kind_add_absent(peer->run, peer->matched, json_array());
        }
        json_object_set(peer->run->line, "levels_by_user", peer->levels);
        json_object_set(peer->run->line, "matched_ts_by_user", peer->matched);
    } else {
        add_groups(peer, question, result);
    }
    add_bins(peer, &result->bins);
    add_correlations(peer, result);
}

/// The ordinary pipe with the dialect must count the same, where it can ask the same.
static enum corong_status check_dialect(const struct case_peer *peer,
                                        const struct peer_posthog *question,
                                        const struct peer_posthog_result *result,
                                        struct corong_error *error)
{
    struct query_funnel query = peer->query;
    struct query_funnel_result counted;
    struct corong_error refused;
    query.funnel.optional = question->optional;
    query.funnel.dialect = DIALECT_POSTHOG;
    query.funnel.dialect_modes = question->tie_window_us == 0; // exact_ties
    bool asked = query.by_count == 0 && question->view == PEER_STEPS &&
                 (question->first_time | question->first_matching) == 0 &&
                 (question->tie_window_us == 0 || question->tie_window_us == POSTHOG_TIE_WINDOW_US);
    if (!asked || dialect_apply(&query.funnel, &refused) != CORONG_OK ||
        funnel_check(&query.funnel, &refused) != CORONG_OK) {
        return CORONG_OK;
    }
    TRY(query_funnel_run(peer->run->store, &query, peer->run->arena, &counted, error));
    for (uint32_t k = 0; k < query.funnel.step_count; k++) {
        if (counted.total.steps[k].reached != result->groups[0].reached[k]) {
            return error_set(error, CORONG_INVALID,
                             "step %u: dialect posthog counts %" PRIu64 ", PostHog's rule %" PRIu64,
                             k + 1, counted.total.steps[k].reached, result->groups[0].reached[k]);
        }
    }
    return CORONG_OK;
}

static enum corong_status answer(struct case_run *run)
{
    struct case_peer peer;
    struct peer_posthog_result result;
    TRY(case_peer_init(&peer, run));
    struct peer_posthog question = {.query = &peer.query, .visit = visit, .context = &peer};
    const json_t *funnel = run->funnel;
    question.tie_window_us =
        json_integer_value(json_object_get(funnel, "tie_window_ms")) * run->unit_us;
    question.from_step = (uint32_t)json_integer_value(json_object_get(funnel, "from_step"));
    question.to_step = (uint32_t)json_integer_value(json_object_get(funnel, "to_step"));
    question.bin_count = (uint32_t)json_integer_value(json_object_get(funnel, "bin_count"));
    const char *why = fill_math(&peer, &question) ? NULL : "a count other than first_time";
    why = why != NULL ? why : fill_view(&peer, &question);
    why = why != NULL ? why : fill_breakdown(&peer, &question);
    if (why != NULL) {
        return error_set(&run->error, CORONG_UNSUPPORTED, "%s", why);
    }
    peer.levels = json_object();
    peer.matched = json_object();
    enum corong_status status =
        peer_posthog_run(run->store, &question, run->arena, &result, &run->error);
    if (status == CORONG_OK) {
        add_figures(&peer, &question, &result);
        status = check_dialect(&peer, &question, &result, &run->error);
    }
    json_decref(peer.levels);
    json_decref(peer.matched);
    return status;
}

static bool takes(const struct case_run *run)
{
    return strcmp(run->peer, "posthog") == 0;
}

static const char *user_path(const struct case_run *run)
{
    const char *unit = json_string_value(json_object_get(run->funnel, "aggregate_by"));
    return unit == NULL ? NULL : case_peer_property_path(run, unit);
}

const struct case_kind case_posthog_kind = {
    .takes = takes, .answer = answer, .user_path = user_path, .in_order = true};
