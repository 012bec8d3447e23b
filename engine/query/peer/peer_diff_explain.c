// SPDX-License-Identifier: Apache-2.0
// First our rule is asked with one of its options changed: a user who then gets the dialect's
// answer differs by that option. For the others the events are looked at.
#include "engine/query/peer/peer_diff.h"
#include "engine/query/peer/peer_histories.h"

#include <string.h>

#define SECOND_US INT64_C(1000000)

static const char ANOTHER_ATTEMPT[] = "another attempt of the same level";
static const char OTHER_SEARCH[] = "it does not try every attempt";

/// Changes one option of ours to what the dialect has; false where they do not differ in it.
typedef bool peer_change_function(struct query_funnel *query, const struct funnel *theirs,
                                  struct funnel_exclusion *exclusions);

static bool change_range(struct query_funnel *query, const struct funnel *theirs,
                         struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    bool differs = theirs->range_inside && !query->funnel.range_inside &&
                   query->range.to_us != QUERY_TIME_NONE;
    query->funnel.range_inside = true;
    return differs;
}

static bool change_entries(struct query_funnel *query, const struct funnel *theirs,
                           struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    bool differs = query->funnel.attempts != theirs->attempts;
    query->funnel.attempts = theirs->attempts;
    return differs;
}

static bool change_window(struct query_funnel *query, const struct funnel *theirs,
                          struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    bool differs = query->funnel.window_us != theirs->window_us ||
                   query->funnel.window_session != theirs->window_session;
    query->funnel.window_us = theirs->window_us;
    query->funnel.window_session = theirs->window_session;
    return differs;
}

/// Pinot alone leaves the window's last instant out.
static bool change_window_end(struct query_funnel *query, const struct funnel *theirs,
                              struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    bool differs = theirs->dialect == DIALECT_PINOT && query->funnel.window_us > 0 &&
                   query->funnel.window_us != FUNNEL_WINDOW_NONE;
    query->funnel.window_us -= differs;
    return differs;
}

/// Systems that take rows of one instant as they came, or not at all.
static bool asks_increase(const struct funnel *theirs)
{
    bool asks = theirs->ties == FUNNEL_TIES_STRICT || theirs->dialect == DIALECT_DORIS;
    for (uint32_t mode = 0; mode < 32; mode++) {
        const char *word = dialect_mode((enum dialect_name)theirs->dialect, mode);
        if (word == NULL) {
            break;
        }
        asks |= (theirs->dialect_modes >> mode & 1) != 0 && strstr(word, "increase") != NULL;
    }
    return asks;
}

static bool change_ties(struct query_funnel *query, const struct funnel *theirs,
                        struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    bool differs = query->funnel.ties != FUNNEL_TIES_STRICT && asks_increase(theirs);
    query->funnel.ties = FUNNEL_TIES_STRICT;
    return differs;
}

static bool change_exclusions(struct query_funnel *query, const struct funnel *theirs,
                              struct funnel_exclusion *exclusions)
{
    struct funnel *funnel = &query->funnel;
    bool differs = theirs->dialect == DIALECT_POSTHOG && funnel->exclusion_count > 0;
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        exclusions[i] = funnel->exclusions[i];
        exclusions[i].remove = true;
    }
    funnel->exclusions = exclusions;
    return differs;
}

/// PostHog takes ordered events that are that close for simultaneous.
static bool change_tolerance(struct query_funnel *query, const struct funnel *theirs,
                             struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    struct funnel *funnel = &query->funnel;
    bool differs = theirs->dialect == DIALECT_POSTHOG && theirs->dialect_modes == 0 &&
                   funnel->order == FUNNEL_ORDER_LOOSE && funnel->exclusion_count == 0 &&
                   funnel->tie_tolerance_us == 0;
    funnel->tie_tolerance_us = POSTHOG_TIE_WINDOW_US;
    return differs;
}

static bool change_repeat(struct query_funnel *query, const struct funnel *theirs,
                          struct funnel_exclusion *exclusions)
{
    (void)exclusions;
    struct funnel *funnel = &query->funnel;
    bool differs = theirs->dialect == DIALECT_POSTHOG && funnel->order == FUNNEL_ORDER_STRICT &&
                   funnel->repeat == FUNNEL_REPEAT_BREAK;
    funnel->repeat = FUNNEL_REPEAT_ALLOW;
    return differs;
}

/// Everything that applies, together.
static bool change_all(struct query_funnel *query, const struct funnel *theirs,
                       struct funnel_exclusion *exclusions)
{
    static peer_change_function *const CHANGES[] = {
        change_range,      change_entries,   change_window, change_window_end,
        change_exclusions, change_tolerance, change_repeat};
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
        struct query_funnel changed = *query;
        if (CHANGES[i](&changed, theirs, exclusions)) {
            *query = changed;
            count++;
        }
    }
    return count > 1;
}

static const struct {
    const char *why;
    peer_change_function *change;
} PROBES[] = {
    {"range: what happens after it does not count", change_range},
    {"entry rule: not every entry is tried", change_entries},
    {"window: another length", change_window},
    {"window: its end is not part of it", change_window_end},
    {"exclusion: it removes the user", change_exclusions},
    {"events within 50 ms are simultaneous", change_tolerance},
    {"repeats of the step just matched are tolerated", change_repeat},
    {"several of its rules together", change_all},
    {"same-instant events: they may not follow each other", change_ties},
};

