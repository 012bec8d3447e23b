// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/subject.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/cache/cache.h"
#include "tools/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOCK_TOPIC "clicks"
#define PIPE_SIZE (1 << 20)
#define POLL_MS 20
#define WINDOW_US (30 * MICROSECONDS_PER_MINUTE)
#define READY_PATIENCE_US (30 * MICROSECONDS_PER_SECOND)
#define REMOVE_DESCRIPTORS 16
/// The broker in this process forgets what is older than about 5 MiB a partition.
#define WINDOW_BYTES_PER_PARTITION (2u << 20)
#define LINE_SIZE_GUESS 400u

enum corong_status subject_folder(const char *parent, char **path_out, struct corong_error *error)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/corong-bench-XXXXXX", parent);
    enum corong_status status =
        mkdtemp(path.bytes) == NULL
            ? error_set_errno(error, "cannot make a temporary folder '%s'", path.bytes)
            : CORONG_OK;
    *path_out = status == CORONG_OK ? memory_copy_string(path.bytes, path.size) : NULL;
    text_buffer_deinit(&path);
    return status;
}

static enum corong_status make_directory(struct subject *subject, struct corong_error *error)
{
    const char *given = subject->options.directory;
    if (given != NULL) {
        subject->directory = memory_copy_string(given, strlen(given));
        return CORONG_OK;
    }
    return subject_folder(subject->options.parent, &subject->directory, error);
}

/// The funnel that is followed live and asked: the names, in their order.
static void define(struct subject *subject)
{
    const struct subject_options *options = &subject->options;
    uint32_t count =
        options->name_count < SUBJECT_STEP_COUNT_MAX ? options->name_count : SUBJECT_STEP_COUNT_MAX;
    for (uint32_t index = 0; index < count; index++) {
        subject->step_names[index] = text_from(options->names[index]);
        subject->steps[index] = (struct stage){
            .name = subject->step_names[index],
            .events = &subject->step_names[index],
            .event_count = 1,
            .where = TEXT_MISSING,
        };
    }
    subject->funnel = (struct funnel){
        .name = TEXT_LITERAL("bench"),
        .steps = subject->steps,
        .step_count = count,
        .window_us = FUNNEL_WINDOW_DEFAULT_US,
        .live_slice = text_from(options->slice),
    };
    subject->definitions = (struct definitions){
        .stages = subject->steps,
        .stage_count = count,
        .funnels = &subject->funnel,
        .funnel_count = count > 0,
    };
}

static enum corong_status open_service(struct subject *subject, bool with_topics,
                                       struct corong_error *error)
{
    const struct subject_options *options = &subject->options;
    static const char *const mock_topics[] = {MOCK_TOPIC, NULL};
    const char *topics[] = {options->topic, NULL};
    // The broker in this process answers a fetch that finds nothing only when its time is over; a
    // real one as soon as there is something.
    const char *mock_properties[] = {
        subject->broker == NULL ? NULL : produce_broker_property(subject->broker), "log_level=0",
        "fetch.wait.max.ms=10", NULL};
    uint32_t count = 0;
    while (options->properties != NULL && options->properties[count] != NULL) {
        count++;
    }
    const char **given = arena_allocate_zeroed(&subject->arena, count + 2, sizeof(*given));
    for (uint32_t index = 0; index < count; index++) {
        given[index] = options->properties[index];
    }
    given[count] = "corong.start=latest";
    bool mock = options->through == BENCH_MOCK;
    uint64_t queue_bytes = options->memory_limit_bytes / 8;
    struct service_options service = {
        .store = subject->store,
        .directory = subject->directory,
        .mapping = with_topics ? subject->mapping : NULL,
        .definitions = &subject->definitions,
        .kafka_topics = !with_topics ? NULL
                        : mock       ? mock_topics
                                     : topics,
        .kafka_properties = !with_topics ? NULL
                            : mock       ? mock_properties
                                         : given,
        .backfill_count = 1,
        .shard_count = options->shard_count,
        .memory_limit_bytes = options->memory_limit_bytes - (with_topics ? queue_bytes : 0),
        .queue_limit_bytes = with_topics ? queue_bytes : 0,
        .commit_interval_us = options->commit_interval_us,
    };
    return service_open(&subject->service, &service, error);
}

