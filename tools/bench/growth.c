// SPDX-License-Identifier: Apache-2.0
// Stores of growing size, each filled as fast as it goes: what ingest, questions, a restart, disk
// and memory cost at each.
#include "storage/base/clock.h"
#include "tools/bench/run.h"

#include <math.h>
#include <sched.h>

#define GROWTH_SHARE 0.12 ///< of the budget, for the largest size alone
#define SIZE_LEAST 10000.0
#define SIZE_LEAST_QUICK 1700.0
#define SIZE_MOST 1e9
#define LARGEST_STEP 3.0 ///< the largest size is the one before it so many times
#define SIZE_COUNT 5u
#define DECADE_STEP 3.1622776601683795 ///< of --growth: half decades
#define GROWTH_LAST_STEP 2.4           ///< and the largest at least so many times the one before
#define PROBE_EVENTS 200000u
#define MERGING_COMMITS                                                                            \
    72 ///< of the store that shows what merging costs: a full tier of full tiers
#define MERGING_INTERVAL_LEAST_US 25000
#define MERGING_EVENTS_MOST 4000000u

static json_t *spread_json(const struct run_spread *spread)
{
    return json_pack("[f,f,f,i]", spread->median, spread->low, spread->high, (int)spread->count);
}

static void set_count(json_t *row, const char *name, uint64_t value)
{
    json_object_set_new(row, name, json_integer((json_int_t)value));
}

static void set_real(json_t *row, const char *name, double value)
{
    json_object_set_new(row, name, json_real(value));
}

static json_t *size_json(const struct run_size *size)
{
    json_t *row = json_object();
    json_t *questions = json_object();
    json_t *spreads = json_object();
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        const char *name = subject_question_name((enum subject_question)question);
        if (size->questions[question].count == 0) {
            continue; // it would have needed more than the memory limit
        }
        json_object_set_new(questions, name, json_real(size->questions[question].median));
        json_object_set_new(spreads, name, spread_json(&size->questions[question]));
    }
    json_object_set_new(spreads, "restart", spread_json(&size->restart));
    set_count(row, "events", size->events);
    set_count(row, "users", size->users);
    set_real(row, "ingest_seconds", size->ingest_seconds);
    set_real(row, "cpu_ns_per_event", size->cpu_ns_per_event);
    set_real(row, "query_seconds", size->questions[SUBJECT_FUNNEL].median);
    set_real(row, "query_ns_per_event",
             size->questions[SUBJECT_FUNNEL].median * 1e9 / (double)size->events);
    json_object_set_new(row, "questions", questions);
    set_real(row, "restart_seconds", size->restart.median);
    set_real(row, "settle_seconds", size->settle_seconds);
    json_object_set_new(row, "spreads", spreads);
    set_real(row, "compact_seconds", size->compact_seconds);
    set_real(row, "compact_cpu_seconds", size->compact_cpu_seconds);
    set_count(row, "compact_rows", size->compact_rows);
    set_count(row, "stored", size->stored);
    set_count(row, "bytes", size->bytes);
    set_count(row, "user_bytes", size->user_bytes);
    set_count(row, "bytes_flushed", size->flushed_bytes);
    set_count(row, "bytes_merged", size->merged_bytes);
    set_count(row, "rows_merged", size->merged_rows);
    set_count(row, "merge_cpu_ns", size->merge_ns);
    set_count(row, "commits", size->commits);
    set_count(row, "memory", size->resident_bytes);
    set_count(row, "live_bytes", size->live_bytes);
    set_count(row, "live_users", size->live_users);
    set_real(row, "live_bytes_per_user",
             size->live_users == 0 ? 0 : (double)size->live_bytes / (double)size->live_users);
    set_count(row, "tails_bytes", size->tails_bytes);
    json_object_set_new(row, "generator_limited", json_boolean(size->generator_limited));
    return row;
}

static double read_real(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

static uint64_t read_count(const json_t *row, const char *name)
{
    return (uint64_t)read_real(row, name);
}

static struct run_spread read_spread(const json_t *row, const char *name)
{
    const json_t *spread = json_object_get(json_object_get(row, "spreads"), name);
    return (struct run_spread){json_number_value(json_array_get(spread, 0)),
                               json_number_value(json_array_get(spread, 1)),
                               json_number_value(json_array_get(spread, 2)),
                               (uint32_t)json_integer_value(json_array_get(spread, 3))};
}

/// What size_json() wrote.
static struct run_size read_size(const json_t *row)
{
    struct run_size size = {
        .events = read_count(row, "events"),
        .users = read_count(row, "users"),
        .ingest_seconds = read_real(row, "ingest_seconds"),
        .cpu_ns_per_event = read_real(row, "cpu_ns_per_event"),
        .restart = read_spread(row, "restart"),
        .settle_seconds = read_real(row, "settle_seconds"),
        .compact_seconds = read_real(row, "compact_seconds"),
        .compact_cpu_seconds = read_real(row, "compact_cpu_seconds"),
        .compact_rows = read_count(row, "compact_rows"),
        .stored = read_count(row, "stored"),
        .bytes = read_count(row, "bytes"),
        .user_bytes = read_count(row, "user_bytes"),
        .flushed_bytes = read_count(row, "bytes_flushed"),
        .merged_bytes = read_count(row, "bytes_merged"),
        .merged_rows = read_count(row, "rows_merged"),
        .merge_ns = read_count(row, "merge_cpu_ns"),
        .commits = read_count(row, "commits"),
        .resident_bytes = read_count(row, "memory"),
        .live_bytes = read_count(row, "live_bytes"),
        .live_users = read_count(row, "live_users"),
        .tails_bytes = read_count(row, "tails_bytes"),
        .generator_limited = json_is_true(json_object_get(row, "generator_limited")),
    };
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        size.questions[question] =
            read_spread(row, subject_question_name((enum subject_question)question));
    }
    return size;
}

