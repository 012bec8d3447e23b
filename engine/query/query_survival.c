// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_survival.h"

#include "engine/query/query_durations.h"
#include "engine/query/query_pass.h"
#include "storage/base/memory.h"

#include <math.h>
#include <string.h>

#define NORMAL_975 1.959963984540054 ///< the 97.5 % quantile of the normal distribution
#define CAPACITY_MIN 1024u

/// When an attempt's time ended, and why.
struct end_time {
    int64_t after_us;
    enum query_end end;
};

/// When attempts ended, by why: arrays of their own sort as integers.
struct ends {
    int64_t *times_us[QUERY_END_COUNT];
    size_t counts[QUERY_END_COUNT];
};

/// All ends at one time.
struct instant {
    int64_t after_us;
    uint64_t at_risk;
    uint64_t ends[QUERY_END_COUNT];
};

/// A way through all ends by time.
struct ends_walk {
    const struct ends *ends;
    size_t at[QUERY_END_COUNT];
    uint64_t left;
};

static struct ends_walk walk_ends(const struct ends *ends)
{
    struct ends_walk walk = {.ends = ends};
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        walk.left += ends->counts[end];
    }
    return walk;
}

/// Collects the next time's ends; false where there are no more.
static bool next_instant(struct ends_walk *walk, struct instant *instant_out)
{
    const struct ends *ends = walk->ends;
    *instant_out = (struct instant){.after_us = INT64_MAX, .at_risk = walk->left};
    if (walk->left == 0) {
        return false;
    }
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        size_t at = walk->at[end];
        if (at < ends->counts[end] && ends->times_us[end][at] < instant_out->after_us) {
            instant_out->after_us = ends->times_us[end][at];
        }
    }
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        size_t *at = &walk->at[end];
        while (*at < ends->counts[end] && ends->times_us[end][*at] == instant_out->after_us) {
            instant_out->ends[end]++;
            walk->left--;
            ++*at;
        }
    }
    return true;
}

static uint64_t events_of(const struct instant *instant)
{
    uint64_t events = instant->ends[QUERY_END_WON];
    for (uint32_t i = 0; i < QUERY_END_COMPETING_COUNT; i++) {
        events += instant->ends[QUERY_END_EXCLUDED + i];
    }
    return events;
}

/// The running sums from which estimate and variance come. With F the share won, S the share whose
/// time has not ended, n at risk, d events and w wins at each time i, the variance of F(t) is
///   sum (F(t) - F(i))^2 d / (n (n - d)) + S(i-)^2 w (n - w) / n^3
///     - 2 (F(t) - F(i)) S(i-) w / n^2
/// (Marubini and Valsecchi 1995, 10.15). Sums of its parts by powers of F(t) make it one pass. With
/// wins only this is Greenwood's.
struct estimate {
    double won;        ///< F
    double going_on;   ///< S
    double squares[3]; ///< of the first term: factors of F(t)^2, F(t), 1
    double own;        ///< the second term
    double cross[2];   ///< of the third term: factors of F(t), 1
    double competing[QUERY_END_COMPETING_COUNT];
};

static void advance(struct estimate *estimate, const struct instant *instant)
{
    double n = (double)instant->at_risk;
    double d = (double)events_of(instant);
    double w = (double)instant->ends[QUERY_END_WON];
    double before = estimate->going_on;
    estimate->won += before * w / n;
    for (uint32_t i = 0; i < QUERY_END_COMPETING_COUNT; i++) {
        estimate->competing[i] += before * (double)instant->ends[QUERY_END_EXCLUDED + i] / n;
    }
    estimate->going_on = before * (n - d) / n;
    double share = estimate->won;
    // Where all that were left end, nothing is left whose later course could vary.
    double hazard = n > d ? d / (n * (n - d)) : 0;
    estimate->squares[0] += hazard;
    estimate->squares[1] += hazard * share;
    estimate->squares[2] += hazard * share * share;
    estimate->own += before * before * w * (n - w) / (n * n * n);
    estimate->cross[0] += before * w / (n * n);
    estimate->cross[1] += before * w / (n * n) * share;
}