static enum corong_status open_pipe(struct subject *subject, struct corong_error *error)
{
    static const char *const paths[] = {"-"};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set_errno(error, "cannot make a pipe");
    }
    subject->pipe_in = ends[0];
    subject->pipe_out = ends[1];
    (void)!fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); // smaller pipes only cost more calls
    (void)!fcntl(ends[1], F_SETFL, O_NONBLOCK);
    subject->partition_count = 1;
    struct service_job_options job = {
        .paths = paths, .path_count = 1, .mapping = subject->mapping, .input = subject->pipe_in};
    return service_job_submit(&subject->job, subject->service, &job, error);
}

static enum corong_status open_producer(struct subject *subject, struct corong_error *error)
{
    const struct subject_options *options = &subject->options;
    bool mock = options->through == BENCH_MOCK;
    const char *mock_properties[] = {NULL, "log_level=0", "compression.codec=none", NULL};
    if (mock) {
        TRY(produce_broker_start(&subject->broker, MOCK_TOPIC, options->partition_count, error));
        mock_properties[0] = produce_broker_property(subject->broker);
    }
    struct produce_options produce = {mock ? MOCK_TOPIC : options->topic,
                                      mock ? mock_properties : options->properties};
    TRY(produce_open(&subject->produce, &produce, error));
    subject->partition_count = produce_partition_count(subject->produce);
    subject->window =
        mock ? (uint64_t)options->partition_count * WINDOW_BYTES_PER_PARTITION / LINE_SIZE_GUESS
             : UINT64_MAX;
    return subject->partition_count <= SUBJECT_PARTITION_COUNT_MAX
               ? CORONG_OK
               : error_set(error, CORONG_INVALID, "topic '%s' has %u partitions; at most %u",
                           produce.topic, subject->partition_count, SUBJECT_PARTITION_COUNT_MAX);
}

/// Where a partition's name ends in its number.
static uint32_t number_of(struct text name)
{
    uint32_t number = 0;
    size_t at = name.size;
    while (at > 0 && name.bytes[at - 1] != '/') {
        at--;
    }
    for (; at < name.size && name.bytes[at] >= '0' && name.bytes[at] <= '9'; at++) {
        number = number * 10 + (uint32_t)(name.bytes[at] - '0');
    }
    return number;
}

/// Every partition is read from its end on; what the load sends comes behind it.
static bool partitions_are_ready(struct subject *subject)
{
    struct arena arena = {0};
    struct kafka_status status;
    bool ready = service_kafka(subject->service, &arena, &status) &&
                 status.partition_count == subject->partition_count;
    for (uint32_t index = 0; ready && index < status.partition_count; index++) {
        const struct kafka_partition_status *partition = &status.partitions[index];
        uint32_t number = number_of(partition->name);
        ready = partition->state == KAFKA_READING && number < SUBJECT_PARTITION_COUNT_MAX;
        if (ready) {
            subject->base[number] = partition->position < 0 ? partition->high : partition->position;
            ready = subject->base[number] >= 0;
        }
    }
    arena_deinit(&arena);
    return ready;
}

static enum corong_status wait_for_partitions(struct subject *subject, struct corong_error *error)
{
    int64_t until_us = clock_monotonic_us() + READY_PATIENCE_US;
    while (!partitions_are_ready(subject)) {
        TRY(service_tick(subject->service, error));
        if (pump_stop_asked(subject->options.stop)) {
            return error_set(error, CORONG_CANCELLED, "interrupted");
        }
        if (clock_monotonic_us() > until_us) {
            return error_set(error, CORONG_IO,
                             "topic '%s' cannot be read: not every partition "
                             "was ready within %lld s",
                             subject->options.topic,
                             (long long)(READY_PATIENCE_US / MICROSECONDS_PER_SECOND));
        }
        clock_sleep_us(POLL_MS * 1000);
    }
    return CORONG_OK;
}

static enum corong_status open_store(struct subject *subject, struct corong_error *error)
{
    struct store_options create = {.create = true};
    TRY(config_parse_mapping(&subject->mapping, &subject->arena, "the bench's mapping",
                             subject->options.mapping_text, error));
    return store_open(&subject->store, subject->directory, &create, error);
}

/// The live funnel names attributes: without topics, whose mapping the service binds by itself,
/// they have to be there before.
static enum corong_status add_attributes(struct subject *subject, struct corong_error *error)
{
    struct mapping *mapping;
    TRY(config_parse_mapping(&mapping, &subject->arena, "the bench's mapping",
                             subject->options.mapping_text, error));
    return mapping_bind(mapping, subject->store, error);
}