/// Two digits are enough.
static uint64_t rounded(double number)
{
    double unit = pow(10, floor(log10(number) + 1e-9) - 1);
    return (uint64_t)(floor(number / unit + 1e-9) * unit);
}

static void choose_sizes(struct run *run, double largest)
{
    run->size_planned = SIZE_COUNT;
    for (uint32_t index = 0; index < SIZE_COUNT; index++) {
        double size = largest / pow(LARGEST_STEP, SIZE_COUNT - 1 - index);
        run->sizes[index] = (struct run_size){.events = rounded(size)};
    }
}

/// Half decades from the decade at or below a hundredth of it: 1M, 3.1M, 10M, 31M, 100M; and, as
/// these sizes are the same whatever the largest is, 500M goes on behind 100M.
static void choose_growth(struct run *run, uint64_t largest)
{
    double first = pow(10, floor(log10((double)largest / 100) + 1e-9));
    run->size_planned = 0;
    for (uint32_t half = 0; run->size_planned < RUN_SIZE_COUNT - 1; half++) {
        uint64_t size = rounded(first * pow(DECADE_STEP, half));
        if ((double)size * GROWTH_LAST_STEP > (double)largest) {
            break;
        }
        run->sizes[run->size_planned++] = (struct run_size){.events = size};
    }
    run->sizes[run->size_planned++] = (struct run_size){.events = largest};
}

/// How fast events can be taken in, roughly.
static enum corong_status probe(struct run *run, double *rate_out, struct corong_error *error)
{
    struct run_size size = {.events = PROBE_EVENTS};
    TRY(run_fill_only(run, &size, 0, error));
    *rate_out = (double)size.events / size.ingest_seconds;
    return CORONG_OK;
}

static enum corong_status plan_sizes(struct run *run, struct corong_error *error)
{
    const struct bench_options *options = run->options;
    if (options->growth_events > 0) {
        choose_growth(run, options->growth_events);
        return CORONG_OK;
    }
    double least = 81 * (options->quick ? SIZE_LEAST_QUICK : SIZE_LEAST);
    double largest = least;
    if (!options->quick) {
        double rate;
        TRY(probe(run, &rate, error));
        largest =
            fmin(SIZE_MOST, fmax(least, rate * (double)run_share_us(run, GROWTH_SHARE) / 1e6));
    }
    choose_sizes(run, largest);
    return CORONG_OK;
}

/// How long the sizes that are left take: by a line through the last two, as starts and ends weigh
/// in small ones. 0: not known yet.
static double seconds_left(const struct run *run)
{
    double left = 0;
    if (run->size_count < 2) {
        return 0;
    }
    double events = (double)run->sizes[run->size_count - 1].events;
    double before = (double)run->sizes[run->size_count - 2].events;
    double slope = (run->size_seconds - run->size_seconds_before) / (events - before);
    slope = slope > 0 ? slope : run->size_seconds / events;
    for (uint32_t index = run->size_count; index < run->size_planned; index++) {
        left += run->size_seconds + slope * ((double)run->sizes[index].events - events);
    }
    return left;
}

static void tell_size(struct run *run, const struct run_size *size, bool known)
{
    double left = seconds_left(run);
    char eta[64] = "";
    if (run->size_count < run->size_planned && left > 1) {
        snprintf(eta, sizeof(eta), "; about %.0f s for what is left", left);
    }
    run_say(run,
            "%10llu events: %.2f s to take in, %.1f ms a funnel, %.2f s to restart, "
            "%.2f bytes an event%s%s",
            (unsigned long long)size->events, size->ingest_seconds,
            size->questions[SUBJECT_FUNNEL].median * 1e3, size->restart.median,
            (double)size->bytes / (double)size->events, known ? " (as measured before)" : "", eta);
}

/// The row of this size in the run that is taken up again, or NULL.
static const json_t *known_size(const struct run *run, uint64_t events)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(run->options->resumed, "growth"), index, row)
    {
        if (run->resumes && read_count(row, "events") == events) {
            return row;
        }
    }
    return NULL;
}

static void keep_columns(struct run *run)
{
    json_t *columns = json_object_get(run->options->resumed, "bytes_per_event");
    if (columns != NULL) {
        json_object_set(run->document, "bytes_per_event", columns);
    }
}

