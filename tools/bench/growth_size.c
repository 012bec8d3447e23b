// SPDX-License-Identifier: Apache-2.0
// One store of a stated size. Each part has a process of its own, so that the memory of one is not
// what another left over, and so that a restart comes after a real kill -9.
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/segment/segment.h"
#include "tools/bench/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUESTION_TRIES_LEAST 5u
#define QUESTION_TRIES_LONG 3u ///< where those take longer than ...
#define QUESTION_LONG_US (5 * MICROSECONDS_PER_SECOND)
#define QUESTION_TRIES_MOST 25u
#define QUESTION_ENOUGH_US (MICROSECONDS_PER_SECOND / 2)
#define FILL_LONG_SECONDS 10.0
#define RESTART_TRIES 3u
#define RESTART_TRIES_LONG 1u ///< where one takes longer than ...
#define RESTART_LONG_SECONDS 20.0
#define SETTLE_PATIENCE_US (120 * MICROSECONDS_PER_SECOND)
#define SETTLE_LOOK_US 5000
#define MERGE_PATIENCE_US (20 * MICROSECONDS_PER_SECOND)
#define MERGE_LOOK_US 20000
#define MERGE_QUIET_LOOKS 3u

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static struct run_spread spread_of(double *seconds, uint32_t count)
{
    qsort(seconds, count, sizeof(seconds[0]), compare_doubles);
    double median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
    return (struct run_spread){median, seconds[0], seconds[count - 1], count};
}

