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
static double live_users_of(const struct run_size *size)
{
    return (double)size->live_users;
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
    return size->questions[SUBJECT_FUNNEL].median * 1e9;
}
static double restart_ns_of(const struct run_size *size)
{
    return size->restart.median * 1e9;
}
static double settle_ns_of(const struct run_size *size)
{
    return size->settle_seconds * 1e9;
}
static double ingest_ns_of(const struct run_size *size)
{
    return size->cpu_ns_per_event * (double)size->events;
}
/// How far apart measurements of the same lie, as a share.
typedef double size_noise(const struct run_size *size);

#define MEDIAN_EFFICIENCY 1.25 ///< the error of a median over that of a mean

/// A range of so many values, in standard deviations (Tippett 1925).
static double range_of(uint32_t count)
{
    static const double known[] = {1, 1, 1.128, 1.693, 2.059, 2.326, 2.534};
    return count < 7 ? known[count] : count < 15 ? 3 : 3.9;
}
static double noise_of(const struct run_spread *spread)
{
    if (spread->count < 2 || spread->low <= 0) {
        return 0;
    }
    double one = log(spread->high / spread->low) / range_of(spread->count);
    return MEDIAN_EFFICIENCY * one / sqrt(spread->count);
}
static double funnel_noise_of(const struct run_size *size)
{
    return noise_of(&size->questions[SUBJECT_FUNNEL]);
}
static double restart_noise_of(const struct run_size *size)
{
    return noise_of(&size->restart);
}

#define LEAST_NOISE_TIME 0.05 ///< what the same machine does a minute later
#define LEAST_NOISE_BYTES 0.01
#define LEAST_NOISE_TABLE 0.2  ///< of tables that double: a slack between none and half
#define LEAST_NOISE_MEMORY 0.1 ///< what allocators keep, and how full buffers are at the peak

/// What is fitted over the sizes. `slope_term` NULL: only for the check.
static const struct size_term {
    const char *slope_term;
    const char *slope_unit;
    const char *intercept_term;
    const char *intercept_unit;
    size_figure *x;
    size_figure *y;
    size_noise *noise; ///< NULL: measured once
    const char *check; ///< NULL: the sum of others is checked
    const char *check_unit;
} size_terms[] = {
    {"bytes_per_event", "bytes", NULL, NULL, events_of, event_bytes_of, NULL, NULL, NULL},
    {"bytes_per_user_and_period", "bytes", NULL, NULL, users_of, user_bytes_of, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, events_of, bytes_of, NULL, "bytes on disk", "bytes"},
    {"live_bytes_per_user", "bytes", "live_base_bytes", "bytes", live_users_of, live_bytes_of, NULL,
     "bytes of live users", "bytes"},
    {"funnel_ns_per_event", "ns", "funnel_start_ns", "ns", events_of, funnel_ns_of, funnel_noise_of,
     "a funnel over everything", "ns"},
    {"restart_ns_per_event", "ns", "restart_start_ns", "ns", events_of, restart_ns_of,
     restart_noise_of, "restart until the first answer", "ns"},
    {"settle_ns_per_event", "ns", "settle_start_ns", "ns", events_of, settle_ns_of, NULL,
     "restart until live counts are whole", "ns"},
    {"backfill_cpu_ns_per_event", "ns", "backfill_start_ns", "ns", events_of, ingest_ns_of, NULL,
     "processor time to take everything in", "ns"},
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
    next.live_users = (uint64_t)((double)seen->live_users * times);
    next.ingest_seconds = seen->ingest_seconds * times;
    return next;
}

/// Points of all sizes that are there, and of the load that was held where `of_hold` says so: its
/// users are many.
static struct fit fit_sizes(const struct run *run, const struct size_term *term, double least,
                            bool of_hold)
{
    double x[RUN_SIZE_COUNT + 1];
    double y[RUN_SIZE_COUNT + 1];
    double squares = 0;
    uint32_t count = 0;
    for (; count < run->size_count; count++) {
        const struct run_size *size = &run->sizes[count];
        double noise = term->noise == NULL ? 0 : term->noise(size);
        x[count] = fmax(1, term->x(size));
        y[count] = term->y(size);
        squares += noise * noise / run->size_count;
    }
    if (of_hold && run->hold_users > 0) {
        x[count] = (double)run->hold_users;
        y[count++] = (double)run->hold_live_bytes;
    }
    struct fit fit;
    fit_cost(x, y, count, (struct fit_noise){sqrt(squares), least}, &fit);
    return fit;
}