static double variance_of(const struct estimate *estimate)
{
    double share = estimate->won;
    double first = share * share * estimate->squares[0] - 2 * share * estimate->squares[1] +
                   estimate->squares[2];
    double third = share * estimate->cross[0] - estimate->cross[1];
    double variance = first + estimate->own - 2 * third;
    return variance > 0 ? variance : 0;
}

/// The band is symmetric on the scale log(-log(1 - F)), so that it stays within 0 and 1.
static void fill_band(const struct estimate *estimate, struct query_survival_point *point)
{
    double rest = 1 - estimate->won;
    point->estimate = estimate->won;
    point->low = estimate->won;
    point->high = estimate->won;
    if (estimate->won <= 0 || rest <= 0) {
        return;
    }
    double width = NORMAL_975 * sqrt(variance_of(estimate)) / (rest * fabs(log(rest)));
    point->low = 1 - pow(rest, exp(-width));
    point->high = 1 - pow(rest, exp(width));
}

/// Whether win time `index` of `count` is among the points: all of few, an even choice of many, the
/// last one always.
static bool is_point(uint64_t index, uint64_t count)
{
    const uint64_t most = QUERY_SURVIVAL_POINT_COUNT_MAX;
    return count <= most || (index + 1) * most / count != index * most / count;
}

static uint64_t count_win_times(const struct ends *ends)
{
    const int64_t *wins = ends->times_us[QUERY_END_WON];
    uint64_t distinct = 0;
    for (size_t i = 0; i < ends->counts[QUERY_END_WON]; i++) {
        distinct += i == 0 || wins[i] != wins[i - 1];
    }
    return distinct;
}

/// The estimate after an instant.
static struct query_survival_point point_of(const struct instant *instant, uint64_t won,
                                            const struct estimate *estimate)
{
    struct query_survival_point point = {instant->after_us, instant->at_risk, won, 0, 0, 0};
    fill_band(estimate, &point);
    return point;
}

/// The estimate over sorted ends. Ends at one time: wins and competing ends come before censoring.
static void estimate_ends(const struct ends *ends, bool window, struct arena *arena,
                          struct query_survival *survival)
{
    struct ends_walk walk = walk_ends(ends);
    struct estimate estimate = {.going_on = 1};
    struct estimate settled = estimate; // at the last instant that says something
    struct instant instant;
    struct instant last = {0};
    uint64_t won = 0;
    uint64_t win_times = 0;
    *survival = (struct query_survival){.attempts = walk.left, .plateau = window};
    survival->win_time_count = count_win_times(ends);
    survival->points = arena_allocate_zeroed(arena, QUERY_SURVIVAL_POINT_COUNT_MAX + 1,
                                             sizeof(struct query_survival_point));
    while (next_instant(&walk, &instant)) {
        if (events_of(&instant) == 0) {
            continue;
        }
        advance(&estimate, &instant);
        won += instant.ends[QUERY_END_WON];
        bool win = instant.ends[QUERY_END_WON] > 0;
        // Without a window what comes after the last win says nothing of it.
        if (win || window) {
            last = instant;
            settled = estimate;
        }
        if (win && is_point(win_times++, survival->win_time_count)) {
            survival->points[survival->point_count++] = point_of(&instant, won, &estimate);
        }
    }
    if (last.at_risk > 0) {
        survival->final = point_of(&last, won, &settled);
        memcpy(survival->competing, settled.competing, sizeof(settled.competing));
    }
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        survival->ends[end] = ends->counts[end];
    }
}

/// One worker's times.
struct survival_state {
    struct ends ends;
    size_t capacities[QUERY_END_COUNT];
};

static void state_init(struct query_pass *pass, void *state)
{
    (void)pass;
    (void)state;
}

static void state_deinit(void *state)
{
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        memory_free(((struct survival_state *)state)->ends.times_us[end]);
    }
}