static double process_seconds(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

enum corong_status run_fill(struct run *run, struct run_size *size, const int *cores,
                            uint32_t core_count, struct corong_error *error)
{
    struct phase_result result;
    char label[64];
    snprintf(label, sizeof(label), "%.3g events", (double)size->events);
    struct phase_options options = run_phase_options(run, size->pace, label);
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
    size->users = size->live_users = result.live_users;
    size->tails_bytes = result.tails_most_bytes;
    size->generator_limited = result.generator_limited;
    phase_deinit(&result);
    return status;
}

static void read_merges(struct run *run, struct run_size *size, uint32_t *running_out)
{
    struct arena arena = {0};
    struct engine_live_view view;
    struct engine *engine = service_hold(run->subject.service);
    *running_out = 1;
    if (engine == NULL) {
        return;
    }
    struct store_merge_figures merge = engine_merge_read(engine, running_out);
    engine_live_read(engine, &arena, &view);
    service_release(run->subject.service);
    size->flushed_bytes = merge.bytes_flushed;
    size->merged_bytes = merge.bytes_merged;
    size->merged_rows = merge.rows_merged;
    size->merge_count = merge.merge_count;
    size->commits = view.commits;
    arena_deinit(&arena);
}

/// The last commit is there; merges that it or those before it called for come to their end.
static enum corong_status finish_merges(struct run *run, struct run_size *size,
                                        struct corong_error *error)
{
    uint64_t sums_ns[STAGE_COUNT];
    uint32_t running = 1;
    uint32_t quiet = 0;
    int64_t until_us = clock_monotonic_us() + MERGE_PATIENCE_US;
    while (quiet < MERGE_QUIET_LOOKS && clock_monotonic_us() < until_us) {
        clock_sleep_us(MERGE_LOOK_US);
        TRY(service_tick(run->subject.service, error));
        threads_look(&run->threads);
        read_merges(run, size, &running);
        quiet = running == 0 ? quiet + 1 : 0;
        if (pump_stop_asked(&run_stop)) {
            return error_set(error, CORONG_CANCELLED, "interrupted");
        }
    }
    threads_sum(&run->threads, sums_ns);
    size->merge_ns = sums_ns[STAGE_MERGE];
    return CORONG_OK;
}

/// In the child: the store is filled, everything durable, and the service goes on.
static enum corong_status fill_work(struct run *run, struct run_size *size, json_t **rows_out,
                                    struct corong_error *error)
{
    (void)rows_out;
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    if (size->commit_interval_us > 0) {
        options.commit_interval_us = size->commit_interval_us;
    }
    run_restart_crowd(run, size->events);
    uint64_t before = phase_resident_bytes();
    TRY(subject_open(&run->subject, &options, error));
    TRY(run_fill(run, size, NULL, 0, error));
    size->resident_bytes -= before < size->resident_bytes ? before : 0;
    TRY(subject_wait_durable(&run->subject, error));
    return finish_merges(run, size, error);
}

/// In the child: opened, and asked once.
static enum corong_status start_work(struct run *run, struct run_size *size, json_t **rows_out,
                                     struct corong_error *error)
{
    (void)size;
    (void)rows_out;
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    TRY(subject_start(&run->subject, &options, error));
    return subject_ask(&run->subject, SUBJECT_FUNNEL, false, 0, error);
}

/// Users whose live answer waits for what the store holds.
static uint64_t pending_of(struct subject *subject)
{
    struct arena arena = {0};
    struct engine_live_view view = {.pending = 1};
    struct engine *engine = service_hold(subject->service);
    if (engine != NULL) {
        engine_live_read(engine, &arena, &view);
        service_release(subject->service);
    }
    uint64_t pending = view.pending;
    arena_deinit(&arena);
    return pending;
}

/// In the child: opened, and waited for until live counts are whole.
static enum corong_status settle_work(struct run *run, struct run_size *size, json_t **rows_out,
                                      struct corong_error *error)
{
    (void)size;
    (void)rows_out;
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    TRY(subject_start(&run->subject, &options, error));
    int64_t until_us = clock_monotonic_us() + SETTLE_PATIENCE_US;
    while (pending_of(&run->subject) > 0 && clock_monotonic_us() < until_us) {
        TRY(service_tick(run->subject.service, error));
        if (pump_stop_asked(&run_stop)) {
            return error_set(error, CORONG_CANCELLED, "interrupted");
        }
        clock_sleep_us(SETTLE_LOOK_US);
    }
    return CORONG_OK;
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

/// From the fork to the answer, after a kill -9 of whoever had the store before.
static enum corong_status start_again(struct run *run, struct run_size *size, child_work *work,
                                      struct child *child, double *seconds_out,
                                      struct corong_error *error)
{
    struct child_options options = {.work = work, .stays = true};
    child_kill(child);
    int64_t begun_us = clock_monotonic_us();
    enum corong_status status = child_run(child, run, &options, size, NULL, error);
    *seconds_out = (double)(clock_monotonic_us() - begun_us) / 1e6;
    return status;
}

static enum corong_status restart(struct run *run, struct run_size *size, struct child *child,
                                  struct corong_error *error)
{
    double seconds[RESTART_TRIES];
    uint32_t tries = RESTART_TRIES;
    uint32_t done = 0;
    while (done < tries) {
        TRY(start_again(run, size, start_work, child, &seconds[done], error));
        tries = seconds[done++] > RESTART_LONG_SECONDS ? RESTART_TRIES_LONG : RESTART_TRIES;
    }
    size->restart = spread_of(seconds, done);
    return start_again(run, size, settle_work, child, &size->settle_seconds, error);
}

static enum corong_status read_store(const char *directory, struct run_size *size, json_t *rows,
                                     struct corong_error *error)
{
    struct store_snapshot *snapshot;
    struct arena arena = {0};
    TRY(store_snapshot_open(&snapshot, directory, error));
    size->bytes = size->user_bytes = size->users = 0;
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        struct segment_reader *reader = store_snapshot_segment(snapshot, index);
        size->bytes += segment_reader_meta(reader)->size_bytes;
        size->users += segment_reader_meta(reader)->user_count;
        add_columns(reader, &arena, rows, &size->user_bytes);
    }
    size->stored = store_snapshot_totals(snapshot).rows;
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        double bytes = json_real_value(json_object_get(row, "bytes"));
        json_object_set_new(row, "bytes",
                            json_real(size->stored == 0 ? 0 : bytes / (double)size->stored));
    }
    store_snapshot_close(snapshot);
    arena_deinit(&arena);
    return CORONG_OK;
}

static void note_rows(void *context, uint64_t done, uint64_t total)
{
    struct run_size *size = context;
    (void)done;
    size->compact_rows = total;
}

static enum corong_status compact(const char *directory, struct run_size *size,
                                  struct corong_error *error)
{
    struct store *store;
    struct store_options open = {0};
    struct store_compact_options options = {.progress = note_rows, .context = size};
    TRY(store_open(&store, directory, &open, error));
    int64_t begun_us = clock_monotonic_us();
    double spent = process_seconds();
    enum corong_status status = store_compact(store, &options, NULL, error);
    size->compact_seconds = (double)(clock_monotonic_us() - begun_us) / 1e6;
    size->compact_cpu_seconds = process_seconds() - spent;
    store_close(store);
    return status;
}