static struct fit fit_size(const struct run *run, const struct size_term *term, bool at_end)
{
    bool of_bytes = term->slope_unit == NULL || strcmp(term->slope_unit, "bytes") == 0;
    bool of_table = term->y == live_bytes_of;
    double least = of_table ? LEAST_NOISE_TABLE : of_bytes ? LEAST_NOISE_BYTES : LEAST_NOISE_TIME;
    return fit_sizes(run, term, least, at_end && of_table);
}

static void predict_size(struct run *run, const struct size_term *term, struct run_size *next)
{
    struct fit fit = fit_size(run, term, false);
    if (term->y == live_bytes_of) {
        next->live_bytes = (uint64_t)(fit.intercept + fit.slope * (double)next->live_users);
    }
    if (term->check != NULL) {
        predict(run, term->check, term->check_unit, fmax(1, term->x(next)), &fit, 0);
    }
}

/// The terms, of all sizes: the largest too, once it was predicted.
static void add_size_term(struct run *run, const struct size_term *term)
{
    struct fit fit = fit_size(run, term, true);
    json_t *terms = part_of(run, "terms");
    if (term->slope_term != NULL) {
        add_term(terms, term->slope_term, term->slope_unit, fit.slope, fit.slope_low,
                 fit.slope_high, "sizes");
    }
    if (term->intercept_term != NULL) {
        add_term(terms, term->intercept_term, term->intercept_unit, fit.intercept,
                 fit.intercept_low, fit.intercept_high, "sizes");
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
    fit_cost(x, y, run->load_count, (struct fit_noise){0, LEAST_NOISE_TIME}, &fit);
    json_t *terms = part_of(run, "terms");
    add_term(terms, "cpu_ns_per_event", "ns", fit.slope * 1e9, fit.slope_low * 1e9,
             fit.slope_high * 1e9, "loads");
    add_term(terms, "idle_cores", "cores", fit.intercept, fit.intercept_low, fit.intercept_high,
             "loads");
    predict(run, "cores, merging apart", "cores", rate, &fit, 0);
}

/// Events that wait for a commit at the most: what comes in meanwhile.
static double waiting_of(const struct run *run, const struct run_size *size)
{
    struct subject_options options = run_subject_options((struct run *)run, BENCH_FILES);
    double seconds = (double)options.commit_interval_us / 1e6;
    return fmin((double)size->events, (double)size->events / size->ingest_seconds * seconds);
}

/// What is resident beside live users: what stands by itself, and rows that wait for a commit.
/// Buffers fill up, so that the first rows take more than later ones: the line's curvature shows in
/// its band.
static struct fit fit_memory(const struct run *run)
{
    double x[RUN_SIZE_COUNT];
    double y[RUN_SIZE_COUNT];
    for (uint32_t index = 0; index < run->size_count; index++) {
        const struct run_size *size = &run->sizes[index];
        x[index] = waiting_of(run, size);
        y[index] = fmax(1, (double)size->resident_bytes - (double)size->live_bytes);
    }
    struct fit fit;
    fit_cost(x, y, run->size_count, (struct fit_noise){0, LEAST_NOISE_MEMORY}, &fit);
    return fit;
}

static void add_memory_terms(struct run *run)
{
    struct fit fit = fit_memory(run);
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    double interval = (double)options.commit_interval_us / 1e6;
    json_t *terms = part_of(run, "terms");
    add_term(terms, "memory_base_bytes", "bytes", fit.intercept, fit.intercept_low,
             fit.intercept_high, "sizes");
    add_term(terms, "memory_per_waiting_event", "bytes", fit.slope, fit.slope_low, fit.slope_high,
             "sizes");
    add_term(terms, "commit_interval", "s", interval, interval, interval, "parameters");
}

void run_predict_size(struct run *run)
{
    struct run_size next = expected_of(run);
    for (size_t index = 0; index < sizeof(size_terms) / sizeof(size_terms[0]); index++) {
        predict_size(run, &size_terms[index], &next);
    }
    struct fit memory = fit_memory(run);
    predict(run, "resident memory", "bytes", waiting_of(run, &next), &memory,
            (double)next.live_bytes);
}

/// A mean with its 90 % band, no narrower than the least noise of times.
static void add_mean(json_t *terms, const char *name, const char *unit, const double *values,
                     uint32_t count, const char *from)
{
    double x[RUN_SIZE_COUNT + 1];
    struct fit fit;
    count = count < RUN_SIZE_COUNT + 1 ? count : RUN_SIZE_COUNT + 1;
    for (uint32_t index = 0; index < count; index++) {
        x[index] = 1;
    }
    fit_cost(x, values, count, (struct fit_noise){0, LEAST_NOISE_TIME}, &fit);
    double value = fit.intercept + fit.slope; // one of them is 0
    add_term(terms, name, unit, value, fit.intercept_low + fit.slope_low,
             fit.intercept_high + fit.slope_high, from);
}

/// Tiers between a commit and all of a store: a full one has eight runs (storage/merge).
#define RUNS_PER_TIER 8.0
/// Long runs are merged by fours, so that there are half as many tiers again.
#define REWRITES_PER_TIER_MOST 1.5

/// How often a row is written again per tier: once in the long run, of long runs half as often
/// again, less where the last tiers are not full yet. What this machine showed and that limit are
/// the band's ends.
static void add_rewrites(const struct run *run, json_t *terms)
{
    const struct run_size *merging = &run->merging;
    double tiers = log(fmax(1, (double)merging->commits)) / log(RUNS_PER_TIER);
    double per_tier =
        tiers > 0 ? (double)merging->merged_rows / (double)merging->events / tiers : 1;
    double most = REWRITES_PER_TIER_MOST;
    add_term(terms, "rewrites_per_tier", "times", (per_tier + most) / 2,
             fmin(per_tier, most) * (1 - LEAST_NOISE_TIME),
             fmax(per_tier, most) * (1 + LEAST_NOISE_TIME), "merging, and its limit");
}

/// Bytes of a row when it is committed, and when it is merged.
static void add_written(const struct run *run, json_t *terms)
{
    double flushed[RUN_SIZE_COUNT + 1];
    double merged[RUN_SIZE_COUNT + 1];
    uint32_t count = 0;
    uint32_t merged_count = 0;
    for (uint32_t index = run->size_count / 2; index <= run->size_count; index++) {
        const struct run_size *size = index < run->size_count ? &run->sizes[index] : &run->merging;
        double events = fmax(1, (double)size->events);
        flushed[count++] = (double)size->flushed_bytes / events;
        if (index < run->size_count) {
            merged[merged_count++] = (double)size->bytes / fmax(1, (double)size->stored);
        } else if (size->merged_rows > 0) {
            merged[merged_count++] = (double)size->merged_bytes / (double)size->merged_rows;
        }
    }
    add_mean(terms, "flushed_bytes_per_event", "bytes", flushed, count, "sizes, merging");
    add_mean(terms, "merged_bytes_per_row", "bytes", merged, merged_count, "sizes, merging");
}

/// What merging a row costs, wherever it was seen: the compactions at the end of each size, and the
/// merges of the store with many commits.
static void add_merge_terms(struct run *run)
{
    double ns[RUN_SIZE_COUNT + 1];
    uint32_t count = 0;
    for (uint32_t index = run->size_count / 2; index < run->size_count; index++) {
        const struct run_size *size = &run->sizes[index]; // small ones are start and end alone
        if (size->compact_rows > 0) {
            ns[count++] = size->compact_cpu_seconds * 1e9 / (double)size->compact_rows;
        }
    }
    const struct run_size *merging = &run->merging;
    if (merging->merged_rows > 0) {
        ns[count++] = (double)merging->merge_ns / (double)merging->merged_rows;
    }
    json_t *terms = part_of(run, "terms");
    if (count > 0) {
        add_mean(terms, "merge_ns_per_row", "ns", ns, count, "compactions, merging");
    }
    add_rewrites(run, terms);
    add_written(run, terms);
}

/// Of the thread that reads: there is one per server.
static void add_reader_term(struct run *run)
{
    double ns[RUN_RATE_COUNT_MAX];
    uint32_t count = 0;
    for (uint32_t index = 0; index < run->load_count && index < RUN_SIZE_COUNT + 1; index++) {
        ns[count++] = run->loads[index].reader_ns_per_event;
    }
    if (count > 0) {
        add_mean(part_of(run, "terms"), "reader_ns_per_event", "ns", ns, count, "loads");
    }
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
        add_size_term(run, &size_terms[index]);
    }
    check(run, "resident memory", (double)largest->resident_bytes);
    add_memory_terms(run);
    add_merge_terms(run);
    add_reader_term(run);
    json_t *seen = json_pack("{s:f,s:f,s:f}", "events_per_second", run->sustainable, "events",
                             (double)largest->events, "users", (double)largest->users);
    json_object_set_new(json_object_get(run->document, "model"), "measured", seen);
}
