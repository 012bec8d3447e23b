// SPDX-License-Identifier: Apache-2.0
#include "ingest/ingest.h"

#include "ingest/counters.h"
#include "ingest/file_run.h"
#include "ingest/ingest_dead.h"
#include "ingest/kafka/kafka.h"
#include "ingest/pump.h"
#include "ingest/replay/replay.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <unistd.h>

#define MEMORY_LIMIT_DEFAULT (UINT64_C(1) << 30)
#define SAMPLE_COUNT_MAX (REJECT_REASON_COUNT * REJECT_SAMPLE_COUNT)

/// One ingest thread and what it brings home.
struct worker {
    struct ingest *ingest;
    pthread_t thread;
    struct pump pump;
    struct pump_progress *progress;
    struct file_run files;
};

struct ingest {
    struct store *store;
    const struct mapping *mapping;
    struct engine *engine;
    struct replay_plan *plan; ///< files, or
    struct source *kafka;     ///< a consumer
    struct pump_queue chains;
    struct pump_stop stop;
    struct pump_progress *progress; ///< one per worker
    struct worker *workers;
    uint32_t worker_count;
    struct pump_clock clock;
    uint64_t duplicates_before;
    struct store_counters run;
    struct store_counters all;
    struct decode_notes bent;
    struct reject_sample *samples;
    uint32_t sample_count;
};

bool ingest_books_balance(const struct store_counters *counters)
{
    uint64_t rejected = 0;
    for (uint32_t reason = 0; reason < STORE_REJECT_REASON_COUNT_MAX; reason++) {
        rejected += counters->rejected[reason];
    }
    // What is left of the messages was decoded: it has no counter of its own, but cannot be
    // negative.
    return counters->blank + counters->messages_rejected <= counters->messages &&
           counters->events == counters->stored + counters->events_rejected + counters->late &&
           rejected == counters->messages_rejected + counters->events_rejected &&
           counters->future <= counters->stored;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct ingest *ingest = worker->ingest;
    pump_open(&worker->pump, ingest->engine, ingest->mapping, store_schema(ingest->store),
              worker->progress, &ingest->stop);
    if (ingest->kafka != NULL) {
        struct corong_error error = {0};
        if (pump_read(&worker->pump, ingest->kafka, NULL, NULL, &error) != CORONG_OK) {
            file_run_fail(&worker->files, &error);
        }
    } else {
        if (worker == ingest->workers) {
            file_run_pass_stored(&worker->files);
        }
        file_run_read(&worker->files);
    }
    pump_close(&worker->pump);
    return NULL;
}

static uint32_t pick_pump_count(const struct ingest_options *options, uint32_t chain_count)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = options->pump_count != 0 ? options->pump_count : (uint32_t)(cores / 2);
    count = count < chain_count ? count : chain_count;
    count = count < ENGINE_PRODUCER_COUNT_MAX ? count : ENGINE_PRODUCER_COUNT_MAX;
    return count > 0 ? count : 1;
}

static enum corong_status open_kafka(struct ingest *ingest, const struct ingest_options *options,
                                     struct corong_error *error)
{
    if (mapping_has_header(options->mapping)) {
        return error_set(
            error, CORONG_UNSUPPORTED,
            "cannot read Kafka with a CSV or TSV mapping: a message has no header line "
            "('corong produce' sends rows as JSON objects: 'format: json' reads them)");
    }
    struct kafka_options kafka = {
        .topics = options->kafka_topics,
        .properties = options->kafka_properties,
        .stop_at_end = options->kafka_stop_at_end,
        .message_size_max = options->message_size_max,
        .store = ingest->store,
    };
    return kafka_open(&ingest->kafka, &kafka, error);
}

static enum corong_status open_files(struct ingest *ingest, const struct ingest_options *options,
                                     uint32_t message_size_max, struct corong_error *error)
{
    if (options->dead_letters && mapping_has_header(options->mapping)) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "cannot feed dead letters to a CSV or TSV mapping: a letter is one line "
                         "and has no header");
    }
    struct replay_options replay = {
        .paths = options->paths,
        .path_count = options->path_count,
        .message_size_max = message_size_max,
        .dead_letters = options->dead_letters,
    };
    if (!options->dead_letters) {
        return replay_plan_create(&ingest->plan, &replay, options->store, error);
    }
    struct ingest_dead dead;
    enum corong_status status = ingest_dead_init(&dead, options->store, error);
    if (status == CORONG_OK) {
        replay.limit = ingest_dead_limit;
        replay.limit_context = &dead;
        status = replay_plan_create(&ingest->plan, &replay, options->store, error);
    }
    ingest_dead_deinit(&dead);
    return status;
}