enum corong_status subject_open(struct subject *subject, const struct subject_options *options,
                                struct corong_error *error)
{
    *subject = (struct subject){.options = *options, .pipe_in = -1, .pipe_out = -1};
    signal(SIGPIPE, SIG_IGN); // a reader that ended is seen by the write
    define(subject);
    TRY(make_directory(subject, error));
    TRY(open_store(subject, error));
    bool topics = options->through != BENCH_FILES;
    TRY(topics ? open_producer(subject, error) : add_attributes(subject, error));
    threads_mark_load(options->threads);
    TRY(open_service(subject, topics, error));
    if (!topics) {
        return open_pipe(subject, error);
    }
    return options->through == BENCH_BROKERS ? wait_for_partitions(subject, error) : CORONG_OK;
}

void subject_define(struct subject *subject, const struct subject_options *options)
{
    *subject = (struct subject){.options = *options, .pipe_in = -1, .pipe_out = -1};
    subject->directory = memory_copy_string(options->directory, strlen(options->directory));
    define(subject);
}

enum corong_status subject_start(struct subject *subject, const struct subject_options *options,
                                 struct corong_error *error)
{
    *subject = (struct subject){.options = *options, .pipe_in = -1, .pipe_out = -1};
    define(subject);
    TRY(make_directory(subject, error));
    TRY(open_store(subject, error));
    TRY(add_attributes(subject, error));
    return open_service(subject, false, error);
}

enum corong_status subject_stop(struct subject *subject, bool drains, struct corong_error *error)
{
    enum corong_status status = CORONG_OK;
    subject_end(subject);
    if (subject->job != NULL && drains) {
        struct ingest_progress progress;
        while (service_job_wait(subject->job, POLL_MS * 1000, &progress) != SERVICE_JOB_DONE) {
            if (pump_stop_asked(subject->options.stop)) {
                service_job_stop(subject->job);
            }
        }
    }
    if (subject->service != NULL && drains) {
        status = service_stop(subject->service, error);
    }
    if (subject->job != NULL) {
        service_job_destroy(subject->job);
    }
    service_close(subject->service);
    store_close(subject->store);
    subject->job = NULL;
    subject->service = NULL;
    subject->store = NULL;
    if (subject->pipe_in >= 0) {
        close(subject->pipe_in);
    }
    subject->pipe_in = -1;
    return status;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    (void)!remove(path);
    return 0;
}