static int64_t last_match(const struct query_attempt *attempt)
{
    return attempt->matched_us[31 - (uint32_t)__builtin_clz(attempt->made)];
}

/// Keeps the earlier end.
static void end_earlier(struct end_time *time, int64_t at_us, enum query_end end)
{
    if (at_us < time->after_us) {
        *time = (struct end_time){at_us, end};
    }
}

/// The time by which the next step had to come after the last one made.
static void end_by_gap(const struct query_units *units, const struct query_attempt *attempt,
                       struct end_time *time)
{
    const struct funnel_gap *gaps = units->funnel->gaps;
    if (gaps != NULL && attempt->level < units->rule.step_count &&
        gaps[attempt->level].max_us != FUNNEL_WINDOW_NONE) {
        end_earlier(time, query_time_add(last_match(attempt), gaps[attempt->level].max_us),
                    QUERY_END_GAP);
    }
}

/// Whether an event hits an exclusion between a step made and one that is not.
static bool is_hit(const struct query_units *units, const struct query_attempt *attempt,
                   const struct match_event *event)
{
    for (uint32_t i = 0; i < units->rule.exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &units->rule.exclusions[i];
        uint32_t after = exclusion->after == 0 ? 1 : exclusion->after;
        bool between = after <= attempt->level &&
                       (exclusion->before == 0 || exclusion->before > attempt->level);
        if ((event->hits >> i & 1) != 0 && between) {
            return true;
        }
    }
    return false;
}

