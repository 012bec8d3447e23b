// SPDX-License-Identifier: Apache-2.0
// The model: terms fitted to the smaller loads and sizes of the run, checked against the largest of
// each, which they have not seen.
#include "tools/bench/fit.h"
#include "tools/bench/run.h"

#include <math.h>

/// One size's figure, as the model sees it.
typedef double size_figure(const struct run_size *size);

static double events_of(const struct run_size *size)
{
    return (double)size->events;
}
static double users_of(const struct run_size *size)
{
    return (double)size->users;
}
static double event_bytes_of(const struct run_size *size)
{
    return (double)(size->bytes - size->user_bytes);
}
static double user_bytes_of(const struct run_size *size)
{
    return (double)size->user_bytes;
}
static double bytes_of(const struct run_size *size)
{
    return (double)size->bytes;
}
static double live_bytes_of(const struct run_size *size)
{
    return (double)size->live_bytes;
}
static double funnel_ns_of(const struct run_size *size)
{
    return size->question_seconds[SUBJECT_FUNNEL] * 1e9;
}
static double restart_ns_of(const struct run_size *size)
{
    return size->restart_seconds * 1e9;
}
static double ingest_ns_of(const struct run_size *size)
{
    return size->cpu_ns_per_event * (double)size->events;
}
static double compact_ns_of(const struct run_size *size)
{
    return size->compact_seconds * 1e9;
}

/// What is fitted over the sizes. `slope_term` NULL: only for the check.
static const struct size_term {
    const char *slope_term;
    const char *slope_unit;
    const char *intercept_term;
    const char *intercept_unit;
    size_figure *x;
    size_figure *y;
    const char *check; ///< NULL: the sum of others is checked
    const char *check_unit;
} size_terms[] = {
    {"bytes_per_event", "bytes", NULL, NULL, events_of, event_bytes_of, NULL, NULL},
    {"bytes_per_user_and_period", "bytes", NULL, NULL, users_of, user_bytes_of, NULL, NULL},
    {NULL, NULL, NULL, NULL, events_of, bytes_of, "bytes on disk", "bytes"},
    {"live_bytes_per_user", "bytes", NULL, NULL, users_of, live_bytes_of, "bytes of live users",
     "bytes"},
    {"funnel_ns_per_event", "ns", "funnel_start_ns", "ns", events_of, funnel_ns_of,
     "a funnel over everything", "ns"},
    {"restart_ns_per_event", "ns", "restart_start_ns", "ns", events_of, restart_ns_of,
     "restart until the first answer", "ns"},
    {"backfill_cpu_ns_per_event", "ns", NULL, NULL, events_of, ingest_ns_of,
     "processor time to take everything in", "ns"},
    {"compact_ns_per_event", "ns", NULL, NULL, events_of, compact_ns_of, NULL, NULL},
};

static void add_term(json_t *terms, const char *name, const char *unit, double value, double low,
                     double high, const char *from)
{
    json_array_append_new(terms,
                          json_pack("{s:s,s:s,s:f,s:f,s:f,s:s}", "name", name, "unit", unit,
                                    "coefficient", value > 0 ? value : 0, "low", low > 0 ? low : 0,
                                    "high", high > 0 ? high : 0, "from", from));
}

/// What was predicted so far.
static json_t *part_of(const struct run *run, const char *name)
{
    json_t *model = json_object_get(run->document, "model");
    if (model == NULL) {
        model = json_pack("{s:[],s:[]}", "terms", "held_out");
        json_object_set_new(run->document, "model", model);
    }
    return json_object_get(model, name);
}

