// SPDX-License-Identifier: Apache-2.0
// A run from the first part to the document.
#include "tools/bench/run.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUDGET_DEFAULT_US (150 * MICROSECONDS_PER_SECOND)
#define BUDGET_QUICK_US (8 * MICROSECONDS_PER_SECOND)
#define MEMORY_DEFAULT (UINT64_C(1) << 30)
#define PARTITIONS_DEFAULT 4u
#define QUESTIONS_DEFAULT 1.0
#define QUESTIONS_QUICK 10.0
#define PROGRESS_INTERVAL_US (MICROSECONDS_PER_SECOND / 2)

struct pump_stop run_stop;

void bench_stop(void)
{
    pump_stop_ask(&run_stop);
}

void run_say(struct run *run, const char *format, ...)
{
    if (run->options->quiet) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    fputs(isatty(STDERR_FILENO) ? "\r\033[K" : "", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void run_progress(void *context, const char *label, double share, double rate, double lag)
{
    struct run *run = context;
    int64_t now_us = clock_monotonic_us();
    if (run->options->quiet || !isatty(STDERR_FILENO) ||
        now_us - run->told_us < PROGRESS_INTERVAL_US) {
        return;
    }
    run->told_us = now_us;
    fprintf(stderr, "\r\033[K  %s: %3.0f %%, %.0f events/s, %.2f s behind", label, share * 100,
            rate, lag);
}

int64_t run_share_us(const struct run *run, double share)
{
    int64_t budget_us = run->options->budget_us;
    budget_us = budget_us > 0         ? budget_us
                : run->options->quick ? BUDGET_QUICK_US
                                      : BUDGET_DEFAULT_US;
    return (int64_t)((double)budget_us * share);
}

struct subject_options run_subject_options(struct run *run, enum bench_through through)
{
    const struct bench_options *options = run->options;
    return (struct subject_options){
        .through = through,
        .parent = run->parent,
        .directory = run->directory,
        .topic = options->topic,
        .properties = options->properties,
        .partition_count =
            options->partition_count > 0 ? options->partition_count : PARTITIONS_DEFAULT,
        .shard_count = run->shard_count,
        .memory_limit_bytes =
            options->memory_limit_bytes > 0 ? options->memory_limit_bytes : MEMORY_DEFAULT,
        .commit_interval_us = options->commit_interval_us > 0 ? options->commit_interval_us
                              : options->quick                ? MICROSECONDS_PER_SECOND
                                                              : 5 * MICROSECONDS_PER_SECOND,
        .mapping_text = {run->mapping.bytes, run->mapping.size},
        .names = run->names,
        .name_count = run->name_count,
        .slice = run->slice,
        .counts_only = options->prefill_events > 0,
        .threads = &run->threads,
        .stop = &run_stop,
    };
}

static double questions_of(const struct bench_options *options)
{
    return options->questions_per_second >= 0 ? options->questions_per_second
           : options->quick                   ? QUESTIONS_QUICK
                                              : QUESTIONS_DEFAULT;
}

struct phase_options run_phase_options(struct run *run, double rate, const char *label)
{
    double questions = questions_of(run->options);
    return (struct phase_options){
        .subject = &run->subject,
        .threads = &run->threads,
        .lines = load_from_crowd(&run->crowd),
        .rate = rate,
        .questions_per_second = questions,
        .lag_tolerance = run->options->quick ? PHASE_LAG_TOLERANCE_QUICK : PHASE_LAG_TOLERANCE,
        .label = label,
        .progress = run_progress,
        .context = run,
    };
}

void run_restart_crowd(struct run *run, uint64_t event_count)
{
    struct crowd_shape shape = run->shape;
    crowd_shape_resize(&shape, event_count);
    crowd_destroy(run->crowd.crowd);
    run->crowd.crowd = crowd_create(&shape);
}

/// The names asked for, and the attribute that cuts the funnel: the first one of users.
static void choose_questions(struct run *run)
{
    for (uint32_t index = 0; index < run->shape.name_count && index < SUBJECT_STEP_COUNT_MAX;
         index++) {
        run->names[run->name_count++] = run->shape.names[index];
    }
    for (uint32_t index = 0; index < run->shape.attribute_count; index++) {
        const struct crowd_attribute *attribute = &run->shape.attributes[index];
        if (attribute->type == COLUMN_STRING && (run->slice == NULL || attribute->level == 0)) {
            run->slice = attribute->name;
            if (attribute->level == CROWD_PER_USER) {
                break;
            }
        }
    }
}

static enum corong_status prepare(struct run *run, struct corong_error *error)
{
    const struct bench_options *options = run->options;
    const char *temporary = getenv("TMPDIR");
    run->parent = options->parent != NULL                     ? options->parent
                  : temporary != NULL && temporary[0] != '\0' ? temporary
                                                              : "/tmp";
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    run->core_count = cores > 0 ? (uint32_t)cores : 1;
    run->shard_count = options->shard_count > 0 ? options->shard_count : run->core_count;
    run->begun_us = clock_monotonic_us();
    run->document = json_pack("{s:i}", "corong_bench", 1);
    crowd_shape_standard(&run->shape);
    if (options->kind != BENCH_SYNTHETIC) {
        TRY(run_learn(run, error));
    }
    for (uint32_t index = 0; index < options->shape_count; index++) {
        TRY(crowd_shape_set(&run->shape, options->shapes[index], error));
    }
    run->shape.seed = options->seed > 0 ? options->seed : run->shape.seed;
    if (options->kind != BENCH_REPLAYED) {
        crowd_shape_mapping(&run->shape, &run->mapping);
    } else {
        text_buffer_append_text(&run->mapping, options->mapping_text);
    }
    choose_questions(run);
    return CORONG_OK;
}

/// What the load looks like: the words given, and one number for all the rest.
static json_t *shape_json(const struct run *run)
{
    const struct crowd_shape *shape = &run->shape;
    json_t *words = json_array();
    char digest[20];
    snprintf(digest, sizeof(digest), "%016" PRIx64, crowd_shape_digest(shape));
    for (uint32_t index = 0; index < run->options->shape_count; index++) {
        const struct text *word = &run->options->shapes[index];
        json_array_append_new(words, json_stringn(word->bytes, word->size));
    }
    return json_pack("{s:I,s:I,s:f,s:i,s:i,s:I,s:o,s:s}", "events", (json_int_t)shape->event_count,
                     "users", (json_int_t)shape->user_count, "days",
                     (double)shape->span_us / (double)MICROSECONDS_PER_DAY, "names",
                     (int)shape->name_count, "attributes", (int)shape->attribute_count,
                     "line_bytes", (json_int_t)shape->line_size, "words", words, "digest", digest);
}

static json_t *parameters_json(struct run *run)
{
    static const char *const kinds[] = {"synthetic", "calibrated", "replayed"};
    static const char *const ways[] = {"mock", "files", "brokers"};
    struct subject_options subject = run_subject_options(run, run->options->through);
    json_t *parameters = json_pack(
        "{s:s,s:s,s:I,s:f,s:b,s:i,s:i,s:f,s:I,s:I,s:s,s:o}", "kind", kinds[run->options->kind],
        "through", ways[run->options->through], "seed", (json_int_t)run->shape.seed,
        "budget_seconds", (double)run_share_us(run, 1) / 1e6, "quick", run->options->quick,
        "partitions", (int)subject.partition_count, "shards", (int)run->shard_count,
        "questions_per_second", questions_of(run->options), "commit_interval_us",
        (json_int_t)subject.commit_interval_us, "memory_limit_bytes",
        (json_int_t)subject.memory_limit_bytes, "folder", run->parent, "shape", shape_json(run));
    if (subject.counts_only) {
        json_object_set_new(parameters, "outputs", json_string("counts"));
    }
    if (run->options->growth_events > 0) {
        json_object_set_new(parameters, "growth_events",
                            json_integer((json_int_t)run->options->growth_events));
    }
    return parameters;
}

/// Events that are there before the load begins, taken in as a file is.
static enum corong_status prefill(struct run *run, struct corong_error *error)
{
    struct subject_options options = run_subject_options(run, BENCH_FILES);
    struct run_size size = {.events = run->options->prefill_events};
    TRY(subject_open(&run->subject, &options, error));
    TRY(run_fill(run, &size, NULL, 0, error));
    TRY(subject_wait_durable(&run->subject, error));
    TRY(subject_stop(&run->subject, true, error));
    subject_close(&run->subject);
    run_say(run, "%llu events are there, %.2f s to take in, %.0f bytes a live user",
            (unsigned long long)size.events, size.ingest_seconds,
            size.users == 0 ? 0 : (double)size.live_bytes / (double)size.users);
    json_object_set_new(run->document, "prefill",
                        json_pack("{s:I,s:I,s:f,s:I}", "events", (json_int_t)size.events, "users",
                                  (json_int_t)size.users, "ingest_seconds", size.ingest_seconds,
                                  "live_bytes", (json_int_t)size.live_bytes));
    return CORONG_OK;
}

/// A load at 80 % of what a full store takes, and questions meanwhile.
static enum corong_status prefill_parts(struct run *run, struct corong_error *error)
{
    TRY(subject_folder(run->parent, &run->directory, error));
    run_restart_crowd(run, 2 * run->options->prefill_events + UINT64_C(100000000));
    TRY(run_ceiling(run, error));
    TRY(prefill(run, error));
    struct subject_options options = run_subject_options(run, run->options->through);
    TRY(subject_open(&run->subject, &options, error));
    TRY(run->options->hold_rate > 0 ? run_warm_up(run, (double)run->options->hold_rate, error)
                                    : run_search(run, error));
    return run_hold(run, error);
}

/// The parts that one service over one growing store goes through.
static enum corong_status load_parts(struct run *run, struct corong_error *error)
{
    struct subject_options options = run_subject_options(run, run->options->through);
    run_restart_crowd(run, UINT64_C(100000000));
    TRY(run_ceiling(run, error));
    run_restart_crowd(run, UINT64_C(100000000));
    TRY(subject_open(&run->subject, &options, error));
    TRY(run_search(run, error));
    TRY(run_hold(run, error));
    return run_held_out_load(run, error);
}

static enum corong_status all_parts(struct run *run, struct corong_error *error)
{
    TRY(prepare(run, error));
    json_object_set_new(run->document, "parameters", parameters_json(run));
    TRY(run_machine(run, error));
    if (run->options->kind == BENCH_REPLAYED) {
        return run_recorded(run, error);
    }
    if (run->options->prefill_events > 0) {
        enum corong_status held = prefill_parts(run, error);
        subject_close(&run->subject);
        subject_remove(run->directory);
        run->directory = NULL;
        return held;
    }
    TRY(run_check_resumed(run, error));
    // Growth comes first: its processes are forks of this one, which has done nothing yet.
    TRY(run_growth(run, error));
    TRY(run_merging(run, error));
    enum corong_status status =
        run->options->growth_events > 0 ? CORONG_OK : load_parts(run, error);
    subject_close(&run->subject);
    TRY(status);
    if (run->options->growth_events == 0) {
        TRY(run_cores(run, error));
    }
    run_model(run);
    json_object_del(run->document, "unfinished");
    bench_plan_examples(run->document);
    return CORONG_OK;
}

enum corong_status bench_run(const struct bench_options *options, json_t **document_out,
                             struct corong_error *error)
{
    struct run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->options = options;
    enum corong_status status = all_parts(run, error);
    if (status != CORONG_OK) {
        subject_close(&run->subject);
        subject_remove(run->directory);
        json_decref(run->document);
        run->document = NULL;
    } else {
        json_object_set_new(run->document, "seconds",
                            json_real((double)(clock_monotonic_us() - run->begun_us) / 1e6));
    }
    *document_out = run->document;
    crowd_destroy(run->crowd.crowd);
    text_buffer_deinit(&run->crowd.line);
    text_buffer_deinit(&run->mapping);
    memory_free(run);
    return status;
}