static enum corong_status open_engine(struct ingest *ingest, const struct ingest_options *options,
                                      struct corong_error *error)
{
    struct engine_options engine = {
        .store = options->store,
        .schema = store_schema(options->store),
        .definitions = options->definitions,
        .shard_count = options->shard_count,
        .producer_count = ingest->worker_count,
        .memory_limit_bytes =
            options->memory_limit_bytes != 0 ? options->memory_limit_bytes : MEMORY_LIMIT_DEFAULT,
        .commit_interval_us = options->commit_interval_us,
        .session_timeout_us = options->session_timeout_us,
        .live_unread = options->live_unread,
        .merge_in_background = options->merge_in_background,
        .merge_eagerly = options->merge_in_background,
    };
    return engine_open(&ingest->engine, &engine, error);
}

static enum corong_status set_up(struct ingest *ingest, const struct ingest_options *options,
                                 struct corong_error *error)
{
    uint32_t message_size_max =
        options->message_size_max != 0 ? options->message_size_max : DECODE_MESSAGE_SIZE_MAX;
    ingest->worker_count = 1;
    if (options->kafka_topics != NULL) {
        TRY(open_kafka(ingest, options, error));
    } else {
        TRY(open_files(ingest, options, message_size_max, error));
        ingest->worker_count = pick_pump_count(options, ingest->plan->chain_count);
    }
    ingest->workers = memory_allocate_zeroed(ingest->worker_count, sizeof(*ingest->workers));
    ingest->progress = memory_allocate_aligned(_Alignof(struct pump_progress),
                                               ingest->worker_count * sizeof(*ingest->progress));
    memset(ingest->progress, 0, ingest->worker_count * sizeof(*ingest->progress));
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        struct worker *worker = &ingest->workers[index];
        worker->ingest = ingest;
        worker->progress = &ingest->progress[index];
        file_run_init(&worker->files, &worker->pump, ingest->plan, &ingest->chains);
    }
    ingest->duplicates_before = store_totals(options->store).duplicates;
    return open_engine(ingest, options, error);
}

enum corong_status ingest_create(struct ingest **ingest_out, const struct ingest_options *options,
                                 struct corong_error *error)
{
    ASSERT(options->store != NULL && options->mapping != NULL);
    struct ingest *ingest = memory_allocate_zeroed(1, sizeof(*ingest));
    ingest->store = options->store;
    ingest->mapping = options->mapping;
    pump_clock_start(&ingest->clock, clock_monotonic_us());
    enum corong_status status = set_up(ingest, options, error);
    if (status != CORONG_OK) {
        ingest_destroy(ingest);
        return status;
    }
    *ingest_out = ingest;
    return CORONG_OK;
}

static void collect_samples(struct ingest *ingest)
{
    ingest->samples = memory_allocate_zeroed(SAMPLE_COUNT_MAX, sizeof(*ingest->samples));
    for (uint32_t reason = 0; reason < REJECT_REASON_COUNT; reason++) {
        uint32_t kept = 0;
        for (uint32_t index = 0; index < ingest->worker_count; index++) {
            const struct reject_log *log = &ingest->workers[index].pump.rejects;
            for (uint32_t at = 0; at < log->sample_counts[reason] && kept < REJECT_SAMPLE_COUNT;
                 at++, kept++) {
                ingest->samples[ingest->sample_count++] = log->samples[reason][at];
            }
        }
    }
}

static void add_bent(struct decode_notes *sum, const struct decode_notes *more)
{
    sum->mistyped += more->mistyped;
    sum->time_floored += more->time_floored;
    sum->amount_rounded += more->amount_rounded;
}

/// After the threads were joined and the engine has drained.
static void close_books(struct ingest *ingest)
{
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        const struct pump *pump = &ingest->workers[index].pump;
        counters_add(&ingest->run, &pump->run);
        struct decode_notes bent = pump_notes(pump);
        add_bent(&ingest->bent, &bent);
    }
    uint32_t count;
    const struct store_position *positions = store_positions(ingest->store, &count);
    for (uint32_t index = 0; index < count; index++) {
        counters_add(&ingest->all, &positions[index].counters);
    }
    ASSERT(ingest_books_balance(&ingest->run) && ingest_books_balance(&ingest->all));
    collect_samples(ingest);
}