/// Put down, and said, before the run that will show it.
static void predict(struct run *run, const char *what, const char *unit, double at,
                    const struct fit *fit, double beside)
{
    double value;
    double low;
    double high;
    fit_predict(fit, at, &value, &low, &high);
    json_array_append_new(part_of(run, "held_out"),
                          json_pack("{s:s,s:s,s:f,s:f,s:f,s:f}", "what", what, "unit", unit, "at",
                                    at, "predicted", value + beside, "low", low + beside, "high",
                                    high + beside));
    bool is_time = strcmp(unit, "ns") == 0;
    double scale = is_time ? 1e-9 : strcmp(unit, "bytes") == 0 ? 1.0 / (1 << 20) : 1;
    run_say(run, "predicted, before it is run: %s %.3g %s (90 %%: %.3g to %.3g)", what,
            (value + beside) * scale,
            is_time     ? "s"
            : scale < 1 ? "MiB"
                        : unit,
            (low + beside) * scale, (high + beside) * scale);
}

static void check(struct run *run, const char *what, double measured)
{
    size_t index;
    json_t *row;
    json_array_foreach(part_of(run, "held_out"), index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "what")), what) == 0) {
            double value = json_number_value(json_object_get(row, "predicted"));
            bool in_band = measured >= json_number_value(json_object_get(row, "low")) &&
                           measured <= json_number_value(json_object_get(row, "high"));
            json_object_set_new(row, "measured", json_real(measured));
            json_object_set_new(row, "error", json_real(measured != 0 ? value / measured - 1 : 0));
            json_object_set_new(row, "in_band", json_boolean(in_band));
        }
    }
}

/// The size that comes, as far as it is known before: as many users an event and as fast as the
/// one before it.
static struct run_size expected_of(const struct run *run)
{
    const struct run_size *seen = &run->sizes[run->size_count - 1];
    struct run_size next = {.events = run->sizes[run->size_count].events};
    double times = (double)next.events / (double)seen->events;
    next.users = (uint64_t)((double)seen->users * times);
    next.ingest_seconds = seen->ingest_seconds * times;
    return next;
}

static void fit_size(struct run *run, const struct size_term *term, struct run_size *next)
{
    double x[RUN_SIZE_COUNT];
    double y[RUN_SIZE_COUNT];
    uint32_t count = 0;
    for (; count < run->size_count; count++) {
        x[count] = fmax(1, term->x(&run->sizes[count]));
        y[count] = term->y(&run->sizes[count]);
    }
    bool of_live = term->y == live_bytes_of;
    if (of_live && run->hold_users > 0) { // small tables are all slack: many users are needed
        x[count] = (double)run->hold_users;
        y[count++] = (double)run->hold_live_bytes;
    }
    struct fit fit;
    fit_cost(x, y, count, &fit);
    json_t *terms = part_of(run, "terms");
    if (term->slope_term != NULL) {
        add_term(terms, term->slope_term, term->slope_unit, fit.slope, fit.slope_low,
                 fit.slope_high, of_live ? "sizes, hold" : "sizes");
    }
    if (term->intercept_term != NULL) {
        add_term(terms, term->intercept_term, term->intercept_unit, fit.intercept,
                 fit.intercept_low, fit.intercept_high, "sizes");
    }
    if (of_live) {
        next->live_bytes = (uint64_t)(fit.intercept + fit.slope * (double)next->users);
    }
    if (term->check != NULL) {
        predict(run, term->check, term->check_unit, fmax(1, term->x(next)), &fit, 0);
    }
}

/// Cores by rate.
void run_predict_load(struct run *run, double rate)
{
    double x[RUN_RATE_COUNT_MAX];
    double y[RUN_RATE_COUNT_MAX];
    for (uint32_t index = 0; index < run->load_count; index++) {
        x[index] = run->loads[index].rate;
        y[index] = run->loads[index].cores;
    }
    struct fit fit;
    fit_cost(x, y, run->load_count, &fit);
    json_t *terms = part_of(run, "terms");
    add_term(terms, "cpu_ns_per_event", "ns", fit.slope * 1e9, fit.slope_low * 1e9,
             fit.slope_high * 1e9, "loads");
    add_term(terms, "idle_cores", "cores", fit.intercept, fit.intercept_low, fit.intercept_high,
             "loads");
    predict(run, "cores, merging apart", "cores", rate, &fit, 0);
}

/// Events that wait for a commit when everything was read.
static double waiting_of(const struct run_size *size, double interval_seconds)
{
    double taken = (double)size->events / size->ingest_seconds * interval_seconds;
    return fmin((double)size->events, taken);
}