static enum corong_status next_size(struct run *run, struct run_size *size,
                                    struct corong_error *error)
{
    const json_t *known = known_size(run, size->events);
    int64_t begun_us = clock_monotonic_us();
    if (known != NULL) {
        *size = read_size(known);
        keep_columns(run);
    } else {
        TRY(run_one_size(run, size, error));
    }
    double seconds = (double)(clock_monotonic_us() - begun_us) / 1e6;
    run->size_seconds_before = run->size_seconds;
    run->size_seconds = known != NULL ? size->ingest_seconds * 1.5 : seconds;
    run->size_count++;
    json_array_append_new(json_object_get(run->document, "growth"), size_json(size));
    tell_size(run, size, known != NULL);
    if (run->options->kept != NULL && known == NULL) { // else the file has more than was read yet
        json_object_set_new(run->document, "unfinished", json_true());
        run->options->kept(run->options->context, run->document);
    }
    return CORONG_OK;
}

enum corong_status run_growth(struct run *run, struct corong_error *error)
{
    json_object_set_new(run->document, "growth", json_array());
    TRY(plan_sizes(run, error));
    while (run->size_count < run->size_planned) {
        if (run->size_count > 0 && run->size_count == run->size_planned - 1) {
            run_predict_size(run);
        }
        TRY(next_size(run, &run->sizes[run->size_count], error));
    }
    return CORONG_OK;
}

/// A middle size with commits in quick succession: many runs, many merges.
enum corong_status run_merging(struct run *run, struct corong_error *error)
{
    uint32_t middle = run->size_count > 2 ? run->size_count - 2 : run->size_count - 1;
    while (middle > 0 && run->sizes[middle].events > MERGING_EVENTS_MOST) {
        middle--;
    }
    struct run_size *size = &run->merging;
    *size = (struct run_size){.events = run->sizes[middle].events};
    // The load has a pace that leaves time for as many commits, and some cores for the merges.
    double seconds = 1.5 * run->sizes[middle].ingest_seconds;
    double least = MERGING_COMMITS * MERGING_INTERVAL_LEAST_US / 1e6;
    seconds = seconds > least ? seconds : least;
    int64_t interval_us = (int64_t)(seconds * 1e6 / MERGING_COMMITS);
    size->pace = (double)size->events / seconds;
    TRY(run_fill_only(run, size, interval_us, error));
    json_t *row = size_json(size);
    set_real(row, "commit_interval_seconds", (double)interval_us / 1e6);
    json_object_set_new(run->document, "merging", row);
    run_say(run, "%10llu events in %llu commits: %llu merges, each row rewritten %.2f times",
            (unsigned long long)size->events, (unsigned long long)size->commits,
            (unsigned long long)size->merge_count,
            (double)size->merged_rows / (double)size->events);
    return CORONG_OK;
}

static void use_cores(uint32_t first, uint32_t count)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (uint32_t core = first; core < first + count; core++) {
        CPU_SET(core, &set);
    }
    (void)sched_setaffinity(0, sizeof(set), &set); // refused: the figures say nothing, and no harm
}

/// The system on so many cores, the load on those that are left where there are any.
static enum corong_status run_on(struct run *run, uint32_t cores, json_t *rows,
                                 struct corong_error *error)
{
    int left[RUN_RATE_COUNT_MAX];
    uint32_t left_count = 0;
    for (uint32_t core = cores; core < run->core_count && left_count < RUN_RATE_COUNT_MAX; core++) {
        left[left_count++] = (int)core;
    }
    for (uint32_t core = 0; left_count == 0 && core < run->core_count && core < RUN_RATE_COUNT_MAX;
         core++) {
        left[core] = (int)core;
    }
    left_count = left_count == 0 ? run->core_count : left_count;
    struct run_size size = {.events =
                                run->sizes[run->size_count > 1 ? run->size_count - 2 : 0].events};
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    options.shard_count = cores;
    run_restart_crowd(run, size.events);
    use_cores(0, cores);
    enum corong_status status = subject_open(&run->subject, &options, error);
    status = status == CORONG_OK ? run_fill(run, &size, left, left_count, error) : status;
    use_cores(0, run->core_count);
    subject_close(&run->subject);
    if (status == CORONG_OK) {
        double rate = (double)size.events / size.ingest_seconds;
        json_array_append_new(rows, json_pack("{s:i,s:i,s:f,s:f,s:b,s:b}", "threads", (int)cores,
                                              "shards", (int)cores, "events_per_second", rate,
                                              "cpu_ns_per_event", size.cpu_ns_per_event,
                                              "load_shares_cores", cores == run->core_count,
                                              "generator_limited", size.generator_limited));
        run_say(run, "%10u core%s: %.0f events/s as fast as it goes", cores, cores > 1 ? "s" : "",
                rate);
    }
    return status;
}

enum corong_status run_cores(struct run *run, struct corong_error *error)
{
    json_t *rows = json_array();
    json_object_set_new(run->document, "cores", rows);
    for (uint32_t cores = 1; cores <= run->core_count; cores *= 2) {
        TRY(run_on(run, cores, rows, error));
    }
    return CORONG_OK;
}