void subject_remove(char *path)
{
    if (path != NULL) {
        (void)!nftw(path, remove_entry, REMOVE_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    }
    memory_free(path);
}

enum corong_status subject_wait_durable(struct subject *subject, struct corong_error *error)
{
    struct ingest_progress progress;
    while (service_job_wait(subject->job, POLL_MS * 1000, &progress) != SERVICE_JOB_DONE) {
        TRY(service_tick(subject->service, error));
        TRY(subject_check_disk(subject, error));
        if (pump_stop_asked(subject->options.stop)) {
            return error_set(error, CORONG_CANCELLED, "interrupted");
        }
    }
    return CORONG_OK;
}

void subject_close(struct subject *subject)
{
    struct corong_error error;
    (void)!subject_stop(subject, false, &error);
    produce_close(subject->produce);
    produce_broker_stop(subject->broker);
    subject->produce = NULL;
    subject->broker = NULL;
    query_memo_destroy(subject->memo);
    subject->memo = NULL;
    cache_destroy(subject->blocks);
    subject->blocks = NULL;
    if (subject->options.directory == NULL) {
        subject_remove(subject->directory);
    } else {
        memory_free(subject->directory);
    }
    subject->directory = NULL;
    arena_deinit(&subject->arena);
}

uint64_t subject_read_count(struct subject *subject)
{
    struct service_figures figures;
    service_figures(subject->service, &figures);
    return figures.messages;
}

/// The broker in this process would forget what is not read.
static void wait_for_readers(struct subject *subject)
{
    int64_t begun_us = clock_monotonic_us();
    bool waited = false;
    while (subject->sent - subject_read_count(subject) > subject->window &&
           !pump_stop_asked(subject->options.stop)) {
        produce_serve(subject->produce, 1);
        waited = true;
    }
    subject->held_us += waited ? clock_monotonic_us() - begun_us : 0;
}

enum corong_status subject_send(struct subject *subject, const struct subject_line *line,
                                uint32_t *partition_out, int64_t *offset_out,
                                struct corong_error *error)
{
    if (subject->window != UINT64_MAX && subject->sent % 256 == 0) {
        wait_for_readers(subject);
    }
    int32_t partition = produce_partition_of(subject->produce, line->key);
    struct produce_message message = {
        .bytes = {line->bytes.bytes, line->bytes.size - 1},
        .key = line->key,
        .timestamp_us = METADATA_NO_TIMESTAMP,
        .partition = partition,
        .line_count = 1,
    };
    TRY(produce_send(subject->produce, &message, error));
    subject->sent++;
    *partition_out = (uint32_t)partition;
    *offset_out = ++subject->base[partition];
    return CORONG_OK;
}

enum corong_status subject_write(struct subject *subject, struct text lines,
                                 struct corong_error *error)
{
    size_t done = 0;
    while (done < lines.size) {
        ssize_t wrote = write(subject->pipe_out, lines.bytes + done, lines.size - done);
        if (wrote >= 0) {
            done += (size_t)wrote;
        } else if (errno == EAGAIN) {
            int64_t begun_us = clock_monotonic_us();
            struct pollfd waits = {.fd = subject->pipe_out, .events = POLLOUT};
            (void)!poll(&waits, 1, POLL_MS);
            subject->held_us += clock_monotonic_us() - begun_us;
            if (pump_stop_asked(subject->options.stop)) {
                return error_set(error, CORONG_CANCELLED, "interrupted");
            }
        } else if (errno != EINTR) {
            return error_set_errno(error, "cannot write to the pipe that is read");
        }
    }
    subject->sent_bytes += lines.size;
    return CORONG_OK;
}

void subject_idle(struct subject *subject, uint32_t wait_ms)
{
    if (subject->produce != NULL) {
        produce_serve(subject->produce, wait_ms);
    } else {
        clock_sleep_us((int64_t)wait_ms * 1000);
    }
}

void subject_end(struct subject *subject)
{
    if (subject->pipe_out >= 0) {
        close(subject->pipe_out);
    }
    subject->pipe_out = -1;
}

static bool is_of_topic(const struct subject *subject, struct text name)
{
    const char *topic =
        subject->options.through == BENCH_MOCK ? MOCK_TOPIC : subject->options.topic;
    return memmem(name.bytes, name.size, topic, strlen(topic)) != NULL;
}

static void read_view(struct subject *subject, const struct engine_view *view,
                      struct subject_sight *sight)
{
    for (uint32_t index = 0; index < SUBJECT_PARTITION_COUNT_MAX; index++) {
        sight->next[index] = -1;
    }
    sight->visible = 0;
    for (uint32_t index = 0; index < view->position_count; index++) {
        const struct store_position *position = &view->positions[index];
        if (subject->produce != NULL && !is_of_topic(subject, position->name)) {
            continue; // what the store held before
        }
        uint32_t number = subject->produce == NULL ? 0 : number_of(position->name);
        if (number < SUBJECT_PARTITION_COUNT_MAX) {
            sight->next[number] = position->next_offset;
        }
        sight->visible += position->counters.messages;
    }
}

enum corong_status subject_check_disk(struct subject *subject, struct corong_error *error)
{
    struct engine *engine = service_hold(subject->service);
    bool full = engine != NULL && engine_waits_for_disk(engine);
    if (engine != NULL) {
        service_release(subject->service);
    }
    return full ? error_set(error, CORONG_IO,
                            "no space left on the disk of '%s'; TMPDIR names another folder, "
                            "--budget a shorter run",
                            subject->options.parent)
                : CORONG_OK;
}

bool subject_look(struct subject *subject, struct subject_sight *sight_out,
                  struct corong_error *error)
{
    const struct engine_view *view;
    struct engine *engine = service_hold(subject->service);
    if (engine == NULL) {
        return false;
    }
    bool seen = engine_view_acquire(engine, 0, &view, error) == CORONG_OK;
    if (seen) {
        read_view(subject, view, sight_out);
        engine_view_release(engine, view);
    }
    service_release(subject->service);
    sight_out->read = subject_read_count(subject);
    return seen;
}
