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

static void add_check(json_t *checks, const char *what, const char *unit, double at,
                      const double *predicted, double measured)
{
    json_array_append_new(checks,
                          json_pack("{s:s,s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:b}", "what", what, "unit",
                                    unit, "at", at, "predicted", predicted[0], "low", predicted[1],
                                    "high", predicted[2], "measured", measured, "error",
                                    measured != 0 ? predicted[0] / measured - 1 : 0, "in_band",
                                    measured >= predicted[1] && measured <= predicted[2]));
}

static void fit_size(const struct run *run, const struct size_term *term, json_t *terms,
                     json_t *checks)
{
    double x[RUN_SIZE_COUNT];
    double y[RUN_SIZE_COUNT];
    uint32_t seen = run->size_count - 1;
    for (uint32_t index = 0; index < run->size_count; index++) {
        x[index] = term->x(&run->sizes[index]);
        y[index] = term->y(&run->sizes[index]);
        x[index] = x[index] > 0 ? x[index] : 1;
    }
    struct fit fit;
    fit_cost(x, y, seen, &fit);
    if (term->slope_term != NULL) {
        add_term(terms, term->slope_term, term->slope_unit, fit.slope, fit.slope_low,
                 fit.slope_high, "sizes");
    }
    if (term->intercept_term != NULL) {
        add_term(terms, term->intercept_term, term->intercept_unit, fit.intercept,
                 fit.intercept_low, fit.intercept_high, "sizes");
    }
    if (term->check != NULL) {
        double predicted[3];
        fit_predict(&fit, x[seen], &predicted[0], &predicted[1], &predicted[2]);
        add_check(checks, term->check, term->check_unit, x[seen], predicted, y[seen]);
    }
}

/// Cores by rate, from the loads but the last.
static void fit_loads(const struct run *run, json_t *terms, json_t *checks)
{
    double x[RUN_RATE_COUNT_MAX];
    double y[RUN_RATE_COUNT_MAX];
    if (run->load_count < 3) {
        return;
    }
    uint32_t seen = run->load_count - 1;
    for (uint32_t index = 0; index < run->load_count; index++) {
        x[index] = run->loads[index].rate;
        y[index] = run->loads[index].cores;
    }
    struct fit fit;
    double predicted[3];
    fit_cost(x, y, seen, &fit);
    add_term(terms, "cpu_ns_per_event", "ns", fit.slope * 1e9, fit.slope_low * 1e9,
             fit.slope_high * 1e9, "loads");
    add_term(terms, "idle_cores", "cores", fit.intercept, fit.intercept_low, fit.intercept_high,
             "loads");
    fit_predict(&fit, x[seen], &predicted[0], &predicted[1], &predicted[2]);
    add_check(checks, "cores", "cores", x[seen], predicted, y[seen]);
}

/// Events that wait for a commit when everything was read.
static double waiting_of(const struct run_size *size, double interval_seconds)
{
    double taken = (double)size->events / size->ingest_seconds * interval_seconds;
    return fmin((double)size->events, taken);
}

/// What is resident beside live users: rings, libraries and the load itself, and rows that wait for
/// a commit.
static void fit_memory(struct run *run, json_t *terms, json_t *checks)
{
    double x[RUN_SIZE_COUNT];
    double y[RUN_SIZE_COUNT];
    uint32_t seen = run->size_count - 1;
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    for (uint32_t index = 0; index < run->size_count; index++) {
        const struct run_size *size = &run->sizes[index];
        x[index] = waiting_of(size, (double)options.commit_interval_us / 1e6);
        y[index] = (double)size->resident_bytes - (double)size->live_bytes;
    }
    struct fit fit;
    double predicted[3];
    fit_cost(x, y, seen, &fit);
    add_term(terms, "memory_base_bytes", "bytes", fit.intercept, fit.intercept_low,
             fit.intercept_high, "sizes");
    add_term(terms, "memory_per_waiting_event", "bytes", fit.slope, fit.slope_low, fit.slope_high,
             "sizes");
    double interval = (double)options.commit_interval_us / 1e6;
    add_term(terms, "commit_interval", "s", interval, interval, interval, "parameters");
    fit_predict(&fit, x[seen], &predicted[0], &predicted[1], &predicted[2]);
    double live = (double)run->sizes[seen].live_bytes;
    predicted[0] += live;
    predicted[1] += live;
    predicted[2] += live;
    add_check(checks, "resident memory", "bytes", (double)run->sizes[seen].events, predicted,
              y[seen] + live);
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
    json_t *terms = json_array();
    json_t *checks = json_array();
    fit_loads(run, terms, checks);
    for (size_t index = 0; index < sizeof(size_terms) / sizeof(size_terms[0]); index++) {
        fit_size(run, &size_terms[index], terms, checks);
    }
    fit_memory(run, terms, checks);
    fit_merges(run, terms);
    double pump_ns = stage_of(run->document, "poll+decode+route");
    add_term(terms, "reader_ns_per_event", "ns", pump_ns, pump_ns, pump_ns, "hold");
    const struct run_size *largest = &run->sizes[run->size_count - 1];
    json_t *seen = json_pack("{s:f,s:f,s:f}", "events_per_second", run->sustainable, "events",
                             (double)largest->events, "users", (double)largest->users);
    json_object_set_new(
        run->document, "model",
        json_pack("{s:o,s:o,s:o}", "terms", terms, "held_out", checks, "measured", seen));
}