/// A short question is asked more often.
static bool is_worth_another(uint32_t count, int64_t passed_us)
{
    return count < QUESTION_TRIES_LONG ||
           (count < QUESTION_TRIES_LEAST && passed_us < QUESTION_LONG_US) ||
           (count < QUESTION_TRIES_MOST && passed_us < QUESTION_ENOUGH_US);
}

/// A question of the merged store, by one thread, until it was asked often enough.
static enum corong_status ask_often(struct run *run, enum subject_question question,
                                    struct run_spread *spread_out, struct corong_error *error)
{
    double seconds[QUESTION_TRIES_MOST];
    uint32_t count = 0;
    int64_t begun_us = clock_monotonic_us();
    while (is_worth_another(count, clock_monotonic_us() - begun_us)) {
        int64_t asked_us = clock_monotonic_us();
        enum corong_status status = subject_ask(&run->subject, question, true, 1, error);
        if (status == CORONG_NO_MEMORY && question != SUBJECT_FUNNEL) {
            // What else was measured, perhaps for an hour, is worth having without it.
            run_say(run, "%s: %s", subject_question_name(question), error->message);
            *spread_out = (struct run_spread){0};
            return CORONG_OK;
        }
        TRY(status);
        seconds[count++] = (double)(clock_monotonic_us() - asked_us) / 1e6;
    }
    *spread_out = spread_of(seconds, count);
    return CORONG_OK;
}

/// In the child: merged, measured by column, asked.
static enum corong_status measure_work(struct run *run, struct run_size *size, json_t **rows_out,
                                       struct corong_error *error)
{
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    TRY(compact(options.directory, size, error));
    *rows_out = json_array();
    TRY(read_store(options.directory, size, *rows_out, error));
    subject_define(&run->subject, &options);
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        TRY(ask_often(run, (enum subject_question)question, &size->questions[question], error));
    }
    return CORONG_OK;
}

/// What took long enough to wait for, before the rest of it is done.
static void tell_filled(struct run *run, const struct run_size *size)
{
    if (size->ingest_seconds < FILL_LONG_SECONDS || size->live_users == 0) {
        return;
    }
    run_say(run,
            "%10llu events are there after %.0f s: %llu live users, %.1f bytes each, %.0f MiB "
            "resident",
            (unsigned long long)size->events, size->ingest_seconds,
            (unsigned long long)size->live_users,
            (double)size->live_bytes / (double)size->live_users,
            (double)size->resident_bytes / (1 << 20));
}

static enum corong_status all_parts(struct run *run, struct run_size *size, struct child *child,
                                    struct corong_error *error)
{
    struct child_options fill = {.work = fill_work, .stays = true};
    struct child_options measure = {.work = measure_work};
    json_t *rows = NULL;
    TRY(child_run(child, run, &fill, size, NULL, error));
    tell_filled(run, size);
    TRY(restart(run, size, child, error));
    child_kill(child);
    TRY(child_run(child, run, &measure, size, &rows, error));
    json_object_set_new(run->document, "bytes_per_event", rows == NULL ? json_array() : rows);
    return CORONG_OK;
}

enum corong_status run_one_size(struct run *run, struct run_size *size, struct corong_error *error)
{
    struct child child = {0};
    TRY(subject_folder(run->parent, &run->directory, error));
    enum corong_status status = all_parts(run, size, &child, error);
    child_kill(&child);
    subject_remove(run->directory);
    run->directory = NULL;
    return status;
}

enum corong_status run_fill_only(struct run *run, struct run_size *size, int64_t commit_interval_us,
                                 struct corong_error *error)
{
    struct child child = {0};
    struct child_options fill = {.work = fill_work, .stays = true};
    size->commit_interval_us = commit_interval_us;
    TRY(subject_folder(run->parent, &run->directory, error));
    enum corong_status status = child_run(&child, run, &fill, size, NULL, error);
    child_kill(&child);
    subject_remove(run->directory);
    run->directory = NULL;
    return status;
}
