// SPDX-License-Identifier: Apache-2.0
// Stores of growing size, each filled as fast as it goes: what ingest, questions, a restart, disk
// and memory cost at each.
#include "storage/base/clock.h"
#include "storage/segment/segment.h"
#include "tools/bench/run.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define GROWTH_SHARE 0.12 ///< of the budget, for the largest size alone
#define SIZE_LEAST 10000.0
#define SIZE_LEAST_QUICK 1700.0
#define SIZE_MOST 1e9
#define QUESTION_TRIES 3u
#define LARGEST_STEP 3.0 ///< the largest size is the one before it so many times

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static enum corong_status ask_all(struct run *run, struct run_size *size,
                                  struct corong_error *error)
{
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        double seconds[QUESTION_TRIES];
        for (uint32_t tries = 0; tries < QUESTION_TRIES; tries++) {
            int64_t begun_us = clock_monotonic_us();
            TRY(subject_ask(&run->subject, (enum subject_question)question, true, 1, error));
            seconds[tries] = (double)(clock_monotonic_us() - begun_us) / 1e6;
        }
        qsort(seconds, QUESTION_TRIES, sizeof(seconds[0]), compare_doubles);
        size->question_seconds[question] = seconds[QUESTION_TRIES / 2];
    }
    return CORONG_OK;
}

/// Abandoned as by kill -9, opened again, asked: until the first answer.
static enum corong_status restart(struct run *run, struct run_size *size,
                                  struct corong_error *error)
{
    TRY(subject_stop(&run->subject, false, error));
    int64_t begun_us = clock_monotonic_us();
    TRY(subject_reopen(&run->subject, error));
    TRY(subject_ask(&run->subject, SUBJECT_FUNNEL, false, 0, error));
    size->restart_seconds = (double)(clock_monotonic_us() - begun_us) / 1e6;
    return subject_stop(&run->subject, true, error);
}

static json_t *column_row(json_t *rows, const char *name)
{
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "column")), name) == 0) {
            return row;
        }
    }
    row = json_pack("{s:s,s:f}", "column", name, "bytes", 0.0);
    json_array_append_new(rows, row);
    return row;
}

/// Adds what each column of a segment takes; parts in brackets belong to users.
static void add_columns(struct segment_reader *reader, struct arena *arena, json_t *rows,
                        uint64_t *user_bytes)
{
    struct segment_column_report *reports =
        arena_allocate_zeroed(arena, SCHEMA_COLUMN_COUNT_MAX + 8, sizeof(*reports));
    uint32_t count = segment_reader_report(reader, arena, reports);
    for (uint32_t index = 0; index < count; index++) {
        char name[128];
        snprintf(name, sizeof(name), "%.*s", (int)reports[index].name.size,
                 reports[index].name.bytes);
        json_t *row = column_row(rows, name);
        double bytes = json_real_value(json_object_get(row, "bytes"));
        json_object_set_new(row, "bytes", json_real(bytes + (double)reports[index].size_bytes));
        *user_bytes += name[0] == '(' ? reports[index].size_bytes : 0;
    }
}

static enum corong_status measure_store(struct run *run, struct run_size *size,
                                        struct corong_error *error)
{
    struct store_snapshot *snapshot;
    struct arena arena = {0};
    json_t *rows = json_array();
    TRY(store_snapshot_open(&snapshot, run->subject.directory, error));
    size->bytes = size->user_bytes = size->users = 0;
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        struct segment_reader *reader = store_snapshot_segment(snapshot, index);
        size->bytes += segment_reader_meta(reader)->size_bytes;
        size->users += segment_reader_meta(reader)->user_count;
        add_columns(reader, &arena, rows, &size->user_bytes);
    }
    uint64_t stored = store_snapshot_totals(snapshot).rows;
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        double bytes = json_real_value(json_object_get(row, "bytes"));
        json_object_set_new(row, "bytes", json_real(stored == 0 ? 0 : bytes / (double)stored));
    }
    json_object_set_new(run->document, "bytes_per_event", rows);
    store_snapshot_close(snapshot);
    arena_deinit(&arena);
    return CORONG_OK;
}

static enum corong_status compact(struct run *run, struct run_size *size,
                                  struct corong_error *error)
{
    struct store *store;
    struct store_options open = {0};
    struct store_compact_options options = {0};
    TRY(store_open(&store, run->subject.directory, &open, error));
    int64_t begun_us = clock_monotonic_us();
    enum corong_status status = store_compact(store, &options, NULL, error);
    size->compact_seconds = (double)(clock_monotonic_us() - begun_us) / 1e6;
    store_close(store);
    return status;
}