static void take_probe(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                       const int64_t *matched_us, bool open)
{
    (void)open;
    struct peer_diff *diff = context;
    struct peer_pair *pair = peer_diff_find(diff, user_namespace, user_id);
    if (pair == NULL) {
        return;
    }
    bool same = pair->differs && pair->why == NULL && level == pair->level[1] &&
                memcmp(matched_us, pair->times_us[1], level * sizeof(int64_t)) == 0;
    pair->why = same ? diff->probed : pair->why;
    // Users whom the changed rule does not visit have level 0 by it; the rest are marked.
    pair->level[0] |= UINT32_C(1) << 31;
}

/// Users who have no level by the changed rule nor by the dialect.
static void end_probe(struct peer_diff *diff)
{
    for (uint32_t i = 0; i < diff->users.count; i++) {
        struct peer_pair *pair = &diff->pairs[i];
        bool visited = pair->level[0] >> 31 != 0;
        pair->level[0] &= UINT32_MAX >> 1;
        if (!visited && pair->differs && pair->why == NULL && pair->level[1] == 0) {
            pair->why = diff->probed;
        }
    }
}

static enum corong_status probe(struct peer_diff *diff, uint32_t which, struct corong_error *error)
{
    struct funnel_exclusion exclusions[FUNNEL_STEP_COUNT_MAX];
    struct query_funnel changed = *diff->ours;
    if (!PROBES[which].change(&changed, &diff->theirs.funnel, exclusions)) {
        return CORONG_OK;
    }
    struct corong_error refused;
    if (funnel_check(&changed.funnel, &refused) != CORONG_OK) {
        return CORONG_OK;
    }
    diff->probed = PROBES[which].why;
    TRY(query_funnel_users(diff->snapshot, &changed, take_probe, diff, error));
    end_probe(diff);
    return CORONG_OK;
}

/// What is odd about a user's events, the more telling first.
static const char *look_at(const struct peer_diff *diff, const struct peer_history *history)
{
    const struct funnel *theirs = &diff->theirs.funnel;
    uint32_t mask = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - theirs->step_count);
    bool several = false;
    bool tied = false;
    bool near = false;
    bool second = false;
    bool foreign = false;
    int64_t last_us = INT64_MIN;
    for (uint32_t i = 0; i < history->count; i++) {
        uint32_t steps = history->events[i].stages & mask;
        int64_t time_us = history->events[i].time_us;
        foreign |= steps == 0;
        several |= (steps & (steps - 1)) != 0;
        if (steps != 0 && last_us != INT64_MIN) {
            tied |= time_us == last_us;
            near |= time_us - last_us <= POSTHOG_TIE_WINDOW_US;
            second |= time_us - last_us < SECOND_US;
        }
        last_us = steps != 0 ? time_us : last_us;
    }
    if (several) {
        return "an event fits several steps";
    }
    if (tied) {
        return "same-instant events";
    }
    if (near && theirs->dialect == DIALECT_POSTHOG) {
        return "events within 50 ms are simultaneous";
    }
    if (second && theirs->dialect == DIALECT_STARROCKS) {
        return "same-second events";
    }
    if (foreign && dialect_needs_of(theirs).every_event) {
        return "other events lie between the steps";
    }
    return theirs->dialect_modes != 0 ? "its modes" : OTHER_SEARCH;
}

static enum corong_status take_history(void *context, struct peer_histories *histories,
                                       const struct peer_history *history,
                                       struct corong_error *error)
{
    (void)histories;
    (void)error;
    struct peer_diff *diff = context;
    struct peer_pair *pair = peer_diff_find(diff, history->user_namespace, history->user_id);
    if (pair != NULL && pair->differs && pair->why == NULL) {
        // PostHog reports the attempt that we do, unless events are odd; the others choose freely.
        bool chosen =
            pair->level[0] == pair->level[1] && diff->theirs.funnel.dialect != DIALECT_POSTHOG;
        pair->why = chosen ? ANOTHER_ATTEMPT : look_at(diff, history);
    }
    return CORONG_OK;
}

static enum corong_status look_at_events(struct peer_diff *diff, struct corong_error *error)
{
    const struct query_funnel *query = diff->ours;
    struct stage stages[FUNNEL_STEP_COUNT_MAX];
    uint32_t count = query->funnel.step_count;
    memcpy(stages, query->funnel.steps, count * sizeof(*stages));
    if (count < FUNNEL_STEP_COUNT_MAX) {
        stages[count++] = (struct stage){.name = TEXT_LITERAL("every event")};
    }
    struct peer_ask ask = {.stages = stages,
                           .stage_count = count,
                           .where = query->where,
                           .rows = {query->range.from_us, QUERY_TIME_NONE},
                           .as_of_us = query->as_of_us,
                           .limits = &query->limits};
    return peer_histories_run(diff->snapshot, &ask, take_history, diff, error);
}

enum corong_status peer_diff_explain(struct peer_diff *diff, struct corong_error *error)
{
    for (uint32_t i = 0; i < sizeof(PROBES) / sizeof(PROBES[0]); i++) {
        TRY(probe(diff, i, error));
    }
    TRY(look_at_events(diff, error));
    for (uint32_t i = 0; i < diff->users.count; i++) {
        struct peer_pair *pair = &diff->pairs[i];
        pair->why = pair->differs && pair->why == NULL ? OTHER_SEARCH : pair->why;
    }
    return CORONG_OK;
}