/// What is resident beside live users: rings, libraries and the load itself, and rows that wait for
/// a commit.
static void fit_memory(struct run *run, const struct run_size *next)
{
    double x[RUN_SIZE_COUNT];
    double y[RUN_SIZE_COUNT];
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    double interval = (double)options.commit_interval_us / 1e6;
    for (uint32_t index = 0; index < run->size_count; index++) {
        const struct run_size *size = &run->sizes[index];
        x[index] = waiting_of(size, interval);
        y[index] = (double)size->resident_bytes - (double)size->live_bytes;
    }
    struct fit fit;
    fit_cost(x, y, run->size_count, &fit);
    json_t *terms = part_of(run, "terms");
    add_term(terms, "memory_base_bytes", "bytes", fit.intercept, fit.intercept_low,
             fit.intercept_high, "sizes");
    add_term(terms, "memory_per_waiting_event", "bytes", fit.slope, fit.slope_low, fit.slope_high,
             "sizes");
    add_term(terms, "commit_interval", "s", interval, interval, interval, "parameters");
    predict(run, "resident memory", "bytes", waiting_of(next, interval), &fit,
            (double)next->live_bytes);
}

void run_predict_size(struct run *run)
{
    struct run_size next = expected_of(run);
    for (size_t index = 0; index < sizeof(size_terms) / sizeof(size_terms[0]); index++) {
        fit_size(run, &size_terms[index], &next);
    }
    fit_memory(run, &next);
}

static double stage_of(const json_t *document, const char *stage)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(document, "ingest_stages"), index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "stage")), stage) == 0) {
            return json_real_value(json_object_get(row, "cpu_ns_per_event"));
        }
    }
    return 0;
}

/// What merging writes beside what commits write; it grows with the logarithm of the size.
static void fit_merges(const struct run *run, json_t *terms)
{
    double x[RUN_SIZE_COUNT];
    double y[RUN_SIZE_COUNT];
    for (uint32_t index = 0; index < run->size_count; index++) {
        const struct run_size *size = &run->sizes[index];
        x[index] = log((double)size->events);
        y[index] = size->flushed_bytes == 0
                       ? 1
                       : 1 + (double)size->merged_bytes / (double)size->flushed_bytes;
    }
    struct fit fit;
    fit_points(x, y, run->size_count, &fit);
    add_term(terms, "written_per_byte_per_log_event", "bytes", fit.slope, fit.slope_low,
             fit.slope_high, "sizes");
    const struct store_merge_figures *merge = &run->merge;
    double last = merge->bytes_flushed == 0
                      ? 1
                      : 1 + (double)merge->bytes_merged / (double)merge->bytes_flushed;
    add_term(terms, "written_per_byte", "bytes", last, last, last, "loads");
}

void run_model(struct run *run)
{
    const struct run_size *largest = &run->sizes[run->size_count - 1];
    if (run->load_count > 0) {
        check(run, "cores, merging apart", run->loads[run->load_count - 1].cores);
    }
    for (size_t index = 0; index < sizeof(size_terms) / sizeof(size_terms[0]); index++) {
        if (size_terms[index].check != NULL) {
            check(run, size_terms[index].check, size_terms[index].y(largest));
        }
    }
    check(run, "resident memory", (double)largest->resident_bytes);
    json_t *terms = part_of(run, "terms");
    fit_merges(run, terms);
    double pump_ns = stage_of(run->document, "poll+decode+route");
    double merge_ns = run->merge_events > 0 ? (double)run->merge_ns / (double)run->merge_events : 0;
    add_term(terms, "merge_ns_per_event", "ns", merge_ns, merge_ns, merge_ns, "all loads");
    add_term(terms, "reader_ns_per_event", "ns", pump_ns, pump_ns, pump_ns, "hold");
    json_t *seen = json_pack("{s:f,s:f,s:f}", "events_per_second", run->sustainable, "events",
                             (double)largest->events, "users", (double)largest->users);
    json_object_set_new(json_object_get(run->document, "model"), "measured", seen);
}