static enum corong_status fill(struct run *run, struct run_size *size, const int *cores,
                               uint32_t core_count, struct corong_error *error)
{
    struct phase_result result;
    char label[64];
    snprintf(label, sizeof(label), "%.3g events", (double)size->events);
    struct phase_options options = run_phase_options(run, 0, label);
    options.count = size->events;
    options.is_last = true;
    options.questions_per_second = 0;
    options.load_cores = cores;
    options.load_core_count = core_count;
    enum corong_status status = phase_run(&options, &result, error);
    size->ingest_seconds = result.whole_seconds;
    size->cpu_ns_per_event = phase_cpu_per_event(&result);
    size->resident_bytes = result.resident_peak_bytes;
    size->live_bytes = result.live_bytes;
    size->users = result.live_users;
    size->flushed_bytes = result.merge.bytes_flushed;
    size->merged_bytes = result.merge.bytes_merged;
    size->generator_limited = result.generator_limited;
    phase_deinit(&result);
    return status;
}

static enum corong_status run_size(struct run *run, struct run_size *size,
                                   struct corong_error *error)
{
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    run_restart_crowd(run, size->events);
    TRY(subject_open(&run->subject, &options, error));
    TRY(fill(run, size, NULL, 0, error));
    TRY(restart(run, size, error));
    TRY(compact(run, size, error));
    TRY(ask_all(run, size, error));
    return measure_store(run, size, error);
}

static json_t *size_json(const struct run_size *size)
{
    json_t *questions = json_object();
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        json_object_set_new(questions, subject_question_name((enum subject_question)question),
                            json_real(size->question_seconds[question]));
    }
    return json_pack("{s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:b}", "events",
                     (json_int_t)size->events, "users", (json_int_t)size->users, "ingest_seconds",
                     size->ingest_seconds, "cpu_ns_per_event", size->cpu_ns_per_event,
                     "query_seconds", size->question_seconds[SUBJECT_FUNNEL], "restart_seconds",
                     size->restart_seconds, "compact_seconds", size->compact_seconds, "questions",
                     questions, "bytes", (json_int_t)size->bytes, "user_bytes",
                     (json_int_t)size->user_bytes, "bytes_flushed", (json_int_t)size->flushed_bytes,
                     "bytes_merged", (json_int_t)size->merged_bytes, "memory",
                     (json_int_t)size->resident_bytes, "live_bytes", (json_int_t)size->live_bytes,
                     "generator_limited", size->generator_limited);
}

/// Two digits are enough.
static uint64_t rounded(double number)
{
    double unit = pow(10, floor(log10(number)) - 1);
    return (uint64_t)(floor(number / unit) * unit);
}

enum corong_status run_growth(struct run *run, struct corong_error *error)
{
    json_t *rows = json_array();
    json_object_set_new(run->document, "growth", rows);
    double rate = run->sustainable > 0 ? run->sustainable : run->ceiling / 10;
    double largest = rate * (double)run_share_us(run, GROWTH_SHARE) / 1e6;
    largest = largest > SIZE_MOST ? SIZE_MOST : largest;
    double least = 81 * (run->options->quick ? SIZE_LEAST_QUICK : SIZE_LEAST);
    largest = largest < least || run->options->quick ? least : largest;
    for (uint32_t index = 0; index < RUN_SIZE_COUNT; index++) {
        double size = largest / pow(LARGEST_STEP, RUN_SIZE_COUNT - 1 - index);
        run->sizes[index] = (struct run_size){.events = rounded(size)};
    }
    for (; run->size_count < RUN_SIZE_COUNT; run->size_count++) {
        struct run_size *size = &run->sizes[run->size_count];
        if (run->size_count == RUN_SIZE_COUNT - 1) {
            run_predict_size(run);
        }
        enum corong_status status = run_size(run, size, error);
        subject_close(&run->subject);
        TRY(status);
        json_array_append_new(rows, size_json(size));
        run_say(run,
                "%10llu events: %.2f s to take in, %.1f ms a funnel, %.2f s to restart, "
                "%.2f bytes an event",
                (unsigned long long)size->events, size->ingest_seconds,
                size->question_seconds[SUBJECT_FUNNEL] * 1e3, size->restart_seconds,
                (double)size->bytes / (double)size->events);
    }
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
    struct run_size size = {.events = run->sizes[RUN_SIZE_COUNT - 2].events};
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    options.shard_count = cores;
    run_restart_crowd(run, size.events);
    use_cores(0, cores);
    enum corong_status status = subject_open(&run->subject, &options, error);
    status = status == CORONG_OK ? fill(run, &size, left, left_count, error) : status;
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