/// Kafka's own record of offsets follows the store's; nothing is read back from it.
static void tell_kafka(struct ingest *ingest)
{
    if (ingest->kafka == NULL || ingest->kafka->operations->committed == NULL) {
        return;
    }
    uint32_t count;
    const struct store_position *positions = store_positions(ingest->store, &count);
    ingest->kafka->operations->committed(ingest->kafka, positions, count);
}

enum corong_status ingest_run(struct ingest *ingest, struct corong_error *error)
{
    pump_clock_start(&ingest->clock, clock_monotonic_us());
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        struct worker *worker = &ingest->workers[index];
        ASSERT(pthread_create(&worker->thread, NULL, work, worker) == 0);
        (void)pthread_setname_np(worker->thread, "corong-pump");
    }
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        ASSERT(pthread_join(ingest->workers[index].thread, NULL) == 0);
    }
    enum corong_status status = engine_drain(ingest->engine, error);
    close_books(ingest);
    TRY(status);
    tell_kafka(ingest);
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        const struct corong_error *failure = &ingest->workers[index].files.error;
        if (failure->status != CORONG_OK) {
            if (error != NULL) {
                *error = *failure;
            }
            return failure->status;
        }
    }
    return CORONG_OK;
}

void ingest_stop(struct ingest *ingest)
{
    pump_stop_ask(&ingest->stop);
}

void ingest_progress(struct ingest *ingest, struct ingest_progress *progress_out)
{
    struct ingest_progress sum = {0};
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        const struct pump_progress *progress = &ingest->progress[index];
        sum.messages += pump_progress_get(&progress->messages);
        sum.events += pump_progress_get(&progress->events);
        sum.rejected += pump_progress_get(&progress->rejected);
        sum.bytes_done += pump_progress_get(&progress->bytes_done);
    }
    sum.bytes_total = ingest->plan != NULL ? ingest->plan->bytes_total : 0;
    sum.elapsed_us = clock_monotonic_us() - pump_clock_get(&ingest->clock);
    *progress_out = sum;
}

void ingest_live(struct ingest *ingest, struct arena *arena, struct engine_live_view *view_out)
{
    engine_live_read(ingest->engine, arena, view_out);
}

void ingest_books(const struct ingest *ingest, struct ingest_books *books_out)
{
    *books_out = (struct ingest_books){
        .run = ingest->run,
        .all = ingest->all,
        .bent = ingest->bent,
        .duplicates_run = store_totals(ingest->store).duplicates - ingest->duplicates_before,
        .files = ingest->plan != NULL ? ingest->plan->file_count : 0,
    };
    for (uint32_t index = 0; index < ingest->worker_count; index++) {
        books_out->files_skipped += ingest->workers[index].files.skipped_count;
        books_out->files_resumed += ingest->workers[index].files.resumed_count;
    }
}

uint32_t ingest_samples(const struct ingest *ingest, const struct reject_sample **samples_out,
                        uint32_t sample_max)
{
    *samples_out = ingest->samples;
    return ingest->sample_count < sample_max ? ingest->sample_count : sample_max;
}

static const struct file_note *find_note(const struct ingest *ingest, uint32_t index)
{
    for (uint32_t at = 0; at < ingest->worker_count; at++) {
        const struct file_run *files = &ingest->workers[at].files;
        if (index < files->note_count) {
            return &files->notes[index];
        }
        index -= files->note_count;
    }
    return NULL;
}

const char *ingest_note(const struct ingest *ingest, uint32_t index)
{
    const struct file_note *note = find_note(ingest, index);
    return note == NULL ? NULL : note->sentence;
}

bool ingest_note_is_failure(const struct ingest *ingest, uint32_t index)
{
    const struct file_note *note = find_note(ingest, index);
    return note != NULL && note->failure;
}

void ingest_destroy(struct ingest *ingest)
{
    if (ingest == NULL) {
        return;
    }
    engine_close(ingest->engine);
    for (uint32_t index = 0; ingest->workers != NULL && index < ingest->worker_count; index++) {
        struct worker *worker = &ingest->workers[index];
        file_run_deinit(&worker->files);
        pump_deinit(&worker->pump);
    }
    if (ingest->kafka != NULL) {
        ingest->kafka->operations->close(ingest->kafka);
    }
    replay_plan_destroy(ingest->plan);
    memory_free(ingest->workers);
    memory_free(ingest->progress);
    memory_free(ingest->samples);
    memory_free(ingest);
}