/// The first gathered event later than an instant.
static uint32_t first_after(const struct query_gather *gather, int64_t time_us)
{
    uint32_t low = 0;
    for (uint32_t high = gather->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (gather->events[middle].time_us <= time_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The first event behind the last one made that closes the attempt.
static void end_by_event(const struct query_units *units, const struct query_attempt *attempt,
                         struct end_time *time)
{
    const struct query_gather *gather = &units->gather;
    bool strict = units->funnel->order == FUNNEL_ORDER_STRICT;
    if (units->at_rows || (!strict && units->rule.exclusion_count == 0)) {
        return;
    }
    for (uint32_t i = first_after(gather, last_match(attempt)); i < gather->count; i++) {
        const struct match_event *event = &gather->events[i];
        if (event->time_us >= time->after_us) {
            return;
        }
        if (is_hit(units, attempt, event)) {
            end_earlier(time, event->time_us, QUERY_END_EXCLUDED);
            return;
        }
        bool repeats = units->rule.repeat == FUNNEL_REPEAT_ALLOW &&
                       (event->steps >> (attempt->level - 1) & 1) != 0;
        bool seen = units->rule.scope == FUNNEL_SCOPE_ALL || event->steps != 0;
        if (strict && seen && !repeats) {
            end_earlier(time, event->time_us, QUERY_END_STRICT);
            return;
        }
    }
}

/// When and why an attempt that is neither won nor open ended, by its own events.
static struct end_time lost_at(const struct query_units *units, const struct query_attempt *attempt)
{
    int64_t window_us = query_time_add(attempt->entry_us, units->rule.window_us);
    struct end_time time = {window_us, QUERY_END_WINDOW};
    end_by_gap(units, attempt, &time);
    end_by_event(units, attempt, &time);
    if (units->in_sessions) {
        end_earlier(&time, units->session_last_us, QUERY_END_SESSION);
    }
    return time;
}

static void note(const struct query_units *units, struct query_attempt *attempt)
{
    struct end_time time = lost_at(units, attempt);
    attempt->end_us = time.after_us;
    attempt->end = (uint8_t)time.end;
}

/// When and why an attempt's time ended.
static struct end_time time_of(const struct query_units *units, const struct query_attempt *attempt)
{
    struct end_time time = {last_match(attempt), QUERY_END_WON};
    if (attempt->open) {
        time = (struct end_time){units->plan->as_of_us, QUERY_END_OPEN};
    } else if (!attempt->won) {
        // A unit of several sessions is reported after the last of them.
        time = units->funnel->window_session
                   ? (struct end_time){attempt->end_us, (enum query_end)attempt->end}
                   : lost_at(units, attempt);
        // `range: inside` ends the looking, as the window does.
        end_earlier(&time, units->end_us, QUERY_END_WINDOW);
        end_earlier(&time, units->plan->as_of_us, QUERY_END_WINDOW);
    }
    time.after_us -= attempt->entry_us;
    return time;
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct survival_state *state = context;
    struct end_time time = time_of(units, attempt);
    size_t *capacity = &state->capacities[time.end];
    size_t *count = &state->ends.counts[time.end];
    int64_t **times_us = &state->ends.times_us[time.end];
    if (*count == *capacity) {
        size_t grown = *capacity == 0 ? CAPACITY_MIN : *capacity * 2;
        // Three times: the workers' times are brought together, and sorted.
        TRY(query_tasks_charge(units->tasks, 3 * (grown - *capacity) * sizeof(**times_us),
                               "the times of all attempts", error));
        *times_us = memory_resize_array(*times_us, grown, sizeof(**times_us));
        *capacity = grown;
    }
    (*times_us)[(*count)++] = time.after_us;
    return CORONG_OK;
}

static const struct query_pass_calls survival_calls = {
    .state_size = sizeof(struct survival_state),
    .init = state_init,
    .report = report,
    .note = note,
    .deinit = state_deinit,
};

/// The workers' times of one end, brought together and sorted.
static void gather_end(const struct query_pass *pass, uint32_t end, struct ends *ends)
{
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        ends->counts[end] += ((struct survival_state *)pass->workers[i].state)->ends.counts[end];
    }
    int64_t *times_us = memory_resize_array(NULL, ends->counts[end] + 1, sizeof(*times_us));
    size_t at = 0;
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        const struct ends *own = &((struct survival_state *)pass->workers[i].state)->ends;
        if (own->counts[end] > 0) {
            memcpy(times_us + at, own->times_us[end], own->counts[end] * sizeof(*times_us));
        }
        at += own->counts[end];
    }
    query_durations_sort(times_us, ends->counts[end]);
    ends->times_us[end] = times_us;
}

static void estimate_pass(const struct query_pass *pass, struct arena *arena,
                          struct query_survival *survival)
{
    const struct funnel *funnel = &pass->query->funnel;
    bool window = funnel->window_us != FUNNEL_WINDOW_NONE || funnel->window_session;
    struct ends ends = {0};
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        gather_end(pass, end, &ends);
    }
    estimate_ends(&ends, window, arena, survival);
    survival->all_attempts = funnel->attempts == FUNNEL_ATTEMPTS_ALL;
    for (uint32_t end = 0; end < QUERY_END_COUNT; end++) {
        memory_free(ends.times_us[end]);
    }
}

enum corong_status query_survival_pass(struct store_snapshot *snapshot,
                                       const struct query_funnel *query, struct arena *arena,
                                       struct query_survival **survival_out,
                                       struct corong_error *error)
{
    struct query_funnel asked = *query;
    struct query_pass_options options = {.no_slices = true, .no_money = true};
    struct query_pass pass;
    asked.by_count = 0;
    asked.attribution = QUERY_ATTRIBUTION_ENTRY;
    if (asked.funnel.attempts != FUNNEL_ATTEMPTS_FIRST) {
        asked.funnel.attempts = FUNNEL_ATTEMPTS_ALL;
        // Where this funnel cannot be asked for all attempts: the first, never the best.
        if (funnel_check(&asked.funnel, NULL) != CORONG_OK) {
            asked.funnel.attempts = FUNNEL_ATTEMPTS_FIRST;
        }
    }
    TRY(query_pass_open(&pass, snapshot, &asked, &survival_calls, &options, error));
    enum corong_status status = query_pass_run(&pass, error);
    if (status == CORONG_OK) {
        *survival_out = arena_allocate(arena, sizeof(**survival_out));
        estimate_pass(&pass, arena, *survival_out);
    }
    query_pass_close(&pass);
    return status;
}
